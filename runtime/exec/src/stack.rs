//! A stack of finished layers: as one merged view, and as a mount.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forge_model::{
    BUILD_EPOCH, Digest, Entry, EntryKind, ImagePath, Manifest, Tree, TreeEntry, Xattrs,
};
use forge_store::Layer;
use forge_sys::overlay::{Mounted, Overlay, Upper};
use forge_sys::tree::{Content, write_tree};

use crate::StepError;

/// Layers from the bottom up, and what they look like from above.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The layers.
    pub layers: Vec<Arc<Layer>>,
    /// Their merged view.
    pub tree: Arc<Tree>,
}

impl Stack {
    /// The content of a regular file of the merged view.
    pub fn read(&self, path: &ImagePath, entry: &TreeEntry) -> std::io::Result<Vec<u8>> {
        match self.layers.get(entry.layer) {
            Some(layer) => layer.read(path),
            None => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    /// Digests of the layers.
    pub fn digests(&self) -> Vec<Digest> {
        self.layers.iter().map(|layer| layer.digest()).collect()
    }

    /// The lower directories of an overlay that shows the merged view, from the bottom up.
    /// `scratch` is an empty directory on a file system that can hold whiteouts, such as a tmpfs.
    pub fn lowers(&self, scratch: &Path) -> Result<Vec<PathBuf>, StepError> {
        let mut lowers = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            // The kernel refuses a directory that is in the stack twice (ELOOP). Of two equal
            // layers the lower one shows nothing that the upper one does not show again.
            let again = self.layers[index + 1..].iter().any(|one| one.digest() == layer.digest());
            if again || layer.manifest().entries.is_empty() {
                continue;
            }
            if !layer.has_marks() && layer.hides_something() {
                // What lies directly below a layer and holds nothing but its marks hides exactly
                // what the marks in the layer itself would.
                lowers
                    .push(materialise(&marks_of(layer), &scratch.join(format!("marks-{index}")))?);
            }
            lowers.push(layer.tree());
        }
        let corrections = self.corrections();
        if !corrections.entries.is_empty() {
            lowers.push(materialise(&corrections, &scratch.join("directories"))?);
        }
        Ok(lowers)
    }

    /// Mounts the merged view on `target`, with `extra` lowers on top of it.
    pub fn mount(
        &self,
        scratch: &Path,
        extra: &[PathBuf],
        upper: Option<Upper>,
        target: &Path,
    ) -> Result<Mounted, StepError> {
        let mut lowers = self.lowers(scratch)?;
        lowers.extend_from_slice(extra);
        let overlay = Overlay { lowers, upper, target: target.to_owned() };
        overlay.mount().map_err(|error| StepError::environment(error.to_string()))
    }

    /// Directories that overlayfs would show with the wrong attributes.
    ///
    /// Overlayfs takes a directory's attributes from the topmost layer that holds the directory,
    /// also where that layer only passes through it; a layer knows nothing of what it passes
    /// through, so its own copy says 0755 root. What differs from that is said once more on top.
    fn corrections(&self) -> Manifest {
        let mut passed: BTreeSet<ImagePath> = BTreeSet::new();
        for layer in &self.layers {
            let entries = &layer.manifest().entries;
            for path in entries.keys() {
                let mut parent = path.parent();
                while let Some(directory) = parent.filter(|one| !passed.contains(one)) {
                    parent = directory.parent();
                    passed.insert(directory);
                }
            }
        }
        let plain = Entry {
            kind: EntryKind::Directory { opaque: false },
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: BUILD_EPOCH,
            xattrs: Xattrs::new(),
        };
        let differs = |entry: &Entry| {
            let Entry { kind, mode, uid, gid, mtime: _, xattrs } = entry;
            kind.is_directory()
                && (*mode, *uid, *gid, xattrs) != (plain.mode, plain.uid, plain.gid, &plain.xattrs)
        };
        let entries: BTreeMap<_, _> = passed
            .into_iter()
            .filter_map(|path| {
                let entry = &self.tree.get(&path)?.entry;
                differs(entry).then(|| (path, entry.clone()))
            })
            .collect();
        Manifest { entries }
    }
}

fn marks_of(layer: &Layer) -> Manifest {
    let marks = layer.manifest().entries.iter().filter(|(_, entry)| {
        matches!(entry.kind, EntryKind::Whiteout | EntryKind::Directory { opaque: true })
    });
    Manifest { entries: marks.map(|(path, entry)| (path.clone(), entry.clone())).collect() }
}

fn materialise(manifest: &Manifest, directory: &Path) -> Result<PathBuf, StepError> {
    let failed = |error: &dyn std::fmt::Display| StepError::environment(error.to_string());
    std::fs::create_dir_all(directory).map_err(|error| failed(&error))?;
    let mut nothing = |_: &ImagePath| Err(std::io::ErrorKind::NotFound.into());
    write_tree(manifest, Content::Bytes(&mut nothing), directory, true)
        .map_err(|error| failed(&error))?;
    Ok(directory.to_owned())
}
