//! Package files of the project: what they say of themselves.

use std::fmt::Write as _;
use std::path::Path;

use forge_model::{Located, PackageRecord, SourceFile};
use sha2::{Digest as _, Sha256};

use super::control::paragraphs;
use super::fetch::{deb_path, hex};
use super::{Context, DebianError, io_error, make_directory};

/// The name that a list of packages has for files of the project.
pub const PROJECT: &str = "project";

/// Brings a package file into the store, and reads its control data.
pub fn package_file(
    context: &Context,
    arch: &str,
    file: &Located<SourceFile>,
    bytes: &[u8],
) -> Result<PackageRecord, DebianError> {
    let failed = |why: String| DebianError::PackageFile {
        file: Located::new(file.value.path.clone(), file.origin.clone()),
        why,
    };
    let sha256 = hex(&Sha256::digest(bytes));
    let path = context.debs.join(format!("{sha256}.deb"));
    enter(&context.debs, &path, bytes)?;
    let output = context.command("dpkg-deb").arg("--field").arg(&path).run()?;
    if !output.success() {
        let said = output.tail.last().map(String::as_str).unwrap_or_default();
        return Err(failed(format!("dpkg-deb cannot read it: {said}")));
    }
    let text = output.text();
    let control = paragraphs(&text).next().ok_or_else(|| failed("it says nothing".to_owned()))?;
    let field = |name: &str| {
        let value = control.field(name).map(std::borrow::Cow::into_owned);
        value.ok_or_else(|| failed(format!("it has no field `{name}`")))
    };
    let (name, version, of) = (field("Package")?, field("Version")?, field("Architecture")?);
    if of != arch && of != "all" {
        return Err(failed(format!("it is for `{of}`, and the image is `{arch}`")));
    }
    let size = bytes.len() as u64;
    let mut stanza = control.text().trim_end().to_owned();
    // Writing to a String cannot fail.
    let _ = write!(stanza, "\nFilename: ./{name}_{of}.deb\nSize: {size}\nSHA256: {sha256}\n");
    let (arch, mirror, path) = (of, PROJECT.to_owned(), file.value.path.clone());
    Ok(PackageRecord { name, version, arch, size, sha256, mirror, path, stanza })
}

/// Gives the bytes their name in the store, whole or not at all.
fn enter(debs: &Path, path: &Path, bytes: &[u8]) -> Result<(), DebianError> {
    if std::fs::metadata(path).is_ok_and(|found| found.len() == bytes.len() as u64) {
        return Ok(());
    }
    make_directory(debs)?;
    let failed = |source| io_error(path, source);
    let mut new = tempfile::Builder::new().prefix(".file-").tempfile_in(debs).map_err(failed)?;
    std::io::Write::write_all(&mut new, bytes).map_err(failed)?;
    new.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Those of a list that are files of the project and are not in the store any more.
pub fn missing_files<'a>(
    context: &Context,
    packages: &'a [PackageRecord],
) -> Vec<&'a PackageRecord> {
    let is_missing = |record: &&PackageRecord| {
        record.mirror == PROJECT && !deb_path(&context.debs, record).exists()
    };
    packages.iter().filter(is_missing).collect()
}
