//! Targets for the evaluator: a built tree, an un-booted container, a booted container, a node.
//!
//! | target | files, packages, accounts, units | commands | running units |
//! |---|---|---|---|
//! | [`TreeTarget`] | the merged view of the layers | - | - |
//! | [`DirectoryTarget`] | a directory that holds a system | - | - |
//! | [`ContainerTarget`] | as the tree | a container each, no init | - |
//! | [`BootedTarget`] | as the tree | in the booted container | `systemctl show` |
//! | [`NodeTarget`] | a running node's, over SSH | on the node | `systemctl show` |
//!
//! Files are always those of the tree, which no boot has changed. Whatever runs, runs on a
//! volatile overlay and leaves no trace. A secret's content is never looked at, and what commands
//! print is masked before anything sees it.

mod booted;
mod container;
mod directory;
mod doubt;
mod inspec;
mod node;
mod outcome;
mod tree;
mod verify;

pub use booted::{BootReport, BootedTarget, UnitFailure};
pub use container::{ContainerTarget, Containers};
pub use directory::DirectoryTarget;
pub use forge_inspec::ReadSource;
pub use inspec::verify_inspec;
pub use node::NodeTarget;
pub use outcome::{OUTCOME_VERSION, VerifyOutcome};
pub use tree::{Image, TreeTarget};
pub use verify::{VerifyError, verify};
