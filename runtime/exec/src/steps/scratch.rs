//! The directory in which a step works.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::StepError;

/// A directory of its own for one step, taken away with all that is in it when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: tempfile::TempDir,
    /// When the step began, in seconds since 1970, by the clock that files get their times from.
    ///
    /// The kernel's clock for files is coarser than the one that programs ask (`current_time` in
    /// `fs/inode.c`): a file made a moment after that clock was read may bear an earlier time. So the
    /// beginning is the time of a file too, and nothing that the step makes is older.
    pub(crate) begun: i64,
}

impl Scratch {
    /// Below the context's directory of work in progress.
    pub(crate) fn new(work: &Path) -> Result<Self, StepError> {
        let make = || {
            let directory = tempfile::Builder::new().prefix("step-").tempdir_in(work)?;
            let begun = std::fs::metadata(directory.path())?.mtime();
            Ok(Self { directory, begun })
        };
        make().map_err(|error: std::io::Error| {
            StepError::environment(format!("`{}` cannot be used: {error}", work.display()))
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn nothing_that_a_step_makes_is_older_than_its_beginning() {
        let work = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        // Long enough to see a second begin.
        while begun.elapsed() < Duration::from_millis(1100) {
            let scratch = Scratch::new(work.path()).unwrap();
            let upper = scratch.path().join("upper");
            std::fs::create_dir(&upper).unwrap();
            let made = std::fs::metadata(&upper).unwrap().mtime();
            assert!(made >= scratch.begun, "made at {made}, begun at {}", scratch.begun);
        }
    }
}
