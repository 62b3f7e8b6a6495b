//! The only crate that mounts, spawns, and walks trees: namespaces, overlayfs, nspawn, sources on
//! disk and in git. It knows no spec and no plan.

mod cgroup;
pub mod host;
pub mod nspawn;
pub mod overlay;
pub mod process;
pub mod root;
pub mod sandbox;
mod source_cache;
pub mod sources;
pub mod ssh;
pub mod tree;
mod watch;
mod write;
