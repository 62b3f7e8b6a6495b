use std::path::{Path, PathBuf};

use forge_sys::tree::TreeError;

/// Why the store could not do what was asked. What it held before is whole in every case.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store.
    #[error("there is no store at `{}`", path.display())]
    Absent {
        /// Where one was looked for.
        path: PathBuf,
    },
    /// The caller may not do this.
    #[error("`{}` {what}: permission denied", path.display())]
    Denied {
        /// `could not be written`, …
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The file system is full; what was finished before is kept.
    #[error("no space left for the store at `{}`; `forgec gc` makes room", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// Something is not what its name says.
    #[error("`{}` is damaged: {why}", path.display())]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is no such layer or blob.
    #[error("`{}` is not in the store", path.display())]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// The run was cancelled while it waited for another builder.
    #[error("interrupted while waiting for another builder")]
    Cancelled,
    /// Any other failure of the file system.
    #[error("`{}` {what}: {source}", path.display())]
    Io {
        /// `could not be written`, …
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An image path that cannot be read or written.
    #[error(transparent)]
    Tree(TreeError),
}

impl StoreError {
    pub(crate) fn io(what: &'static str, path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::Denied { what, path }
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { what, path, source },
        }
    }
}

impl From<TreeError> for StoreError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Write { ref path, .. } if error.is_full() => {
                Self::Full { path: path.clone() }
            }
            other => Self::Tree(other),
        }
    }
}
