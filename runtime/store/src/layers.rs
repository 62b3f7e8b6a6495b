use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use forge_model::{Digest, Entry, EntryKind, ImagePath, Manifest};
use forge_sys::tree::{Content, Keep, ScanOptions, scan, write_tree};

use crate::{Store, StoreError, Transaction, durable};

/// A layer's tree, in the layer's directory.
const TREE: &str = "closed/tree";

/// Manifests that were read, by layer.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    known: Mutex<BTreeMap<Digest, Arc<Layer>>>,
}

/// A finished layer of the store.
#[derive(Debug)]
pub struct Layer {
    digest: Digest,
    manifest: Manifest,
    directory: PathBuf,
}

impl Layer {
    /// Its identity.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its entries.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its bytes: usable as a lower directory of overlayfs.
    pub fn tree(&self) -> PathBuf {
        self.directory.join(TREE)
    }

    /// True when its whiteouts and opaque marks stand in the tree too. On a store that lies on
    /// overlayfs they cannot, and a mount adds them.
    pub fn has_marks(&self) -> bool {
        !self.directory.join("no-marks").exists()
    }

    /// The whole content of one of its regular files.
    pub fn read(&self, path: &ImagePath) -> std::io::Result<Vec<u8>> {
        forge_sys::root::Root::open(&self.tree())?.read_exact(path)
    }

    /// True when whiteouts or opaque marks are part of it.
    pub fn hides_something(&self) -> bool {
        self.manifest.entries.values().any(|entry| {
            matches!(entry.kind, EntryKind::Whiteout | EntryKind::Directory { opaque: true })
        })
    }
}

/// Where the bytes of a new layer come from.
#[derive(Clone, Copy, Debug)]
pub enum LayerContent<'a> {
    /// A directory with each file at its own path, such as the upper of an overlay.
    Directory(&'a Path),
    /// Bytes by path, for small layers.
    Bytes(&'a BTreeMap<ImagePath, Vec<u8>>),
}

impl Store {
    fn layer_path(&self, digest: &Digest, private: bool) -> PathBuf {
        let parent = if private { "private/layers" } else { "layers" };
        self.directory.join(parent).join(digest.to_hex())
    }

    /// A layer by its digest, wherever it is kept.
    pub fn layer(&self, digest: &Digest) -> Result<Arc<Layer>, StoreError> {
        let mut known = self.layers.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layer) = known.get(digest) {
            return Ok(layer.clone());
        }
        let layer = Arc::new(self.load(digest)?);
        known.insert(*digest, layer.clone());
        Ok(layer)
    }

    fn load(&self, digest: &Digest) -> Result<Layer, StoreError> {
        for private in [false, true] {
            let directory = self.layer_path(digest, private);
            let path = directory.join("manifest");
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(source) => return Err(StoreError::io("read", &path, source)),
            };
            if Digest::of(text.as_bytes()) != *digest {
                let why = "its manifest has another digest".to_owned();
                return Err(StoreError::Damaged { path, why });
            }
            let manifest = Manifest::decode(&text)
                .map_err(|error| StoreError::Damaged { path, why: error.to_string() })?;
            return Ok(Layer { digest: *digest, manifest, directory });
        }
        Err(StoreError::Missing { what: format!("layer {}", digest.short()) })
    }

    /// True when the layer is there.
    pub fn has_layer(&self, digest: &Digest) -> bool {
        [false, true].iter().any(|private| self.layer_path(digest, *private).is_dir())
    }

    /// Brings a layer into the store, whole; the caller commits the record then.
    /// A layer of the same digest that is there already is checked and kept.
    pub fn commit_layer(
        &self,
        transaction: &Transaction,
        manifest: &Manifest,
        content: LayerContent<'_>,
        private: bool,
    ) -> Result<Digest, StoreError> {
        self.leave_note()?;
        let text = manifest.encode();
        let digest = Digest::of(text.as_bytes());
        let target = self.layer_path(&digest, private);
        if target.is_dir() {
            // Perhaps left by a run that died before its record: hashed before it counts.
            match self.verify_layer(&digest) {
                Ok(damage) if damage.is_empty() => return Ok(digest),
                Ok(damage) => tracing::warn!(%digest, ?damage, "a layer is made anew"),
                Err(error) => tracing::warn!(%digest, %error, "a layer is made anew"),
            }
            let aside = transaction.directory().join(format!("damaged-{}", digest.short()));
            fs::rename(&target, &aside)
                .map_err(|source| StoreError::io("moved aside", &target, source))?;
        }
        let staging = transaction.directory().join(format!("layer-{}", digest.to_hex()));
        let at = |source| StoreError::io("written", &staging, source);
        let tree = staging.join(TREE);
        durable::create_directories(&tree, 0o755).map_err(at)?;
        fs::set_permissions(staging.join("closed"), fs::Permissions::from_mode(0o700))
            .map_err(at)?;
        let marks = forge_sys::overlay::probe(&staging);
        write_content(manifest, content, &tree, marks)?;
        durable::write_new(&staging.join("manifest"), text.as_bytes(), 0o644).map_err(at)?;
        if !marks {
            durable::write_new(&staging.join("no-marks"), b"", 0o644).map_err(at)?;
        }
        match fs::rename(&staging, &target) {
            Ok(()) => {}
            // Another builder was first with the same bytes.
            Err(_) if target.is_dir() => return Ok(digest),
            Err(source) => return Err(StoreError::io("written", &target, source)),
        }
        Ok(digest)
    }

    /// Reads a layer again, whole; gives the paths that are not what the manifest says.
    pub fn verify_layer(&self, digest: &Digest) -> Result<Vec<ImagePath>, StoreError> {
        let layer = self.load(digest)?;
        let options = ScanOptions { below: None, keep: &|_| Keep::Whole, started: i64::MAX };
        let found = scan(&layer.tree(), &options).map_err(StoreError::from_tree)?.manifest;
        let private = layer.directory.starts_with(self.directory.join("private"));
        let mac_key = if private { Some(self.mac_key()?) } else { None };
        let is_whole = |path: &ImagePath| {
            let (want, have) = (layer.manifest.entries.get(path), found.entries.get(path));
            match (want, have) {
                // Where the file system cannot hold marks there are none; where it can, a scan
                // of a whole tree shows what they are made of.
                (Some(Entry { kind: EntryKind::Whiteout, .. }), _) => true,
                (Some(want), Some(have)) if want.kind.is_directory() => {
                    Entry { kind: have.kind.clone(), ..want.clone() } == *have
                }
                (Some(want), Some(have)) => {
                    want == have || mac_key.is_some_and(|key| layer.is_sink(path, want, have, &key))
                }
                (None, Some(passed)) => passed.kind.is_directory(),
                (_, None) => false,
            }
        };
        let paths: BTreeSet<_> =
            layer.manifest.entries.keys().chain(found.entries.keys()).collect();
        Ok(paths.into_iter().filter(|path| !is_whole(path)).cloned().collect())
    }
}

impl Layer {
    /// True for a secret's file that is whole: its digest is its MAC by this store's key.
    fn is_sink(&self, path: &ImagePath, want: &Entry, have: &Entry, key: &[u8; 32]) -> bool {
        let EntryKind::File { digest, .. } = &want.kind else {
            return false;
        };
        let mut expected = have.clone();
        if let EntryKind::File { digest: found, .. } = &mut expected.kind {
            *found = *digest;
        }
        expected == *want
            && self
                .read(path)
                .is_ok_and(|value| digest.as_bytes() == blake3::keyed_hash(key, &value).as_bytes())
    }
}

fn write_content(
    manifest: &Manifest,
    content: LayerContent<'_>,
    tree: &Path,
    marks: bool,
) -> Result<(), StoreError> {
    let written = match content {
        LayerContent::Directory(from) => {
            write_tree(manifest, Content::Directory(from), tree, marks)
        }
        LayerContent::Bytes(bytes) => {
            let mut read = |path: &ImagePath| {
                bytes.get(path).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into())
            };
            write_tree(manifest, Content::Bytes(&mut read), tree, marks)
        }
    };
    written.map_err(StoreError::from_tree)
}
