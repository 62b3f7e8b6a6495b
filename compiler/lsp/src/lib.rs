//! The language server: what an editor is told of a project.
//!
//! ```text
//! editor --messages--> Server --changed texts--> worker: forge_plan::check --> diagnostics
//!                        |
//!                        +-- questions --> index of names, tables of node kinds, Host
//! ```
//!
//! The server holds the texts that the editor has open; they win over the disk, so a project is
//! judged as it would be if everything were saved. Compiling goes on beside the conversation, so
//! no question waits for it. What lies outside of the project (the disk, the store) comes through a
//! [`Host`].

mod client;
mod diagnostics;
mod document;
mod features;
mod host;
mod overlay;
mod position;
mod project;
mod server;
mod uri;
mod worker;

pub use host::{Host, LayerState};
pub use server::{Broken, serve};
