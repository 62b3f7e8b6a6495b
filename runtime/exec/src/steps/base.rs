//! Bases that the project brings itself: an archive, or a directory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use forge_model::{
    BUILD_EPOCH, Base, Digest, Entry, EntryKind, ImagePath, Manifest, SourceFile, Xattrs,
};
use forge_store::{LayerContent, OutputKind};
use forge_sys::process::{Command, Isolation};
use forge_sys::root::{Attributes, Root};

use super::{debian, leak, native};
use crate::StepError;
use crate::step::{Made, Step};

/// First bytes of a gzip member (RFC 1952) and of a zstd frame (RFC 8878).
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

pub(crate) fn base(step: &Step<'_>, base: &Base) -> Result<Made, StepError> {
    match base {
        Base::Debian { .. } => debian::base(step, base),
        Base::Archive { arch: _, source } => archive(step, source),
        Base::Tree { arch: _, directory: _, files } => tree(step, files),
    }
}

fn archive(step: &Step<'_>, source: &SourceFile) -> Result<Made, StepError> {
    let bytes = native::read_source(step, source)?;
    let failed = |error: std::io::Error| {
        StepError::user(format!("`{}` cannot be decompressed: {error}", source.path))
    };
    let bytes = if bytes.starts_with(GZIP) {
        let mut plain = Vec::new();
        let mut reader = flate2::read::MultiGzDecoder::new(bytes.as_slice());
        reader.read_to_end(&mut plain).map_err(failed)?;
        plain
    } else if bytes.starts_with(ZSTD) {
        zstd::decode_all(bytes.as_slice()).map_err(failed)?
    } else {
        bytes
    };
    let scratch = tempfile::Builder::new()
        .prefix("archive-")
        .tempdir_in(&step.context.work)
        .map_err(|error| StepError::environment(format!("no scratch directory: {error}")))?;
    let target = scratch.path().join("tree");
    std::fs::create_dir(&target)
        .map_err(|error| StepError::environment(format!("no scratch directory: {error}")))?;
    // GNU tar refuses members that leave the directory, by `..` or through a link.
    let log = step.log();
    let command = Command::new("tar")
        .args(["--extract", "--file=-", "--numeric-owner", "--same-owner", "--same-permissions"])
        .args(["--xattrs", "--xattrs-include=*", "--warning=no-timestamp", "--directory"])
        .arg(&target)
        .isolation(Isolation::Offline)
        .input(bytes)
        .log(&log)
        .cancel(&step.context.cancel);
    let output = command.run().map_err(|error| StepError::environment(error.to_string()))?;
    if !output.success() {
        let mut error = StepError::user(format!("`{}` is no tar archive", source.path));
        (error.command, error.tail, error.log) = (Some(command.line()), output.tail, Some(log));
        return Err(error);
    }
    complete(&target).map_err(|error| StepError::environment(error.to_string()))?;
    set_directory_times(&target).map_err(|error| StepError::environment(error.to_string()))?;
    // No time in an archive counts as made by this build, not even one that is newer than it: the
    // layer would differ from one build to the next.
    debian::keep(step, &target, None, i64::MAX, &crate::debian::scrub)
}

/// Programs of systemd that read the machine-id.
const SYSTEMD: [&str; 2] = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
const MACHINE_ID: &str = "/etc/machine-id";

/// Takes away the name of the machine that an archive was made of, and makes sure of an empty
/// machine-id: with none, systemd takes each boot for the first one, and enables what is disabled.
fn complete(target: &Path) -> std::io::Result<()> {
    let root = Root::open(target)?;
    let path = |text: &str| ImagePath::new(text).unwrap_or(ImagePath::ROOT);
    if root.stat(&path("/etc"), false).is_err() || root.read_link(&path("/etc")).is_ok() {
        return Ok(());
    }
    root.remove(&path("/etc/hostname"))?;
    let there = |text: &str| root.stat(&path(text), true).is_ok();
    if SYSTEMD.into_iter().any(there) && root.stat(&path(MACHINE_ID), false).is_err() {
        let with =
            Attributes { mode: 0o444, uid: 0, gid: 0, mtime: BUILD_EPOCH, xattrs: Xattrs::new() };
        root.create_file(&path(MACHINE_ID), &[], &with)?;
    }
    Ok(())
}

/// Gives all directories the time that what a build makes has: tar makes those that the archive
/// only implies, with the time of day.
fn set_directory_times(directory: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            set_directory_times(&entry.path())?;
        }
    }
    let epoch = UNIX_EPOCH + Duration::from_secs(BUILD_EPOCH.unsigned_abs());
    File::open(directory)?.set_modified(epoch)
}

/// A directory of the project: all owned by root, modes by the executable bit.
fn tree(step: &Step<'_>, files: &[(ImagePath, SourceFile)]) -> Result<Made, StepError> {
    let (mut manifest, mut contents) = (Manifest::default(), BTreeMap::new());
    let entry = |kind, mode| Entry {
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: BUILD_EPOCH,
        xattrs: Xattrs::new(),
    };
    for (path, file) in files {
        let bytes = native::read_source(step, file)?;
        let (size, digest) = (bytes.len() as u64, Digest::of(&bytes));
        let mode = if file.executable { 0o755 } else { 0o644 };
        let kind = EntryKind::File { size, digest, group: None };
        manifest.entries.insert(path.clone(), entry(kind, mode));
        contents.insert(path.clone(), bytes);
        let mut parent = path.parent();
        while let Some(directory) = parent {
            parent = directory.parent();
            let kind = EntryKind::Directory { opaque: false };
            manifest.entries.entry(directory).or_insert_with(|| entry(kind, 0o755));
        }
    }
    let notes = leak::search(step.context, &manifest, &leak::Bytes::Memory(&contents))?;
    let store = &step.context.store;
    let transaction = store.begin()?;
    let content = LayerContent::Bytes(&contents);
    let output = store.commit_layer(&transaction, &manifest, content, false)?;
    let mut made = Made::new(output, OutputKind::Layer, manifest.content_size());
    made.notes = notes;
    Ok(made)
}
