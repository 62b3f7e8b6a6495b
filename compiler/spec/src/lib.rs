//! The spec language: node kinds, decoding, and resolution to images.
//!
//! ```text
//! Sources --load--> nodes --decode--> Project (declarations) --resolve--> ResolvedSpec
//! ```
//!
//! [`compile`] does all of it. Each node kind has a file in `node/` with its table (from which the
//! language reference is written), its reader, and what it resolves to. A mistake is a
//! [`forge_diag::Diagnostic`] and never ends the run: all mistakes of a project come out together.

mod compile;
mod context;
pub mod describe;
pub mod index;
mod levels;
mod library;
mod node;
mod paths;
mod project;
pub mod reference;
mod resolve;
mod resolved;
mod shown;
mod template;
mod value;

pub use compile::{Compiled, compile};
pub use forge_param::{ParamDecl, ParamType, ParamValue};
pub use resolved::*;
pub use shown::ShownItem;
