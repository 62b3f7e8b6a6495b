//! Files that are whole under their final name, or not there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::FlockOperation;

use crate::{Store, transaction};

/// Ending of the temporary name of a single file in `tx/`.
pub(crate) const PART: &str = "part";

/// What is on the disk when a write returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Whatever the kernel has written by then.
    Later,
    /// The file under its name.
    Now,
}

impl Store {
    /// Writes a whole file: temporary name in `tx/`, rename; with fsync before and of the directory
    /// after, when it is to survive a power cut. Without, it is then the old one, absent, or
    /// broken: right for what is checked when read and made again when lost.
    pub(crate) fn write(
        &self,
        path: &Path,
        bytes: &[u8],
        mode: u32,
        durability: Durability,
    ) -> io::Result<()> {
        loop {
            let temporary =
                self.directory.join("tx").join(transaction::unique_name()).with_extension(PART);
            let result = write_new(&temporary, bytes, mode).and_then(|held| {
                if durability == Durability::Now {
                    held.sync_all()?;
                }
                // The lock is held until here: a sweep of another run takes what nobody holds.
                fs::rename(&temporary, path)
            });
            match result {
                Ok(()) if durability == Durability::Now => return sync_parent(path),
                Ok(()) => return Ok(()),
                // Swept between its creation and its lock; with both directories there, the next
                // try has another name.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && [path, &temporary]
                            .iter()
                            .all(|file| file.parent().is_some_and(Path::is_dir)) => {}
                Err(error) => {
                    fs::remove_file(&temporary).ok();
                    return Err(error);
                }
            }
        }
    }
}

/// Writes a new file; gives it locked.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
    // The umask of whoever starts a build decides nothing here.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Syncs a directory: the names in it.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs the directory that holds `path`.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_directory)
}

/// Makes a directory and its parents; sets the mode of what it makes.
pub(crate) fn create_directories(path: &Path, mode: u32) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_directories(parent, 0o755)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
    }
}
