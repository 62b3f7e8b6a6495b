//! `InSpec` profiles as they are, from directories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use forge_inspec::outline::{DIRECTORIES, MANIFESTS};
use forge_inspec::{Options, Platform, ProfileSource, Waivers};
use forge_model::{ProfileReport, Target};
use forge_report::civil_day;

use super::RunArgs;
use crate::exit::CmdError;

/// The largest profile that is read, in bytes and in files: the largest public one has 13 MB.
const MAX_BYTES: u64 = 256 << 20;
const MAX_FILES: usize = 50_000;

/// Judges a system by the profiles of `--inspec`; adds the ids of their controls to `known`.
pub(super) fn judge(
    args: &RunArgs,
    inputs: &BTreeMap<&str, &str>,
    waivers: Waivers,
    (target, now): (&dyn Target, u64),
    known: &mut Vec<String>,
) -> Result<Vec<ProfileReport>, CmdError> {
    if args.inspec.is_empty() {
        return Ok(Vec::new());
    }
    let mut options = Options {
        inputs: inputs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        controls: args.control.clone(),
        now: i64::try_from(now).ok(),
        waivers,
        ..Options::default()
    };
    for file in &args.input_file {
        options.input_files.push(read(file)?);
    }
    if let Some(file) = &args.platform_file {
        let detected =
            Platform::detect(target).map_err(|error| CmdError::environment(error.to_string()))?;
        let platform = detected
            .with_file(&read(file)?)
            .map_err(|why| CmdError::user(format!("`{}`: {why}", file.display())))?;
        options.platform = Some(platform);
    }
    let mut judged = Vec::new();
    for directory in &args.inspec {
        let name = directory.display().to_string();
        let run = forge_inspec::run(&name, &Disk, target, &options).map_err(CmdError::user)?;
        known.extend(run.known_controls.iter().cloned());
        judged.push(run.report);
    }
    Ok(judged)
}

/// The waivers of some files, as they are on a day; those of a later file win.
pub(super) fn waivers(files: &[PathBuf], now: u64) -> Result<Waivers, CmdError> {
    let mut all = Waivers::default();
    for file in files {
        let waivers = Waivers::parse(&read(file)?, civil_day(now))
            .map_err(|why| CmdError::user(format!("`{}`: {why}", file.display())))?;
        all.add(waivers);
    }
    Ok(all)
}

pub(super) fn read(file: &Path) -> Result<String, CmdError> {
    std::fs::read_to_string(file)
        .map_err(|error| CmdError::user(format!("`{}` cannot be read: {error}", file.display())))
}

/// Profiles of this machine's disk.
pub(super) struct Disk;

impl ProfileSource for Disk {
    fn read(&self, directory: &str) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let root = PathBuf::from(directory);
        let mut found = Found::default();
        let mut open: Vec<PathBuf> = DIRECTORIES.iter().map(|part| root.join(part)).collect();
        for name in MANIFESTS {
            if root.join(name).is_file() {
                found.add(&root, &root.join(name))?;
            }
        }
        if !root.is_dir() {
            return Err(format!("`{directory}` is no directory"));
        }
        while let Some(place) = open.pop() {
            let Ok(entries) = std::fs::read_dir(&place) else { continue };
            for entry in entries {
                let entry = entry.map_err(|error| format!("`{}`: {error}", place.display()))?;
                let path = entry.path();
                // A link of a profile may lead anywhere; none is followed.
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => open.push(path),
                    Ok(kind) if kind.is_file() => found.add(&root, &path)?,
                    _ => {}
                }
            }
        }
        Ok(found.files)
    }
}

#[derive(Default)]
struct Found {
    files: BTreeMap<String, Vec<u8>>,
    bytes: u64,
}

impl Found {
    fn add(&mut self, root: &Path, path: &Path) -> Result<(), String> {
        let shown = path.display();
        let size = path.metadata().map_err(|error| format!("`{shown}`: {error}"))?.len();
        self.bytes += size;
        if self.bytes > MAX_BYTES || self.files.len() >= MAX_FILES {
            return Err(format!(
                "the profile `{}` has more than {MAX_FILES} files or {} MiB",
                root.display(),
                MAX_BYTES >> 20
            ));
        }
        let bytes = std::fs::read(path).map_err(|error| format!("`{shown}`: {error}"))?;
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        self.files.insert(name, bytes);
        Ok(())
    }
}
