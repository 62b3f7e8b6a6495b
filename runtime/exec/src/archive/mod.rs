//! Archives from elsewhere: what a tar archive says, checked member by member, with the bytes of
//! its files in a scratch directory.
//!
//! Nothing of an archive decides where on this machine a byte is written: files lie in the scratch
//! directory under numbers, and links and modes are data until the layer is made.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use forge_model::{Digest, ImagePath};
use tar::{Entry, EntryType};

/// One member of an archive that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// A directory.
    Directory {
        /// Permission bits.
        mode: u32,
    },
    /// A regular file, whose bytes are in the scratch directory under this number.
    File { number: usize, mode: u32, size: u64, digest: Digest },
    /// A symbolic link.
    Link { target: String },
}

/// Which members are kept, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Components taken off each path; what has no more of them is left out.
    pub strip: usize,
    /// Files may run as their owner or group.
    pub setuid: bool,
}

/// Why an archive is not unpacked: its own fault, or this machine's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("it is no tar archive, plain or compressed with gzip, bzip2, xz or zstd")]
    NotAnArchive,
    #[error("it cannot be read: {0}")]
    Broken(std::io::Error),
    #[error("its member `{member}` {why}")]
    Refused { member: String, why: String },
    #[error("`strip={0}` leaves nothing of it")]
    Nothing(usize),
    #[error("`{path}` cannot be written: {source}")]
    Scratch { path: String, source: std::io::Error },
}

/// Reads an archive; the bytes of its files go into `scratch`.
pub(crate) fn read(
    archive: &Path,
    rules: Rules,
    scratch: &Path,
) -> Result<BTreeMap<ImagePath, Member>, ArchiveError> {
    let mut members = Members { rules, scratch, files: 0, found: BTreeMap::new() };
    let mut tar = tar::Archive::new(decompressed(archive)?);
    let (mut any, mut first) = (false, true);
    for entry in tar.entries().map_err(ArchiveError::Broken)? {
        let mut entry = entry.map_err(|error| {
            // Without a single member it was none to begin with.
            if std::mem::take(&mut first) { ArchiveError::NotAnArchive } else { broken(error) }
        })?;
        first = false;
        any |= !matches!(entry.header().entry_type(), EntryType::XGlobalHeader);
        members.add(&mut entry)?;
    }
    if !any {
        return Err(ArchiveError::NotAnArchive);
    }
    if members.found.is_empty() {
        return Err(ArchiveError::Nothing(rules.strip));
    }
    Ok(members.found)
}

fn broken(error: std::io::Error) -> ArchiveError {
    ArchiveError::Broken(error)
}

/// The archive without its compression, which its first bytes tell.
fn decompressed(archive: &Path) -> Result<Box<dyn Read>, ArchiveError> {
    let mut file = File::open(archive).map_err(broken)?;
    let mut magic = [0; 6];
    let length = file.read(&mut magic).map_err(broken)?;
    file.seek(SeekFrom::Start(0)).map_err(broken)?;
    let file = BufReader::with_capacity(128 << 10, file);
    Ok(match &magic[..length] {
        // RFC 1952; bzip2's and xz's own formats; RFC 8878.
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(lzma_rust2::XzReader::new(file, true)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(file).map_err(broken)?),
        _ => Box::new(file),
    })
}

struct Members<'a> {
    rules: Rules,
    scratch: &'a Path,
    files: usize,
    found: BTreeMap<ImagePath, Member>,
}

impl Members<'_> {
    fn add<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<(), ArchiveError> {
        let name = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&name).into_owned();
        let refused =
            |why: &str| Err(ArchiveError::Refused { member: shown.clone(), why: why.to_owned() });
        let kind = entry.header().entry_type();
        let mode = entry.header().mode().map_err(broken)? & 0o7777;
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(());
        }
        let Some(path) = self.path(&name).map_err(|why| refused_because(&shown, why))? else {
            return Ok(());
        };
        if let Some(why) = self.blocked(&path, kind) {
            return refused(&why);
        }
        let member = match kind {
            EntryType::Directory => Member::Directory { mode },
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                if mode & 0o6000 != 0 && !self.rules.setuid {
                    return refused(
                        "would run as its owner or group; if it may, write `setuid=#true`",
                    );
                }
                self.file(entry, mode)?
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                match String::from_utf8(target) {
                    Ok(target) if !target.is_empty() && !target.contains('\0') => {
                        Member::Link { target }
                    }
                    _ => return refused("is a link without a target that a link can have"),
                }
            }
            EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let target = self.path(&target).map_err(|why| refused_because(&shown, why))?;
                match target.and_then(|target| self.found.get(&target)) {
                    // A file of its own: the store keeps equal bytes once.
                    Some(file @ Member::File { .. }) => file.clone(),
                    _ => {
                        return refused(
                            "is a second name of a file that the archive does not have",
                        );
                    }
                }
            }
            EntryType::Char | EntryType::Block => return refused("is a device"),
            EntryType::Fifo => return refused("is a pipe"),
            _ => return refused("is of a kind that no layer has"),
        };
        self.found.insert(path, member);
        Ok(())
    }

    /// The member's path below the directory that it is unpacked into; none when it is stripped.
    fn path(&self, name: &[u8]) -> Result<Option<ImagePath>, &'static str> {
        if name.first() == Some(&b'/') {
            return Err("has an absolute path");
        }
        let parts = name.split(|byte| *byte == b'/');
        let parts: Vec<&[u8]> = parts.filter(|part| !part.is_empty() && *part != b".").collect();
        if parts.contains(&&b".."[..]) {
            return Err("leaves the directory by `..`");
        }
        if name.contains(&0) {
            return Err("has a NUL in its path");
        }
        let kept = parts.get(self.rules.strip..).unwrap_or_default();
        let path = kept.iter().fold(ImagePath::ROOT, |path, part| path.join(part));
        Ok((!path.is_root()).then_some(path))
    }

    /// Why a member cannot stand beside those before it.
    fn blocked(&self, path: &ImagePath, kind: EntryType) -> Option<String> {
        let mut parent = path.parent();
        while let Some(directory) = parent {
            match self.found.get(&directory) {
                Some(Member::Link { .. }) => {
                    return Some(format!("leads through the archive's own link `{directory}`"));
                }
                Some(Member::File { .. }) => {
                    return Some(format!("lies below the archive's own file `{directory}`"));
                }
                Some(Member::Directory { .. }) | None => {}
            }
            parent = directory.parent();
        }
        let below = || {
            let after = (std::ops::Bound::Excluded(path), std::ops::Bound::Unbounded);
            // What is below comes right after, but for names such as `a.b` after `a`.
            let mut next = self.found.range::<ImagePath, _>(after);
            next.any(|(other, _)| other != path && other.starts_with(path))
        };
        let directory = matches!(self.found.get(path), Some(Member::Directory { .. })) || below();
        (directory && kind != EntryType::Directory)
            .then(|| "stands where the archive has a directory".to_owned())
    }

    fn file<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        mode: u32,
    ) -> Result<Member, ArchiveError> {
        let number = self.files;
        self.files += 1;
        let path = self.scratch.join(number.to_string());
        let failed = |source| ArchiveError::Scratch { path: path.display().to_string(), source };
        let mut to = File::create_new(&path).map_err(failed)?;
        let (mut hasher, mut size) = (blake3::Hasher::new(), 0);
        let mut buffer = vec![0; 128 << 10];
        loop {
            let read = entry.read(&mut buffer).map_err(broken)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            std::io::Write::write_all(&mut to, &buffer[..read]).map_err(failed)?;
            size += read as u64;
        }
        let digest = Digest::from_bytes(*hasher.finalize().as_bytes());
        Ok(Member::File { number, mode, size, digest })
    }
}

fn refused_because(member: &str, why: &str) -> ArchiveError {
    ArchiveError::Refused { member: member.to_owned(), why: why.to_owned() }
}

/// Where a path of an archive lies in the image.
pub(crate) fn below(into: &ImagePath, path: &ImagePath) -> ImagePath {
    path.components().fold(into.clone(), |at, part| at.join(part))
}

/// The directory of the scratch tree for a path of the image.
pub(crate) fn place(scratch: &Path, path: &ImagePath) -> std::path::PathBuf {
    scratch.join(std::ffi::OsStr::from_bytes(path.as_bytes()))
}
