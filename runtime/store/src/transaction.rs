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
    /// The directory, empty at first.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).ok();
        fs::remove_file(lock_path(&self.directory)).ok();
    }
}

fn lock_path(directory: &Path) -> PathBuf {
    directory.with_extension("lock")
}

impl Store {
    /// Begins a transaction.
    pub fn begin(&self) -> Result<Transaction, StoreError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // A process id alone is not unique: a build's is that of its own PID namespace.
        let stamp = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_nanos());
        let name = format!("{:x}-{}-{number}", stamp, std::process::id());
        let directory = self.directory.join("tx").join(name);
        let at = |source| StoreError::io("made", &directory, source);
        let lock = locks::open(&lock_path(&directory)).map_err(at)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|errno| at(errno.into()))?;
        durable::create_directories(&directory, 0o700).map_err(at)?;
        Ok(Transaction { directory, _lock: lock })
    }

    /// Removes transactions whose process is gone.
    pub(crate) fn sweep_transactions(&self) {
        let Ok(entries) = fs::read_dir(self.directory.join("tx")) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let lock = path.with_extension("lock");
            let is_lock = path.extension().is_some_and(|end| end == "lock");
            let dead = match File::open(&lock) {
                Ok(file) => flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok(),
                Err(_) => !is_lock,
            };
            if dead && !is_lock {
                fs::remove_dir_all(&path).ok();
                fs::remove_file(&lock).ok();
            } else if dead && !path.with_extension("").exists() {
                fs::remove_file(&path).ok();
            }
        }
    }
}
