//! The library that forge ships: bases, roles and profiles whose names begin with `std/`.
//!
//! Its files are part of the program. [`WithLibrary`] lays them over a project's own files, below
//! the directory `std`, so that whatever reads a project reads them in the same way: the compiler,
//! the executor that digests and copies a file, the editor.

use std::io::{self, Write};
use std::sync::Arc;

use forge_model::{Digest, LIBRARY, SourceEntry, SourceError, SourceNode, SourceStat, Sources};

/// A file of the library.
#[derive(Clone, Copy, Debug)]
struct File {
    /// From `std/` on.
    path: &'static str,
    executable: bool,
    content: &'static [u8],
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// A project with the library below `std/`.
#[derive(Clone, Debug)]
pub struct WithLibrary<S> {
    project: S,
}

impl<S: Sources> WithLibrary<S> {
    /// Lays the library over a project.
    pub fn new(project: S) -> Self {
        Self { project }
    }
}

/// Whether a path is one of the library.
pub fn is_library(path: &str) -> bool {
    path.strip_prefix(LIBRARY).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn find(path: &str) -> Result<&'static File, SourceError> {
    let at = FILES.binary_search_by(|file| file.path.cmp(path));
    at.ok().and_then(|at| FILES.get(at)).ok_or(SourceError::NotFound)
}

impl<S: Sources> Sources for WithLibrary<S> {
    /// Those of the project alone: what is named of the library is read on demand.
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        self.project.specs()
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        if is_library(path) { Ok(find(path)?.content.into()) } else { self.project.read(path) }
    }

    fn stat(&self, path: &str) -> Result<SourceStat, SourceError> {
        if !is_library(path) {
            return self.project.stat(path);
        }
        let File { content, executable, .. } = *find(path)?;
        let (digest, size) = (Digest::of(content), content.len() as u64);
        Ok(SourceStat { digest, size, executable })
    }

    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        if !is_library(directory) {
            return self.project.list(directory);
        }
        let prefix = format!("{}/", directory.trim_end_matches('/'));
        let below = FILES.iter().filter(|file| file.path.starts_with(&prefix));
        let found: Vec<SourceEntry> = below
            .map(|file| SourceEntry { path: file.path.to_owned(), executable: file.executable })
            .collect();
        if found.is_empty() { Err(SourceError::NotFound) } else { Ok(found) }
    }

    /// The library has no links.
    fn tree(&self, directory: &str) -> Result<Vec<SourceNode>, SourceError> {
        if !is_library(directory) {
            return self.project.tree(directory);
        }
        let files = self.list(directory)?.into_iter();
        Ok(files.map(|entry| SourceNode { path: entry.path, target: None }).collect())
    }

    fn recall(&self, of: &Digest) -> Option<Vec<u8>> {
        self.project.recall(of)
    }

    fn remember(&self, of: &Digest, made: Vec<u8>) {
        self.project.remember(of, made);
    }

    fn keeps_plan(&self) -> bool {
        self.project.keeps_plan()
    }

    fn last_plan(&self) -> Option<Vec<u8>> {
        self.project.last_plan()
    }

    fn keep_plan(&self, write: &dyn Fn(&mut dyn Write) -> io::Result<()>) {
        self.project.keep_plan(write);
    }
}

/// No project, for questions about the library alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Sources for Nothing {
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        Ok(Vec::new())
    }

    fn read(&self, _path: &str) -> Result<Arc<[u8]>, SourceError> {
        Err(SourceError::NotFound)
    }

    fn stat(&self, _path: &str) -> Result<SourceStat, SourceError> {
        Err(SourceError::NotFound)
    }

    fn list(&self, _directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        Err(SourceError::NotFound)
    }

    fn tree(&self, _directory: &str) -> Result<Vec<SourceNode>, SourceError> {
        Err(SourceError::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use forge_model::MemorySources;

    use super::*;

    #[test]
    fn the_library_stands_below_its_own_directory() {
        let mut project = MemorySources::new();
        project.insert("forge.kdl", "").insert("standard/x", "mine").insert("std/chrony/x", "lost");
        let sources = WithLibrary::new(project);
        assert_eq!(sources.specs().unwrap().len(), 1);
        assert_eq!(&*sources.read("standard/x").unwrap(), b"mine");
        assert_eq!(sources.read("std/chrony/x"), Err(SourceError::NotFound));
        let files = sources.list("std/chrony").unwrap();
        assert!(files.iter().all(|file| file.path.starts_with("std/chrony/")), "{files:?}");
        for file in sources.list("std").unwrap() {
            let content = sources.read(&file.path).unwrap();
            let stat = sources.stat(&file.path).unwrap();
            assert_eq!(stat.digest, Digest::of(&content), "{}", file.path);
            assert_eq!((stat.size, stat.executable), (content.len() as u64, file.executable));
        }
        assert_eq!(sources.list("std/nothing"), Err(SourceError::NotFound));
        assert_eq!(sources.read("std/chron"), Err(SourceError::NotFound));
    }
}
