//! Debian: package lists, the base, and package steps.
//!
//! [`resolve`] turns names into an exact list, [`fetch`] brings the files of a list into the
//! store, [`build_base`] and [`install`] make trees from them. Both see a *one-off repository* that
//! holds their own slice of the list and nothing else, and neither has a network. What a package's
//! scripts leave that differs from build to build is taken away by [`scrub`].

mod apt;
mod base;
mod control;
mod error;
mod fetch;
mod packages;
mod preferences;
mod repository;
mod resolve;
mod scrub;
mod sources;
mod supply;
mod vendor;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use forge_secret::Masker;
use forge_sys::process::{Cancel, Command};

pub use apt::known_packages;
pub use base::{BaseRequest, build_base};
pub use error::{DebianError, ErrorKind, UnknownPackage, UselessPin};
pub use fetch::{download, fetch};
pub use packages::{InstallRequest, install};
pub use resolve::{LIST_VERSION, ResolveRequest, resolve};
pub use scrub::{RULES, Rule, Treatment, rule, scrub};
pub use sources::{HOST_MIRROR, Sources};
pub use supply::{Supplied, Supply};
pub use vendor::{PROJECT, missing_files, package_file};

pub(crate) use error::io_error;

/// Sees every line that a program prints, as it comes.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// What all functions of this module share: where things lie, and who listens.
#[derive(Clone)]
pub struct Context {
    /// apt's lists and caches, a directory for each set of sources: `STORE/apt`.
    pub apt: PathBuf,
    /// Fetched packages, named `SHA256.deb`: `STORE/debs`.
    pub debs: PathBuf,
    /// For scratch files of one step, best on a tmpfs; made when absent.
    pub work: PathBuf,
    /// Takes the output of all programs, in order.
    pub log: PathBuf,
    /// The host's `/etc/apt`.
    pub host_apt: PathBuf,
    /// Lists that were fetched before this moment are fetched again; without it, lists are
    /// fetched once.
    pub lists_not_before: Option<SystemTime>,
    /// Sees the output as it comes.
    pub progress: Option<Progress>,
    /// Takes the values of secrets out of all output.
    pub masker: Option<Arc<Masker>>,
    /// Stops all programs.
    pub cancel: Cancel,
    /// Process id of the outer process on the host, for the names of control groups.
    pub outer: u32,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("work", &self.work)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

/// Bytes of a program's output that are read; a list of a thousand packages is 2 MB.
const OUTPUT_LIMIT: usize = 256 << 20;

impl Context {
    /// A program that is stopped with the run.
    fn command(&self, program: &str) -> Command {
        Command::new(program).cancel(&self.cancel).limit(OUTPUT_LIMIT)
    }

    /// The same, with its output in the log and shown as it comes.
    fn logged(&self, command: Command) -> Command {
        let (progress, masker) = (self.progress.clone(), self.masker.clone());
        command.log(&self.log).filter(Arc::new(move |line| {
            let shown = masker.as_ref().map_or_else(|| line.to_vec(), |masker| masker.mask(line));
            if let Some(progress) = &progress {
                progress(&String::from_utf8_lossy(&shown));
            }
            shown
        }))
    }
}

fn make_directory(path: &Path) -> Result<(), DebianError> {
    std::fs::create_dir_all(path).map_err(|source| io_error(path, source))
}

fn write_file(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), DebianError> {
    std::fs::write(path, bytes).map_err(|source| io_error(path, source))
}
