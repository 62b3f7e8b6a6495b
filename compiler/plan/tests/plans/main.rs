//! Plans of a small site: what stands on what, what is shared, what changes.

mod changes;
mod phases;
mod site;
