//! What the layers below a node look like, also where some of them are not made yet.
//!
//! A file layer is a pure function of its change list and of what it reads below, so its digest is
//! known before anything is written. A preview lays such layers in memory and looks on from there:
//! it can say that the next thirty file layers stay as they are although one below them changes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use forge_model::{Digest, ImagePath, Manifest, Sources, Tree, TreeEntry};
use forge_store::Layer;

use crate::changes::{Draft, DraftContent};
use crate::context::Context;

/// Layers that a build would make, by digest.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    known: Mutex<BTreeMap<Digest, Arc<DraftLayer>>>,
}

/// A layer in memory.
#[derive(Debug)]
pub(crate) struct DraftLayer {
    manifest: Manifest,
    contents: BTreeMap<ImagePath, DraftContent>,
}

impl Drafts {
    /// Keeps a draft, and gives the digest that its layer will have.
    pub(crate) fn keep(&self, draft: Draft) -> Digest {
        let digest = draft.manifest.digest();
        let layer = DraftLayer { manifest: draft.manifest, contents: draft.contents };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(digest, Arc::new(layer));
        digest
    }

    fn get(&self, digest: &Digest) -> Option<Arc<DraftLayer>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest).cloned()
    }
}

/// A layer of the store, or one that a build would make.
enum AnyLayer {
    Stored(Arc<Layer>),
    Draft(Arc<DraftLayer>),
}

/// The merged view of layers that may be drafts.
pub(crate) struct Sight {
    pub(crate) tree: Arc<Tree>,
    layers: Vec<AnyLayer>,
    sources: Arc<dyn Sources>,
}

impl Sight {
    /// The view of these layers; none when one is neither in the store nor a draft.
    pub(crate) fn of(context: &Context, drafts: &Drafts, digests: &[Digest]) -> Option<Self> {
        let is_draft = |digest: &Digest| drafts.get(digest).is_some();
        let stored = digests.iter().position(is_draft).unwrap_or(digests.len());
        let below = context.stack(&digests[..stored]).ok()?;
        let mut layers: Vec<_> = below.layers.into_iter().map(AnyLayer::Stored).collect();
        let mut tree = below.tree;
        for digest in &digests[stored..] {
            let layer = match drafts.get(digest) {
                Some(draft) => AnyLayer::Draft(draft),
                None => AnyLayer::Stored(context.store.layer(digest).ok()?),
            };
            Arc::make_mut(&mut tree).push(match &layer {
                AnyLayer::Stored(layer) => layer.manifest(),
                AnyLayer::Draft(draft) => &draft.manifest,
            });
            layers.push(layer);
        }
        Some(Self { tree, layers, sources: context.sources.clone() })
    }

    /// The content of a regular file of the view.
    pub(crate) fn read(&self, path: &ImagePath, entry: &TreeEntry) -> io::Result<Vec<u8>> {
        match self.layers.get(entry.layer) {
            Some(AnyLayer::Stored(layer)) => layer.read(path),
            Some(AnyLayer::Draft(draft)) => match draft.contents.get(path) {
                Some(DraftContent::Bytes(bytes)) => Ok(bytes.clone()),
                Some(DraftContent::Source(file)) => self
                    .sources
                    .read(&file.path)
                    .map(|bytes| bytes.to_vec())
                    .map_err(io::Error::other),
                None => Err(io::ErrorKind::NotFound.into()),
            },
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
