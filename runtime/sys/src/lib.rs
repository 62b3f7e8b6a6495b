//! The only crate that mounts, spawns, and walks trees: namespaces, overlayfs, nspawn, sources on disk and in git.
