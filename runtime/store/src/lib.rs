//! The store: layers, blobs, records, transactions, locks, garbage collection.
//!
//! ```text
//! STORE/
//!   CACHEDIR.TAG          tells backup programs to leave it out
//!   format                version of this layout
//!   layers/DIGEST/        a layer; DIGEST is that of its manifest
//!     manifest            canonical text, readable for all
//!     vouched             a committed record names the layer
//!     closed/tree/        its files with real owners and modes, usable as an overlayfs layer;
//!                         `closed` is 0700, for the tree holds set-id programs
//!   blobs/DIGEST          package lists, verdicts, packed segments
//!   records/KIND/KEY      what an action key gave: output, key fields, duration, log
//!   plans/KEY             the latest action keys of a plan key
//!   debs/SHA256           packages as fetched
//!   logs/KIND-KEY.log     output of steps
//!   secret/               0700
//!     layers/DIGEST/      layers that hold secrets
//!     mac-key             key of this store's MACs
//!     macs/DIGEST         MAC of the secret with that ciphertext
//!   tx/NAME, NAME.lock    transactions; without a holder of the lock they are rubbish
//!   locks/store, KEY      flock
//!   work/                 mount point of a run's private tmpfs
//! ```
//!
//! Bytes are written in a transaction's directory, made durable, and renamed into place; the
//! record follows. So whatever stands under its final name is whole, killed at any moment, and no
//! record means no hit. A layer that no record vouches for is hashed again before it counts.

mod blob;
mod durable;
mod error;
mod gc;
mod layer;
mod lock;
mod mac;
mod record;
mod stack;
mod transaction;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use forge_model::{Digest, Manifest};

pub use error::StoreError;
pub use gc::{GcOptions, GcReport};
pub use layer::Layer;
pub use lock::Lock;
pub use record::{OutputKind, Record};
pub use stack::{Stack, StackError};
pub use transaction::Transaction;

/// Version of the layout on disk.
const FORMAT: &str = "forge-store 1\n";

const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This is a cache of forge. See https://bford.info/cachedir/\n";

/// One directory of layers, blobs and records. Cheap to share between threads.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    writable: bool,
    /// Layers that are known to be whole, by what this process wrote, hashed, or saw vouched.
    manifests: Mutex<BTreeMap<Digest, Arc<Manifest>>>,
    mac_key: OnceLock<[u8; 32]>,
    marks: OnceLock<bool>,
}

impl Store {
    /// Opens a store for building; makes it when there is none.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let store = Self::new(directory, true);
        store.create_layout()?;
        store.check_format()?;
        Ok(store)
    }

    /// Opens a store for looking things up; writes nothing. [`StoreError::Absent`] when there is
    /// none yet.
    pub fn open_read(directory: &Path) -> Result<Self, StoreError> {
        let store = Self::new(directory, false);
        store.check_format()?;
        Ok(store)
    }

    fn new(directory: &Path, writable: bool) -> Self {
        Self {
            directory: directory.to_owned(),
            writable,
            manifests: Mutex::default(),
            mac_key: OnceLock::new(),
            marks: OnceLock::new(),
        }
    }

    /// The store's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where a run mounts its private tmpfs.
    pub fn work_dir(&self) -> PathBuf {
        self.directory.join("work")
    }

    /// Where a package lies, or is to be put by a rename from a transaction.
    pub fn deb_path(&self, sha256: &str) -> PathBuf {
        self.directory.join("debs").join(sha256)
    }

    /// Where the log of a step goes. The directory is there.
    pub fn log_path(&self, kind: &str, key: &Digest) -> PathBuf {
        self.directory
            .join("logs")
            .join(format!("{kind}-{key}.log"))
    }

    /// True when whiteouts and opaque marks can stand in layers; false on overlayfs.
    pub fn holds_marks(&self) -> bool {
        *self
            .marks
            .get_or_init(|| forge_sys::overlay::probe(&self.directory.join("tx")))
    }

    fn create_layout(&self) -> Result<(), StoreError> {
        let format = self.directory.join("format");
        if format.exists() {
            return Ok(());
        }
        for name in [
            "layers",
            "blobs",
            "records",
            "plans",
            "debs",
            "logs",
            "tx",
            "locks",
            "secret/layers",
        ] {
            durable::create_dir_all(&self.directory.join(name), 0o755)?;
        }
        durable::create_dir_all(&self.directory.join("secret/macs"), 0o755)?;
        durable::set_mode(&self.directory.join("secret"), 0o700)?;
        durable::create_dir_all(&self.work_dir(), 0o700)?;
        durable::write_file(
            &self.directory.join("CACHEDIR.TAG"),
            CACHEDIR_TAG.as_bytes(),
            0o644,
        )?;
        durable::write_file(&format, FORMAT.as_bytes(), 0o644)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let format = self.directory.join("format");
        match std::fs::read_to_string(&format) {
            Ok(text) if text == FORMAT => Ok(()),
            Ok(_) => Err(StoreError::Damaged {
                path: format,
                why: "it was made by another version of forge".to_owned(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(StoreError::Absent {
                path: self.directory.clone(),
            }),
            Err(source) => Err(StoreError::io("could not be read", &format, source)),
        }
    }
}
