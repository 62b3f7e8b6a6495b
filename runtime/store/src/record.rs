//! Records: what an action key gave.

use std::path::PathBuf;

use forge_model::{Digest, Key};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, durable};

/// Version of the record's format.
const VERSION: u32 = 1;
/// Action keys that are kept for one plan key.
const LATEST: usize = 8;

/// What the output of an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// A layer.
    Layer,
    /// A blob.
    Blob,
}

/// What an action key gave, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format.
    pub version: u32,
    /// The action's kind.
    pub kind: String,
    /// The node's label, for people.
    pub label: String,
    /// The action key with its named fields.
    pub action: Key,
    /// The plan key that led here.
    pub plan: Digest,
    /// What kind of thing the output is.
    pub output_kind: OutputKind,
    /// The output.
    pub output: Digest,
    /// Further blobs that the output names, kept for as long as the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Digest>,
    /// When the work began, seconds since 1970.
    pub started: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Bytes of the output.
    pub size: u64,
    /// File name of the log in `logs/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl Record {
    /// A record of a layer or blob made now, without a log and without a duration.
    pub fn new(
        kind: &str,
        label: &str,
        action: Key,
        plan: Digest,
        output: (OutputKind, Digest),
    ) -> Self {
        Self {
            version: VERSION,
            kind: kind.to_owned(),
            label: label.to_owned(),
            action,
            plan,
            output_kind: output.0,
            output: output.1,
            references: Vec::new(),
            started: 0,
            duration_ms: 0,
            size: 0,
            log: None,
        }
    }
}

/// The latest action keys of a plan key, the newest first.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Latest {
    kind: String,
    keys: Vec<Digest>,
}

impl Store {
    /// What an action key gave, when it did and the output is still there. A record that cannot
    /// be read is no record.
    pub fn record(&self, kind: &str, key: &Digest) -> Option<Record> {
        let text = std::fs::read(self.record_path(kind, key)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        let there = match record.output_kind {
            OutputKind::Layer => self.has_layer(&record.output),
            OutputKind::Blob => self.blob_path(&record.output).exists(),
        };
        (record.version == VERSION && record.action.digest == *key && there).then_some(record)
    }

    /// The newest record of a plan key.
    pub fn latest_by_plan_key(&self, plan: &Digest) -> Option<Record> {
        let Latest { kind, keys } = self.latest(plan)?;
        keys.iter().find_map(|key| self.record(&kind, key))
    }

    fn latest(&self, plan: &Digest) -> Option<Latest> {
        let path = self.directory().join("plans").join(plan.to_hex());
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Commits a record: from now on its action key is a hit. Its output is in the store already.
    /// Several action keys may have one output.
    pub fn commit_record(&self, record: &Record) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        let path = self.record_path(&record.kind, &record.action.digest);
        let text = encode(record, &path)?;
        let directory = self.directory().join("records").join(&record.kind);
        durable::create_dir_all(&directory, 0o755)?;
        let made = transaction.dir().join("record");
        durable::write_file(&made, &text, 0o644)?;
        durable::rename(&made, &path)?;
        durable::sync_dir(&directory)?;
        if record.output_kind == OutputKind::Layer {
            self.vouch(&record.output);
        }
        self.note_latest(record, &transaction)
    }

    /// All readable records, in no order.
    pub fn records(&self) -> Vec<Record> {
        let list = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten();
        list(self.directory().join("records"))
            .flat_map(|kind| list(kind.path()))
            .filter_map(|entry| serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok())
            .collect()
    }

    pub(crate) fn record_path(&self, kind: &str, key: &Digest) -> PathBuf {
        self.directory()
            .join("records")
            .join(kind)
            .join(key.to_hex())
    }

    fn note_latest(
        &self,
        record: &Record,
        transaction: &crate::Transaction<'_>,
    ) -> Result<(), StoreError> {
        let mut latest = self.latest(&record.plan).unwrap_or_default();
        latest.kind.clone_from(&record.kind);
        latest.keys.retain(|key| *key != record.action.digest);
        latest.keys.insert(0, record.action.digest);
        latest.keys.truncate(LATEST);
        let made = transaction.dir().join("latest");
        let path = self.directory().join("plans").join(record.plan.to_hex());
        // Not made durable: when it is lost, a plan knows less, and a build nothing less.
        std::fs::write(&made, encode(&latest, &path)?)
            .map_err(|source| StoreError::io("could not be written", &made, source))?;
        durable::rename(&made, &path)
    }
}

fn encode(value: &impl Serialize, path: &std::path::Path) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError::io("could not be written", path, error.into()))
}
