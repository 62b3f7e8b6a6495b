use std::path::{Path, PathBuf};

use forge_sys::tree::TreeError;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or directory of the store could not be used.
    #[error("`{}` could not be {action}: {source}", path.display())]
    Io {
        /// `read`, `written`, `made`, …
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No room is left.
    #[error("no space is left for `{}`", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// The directory holds something else, or another version's store.
    #[error("`{}` is no store of this version: it holds {found}", directory.display())]
    Format {
        /// The directory.
        directory: PathBuf,
        /// What stands there.
        found: String,
    },
    /// Something in the store is not what its name says.
    #[error("`{}` is damaged: {why}", path.display())]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Something that a record names is not there.
    #[error("`{what}` is not in the store")]
    Missing {
        /// What.
        what: String,
    },
    /// A tree could not be copied or scanned.
    #[error(transparent)]
    Tree(TreeError),
}

impl StoreError {
    pub(crate) fn from_tree(error: TreeError) -> Self {
        match error {
            TreeError::Write { ref path, .. } if error.is_full() => {
                Self::Full { path: path.clone() }
            }
            other => Self::Tree(other),
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::StorageFull
            || source.kind() == std::io::ErrorKind::QuotaExceeded
        {
            return Self::Full { path: path.to_owned() };
        }
        Self::Io { action, path: path.to_owned(), source }
    }
}
