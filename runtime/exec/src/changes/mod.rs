//! File layers: a typed change list becomes a layer natively, without sandbox or mount.
//!
//! ```text
//! &[Change] --+
//!             +--> apply --> Draft { manifest, contents, selector, … }
//! View -------+
//! (merged tree below, reader of contents)
//! ```
//!
//! [`apply`] is a pure function of the change list and of what the [`View`] answers. Every answer
//! is written down, and the digest over them is the draft's *selector*: two trees that answer the
//! same give the same layer, so a package layer may change below without making this one anew.
//!
//! A list is worked off in three passes, whatever its order: accounts (groups before users), then
//! paths (directories, files, links, edits, removals, in the order of the list), then units. So an
//! owner may be declared after the file that it owns, and a unit after the line that enables it.
//!
//! Rules for paths:
//! - Links on the way to a declared path are followed inside the image: `/lib/x` is `/usr/lib/x`
//!   on a merged `/usr`. The last component is not followed: what is declared is exactly that path.
//! - A link that a package made is replaced by a declared file or link, unless it leads to a
//!   directory: a file there would hide the directory's content, so it is an error, as is a
//!   directory over a link. The links of a merged `/usr` are never replaced or removed.
//! - An edit changes the file where links lead, and keeps its mode, owner and extended attributes.
//!   One that finds nothing to change makes nothing.
//! - A file over a directory is an error, and the reverse.
//! - Missing parents are made 0755 root:root. A directory that exists keeps its attributes unless
//!   it is declared; declared, it keeps its extended attributes.
//! - A kept directory is made where none is, and otherwise left as it is.
//! - Everything made carries [`BUILD_EPOCH`]. Default ACLs of parents are not inherited.
//!
//! [`BUILD_EPOCH`]: forge_model::BUILD_EPOCH

mod accounts;
mod edits;
mod error;
mod modules;
mod paths;
#[cfg(test)]
mod properties;
mod remove;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod units;
mod view;
mod working;

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{
    Change, ChangeKind, Digest, Entry, EntryKind, ImagePath, Manifest, Origin, Shared, SourceFile,
};

pub use error::{ChangeError, Note};
pub use view::{Question, ReadContent, View};

use error::Problem;
use working::{Made, Working};

/// A layer in memory, before its bytes are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The layer.
    pub manifest: Manifest,
    /// Where the bytes of each regular file come from.
    pub contents: BTreeMap<ImagePath, DraftContent>,
    /// Digest over [`Draft::asked`].
    pub selector: Digest,
    /// What was asked of the layers below, with the answers: sorted, for `why`.
    pub asked: BTreeMap<Question, String>,
    /// Every path of the manifest with each declaration that made it: several for `/etc/passwd`.
    pub touched: Vec<(ImagePath, Origin)>,
    /// Declared files, directories and links.
    pub declared: Vec<Declared>,
    /// Files that are those of the layers below but for what was edited.
    pub edited: BTreeSet<ImagePath>,
    /// Directories of the layers below that hold something of this layer, as entries: no part of
    /// the manifest. An overlay shows the topmost layer's attributes of a directory, so where the
    /// layer is laid out on disk they must be as they are below. Their mtime is not known here
    /// and stands as [`forge_model::BUILD_EPOCH`].
    pub parents: BTreeMap<ImagePath, Entry>,
    /// What was done and may not have been meant.
    pub notes: Vec<Note>,
}

/// Where the bytes of a file of a draft come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftContent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file of the project, to be copied and checked against its digest.
    Source(SourceFile),
}

/// A declared path of a change list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Where it lies in the image, links on the way followed.
    pub path: ImagePath,
    /// As the spec writes it.
    pub written: ImagePath,
    /// The node of the spec.
    pub origin: Origin,
}

/// Makes the layer of a change list over `view`.
///
/// # Errors
/// All changes of the list that cannot be made, by their places. An accident in reading the
/// layers below is among them, with its own [`crate::Fault`].
pub fn apply(changes: &[Shared<Change>], view: &View<'_>) -> Result<Draft, Vec<ChangeError>> {
    let mut work = Working::new(*view);
    let mut errors = Vec::new();
    accounts::apply(&mut work, changes, &mut errors);
    for change in changes {
        let done = match &change.what {
            ChangeKind::Directory { .. } | ChangeKind::File { .. } | ChangeKind::Link { .. } => {
                paths::apply(&mut work, change)
            }
            ChangeKind::Edit { path, edit, create } => {
                edits::apply(&mut work, path, (edit, *create), &change.origin)
            }
            ChangeKind::Remove { pattern } => remove::apply(&mut work, pattern, &change.origin),
            ChangeKind::KernelModules { keep, drop, firmware } => {
                let prune = modules::Prune { keep, drop, firmware: *firmware };
                modules::apply(&mut work, &prune, &change.origin)
            }
            ChangeKind::Group { .. } | ChangeKind::User(_) => continue,
            ChangeKind::Enable { .. } | ChangeKind::Disable { .. } | ChangeKind::Mask { .. } => {
                continue;
            }
        };
        errors.extend(done.err().map(|problem| problem.at(&change.origin)));
    }
    for change in changes {
        let done = match &change.what {
            ChangeKind::Enable { unit } => units::enable(&mut work, unit, &change.origin),
            ChangeKind::Disable { unit } => units::disable(&mut work, unit, &change.origin),
            ChangeKind::Mask { unit } => units::mask(&mut work, unit, &change.origin),
            ChangeKind::Directory { .. }
            | ChangeKind::File { .. }
            | ChangeKind::Link { .. }
            | ChangeKind::Edit { .. }
            | ChangeKind::Remove { .. }
            | ChangeKind::KernelModules { .. }
            | ChangeKind::Group { .. }
            | ChangeKind::User(_) => continue,
        };
        errors.extend(done.err().map(|problem| problem.at(&change.origin)));
    }
    errors.extend(strayed(&work));
    if errors.is_empty() {
        return Ok(finish(work));
    }
    errors.sort_by(|a, b| a.origin.cmp(&b.origin));
    errors.dedup();
    Err(errors)
}

/// Declared paths that a later change of the list leads elsewhere: it took away a link on the way.
fn strayed(work: &Working<'_>) -> Vec<ChangeError> {
    let mut errors = Vec::new();
    for (real, (written, origin)) in &work.declared {
        if work.resolve(written, false).ok().as_ref() != Some(real) {
            let message =
                format!("`{written}` lies at `{real}`, but a link on the way is taken away");
            errors.push(Problem::new(message).help(format!("declare `{real}`")).at(origin));
        }
    }
    errors
}

/// The selector alone, for the lookup of an action key before anything is written. It costs what
/// [`apply`] costs, which reads no file of the project.
///
/// # Errors
/// Those of [`apply`].
pub fn selector(changes: &[Shared<Change>], view: &View<'_>) -> Result<Digest, Vec<ChangeError>> {
    apply(changes, view).map(|draft| draft.selector)
}

fn finish(work: Working<'_>) -> Draft {
    let Working { below, made, parents, declared, edited, new_users: _, new_groups: _, notes } =
        work;
    let mut draft = Draft {
        manifest: Manifest::default(),
        contents: BTreeMap::new(),
        selector: Digest::of(b""),
        asked: below.into_asked(),
        touched: Vec::new(),
        declared: declared
            .into_iter()
            .map(|(path, (written, origin))| Declared { path, written, origin })
            .collect(),
        edited,
        parents: BTreeMap::new(),
        notes,
    };
    draft.selector = view::selector(&draft.asked);
    for (path, Made { entry, content, origins }) in made {
        draft.touched.extend(origins.into_iter().map(|origin| (path.clone(), origin)));
        if let Some(content) = content {
            draft.contents.insert(path.clone(), content);
        }
        draft.manifest.entries.insert(path, entry);
    }
    for (path, attributes) in parents {
        // A directory that was passed through first and declared later is an entry of the layer.
        if !draft.manifest.entries.contains_key(&path) {
            let view::Attributes { mode, uid, gid, xattrs } = attributes;
            draft.parents.insert(path, working::directory(mode, (uid, gid), xattrs));
        }
    }
    debug_assert!(draft.manifest.entries.iter().all(|(path, entry)| {
        matches!(entry.kind, EntryKind::File { .. }) == draft.contents.contains_key(path)
    }));
    draft
}
