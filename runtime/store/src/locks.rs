use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use forge_model::Digest;
use forge_sys::process::Cancel;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::{Store, StoreError};

/// Pause between two attempts at a key that another builder works on.
const RETRY: Duration = Duration::from_millis(20);

/// The store's lock; free again when dropped.
#[derive(Debug)]
pub struct StoreLock {
    _file: File,
}

/// The lock of one key; free again when dropped.
#[derive(Debug)]
pub struct KeyLock {
    _file: File,
}

pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

impl Store {
    /// Held by a build: garbage collection waits.
    pub fn lock_shared(&self) -> Result<StoreLock, StoreError> {
        self.lock(FlockOperation::LockShared)
    }

    /// Held by garbage collection: waits for all builds.
    pub fn lock_exclusive(&self) -> Result<StoreLock, StoreError> {
        self.lock(FlockOperation::LockExclusive)
    }

    fn lock(&self, operation: FlockOperation) -> Result<StoreLock, StoreError> {
        let path = self.directory.join("lock");
        let at = |source| StoreError::io("locked", &path, source);
        let file = open(&path).map_err(at)?;
        flock(&file, operation).map_err(|errno| at(errno.into()))?;
        Ok(StoreLock { _file: file })
    }

    /// One builder for each key: the second waits here, and looks the key up again afterwards.
    pub fn lock_key(&self, key: &Digest) -> Result<KeyLock, StoreError> {
        loop {
            if let Some(lock) = self.try_lock_key(key)? {
                return Ok(lock);
            }
            std::thread::sleep(RETRY);
        }
    }

    /// As [`Store::lock_key`]; none when the run is cancelled meanwhile.
    pub fn lock_key_unless(
        &self,
        key: &Digest,
        cancel: &Cancel,
    ) -> Result<Option<KeyLock>, StoreError> {
        loop {
            if let Some(lock) = self.try_lock_key(key)? {
                return Ok(Some(lock));
            }
            if cancel.is_cancelled() {
                return Ok(None);
            }
            std::thread::sleep(RETRY);
        }
    }

    /// The lock of a key, when nobody holds it.
    pub fn try_lock_key(&self, key: &Digest) -> Result<Option<KeyLock>, StoreError> {
        let path = self.directory.join("locks").join(key.to_hex());
        let at = |source| StoreError::io("locked", &path, source);
        loop {
            let file = open(&path).map_err(at)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(errno) => return Err(at(errno.into())),
                // Collection may have removed the name: then this lock guards nothing.
                Ok(()) if !has_a_name(&file).map_err(at)? => {}
                Ok(()) => return Ok(Some(KeyLock { _file: file })),
            }
        }
    }
}

/// False for a file that was removed after it was opened.
pub(crate) fn has_a_name(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.nlink() > 0)
}
