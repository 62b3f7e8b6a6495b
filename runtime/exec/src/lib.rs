//! Runs a plan into the store.
//!
//! ```text
//! Plan --keys--> lookup in the store --miss--> step of its kind --> layer or blob --> record
//! ```
//!
//! A plan's nodes are looked up by action key; what is missing is made by the step of its kind
//! and committed at once, so that a failure later loses nothing. Controls and artifacts are other
//! crates' business: the command line wires a runner for them.

mod archive;
pub mod binding;
pub mod blame;
pub mod changes;
mod context;
pub mod debian;
mod error;
mod execute;
pub mod freshness;
pub mod keys;
mod lookup;
pub mod scheduler;
mod sight;
mod stack;
mod step;
mod steps;
mod vault;

pub use context::{Context, Surroundings};
pub use error::{Fault, StepError};
pub use execute::{Executor, NodeRequest, NodeRunner, Ran};
pub use keys::Outputs;
pub use lookup::{StoreFacts, StoreLookup};
pub use stack::Stack;
pub use vault::{Vault, source_digest};
