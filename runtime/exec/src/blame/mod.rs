//! Which layer, and which package, declaration or script of it, made a path.
//!
//! ```text
//! layers from the bottom up --> Blamer --> path --> layer + Maker
//! ```
//!
//! The topmost layer that has an entry for a path answers for it. In a layer of packages that is
//! every package whose file list names the path (a directory has many, `dpkg -S` names them all as
//! well), read from that layer's own `var/lib/dpkg/info/*.list`, with diversions followed and
//! links of a merged `/usr` resolved. A path that no list names was made by a maintainer script or
//! by the installer. In a layer of changes it is each declaration that touched the path, found by
//! applying the list again, which costs milliseconds; for an edited file also who made the file
//! that was edited. A line of such a file is blamed on the one edit that wrote it, found by making the
//! edits one after the other.

mod dpkg;
mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forge_model::{
    Action, Base, Changes, Entry, EntryKind, ImagePath, Manifest, Origin, Secrets, Tree,
};

use crate::changes::{self, ChangeError, ReadContent, View};
use dpkg::Lists;

pub use line::BlamedLine;

/// One layer of an image.
#[derive(Clone, Copy, Debug)]
pub struct BlameLayer<'a> {
    /// As the plan names it.
    pub label: &'a str,
    /// What made it.
    pub action: &'a Action,
    /// What it holds.
    pub manifest: &'a Manifest,
}

/// Who made a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    /// Where the path really lies, links on the way followed.
    pub path: ImagePath,
    /// Index of the layer, 0 the lowest.
    pub layer: usize,
    /// The layer's name in the plan.
    pub label: String,
    /// What made it there.
    pub maker: Maker,
    /// Whose file it was that the layer edits.
    pub edited: Option<Box<Blame>>,
}

/// What made a path of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// These packages ship it, sorted, as dpkg names them: with `:arch` where they can be
    /// installed for several.
    Packages(Vec<Arc<str>>),
    /// dpkg's own record of this package.
    PackageRecord(Arc<str>),
    /// A maintainer script of the layer's packages, or the installer.
    MaintainerScript,
    /// These declarations: several for an account file.
    Declared(Vec<Origin>),
    /// A script of the spec.
    Script {
        /// The step's name.
        name: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A secret's file.
    Secret(Origin),
    /// The image's stamp.
    Stamp(Origin),
    /// A file or directory of the project, by its path there, or a fetched archive, by its name.
    Source(String),
}

impl std::fmt::Display for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Packages(names) => {
                let word = if names.len() == 1 { "package" } else { "packages" };
                write!(f, "{word} {}", names.join(", "))
            }
            Self::PackageRecord(name) => write!(f, "dpkg's record of package {name}"),
            Self::MaintainerScript => f.write_str("a maintainer script or the installer"),
            Self::Declared(origins) => {
                let places: Vec<_> = origins.iter().map(ToString::to_string).collect();
                f.write_str(&places.join(", "))
            }
            Self::Script { name, origin } => write!(f, "script {name} at {origin}"),
            Self::Secret(origin) => write!(f, "secret file at {origin}"),
            Self::Stamp(origin) => write!(f, "stamp of the image at {origin}"),
            Self::Source(path) => f.write_str(path),
        }
    }
}

/// Why blame cannot be laid.
#[derive(Debug, thiserror::Error)]
pub enum BlameError {
    /// A layer's file cannot be read.
    #[error("cannot read `{path}` of layer `{label}`")]
    Read {
        /// The file.
        path: ImagePath,
        /// The layer.
        label: String,
        /// Why.
        source: std::io::Error,
    },
    /// The layers below are not those that the list was applied to.
    #[error("the changes of layer `{label}` do not fit the layers below it")]
    Changes {
        /// The layer.
        label: String,
        /// All of them.
        errors: Vec<ChangeError>,
    },
}

/// Lays blame for the paths of one image.
#[derive(Debug)]
pub struct Blamer<'a> {
    tree: Tree,
    layers: Vec<(BlameLayer<'a>, Makers)>,
}

/// What is known of who made the paths of a layer.
#[derive(Debug)]
enum Makers {
    Lists(Lists),
    Declared(BTreeMap<ImagePath, Vec<Origin>>, BTreeSet<ImagePath>),
    Secrets(BTreeMap<ImagePath, Origin>),
    Sources(BTreeMap<ImagePath, String>, String),
    One(Maker),
}

impl<'a> Blamer<'a> {
    /// Reads what the layers of an image, from the bottom up, say of themselves. `read` gives the
    /// content of a file of the layers so far.
    pub fn new(
        layers: impl IntoIterator<Item = BlameLayer<'a>>,
        read: &ReadContent<'_>,
    ) -> Result<Self, BlameError> {
        let mut blamer = Self { tree: Tree::new(), layers: Vec::new() };
        for layer in layers {
            let makers = blamer.lay(&layer, read)?;
            blamer.layers.push((layer, makers));
        }
        Ok(blamer)
    }

    /// The image's merged tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Who made the path; links on the way are followed, the last is not. None when it is not in
    /// the image.
    pub fn blame(&self, path: &ImagePath) -> Option<Blame> {
        let path = self.tree.resolve(path, false)?;
        let layer = self.tree.get(&path)?.layer;
        self.of_layer(path, layer)
    }

    /// Who took the path away: the topmost layer that hides it, when a layer below had it.
    pub fn removal(&self, path: &ImagePath) -> Option<Blame> {
        if self.tree.get(path).is_some() {
            return None;
        }
        let above = self.layers.iter().rposition(|(layer, _)| {
            layer.manifest.entries.get(path).is_some_and(|entry| entry.kind != EntryKind::Whiteout)
        })?;
        let (layer, hider) = (above + 1..self.layers.len()).find_map(|index| {
            hider(self.layers[index].0.manifest, path).map(|hider| (index, hider))
        })?;
        self.of_layer(hider, layer)
    }

    /// What the layers below this one had at the path before it hid that, the uppermost first. A
    /// directory over one of the same mode and owner hides nothing.
    pub fn shadowed(&self, by: &Blame) -> Vec<(Blame, Entry)> {
        let Some((above, below)) = self
            .layers
            .get(by.layer)
            .map(|(layer, _)| layer.manifest.entries.get(&by.path))
            .zip(self.layers.get(..by.layer))
        else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (index, (layer, _)) in below.iter().enumerate().rev() {
            if let Some(entry) = layer.manifest.entries.get(&by.path)
                && entry.kind != EntryKind::Whiteout
                && !above.is_some_and(|above| is_same_directory(above, entry))
            {
                let blame = self.of_layer(by.path.clone(), index);
                found.extend(blame.map(|blame| (blame, entry.clone())));
            }
            // What lies still lower was hidden by this layer already.
            if hider(layer.manifest, &by.path).is_some_and(|hider| hider != by.path) {
                break;
            }
        }
        found
    }

    /// The entry that a layer has at the path that it is blamed for; none where it took it away.
    pub fn entry(&self, blame: &Blame) -> Option<&'a Entry> {
        let (layer, _) = self.layers.get(blame.layer)?;
        let manifest: &'a Manifest = layer.manifest;
        manifest.entries.get(&blame.path).filter(|entry| entry.kind != EntryKind::Whiteout)
    }

    /// Every path of the image, in order, with who made it.
    pub fn all(&self) -> impl Iterator<Item = Blame> {
        let entries = self.tree.iter();
        entries.filter_map(|(path, found)| self.of_layer(path.clone(), found.layer))
    }

    fn of_layer(&self, path: ImagePath, layer: usize) -> Option<Blame> {
        let (blamed, makers) = self.layers.get(layer)?;
        let maker = match makers {
            Makers::Lists(lists) => lists.maker(&path),
            Makers::Declared(origins, _) => {
                Maker::Declared(origins.get(&path).cloned().unwrap_or_default())
            }
            Makers::Secrets(origins) => {
                // A directory made on the way belongs to the first file below it.
                let mut below = origins.range(path.clone()..);
                let first = below.next().filter(|(file, _)| file.starts_with(&path));
                Maker::Secret(first.map(|(_, origin)| origin.clone())?)
            }
            Makers::Sources(files, directory) => {
                Maker::Source(files.get(&path).unwrap_or(directory).clone())
            }
            Makers::One(maker) => maker.clone(),
        };
        let edited = match makers {
            Makers::Declared(_, edited) if edited.contains(&path) => {
                let has =
                    |index: &usize| self.layers[*index].0.manifest.entries.contains_key(&path);
                let below = (0..layer).rev().find(has);
                below.and_then(|below| self.of_layer(path.clone(), below)).map(Box::new)
            }
            _ => None,
        };
        Some(Blame { path, layer, label: blamed.label.to_owned(), maker, edited })
    }

    /// Lays one layer on top and gathers its makers.
    fn lay(
        &mut self,
        layer: &BlameLayer<'_>,
        read: &ReadContent<'_>,
    ) -> Result<Makers, BlameError> {
        // Changes are read against what is below them, everything else with the layer on top.
        if let Action::Changes(Changes { changes, protected: _ }) = layer.action {
            let draft = changes::apply(changes, &View::new(&self.tree, read))
                .map_err(|errors| BlameError::Changes { label: layer.label.to_owned(), errors })?;
            self.tree.push(layer.manifest);
            let mut origins: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for (path, origin) in draft.touched {
                origins.entry(path).or_default().push(origin);
            }
            return Ok(Makers::Declared(origins, draft.edited));
        }
        self.tree.push(layer.manifest);
        let lists = || {
            let lists = Lists::read(layer.manifest, &self.tree, read);
            lists.map(Makers::Lists).map_err(|(path, source)| BlameError::Read {
                path,
                label: layer.label.to_owned(),
                source,
            })
        };
        Ok(match layer.action {
            Action::Packages(_) => lists()?,
            Action::Base(base) => match base.as_ref() {
                Base::Debian { .. } => lists()?,
                Base::Archive { source, .. } => Makers::One(Maker::Source(source.path.clone())),
                Base::Tree { directory, files, .. } => {
                    let files = files.iter().map(|(path, file)| (path.clone(), file.path.clone()));
                    Makers::Sources(files.collect(), directory.clone())
                }
            },
            Action::Unpack(unpack) => Makers::One(Maker::Source(unpack.source.clone())),
            Action::Run(run) => {
                Makers::One(Maker::Script { name: run.name.clone(), origin: run.origin.clone() })
            }
            Action::Secrets(Secrets { files }) => {
                let file = |file: &forge_model::SecretFile| {
                    Some((self.tree.resolve(&file.path, false)?, file.origin.clone()))
                };
                Makers::Secrets(files.iter().filter_map(file).collect())
            }
            Action::Stamp(stamp) => Makers::One(Maker::Stamp(stamp.origin.clone())),
            // The one was handled above, the others make no layer.
            Action::Changes(_)
            | Action::Resolve(_)
            | Action::Fetch(_)
            | Action::Verify(_)
            | Action::Pack(_) => Makers::One(Maker::MaintainerScript),
        })
    }
}

fn is_same_directory(above: &Entry, below: &Entry) -> bool {
    let facts = |entry: &Entry| (entry.mode, entry.uid, entry.gid);
    above.kind.is_directory() && below.kind.is_directory() && facts(above) == facts(below)
}

/// The entry of a layer that hides `path` of the layers below: its own, or a directory's above it.
fn hider(manifest: &Manifest, path: &ImagePath) -> Option<ImagePath> {
    let mut at = Some(path.clone());
    while let Some(here) = at {
        match manifest.entries.get(&here).map(|entry| &entry.kind) {
            None | Some(EntryKind::Directory { opaque: false }) => {}
            Some(_) => return Some(here),
        }
        at = here.parent();
    }
    None
}

#[cfg(test)]
mod tests;
