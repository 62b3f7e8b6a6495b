use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use forge_model::Digest;
use rustix::fs::{FlockOperation, flock};

use crate::{Store, StoreError};

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
        let path = self.directory.join("locks").join(key.to_hex());
        let at = |source| StoreError::io("locked", &path, source);
        loop {
            let file = open(&path).map_err(at)?;
            flock(&file, FlockOperation::LockExclusive).map_err(|errno| at(errno.into()))?;
            // The holder before may have removed the file: then this lock guards nothing.
            use std::os::unix::fs::MetadataExt as _;
            let held = file.metadata().map_err(at)?.ino();
            if std::fs::metadata(&path).is_ok_and(|meta| meta.ino() == held) {
                return Ok(KeyLock { _file: file });
            }
        }
    }
}
