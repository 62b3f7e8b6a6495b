//! An image's tree, mounted so that nothing that a container writes lasts.

use std::path::{Path, PathBuf};

use forge_exec::{Stack, StepError};
use forge_sys::nspawn::{Payload, Sandbox};
use forge_sys::overlay::{Mounted, Upper};
use tempfile::TempDir;

use crate::exit::CmdError;

/// A mounted image.
#[derive(Debug)]
pub(crate) struct Ground {
    mounted: Mounted,
    /// Removed when the mount is gone.
    _scratch: TempDir,
    /// nspawn lays its own overlay on top; otherwise the mount has an upper on the tmpfs already.
    volatile: bool,
}

impl Ground {
    /// Mounts a stack below `work`, the tmpfs of the run.
    ///
    /// The tree is mounted read-only and nspawn's `--volatile=overlay` takes the writes. Where
    /// the store itself lies on overlayfs, that would be one overlay too many for the kernel
    /// (`FILESYSTEM_MAX_STACK_DEPTH`), and an upper on the tmpfs takes them.
    pub(crate) fn mount(stack: &Stack, work: &Path) -> Result<Self, CmdError> {
        let scratch = tempfile::Builder::new()
            .prefix("container-")
            .tempdir_in(work)
            .map_err(|error| CmdError::environment(error.to_string()))?;
        let mounted = Self::mount_in(stack, scratch.path())
            .map_err(|error| CmdError::environment(error.message))?;
        Ok(Self { mounted, _scratch: scratch, volatile: Self::can_be_volatile(stack) })
    }

    /// Whether nspawn can lay an overlay of its own over a mount of this stack.
    pub(crate) fn can_be_volatile(stack: &Stack) -> bool {
        stack.layers.first().is_none_or(|layer| layer.has_marks())
    }

    /// Mounts a stack in an empty directory of the run's tmpfs.
    pub(crate) fn mount_in(stack: &Stack, scratch: &Path) -> Result<Mounted, StepError> {
        let failed = |error: std::io::Error| StepError::environment(error.to_string());
        let target = scratch.join("root");
        std::fs::create_dir(&target).map_err(failed)?;
        let upper = if Self::can_be_volatile(stack) {
            None
        } else {
            let upper = Upper { upper: scratch.join("upper"), work: scratch.join("work") };
            std::fs::create_dir(&upper.upper).map_err(failed)?;
            std::fs::create_dir(&upper.work).map_err(failed)?;
            Some(upper)
        };
        stack.mount(&scratch.join("lowers"), &[], upper, &target)
    }

    /// The mounted tree.
    pub(crate) fn root(&self) -> &Path {
        self.mounted.path()
    }

    /// A container of it that leaves no trace.
    pub(crate) fn sandbox(&self, payload: Payload) -> Sandbox {
        let mut sandbox = Sandbox::new(self.root(), payload);
        sandbox.volatile = self.volatile;
        sandbox
    }
}

/// Where the console of a booted image goes.
pub(crate) fn console_log(store: &forge_store::Store, image: &str) -> PathBuf {
    store.directory().join("logs").join(format!("boot-{image}.log"))
}
