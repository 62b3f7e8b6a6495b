//! Plain data shared by the compiler and the runtime.
//!
//! This crate holds the nouns that both sides speak of: where a value stands in a source file
//! ([`Origin`]), what identifies bytes ([`Digest`]) and work ([`Key`]), what is to be done
//! ([`Action`], [`Plan`]), what a layer is ([`Manifest`], [`Tree`]), what is to be checked
//! ([`Control`]) and what was found ([`Verdict`]), and what happened ([`Event`]).
//! It knows neither KDL nor terminals nor any path of the machine that it runs on.

mod action;
mod beside;
mod change;
mod check;
mod check_text;
mod day;
mod digest;
mod document;
mod edit;
mod event;
mod fields;
mod figure;
mod glob;
mod image_path;
mod inspec_profile;
mod kept;
mod key;
mod layer;
mod origin;
mod package;
mod parallel;
mod plan;
mod profile_report;
mod property;
mod repository;
mod shared;
mod sources;
mod target;
mod tree;
mod unit_name;
mod verdict;
mod waiver;

pub use action::*;
pub use beside::*;
pub use change::*;
pub use check::*;
pub use check_text::controls_of_key;
pub use day::*;
pub use digest::*;
pub use document::DocumentFormat;
pub use edit::*;
pub use event::*;
pub use figure::*;
pub use glob::*;
pub use image_path::*;
pub use inspec_profile::*;
pub use key::*;
pub use layer::*;
pub use origin::*;
pub use package::*;
pub use parallel::on_all_processors;
pub use plan::*;
pub use profile_report::*;
pub use property::{Property, ValueKind};
pub use repository::*;
pub use shared::*;
pub use sources::*;
pub use target::*;
pub use tree::*;
pub use unit_name::*;
pub use verdict::*;
pub use waiver::*;
