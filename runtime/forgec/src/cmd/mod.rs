//! One file per subcommand: its arguments, and `run`.

pub(crate) mod blame;
pub(crate) mod boot;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod controls;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod gc;
pub(crate) mod graph;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod lsp;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod shell;
pub(crate) mod show;
pub(crate) mod std;
pub(crate) mod test;
pub(crate) mod why;
pub(crate) mod why_not;
