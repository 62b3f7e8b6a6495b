//! Secrets of a run: opened when a step needs them, known by their keyed MAC otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use forge_model::{Digest, SecretReference, SecretSource, Sources};
use forge_secret::{MacKey, Masker, Opener, SecretValue};
use forge_store::Store;

use crate::StepError;

/// Opened secrets, by name.
#[derive(Debug)]
pub struct Vault {
    opener: Opener,
    opened: Mutex<BTreeMap<String, Arc<SecretValue>>>,
}

/// What identifies a secret's value without opening it: its ciphertext, or its source and the
/// version that its owner raises on rotation.
pub fn source_digest(secret: &SecretReference) -> Digest {
    match &secret.source {
        SecretSource::Age(file) => file.digest,
        SecretSource::Environment { variable, version } => {
            Digest::of(format!("environment {variable} version {version}").as_bytes())
        }
        SecretSource::File { path, version } => {
            Digest::of(format!("file {path} version {version}").as_bytes())
        }
    }
}

impl Vault {
    /// An empty vault.
    pub fn new(opener: Opener) -> Self {
        Self { opener, opened: Mutex::default() }
    }

    /// The value of a secret; opened once, its MAC remembered in the store.
    pub fn open(
        &self,
        secret: &SecretReference,
        sources: &dyn Sources,
        store: &Store,
    ) -> Result<Arc<SecretValue>, StepError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = opened.get(&secret.name) {
            return Ok(value.clone());
        }
        let value = self
            .opener
            .open(secret, sources)
            .map_err(|error| StepError::environment(error.to_string()).help(error.help()))
            .map_err(|error| error.at(&secret.origin))?;
        let mac = MacKey::new(store.mac_key()?).mac(&value);
        store.remember_mac(&source_digest(secret), &mac)?;
        let value = Arc::new(value);
        opened.insert(secret.name.clone(), value.clone());
        Ok(value)
    }

    /// All values opened so far, with their names.
    pub fn opened(&self) -> Vec<(String, Arc<SecretValue>)> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Masks every value opened so far.
    pub fn masker(&self) -> Result<Masker, StepError> {
        let opened = self.opened();
        Masker::new(opened.iter().map(|(name, value)| (name.as_str(), &**value)))
            .map_err(|error| StepError::bug(error.to_string()))
    }
}
