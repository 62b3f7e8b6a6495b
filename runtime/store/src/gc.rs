//! Garbage collection: what no kept record names goes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forge_model::Digest;

use crate::transaction::remove_tree;
use crate::{Record, Store, StoreError, durable};

/// What a collection keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcOptions {
    /// Action keys, plan keys and outputs that are in use.
    pub roots: BTreeSet<Digest>,
    /// Packages in use, by SHA-256.
    pub debs: BTreeSet<String>,
    /// Whatever is younger stays too.
    pub keep_for: Duration,
    /// Nothing is removed; the report says what would be.
    pub dry_run: bool,
}

/// What a collection removed, or would remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Labels of the removed records, with the kind.
    pub records: Vec<String>,
    /// Layers.
    pub layers: Vec<Digest>,
    /// Blobs.
    pub blobs: Vec<Digest>,
    /// Packages, by SHA-256.
    pub debs: Vec<String>,
    /// Logs, by file name.
    pub logs: Vec<String>,
    /// Bytes of all of these.
    pub bytes: u64,
    /// Records that stay.
    pub kept: usize,
}

impl Store {
    /// Removes what is not in use. Waits for all builders to end. The order is records, then a
    /// synchronisation, then what they named: no record ever names what is gone.
    pub fn gc(&self, options: &GcOptions) -> Result<GcReport, StoreError> {
        let _lock = self.lock_exclusive(None)?;
        if !options.dry_run {
            self.sweep()?;
        }
        let mut report = GcReport::default();
        let now = SystemTime::now();
        let oldest = now.checked_sub(options.keep_for).unwrap_or(UNIX_EPOCH);
        let (kept, dropped): (Vec<Record>, Vec<Record>) = self
            .records()
            .into_iter()
            .partition(|record| is_kept(record, options, oldest));
        report.kept = kept.len();
        for record in &dropped {
            report
                .records
                .push(format!("{} {}", record.kind, record.label));
            if !options.dry_run {
                remove_file(&self.record_path(&record.kind, &record.action.digest))?;
            }
        }
        if !options.dry_run {
            durable::sync_file_system(self.directory())?;
        }
        let mut live = options.roots.clone();
        for record in &kept {
            live.insert(record.output);
            live.extend(record.references.iter().copied());
        }
        let logs: BTreeSet<&str> = kept
            .iter()
            .filter_map(|record| record.log.as_deref())
            .collect();
        for kind in ["layers", "secret/layers"] {
            self.collect(kind, options.dry_run, &mut report.bytes, |name, _| {
                let digest = name.parse().ok()?;
                (!live.contains(&digest)).then(|| report.layers.push(digest))
            })?;
        }
        self.collect("blobs", options.dry_run, &mut report.bytes, |name, _| {
            let digest = name.parse().ok()?;
            (!live.contains(&digest)).then(|| report.blobs.push(digest))
        })?;
        self.collect(
            "debs",
            options.dry_run,
            &mut report.bytes,
            |name, changed| {
                (changed < oldest && !options.debs.contains(name))
                    .then(|| report.debs.push(name.to_owned()))
            },
        )?;
        self.collect(
            "logs",
            options.dry_run,
            &mut report.bytes,
            |name, changed| {
                (changed < oldest && !logs.contains(name))
                    .then(|| report.logs.push(name.to_owned()))
            },
        )?;
        let plans: BTreeSet<Digest> = kept.iter().map(|record| record.plan).collect();
        self.collect("plans", options.dry_run, &mut report.bytes, |name, _| {
            name.parse()
                .is_ok_and(|plan| !plans.contains(&plan))
                .then_some(())
        })?;
        // No builder runs, so nobody holds or waits for a key.
        self.collect("locks", options.dry_run, &mut 0, |name, _| {
            (name != "store").then_some(())
        })?;
        if !options.dry_run {
            self.manifests
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .clear();
        }
        Ok(report)
    }

    /// Removes the entries of one directory for which `dead` gives something.
    fn collect(
        &self,
        kind: &str,
        dry_run: bool,
        bytes: &mut u64,
        mut dead: impl FnMut(&str, SystemTime) -> Option<()>,
    ) -> Result<(), StoreError> {
        let directory = self.directory().join(kind);
        let failed = |source| StoreError::io("could not be read", &directory, source);
        let transaction = if dry_run { None } else { Some(self.begin()?) };
        for entry in std::fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (name, about) = (entry.file_name(), entry.metadata().map_err(failed)?);
            let name = name.to_string_lossy();
            if dead(&name, about.modified().unwrap_or(UNIX_EPOCH)).is_none() {
                continue;
            }
            *bytes += size_of(&entry.path());
            let Some(transaction) = &transaction else {
                continue;
            };
            if about.is_dir() {
                // First out of sight, whole, then away piece by piece.
                let doomed = transaction.dir().join(&*name);
                durable::rename(&entry.path(), &doomed)?;
            } else {
                remove_file(&entry.path())?;
            }
        }
        if let Some(transaction) = &transaction {
            durable::sync_dir(&directory)?;
            remove_tree(transaction.dir());
        }
        Ok(())
    }
}

fn is_kept(record: &Record, options: &GcOptions, oldest: SystemTime) -> bool {
    let named = [&record.action.digest, &record.plan, &record.output];
    let started = UNIX_EPOCH + Duration::from_secs(record.started);
    named
        .into_iter()
        .any(|digest| options.roots.contains(digest))
        || started >= oldest
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("could not be removed", path, source))
        }
        _ => Ok(()),
    }
}

/// Bytes on disk of a file or a tree.
fn size_of(path: &Path) -> u64 {
    let mut total = 0;
    let mut pending: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(about) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        total += std::os::unix::fs::MetadataExt::blocks(&about) * 512;
        if about.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            pending.extend(entries.map(|entry| entry.path()));
        }
    }
    total
}
