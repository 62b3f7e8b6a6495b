//! Advisory locks (`flock(2)`): the kernel lets go of them when their holder dies.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use forge_model::Digest;
use forge_sys::process::Cancel;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::{Store, StoreError};

/// Pause between two attempts at a lock that another builder holds.
const RETRY: Duration = Duration::from_millis(20);

/// A held lock.
#[derive(Debug)]
#[must_use]
pub struct Lock(#[expect(dead_code, reason = "held, and let go of when dropped")] File);

impl Store {
    /// Keeps garbage collection out for as long as the lock is held; waits for one that runs.
    pub fn lock_shared(&self, cancel: Option<&Cancel>) -> Result<Lock, StoreError> {
        let path = self.directory().join("locks/store");
        wait(&path, FlockOperation::NonBlockingLockShared, cancel)
    }

    /// Keeps everybody out; waits for all builders to end.
    pub fn lock_exclusive(&self, cancel: Option<&Cancel>) -> Result<Lock, StoreError> {
        let path = self.directory().join("locks/store");
        wait(&path, FlockOperation::NonBlockingLockExclusive, cancel)
    }

    /// Makes sure that one builder alone works on an action. Who had to wait looks for the record
    /// again before it builds.
    pub fn lock_key(&self, key: &Digest, cancel: Option<&Cancel>) -> Result<Lock, StoreError> {
        let path = self.directory().join("locks").join(key.to_hex());
        wait(&path, FlockOperation::NonBlockingLockExclusive, cancel)
    }
}

fn wait(
    path: &Path,
    operation: FlockOperation,
    cancel: Option<&Cancel>,
) -> Result<Lock, StoreError> {
    loop {
        if let Some(lock) = attempt(path, operation)? {
            return Ok(lock);
        }
        if cancel.is_some_and(Cancel::is_cancelled) {
            return Err(StoreError::Cancelled);
        }
        std::thread::sleep(RETRY);
    }
}

/// One attempt; none when somebody else holds the lock.
pub(crate) fn attempt(path: &Path, operation: FlockOperation) -> Result<Option<Lock>, StoreError> {
    let failed = |source: std::io::Error| StoreError::io("could not be locked", path, source);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path);
    let file = file.map_err(failed)?;
    match rustix::fs::flock(&file, operation) {
        // A sweep may have taken the name away between the two calls.
        Ok(()) if rustix::fs::fstat(&file).is_ok_and(|stat| stat.st_nlink == 0) => Ok(None),
        Ok(()) => Ok(Some(Lock(file))),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(failed(errno.into())),
    }
}
