use std::fs;
use std::path::PathBuf;

use forge_model::Digest;

use crate::durable::Durability;
use crate::{Store, StoreError, durable};

impl Store {
    /// The key of this store's MACs, made on first use. It never leaves the store, so that a
    /// short secret cannot be guessed from anything that does.
    pub fn mac_key(&self) -> Result<[u8; 32], StoreError> {
        let path = self.directory.join("private/mac-key");
        let at = |source| StoreError::io("written", &path, source);
        if let Ok(bytes) = fs::read(&path)
            && let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice())
        {
            return Ok(key);
        }
        let mut key = [0; 32];
        let mut random = fs::File::open("/dev/urandom").map_err(at)?;
        std::io::Read::read_exact(&mut random, &mut key).map_err(at)?;
        let transaction = self.begin()?;
        let made = transaction.directory().join("mac-key");
        durable::write_new(&made, &key, 0o600).and_then(|key| key.sync_all()).map_err(at)?;
        match fs::hard_link(&made, &path) {
            Ok(()) => durable::sync_parent(&path).map_err(at)?,
            // Another run was faster: its key counts.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(at(source)),
        }
        let bytes = fs::read(&path).map_err(at)?;
        bytes
            .as_slice()
            .try_into()
            .map_err(|_| StoreError::Damaged { path, why: "it must hold 32 bytes".to_owned() })
    }

    fn mac_path(&self, source: &Digest) -> PathBuf {
        self.directory.join("private/macs").join(source.to_hex())
    }

    /// The MAC of the secret whose ciphertext (or source and version) has this digest, when it
    /// was opened here before.
    pub fn known_mac(&self, source: &Digest) -> Option<Digest> {
        fs::read_to_string(self.mac_path(source)).ok()?.trim().parse().ok()
    }

    /// Remembers a MAC.
    pub fn remember_mac(&self, source: &Digest, mac: &Digest) -> Result<(), StoreError> {
        let path = self.mac_path(source);
        self.write(&path, mac.to_hex().as_bytes(), 0o600, Durability::Later)
            .map_err(|error| StoreError::io("written", &path, error))
    }
}
