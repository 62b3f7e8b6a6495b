//! Layers: a manifest and the tree that it describes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use forge_model::{Digest, EntryKind, ImagePath, Manifest};
use forge_sys::root::Root;
use forge_sys::tree::{Content, Durability, Keep, ScanOptions, host_path, scan, write_tree};

use crate::{Store, StoreError, Transaction, durable};

/// Entries up to which each file is synchronised by itself; above it is cheaper to synchronise
/// the whole file system once.
const SMALL: usize = 400;

/// A layer of the store.
#[derive(Clone, Debug)]
pub struct Layer {
    digest: Digest,
    directory: PathBuf,
    manifest: Arc<Manifest>,
}

impl Layer {
    /// Its identity.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Its entries.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// Its files, usable as a layer of an overlay.
    pub fn tree_dir(&self) -> PathBuf {
        self.directory.join("closed/tree")
    }

    /// Its files, for reading paths without leaving them.
    pub fn root(&self) -> Result<Root, StoreError> {
        let path = self.tree_dir();
        Root::open(&path).map_err(|source| StoreError::io("could not be opened", &path, source))
    }

    /// The bytes of a file of this layer (exact path).
    pub fn read(&self, path: &ImagePath) -> Result<Vec<u8>, StoreError> {
        self.root()?.read_exact(path).map_err(|source| {
            StoreError::io(
                "could not be read",
                &host_path(&self.tree_dir(), path),
                source,
            )
        })
    }

    /// True when it has whiteouts or opaque directories.
    pub(crate) fn has_marks(&self) -> bool {
        self.manifest
            .entries
            .values()
            .any(|entry| is_mark(&entry.kind))
    }
}

pub(crate) fn is_mark(kind: &EntryKind) -> bool {
    matches!(
        kind,
        EntryKind::Whiteout | EntryKind::Directory { opaque: true }
    )
}

impl Store {
    /// A layer, secret or not.
    pub fn layer(&self, digest: &Digest) -> Result<Layer, StoreError> {
        let directory = self.layer_dir(digest).ok_or_else(|| StoreError::Missing {
            path: self.directory().join("layers").join(digest.to_hex()),
        })?;
        if let Some(manifest) = self.known(digest) {
            return Ok(Layer {
                digest: *digest,
                directory,
                manifest,
            });
        }
        let path = directory.join("manifest");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| StoreError::io("could not be read", &path, source))?;
        if Digest::of(text.as_bytes()) != *digest {
            return Err(StoreError::Damaged {
                path,
                why: "its digest is another".to_owned(),
            });
        }
        let manifest = Manifest::decode(&text).map_err(|error| StoreError::Damaged {
            path,
            why: error.to_string(),
        })?;
        let manifest = Arc::new(manifest);
        self.remember(*digest, &manifest);
        Ok(Layer {
            digest: *digest,
            directory,
            manifest,
        })
    }

    /// True when the store has a directory for the layer.
    pub fn has_layer(&self, digest: &Digest) -> bool {
        self.layer_dir(digest).is_some()
    }

    /// Hashes a layer's files again and compares them with its manifest; a secret's file, whose
    /// digest is a MAC, is checked by the key of this store.
    pub fn verify_layer(&self, digest: &Digest) -> Result<(), StoreError> {
        let layer = self.layer(digest)?;
        let tree = layer.tree_dir();
        let keep = |_: &ImagePath| Keep::Whole;
        let options = ScanOptions {
            below: None,
            keep: &keep,
            started: i64::MAX,
        };
        let mut found = scan(&tree, &options)?.manifest;
        if layer.directory.starts_with(self.directory().join("secret")) {
            for (path, entry) in &mut found.entries {
                if let EntryKind::File { digest, .. } = &mut entry.kind {
                    *digest = self.mac(&layer.read(path)?)?;
                }
            }
        }
        let wanted = &layer.manifest.entries;
        let differs = |path: &&ImagePath| {
            let (want, have) = (wanted.get(*path), found.entries.get(*path));
            match (want.map(|entry| &entry.kind), have.map(|entry| &entry.kind)) {
                // In a tree the marks are what they are made of, or left out.
                (Some(EntryKind::Whiteout), _) => false,
                (Some(EntryKind::Directory { .. }), Some(EntryKind::Directory { .. })) => false,
                // Directories that are passed through.
                (None, Some(EntryKind::Directory { .. })) => false,
                _ => want != have,
            }
        };
        match wanted.keys().chain(found.entries.keys()).find(differs) {
            None => Ok(()),
            Some(path) => Err(StoreError::Damaged {
                path: host_path(&tree, path),
                why: "it is not what the layer's manifest says".to_owned(),
            }),
        }
    }

    fn layer_dir(&self, digest: &Digest) -> Option<PathBuf> {
        let name = digest.to_hex();
        ["layers", "secret/layers"]
            .map(|kind| self.directory().join(kind).join(&name))
            .into_iter()
            .find(|directory| directory.join("manifest").exists())
    }

    fn known(&self, digest: &Digest) -> Option<Arc<Manifest>> {
        self.cache().get(digest).cloned()
    }

    fn remember(&self, digest: Digest, manifest: &Arc<Manifest>) {
        self.cache().insert(digest, manifest.clone());
    }

    fn cache(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<Digest, Arc<Manifest>>> {
        // A panic elsewhere leaves the map whole: insert and get are its only uses.
        self.manifests
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Notes that a committed record names the layer.
    pub(crate) fn vouch(&self, digest: &Digest) {
        if let Some(directory) = self.layer_dir(digest) {
            // Without the note the layer is hashed once more, that is all.
            std::fs::File::create(directory.join("vouched")).ok();
        }
    }
}

impl Transaction<'_> {
    /// Takes the files of `manifest` from a directory into the store, as a layer. A secret layer
    /// goes where only root can look. Durable on return.
    pub fn commit_layer(
        &self,
        manifest: Manifest,
        from: &Path,
        secret: bool,
    ) -> Result<Layer, StoreError> {
        self.commit(manifest, Content::Directory(from), secret)
    }

    /// As [`Transaction::commit_layer`], with the bytes of each file from the caller, asked once
    /// for each hard-link group.
    pub fn commit_layer_files(
        &self,
        manifest: Manifest,
        contents: &mut dyn FnMut(&ImagePath) -> std::io::Result<Vec<u8>>,
        secret: bool,
    ) -> Result<Layer, StoreError> {
        self.commit(manifest, Content::Bytes(contents), secret)
    }

    fn commit(
        &self,
        manifest: Manifest,
        content: Content<'_>,
        secret: bool,
    ) -> Result<Layer, StoreError> {
        let text = manifest.encode();
        let digest = Digest::of(text.as_bytes());
        let manifest = Arc::new(manifest);
        let layers = self
            .store
            .directory()
            .join(if secret { "secret/layers" } else { "layers" });
        let directory = layers.join(digest.to_hex());
        if self.is_whole(&digest, &directory)? {
            self.store.remember(digest, &manifest);
            return Ok(Layer {
                digest,
                directory,
                manifest,
            });
        }
        let made = self.dir().join(format!("layer-{}", digest.short()));
        let tree = made.join("closed/tree");
        durable::create_dir_all(&tree, 0o755)?;
        durable::set_mode(&made.join("closed"), 0o700)?;
        let small = manifest.entries.len() <= SMALL;
        let durability = if small {
            Durability::Now
        } else {
            Durability::Later
        };
        write_tree(
            &manifest,
            content,
            &tree,
            self.store.holds_marks(),
            durability,
        )?;
        durable::write_file(&made.join("manifest"), text.as_bytes(), 0o644)?;
        if small {
            durable::sync_dir(&made.join("closed"))?;
            durable::sync_dir(&made)?;
        } else {
            durable::sync_file_system(&made)?;
        }
        match std::fs::rename(&made, &directory) {
            Ok(()) => durable::sync_dir(&layers)?,
            // Another builder was faster; its layer is the same.
            Err(_) if directory.join("manifest").exists() => {}
            Err(source) => return Err(StoreError::io("could not be written", &directory, source)),
        }
        self.store.remember(digest, &manifest);
        Ok(Layer {
            digest,
            directory,
            manifest,
        })
    }

    /// True when the layer is there and can be relied on; one that is there and cannot is moved
    /// into the transaction, that is, away.
    fn is_whole(&self, digest: &Digest, directory: &Path) -> Result<bool, StoreError> {
        if !directory.exists() {
            return Ok(false);
        }
        let known = directory.join("vouched").exists() || self.store.known(digest).is_some();
        if known && directory.join("manifest").exists() {
            return Ok(true);
        }
        match self.store.verify_layer(digest) {
            Ok(()) => Ok(true),
            Err(error) => {
                tracing::warn!(%digest, %error, "a layer is made anew");
                self.store.cache().remove(digest);
                durable::rename(
                    directory,
                    &self.dir().join(format!("bad-{}", digest.short())),
                )?;
                Ok(false)
            }
        }
    }
}
