//! Plans of a small site: what stands on what, what is shared, what changes.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod changes;
mod inspec;
mod phases;
mod site;
mod system;
mod trees;
