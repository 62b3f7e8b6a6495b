//! What every step of a run shares.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use forge_model::{Digest, EventSink, SourceFile, Sources, Tree};
use forge_store::Store;
use forge_sys::process::Cancel;

use crate::StepError;
use crate::keys::stack_digest;
use crate::stack::Stack;
use crate::vault::Vault;

/// Merged views kept: each shares most of its memory with the others.
const TREES: usize = 256;

/// What every step of a run shares.
pub struct Context {
    /// The store.
    pub store: Arc<Store>,
    /// The project's files.
    pub sources: Arc<dyn Sources>,
    /// A tmpfs of the run, for uppers and scratch files.
    pub work: PathBuf,
    /// Process id of the outer process, for names that are unique on the host.
    pub outer: u32,
    /// Stops all programs of the run.
    pub cancel: Cancel,
    /// Opened secrets.
    pub vault: Vault,
    /// Package lists resolved, and indexes fetched, before this moment are not used.
    pub refresh: Option<SystemTime>,
    /// Takes what happens.
    pub events: Arc<dyn EventSink>,
    /// Merged views, by the digest of their stack.
    pub(crate) trees: Mutex<BTreeMap<Digest, Arc<Tree>>>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("work", &self.work).finish_non_exhaustive()
    }
}

/// The parts of a [`Context`] that its caller chooses.
#[derive(Clone)]
pub struct Surroundings {
    /// The store.
    pub store: Arc<Store>,
    /// The project's files.
    pub sources: Arc<dyn Sources>,
    /// A tmpfs of the run.
    pub work: PathBuf,
    /// Process id of the outer process.
    pub outer: u32,
    /// Stops all programs of the run.
    pub cancel: Cancel,
    /// Takes what happens.
    pub events: Arc<dyn EventSink>,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("work", &self.work).finish_non_exhaustive()
    }
}

impl Context {
    /// A context with these surroundings and these secrets.
    pub fn new(surroundings: Surroundings, vault: Vault, refresh: Option<SystemTime>) -> Self {
        let Surroundings { store, sources, work, outer, cancel, events } = surroundings;
        let trees = Mutex::new(BTreeMap::new());
        Self { store, sources, work, outer, cancel, vault, refresh, events, trees }
    }

    /// A file of the project as the plan saw it.
    pub fn read_source(&self, file: &SourceFile) -> Result<Arc<[u8]>, StepError> {
        let failed = |why: String| StepError::user(format!("`{}`: {why}", file.path));
        let bytes = self.sources.read(&file.path).map_err(|why| failed(why.to_string()))?;
        if Digest::of(&bytes) == file.digest {
            return Ok(bytes);
        }
        Err(failed("it changed while the build ran".to_owned()).help("build again"))
    }

    /// The layers of these digests, from the bottom up, with their merged view.
    pub fn stack(&self, digests: &[Digest]) -> Result<Stack, StepError> {
        let layers = digests
            .iter()
            .map(|digest| self.store.layer(digest))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StepError::from)?;
        let tree = self.tree(digests)?;
        Ok(Stack { layers, tree })
    }

    /// The merged view of a stack: that of the longest part of it that is known, and the rest
    /// laid on top.
    fn tree(&self, digests: &[Digest]) -> Result<Arc<Tree>, StepError> {
        let (mut tree, mut known) = (Tree::new(), 0);
        {
            let trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
            for length in (0..=digests.len()).rev() {
                if let Some(found) = trees.get(&stack_digest(&digests[..length])) {
                    if length == digests.len() {
                        return Ok(found.clone());
                    }
                    (tree, known) = (Tree::clone(found), length);
                    break;
                }
            }
        }
        for digest in &digests[known..] {
            tree.push(self.store.layer(digest)?.manifest());
        }
        let tree = Arc::new(tree);
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if trees.len() >= TREES {
            trees.pop_first();
        }
        trees.insert(stack_digest(digests), tree.clone());
        Ok(tree)
    }
}
