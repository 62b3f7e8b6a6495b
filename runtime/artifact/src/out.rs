//! The output directory: names, temporary files, links, and what is kept.
//!
//! Nothing has a final name before its bytes are whole and on the disk. Temporary files are locked
//! by the run that writes them, so that a later run can tell those of a killed one and remove them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use forge_model::{Compression, Digest};

use crate::{ImageManifest, PackError};

const TEMPORARY: &str = ".forge-tmp";

/// Names of an image's files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) image: &'a str,
    pub(crate) compression: Compression,
}

impl Names<'_> {
    /// `IMAGE-WHICH.cpio.gz`, with `WHICH` a SHORTSHA or `latest`.
    pub(crate) fn archive(&self, which: &str) -> String {
        format!("{}-{which}.cpio.{}", self.image, self.compression.extension())
    }

    /// `vmlinuz-IMAGE-WHICH`.
    pub(crate) fn kernel(&self, which: &str) -> String {
        format!("vmlinuz-{}-{which}", self.image)
    }

    /// `IMAGE-WHICH.json`.
    pub(crate) fn manifest(&self, which: &str) -> String {
        format!("{}-{which}.json", self.image)
    }

    fn other(&self) -> Self {
        let compression = match self.compression {
            Compression::Gzip => Compression::Zstd,
            Compression::Zstd => Compression::Gzip,
        };
        Self { compression, ..*self }
    }
}

/// The word that links have in place of a SHORTSHA.
pub(crate) const LATEST: &str = "latest";

/// The output directory.
#[derive(Debug)]
pub(crate) struct Out {
    pub(crate) path: PathBuf,
    handle: File,
}

/// While it lives, no other run changes names in the directory. Where the file system has no
/// locks it is empty: renames keep every single name right even then.
#[derive(Debug)]
pub(crate) struct Lock<'a>(Option<&'a File>);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if let Some(file) = self.0 {
            // A lock that cannot be given back goes when the file is closed.
            drop(file.unlock());
        }
    }
}

impl Out {
    /// Opens the directory, and makes it when it is absent.
    pub(crate) fn open(path: &Path) -> Result<Self, PackError> {
        fs::create_dir_all(path).map_err(PackError::io("make the directory", path))?;
        let handle = File::open(path).map_err(PackError::io("open", path))?;
        Ok(Self { path: path.to_owned(), handle })
    }

    pub(crate) fn lock(&self) -> Result<Lock<'_>, PackError> {
        match self.handle.lock() {
            Ok(()) => Ok(Lock(Some(&self.handle))),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Lock(None)),
            Err(error) => Err(PackError::io("lock", &self.path)(error)),
        }
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn sync(&self) -> Result<(), PackError> {
        self.handle.sync_all().map_err(PackError::io("sync", &self.path))
    }

    /// A new file beside the one that it will become. Called with the lock held, so that no
    /// [`Out::sweep`] comes between its making and its own lock.
    pub(crate) fn temporary(&self, name: &str, mode: u32) -> Result<Temporary, PackError> {
        for number in 0_u32.. {
            let path = self.join(&format!(".{name}.{}-{number}{TEMPORARY}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(PackError::io("create", &path)(error)),
                Ok(file) => {
                    // Without locks nothing is swept, and none is needed.
                    drop(file.lock());
                    let temporary = Temporary { file, path, kept: false };
                    let set = temporary.file.set_permissions(Permissions::from_mode(mode));
                    set.map_err(PackError::io("set the mode of", &temporary.path))?;
                    return Ok(temporary);
                }
            }
        }
        let full = io::Error::from(io::ErrorKind::AlreadyExists);
        Err(PackError::io("create", &self.join(name))(full))
    }

    /// Removes temporary files of runs that are no more. Called with the lock held.
    pub(crate) fn sweep(&self) -> Result<(), PackError> {
        for name in self.names()? {
            if name.starts_with('.') && name.ends_with(TEMPORARY) && abandoned(&self.join(&name)) {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Removes a file; one that is absent is as good.
    pub(crate) fn remove(&self, name: &str) -> Result<(), PackError> {
        let path = self.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(PackError::io("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Points `link` at `target`, both in this directory, in one step.
    pub(crate) fn link(&self, link: &str, target: &str) -> Result<(), PackError> {
        let path = self.join(link);
        if fs::read_link(&path).is_ok_and(|old| old == Path::new(target)) {
            return Ok(());
        }
        let temporary = self.temporary(link, 0o600)?;
        // The name is ours by its lock: the link takes the file's place.
        fs::remove_file(&temporary.path).map_err(PackError::io("remove", &temporary.path))?;
        symlink(target, &temporary.path).map_err(PackError::io("link", &temporary.path))?;
        temporary.rename(&path)
    }

    /// Moves `latest` to `short`: archive and manifest first, the kernel last.
    pub(crate) fn move_latest(&self, names: &Names<'_>, short: &str) -> Result<(), PackError> {
        self.link(&names.archive(LATEST), &names.archive(short))?;
        self.link(&names.manifest(LATEST), &names.manifest(short))?;
        self.link(&names.kernel(LATEST), &names.kernel(short))?;
        // A link that an earlier codec left behind would go on naming an old image.
        self.remove(&names.other().archive(LATEST))
    }

    /// True when all three `latest` links name `short`.
    pub(crate) fn latest_is(&self, names: &Names<'_>, short: &str) -> bool {
        let pairs = [
            (names.archive(LATEST), names.archive(short)),
            (names.manifest(LATEST), names.manifest(short)),
            (names.kernel(LATEST), names.kernel(short)),
        ];
        pairs.iter().all(|(link, target)| {
            fs::read_link(self.join(link)).is_ok_and(|found| found == Path::new(target))
        })
    }

    /// Writes a manifest, whole and on the disk before it has its name.
    pub(crate) fn write_manifest(
        &self,
        name: &str,
        manifest: &ImageManifest,
    ) -> Result<(), PackError> {
        let mut file = self.temporary(name, 0o644)?;
        let text = manifest.text();
        file.file.write_all(text.as_bytes()).map_err(PackError::io("write", &file.path))?;
        file.sync()?;
        file.rename(&self.join(name))
    }

    /// True when both files are there with the sizes that the manifest says.
    pub(crate) fn is_whole(&self, manifest: &ImageManifest) -> bool {
        let is_file = |name: &str, size: u64| {
            let stat = fs::symlink_metadata(self.join(name));
            stat.is_ok_and(|stat| stat.is_file() && stat.len() == size)
        };
        is_file(&manifest.archive.file, manifest.archive.size)
            && is_file(&manifest.kernel.file, manifest.kernel.size)
    }

    /// Removes all but the `keep` latest images of this name, and never `current`. Gives the
    /// names of those that went.
    pub(crate) fn prune(
        &self,
        names: &Names<'_>,
        current: &str,
        keep: usize,
    ) -> Result<Vec<String>, PackError> {
        let mut found: Vec<(SystemTime, String)> = Vec::new();
        for name in self.names()? {
            if let Some(short) = short_of(&name, names.image)
                && is_manifest_of(&self.join(&name), names.image)
                && let Ok(time) = fs::metadata(self.join(&name)).and_then(|stat| stat.modified())
            {
                found.push((time, short.to_owned()));
            }
        }
        found.sort();
        found.retain(|(_, short)| short != current);
        // The current one counts as one of those that are kept.
        let surplus = found.len().saturating_sub(keep.saturating_sub(1));
        let mut gone = Vec::new();
        for (_, short) in found.into_iter().take(surplus) {
            for file in [names.kernel(&short), names.archive(&short), names.other().archive(&short)]
            {
                self.remove(&file)?;
            }
            // The manifest goes last: an interrupted removal is found and finished by the next.
            self.remove(&names.manifest(&short))?;
            gone.push(format!("{}-{short}", names.image));
        }
        Ok(gone)
    }

    fn names(&self) -> Result<Vec<String>, PackError> {
        let read = || {
            let names = fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.file_name()));
            names.collect::<io::Result<Vec<OsString>>>()
        };
        let names = read().map_err(PackError::io("list", &self.path))?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }
}

/// The SHORTSHA in `IMAGE-SHORTSHA.json`.
fn short_of<'a>(name: &'a str, image: &str) -> Option<&'a str> {
    let short = name.strip_prefix(image)?.strip_prefix('-')?.strip_suffix(".json")?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (short.len() == 8 && short.bytes().all(is_hex)).then_some(short)
}

fn is_manifest_of(path: &Path, image: &str) -> bool {
    matches!(ImageManifest::read(path), Ok(Some(manifest)) if manifest.image == image)
}

/// True for a temporary file that nobody locks, and for a link: links are made with the
/// directory's lock held, so one that is found belongs to nobody.
fn abandoned(path: &Path) -> bool {
    let lockable = |file: File| match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    };
    path.is_symlink() || File::open(path).is_ok_and(lockable)
}

/// A file under a name of its own, removed when it is dropped before it got its final one.
#[derive(Debug)]
pub(crate) struct Temporary {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    kept: bool,
}

impl Temporary {
    /// Becomes a second name of a file that is there, instead of a new one.
    pub(crate) fn link(&mut self, other: &Path) -> io::Result<()> {
        let aside = self.path.with_extension("link");
        fs::hard_link(other, &aside)?;
        let file = File::open(&aside)?;
        // Without locks nothing is swept, and none is needed.
        drop(file.lock_shared());
        fs::rename(&aside, &self.path)?;
        self.file = file;
        Ok(())
    }

    /// Brings the bytes to the disk.
    pub(crate) fn sync(&self) -> Result<(), PackError> {
        self.file.sync_all().map_err(PackError::io("sync", &self.path))
    }

    /// Gives the file its final name.
    pub(crate) fn rename(mut self, to: &Path) -> Result<(), PackError> {
        fs::rename(&self.path, to).map_err(PackError::io("rename to", to))?;
        self.kept = true;
        // Between two names of one file rename(2) does nothing; the lock keeps the name ours.
        drop(fs::remove_file(&self.path));
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is swept by the next run.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// BLAKE3 of a file; none when it is absent.
pub(crate) fn file_digest(path: &Path) -> Result<Option<Digest>, PackError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PackError::io("open", path)(error)),
    };
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher).map_err(PackError::io("read", path))?;
    Ok(Some(Digest::from_bytes(*hasher.finalize().as_bytes())))
}
