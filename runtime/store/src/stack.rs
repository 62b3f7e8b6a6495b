//! Stacks of layers, as overlayfs wants them.
//!
//! A layer's tree has every directory that leads to its files, but says nothing about those that it
//! only passes through; overlayfs shows the attributes of the topmost one. So a stack gets a *cover*
//! on top: a tree of just these directories with the attributes that the merged view gives them.
//! Where the store cannot hold whiteouts, a layer that has some gets a companion below it, on the
//! run's private tmpfs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use forge_model::{Digest, Entry, EntryKind, ImagePath, Manifest, Tree, Xattrs};
use forge_sys::overlay::{Mounted, Overlay, OverlayError, Upper};
use forge_sys::root::{Attributes, Root};
use forge_sys::tree::{Content, Durability, write_tree};

use crate::layer::is_mark;
use crate::{Layer, Store, StoreError, durable};

/// Layers with their merged view, ready to be mounted.
#[derive(Debug)]
pub struct Stack {
    layers: Vec<Layer>,
    tree: Tree,
    lowers: Vec<PathBuf>,
}

impl Store {
    /// A stack of these layers, from the bottom up. `scratch` is a fresh directory on a file system
    /// that holds whiteouts, for what the stack needs beside the layers; it must last as long as
    /// the mounts.
    pub fn stack(&self, digests: &[Digest], scratch: &Path) -> Result<Stack, StoreError> {
        let layers = digests
            .iter()
            .map(|digest| self.layer(digest))
            .collect::<Result<Vec<_>, _>>()?;
        let tree = Tree::merge(layers.iter().map(|layer| layer.manifest().as_ref()));
        let mut lowers = Vec::with_capacity(layers.len() + 1);
        for (index, layer) in layers.iter().enumerate() {
            if !self.holds_marks() && layer.has_marks() {
                let companion = scratch.join(format!("marks-{index}"));
                write_marks(layer.manifest(), &companion)?;
                lowers.push(companion);
            }
            lowers.push(layer.tree_dir());
        }
        let cover = scratch.join("cover");
        write_manifest_tree(&cover_of(&layers, &tree), &cover)?;
        lowers.push(cover);
        Ok(Stack {
            layers,
            tree,
            lowers,
        })
    }
}

impl Stack {
    /// The layers, from the bottom up.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The merged view.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Mounts the merged view on a directory, read-only.
    pub fn mount_read_only(&self, target: &Path) -> Result<Mounted, OverlayError> {
        let overlay = Overlay {
            lowers: self.lowers.clone(),
            upper: None,
            target: target.to_owned(),
        };
        overlay.mount()
    }

    /// Mounts the merged view on a directory, writes going to `scratch/upper`, which is made.
    pub fn mount_writable(
        &self,
        target: &Path,
        scratch: &Path,
    ) -> Result<(Mounted, PathBuf), StackError> {
        let upper = Upper {
            upper: scratch.join("upper"),
            work: scratch.join("upper-work"),
        };
        for directory in [&upper.upper, &upper.work] {
            durable::create_dir_all(directory, 0o755)?;
        }
        // The mount's root shows what the upper directory's own attributes are.
        if let Some(root) = self.tree.get(&ImagePath::ROOT) {
            Root::open(&upper.upper)
                .and_then(|at| at.set_attributes(&ImagePath::ROOT, &attributes(&root.entry)))
                .map_err(|source| StoreError::io("could not be written", &upper.upper, source))?;
        }
        let written = upper.upper.clone();
        let overlay = Overlay {
            lowers: self.lowers.clone(),
            upper: Some(upper),
            target: target.to_owned(),
        };
        Ok((overlay.mount()?, written))
    }
}

/// Why a stack could not be mounted.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A directory for it could not be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mount was refused.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
}

fn attributes(entry: &Entry) -> Attributes {
    let Entry {
        kind: _,
        mode,
        uid,
        gid,
        mtime,
        xattrs,
    } = entry;
    Attributes {
        mode: *mode,
        uid: *uid,
        gid: *gid,
        mtime: *mtime,
        xattrs: xattrs.clone(),
    }
}

/// Directories whose attributes would come from a layer that only passes through them.
fn cover_of(layers: &[Layer], tree: &Tree) -> Manifest {
    let mut cover = BTreeMap::new();
    for layer in layers {
        for path in layer.manifest().entries.keys() {
            let mut parent = path.parent();
            while let Some(directory) = parent {
                if cover.contains_key(&directory) {
                    break;
                }
                parent = directory.parent();
                if let Some(found) = tree.get(&directory).filter(|f| f.entry.kind.is_directory()) {
                    cover.insert(directory, found.entry.clone());
                }
            }
        }
    }
    Manifest { entries: cover }
}

fn write_marks(manifest: &Manifest, to: &Path) -> Result<(), StoreError> {
    let marks = manifest
        .entries
        .iter()
        .filter(|(_, entry)| is_mark(&entry.kind));
    let entries = marks
        .map(|(path, entry)| (path.clone(), plain(entry.kind.clone())))
        .collect();
    write_manifest_tree(&Manifest { entries }, to)
}

fn plain(kind: EntryKind) -> Entry {
    let mtime = forge_model::BUILD_EPOCH;
    Entry {
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime,
        xattrs: Xattrs::new(),
    }
}

fn write_manifest_tree(manifest: &Manifest, to: &Path) -> Result<(), StoreError> {
    durable::create_dir_all(to, 0o755)?;
    let mut none = |path: &ImagePath| Err(std::io::Error::other(format!("{path} has no content")));
    Ok(write_tree(
        manifest,
        Content::Bytes(&mut none),
        to,
        true,
        Durability::Later,
    )?)
}
