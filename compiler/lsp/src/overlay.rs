//! Sources with the editor's texts over them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use forge_model::{Digest, SourceEntry, SourceError, SourceNode, SourceStat, Sources};

type Known<T> = Mutex<BTreeMap<String, Result<T, SourceError>>>;

/// Sources that are asked once: between two keystrokes the disk stays as it is.
pub(crate) struct Cached {
    disk: Arc<dyn Sources>,
    specs: OnceLock<Result<Vec<SourceEntry>, SourceError>>,
    contents: Known<Arc<[u8]>>,
    stats: Known<SourceStat>,
    lists: Known<Vec<SourceEntry>>,
    trees: Known<Vec<SourceNode>>,
    made: Mutex<BTreeMap<Digest, Vec<u8>>>,
}

impl Cached {
    pub(crate) fn new(disk: Arc<dyn Sources>) -> Self {
        Self {
            disk,
            specs: OnceLock::new(),
            contents: Mutex::default(),
            stats: Mutex::default(),
            lists: Mutex::default(),
            trees: Mutex::default(),
            made: Mutex::default(),
        }
    }
}

fn once<T: Clone>(
    known: &Known<T>,
    path: &str,
    ask: impl FnOnce() -> Result<T, SourceError>,
) -> Result<T, SourceError> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = known.get(path) {
        return answer.clone();
    }
    let answer = ask();
    known.insert(path.to_owned(), answer.clone());
    answer
}

impl Sources for Cached {
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        self.specs.get_or_init(|| self.disk.specs()).clone()
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        once(&self.contents, path, || self.disk.read(path))
    }

    fn stat(&self, path: &str) -> Result<SourceStat, SourceError> {
        once(&self.stats, path, || self.disk.stat(path))
    }

    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        once(&self.lists, directory, || self.disk.list(directory))
    }

    fn tree(&self, directory: &str) -> Result<Vec<SourceNode>, SourceError> {
        once(&self.trees, directory, || self.disk.tree(directory))
    }

    fn recall(&self, of: &Digest) -> Option<Vec<u8>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).get(of).cloned()
    }

    fn remember(&self, of: &Digest, made: Vec<u8>) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(*of, made);
    }
}

/// A project as it would be if everything were saved. Paths are relative to its root.
pub(crate) struct Overlay {
    pub(crate) disk: Arc<Cached>,
    pub(crate) open: BTreeMap<String, Arc<[u8]>>,
}

impl Overlay {
    /// Open files that `keep` picks and the disk does not have.
    fn more(&self, known: &[SourceEntry], keep: impl Fn(&str) -> bool) -> Vec<SourceEntry> {
        let new = |path: &&String| keep(path) && known.iter().all(|entry| entry.path != **path);
        let entry = |path: &String| SourceEntry { path: path.clone(), executable: false };
        self.open.keys().filter(new).map(entry).collect()
    }
}

impl Sources for Overlay {
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        let mut all = self.disk.specs()?;
        let hidden = |path: &str| path.split('/').any(|part| part.starts_with('.'));
        let more = self.more(&all, |path| {
            // What is on the disk and not a spec there is ignored by git, or another project's.
            path.ends_with(".kdl") && !hidden(path) && self.disk.stat(path).is_err()
        });
        all.extend(more);
        all.sort();
        Ok(all)
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        self.open.get(path).map_or_else(|| self.disk.read(path), |text| Ok(text.clone()))
    }

    fn stat(&self, path: &str) -> Result<SourceStat, SourceError> {
        let Some(text) = self.open.get(path) else {
            return self.disk.stat(path);
        };
        let executable = self.disk.stat(path).is_ok_and(|stat| stat.executable);
        Ok(SourceStat { digest: Digest::of(text), size: text.len() as u64, executable })
    }

    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        let directory = directory.trim_end_matches('/');
        let below = |path: &str| {
            directory.is_empty()
                || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
        };
        let listed = self.disk.list(directory);
        let mut all = listed.clone().unwrap_or_default();
        let more = self.more(&all, below);
        if more.is_empty() {
            return listed;
        }
        all.extend(more);
        all.sort();
        Ok(all)
    }

    /// As it is on the disk: whether git ignores a new text is not known before it is saved.
    fn tree(&self, directory: &str) -> Result<Vec<SourceNode>, SourceError> {
        self.disk.tree(directory)
    }

    fn recall(&self, of: &Digest) -> Option<Vec<u8>> {
        self.disk.recall(of)
    }

    fn remember(&self, of: &Digest, made: Vec<u8>) {
        self.disk.remember(of, made);
    }
}

#[cfg(test)]
mod tests {
    use forge_model::MemorySources;

    use super::*;

    #[test]
    fn open_texts_win_over_the_disk() {
        let mut disk = MemorySources::new();
        disk.insert("forge.kdl", "").insert("a/x.j2", "old").insert("b.kdl", "old");
        let disk = Arc::new(Cached::new(Arc::new(disk)));
        let text = |text: &str| -> Arc<[u8]> { Arc::from(text.as_bytes()) };
        let open = [("b.kdl", "new"), ("a/new.kdl", "n"), ("a/y.j2", "y"), (".h/c.kdl", "")];
        let open = open.map(|(path, content)| (path.to_owned(), text(content))).into();
        let overlay = Overlay { disk, open };
        let names = |entries: Result<Vec<SourceEntry>, SourceError>| -> Vec<String> {
            entries.unwrap().into_iter().map(|entry| entry.path).collect()
        };
        assert_eq!(names(overlay.specs()), ["a/new.kdl", "b.kdl", "forge.kdl"]);
        assert_eq!(names(overlay.list("a")), ["a/new.kdl", "a/x.j2", "a/y.j2"]);
        assert_eq!(&*overlay.read("b.kdl").unwrap(), b"new");
        assert_eq!(&*overlay.read("a/x.j2").unwrap(), b"old");
        assert_eq!(overlay.stat("b.kdl").unwrap().digest, Digest::of(b"new"));
        assert_eq!(overlay.read("none"), Err(SourceError::NotFound));
    }
}
