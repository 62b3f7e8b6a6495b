//! Brings the files of package lists into the store.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use forge_model::PackageRecord;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::apt::{Apt, complaints};
use super::supply::Supply;
use super::{Context, DebianError, io_error, make_directory};

/// Files that one call of apt's helper fetches.
const BATCH: usize = 500;

/// Where a package's file is kept.
pub(crate) fn deb_path(debs: &Path, record: &PackageRecord) -> PathBuf {
    debs.join(format!("{}.deb", record.sha256))
}

/// Fetches the files of `packages` that are not in the store yet. Each is checked against its
/// SHA-256 before it gets its name there. Returns the number of bytes fetched.
pub fn fetch(
    context: &Context,
    supply: &Supply<'_>,
    packages: &[PackageRecord],
) -> Result<u64, DebianError> {
    let mut missing: BTreeMap<&str, &PackageRecord> = packages
        .iter()
        .filter(|record| !is_present(&context.debs, record))
        .map(|record| (record.sha256.as_str(), record))
        .collect();
    if missing.is_empty() {
        return Ok(0);
    }
    let apt = Apt::open(context, supply, &[])?;
    let sources = apt.sources();
    make_directory(&context.debs)?;
    let partial = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(&context.debs)
        .map_err(|source| io_error(&context.debs, source))?;
    let total = missing.values().map(|record| record.size).sum();
    let addresses = |record: &PackageRecord| sources.addresses(&record.mirror, &record.path);
    let rounds = missing.values().map(|record| addresses(record).len()).max().unwrap_or_default();
    let mut tail = Vec::new();
    // A mirror's name can stand for several archives: what one does not have is asked of the next.
    for round in 0..rounds {
        let jobs: Vec<(&PackageRecord, String)> = missing
            .values()
            .filter_map(|record| Some((*record, addresses(record).into_iter().nth(round)?)))
            .collect();
        for batch in jobs.chunks(BATCH) {
            tail.extend(download_batch(context, &apt, partial.path(), batch)?);
        }
        let entered: Vec<&str> = missing
            .par_iter()
            .map(|(sha256, record)| {
                Ok(enter(&context.debs, partial.path(), record)?.then_some(*sha256))
            })
            .filter_map(Result::transpose)
            .collect::<Result<_, DebianError>>()?;
        for sha256 in entered {
            missing.remove(sha256);
        }
        if missing.is_empty() {
            return Ok(total);
        }
    }
    let names: Vec<&str> = missing.values().map(|record| record.name.as_str()).collect();
    let what = format!("packages {} from {}", names.join(", "), sources.hosts());
    Err(DebianError::Unreachable { what, tail: complaints(&tail) })
}

/// Fetches one file to `target`; gives its SHA-256.
pub fn download(context: &Context, url: &str, target: &Path) -> Result<String, DebianError> {
    let apt = Apt::without_lists(context)?;
    let command = apt.command("/usr/lib/apt/apt-helper").args(["-q", "download-file", url]);
    let output = context.logged(command.arg(target)).run()?;
    if !output.success() {
        let tail = complaints(&output.tail);
        return Err(DebianError::Unreachable { what: format!("`{url}`"), tail });
    }
    let mut file = std::fs::File::open(target).map_err(|source| io_error(target, source))?;
    sha256_of(&mut file).map_err(|source| io_error(target, source))
}

/// True when the file is there in full length. apt checks its hash once more when it is used.
fn is_present(debs: &Path, record: &PackageRecord) -> bool {
    std::fs::metadata(deb_path(debs, record)).is_ok_and(|found| found.len() == record.size)
}

/// Fetches what can be fetched; gives the output's end when something could not.
fn download_batch(
    context: &Context,
    apt: &Apt<'_>,
    partial: &Path,
    batch: &[(&PackageRecord, String)],
) -> Result<Vec<String>, DebianError> {
    let mut command = apt.command("/usr/lib/apt/apt-helper").args(["-q", "download-file"]);
    for (record, address) in batch {
        command = command
            .arg(as_bytes(address))
            .arg(partial.join(&record.sha256))
            .arg(format!("SHA256:{}", record.sha256));
    }
    let output = context.logged(command).run()?;
    Ok(if output.success() { Vec::new() } else { output.tail })
}

/// For a `file:` address apt gives back a link to it; the store is to hold the bytes.
fn as_bytes(address: &str) -> String {
    match address.strip_prefix("file:") {
        Some(path) => format!("copy:{path}"),
        None => address.to_owned(),
    }
}

/// Gives a fetched file its name in the store; false when it was not fetched.
fn enter(debs: &Path, partial: &Path, record: &PackageRecord) -> Result<bool, DebianError> {
    let fetched = partial.join(&record.sha256);
    let mut file = match std::fs::File::open(&fetched) {
        Ok(file) => file,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(io_error(&fetched, source)),
    };
    let found = sha256_of(&mut file).map_err(|source| io_error(&fetched, source))?;
    if found != record.sha256 {
        return Err(DebianError::Corrupt {
            file: record.path.clone(),
            expected: record.sha256.clone(),
            found,
        });
    }
    let target = deb_path(debs, record);
    std::fs::rename(&fetched, &target).map_err(|source| io_error(&target, source))?;
    Ok(true)
}

fn sha256_of(file: &mut std::fs::File) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(hex(&hasher.finalize()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sha256: &str) -> PackageRecord {
        PackageRecord {
            name: "a".to_owned(),
            version: "1".to_owned(),
            arch: "all".to_owned(),
            size: 3,
            sha256: sha256.to_owned(),
            mirror: "host".to_owned(),
            path: "pool/a.deb".to_owned(),
            stanza: String::new(),
        }
    }

    #[test]
    fn files_of_this_host_are_copied() {
        assert_eq!(as_bytes("file:/srv/debian/pool/a.deb"), "copy:/srv/debian/pool/a.deb");
        assert_eq!(as_bytes("http://m.example.org/a.deb"), "http://m.example.org/a.deb");
    }

    #[test]
    fn only_a_file_with_the_right_hash_enters() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let directory = tempfile::tempdir().unwrap();
        let (debs, partial) = (directory.path().join("debs"), directory.path().join("partial"));
        std::fs::create_dir(&debs).unwrap();
        std::fs::create_dir(&partial).unwrap();
        assert!(!enter(&debs, &partial, &record(abc)).unwrap(), "nothing was fetched");

        std::fs::write(partial.join(abc), "xyz").unwrap();
        let wrong = enter(&debs, &partial, &record(abc));
        assert!(matches!(wrong, Err(DebianError::Corrupt { .. })), "{wrong:?}");
        assert!(!is_present(&debs, &record(abc)));

        std::fs::write(partial.join(abc), "abc").unwrap();
        assert!(enter(&debs, &partial, &record(abc)).unwrap());
        assert!(is_present(&debs, &record(abc)));
        std::fs::write(deb_path(&debs, &record(abc)), "ab").unwrap();
        assert!(!is_present(&debs, &record(abc)), "cut short");
    }
}
