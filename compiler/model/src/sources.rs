use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use crate::Digest;

/// One file of a project as a listing names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceEntry {
    /// Path relative to the project's root, `/` between components.
    pub path: String,
    /// True when marked executable.
    pub executable: bool,
}

/// What a directory of a project holds, as a copy of it has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceNode {
    /// Path relative to the project's root, `/` between components.
    pub path: String,
    /// Where it points, of a symbolic link; none for a file.
    pub target: Option<String>,
}

/// Why a source could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// There is no such file.
    NotFound,
    /// The path leaves the project, directly or through a symbolic link.
    Outside,
    /// It holds more bytes than its reader takes.
    TooLarge(u64),
    /// It is a directory or something else that is not a regular file.
    NotAFile,
    /// It could not be read.
    Unreadable(String),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such file"),
            Self::Outside => f.write_str("the path leaves the project"),
            Self::TooLarge(most) => write!(f, "it is larger than {} MiB", most >> 20),
            Self::NotAFile => f.write_str("it is not a regular file"),
            Self::Unreadable(why) => write!(f, "it could not be read: {why}"),
        }
    }
}

impl std::error::Error for SourceError {}

/// The directory below which the shipped library stands, and what its names begin with. A project
/// has no directory of this name.
pub const LIBRARY: &str = "std";

/// The only window of the compiler onto a project: a directory, a revision in git, or memory.
///
/// Paths are relative to the project's root with `/` between components and never contain `..`.
pub trait Sources: Send + Sync {
    /// All files of the project that are specs (`*.kdl`), sorted by path. Hidden directories,
    /// what git ignores, and directories with a `forge.kdl` of their own are left out.
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError>;

    /// The content of a file.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError>;

    /// The content of a file of at most this many bytes; a larger one is not read whole.
    fn read_at_most(&self, path: &str, most: u64) -> Result<Arc<[u8]>, SourceError> {
        let content = self.read(path)?;
        if content.len() as u64 > most { Err(SourceError::TooLarge(most)) } else { Ok(content) }
    }

    /// Digest, size and executable bit of a file, without keeping its content.
    fn stat(&self, path: &str) -> Result<SourceStat, SourceError>;

    /// All regular files below a directory, sorted by path; paths are relative to the root.
    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError>;

    /// All regular files and symbolic links below a directory, sorted by path; paths are relative
    /// to the root. What git ignores is left out, so that every checkout gives the same.
    fn tree(&self, directory: &str) -> Result<Vec<SourceNode>, SourceError>;

    /// What was made of something with this digest before, if it is still known. It is what making
    /// it again would give, so it changes nothing but the time.
    fn recall(&self, _of: &Digest) -> Option<Vec<u8>> {
        None
    }

    /// Takes what was made of something with this digest, for a later [`Sources::recall`].
    fn remember(&self, _of: &Digest, _made: Vec<u8>) {}

    /// Whether a plan is kept from one run to the next.
    fn keeps_plan(&self) -> bool {
        false
    }

    /// What an earlier run of this very program gave to [`Sources::keep_plan`].
    fn last_plan(&self) -> Option<Vec<u8>> {
        None
    }

    /// Takes what `write` writes, the project's plan with what it was made from, for
    /// [`Sources::last_plan`] of a later run. One is kept, the latest.
    fn keep_plan(&self, _write: &dyn Fn(&mut dyn Write) -> io::Result<()>) {}
}

/// What is known of a source file without reading it into a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceStat {
    /// Digest of the content.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// True when marked executable.
    pub executable: bool,
}

/// Sources in memory, for tests and documentation.
#[derive(Clone, Debug, Default)]
pub struct MemorySources {
    files: std::collections::BTreeMap<String, (Arc<[u8]>, bool)>,
    links: std::collections::BTreeMap<String, String>,
}

impl MemorySources {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, path: impl Into<String>, content: impl AsRef<[u8]>) -> &mut Self {
        self.files.insert(path.into(), (Arc::from(content.as_ref()), false));
        self
    }

    /// Adds or replaces an executable file.
    pub fn insert_executable(
        &mut self,
        path: impl Into<String>,
        content: impl AsRef<[u8]>,
    ) -> &mut Self {
        self.files.insert(path.into(), (Arc::from(content.as_ref()), true));
        self
    }

    /// Adds or replaces a symbolic link, which is seen in a directory's tree and nowhere else.
    pub fn insert_link(&mut self, path: impl Into<String>, target: impl Into<String>) -> &mut Self {
        self.links.insert(path.into(), target.into());
        self
    }

    /// The paths of all files, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    fn get(&self, path: &str) -> Result<&(Arc<[u8]>, bool), SourceError> {
        self.files.get(path).ok_or(SourceError::NotFound)
    }

    fn entries(&self, keep: impl Fn(&str) -> bool) -> Vec<SourceEntry> {
        self.files
            .iter()
            .filter(|(path, _)| keep(path))
            .map(|(path, (_, executable))| SourceEntry {
                path: path.clone(),
                executable: *executable,
            })
            .collect()
    }
}

impl Sources for MemorySources {
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        Ok(self.entries(|path| path.rsplit_once('.').is_some_and(|(_, end)| end == "kdl")))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        Ok(self.get(path)?.0.clone())
    }

    fn stat(&self, path: &str) -> Result<SourceStat, SourceError> {
        let (content, executable) = self.get(path)?;
        let (digest, size) = (Digest::of(content), content.len() as u64);
        Ok(SourceStat { digest, size, executable: *executable })
    }

    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        let prefix = format!("{}/", directory.trim_end_matches('/'));
        let found = self.entries(|path| path.starts_with(&prefix));
        if found.is_empty() { Err(SourceError::NotFound) } else { Ok(found) }
    }

    fn tree(&self, directory: &str) -> Result<Vec<SourceNode>, SourceError> {
        let prefix = format!("{}/", directory.trim_end_matches('/'));
        let files = self.files.keys().map(|path| (path, None));
        let links = self.links.iter().map(|(path, target)| (path, Some(target.clone())));
        let below = files.chain(links).filter(|(path, _)| path.starts_with(&prefix));
        let mut found: Vec<_> =
            below.map(|(path, target)| SourceNode { path: path.clone(), target }).collect();
        found.sort();
        match self.files.contains_key(directory) {
            _ if !found.is_empty() => Ok(found),
            true => Err(SourceError::NotAFile),
            false => Err(SourceError::NotFound),
        }
    }
}
