//! Paths of an image tree, resolved inside it.
//!
//! A link in an image may name `/etc/shadow` or `../../..`; followed by the host's rules it ends on
//! the host. Here every path goes through `openat2(2)`: [`Root::open_in`] follows links as the image
//! itself would (`RESOLVE_IN_ROOT`), everything else takes a path as it stands and refuses links on
//! the way (`RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`).

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use forge_model::{ImagePath, Xattrs};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

/// Attempts at a resolution that the kernel gave up because of a rename elsewhere (`openat2(2)`).
const RETRIES: usize = 16;

/// An image's root directory, held open.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
}

/// What a path of an image is, as `stat(2)` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// File, directory, …
    pub kind: FileType,
    /// Permission bits with set-id and sticky bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
}

impl From<rustix::fs::Stat> for Stat {
    fn from(stat: rustix::fs::Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            mtime: stat.st_mtime,
        }
    }
}

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: Vec<u8>,
    /// What it is; of a link, the link itself.
    pub stat: Stat,
    /// Of a link: its target, as written.
    pub link: Option<Vec<u8>>,
}

/// Owner, mode, time and extended attributes of something new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits with set-id and sticky bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Extended attributes.
    pub xattrs: Xattrs,
}

impl Root {
    /// Opens a directory of the host as an image's root. Links in `directory` itself are followed.
    pub fn open(directory: &Path) -> std::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { directory: rustix::fs::open(directory, flags, Mode::empty())? })
    }

    /// The directory.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Opens a path as a process in the image would: links are followed, inside the image.
    pub fn open_in(&self, path: &ImagePath, flags: OFlags) -> std::io::Result<OwnedFd> {
        self.resolve(path, flags, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
    }

    /// Opens exactly this path; a link anywhere in it is an error (ELOOP).
    pub fn open_exact(&self, path: &ImagePath, flags: OFlags) -> std::io::Result<OwnedFd> {
        self.resolve(path, flags, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
    }

    /// Opens a path; links are followed, and one that leaves the tree is an error (EXDEV).
    pub fn open_beneath(&self, path: &ImagePath, flags: OFlags) -> std::io::Result<OwnedFd> {
        self.resolve(path, flags, ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS)
    }

    fn resolve(
        &self,
        path: &ImagePath,
        flags: OFlags,
        how: ResolveFlags,
    ) -> std::io::Result<OwnedFd> {
        let bytes = if path.is_root() { b".".as_slice() } else { path.as_bytes() };
        for _ in 0..RETRIES {
            let mode = Mode::empty();
            match rustix::fs::openat2(&self.directory, bytes, flags | OFlags::CLOEXEC, mode, how) {
                Err(Errno::AGAIN) => {}
                other => return Ok(other?),
            }
        }
        Err(Errno::AGAIN.into())
    }

    /// Opens a regular file for reading, links followed inside the image. A device or a pipe is
    /// refused, not opened.
    pub fn open_file(&self, path: &ImagePath) -> std::io::Result<File> {
        let found = self.open_in(path, OFlags::PATH)?;
        regular(&found)?;
        Ok(File::from(self.open_in(path, OFlags::RDONLY | OFlags::NONBLOCK)?))
    }

    /// A regular file for reading, at exactly this path: no link is followed.
    pub fn open_file_exact(&self, path: &ImagePath) -> std::io::Result<File> {
        let found = self.open_exact(path, OFlags::PATH)?;
        regular(&found)?;
        Ok(File::from(self.open_exact(path, OFlags::RDONLY | OFlags::NONBLOCK)?))
    }

    /// Reads a regular file, links followed inside the image.
    pub fn read(&self, path: &ImagePath) -> std::io::Result<Vec<u8>> {
        read_all(self.open_file(path)?)
    }

    /// Reads a regular file at exactly this path.
    pub fn read_exact(&self, path: &ImagePath) -> std::io::Result<Vec<u8>> {
        let file = self.open_exact(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        regular(&file)?;
        read_all(File::from(file))
    }

    /// What a path is; links on the way are followed inside the image, and the last one when asked.
    pub fn stat(&self, path: &ImagePath, follow: bool) -> std::io::Result<Stat> {
        let last = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let found = self.open_in(path, OFlags::PATH | last)?;
        Ok(rustix::fs::fstat(&found)?.into())
    }

    /// Target of a link, as written.
    pub fn read_link(&self, path: &ImagePath) -> std::io::Result<Vec<u8>> {
        let found = self.open_in(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        Ok(rustix::fs::readlinkat(&found, "", Vec::new())?.into_bytes())
    }

    /// What is in a directory, sorted by name, each with what it is and with the target of a link;
    /// links on the way to the directory are followed inside the image, those in it are not.
    ///
    /// A name is one component, looked up in the directory that is held open: it leads nowhere else.
    /// What goes meanwhile is left out.
    pub fn list(&self, path: &ImagePath) -> std::io::Result<Vec<Listed>> {
        let opened = self.open_in(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut directory = rustix::fs::Dir::new(opened)?;
        let mut found = Vec::new();
        while let Some(entry) = directory.read() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let at = directory.fd()?;
            let stat = match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Stat::from(stat),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            let link = if stat.kind.is_symlink() {
                Some(rustix::fs::readlinkat(at, name, Vec::new())?.into_bytes())
            } else {
                None
            };
            found.push(Listed { name: name.to_bytes().to_vec(), stat, link });
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Makes a directory at exactly this path.
    pub fn create_directory(&self, path: &ImagePath, with: &Attributes) -> std::io::Result<()> {
        let parent = self.parent(path)?;
        rustix::fs::mkdirat(&parent, path.file_name(), Mode::RWXU)?;
        let made = self.open_exact(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        set_attributes(&made, with)
    }

    /// Makes a file at exactly this path, which must be free.
    pub fn create_file(
        &self,
        path: &ImagePath,
        content: &[u8],
        with: &Attributes,
    ) -> std::io::Result<()> {
        let parent = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let made = rustix::fs::openat(&parent, path.file_name(), flags, Mode::RUSR | Mode::WUSR)?;
        let mut made = File::from(made);
        std::io::Write::write_all(&mut made, content)?;
        set_attributes(&made, with)
    }

    /// Makes a link at exactly this path, which must be free.
    pub fn create_symlink(
        &self,
        path: &ImagePath,
        target: &[u8],
        with: &Attributes,
    ) -> std::io::Result<()> {
        let parent = self.parent(path)?;
        rustix::fs::symlinkat(target, &parent, path.file_name())?;
        set_link_attributes(&parent, path.file_name(), with)
    }

    /// Sets owner, mode, time and extended attributes of what is at exactly this path.
    pub fn set_attributes(&self, path: &ImagePath, with: &Attributes) -> std::io::Result<()> {
        let found = self.open_exact(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        set_attributes(&found, with)
    }

    /// Removes what is at exactly this path, with everything below; links are not followed. Says
    /// whether there was something.
    pub fn remove(&self, path: &ImagePath) -> std::io::Result<bool> {
        let parent = match self.parent(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        remove_at(parent.as_fd(), path.file_name())
    }

    fn parent(&self, path: &ImagePath) -> std::io::Result<OwnedFd> {
        let parent = path.parent().ok_or(Errno::BUSY)?;
        self.open_exact(&parent, OFlags::PATH | OFlags::DIRECTORY)
    }
}

fn regular(fd: &OwnedFd) -> std::io::Result<()> {
    match FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Errno::ISDIR.into()),
        _ => Err(Errno::OPNOTSUPP.into()),
    }
}

fn read_all(mut file: File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Owner first, since changing it clears set-id bits and capabilities; time last.
pub(crate) fn set_attributes(fd: impl AsFd, with: &Attributes) -> std::io::Result<()> {
    let Attributes { mode, uid, gid, mtime, xattrs } = with;
    let fd = fd.as_fd();
    std::os::unix::fs::fchown(fd, Some(*uid), Some(*gid))?;
    rustix::fs::fchmod(fd, Mode::from_raw_mode(*mode))?;
    for (name, value) in xattrs {
        rustix::fs::fsetxattr(fd, name.as_str(), value, XattrFlags::empty())?;
    }
    Ok(rustix::fs::futimens(fd, &timestamps(*mtime))?)
}

/// The same for what cannot be opened: links, devices, pipes. A link has no mode.
pub(crate) fn set_link_attributes(
    parent: impl AsFd,
    name: &[u8],
    with: &Attributes,
) -> std::io::Result<()> {
    let Attributes { mode: _, uid, gid, mtime, xattrs: _ } = with;
    let owner = (rustix::fs::Uid::from_raw(*uid), rustix::fs::Gid::from_raw(*gid));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::chownat(&parent, name, Some(owner.0), Some(owner.1), flags)?;
    Ok(rustix::fs::utimensat(&parent, name, &timestamps(*mtime), flags)?)
}

fn timestamps(mtime: i64) -> Timestamps {
    let time = Timespec { tv_sec: mtime, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

/// Removes a name and everything below it, by descriptors alone.
pub(crate) fn remove_at(parent: BorrowedFd<'_>, name: &[u8]) -> std::io::Result<bool> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) => return Ok(true),
        Err(Errno::NOENT) => return Ok(false),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    for entry in rustix::fs::Dir::read_from(&directory)? {
        let entry = entry?;
        let child = entry.file_name().to_bytes();
        if child != b"." && child != b".." {
            remove_at(directory.as_fd(), child)?;
        }
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    /// An image with links that point at the host, and beside it what they would hit.
    fn hostile() -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        std::fs::create_dir_all(image.join("etc")).unwrap();
        std::fs::write(directory.path().join("outside"), "host").unwrap();
        std::fs::write(image.join("outside"), "image").unwrap();
        std::fs::write(image.join("etc/name"), "inside").unwrap();
        let link = |target: &Path, name: &str| {
            std::os::unix::fs::symlink(target, image.join(name)).unwrap();
        };
        link(Path::new("../outside"), "up");
        link(Path::new("/etc"), "abs");
        link(Path::new("/etc/passwd"), "passwd");
        link(directory.path(), "out");
        link(Path::new("/proc/self/root/etc/passwd"), "magic");
        let root = Root::open(&image).unwrap();
        (directory, root)
    }

    #[test]
    fn reading_stays_inside() {
        let (_directory, root) = hostile();
        let cases = [
            ("up", Some("image")),
            ("abs/name", Some("inside")),
            ("passwd", None),
            ("magic", None),
        ];
        for (from, want) in cases {
            let got = root.read(&path(from)).ok();
            assert_eq!(got.as_deref(), want.map(str::as_bytes), "{from}");
        }
        assert!(root.read_exact(&path("abs/name")).is_err());
        assert_eq!(root.read_link(&path("abs")).unwrap(), b"/etc");
        assert_eq!(root.stat(&path("abs"), true).unwrap().kind, FileType::Directory);
        assert_eq!(root.stat(&path("abs"), false).unwrap().kind, FileType::Symlink);
    }

    #[test]
    fn writing_and_removing_do_not_follow_links() {
        let (directory, root) = hostile();
        let with = Attributes {
            mode: 0o640,
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
            mtime: 7,
            xattrs: Xattrs::new(),
        };
        for taken in ["out/new", "abs/new", "up"] {
            assert!(root.create_file(&path(taken), b"x", &with).is_err(), "{taken}");
        }
        root.create_file(&path("etc/new"), b"x", &with).unwrap();
        let stat = root.stat(&path("etc/new"), false).unwrap();
        assert_eq!((stat.mode, stat.mtime, stat.size), (0o640, 7, 1));
        assert!(root.remove(&path("out")).unwrap());
        assert!(!root.remove(&path("out")).unwrap());
        assert!(root.remove(&path("etc")).unwrap());
        assert!(directory.path().join("outside").exists());
        let left: Vec<_> =
            root.list(&ImagePath::ROOT).unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(left.join(&b' '), b"abs magic outside passwd up");
    }

    #[test]
    fn a_pipe_is_not_opened() {
        let (_directory, root) = hostile();
        let kind = FileType::Fifo;
        rustix::fs::mknodat(root.fd(), "pipe", kind, Mode::RUSR, 0).unwrap();
        assert!(root.read(&path("pipe")).is_err());
    }
}
