//! Projects: a directory as it is, or a revision of it in git.

mod git;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read as _, Write};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use forge_model::{Digest, ImagePath, SourceEntry, SourceError, SourceNode, SourceStat, Sources};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::process::ProcessError;
use crate::root::Root;
use crate::source_cache::{SourceCache, Stamp};
use crate::tree::host_path;

pub use self::git::{GitSources, GitState, git_state};

/// The file that makes a directory a project; a nested one is another project.
const PROJECT_FILE: &str = "forge.kdl";

/// Why a project could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The directory cannot be opened.
    #[error("project `{}` cannot be opened: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The revision is not in the repository.
    #[error("there is no revision `{revision}`")]
    Revision {
        /// As the user named it.
        revision: String,
    },
    /// git could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// git refused.
    #[error("`{line}` failed: {message}")]
    Git {
        /// The command.
        line: String,
        /// What it said.
        message: String,
    },
}

/// The directories whose files were asked for last.
#[derive(Debug, Default)]
struct OpenDirectories(Mutex<VecDeque<(String, Arc<std::fs::File>)>>);

impl OpenDirectories {
    /// Each processor is in one at a time.
    const MOST: usize = 16;

    fn get(
        &self,
        path: &str,
        open: impl FnOnce() -> Option<std::fs::File>,
    ) -> Option<Arc<std::fs::File>> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, directory)) = known().iter().find(|(known, _)| known == path) {
            return Some(Arc::clone(directory));
        }
        let directory = Arc::new(open()?);
        let mut known = known();
        known.truncate(Self::MOST - 1);
        known.push_front((path.to_owned(), Arc::clone(&directory)));
        Some(directory)
    }
}

/// A project as it stands on the disk. Files are read once and then kept.
#[derive(Debug)]
pub struct DiskSources {
    directory: PathBuf,
    root: Root,
    read: Mutex<BTreeMap<String, Arc<[u8]>>>,
    cache: Option<SourceCache>,
    open: OpenDirectories,
}

impl DiskSources {
    /// The project in `directory`.
    pub fn open(directory: &Path) -> Result<Self, SourcesError> {
        let root = Root::open(directory)
            .map_err(|source| SourcesError::Directory { path: directory.to_owned(), source })?;
        let (directory, read) = (directory.to_owned(), Mutex::default());
        Ok(Self { directory, root, read, cache: None, open: OpenDirectories::default() })
    }

    /// With what earlier runs learnt of this project, kept below `caches`; what this one learns is
    /// kept there when the sources are dropped.
    #[must_use]
    pub fn with_cache(mut self, caches: &Path) -> Self {
        self.cache = Some(SourceCache::open(caches, &self.directory));
        self
    }

    /// The project's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Opens a path; links are followed as long as they stay in the project.
    fn open_path(&self, path: &str) -> Result<std::fs::File, SourceError> {
        self.open_as(path, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    fn open_as(&self, path: &str, flags: OFlags) -> Result<std::fs::File, SourceError> {
        let inside =
            ImagePath::new(path).filter(|_| !path.starts_with('/')).ok_or(SourceError::Outside)?;
        let opened = self.root.open_beneath(&inside, flags).map_err(|error| {
            match Errno::from_io_error(&error) {
                Some(Errno::NOENT | Errno::NOTDIR) => SourceError::NotFound,
                Some(Errno::XDEV | Errno::LOOP) => SourceError::Outside,
                _ => SourceError::Unreadable(error.to_string()),
            }
        })?;
        Ok(std::fs::File::from(opened))
    }

    /// Replaces a file of the project at once: a reader sees the old content or the new one, and
    /// so does who looks after a crash. Mode and, where it may be, owner stay as they were. Links
    /// are not followed.
    pub fn replace(&self, path: &str, content: &[u8]) -> std::io::Result<()> {
        let invalid = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
        let inside = ImagePath::new(path).filter(|_| !path.starts_with('/')).ok_or_else(invalid)?;
        let directory = inside.parent().ok_or_else(invalid)?;
        let old = rustix::fs::fstat(self.root.open_exact(&inside, OFlags::PATH)?)?;
        let directory = self.root.open_exact(&directory, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let name = String::from_utf8_lossy(inside.file_name()).into_owned();
        let new = format!(".{name}.{}.new", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = std::fs::File::from(rustix::fs::openat(&directory, &new, flags, mode)?);
        let written = (|| {
            std::io::Write::write_all(&mut &file, content)?;
            // A user who may write a file of somebody else makes it their own.
            let _kept = std::os::unix::fs::fchown(&file, Some(old.st_uid), Some(old.st_gid));
            rustix::fs::fchmod(&file, Mode::from_raw_mode(old.st_mode & 0o7777))?;
            file.sync_all()?;
            rustix::fs::renameat(&directory, &new, &directory, name.as_str())?;
            std::io::Result::Ok(rustix::fs::fsync(&directory)?)
        })();
        if written.is_err() {
            let _gone = rustix::fs::unlinkat(&directory, &new, AtFlags::empty());
        }
        written
    }

    /// What a regular file is, asked of its directory, which is open already as a rule. None where
    /// it has to be looked for: behind a link, or not there.
    fn stat_in_place(&self, path: &str) -> Option<Stat> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let open = || self.open_as(directory, OFlags::PATH | OFlags::DIRECTORY).ok();
        let directory = self.open.get(directory, open)?;
        let about = rustix::fs::statat(&*directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        FileType::from_raw_mode(about.st_mode).is_file().then_some(about)
    }

    fn check_directory(&self, path: &str) -> Result<(), SourceError> {
        match self.open_path(path)?.metadata() {
            Ok(about) if about.is_dir() => Ok(()),
            Ok(_) => Err(SourceError::NotAFile),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// Reads a file for its digest.
    fn hash(&self, path: &str) -> Result<SourceStat, SourceError> {
        let (file, about) = self.open_file(path)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file).map_err(unreadable)?;
        Ok(SourceStat {
            digest: Digest::from_bytes(*hasher.finalize().as_bytes()),
            size: hasher.count(),
            executable: about.permissions().mode() & 0o111 != 0,
        })
    }

    fn open_file(&self, path: &str) -> Result<(std::fs::File, std::fs::Metadata), SourceError> {
        let file = self.open_path(path)?;
        let about = file.metadata().map_err(|error| SourceError::Unreadable(error.to_string()))?;
        if about.is_file() { Ok((file, about)) } else { Err(SourceError::NotAFile) }
    }

    /// What stands below a directory of the project, in no order.
    fn walk(
        &self,
        directory: &str,
        (hidden, ignored): (bool, bool),
    ) -> Result<ignore::WalkBuilder, SourceError> {
        let inside = ImagePath::new(directory).ok_or(SourceError::Outside)?;
        let top = host_path(&self.directory, &inside);
        let own = self.directory.clone();
        let nested = move |entry: &ignore::DirEntry| {
            let path = entry.path();
            let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
            !is_directory || path == own || !path.join(PROJECT_FILE).exists()
        };
        let mut walk = ignore::WalkBuilder::new(&top);
        walk.standard_filters(false)
            .hidden(!hidden)
            .git_ignore(!ignored)
            .parents(!ignored)
            .require_git(false)
            .filter_entry(nested);
        Ok(walk)
    }

    /// Regular files of a walk, sorted; `keep` decides by path. All processors read directories; the
    /// threads end with the call.
    fn files(
        &self,
        mut walk: ignore::WalkBuilder,
        keep: impl Fn(&Path) -> bool + Sync,
    ) -> Result<Vec<SourceEntry>, SourceError> {
        /// More threads than this only wait for each other.
        const MOST: usize = 4;
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let found = Mutex::new(Vec::new());
        let one = |entry: Result<ignore::DirEntry, ignore::Error>| {
            let entry = entry.map_err(unreadable)?;
            if !entry.file_type().is_some_and(|kind| kind.is_file()) || !keep(entry.path()) {
                return Ok(None);
            }
            let about = entry.metadata().map_err(unreadable)?;
            let executable = about.permissions().mode() & 0o111 != 0;
            Ok(Some(SourceEntry { path: self.relative(entry.path())?, executable }))
        };
        walk.threads(processors.min(MOST)).build_parallel().run(|| {
            Box::new(|entry| {
                if let Some(entry) = one(entry).transpose() {
                    found.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
                }
                ignore::WalkState::Continue
            })
        });
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut out: Vec<SourceEntry> = found.into_iter().collect::<Result<_, SourceError>>()?;
        out.sort();
        Ok(out)
    }

    fn relative(&self, path: &Path) -> Result<String, SourceError> {
        utf8(path.strip_prefix(&self.directory).unwrap_or(path))
    }
}

fn unreadable(error: impl std::fmt::Display) -> SourceError {
    SourceError::Unreadable(error.to_string())
}

fn utf8(path: &Path) -> Result<String, SourceError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| unreadable(format!("`{}` is not UTF-8", path.display())))
}

impl Sources for DiskSources {
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        let walk = self.walk("", (false, false))?;
        self.files(walk, |path| path.extension().is_some_and(|end| end == "kdl"))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        self.read_at_most(path, u64::MAX)
    }

    fn read_at_most(&self, path: &str, most: u64) -> Result<Arc<[u8]>, SourceError> {
        // Not held while a file is read: many are, at the same time.
        let kept = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = kept().get(path) {
            return Ok(content.clone());
        }
        let (file, about) = self.open_file(path)?;
        if about.len() > most {
            return Err(SourceError::TooLarge(most));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
        // It may grow meanwhile, and some files have no size before they are read.
        std::io::Read::read_to_end(&mut file.take(most.saturating_add(1)), &mut bytes)
            .map_err(|error| SourceError::Unreadable(error.to_string()))?;
        if bytes.len() as u64 > most {
            return Err(SourceError::TooLarge(most));
        }
        let content: Arc<[u8]> = bytes.into();
        // Who asks again sees what was seen first.
        Ok(kept().entry(path.to_owned()).or_insert(content).clone())
    }

    fn stat(&self, path: &str) -> Result<SourceStat, SourceError> {
        let Some(cache) = &self.cache else { return self.hash(path) };
        let about = match self.stat_in_place(path) {
            Some(about) => about,
            None => rustix::fs::fstat(self.open_as(path, OFlags::PATH)?).map_err(unreadable)?,
        };
        let stamp = Stamp::of(&about);
        if let Some(digest) = cache.digest(path, &stamp) {
            let size = u64::try_from(about.st_size).unwrap_or_default();
            return Ok(SourceStat { digest, size, executable: about.st_mode & 0o111 != 0 });
        }
        let stat = self.hash(path)?;
        cache.note(path, stamp, &stat.digest);
        Ok(stat)
    }

    fn recall(&self, of: &Digest) -> Option<Vec<u8>> {
        self.cache.as_ref()?.recall(of)
    }

    fn remember(&self, of: &Digest, made: Vec<u8>) {
        if let Some(cache) = &self.cache {
            cache.remember(of, made);
        }
    }

    fn keeps_plan(&self) -> bool {
        self.cache.is_some()
    }

    fn last_plan(&self) -> Option<Vec<u8>> {
        self.cache.as_ref()?.plan()
    }

    fn keep_plan(&self, write: &dyn Fn(&mut dyn Write) -> io::Result<()>) {
        if let Some(cache) = &self.cache {
            cache.keep_plan(write);
        }
    }

    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        self.check_directory(directory)?;
        self.files(self.walk(directory, (true, true))?, |_| true)
    }

    fn tree(&self, directory: &str) -> Result<Vec<SourceNode>, SourceError> {
        self.check_directory(directory)?;
        let mut found = Vec::new();
        for entry in self.walk(directory, (true, false))?.build() {
            let entry = entry.map_err(unreadable)?;
            let Some(kind) = entry.file_type() else { continue };
            let target = match () {
                () if kind.is_file() => None,
                () if kind.is_symlink() && entry.depth() > 0 => {
                    Some(utf8(&std::fs::read_link(entry.path()).map_err(unreadable)?)?)
                }
                () => continue,
            };
            let path = self.relative(entry.path())?;
            // git's own files, which it neither tracks nor ignores.
            if !path.split('/').any(|part| part == ".git") {
                found.push(SourceNode { path, target });
            }
        }
        found.sort();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::git::git;
    use super::*;

    const FILES: &[(&str, &str)] = &[
        ("forge.kdl", "site"),
        ("images/a.kdl", "a"),
        ("files/run.sh", "#!/bin/sh"),
        ("files/.hidden", "h"),
        (".secret/x.kdl", "x"),
        ("other/forge.kdl", "other"),
        ("other/b.kdl", "b"),
        (".gitignore", "ignored.kdl\n"),
        ("ignored.kdl", "i"),
        ("copied/a/b", "b"),
        ("copied/.hidden", "h"),
        ("copied/ignored.kdl", "i"),
    ];

    fn project() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in FILES {
            let at = directory.path().join(path);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, content).unwrap();
        }
        let script = directory.path().join("files/run.sh");
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("/etc", directory.path().join("out")).unwrap();
        std::os::unix::fs::symlink("../a b", directory.path().join("copied/link")).unwrap();
        std::os::unix::fs::symlink("images/a.kdl", directory.path().join("in")).unwrap();
        directory
    }

    fn commit(directory: &Path, message: &str) {
        let identity =
            ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", message];
        git(directory, &["init", "-q"]).unwrap();
        git(directory, &["add", "-A"]).unwrap();
        git(directory, &identity).unwrap();
    }

    fn check(sources: &dyn Sources) {
        let names = |entries: Vec<SourceEntry>| {
            entries.into_iter().map(|entry| entry.path).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(sources.specs().unwrap()), "forge.kdl images/a.kdl");
        assert_eq!(names(sources.list("files").unwrap()), "files/.hidden files/run.sh");
        assert_eq!(&*sources.read("images/a.kdl").unwrap(), b"a");
        let stat = sources.stat("files/run.sh").unwrap();
        assert_eq!(stat.digest, Digest::of(b"#!/bin/sh"));
        assert!(stat.executable && !sources.stat("forge.kdl").unwrap().executable);
        let refused = [
            ("nothing", SourceError::NotFound),
            ("files/run.sh/x", SourceError::NotFound),
            ("files", SourceError::NotAFile),
            ("../x", SourceError::Outside),
        ];
        for (path, want) in refused {
            assert_eq!(sources.read(path).unwrap_err(), want, "{path}");
            assert_eq!(sources.stat(path).unwrap_err(), want, "{path}");
        }
        assert_eq!(sources.list("nothing").unwrap_err(), SourceError::NotFound);
        let tree: Vec<_> = sources.tree("copied").unwrap().into_iter().map(shown).collect();
        assert_eq!(tree, ["copied/.hidden", "copied/a/b", "copied/link -> ../a b"]);
        assert_eq!(sources.tree("nothing").unwrap_err(), SourceError::NotFound);
        assert_eq!(sources.tree("forge.kdl").unwrap_err(), SourceError::NotAFile);
    }

    fn shown(SourceNode { path, target }: SourceNode) -> String {
        match target {
            Some(target) => format!("{path} -> {target}"),
            None => path,
        }
    }

    #[test]
    fn a_directory_is_a_project() {
        let directory = project();
        let sources = DiskSources::open(directory.path()).unwrap();
        check(&sources);
        for path in ["out/passwd", "/etc/passwd"] {
            assert_eq!(sources.read(path).unwrap_err(), SourceError::Outside, "{path}");
        }
        assert_eq!(&*sources.read("in").unwrap(), b"a");
    }

    #[test]
    fn a_file_is_replaced_at_once_and_keeps_its_mode() {
        let directory = project();
        let sources = DiskSources::open(directory.path()).unwrap();
        sources.replace("files/run.sh", b"new").unwrap();
        let at = directory.path().join("files/run.sh");
        assert_eq!(std::fs::read(&at).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&at).unwrap().permissions().mode() & 0o777, 0o755);
        for path in ["in", "out/passwd", "../x", "/etc/passwd", "nothing"] {
            assert!(sources.replace(path, b"x").is_err(), "{path}");
        }
        assert_eq!(sources.list("files").unwrap().len(), 2, "nothing is left beside it");
    }

    #[test]
    fn a_revision_is_a_project_too() {
        let directory = project();
        commit(directory.path(), "one");
        std::fs::write(directory.path().join("images/a.kdl"), "changed").unwrap();
        check(&GitSources::open(directory.path(), "HEAD").unwrap());
        let missing = GitSources::open(directory.path(), "no-such").unwrap_err().to_string();
        assert!(missing.ends_with("there is no revision `no-such`"), "{missing}");
        let below = directory.path().join("other");
        let sources = GitSources::open(&below, "HEAD").unwrap();
        assert_eq!(&*sources.read("b.kdl").unwrap(), b"b");
    }

    #[test]
    fn the_state_is_that_of_the_project_alone() {
        let directory = project();
        assert_eq!(git_state(directory.path()), None);
        commit(directory.path(), "one");
        let clean = git_state(directory.path()).unwrap();
        assert!(!clean.dirty && clean.revision.len() == 40);
        std::fs::write(directory.path().join("images/a.kdl"), "changed").unwrap();
        assert_eq!(git_state(directory.path()), Some(GitState { dirty: true, ..clean.clone() }));
        assert_eq!(git_state(&directory.path().join("other")), Some(clean));
    }
}
