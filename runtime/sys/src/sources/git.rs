//! A revision of a project in git.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use forge_model::{Digest, ImagePath, SourceEntry, SourceError, SourceNode, SourceStat, Sources};

use super::{PROJECT_FILE, SourcesError};
use crate::process::Command;

/// Bytes that one revision may hold.
const LARGEST_REVISION: usize = 1 << 30;

/// A project as it stood in a revision, in memory.
#[derive(Debug)]
pub struct GitSources {
    revision: String,
    files: BTreeMap<String, GitFile>,
    /// Symbolic links, with their targets.
    links: BTreeMap<String, String>,
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
        let mut links = BTreeMap::new();
        for (entry, content) in entries.iter().zip(contents) {
            if entry.link {
                let target = String::from_utf8_lossy(&content).into_owned();
                links.insert(entry.path.clone(), target);
                continue;
            }
            let digest = Digest::of(&content);
            let file = GitFile { content, executable: entry.executable, digest };
            files.insert(entry.path.clone(), file);
        }
        Ok(Self { revision, files, links })
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

    fn tree(&self, directory: &str) -> Result<Vec<SourceNode>, SourceError> {
        let files = self.entries(directory, |_| true).into_iter().map(|entry| (entry.path, None));
        let prefix = format!("{}/", directory.trim_matches('/'));
        let links = self.links.iter().filter(|(path, _)| path.starts_with(&prefix));
        let links = links.filter(|(path, _)| !self.is_foreign(path));
        let links = links.map(|(path, target)| (path.clone(), Some(target.clone())));
        let mut found: Vec<_> =
            files.chain(links).map(|(path, target)| SourceNode { path, target }).collect();
        found.sort();
        match self.files.contains_key(directory) {
            _ if !found.is_empty() => Ok(found),
            true => Err(SourceError::NotAFile),
            false => Err(SourceError::NotFound),
        }
    }
}

struct GitEntry<'a> {
    object: &'a str,
    path: String,
    executable: bool,
    link: bool,
}

/// `MODE TYPE OBJECT<TAB>PATH`; submodules are nothing here.
fn parse_entry(line: &[u8]) -> Option<GitEntry<'_>> {
    let text = std::str::from_utf8(line).ok()?;
    let (about, path) = text.split_once('\t')?;
    let mut words = about.split(' ');
    let (mode, _, object) = (words.next()?, words.next()?, words.next()?);
    let (executable, link) = match mode {
        "100755" => (true, false),
        "100644" => (false, false),
        "120000" => (false, true),
        _ => return None,
    };
    Some(GitEntry { object, path: path.to_owned(), executable, link })
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

pub(super) fn git(directory: &Path, arguments: &[&str]) -> Result<Vec<u8>, SourcesError> {
    let command = git_command(directory, arguments).limit(LARGEST_REVISION);
    let line = command.line();
    let output = command.run()?;
    if output.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(SourcesError::Git { line, message })
}
