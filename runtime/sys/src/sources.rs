//! Projects: a directory as it is, or a revision of it in git.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use forge_model::{Digest, ImagePath, SourceEntry, SourceError, SourceStat, Sources};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::process::{Command, ProcessError};
use crate::root::Root;
use crate::tree::host_path;

/// The file that makes a directory a project; a nested one is another project.
const PROJECT_FILE: &str = "forge.kdl";
/// Bytes that one revision may hold.
const LARGEST_REVISION: usize = 1 << 30;

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

// --- a directory ---

/// A project as it stands on the disk. Files are read once and then kept.
#[derive(Debug)]
pub struct DiskSources {
    directory: PathBuf,
    root: Root,
    read: Mutex<BTreeMap<String, Arc<[u8]>>>,
}

impl DiskSources {
    /// The project in `directory`.
    pub fn open(directory: &Path) -> Result<Self, SourcesError> {
        let root = Root::open(directory)
            .map_err(|source| SourcesError::Directory { path: directory.to_owned(), source })?;
        Ok(Self { directory: directory.to_owned(), root, read: Mutex::default() })
    }

    /// The project's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Opens a path; links are followed as long as they stay in the project.
    fn open_path(&self, path: &str) -> Result<std::fs::File, SourceError> {
        let inside =
            ImagePath::new(path).filter(|_| !path.starts_with('/')).ok_or(SourceError::Outside)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
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
            let _gone = rustix::fs::unlinkat(&directory, &new, rustix::fs::AtFlags::empty());
        }
        written
    }

    fn open_file(&self, path: &str) -> Result<(std::fs::File, std::fs::Metadata), SourceError> {
        let file = self.open_path(path)?;
        let about = file.metadata().map_err(|error| SourceError::Unreadable(error.to_string()))?;
        if about.is_file() { Ok((file, about)) } else { Err(SourceError::NotAFile) }
    }

    /// Regular files below a directory, sorted; `keep` decides by path.
    fn walk(
        &self,
        directory: &str,
        git_ignore: bool,
        keep: impl Fn(&Path) -> bool,
    ) -> Result<Vec<SourceEntry>, SourceError> {
        let inside = ImagePath::new(directory).ok_or(SourceError::Outside)?;
        let top = host_path(&self.directory, &inside);
        let own = self.directory.clone();
        let nested = move |entry: &ignore::DirEntry| {
            let path = entry.path();
            let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
            !is_directory || path == own || !path.join(PROJECT_FILE).exists()
        };
        let walk = ignore::WalkBuilder::new(&top)
            .standard_filters(false)
            .hidden(git_ignore)
            .git_ignore(git_ignore)
            .parents(git_ignore)
            .require_git(false)
            .filter_entry(nested)
            .build();
        let mut out = Vec::new();
        for entry in walk {
            let entry = entry.map_err(|error| SourceError::Unreadable(error.to_string()))?;
            if !entry.file_type().is_some_and(|kind| kind.is_file()) || !keep(entry.path()) {
                continue;
            }
            let about =
                entry.metadata().map_err(|error| SourceError::Unreadable(error.to_string()))?;
            let executable = about.permissions().mode() & 0o111 != 0;
            let path = entry.path().strip_prefix(&self.directory).unwrap_or(entry.path());
            let path = path.to_str().ok_or_else(|| {
                SourceError::Unreadable(format!("`{}` is not UTF-8", path.display()))
            })?;
            out.push(SourceEntry { path: path.to_owned(), executable });
        }
        out.sort();
        Ok(out)
    }
}

impl Sources for DiskSources {
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        self.walk("", true, |path| path.extension().is_some_and(|end| end == "kdl"))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        let mut kept = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = kept.get(path) {
            return Ok(content.clone());
        }
        let (mut file, about) = self.open_file(path)?;
        let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
        std::io::Read::read_to_end(&mut file, &mut bytes)
            .map_err(|error| SourceError::Unreadable(error.to_string()))?;
        let content: Arc<[u8]> = bytes.into();
        kept.insert(path.to_owned(), content.clone());
        Ok(content)
    }

    fn stat(&self, path: &str) -> Result<SourceStat, SourceError> {
        let (file, about) = self.open_file(path)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file).map_err(|error| SourceError::Unreadable(error.to_string()))?;
        Ok(SourceStat {
            digest: Digest::from_bytes(*hasher.finalize().as_bytes()),
            size: hasher.count(),
            executable: about.permissions().mode() & 0o111 != 0,
        })
    }

    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        let about = self.open_path(directory)?.metadata();
        match about {
            Ok(about) if about.is_dir() => self.walk(directory, false, |_| true),
            Ok(_) => Err(SourceError::NotAFile),
            Err(error) => Err(SourceError::Unreadable(error.to_string())),
        }
    }
}

// --- a revision ---

/// A project as it stood in a revision, in memory.
#[derive(Debug)]
pub struct GitSources {
    revision: String,
    files: BTreeMap<String, GitFile>,
}

#[derive(Debug)]
struct GitFile {
    content: Arc<[u8]>,
    executable: bool,
    digest: Digest,
}

impl GitSources {
    /// The project in `directory` (which may lie below the top of its repository), at a revision.
    pub fn open(directory: &Path, revision: &str) -> Result<Self, SourcesError> {
        let commit = format!("{revision}^{{commit}}");
        let found =
            git(directory, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]);
        let revision = match found {
            Ok(text) => String::from_utf8_lossy(&text).trim().to_owned(),
            Err(SourcesError::Git { line: _, message }) if message.is_empty() => {
                return Err(SourcesError::Revision { revision: revision.to_owned() });
            }
            Err(other) => return Err(other),
        };
        // Below the top of the repository, `ls-tree` speaks of the current directory alone.
        let listing = git(directory, &["ls-tree", "-r", "-z", &revision])?;
        let entries: Vec<_> = listing.split(|byte| *byte == 0).filter_map(parse_entry).collect();
        let names: Vec<&str> = entries.iter().map(|entry| entry.object).collect();
        let contents = read_blobs(directory, &names)?;
        let mut files = BTreeMap::new();
        for (entry, content) in entries.iter().zip(contents) {
            let digest = Digest::of(&content);
            let file = GitFile { content, executable: entry.executable, digest };
            files.insert(entry.path.clone(), file);
        }
        Ok(Self { revision, files })
    }

    /// The full name of the commit.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    fn file(&self, path: &str) -> Result<&GitFile, SourceError> {
        let plain = ImagePath::new(path).ok_or(SourceError::Outside)?;
        let plain = String::from_utf8_lossy(plain.as_bytes()).into_owned();
        match self.files.get(&plain) {
            Some(file) => Ok(file),
            None if self.entries(&plain, |_| true).is_empty() => Err(SourceError::NotFound),
            None => Err(SourceError::NotAFile),
        }
    }

    fn entries(&self, directory: &str, keep: impl Fn(&str) -> bool) -> Vec<SourceEntry> {
        let directory = directory.trim_matches('/');
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        self.files
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix) && !self.is_foreign(path) && keep(path))
            .map(|(path, file)| SourceEntry { path: path.clone(), executable: file.executable })
            .collect()
    }

    /// True for a path that belongs to a nested project.
    fn is_foreign(&self, path: &str) -> bool {
        let slashes = path.match_indices('/').map(|(at, _)| &path[..at]);
        slashes
            .into_iter()
            .any(|parent| self.files.contains_key(&format!("{parent}/{PROJECT_FILE}")))
    }
}

impl Sources for GitSources {
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        let hidden = |path: &str| path.split('/').any(|part| part.starts_with('.'));
        let is_spec = |path: &str| Path::new(path).extension().is_some_and(|end| end == "kdl");
        Ok(self.entries("", |path| is_spec(path) && !hidden(path)))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        Ok(self.file(path)?.content.clone())
    }

    fn stat(&self, path: &str) -> Result<SourceStat, SourceError> {
        let GitFile { content, executable, digest } = self.file(path)?;
        let size = content.len() as u64;
        Ok(SourceStat { digest: *digest, size, executable: *executable })
    }

    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        let found = self.entries(directory, |_| true);
        if found.is_empty() { Err(SourceError::NotFound) } else { Ok(found) }
    }
}

struct GitEntry<'a> {
    object: &'a str,
    path: String,
    executable: bool,
}

/// `MODE TYPE OBJECT<TAB>PATH`; links and submodules are no files here.
fn parse_entry(line: &[u8]) -> Option<GitEntry<'_>> {
    let text = std::str::from_utf8(line).ok()?;
    let (about, path) = text.split_once('\t')?;
    let mut words = about.split(' ');
    let (mode, _, object) = (words.next()?, words.next()?, words.next()?);
    let executable = match mode {
        "100755" => true,
        "100644" => false,
        _ => return None,
    };
    Some(GitEntry { object, path: path.to_owned(), executable })
}

/// The contents of objects, in one call.
fn read_blobs(directory: &Path, names: &[&str]) -> Result<Vec<Arc<[u8]>>, SourcesError> {
    let mut input = names.join("\n");
    input.push('\n');
    let command = git_command(directory, &["cat-file", "--batch"]).input(input);
    let line = command.line();
    let output = command.limit(LARGEST_REVISION).run()?;
    let broken = || SourcesError::Git {
        line: line.clone(),
        message: "its answer cannot be read".to_owned(),
    };
    let mut rest = output.stdout.as_slice();
    let mut out = Vec::with_capacity(names.len());
    for _ in names {
        // `OBJECT TYPE SIZE`, a line end, the bytes, a line end.
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
        let header = std::str::from_utf8(&rest[..end]).map_err(|_| broken())?;
        let size: usize =
            header.rsplit(' ').next().and_then(|size| size.parse().ok()).ok_or_else(broken)?;
        let content = rest.get(end + 1..end + 1 + size).ok_or_else(broken)?;
        out.push(Arc::from(content));
        rest = rest.get(end + size + 2..).ok_or_else(broken)?;
    }
    Ok(out)
}

/// What git knows of a project's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitState {
    /// Full name of the commit.
    pub revision: String,
    /// Something below the directory differs from it.
    pub dirty: bool,
}

/// The state of a directory; none outside of a repository, before the first commit, and without
/// git.
pub fn git_state(directory: &Path) -> Option<GitState> {
    let revision = git(directory, &["rev-parse", "--verify", "--quiet", "HEAD"]).ok()?;
    let status = git(directory, &["status", "--porcelain", "--untracked-files=normal", "--", "."]);
    Some(GitState {
        revision: String::from_utf8_lossy(&revision).trim().to_owned(),
        dirty: !status.ok()?.is_empty(),
    })
}

fn git_command(directory: &Path, arguments: &[&str]) -> Command {
    Command::new("git")
        // The project belongs to its user, the build runs as root: git would refuse to look.
        .args(["-c", "safe.directory=*", "--no-optional-locks", "-C"])
        .arg(directory)
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
}

fn git(directory: &Path, arguments: &[&str]) -> Result<Vec<u8>, SourcesError> {
    let command = git_command(directory, arguments).limit(LARGEST_REVISION);
    let line = command.line();
    let output = command.run()?;
    if output.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(SourcesError::Git { line, message })
}

#[cfg(test)]
mod tests {
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
