//! What earlier runs learnt of a project's files, so that a run over thousands of them reads only
//! what changed.
//!
//! One file holds the digests of contents by path, each with the stamp that the file had when it
//! was read, and what was made of texts, by their digest; another one the project's last plan. They
//! belong to one program and one project, are replaced at once, and carry a digest over themselves:
//! a damaged one, one of another program, or none at all costs time and nothing else.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use forge_model::Digest;
use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

/// How long a file must have been at rest before its stamp says anything of its content, in
/// nanoseconds. Clocks of files are coarse, and a second write within one tick leaves no trace
/// (git calls such entries racily clean).
const REST: i128 = 2_000_000_000;
/// Bytes of texts' results above which those that this run did not use are dropped.
const MOST: usize = 64 << 20;
/// Bytes of a file that is kept at all.
const MOST_KEPT: u64 = 512 << 20;

/// What tells a changed file from one that is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    mode: u32,
    /// Nanoseconds since 1970, as are the others.
    modified: i128,
    changed: i128,
}

impl Stamp {
    pub(crate) fn of(stat: &Stat) -> Self {
        let time = |seconds: i64, nanoseconds: u64| {
            i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
        };
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            mode: stat.st_mode,
            modified: time(stat.st_mtime, stat.st_mtime_nsec),
            changed: time(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    fn is_at_rest(&self, now: i128) -> bool {
        self.modified.max(self.changed) + REST < now
    }
}

/// A content's digest, and the stamp that its file had.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    digest: [u8; 32],
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Body {
    digests: HashMap<String, Known>,
    made: HashMap<[u8; 32], Made>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Made {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    #[serde(skip)]
    used: bool,
}

#[derive(Debug, Default)]
struct State {
    body: Body,
    /// It differs from what the file holds.
    new: bool,
}

/// The cache of one project.
#[derive(Debug)]
pub(crate) struct SourceCache {
    file: PathBuf,
    state: Mutex<State>,
}

impl SourceCache {
    /// That of the project in `project`, below a directory for caches.
    pub(crate) fn open(directory: &Path, project: &Path) -> Self {
        let name = Digest::of(project.as_os_str().as_encoded_bytes()).to_hex();
        let file = directory.join(name);
        let body = read(&file).and_then(|bytes| postcard::from_bytes(&bytes).ok());
        let state = State { body: body.unwrap_or_default(), new: false };
        Self { file, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digest of a file's content, if the file is as it was.
    pub(crate) fn digest(&self, path: &str, stamp: &Stamp) -> Option<Digest> {
        let state = self.state();
        let known = state.body.digests.get(path).filter(|known| known.stamp == *stamp)?;
        Some(Digest::from_bytes(known.digest))
    }

    /// Notes the digest of a file that had this stamp before it was read.
    pub(crate) fn note(&self, path: &str, stamp: Stamp, digest: &Digest) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        if !stamp.is_at_rest(i128::try_from(now).unwrap_or_default()) {
            return;
        }
        let mut state = self.state();
        state.new = true;
        let known = Known { stamp, digest: *digest.as_bytes() };
        state.body.digests.insert(path.to_owned(), known);
    }

    /// What was made of something.
    pub(crate) fn recall(&self, of: &Digest) -> Option<Vec<u8>> {
        let mut state = self.state();
        let made = state.body.made.get_mut(of.as_bytes())?;
        made.used = true;
        Some(made.bytes.clone())
    }

    /// Notes what was made of something.
    pub(crate) fn remember(&self, of: &Digest, bytes: Vec<u8>) {
        let mut state = self.state();
        state.new = true;
        state.body.made.insert(*of.as_bytes(), Made { bytes, used: true });
    }

    /// The last plan.
    pub(crate) fn plan(&self) -> Option<Vec<u8>> {
        read(&self.plan_file())
    }

    /// Writes a plan in the place of the last one, and what else is new beside it.
    pub(crate) fn keep_plan(&self, plan: &dyn Fn(&mut dyn Write) -> io::Result<()>) {
        std::thread::scope(|scope| {
            scope.spawn(|| self.save());
            report(&self.plan_file(), write(&self.plan_file(), plan));
        });
    }

    fn plan_file(&self) -> PathBuf {
        self.file.with_extension("plan")
    }

    /// Writes what is new. Whatever hinders it hinders nobody: the next run learns it again.
    fn save(&self) {
        let mut state = self.state();
        if !std::mem::take(&mut state.new) {
            return;
        }
        if state.body.made.values().map(|made| made.bytes.len()).sum::<usize>() > MOST {
            state.body.made.retain(|_, made| made.used);
        }
        let write_body = |out: &mut dyn Write| {
            let encoded = postcard::to_stdvec(&state.body).map_err(io::Error::other)?;
            out.write_all(&encoded)
        };
        report(&self.file, write(&self.file, &write_body));
    }
}

impl Drop for SourceCache {
    fn drop(&mut self) {
        self.save();
    }
}

fn report(file: &Path, written: io::Result<()>) {
    if let Err(error) = written {
        tracing::debug!("`{}` is not written: {error}", file.display());
    }
}

/// Bytes on their way to the thread that writes them.
struct Pieces {
    to_file: SyncSender<Vec<u8>>,
    piece: Vec<u8>,
    sent: u64,
}

impl Pieces {
    /// Bytes that are handed on at once.
    const SIZE: usize = 256 << 10;
    /// Pieces that wait at most, until whoever makes them waits too.
    const WAITING: usize = 8;
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= Self::SIZE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        self.sent += piece.len() as u64;
        if self.sent > MOST_KEPT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // A writer that gave up says why itself.
        self.to_file.send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Writes pieces as they come; gives the file and a digest over them.
fn write_pieces(file: &Path, pieces: &Receiver<Vec<u8>>) -> io::Result<(File, blake3::Hasher)> {
    let (mut file, mut hasher) = (File::create(file)?, blake3::Hasher::new());
    for piece in pieces {
        hasher.update(&piece);
        file.write_all(&piece)?;
    }
    Ok((file, hasher))
}

/// Replaces a file: what `content` writes, this program's name, and a digest over both. What is made
/// is hashed and written by another thread meanwhile.
fn write(file: &Path, content: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // A name of this process's own; the last one to be renamed stays.
    let new = file.with_added_extension(format!("{}.new", std::process::id()));
    let written = std::thread::scope(|scope| {
        let (to_file, pieces) = sync_channel(Pieces::WAITING);
        let new = &new;
        let writer = scope.spawn(move || write_pieces(new, &pieces));
        let mut out = Pieces { to_file, piece: Vec::new(), sent: 0 };
        let made = content(&mut out).and_then(|()| {
            out.write_all(program().as_bytes())?;
            out.flush()
        });
        drop(out);
        let (mut file, hasher) = writer.join().map_err(|_| io::Error::other("it panicked"))??;
        made?;
        file.write_all(hasher.finalize().as_bytes())
    });
    let written = written.and_then(|()| std::fs::rename(&new, file));
    if written.is_err() {
        let _gone = std::fs::remove_file(&new);
    }
    written
}

/// What [`write`] wrote, if it is whole and this program's own.
fn read(file: &Path) -> Option<Vec<u8>> {
    whole(std::fs::read(file).ok()?)
}

fn whole(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (content, digest) = bytes.split_last_chunk::<32>()?;
    let of = content.last_chunk::<32>()?;
    if of != program().as_bytes() || digest != Digest::of(content).as_bytes() {
        return None;
    }
    bytes.truncate(bytes.len() - 64);
    Some(bytes)
}

/// What tells this program from every other: another one may read the same text as something else.
fn program() -> Digest {
    let about = std::env::current_exe().and_then(std::fs::metadata);
    let built = about.map(|about| (about.len(), about.mtime(), about.mtime_nsec(), about.ino()));
    Digest::of(format!("{} {built:?}", env!("CARGO_PKG_VERSION")).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(modified: i128) -> Stamp {
        Stamp { device: 1, inode: 2, size: 3, mode: 0o100_644, modified, changed: modified }
    }

    #[test]
    fn what_was_learnt_is_there_the_next_time() {
        let directory = tempfile::tempdir().unwrap();
        let open = || SourceCache::open(&directory.path().join("forge"), Path::new("/site"));
        let (digest, text) = (Digest::of(b"content"), Digest::of(b"text"));
        let cache = open();
        cache.note("a", stamp(5), &digest);
        cache.remember(&text, vec![1, 2, 3]);
        cache.save();
        let cache = open();
        assert_eq!(cache.digest("a", &stamp(5)), Some(digest));
        assert_eq!(cache.digest("a", &stamp(6)), None, "the file has changed");
        assert_eq!(cache.recall(&text), Some(vec![1, 2, 3]));
        assert_eq!(cache.recall(&digest), None);
    }

    #[test]
    fn a_file_that_was_just_written_is_not_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let cache = SourceCache::open(directory.path(), Path::new("/site"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let now = i128::try_from(now).unwrap();
        for modified in [now, now - REST + 500_000_000, now + 10 * REST] {
            cache.note("a", stamp(modified), &Digest::of(b""));
            assert_eq!(cache.digest("a", &stamp(modified)), None);
        }
    }

    #[test]
    fn the_last_plan_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let open = || SourceCache::open(&directory.path().join("forge"), Path::new("/site"));
        assert_eq!(open().plan(), None);
        for plan in [&b"one"[..], b"", b"two"] {
            open().keep_plan(&|out| out.write_all(plan));
            assert_eq!(open().plan().as_deref(), Some(plan));
        }
        let other = SourceCache::open(&directory.path().join("forge"), Path::new("/other"));
        assert_eq!(other.plan(), None);
        std::fs::write(open().plan_file(), "two").unwrap();
        assert_eq!(open().plan(), None, "damaged");
    }

    #[test]
    fn damage_costs_nothing_but_time() {
        let directory = tempfile::tempdir().unwrap();
        let cache = SourceCache::open(directory.path(), Path::new("/site"));
        cache.remember(&Digest::of(b"text"), vec![7; 100]);
        cache.save();
        let whole = std::fs::read(&cache.file).unwrap();
        let mut cases: Vec<Vec<u8>> = (0..whole.len()).map(|cut| whole[..cut].to_vec()).collect();
        cases.extend((0..whole.len()).map(|at| {
            let mut other = whole.clone();
            other[at] ^= 1;
            other
        }));
        for bytes in cases {
            assert!(super::whole(bytes).is_none());
        }
        assert!(super::whole(whole).is_some());
    }
}
