//! The store: layers, blobs, records, transactions, locks.
//!
//! ```text
//! DIR/                       /var/lib/forge unless said otherwise; readable for all
//!   version                  the format of this tree
//!   lock                     flock: builds share it, garbage collection takes it alone
//!   layers/DIGEST/           a finished layer, read-only for ever
//!     manifest               its entries; BLAKE3 of this file is DIGEST
//!     closed/tree/           its bytes, with real owners and modes: an overlayfs lower;
//!                            `closed` is 0700, since a tree holds set-id programs
//!   blobs/AA/DIGEST          package lists, verdicts, packed segments; BLAKE3 of the content
//!   records/KIND/AA/KEY      JSON: what an action key gave; no record, no hit
//!   plans/AA/KEY             JSON: the latest action keys of a plan key
//!   refs/KIND/NAME           JSON: what a name stands for now; the roots of garbage collection
//!   debs/SHA256              fetched packages
//!   apt/                     package indexes
//!   logs/                    output of steps
//!   locks/KEY                flock: one builder for each key
//!   tx/ID/, ID.lock          transactions under way; the lock of a dead one is free
//!   tx/ID.part               single files under way
//!   unsettled/ID             a run whose writes may not all be on the disk; holds the boot's id
//!   work/                    mount point of the tmpfs of a run
//!   private/                 0700: layers that hold secrets, the MAC key, known MACs
//! ```
//!
//! Killing any process at any moment, or a full disk, leaves a store that the next run uses
//! without repair. What enters is written in a transaction's directory and renamed into place, and
//! only then is its record renamed into place. A build does not wait for the disk: what was written
//! shortly before a power cut is checked by the next run. A layer or blob that is found without a
//! record that vouches for it is hashed again before it counts.

mod blobs;
mod durable;
mod error;
mod gc;
mod layers;
mod locks;
mod macs;
mod records;
mod settle;
mod transaction;

use std::path::{Path, PathBuf};

use durable::Durability;
pub use error::StoreError;
pub use gc::{Collected, GcOptions};
pub use layers::{Layer, LayerContent};
pub use locks::{KeyLock, StoreLock};
pub use records::{OutputKind, Record};
pub use transaction::Transaction;

/// The format of the tree; another one is refused.
const VERSION: &str = "forge-store 1\n";

/// Directories of the store, with their modes.
const DIRECTORIES: &[(&str, u32)] = &[
    ("layers", 0o755),
    ("blobs", 0o755),
    ("records", 0o755),
    ("plans", 0o755),
    ("refs", 0o755),
    ("debs", 0o755),
    ("apt", 0o755),
    ("logs", 0o755),
    ("locks", 0o755),
    ("tx", 0o700),
    ("unsettled", 0o755),
    ("work", 0o700),
    ("private", 0o700),
    ("private/layers", 0o700),
    ("private/macs", 0o700),
];

/// An open store.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    layers: layers::Cache,
    note: settle::Note,
    /// The plan keys that there were, for who asks for very many.
    plan_keys: std::sync::OnceLock<std::collections::BTreeSet<forge_model::Digest>>,
}

impl Store {
    /// Opens a store for writing; makes it when the directory is absent or empty, sweeps what
    /// dead runs left, and checks what a power cut may have damaged.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let at = |source| StoreError::io("made", directory, source);
        durable::create_directories(directory, 0o755).map_err(at)?;
        let version = directory.join("version");
        match std::fs::read_to_string(&version) {
            // Somebody may have made room by hand.
            Ok(text) if text == VERSION => Self::make_directories(directory)?,
            Ok(text) => {
                let found = text.trim().to_owned();
                return Err(StoreError::Format { directory: directory.to_owned(), found });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::make(directory)?;
            }
            Err(source) => return Err(StoreError::io("read", &version, source)),
        }
        let store = Self::at(directory);
        store.sweep_transactions();
        store.check_after_power_cut()?;
        Ok(store)
    }

    /// Opens a store for reading; an absent one is an empty one.
    pub fn open_read(directory: &Path) -> Result<Self, StoreError> {
        let version = directory.join("version");
        match std::fs::read_to_string(&version) {
            Ok(text) if text != VERSION => {
                let found = text.trim().to_owned();
                Err(StoreError::Format { directory: directory.to_owned(), found })
            }
            Ok(_) => Ok(Self::at(directory)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::at(directory)),
            Err(source) => Err(StoreError::io("read", &version, source)),
        }
    }

    fn at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            layers: layers::Cache::default(),
            note: settle::Note::default(),
            plan_keys: std::sync::OnceLock::new(),
        }
    }

    /// Makes a new store; the version comes last, so that one killed halfway is made again.
    fn make(directory: &Path) -> Result<(), StoreError> {
        let at = |source| StoreError::io("made", directory, source);
        let version = directory.join("version");
        for entry in std::fs::read_dir(directory).map_err(at)? {
            let name = entry.map_err(at)?.file_name();
            let own = |(known, _): &(&str, u32)| name == **known;
            if name != "lost+found" && !DIRECTORIES.iter().any(own) {
                // Somebody else who began at the same time was faster, and uses it already.
                if version.exists() {
                    return Ok(());
                }
                let found = format!("`{}`", name.to_string_lossy());
                return Err(StoreError::Format { directory: directory.to_owned(), found });
            }
        }
        Self::make_directories(directory)?;
        Self::at(directory)
            .write(&version, VERSION.as_bytes(), 0o644, Durability::Now)
            .map_err(|source| StoreError::io("written", &version, source))
    }

    fn make_directories(directory: &Path) -> Result<(), StoreError> {
        for (name, mode) in DIRECTORIES {
            let path = directory.join(name);
            durable::create_directories(&path, *mode)
                .map_err(|source| StoreError::io("made", &path, source))?;
        }
        Ok(())
    }

    /// The store's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the tmpfs of a run is mounted.
    pub fn work_directory(&self) -> PathBuf {
        self.directory.join("work")
    }

    /// Fetched packages.
    pub fn debs_directory(&self) -> PathBuf {
        self.directory.join("debs")
    }

    /// Package indexes.
    pub fn apt_directory(&self) -> PathBuf {
        self.directory.join("apt")
    }

    /// Where the output of a step goes.
    pub fn log_path(&self, kind: &str, key: &forge_model::Digest) -> PathBuf {
        self.directory.join("logs").join(format!("{kind}-{}.log", &key.to_hex()[..16]))
    }
}

#[cfg(test)]
mod tests;
