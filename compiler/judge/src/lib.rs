//! The evaluator of compliance checks: one language, one evaluator, many targets.
//!
//! [`judge`] asks a [`Target`](forge_model::Target) what a [`Control`] wants to know and nothing
//! else, so a [`Recording`] of its questions tells for how long a verdict stays true. It works
//! with three values: what a target cannot know is [`Status::NotKnownHere`], never a pass, and
//! what could not be asked is [`Status::Error`], never a failure.
//!
//! [`facts`] reads what images keep in files (dpkg's records, accounts, unit files, sysctl.d),
//! for every target that has files.
//!
//! [`Control`]: forge_model::Control
//! [`Status::NotKnownHere`]: forge_model::Status::NotKnownHere
//! [`Status::Error`]: forge_model::Status::Error

pub mod facts;
pub mod parsers;

mod compare;
mod control;
mod document;
mod level;
mod lookup;
mod record;
mod setting;
mod text;
mod version;
mod waive;

pub use control::{blamed_path, judge, relocate};
pub use level::level_of;
pub use record::{Question, Record, Recording};
pub use text::describe;
pub use version::{compare_names, compare_versions};
pub use waive::waive;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
