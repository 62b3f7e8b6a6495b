use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forge_diag::SourceMap;
use forge_model::{LIBRARY, Plan, Sources};
use forge_spec::index::{Index, IndexedFile};

use crate::diagnostics::Shown;
use crate::document::Document;
use crate::host::Host;
use crate::overlay::{Cached, Overlay};

/// A project that has a file open, or that the editor was started in.
pub(crate) struct Project {
    /// Its root, an absolute path without a slash at its end.
    pub(crate) root: String,
    disk: Option<Arc<Cached>>,
    /// Raised with every change.
    pub(crate) generation: u64,
    /// The generation that was last given to the worker.
    pub(crate) asked: Option<u64>,
    /// What the last judged state came to.
    pub(crate) judged: Option<Judged>,
    /// The last plan, and the state that it is of.
    pub(crate) plan: Option<(u64, Arc<Plan>)>,
    /// Names, and the state that they are of.
    index: Option<(u64, Arc<Index>)>,
    /// Read spec files: only what changed is read again.
    read: BTreeMap<String, Arc<IndexedFile>>,
    /// Files that have findings in the editor.
    pub(crate) published: BTreeSet<String>,
}

/// Findings of one state.
pub(crate) struct Judged {
    /// Which state.
    pub(crate) generation: u64,
    /// Versions of the texts that were open.
    pub(crate) versions: BTreeMap<String, i32>,
    pub(crate) files: BTreeMap<String, Shown>,
    pub(crate) map: SourceMap,
}

impl Project {
    pub(crate) fn new(root: String) -> Self {
        Self {
            root,
            disk: None,
            generation: 0,
            asked: None,
            judged: None,
            plan: None,
            index: None,
            read: BTreeMap::new(),
            published: BTreeSet::new(),
        }
    }

    /// The path in the project of an absolute path.
    pub(crate) fn relative<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&self.root)?.strip_prefix('/')
    }

    /// A text of the editor changed.
    pub(crate) fn changed(&mut self) {
        self.generation += 1;
    }

    /// The disk may have changed.
    pub(crate) fn refresh(&mut self) {
        self.disk = None;
        self.changed();
    }

    /// The project as it is now; an error when it cannot be opened.
    pub(crate) fn sources(
        &mut self,
        host: &dyn Host,
        documents: &BTreeMap<String, Document>,
    ) -> Result<Arc<Overlay>, String> {
        let disk = if let Some(disk) = &self.disk {
            disk.clone()
        } else {
            let disk = Arc::new(Cached::new(host.sources(&self.root)?));
            self.disk.insert(disk).clone()
        };
        let mine = documents.iter().filter_map(|(path, document)| {
            let text: Arc<[u8]> = Arc::from(document.text.clone());
            Some((self.relative(path)?.to_owned(), text))
        });
        Ok(Arc::new(Overlay { disk, open: mine.collect() }))
    }

    /// The names of the project as it is now.
    pub(crate) fn index(
        &mut self,
        host: &dyn Host,
        documents: &BTreeMap<String, Document>,
    ) -> Result<Arc<Index>, String> {
        if let Some((generation, index)) = &self.index
            && *generation == self.generation
        {
            return Ok(index.clone());
        }
        let sources = self.sources(host, documents)?;
        let mut entries = sources.specs().map_err(|error| error.to_string())?;
        let library = sources.list(LIBRARY).unwrap_or_default().into_iter();
        entries.extend(library.filter(|entry| entry.path.ends_with(".kdl")));
        let mut read = BTreeMap::new();
        for entry in entries {
            let Some(text) = text(sources.as_ref(), &entry.path) else { continue };
            let known = self.read.remove(&entry.path).filter(|known| known.text == text);
            let made = || Arc::new(IndexedFile::new(entry.path.as_str(), text.clone()));
            let file = known.unwrap_or_else(made);
            read.insert(entry.path, file);
        }
        self.read = read;
        let files = self.read.values().cloned().collect();
        let index = Arc::new(Index::new(files, |path| text(sources.as_ref(), path)));
        self.index = Some((self.generation, index.clone()));
        Ok(index)
    }

    /// Versions of its open texts.
    pub(crate) fn versions(&self, documents: &BTreeMap<String, Document>) -> BTreeMap<String, i32> {
        let mine = documents.iter().filter_map(|(path, document)| {
            Some((self.relative(path)?.to_owned(), document.version))
        });
        mine.collect()
    }
}

/// Whether a file is one of the shipped library, which is no file on the disk.
pub(crate) fn is_library(path: &str) -> bool {
    path.strip_prefix(LIBRARY).is_some_and(|rest| rest.starts_with('/'))
}

/// A file's text; none when it cannot be read as text.
pub(crate) fn text(sources: &dyn Sources, path: &str) -> Option<Arc<str>> {
    let bytes = sources.read(path).ok()?;
    std::str::from_utf8(&bytes).ok().map(Arc::from)
}
