//! Transactions: a directory for what is not yet finished.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::FlockOperation;

use crate::lock::{Lock, attempt};
use crate::{Store, StoreError, durable};

/// A directory that is removed with everything in it when the transaction ends, or by the next
/// run when this process is killed. Only its owner can look into it.
#[derive(Debug)]
#[must_use]
pub struct Transaction<'a> {
    pub(crate) store: &'a Store,
    directory: PathBuf,
    lock: PathBuf,
    _held: Lock,
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

impl Store {
    /// Begins a transaction.
    pub fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        let root = self.directory().join("tx");
        loop {
            // Process ids repeat in private namespaces, so the time goes into the name as well;
            // the lock settles what is left.
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}-{:x}-{count}", std::process::id(), now.as_nanos());
            let (directory, lock) = (root.join(&name), root.join(format!("{name}.lock")));
            let Some(held) = attempt(&lock, FlockOperation::NonBlockingLockExclusive)? else {
                continue;
            };
            durable::create_dir_all(&directory, 0o700)?;
            return Ok(Transaction {
                store: self,
                directory,
                lock,
                _held: held,
            });
        }
    }

    /// Removes what killed processes left in `tx`. Takes as long as deleting their files does, so
    /// it belongs into a thread beside the work.
    pub fn sweep(&self) -> Result<(), StoreError> {
        let root = self.directory().join("tx");
        let entries = std::fs::read_dir(&root)
            .map_err(|source| StoreError::io("could not be read", &root, source))?;
        for lock in entries.flatten().map(|entry| entry.path()) {
            if lock.extension().is_none_or(|end| end != "lock") {
                continue;
            }
            let Some(_held) = attempt(&lock, FlockOperation::NonBlockingLockExclusive)? else {
                continue;
            };
            remove_tree(&lock.with_extension(""));
            std::fs::remove_file(&lock).ok();
        }
        Ok(())
    }
}

impl Transaction<'_> {
    /// The directory, mode 0700, on the store's file system.
    pub fn dir(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        remove_tree(&self.directory);
        std::fs::remove_file(&self.lock).ok();
    }
}

/// Removes a tree, or leaves it to the next sweep.
pub(crate) fn remove_tree(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "left for the next sweep");
    }
}
