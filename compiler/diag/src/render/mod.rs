//! The same findings for people and for programs.

mod human;
mod json;

pub use human::{HumanOptions, human};
pub use json::{JSON_VERSION, json};
