//! Overlayfs mounts: layers below, at most one writable directory on top.
//!
//! Layers are named to the kernel as `/proc/self/fd/N`, never by their own paths: a string of the
//! new mount API ends at 256 bytes, all options of `mount(2)` together at 4096, and a path could
//! hold `:` or `,`. Every mount has `index=off,metacopy=off,redirect_dir=off`, so that an upper
//! directory holds nothing but files, whiteouts and opaque marks.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, XattrFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags,
};

/// The fixed options; see the module's head.
const OPTIONS: [(&str, &str); 3] = [("index", "off"), ("metacopy", "off"), ("redirect_dir", "off")];

/// Why an overlay could not be mounted or unmounted.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// A directory of the stack cannot be opened.
    #[error("layer directory `{}` cannot be opened: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The kernel refused the mount.
    #[error("overlay on `{}` was refused: {source}{detail}", target.display())]
    Mount {
        /// Where it was to be.
        target: PathBuf,
        /// Why.
        source: std::io::Error,
        /// What the kernel wrote about it, after `: `, or nothing.
        detail: String,
    },
    /// The mount is still there.
    #[error("`{}` could not be unmounted: {source}", target.display())]
    Unmount {
        /// Where it is.
        target: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl OverlayError {
    /// `lowerdir+` is unknown, or the calls are (a seccomp filter of an old container runtime
    /// answers EPERM).
    fn may_be_unsupported(&self) -> bool {
        let Self::Mount { source, .. } = self else {
            return false;
        };
        let errno = Errno::from_io_error(source);
        matches!(errno, Some(Errno::INVAL | Errno::NOSYS | Errno::PERM | Errno::NODEV))
    }
}

/// The writable top of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upper {
    /// Takes what is written.
    pub upper: PathBuf,
    /// An empty directory on the same file system, for the kernel's own use.
    pub work: PathBuf,
}

/// An overlay to be mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// The layers, from the bottom up; at least one.
    pub lowers: Vec<PathBuf>,
    /// The writable top; without it the mount is read-only.
    pub upper: Option<Upper>,
    /// Where the merged view appears.
    pub target: PathBuf,
}

impl Overlay {
    /// Mounts it: by the new mount API, or by `mount(2)` on kernels before 6.7.
    pub fn mount(&self) -> Result<Mounted, OverlayError> {
        let refused = match self.mount_with(MountApi::New) {
            Err(error) if error.may_be_unsupported() => error,
            other => return other,
        };
        self.mount_with(MountApi::Classic).map_err(|second| match (refused, second) {
            // Only the new API explains itself; but that it does not know an option is no
            // explanation.
            (OverlayError::Mount { detail, source, target }, _)
                if !detail.is_empty() && !detail.contains("lowerdir+") =>
            {
                OverlayError::Mount { target, source, detail }
            }
            (_, second) => second,
        })
    }

    /// Mounts it by one of the two ways.
    pub fn mount_with(&self, api: MountApi) -> Result<Mounted, OverlayError> {
        if let ([only], None) = (self.lowers.as_slice(), &self.upper) {
            // Overlayfs wants two layers or an upper directory.
            return bind_read_only(only, &self.target);
        }
        let stack = Stack::open(self)?;
        let result = match api {
            MountApi::New => stack.mount_new(&self.target),
            MountApi::Classic => stack.mount_classic(&self.target),
        };
        match result {
            Ok(()) => Ok(Mounted { target: Some(self.target.clone()) }),
            Err((errno, detail)) => {
                let target = self.target.clone();
                Err(OverlayError::Mount { target, source: errno.into(), detail })
            }
        }
    }
}

/// The two ways of the kernel to mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountApi {
    /// `fsopen` and its kin; for overlayfs since Linux 6.7.
    New,
    /// `mount(2)`.
    Classic,
}

type Refusal = (Errno, String);

/// The directories of an overlay, held open.
struct Stack {
    /// From the bottom up.
    lowers: Vec<OwnedFd>,
    upper: Option<(OwnedFd, OwnedFd)>,
}

impl Stack {
    fn open(overlay: &Overlay) -> Result<Self, OverlayError> {
        let open = |path: &PathBuf| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| OverlayError::Directory {
                path: path.clone(),
                source: errno.into(),
            })
        };
        let lowers = overlay.lowers.iter().map(open).collect::<Result<_, _>>()?;
        let upper = match &overlay.upper {
            Some(Upper { upper, work }) => Some((open(upper)?, open(work)?)),
            None => None,
        };
        Ok(Self { lowers, upper })
    }

    fn mount_new(&self, target: &Path) -> Result<(), Refusal> {
        let plain = |errno| (errno, String::new());
        let context =
            rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(plain)?;
        let explained = |errno| (errno, kernel_messages(&context));
        let set = |key: &str, value: &str| {
            rustix::mount::fsconfig_set_string(&context, key, value).map_err(explained)
        };
        set("source", "forge")?;
        for lower in self.lowers.iter().rev() {
            set("lowerdir+", &name(lower))?;
        }
        if let Some((upper, work)) = &self.upper {
            set("upperdir", &name(upper))?;
            set("workdir", &name(work))?;
        }
        for (key, value) in OPTIONS {
            set(key, value)?;
        }
        rustix::mount::fsconfig_create(&context).map_err(explained)?;
        let attributes = if self.upper.is_some() {
            MountAttrFlags::empty()
        } else {
            MountAttrFlags::MOUNT_ATTR_RDONLY
        };
        let mount = rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(explained)?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        rustix::mount::move_mount(&mount, "", CWD, target, flags).map_err(plain)
    }

    fn mount_classic(&self, target: &Path) -> Result<(), Refusal> {
        let lowers: Vec<String> = self.lowers.iter().rev().map(name).collect();
        let mut options = format!("lowerdir={}", lowers.join(":"));
        if let Some((upper, work)) = &self.upper {
            options = format!("{options},upperdir={},workdir={}", name(upper), name(work));
        }
        for (key, value) in OPTIONS {
            options = format!("{options},{key}={value}");
        }
        let options = CString::new(options).map_err(|_| (Errno::INVAL, String::new()))?;
        let flags = if self.upper.is_some() { MountFlags::empty() } else { MountFlags::RDONLY };
        rustix::mount::mount("forge", target, "overlay", flags, Some(options.as_c_str()))
            .map_err(|errno| (errno, String::new()))
    }
}

fn name(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// What the kernel says about a failed step: lines such as `e overlay: …`, one for each read.
fn kernel_messages(context: &OwnedFd) -> String {
    let mut out = String::new();
    let mut buffer = [0_u8; 1024];
    while let Ok(read) = rustix::io::read(context, &mut buffer) {
        if read == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&buffer[..read]);
        out.push_str(": ");
        out.push_str(line.trim_start_matches(['e', 'w', 'i', ' ']).trim_end());
    }
    out
}

fn bind_read_only(source: &Path, target: &Path) -> Result<Mounted, OverlayError> {
    let refused = |errno: Errno| OverlayError::Mount {
        target: target.to_owned(),
        source: errno.into(),
        detail: String::new(),
    };
    rustix::mount::mount_bind(source, target).map_err(refused)?;
    let mounted = Mounted { target: Some(target.to_owned()) };
    let flags = MountFlags::BIND | MountFlags::RDONLY;
    rustix::mount::mount_remount(target, flags, "").map_err(refused)?;
    Ok(mounted)
}

/// A mount, taken away when dropped.
#[derive(Debug)]
#[must_use]
pub struct Mounted {
    target: Option<PathBuf>,
}

impl Mounted {
    /// Where the merged view is.
    pub fn path(&self) -> &Path {
        self.target.as_deref().unwrap_or(Path::new("/"))
    }

    /// Leaves the mount to the end of the mount namespace.
    pub fn keep(mut self) {
        self.target = None;
    }

    /// Unmounts, and says when that is not possible.
    pub fn unmount(mut self) -> Result<(), OverlayError> {
        let Some(target) = self.target.take() else {
            return Ok(());
        };
        rustix::mount::unmount(&target, UnmountFlags::NOFOLLOW).or_else(|errno| {
            // Busy: it goes from sight now, and for good with its last user.
            rustix::mount::unmount(&target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
                .map_err(|_| OverlayError::Unmount { target, source: errno.into() })
        })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(target) = self.target.take() {
            let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
            if let Err(error) = rustix::mount::unmount(&target, flags) {
                tracing::warn!(target = %target.display(), %error, "a mount is left");
            }
        }
    }
}

/// True when a directory can hold upper directories, whiteouts and opaque marks. False on
/// overlayfs itself (a store inside a container), and without privilege.
pub fn probe(directory: &Path) -> bool {
    let probe = directory.join(format!(".probe-{}", std::process::id()));
    if std::fs::create_dir(&probe).is_err() {
        return false;
    }
    let whiteout = probe.join("whiteout");
    let holds = write_whiteout(CWD, &whiteout).is_ok() && {
        let marked = set_opaque(&probe);
        marked.is_ok()
    };
    // Left-overs of a probe are harmless, and the next sweep takes them.
    std::fs::remove_file(&whiteout).ok();
    std::fs::remove_dir(&probe).ok();
    holds
}

/// Makes a whiteout: a character device 0:0.
pub fn write_whiteout(directory: impl AsFd, path: &Path) -> std::io::Result<()> {
    let kind = rustix::fs::FileType::CharacterDevice;
    let device = rustix::fs::makedev(0, 0);
    Ok(rustix::fs::mknodat(directory, path, kind, Mode::empty(), device)?)
}

/// Marks a directory as opaque.
pub fn set_opaque(directory: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::lsetxattr(directory, OPAQUE, b"y", XattrFlags::empty())?)
}

/// The extended attribute of an opaque directory.
pub(crate) const OPAQUE: &str = "trusted.overlay.opaque";
