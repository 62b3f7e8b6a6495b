//! Garbage collection: what no root needs goes.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use forge_model::Digest;

use crate::{OutputKind, Record, Store, StoreError, durable};

/// How long the log of a step that failed, or of a record that is gone, can still be read.
const LOGS_KEPT: Duration = Duration::from_hours(7 * 24);

/// How long package indexes stay that no build uses: fetching them anew costs minutes at most, and
/// gives what the mirror has then.
const INDEXES_KEPT: Duration = Duration::from_hours(30 * 24);

/// What garbage collection keeps.
#[derive(Clone, Debug, Default)]
pub struct GcOptions {
    /// Kind and action key of the records to keep.
    pub records: BTreeSet<(String, Digest)>,
    /// Blobs to keep beside those that kept records name.
    pub blobs: BTreeSet<Digest>,
    /// SHA-256 of the packages to keep.
    pub debs: BTreeSet<String>,
    /// Only say what would go.
    pub dry_run: bool,
}

/// What went, or would go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Records.
    pub records: usize,
    /// Layers.
    pub layers: usize,
    /// Blobs.
    pub blobs: usize,
    /// Packages.
    pub debs: usize,
    /// Package indexes of sources that no build uses any more.
    pub indexes: usize,
    /// Logs.
    pub logs: usize,
    /// Bytes, as files have them.
    pub bytes: u64,
}

impl Store {
    /// Marks from the kept records, then sweeps: records first, made durable, then what they
    /// named, so that no record ever names what is gone. The caller holds the exclusive lock.
    pub fn collect(&self, options: &GcOptions) -> Result<Collected, StoreError> {
        let mut collected = Collected::default();
        let (mut layers, mut blobs) = (BTreeSet::new(), options.blobs.clone());
        let (mut gone, mut logs) = (Vec::new(), BTreeSet::new());
        for (kind, key, path) in self.all_records() {
            let record = self.record(&kind, &key);
            let kept = record
                .as_ref()
                .filter(|record| options.records.contains(&(kind.clone(), record.key.digest)));
            // By name: a store may be moved.
            let log = kept.and_then(|record| record.log.as_ref()?.file_name());
            logs.extend(log.map(ToOwned::to_owned));
            match kept {
                Some(Record { output, output_kind: OutputKind::Blob, .. }) => {
                    blobs.insert(*output);
                }
                Some(record) => {
                    layers.insert(record.output);
                }
                None => gone.push(path),
            }
        }
        collected.records = gone.len();
        if !options.dry_run {
            remove_records(&gone)?;
            self.remove_traces()?;
        }
        for parent in ["layers", "private/layers"] {
            for path in entries(&self.directory.join(parent)) {
                if name_digest(&path).is_some_and(|digest| layers.contains(&digest)) {
                    continue;
                }
                collected.layers += 1;
                collected.bytes += size_of(&path);
                self.remove(&path, options.dry_run)?;
            }
        }
        self.collect_blobs(&blobs, options, &mut collected)?;
        for path in entries(&self.directory.join("debs")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !options.debs.contains(name.trim_end_matches(".deb")) {
                collected.debs += 1;
                collected.bytes += size_of(&path);
                self.remove(&path, options.dry_run)?;
            }
        }
        self.collect_indexes(options, &mut collected)?;
        self.collect_logs(&logs, options, &mut collected)?;
        Ok(collected)
    }

    /// Indexes by their last use, which their lock's time tells.
    fn collect_indexes(
        &self,
        options: &GcOptions,
        collected: &mut Collected,
    ) -> Result<(), StoreError> {
        for path in entries(&self.apt_directory()) {
            if age(&path.join("lock")).is_some_and(|age| age >= INDEXES_KEPT) {
                collected.indexes += 1;
                collected.bytes += size_of(&path);
                self.remove(&path, options.dry_run)?;
            }
        }
        Ok(())
    }

    fn collect_logs(
        &self,
        kept: &BTreeSet<OsString>,
        options: &GcOptions,
        collected: &mut Collected,
    ) -> Result<(), StoreError> {
        for path in entries(&self.directory.join("logs")) {
            let old = age(&path).is_some_and(|age| age >= LOGS_KEPT);
            if !old || path.file_name().is_none_or(|name| kept.contains(name)) {
                continue;
            }
            collected.logs += 1;
            collected.bytes += size_of(&path);
            self.remove(&path, options.dry_run)?;
        }
        Ok(())
    }

    /// What is left of records that are gone: action keys by plan key, and locks. Nobody holds a
    /// lock while the store is locked.
    fn remove_traces(&self) -> Result<(), StoreError> {
        let kept: BTreeSet<Digest> =
            self.all_records().into_iter().map(|(_, key, _)| key).collect();
        for directory in entries(&self.directory.join("plans")) {
            for path in entries(&directory) {
                let Some(plan) = name_digest(&path) else {
                    continue;
                };
                if !self.action_keys(&plan).iter().any(|key| kept.contains(key)) {
                    self.remove(&path, false)?;
                }
            }
        }
        for path in entries(&self.directory.join("locks")) {
            self.remove(&path, false)?;
        }
        Ok(())
    }

    fn collect_blobs(
        &self,
        kept: &BTreeSet<Digest>,
        options: &GcOptions,
        collected: &mut Collected,
    ) -> Result<(), StoreError> {
        for directory in entries(&self.directory.join("blobs")) {
            for path in entries(&directory) {
                if name_digest(&path).is_some_and(|digest| kept.contains(&digest)) {
                    continue;
                }
                collected.blobs += 1;
                collected.bytes += size_of(&path);
                self.remove(&path, options.dry_run)?;
            }
        }
        Ok(())
    }

    /// All records with kind, key and path, aliases too.
    fn all_records(&self) -> Vec<(String, Digest, PathBuf)> {
        let mut found = Vec::new();
        for kind_directory in entries(&self.directory.join("records")) {
            let kind =
                kind_directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for part in entries(&kind_directory) {
                for path in entries(&part) {
                    if let Some(key) = name_digest(&path) {
                        found.push((kind.clone(), key, path));
                    }
                }
            }
        }
        found
    }

    /// Moves a thing out of sight, then removes it: a reader sees it whole or not at all.
    fn remove(&self, path: &Path, dry_run: bool) -> Result<(), StoreError> {
        if dry_run {
            return Ok(());
        }
        let at = |source| StoreError::io("removed", path, source);
        if path.is_dir() {
            let transaction = self.begin()?;
            fs::rename(path, transaction.directory().join("gone")).map_err(at)?;
            return Ok(());
        }
        fs::remove_file(path).map_err(at)
    }
}

/// Removes records for good: no power cut brings them back without what they name.
fn remove_records(paths: &[PathBuf]) -> Result<(), StoreError> {
    for path in paths {
        let at = |source| StoreError::io("removed", path, source);
        fs::remove_file(path).map_err(at)?;
    }
    let parents: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    for parent in parents {
        let at = |source| StoreError::io("written", parent, source);
        durable::sync_directory(parent).map_err(at)?;
    }
    Ok(())
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(read) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<_> = read.flatten().map(|entry| entry.path()).collect();
    found.sort_unstable();
    found
}

/// The time since a file was written; none for what is not there, or from the future.
fn age(path: &Path) -> Option<Duration> {
    let written = path.symlink_metadata().and_then(|meta| meta.modified()).ok()?;
    SystemTime::now().duration_since(written).ok()
}

fn name_digest(path: &Path) -> Option<Digest> {
    path.file_name()?.to_str()?.parse().ok()
}

fn size_of(path: &Path) -> u64 {
    let Ok(meta) = path.symlink_metadata() else {
        return 0;
    };
    if meta.is_dir() {
        return entries(path).iter().map(|entry| size_of(entry)).sum();
    }
    meta.len()
}
