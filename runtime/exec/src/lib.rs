//! Runs a plan into the store.
//!
//! A plan's nodes are looked up by action key; what is missing is
//! made by the step of its kind and committed at once. Controls and artifacts are other crates'
//! business: the command line wires a runner for them.

pub mod binding;
pub mod blame;
pub mod changes;
pub mod debian;
