//! Writes a manifest's entries as a directory tree.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use forge_model::{BUILD_EPOCH, Entry, EntryKind, ImagePath, Manifest, Xattrs};
use rayon::prelude::*;
use rustix::fs::{CWD, FileType, Mode, OFlags};

use crate::overlay::{set_opaque, write_whiteout};
use crate::root::{Attributes, set_attributes, set_link_attributes};
use crate::tree::{TreeError, host_path};

/// Where the bytes of a manifest's files are.
pub enum Content<'a> {
    /// In a directory, each file at its own path.
    Directory(&'a Path),
    /// With the caller, who is asked once for each file (once for a hard-link group).
    Bytes(&'a mut dyn FnMut(&ImagePath) -> std::io::Result<Vec<u8>>),
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Directory(_) => "Directory",
            Self::Bytes(_) => "Bytes",
        })
    }
}

/// Writes a tree into the empty directory `to`, with owners, modes, times, extended attributes and
/// hard links. Directories that the manifest passes through get mode 0755, owner 0 and
/// [`BUILD_EPOCH`], whatever the layers below say: a mount puts that right. Without `marks`
/// whiteouts and opaque marks are left out. Nothing waits for the disk.
pub fn write_tree(
    manifest: &Manifest,
    content: Content<'_>,
    to: &Path,
    marks: bool,
) -> Result<(), TreeError> {
    let directories = directories(manifest);
    for path in directories.keys().filter(|path| !path.is_root()) {
        let at = host_path(to, path);
        let made = DirBuilder::new().mode(0o700).create(&at);
        made.map_err(|source| TreeError::Write { path: at, source })?;
    }
    write_files(manifest, content, to)?;
    write_others(manifest, to, marks)?;
    for (path, (with, opaque)) in directories.iter().rev() {
        let at = host_path(to, path);
        let failed = |source: std::io::Error| TreeError::Write { path: at.clone(), source };
        if *opaque && marks {
            set_opaque(&at).map_err(failed)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = rustix::fs::open(&at, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
        set_attributes(&open, with).map_err(failed)?;
    }
    Ok(())
}

type Directories = BTreeMap<ImagePath, (Attributes, bool)>;

/// All directories of the tree, those that are only passed through too.
fn directories(manifest: &Manifest) -> Directories {
    let passed =
        Attributes { mode: 0o755, uid: 0, gid: 0, mtime: BUILD_EPOCH, xattrs: Xattrs::new() };
    let mut out = Directories::new();
    out.insert(ImagePath::ROOT, (passed.clone(), false));
    for (path, entry) in &manifest.entries {
        if let EntryKind::Directory { opaque } = entry.kind {
            out.insert(path.clone(), (attributes(entry), opaque));
        }
        let mut parent = path.parent();
        while let Some(directory) = parent.filter(|directory| !out.contains_key(directory)) {
            parent = directory.parent();
            out.insert(directory, (passed.clone(), false));
        }
    }
    out
}

fn attributes(entry: &Entry) -> Attributes {
    let Entry { kind: _, mode, uid, gid, mtime, xattrs } = entry;
    Attributes { mode: *mode, uid: *uid, gid: *gid, mtime: *mtime, xattrs: xattrs.clone() }
}

/// True for a member of a hard-link group that is not its first.
fn is_further_link(path: &ImagePath, kind: &EntryKind) -> bool {
    matches!(kind, EntryKind::File { group: Some(first), .. } if first != path)
}

fn write_files(manifest: &Manifest, content: Content<'_>, to: &Path) -> Result<(), TreeError> {
    let files = manifest.entries.iter().filter(|(path, entry)| {
        matches!(entry.kind, EntryKind::File { .. }) && !is_further_link(path, &entry.kind)
    });
    match content {
        Content::Directory(from) => {
            let files: Vec<_> = files.collect();
            files.into_par_iter().try_for_each(|(path, entry)| {
                let mut file = create(to, path)?;
                if !matches!(entry.kind, EntryKind::File { size: 0, .. }) {
                    let source = host_path(from, path);
                    let opened = File::open(&source)
                        .map_err(|error| TreeError::Read { path: source, source: error });
                    std::io::copy(&mut opened?, &mut file)
                        .map_err(|source| TreeError::Write { path: host_path(to, path), source })?;
                }
                finish(&file, to, path, entry)
            })
        }
        Content::Bytes(content) => {
            for (path, entry) in files {
                let bytes = content(path).map_err(|source| TreeError::Read {
                    path: PathBuf::from(path.to_string()),
                    source,
                })?;
                let mut file = create(to, path)?;
                file.write_all(&bytes)
                    .map_err(|source| TreeError::Write { path: host_path(to, path), source })?;
                finish(&file, to, path, entry)?;
            }
            Ok(())
        }
    }
}

fn create(to: &Path, path: &ImagePath) -> Result<File, TreeError> {
    let at = host_path(to, path);
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&at);
    opened.map_err(|source| TreeError::Write { path: at, source })
}

fn finish(file: &File, to: &Path, path: &ImagePath, entry: &Entry) -> Result<(), TreeError> {
    set_attributes(file, &attributes(entry))
        .map_err(|source| TreeError::Write { path: host_path(to, path), source })
}

/// Links, devices, pipes, whiteouts, and further names of hard-link groups.
fn write_others(manifest: &Manifest, to: &Path, marks: bool) -> Result<(), TreeError> {
    for (path, entry) in &manifest.entries {
        let at = host_path(to, path);
        let made = match &entry.kind {
            EntryKind::File { group: Some(first), .. } if first != path => {
                std::fs::hard_link(host_path(to, first), &at)
            }
            EntryKind::Symlink { target } => {
                rustix::fs::symlinkat(target.as_slice(), CWD, &at).map_err(Into::into).and_then(
                    |()| set_link_attributes(CWD, at.as_os_str().as_bytes(), &attributes(entry)),
                )
            }
            EntryKind::CharDevice { device } => {
                make_node(&at, FileType::CharacterDevice, *device, entry)
            }
            EntryKind::BlockDevice { device } => {
                make_node(&at, FileType::BlockDevice, *device, entry)
            }
            EntryKind::Fifo => make_node(&at, FileType::Fifo, (0, 0), entry),
            EntryKind::Whiteout if marks => write_whiteout(CWD, &at),
            EntryKind::Directory { .. } | EntryKind::File { .. } | EntryKind::Whiteout => Ok(()),
        };
        made.map_err(|source| TreeError::Write { path: at, source })?;
    }
    Ok(())
}

fn make_node(
    at: &Path,
    kind: FileType,
    (major, minor): (u32, u32),
    entry: &Entry,
) -> std::io::Result<()> {
    let device = rustix::fs::makedev(major, minor);
    rustix::fs::mknodat(CWD, at, kind, Mode::RUSR, device)?;
    let with = attributes(entry);
    // The owner goes first: changing it would clear set-id bits.
    set_link_attributes(CWD, at.as_os_str().as_bytes(), &with)?;
    Ok(rustix::fs::chmod(at, Mode::from_raw_mode(entry.mode))?)
}
