//! KDL text to located nodes: guard, parser, cursor, formatter, suggestions.
//!
//! ```text
//! bytes --guard--> text that is safe to parse --kdl--> Node --Cursor--> whatever a caller decodes
//! ```
//!
//! Nobody else knows the `kdl` crate. What a node means is the caller's business.

mod cursor;
mod fmt;
mod from_value;
mod guard;
mod interpolate;
mod kept;
mod node;
mod outline;
mod parse;
pub mod reference;
mod suggest;

pub use cursor::Cursor;
pub use fmt::format;
pub use from_value::{FromValue, Mistake};
pub use guard::{MAX_SIZE, load, too_large};
pub use interpolate::{BadPiece, Piece, interpolate, pieces};
pub use kept::{KEPT_VERSION, keep, recall};
pub use node::{Entry, Node, Text, Value};
pub use outline::{Outline, Place, Spot, outline};
pub use parse::parse;
pub use suggest::{
    Written, closest, did_you_mean, one_letter_off, quote, suggest, swallowed_escape, unknown_node,
};
