//! Writes that survive a power cut.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::StoreError;

const WRITE: &str = "could not be written";

pub(crate) fn create_dir_all(path: &Path, mode: u32) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|source| StoreError::io("could not be made", path, source))
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), StoreError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(|source| StoreError::io(WRITE, path, source))
}

/// Writes a new file and makes its bytes durable, not its name.
pub(crate) fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_data()
    };
    write().map_err(|source| StoreError::io(WRITE, path, source))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| StoreError::io(WRITE, path, source))
}

/// Makes everything of the file system that holds `path` durable.
pub(crate) fn sync_file_system(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|directory| Ok(rustix::fs::syncfs(&directory)?))
        .map_err(|source| StoreError::io(WRITE, path, source))
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(|source| StoreError::io(WRITE, to, source))
}
