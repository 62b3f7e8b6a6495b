//! `InSpec` profiles as they are: unchanged Ruby, judged over any target.
//!
//! A profile's files are parsed by a parser of the whole language and run by a small interpreter of
//! the part that profiles use. It touches nothing but the [`Target`](forge_model::Target): no file,
//! clock, program or network of the machine that it runs on. It is bounded in steps, memory and
//! depth ([`Limits`]), so a profile from anywhere ends.
//!
//! What only Ruby could run is an error of the control that needs it, with its place; what the
//! target cannot know is not known there. Neither is a pass.

#![allow(
    clippy::match_same_arms,
    reason = "tables of methods stand by their names, not by what they give"
)]
#![allow(
    clippy::unnecessary_box_returns,
    reason = "what ends an evaluation is large and rare, and never leaves its box"
)]
#![allow(clippy::float_cmp, reason = "numbers compare as in Ruby")]
#![allow(clippy::unnecessary_wraps, reason = "one of many ways to a value or to a stop")]
#![allow(clippy::unused_self, reason = "reads as what the machine does with a value")]
#![allow(clippy::wrong_self_convention, reason = "names of Ruby")]

mod class;
mod context;
mod control;
mod core;
mod dsl;
mod export;
mod filter_table;
mod import;
mod inputs;
mod interp;
mod library_table;
mod limits;
mod map;
mod matchers;
mod metadata;
pub mod outline;
mod pattern;
mod platform;
mod profile;
mod project;
mod resources;
mod run;
mod runner;
mod scope;
mod stop;
mod syntax;
mod text;
mod value;
mod waivers;
mod yaml;

pub use export::{Exported, Gap, export};
pub use import::{Imported, LeftOut, import};
pub use limits::Limits;
pub use platform::Platform;
pub use profile::{Options, ProfileSource, Run, run};
pub use project::{ProjectProfile, ReadSource};
pub use waivers::{Day, Waiver, Waivers};

pub(crate) use interp::is_a as interp_is_a;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
