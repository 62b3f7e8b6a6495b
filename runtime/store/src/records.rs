use std::fs;
use std::path::{Path, PathBuf};

use forge_model::{Digest, Key};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::durable::Durability;
use crate::{Store, StoreError, durable};

/// Action keys kept for each plan key.
const LATEST: usize = 8;

/// What an output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// A layer.
    Layer,
    /// A layer that holds secrets.
    PrivateLayer,
    /// A blob.
    Blob,
}

/// What an action key gave, with the fields that the key was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Format version.
    pub version: u32,
    /// `packages`, `changes`, …
    pub kind: String,
    /// The step's label when it was done.
    pub label: String,
    /// The action key with its fields.
    pub key: Key,
    /// The plan key.
    pub plan_key: Digest,
    /// The output's digest.
    pub output: Digest,
    /// What the output is.
    pub output_kind: OutputKind,
    /// When the step began, in seconds since 1970.
    pub started: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// Size of the output in bytes.
    pub size: u64,
    /// The step's log, when it wrote one.
    pub log: Option<PathBuf>,
}

impl Record {
    /// The format that this version writes and reads.
    pub const VERSION: u32 = 1;
}

/// A short record: only the output, found by a second key.
#[derive(Serialize, Deserialize)]
struct Alias {
    version: u32,
    alias_of: Digest,
}

impl Store {
    fn record_path(&self, kind: &str, key: &Digest) -> PathBuf {
        let name = key.to_hex();
        self.directory.join("records").join(kind).join(&name[..2]).join(name)
    }

    /// What an action key gave; none when it was never done here, when the record cannot be
    /// read, or when its output is gone (it is then done again).
    pub fn record(&self, kind: &str, key: &Digest) -> Option<Record> {
        let bytes = fs::read(self.record_path(kind, key)).ok()?;
        let record = serde_json::from_slice::<Record>(&bytes).ok().or_else(|| {
            let alias: Alias = serde_json::from_slice(&bytes).ok()?;
            let target = fs::read(self.record_path(kind, &alias.alias_of)).ok()?;
            serde_json::from_slice(&target).ok()
        })?;
        let is_there = match record.output_kind {
            OutputKind::Layer | OutputKind::PrivateLayer => self.has_layer(&record.output),
            OutputKind::Blob => self.has_blob(&record.output),
        };
        (record.version == Record::VERSION && is_there).then_some(record)
    }

    /// Keeps a record: from now on its key is a hit. What it names is in the store already, and
    /// durable; the record itself becomes so when the kernel writes it.
    pub fn commit_record(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.record_path(&record.kind, &record.key.digest);
        self.write_json(&path, record, Durability::Later)?;
        self.note_action_key(&record.plan_key, &record.key.digest)
    }

    /// Lets a second key find the record of the first.
    pub fn commit_alias(&self, kind: &str, alias: &Digest, of: &Digest) -> Result<(), StoreError> {
        if alias == of {
            return Ok(());
        }
        let path = self.record_path(kind, alias);
        self.write_json(
            &path,
            &Alias { version: Record::VERSION, alias_of: *of },
            Durability::Later,
        )
    }

    fn plan_path(&self, plan_key: &Digest) -> PathBuf {
        let name = plan_key.to_hex();
        self.directory.join("plans").join(&name[..2]).join(name)
    }

    /// Remembers an action key as the latest of a plan key, or of any other digest that stands
    /// for a step.
    pub fn note_action_key(
        &self,
        plan_key: &Digest,
        action_key: &Digest,
    ) -> Result<(), StoreError> {
        let path = self.plan_path(plan_key);
        let mut keys = self.read_action_keys(plan_key);
        if keys.first() == Some(action_key) {
            return Ok(());
        }
        keys.retain(|key| key != action_key);
        keys.insert(0, *action_key);
        keys.truncate(LATEST);
        self.write_json(&path, &keys, Durability::Later)
    }

    /// Looks at once which plan keys there are. From then on [`Store::action_keys`] opens no file for
    /// another one, and does not see what builds add: for previews of very many steps.
    pub fn list_plan_keys(&self) {
        self.plan_keys.get_or_init(|| {
            let entries =
                |directory: PathBuf| fs::read_dir(directory).into_iter().flatten().flatten();
            entries(self.directory.join("plans"))
                .flat_map(|shard| entries(shard.path()))
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                .collect()
        });
    }

    /// The latest action keys of a plan key, the newest first.
    pub fn action_keys(&self, plan_key: &Digest) -> Vec<Digest> {
        match self.plan_keys.get() {
            Some(known) if !known.contains(plan_key) => Vec::new(),
            _ => self.read_action_keys(plan_key),
        }
    }

    fn read_action_keys(&self, plan_key: &Digest) -> Vec<Digest> {
        let bytes = fs::read(self.plan_path(plan_key)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn ref_path(&self, kind: &str, name: &str) -> PathBuf {
        self.directory.join("refs").join(kind).join(name)
    }

    /// Lets a name stand for a value from now on.
    pub fn put_ref<T: Serialize>(
        &self,
        kind: &str,
        name: &str,
        value: &T,
    ) -> Result<(), StoreError> {
        self.write_json(&self.ref_path(kind, name), value, Durability::Now)
    }

    /// What a name stands for; none when it stands for nothing readable.
    pub fn read_ref<T: DeserializeOwned>(&self, kind: &str, name: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.ref_path(kind, name)).ok()?).ok()
    }

    /// All names of a kind, sorted.
    pub fn ref_names(&self, kind: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.directory.join("refs").join(kind)) else {
            return Vec::new();
        };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort_unstable();
        names
    }

    /// Takes a name away.
    pub fn remove_ref(&self, kind: &str, name: &str) {
        fs::remove_file(self.ref_path(kind, name)).ok();
    }

    fn write_json<T: Serialize>(
        &self,
        path: &Path,
        value: &T,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let at = |source| StoreError::io("written", path, source);
        let bytes = serde_json::to_vec(value).map_err(|error| at(error.into()))?;
        if let Some(parent) = path.parent() {
            durable::create_directories(parent, 0o755).map_err(at)?;
        }
        self.write(path, &bytes, 0o644, durability).map_err(at)
    }
}
