//! Small questions about the host.

use std::path::{Path, PathBuf};

use crate::process::PATH;

/// The program of this name on the search path that children get.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let directories = PATH.split(':').map(Path::new);
    directories.map(|directory| directory.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// True when `path`, or the nearest directory above it that exists, can be written to.
pub fn is_writable(path: &Path) -> bool {
    let existing = path.ancestors().find(|directory| directory.exists());
    existing.is_some_and(|path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok())
}
