//! The spec language: node kinds, decoding, and resolution to images.
//!
//! ```text
//! Sources --load--> nodes --decode--> Project (declarations) --resolve--> ResolvedSpec
//! ```
//!
//! [`compile`] does all of it. Each node kind has a file in `node/` with its table (from which the
//! language reference is written), its reader, and what it resolves to. A mistake is a
//! [`forge_diag::Diagnostic`] and never ends the run: all mistakes of a project come out together.

mod account;
mod budget;
mod compile;
mod context;
pub mod describe;
mod fstab;
pub mod index;
mod levels;
mod library;
mod locale;
mod node;
mod paths;
mod phase;
mod placeholder;
mod project;
mod record;
pub mod reference;
mod resolve;
mod resolved;
mod shown;
mod sudoers;
mod system;
mod template;
mod tree;
mod typo;
mod unit;
mod value;
mod written;

pub use account::keys_file;
pub use compile::{Again, Compiled, Leftovers, compile, compile_again};
pub use forge_param::{ParamDecl, ParamType, ParamValue};
pub use fstab::is_remote;
pub use locale::{compiled_names, is_generated};
pub use phase::{Phase, StepPlace};
pub use record::Record;
pub use resolve::absent::{Absent, Absentees, Because, absent};
pub use resolved::*;
pub use shown::ShownItem;
pub use system::{
    Console, Domain, HostKeys, Identity, Ids, Limit, Made, MadeAs, SSH_HOST_KEYS_UNIT, SystemFact,
};
pub use template::FILTERS as TEMPLATE_FILTERS;
pub use tree::{FileTree, TreeNode};
pub use unit::{is_special_unit, mistyped_unit, names_units};
