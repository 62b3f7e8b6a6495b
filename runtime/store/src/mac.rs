//! Keyed digests of secrets: equal secrets have equal MACs in this store, and without the store's
//! key not even a short secret can be guessed from one.

use std::io::Read;
use std::path::PathBuf;

use forge_model::Digest;

use crate::{Store, StoreError, durable};

impl Store {
    /// The MAC of a secret's value: BLAKE3 keyed with this store's own key.
    pub fn mac(&self, value: &[u8]) -> Result<Digest, StoreError> {
        let key = match self.mac_key.get() {
            Some(key) => *key,
            None => *self.mac_key.get_or_init({
                let key = self.read_or_make_key()?;
                move || key
            }),
        };
        Ok(Digest::from_bytes(
            *blake3::keyed_hash(&key, value).as_bytes(),
        ))
    }

    /// The MAC of the secret with this ciphertext, when it was opened before. None, too, for a
    /// caller who may not look.
    pub fn mac_of(&self, ciphertext: &Digest) -> Option<Digest> {
        std::fs::read_to_string(self.mac_path(ciphertext))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// Remembers the MAC of the secret with this ciphertext.
    pub fn remember_mac(&self, ciphertext: &Digest, mac: &Digest) -> Result<(), StoreError> {
        if self.mac_of(ciphertext).as_ref() == Some(mac) {
            return Ok(());
        }
        let transaction = self.begin()?;
        let made = transaction.dir().join("mac");
        durable::write_file(&made, mac.to_hex().as_bytes(), 0o600)?;
        durable::rename(&made, &self.mac_path(ciphertext))
    }

    fn mac_path(&self, ciphertext: &Digest) -> PathBuf {
        self.directory()
            .join("secret/macs")
            .join(ciphertext.to_hex())
    }

    fn read_or_make_key(&self) -> Result<[u8; 32], StoreError> {
        let path = self.directory().join("secret/mac-key");
        if !path.exists() && self.writable {
            let mut key = [0_u8; 32];
            std::fs::File::open("/dev/urandom")
                .and_then(|mut random| random.read_exact(&mut key))
                .map_err(|source| StoreError::io("could not be made", &path, source))?;
            let transaction = self.begin()?;
            let made = transaction.dir().join("key");
            durable::write_file(&made, &key, 0o600)?;
            match std::fs::hard_link(&made, &path) {
                Ok(()) => durable::sync_dir(&self.directory().join("secret"))?,
                // Another builder was faster: its key counts.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(StoreError::io("could not be made", &path, source)),
            }
        }
        let bytes = std::fs::read(&path)
            .map_err(|source| StoreError::io("could not be read", &path, source))?;
        bytes.try_into().map_err(|_| StoreError::Damaged {
            path,
            why: "it is not 32 bytes long".to_owned(),
        })
    }
}
