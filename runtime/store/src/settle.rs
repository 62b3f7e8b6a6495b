//! Writes that may not be on the disk yet.
//!
//! Waiting for the disk after each layer would take longer than many a step, and a file that was
//! renamed without waiting may be empty after a power cut. So a run leaves a *note* with the id of
//! the machine's boot before it writes anything else. Until the machine goes down, all that was
//! written can be read, on the disk or not: the note says nothing new. A note of an earlier boot
//! says that the machine went down before the writes were known to be on the disk: everything as
//! young as the note is checked, and what is damaged goes. A later run of the same boot settles
//! the notes of ended ones: one `syncfs`, in a thread of its own, and the notes go.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use forge_model::Digest;
use rustix::fs::{FlockOperation, flock};

use crate::{Store, StoreError, durable, transaction};

/// Changes with every start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Age of a note that is settled: by then the kernel has written nearly everything by itself, and
/// `syncfs` does not hold up a short run that wants to end.
const SETTLE_AFTER: Duration = Duration::from_mins(1);

/// Seconds by which the clocks of notes and of what they speak of may differ.
const SLACK: i64 = 2;

/// This run's note: locked for as long as the store is open.
#[derive(Debug, Default)]
pub(crate) struct Note {
    held: Mutex<Option<File>>,
}

impl Store {
    /// Leaves this run's note, once; before the first write that nothing waits for.
    pub(crate) fn leave_note(&self) -> Result<(), StoreError> {
        let mut held = self.note.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(());
        }
        let notes = self.directory.join("unsettled");
        let path = notes.join(transaction::unique_name());
        let note = boot_id()
            .and_then(|boot| durable::write_new(&path, boot.as_bytes(), 0o644))
            .and_then(|note| note.sync_all().map(|()| note))
            .and_then(|note| durable::sync_directory(&notes).map(|()| note))
            .map_err(|source| StoreError::io("written", &path, source))?;
        *held = Some(note);
        std::thread::spawn(move || {
            if let Err(error) = settle_ended_runs(&notes) {
                // The next run tries again.
                tracing::debug!(%error, "not settled");
            }
        });
        Ok(())
    }

    /// Checks what runs of an earlier boot wrote, and removes what is damaged.
    pub(crate) fn check_after_power_cut(&self) -> Result<(), StoreError> {
        let directory = self.directory.join("unsettled");
        let at = |source| StoreError::io("read", &directory, source);
        let boot = boot_id().map_err(at)?;
        let is_old = |note: &PathBuf| fs::read_to_string(note).is_ok_and(|found| found != boot);
        let old: Vec<PathBuf> = paths(&directory).into_iter().filter(is_old).collect();
        let times = old.iter().filter_map(|note| Some(fs::metadata(note).ok()?.mtime()));
        let Some(since) = times.min() else {
            return Ok(());
        };
        // Others wait here, and find no note afterwards.
        let _lock = self.lock_key(&Digest::of(b"check after a power cut"))?;
        let since = since - SLACK;
        for kind in ["layers", "private/layers"] {
            for path in young(&self.directory.join(kind), since) {
                let digest = name_of(&path).and_then(|name| name.parse().ok());
                let damage = digest.map(|digest: Digest| self.verify_layer(&digest));
                if !matches!(damage, Some(Ok(damaged)) if damaged.is_empty()) {
                    self.discard(&path)?;
                }
            }
        }
        for path in paths(&self.directory.join("blobs")).iter().flat_map(|at| young(at, since)) {
            let whole = forge_sys::tree::hash_file(&path)
                .is_ok_and(|(_, digest)| name_of(&path) == Some(digest.to_hex()));
            if !whole {
                self.discard(&path)?;
            }
        }
        // Their hash is not known here; they can be fetched again.
        for path in young(&self.directory.join("debs"), since) {
            self.discard(&path)?;
        }
        for note in old {
            fs::remove_file(&note).ok();
        }
        Ok(())
    }

    fn discard(&self, path: &Path) -> Result<(), StoreError> {
        tracing::warn!(path = %path.display(), "removed: damaged when the machine went down");
        let transaction = self.begin()?;
        fs::rename(path, transaction.directory().join("damaged"))
            .map_err(|source| StoreError::io("removed", path, source))
    }
}

/// Makes the writes of ended runs durable and takes their notes away. A note of an earlier boot
/// stays for the check.
fn settle_ended_runs(notes: &Path) -> io::Result<()> {
    let boot = boot_id()?;
    let ended: Vec<PathBuf> = paths(notes)
        .into_iter()
        .filter(|path| {
            let is_settled = |note: File| {
                let age = note.metadata()?.modified()?.elapsed().unwrap_or_default();
                flock(&note, FlockOperation::NonBlockingLockExclusive)?;
                io::Result::Ok(age >= SETTLE_AFTER)
            };
            File::open(path).and_then(is_settled).unwrap_or(false)
                && fs::read_to_string(path).is_ok_and(|found| found == boot)
        })
        .collect();
    if !ended.is_empty() {
        rustix::fs::syncfs(File::open(notes)?)?;
    }
    ended.iter().try_for_each(fs::remove_file)
}

fn boot_id() -> io::Result<String> {
    fs::read_to_string(BOOT_ID)
}

fn paths(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// What was made or renamed in a directory since then.
fn young(directory: &Path, since: i64) -> Vec<PathBuf> {
    let is_young =
        |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|about| about.ctime() >= since);
    paths(directory).into_iter().filter(is_young).collect()
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}
