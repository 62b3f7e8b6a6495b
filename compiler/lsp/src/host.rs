use std::sync::Arc;

use forge_model::{Day, NodeId, Plan, Sources};

/// What is known of a step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerState {
    /// What the next build does with it, in a few words: `kept`, `built by the next build`.
    pub outlook: String,
    /// When it was built last, in seconds since 1970.
    pub built: Option<u64>,
    /// How long that took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// What the server asks of the machine that it runs on. Paths are absolute.
pub trait Host: Send + Sync {
    /// The root of the project that a file or directory belongs to: the nearest directory upward
    /// that has a `forge.kdl`.
    fn root(&self, path: &str) -> Option<String>;

    /// What day it is.
    fn today(&self) -> Day;

    /// The project's files as they are on the disk now.
    fn sources(&self, root: &str) -> Result<Arc<dyn Sources>, String>;

    /// What the store knows of a step; none when there is no store to ask.
    fn layer(&self, root: &str, plan: &Plan, node: NodeId) -> Option<LayerState>;

    /// The path of a file that holds the same as one of the shipped library, for editors to open;
    /// none where none can be had. `path` begins with `std/`.
    fn library_file(&self, path: &str) -> Option<String>;

    /// Names of packages that bases of the project could install, as far as earlier builds know
    /// them; sorted, each once.
    fn packages(&self) -> Arc<[String]>;
}
