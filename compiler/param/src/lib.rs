//! Parameters of roles and profiles: how they are declared, what types they have, and the values
//! of these types.
//!
//! A type reads what a spec writes ([`ParamType::read`]), takes a value over from elsewhere
//! ([`ParamType::take`]: from an image's `set`, from another parameter), and takes what a text
//! came to once others were put in ([`ParamType::of_text`]). The first two never make a number of
//! a text or the reverse.

mod decl;
mod duration;
mod hostlist;
mod mode;
mod size;
mod ty;
mod value;

pub use decl::{KIND, ParamDecl, decode_all};
pub use duration::Duration;
pub use hostlist::{HostList, HostListError};
pub use mode::{Mode, is_mode};
pub use size::Size;
pub use ty::{ParamType, Pattern, Range, bad_value, is_name};
pub use value::ParamValue;
