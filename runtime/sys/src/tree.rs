//! Directory trees into manifests, and manifests into directory trees.
//!
//! ```text
//! upper directory of a step ── scan ──> Manifest ── write_tree ──> tree directory of a layer
//! ```
//!
//! A scan brings a tree into normal form: volatile files dropped or emptied, times of the build
//! set to [`BUILD_EPOCH`], directories that the layer only passes through left out, whiteouts and
//! opaque marks explicit, marks of overlayfs itself gone.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use forge_model::{BUILD_EPOCH, Digest, Entry, EntryKind, ImagePath, Manifest, Tree, Xattrs};
use rayon::prelude::*;
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::overlay::OPAQUE;
pub use crate::write::{Content, write_tree};

/// Why a tree could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A path could not be read.
    #[error("`{}` could not be read: {source}", path.display())]
    Read {
        /// The path on the host.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A path could not be written.
    #[error("`{}` could not be written: {source}", path.display())]
    Write {
        /// The path on the host.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl TreeError {
    /// True when the file system is full.
    pub fn is_full(&self) -> bool {
        let (Self::Read { source, .. } | Self::Write { source, .. }) = self;
        matches!(Errno::from_io_error(source), Some(Errno::NOSPC | Errno::DQUOT))
    }
}

/// What a scan does with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It belongs to the layer.
    Whole,
    /// It belongs to the layer as an empty file.
    Emptied,
    /// It does not belong to the layer, nor does anything below it.
    Dropped,
}

/// How a tree is brought into normal form.
#[derive(Clone, Copy)]
pub struct ScanOptions<'a> {
    /// The merged view of the layers below, for the upper directory of an overlay. Without it the
    /// tree is a whole one: all directories count, and there are no whiteouts.
    pub below: Option<&'a Tree>,
    /// Decides on each path.
    pub keep: &'a (dyn Fn(&ImagePath) -> Keep + Sync),
    /// Start of the step, seconds since 1970 by the clock of files: what is not older becomes
    /// [`BUILD_EPOCH`].
    pub started: i64,
}

impl std::fmt::Debug for ScanOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScanOptions").field("started", &self.started).finish_non_exhaustive()
    }
}

/// A tree in normal form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The layer.
    pub manifest: Manifest,
    /// Sockets, which no layer can hold.
    pub sockets: Vec<ImagePath>,
    /// Extended attributes that a layer does not keep.
    pub lost_xattrs: Vec<(ImagePath, String)>,
}

/// Scans the tree in `directory`. Nothing may write to it meanwhile.
pub fn scan(directory: &Path, options: &ScanOptions<'_>) -> Result<Scan, TreeError> {
    let mut walk = Walk { directory, options, found: Vec::new(), out: Scan::default() };
    walk.entry(ImagePath::ROOT)?;
    let Walk { found, mut out, .. } = walk;
    let groups = groups(&found);
    let hashed: Vec<(ImagePath, Entry)> = found
        .into_par_iter()
        .map(|found| found.into_entry(directory, &groups))
        .collect::<Result<_, _>>()?;
    let unopaque = |path: &ImagePath, opaque: &[ImagePath]| {
        !opaque.iter().any(|directory| path.starts_with(directory))
    };
    let opaque: Vec<ImagePath> = hashed
        .iter()
        .filter(|(_, entry)| matches!(entry.kind, EntryKind::Directory { opaque: true }))
        .map(|(path, _)| path.clone())
        .collect();
    out.manifest.entries = hashed
        .into_iter()
        .filter(|(path, entry)| {
            let Some(below) = options.below else {
                return true;
            };
            !(unopaque(path, &opaque) && adds_nothing(path, entry, below))
        })
        .collect();
    Ok(out)
}

/// True for what looks from above just as without it. The time is left aside when the step set
/// it: making a file touches the directory, and an equal file written again is no difference.
fn adds_nothing(path: &ImagePath, entry: &Entry, below: &Tree) -> bool {
    let lower = below.get(path).map(|found| &found.entry);
    let Some(lower) = lower else {
        return entry.kind == EntryKind::Whiteout;
    };
    let grouped = matches!(&lower.kind, EntryKind::File { group: Some(_), .. });
    let Entry { kind, mode, uid, gid, mtime, xattrs } = entry;
    let same_time = *mtime == lower.mtime || *mtime == BUILD_EPOCH;
    let same_owner = (*mode, *uid, *gid) == (lower.mode, lower.uid, lower.gid);
    same_time && same_owner && !grouped && *kind == lower.kind && *xattrs == lower.xattrs
}

/// A path that was seen, its content not yet.
struct Found {
    path: ImagePath,
    kind: FoundKind,
    stat: rustix::fs::Stat,
    mtime: i64,
    xattrs: Xattrs,
}

enum FoundKind {
    File { emptied: bool },
    Other(EntryKind),
}

impl Found {
    fn into_entry(
        self,
        directory: &Path,
        groups: &BTreeMap<(u64, u64), ImagePath>,
    ) -> Result<(ImagePath, Entry), TreeError> {
        let kind = match self.kind {
            FoundKind::Other(kind) => kind,
            FoundKind::File { emptied: true } => {
                EntryKind::File { size: 0, digest: Digest::of(b""), group: None }
            }
            FoundKind::File { emptied: false } => {
                let at = host_path(directory, &self.path);
                let (size, digest) =
                    hash_file(&at).map_err(|source| TreeError::Read { path: at, source })?;
                let group = groups.get(&(self.stat.st_dev, self.stat.st_ino)).cloned();
                EntryKind::File { size, digest, group }
            }
        };
        let entry = Entry {
            kind,
            mode: self.stat.st_mode & 0o7777,
            uid: self.stat.st_uid,
            gid: self.stat.st_gid,
            mtime: self.mtime,
            xattrs: self.xattrs,
        };
        Ok((self.path, entry))
    }
}

/// First paths of the hard-link groups that have two members here or more.
fn groups(found: &[Found]) -> BTreeMap<(u64, u64), ImagePath> {
    let mut members: BTreeMap<(u64, u64), Vec<&ImagePath>> = BTreeMap::new();
    for one in found {
        if matches!(one.kind, FoundKind::File { emptied: false }) && one.stat.st_nlink > 1 {
            members.entry((one.stat.st_dev, one.stat.st_ino)).or_default().push(&one.path);
        }
    }
    members
        .into_iter()
        .filter(|(_, paths)| paths.len() > 1)
        .filter_map(|(inode, paths)| Some((inode, paths.into_iter().min()?.clone())))
        .collect()
}

/// BLAKE3 and size of a file.
pub fn hash_file(path: &Path) -> std::io::Result<(u64, Digest)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok((hasher.count(), Digest::from_bytes(*hasher.finalize().as_bytes())))
}

/// Where a path of an image lies below a directory of the host.
pub fn host_path(directory: &Path, path: &ImagePath) -> PathBuf {
    if path.is_root() {
        directory.to_owned()
    } else {
        directory.join(OsStr::from_bytes(path.as_bytes()))
    }
}

struct Walk<'a> {
    directory: &'a Path,
    options: &'a ScanOptions<'a>,
    found: Vec<Found>,
    out: Scan,
}

impl Walk<'_> {
    fn entry(&mut self, path: ImagePath) -> Result<(), TreeError> {
        let keep = if path.is_root() { Keep::Whole } else { (self.options.keep)(&path) };
        if keep == Keep::Dropped {
            return Ok(());
        }
        let at = host_path(self.directory, &path);
        let failed = |source: std::io::Error| TreeError::Read { path: at.clone(), source };
        let stat = rustix::fs::lstat(&at).map_err(|errno| failed(errno.into()))?;
        let (xattrs, opaque) = self.xattrs(&at, &path)?;
        let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        let overlay = self.options.below.is_some();
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FoundKind::File { emptied: keep == Keep::Emptied },
            FileType::Directory => FoundKind::Other(EntryKind::Directory { opaque }),
            FileType::Symlink => {
                let target = std::fs::read_link(&at).map_err(failed)?;
                let target = target.into_os_string().into_encoded_bytes();
                FoundKind::Other(EntryKind::Symlink { target })
            }
            FileType::CharacterDevice if overlay && device == (0, 0) => {
                FoundKind::Other(EntryKind::Whiteout)
            }
            FileType::CharacterDevice => FoundKind::Other(EntryKind::CharDevice { device }),
            FileType::BlockDevice => FoundKind::Other(EntryKind::BlockDevice { device }),
            FileType::Fifo => FoundKind::Other(EntryKind::Fifo),
            _ => {
                self.out.sockets.push(path);
                return Ok(());
            }
        };
        let children = matches!(kind, FoundKind::Other(EntryKind::Directory { .. }));
        self.push(&path, kind, stat, xattrs);
        if children {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&at).map_err(failed)? {
                names.push(entry.map_err(failed)?.file_name());
            }
            for name in names {
                self.entry(path.join(name.as_bytes()))?;
            }
        }
        Ok(())
    }

    fn push(&mut self, path: &ImagePath, kind: FoundKind, stat: rustix::fs::Stat, xattrs: Xattrs) {
        let built = stat.st_mtime >= self.options.started;
        let mut found = Found {
            path: path.clone(),
            kind,
            stat,
            mtime: if built { BUILD_EPOCH } else { stat.st_mtime },
            xattrs,
        };
        match &found.kind {
            // The kernel writes 0777 for every link, and a whiteout has neither owner nor time.
            FoundKind::Other(EntryKind::Symlink { .. }) => found.stat.st_mode = 0o777,
            FoundKind::Other(EntryKind::Whiteout) => {
                found.stat.st_mode = 0;
                found.stat.st_uid = 0;
                found.stat.st_gid = 0;
                found.mtime = BUILD_EPOCH;
                found.xattrs.clear();
            }
            _ => {}
        }
        self.found.push(found);
    }

    /// The attributes that stay, and whether overlayfs has marked the directory as opaque.
    fn xattrs(&mut self, at: &Path, path: &ImagePath) -> Result<(Xattrs, bool), TreeError> {
        let failed = |errno: Errno| TreeError::Read { path: at.to_owned(), source: errno.into() };
        let mut kept = Xattrs::new();
        let mut opaque = false;
        for name in list_xattrs(at).map_err(failed)? {
            let value = || read_xattr(at, &name).map_err(failed);
            if stays(&name) {
                kept.insert(name.clone(), value()?);
            } else if name == OPAQUE {
                opaque = self.options.below.is_some() && value()? == b"y";
            } else if !name.starts_with("trusted.overlay.") {
                self.out.lost_xattrs.push((path.clone(), name));
            }
        }
        Ok((kept, opaque))
    }
}

/// Attributes that are part of an image. A security label is the host's business.
fn stays(name: &str) -> bool {
    name.starts_with("user.")
        || matches!(
            name,
            "security.capability" | "system.posix_acl_access" | "system.posix_acl_default"
        )
}

fn list_xattrs(at: &Path) -> Result<Vec<String>, Errno> {
    let mut buffer = Vec::with_capacity(1024);
    loop {
        buffer.clear();
        match rustix::fs::llistxattr(at, rustix::buffer::spare_capacity(&mut buffer)) {
            Ok(_) => break,
            Err(Errno::RANGE) => buffer.reserve(buffer.capacity() * 2),
            // Links and devices of some file systems.
            Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Err(errno) => return Err(errno),
        }
    }
    let names = buffer.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

fn read_xattr(at: &Path, name: &str) -> Result<Vec<u8>, Errno> {
    let mut buffer = Vec::with_capacity(256);
    loop {
        buffer.clear();
        match rustix::fs::lgetxattr(at, name, rustix::buffer::spare_capacity(&mut buffer)) {
            Ok(_) => return Ok(buffer),
            Err(Errno::RANGE) => buffer.reserve(buffer.capacity() * 2),
            Err(errno) => return Err(errno),
        }
    }
}
