//! What every command starts from: the project, the store, and where output goes.

use std::path::{Path, PathBuf};

use forge_model::{Plan, Sources};
use forge_sys::sources::{DiskSources, GitSources};

use crate::cli::Global;
use crate::exit::CmdError;
use crate::ui::Ui;

/// The surroundings of a command.
#[derive(Debug)]
pub struct Ctx {
    global: Global,
}

/// A compiled project: what it says and what is to be done, when it has no mistakes.
#[derive(Debug)]
pub struct Project {
    /// Its root directory.
    pub root: PathBuf,
    /// The resolved spec.
    pub spec: Option<forge_spec::ResolvedSpec>,
    /// The plan.
    pub plan: Option<Plan>,
}
