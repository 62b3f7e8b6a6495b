use std::fmt::{self, Write as _};

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

/// Takes the fields of a key one after the other.
pub trait KeyFields {
    /// Takes a field, with the place where its value was written when that is known.
    fn put(&mut self, name: fmt::Arguments<'_>, value: fmt::Arguments<'_>, origin: Option<&Origin>);

    /// Takes the fields of a part that many keys have, by the digest over them alone.
    fn part(&mut self, digest: &Digest, fields: &dyn Fn(&mut dyn KeyFields));
}

impl dyn KeyFields + '_ {
    /// Adds a field.
    pub fn field(&mut self, name: impl fmt::Display, value: impl fmt::Display) {
        self.put(format_args!("{name}"), format_args!("{value}"), None);
    }

    /// Adds a field with the place where its value was written.
    pub fn field_at(&mut self, name: impl fmt::Display, value: impl fmt::Display, origin: &Origin) {
        self.put(format_args!("{name}"), format_args!("{value}"), Some(origin));
    }
}

/// The digest of a [`Key`] alone: nothing is kept of its fields.
#[derive(Debug)]
pub struct KeyHasher {
    hasher: blake3::Hasher,
    /// How many fields and parts there are: so none can stand for another's end.
    count: u64,
    text: String,
}

impl KeyHasher {
    /// A key of `kind`; `version` rises when what the kind does to its inputs changes.
    pub fn new(kind: &'static str, version: u32) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"forge-key-v2\0");
        write_text(&mut hasher, kind);
        hasher.update(&version.to_le_bytes());
        Self { hasher, count: 0, text: String::new() }
    }

    /// Adds the digest of an input as a field.
    pub fn digest(&mut self, name: &str, digest: &Digest) {
        self.put(format_args!("{name}"), format_args!("{digest}"), None);
    }

    /// The digest over all fields added so far.
    pub fn finish(mut self) -> Digest {
        self.hasher.update(&self.count.to_le_bytes());
        Digest::from_bytes(*self.hasher.finalize().as_bytes())
    }

    /// What [`KeyHasher::finish`] would give now.
    pub fn so_far(&self) -> Digest {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.count.to_le_bytes());
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }

    fn text(&mut self, text: fmt::Arguments<'_>) {
        self.text.clear();
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(text);
        write_text(&mut self.hasher, &self.text);
    }
}

impl KeyFields for KeyHasher {
    fn put(&mut self, name: fmt::Arguments<'_>, value: fmt::Arguments<'_>, _: Option<&Origin>) {
        self.count += 1;
        self.hasher.update(b"f");
        self.text(name);
        self.text(value);
    }

    fn part(&mut self, digest: &Digest, _: &dyn Fn(&mut dyn KeyFields)) {
        self.count += 1;
        self.hasher.update(b"p");
        self.hasher.update(digest.as_bytes());
    }
}

/// Builds a [`Key`] field by field.
#[derive(Debug)]
pub struct KeyBuilder {
    hasher: KeyHasher,
    fields: FieldList,
}

/// Fields of a key, kept.
#[derive(Debug, Default)]
struct FieldList(Vec<KeyField>);

impl KeyBuilder {
    /// A key of `kind`; `version` rises when what the kind does to its inputs changes.
    pub fn new(kind: &'static str, version: u32) -> Self {
        Self { hasher: KeyHasher::new(kind, version), fields: FieldList::default() }
    }

    /// Adds a field.
    pub fn field(&mut self, name: impl fmt::Display, value: impl fmt::Display) -> &mut Self {
        (self as &mut dyn KeyFields).field(name, value);
        self
    }

    /// Adds a digest as a field.
    pub fn digest(&mut self, name: impl fmt::Display, digest: &Digest) -> &mut Self {
        self.field(name, digest)
    }

    /// The key over all fields added so far.
    pub fn finish(self) -> Key {
        Key { digest: self.hasher.finish(), fields: self.fields.0 }
    }
}

impl KeyFields for KeyBuilder {
    fn put(
        &mut self,
        name: fmt::Arguments<'_>,
        value: fmt::Arguments<'_>,
        origin: Option<&Origin>,
    ) {
        self.hasher.put(name, value, origin);
        self.fields.put(name, value, origin);
    }

    fn part(&mut self, digest: &Digest, fields: &dyn Fn(&mut dyn KeyFields)) {
        self.hasher.part(digest, fields);
        fields(&mut self.fields);
    }
}

impl KeyFields for FieldList {
    fn put(
        &mut self,
        name: fmt::Arguments<'_>,
        value: fmt::Arguments<'_>,
        origin: Option<&Origin>,
    ) {
        let (name, value, origin) = (name.to_string(), value.to_string(), origin.cloned());
        self.0.push(KeyField { name, value, origin });
    }

    fn part(&mut self, _: &Digest, fields: &dyn Fn(&mut dyn KeyFields)) {
        fields(self);
    }
}

fn write_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}
