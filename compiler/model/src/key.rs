use serde::{Deserialize, Serialize};

use crate::{Digest, Origin};

/// One named field of a key. The field list is stored beside what the key names, so that a
/// rebuild can be explained as old value against new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyField {
    /// The field's name, stable over releases: `packages`, `mode of /etc/motd`, `script`.
    pub name: String,
    /// The value as text; long values stand as their digest.
    pub value: String,
    /// Where the value was written. Never hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// A key: the digest over a kind, its version and named fields, with the fields kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// BLAKE3 over kind, version, and each field's name and value, all length-prefixed.
    pub digest: Digest,
    /// The fields, in the order in which they were added.
    pub fields: Vec<KeyField>,
}

/// Builds a [`Key`] field by field.
#[derive(Debug)]
pub struct KeyBuilder {
    kind: &'static str,
    version: u32,
    fields: Vec<KeyField>,
}

impl KeyBuilder {
    /// A key of `kind`; `version` rises when what the kind does to its inputs changes.
    pub fn new(kind: &'static str, version: u32) -> Self {
        Self { kind, version, fields: Vec::new() }
    }

    /// Adds a field.
    pub fn field(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.fields.push(KeyField { name: name.into(), value: value.into(), origin: None });
        self
    }

    /// Adds a field with the place where its value was written.
    pub fn field_at(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
        origin: &Origin,
    ) -> &mut Self {
        let origin = Some(origin.clone());
        self.fields.push(KeyField { name: name.into(), value: value.into(), origin });
        self
    }

    /// Adds a digest as a field.
    pub fn digest(&mut self, name: impl Into<String>, digest: &Digest) -> &mut Self {
        self.field(name, digest.to_hex())
    }

    /// The key over all fields added so far.
    pub fn finish(self) -> Key {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"forge-key-v1\0");
        write_text(&mut hasher, self.kind);
        hasher.update(&self.version.to_le_bytes());
        hasher.update(&(self.fields.len() as u64).to_le_bytes());
        for field in &self.fields {
            write_text(&mut hasher, &field.name);
            write_text(&mut hasher, &field.value);
        }
        Key { digest: Digest::from_bytes(*hasher.finalize().as_bytes()), fields: self.fields }
    }
}

fn write_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}
