use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

use crate::{Store, StoreError, durable, locks};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A directory of its own below `tx/`. What is not committed from it is gone when it is dropped;
/// when its process dies, the next run sweeps it, since its lock is free then.
#[derive(Debug)]
pub struct Transaction {
    directory: PathBuf,
    _lock: File,
}

impl Transaction {
    /// The directory, mode 0700, empty at first.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        remove_tree(&self.directory);
        fs::remove_file(self.directory.with_extension(LOCK)).ok();
    }
}

/// Ending of a transaction's lock.
const LOCK: &str = "lock";

/// A name that no other process of this machine uses. A process id alone is not unique: a
/// build's is that of its own PID namespace.
pub(crate) fn unique_name() -> String {
    let stamp = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos());
    format!("{stamp:x}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Store {
    /// Begins a transaction.
    pub fn begin(&self) -> Result<Transaction, StoreError> {
        loop {
            let directory = self.directory.join("tx").join(unique_name());
            let at = |source| StoreError::io("made", &directory, source);
            let lock = locks::open(&directory.with_extension(LOCK)).map_err(at)?;
            flock(&lock, FlockOperation::LockExclusive).map_err(|errno| at(errno.into()))?;
            if !locks::has_a_name(&lock).map_err(at)? {
                // Swept between its creation and its lock.
                continue;
            }
            durable::create_directories(&directory, 0o700).map_err(at)?;
            return Ok(Transaction { directory, _lock: lock });
        }
    }

    /// Removes transactions and unfinished files whose process is gone.
    pub(crate) fn sweep_transactions(&self) {
        let Ok(entries) = fs::read_dir(self.directory.join("tx")) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let ending = path.extension().and_then(std::ffi::OsStr::to_str);
            if !matches!(ending, Some(LOCK | durable::PART)) {
                continue;
            }
            let Ok(held) = File::open(&path) else {
                continue;
            };
            if flock(&held, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            if ending == Some(LOCK) {
                remove_tree(&path.with_extension(""));
            }
            fs::remove_file(&path).ok();
        }
    }
}

/// Removes a tree, or leaves the rest to a later sweep.
fn remove_tree(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "left for a later run to remove");
    }
}
