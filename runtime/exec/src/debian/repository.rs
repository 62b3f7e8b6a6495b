//! One-off repositories: exactly a slice of a list, and the files that it names.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use forge_model::PackageRecord;
use sha2::{Digest as _, Sha256};

use super::fetch::{deb_path, hex};
use super::{DebianError, io_error, make_directory, write_file};

/// A flat repository in a directory of its own.
#[derive(Debug)]
pub(crate) struct Repository {
    directory: PathBuf,
}

impl Repository {
    /// Writes `packages` and their files, which have been fetched, into `directory`.
    ///
    /// `suite` is needed by mmdebstrap, which finds the essential packages by it.
    pub(crate) fn write(
        directory: &Path,
        debs: &Path,
        packages: &[PackageRecord],
        suite: &str,
    ) -> Result<Self, DebianError> {
        Self::write_index(directory, packages, suite)?;
        let mut names = BTreeSet::new();
        for record in packages {
            let name = file_name(record);
            let (from, to) = (deb_path(debs, record), directory.join(name));
            // A link costs nothing; the scratch directory may be on another file system.
            if names.insert(name) && std::fs::hard_link(&from, &to).is_err() {
                std::fs::copy(&from, &to).map_err(|source| io_error(&from, source))?;
            }
        }
        Ok(Self { directory: directory.to_owned() })
    }

    /// Writes what the repository says, without the files: enough to resolve.
    pub(crate) fn write_index(
        directory: &Path,
        packages: &[PackageRecord],
        suite: &str,
    ) -> Result<(), DebianError> {
        make_directory(directory)?;
        let index = index(packages);
        write_file(&directory.join("Release"), release(suite, &index))?;
        write_file(&directory.join("Packages"), index)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }
}

fn file_name(record: &PackageRecord) -> &str {
    record.path.rsplit('/').next().unwrap_or(&record.path)
}

/// The `Packages` file: the mirror's own stanzas, with the place of the file in this repository.
fn index(packages: &[PackageRecord]) -> String {
    let mut out = String::new();
    for record in packages {
        for line in record.stanza.lines().filter(|line| !line.trim().is_empty()) {
            match line.split_once(':') {
                // Writing to a String cannot fail.
                Some((name, _)) if name.eq_ignore_ascii_case("Filename") => {
                    let _ = writeln!(out, "Filename: ./{}", file_name(record));
                }
                _ => {
                    let _ = writeln!(out, "{line}");
                }
            }
        }
        out.push('\n');
    }
    out
}

/// The `Release` file; the time is that of all builds.
fn release(suite: &str, index: &str) -> String {
    let digest = hex(&Sha256::digest(index));
    format!(
        "Suite: {suite}\nCodename: {suite}\nDate: Wed, 01 Jan 2025 00:00:00 UTC\n\
         SHA256:\n {digest} {} Packages\n",
        index.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_holds_its_slice_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (debs, target) = (directory.path().join("debs"), directory.path().join("repository"));
        std::fs::create_dir(&debs).unwrap();
        for name in ["aa", "bb"] {
            std::fs::write(debs.join(format!("{name}.deb")), name).unwrap();
        }
        let record = PackageRecord {
            name: "x".to_owned(),
            version: "1:1".to_owned(),
            arch: "all".to_owned(),
            size: 2,
            sha256: "aa".to_owned(),
            mirror: "host".to_owned(),
            path: "pool/main/x/x_1_all.deb".to_owned(),
            stanza: "Package: x\nFilename: pool/main/x/x_1_all.deb\nDescription: a\n b\n"
                .to_owned(),
        };
        let made = Repository::write(&target, &debs, &[record], "bookworm").unwrap();
        let read = |name: &str| std::fs::read_to_string(made.path().join(name)).unwrap();
        assert_eq!(read("Packages"), "Package: x\nFilename: ./x_1_all.deb\nDescription: a\n b\n\n");
        let (index, release) = (read("Packages"), read("Release"));
        assert!(release.starts_with("Suite: bookworm\nCodename: bookworm\n"), "{release}");
        assert!(release.ends_with(&format!(" {} Packages\n", index.len())), "{release}");
        assert_eq!(read("x_1_all.deb"), "aa");
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 3);
    }
}
