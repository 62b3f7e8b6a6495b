//! One file per subcommand: its arguments, and `run`.

pub mod blame;
pub mod boot;
pub mod build;
pub mod check;
pub mod doctor;
pub mod gc;
pub mod list;
pub mod plan;
pub mod shell;
pub mod show;
pub mod why;
