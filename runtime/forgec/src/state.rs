//! What an image was when it was last built: the start of `why`, `blame`, `shell` and `gc`.

use forge_exec::Outputs;
use forge_model::{Action, Digest, Image, NodeId, Plan};
use forge_store::Store;
use serde::{Deserialize, Serialize};

use crate::exit::CmdError;

/// One step of a built image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepState {
    /// Its label.
    pub(crate) label: String,
    /// Its kind.
    pub(crate) kind: String,
    /// Its plan key.
    pub(crate) plan_key: Digest,
    /// Its output.
    pub(crate) output: Digest,
}

/// An image as last built, kept under its name in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageState {
    /// Format version.
    pub(crate) version: u32,
    /// Its name.
    pub(crate) image: String,
    /// Its steps that are done, inputs first; one that a failed build did not come to is as it was
    /// done before.
    pub(crate) steps: Vec<StepState>,
    /// Its layers from the bottom up, when all are done.
    pub(crate) layers: Option<Vec<BuiltLayer>>,
}

/// A layer as it was built: enough to lay blame without the project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BuiltLayer {
    /// Its label.
    pub(crate) label: String,
    /// Its digest.
    pub(crate) digest: Digest,
    /// What made it.
    pub(crate) action: Action,
}

const KIND: &str = "images";

impl ImageState {
    /// The state after a run; `before` is the one before it.
    pub(crate) fn of(image: &Image, plan: &Plan, outputs: &Outputs, before: Option<&Self>) -> Self {
        let needed: Vec<NodeId> =
            forge_exec::freshness::closure(plan, crate::ctx::targets(image)).into_iter().collect();
        let steps = needed
            .into_iter()
            .filter_map(|id| {
                let node = plan.node(id);
                let Some(output) = outputs.get(&id).copied() else {
                    let mut earlier = before.into_iter().flat_map(|before| &before.steps);
                    return earlier.find(|step| step.label == node.label).cloned();
                };
                let (label, kind) = (node.label.clone(), node.action.kind().to_owned());
                Some(StepState { label, kind, plan_key: node.key, output })
            })
            .collect();
        let layer = |id: &NodeId| {
            let node = plan.node(*id);
            let (label, action) = (node.label.clone(), node.action.clone());
            Some(BuiltLayer { label, digest: *outputs.get(id)?, action })
        };
        let layers = image.layers.iter().map(layer).collect();
        Self { version: 1, image: image.name.clone(), steps, layers }
    }

    /// Digests of its layers from the bottom up; an error when it is not built.
    pub(crate) fn digests(store: &Store, image: &str) -> Result<Vec<Digest>, CmdError> {
        let layers = Self::read(store, image).and_then(|state| state.layers);
        let layers = layers.ok_or_else(|| Self::unbuilt(image))?;
        Ok(layers.iter().map(|layer| layer.digest).collect())
    }

    /// The image is not built.
    pub(crate) fn unbuilt(image: &str) -> CmdError {
        CmdError::user(format!("image `{image}` is not built with this store"))
            .help(format!("run `forgec build {image}` first, or name its store with `--store DIR`"))
    }

    /// Keeps it in the store.
    pub(crate) fn write(&self, store: &Store) -> Result<(), CmdError> {
        store
            .put_ref(KIND, &self.image, self)
            .map_err(|error| CmdError::environment(error.to_string()))
    }

    /// The state of an image, when it was built with this store.
    pub(crate) fn read(store: &Store, image: &str) -> Option<Self> {
        store.read_ref(KIND, image).filter(|state: &Self| state.version == 1)
    }

    /// Takes an image's state away.
    pub(crate) fn forget(store: &Store, image: &str) {
        store.remove_ref(KIND, image);
        store.remove_ref(crate::runner::SEGMENTS_OF, image);
    }

    /// All images that were built with this store.
    pub(crate) fn all(store: &Store) -> Vec<Self> {
        let names = store.ref_names(KIND);
        names.iter().filter_map(|name| Self::read(store, name)).collect()
    }
}
