//! The layer in the making, over the layers below: what a change sees is both together.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{BUILD_EPOCH, Digest, Entry, EntryKind, ImagePath, Origin, Xattrs};

use super::DraftContent;
use super::error::{Note, Problem};
use super::view::{Attributes, Kind, Recorder, View};

/// Symbolic links followed before a path is given up, as in the kernel (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// One path of the layer in the making.
pub(super) struct Made {
    pub(super) entry: Entry,
    pub(super) content: Option<DraftContent>,
    pub(super) origins: Vec<Origin>,
}

/// The layer in the making.
pub(super) struct Working<'a> {
    pub(super) below: Recorder<'a>,
    pub(super) made: BTreeMap<ImagePath, Made>,
    /// Directories of the layers below that hold something made here.
    pub(super) parents: BTreeMap<ImagePath, Attributes>,
    /// Declared paths: where they really lie, how they were written, and where.
    pub(super) declared: BTreeMap<ImagePath, (ImagePath, Origin)>,
    /// Files of the layers below that are edited.
    pub(super) edited: BTreeSet<ImagePath>,
    /// Ids of the users that this list makes.
    pub(super) new_users: BTreeMap<String, u32>,
    /// Ids of the groups that this list makes.
    pub(super) new_groups: BTreeMap<String, u32>,
    pub(super) notes: Vec<Note>,
}

impl<'a> Working<'a> {
    pub(super) fn new(view: View<'a>) -> Self {
        Self {
            below: Recorder::new(view),
            made: BTreeMap::new(),
            parents: BTreeMap::new(),
            declared: BTreeMap::new(),
            edited: BTreeSet::new(),
            new_users: BTreeMap::new(),
            new_groups: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, origin: &Origin, message: impl Into<String>) {
        self.notes.push(Note { origin: origin.clone(), message: message.into() });
    }

    /// What stands at exactly this path, no link followed.
    pub(super) fn kind(&self, path: &ImagePath) -> Option<Kind> {
        match self.made.get(path) {
            Some(made) => Kind::of(&made.entry.kind),
            None if self.hidden(path) => None,
            None => self.below.kind(path),
        }
    }

    /// The bytes of the regular file at exactly this path. A file of the project is no answer:
    /// its bytes are not here.
    pub(super) fn content(&self, path: &ImagePath) -> Result<Option<Vec<u8>>, Problem> {
        match self.made.get(path).map(|made| &made.content) {
            Some(Some(DraftContent::Bytes(bytes))) => return Ok(Some(bytes.clone())),
            Some(Some(DraftContent::Source(file))) => {
                let message = format!("`{path}` is made from `{}` by the same layer", file.path);
                return Err(Problem::new(message)
                    .help("move it to an earlier step: its content is read here"));
            }
            Some(None) => return Ok(None),
            None if self.hidden(path) => return Ok(None),
            None => {}
        }
        self.below.content(path).map_err(|error| Problem::unreadable(path, &error))
    }

    /// The names in a directory, sorted.
    pub(super) fn names(&self, path: &ImagePath) -> Vec<Vec<u8>> {
        let mut names = BTreeSet::new();
        let whole = self.made.get(path).is_none_or(|made| made.entry.kind.is_directory());
        if whole && !self.hidden(path) && self.below.kind(path) == Some(Kind::Directory) {
            names.extend(self.below.names(path));
        }
        for (child, made) in self.made_below(path) {
            if child.parent().as_ref() != Some(path) {
                continue;
            }
            if made.entry.kind == EntryKind::Whiteout {
                names.remove(child.file_name());
            } else {
                names.insert(child.file_name().to_vec());
            }
        }
        names.into_iter().collect()
    }

    /// What is made below a directory, in order.
    fn made_below(&self, path: &ImagePath) -> impl Iterator<Item = (&ImagePath, &Made)> {
        // `a/` comes before all that is below `a`, and nothing else lies between.
        let first = if path.is_root() { ImagePath::ROOT } else { path.join(b"") };
        let below = self.made.range(first..).take_while(|(at, _)| at.starts_with(path));
        below.filter(|(at, _)| !at.is_root())
    }

    /// True when something made here on the way to `path` hides what the layers below have there.
    fn hidden(&self, path: &ImagePath) -> bool {
        let mut at = path.parent();
        while let Some(dir) = at {
            if self.made.get(&dir).is_some_and(|made| !made.entry.kind.is_directory()) {
                return true;
            }
            at = dir.parent();
        }
        false
    }

    /// The real path: links in all components but the last are followed inside the image, and
    /// in the last too when `follow_last`. It need not exist.
    pub(super) fn resolve(
        &self,
        path: &ImagePath,
        follow_last: bool,
    ) -> Result<ImagePath, Problem> {
        let mut pending: Vec<Vec<u8>> = path.components().rev().map(<[u8]>::to_vec).collect();
        let mut real = ImagePath::ROOT;
        let mut links = 0;
        while let Some(part) = pending.pop() {
            if part == b".." {
                real = real.parent().unwrap_or(ImagePath::ROOT);
                continue;
            }
            let next = real.join(&part);
            let last = pending.is_empty();
            match self.kind(&next) {
                Some(Kind::Symlink(target)) if follow_last || !last => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Problem::new(format!(
                            "links on the way to `{path}` go round in circles"
                        )));
                    }
                    if target.starts_with(b"/") {
                        real = ImagePath::ROOT;
                    }
                    let parts = target.split(|byte| *byte == b'/');
                    let kept = parts.filter(|part| !part.is_empty() && *part != b".");
                    pending.extend(kept.map(<[u8]>::to_vec).rev());
                }
                Some(Kind::File | Kind::Other) if !last => {
                    return Err(Problem::new(format!(
                        "`{next}` on the way to `{path}` is no directory"
                    )));
                }
                _ => real = next,
            }
        }
        Ok(real)
    }

    /// What `path` is when its last link is followed: its real path with its kind.
    pub(super) fn follow(&self, path: &ImagePath) -> Option<(ImagePath, Kind)> {
        let real = self.resolve(path, true).ok()?;
        let kind = self.kind(&real)?;
        Some((real, kind))
    }

    /// Puts an entry at a real path, whose missing parents are made 0755 root:root.
    pub(super) fn put(
        &mut self,
        path: &ImagePath,
        (entry, content): (Entry, Option<DraftContent>),
        origin: &Origin,
    ) {
        self.make_parents(path, origin);
        // A directory over one that this list removed: what it held stays removed, name by name.
        let emptied = entry.kind.is_directory()
            && self.made.get(path).is_some_and(|made| made.entry.kind == EntryKind::Whiteout)
            && self.below.kind(path) == Some(Kind::Directory);
        if emptied {
            for name in self.below.names(path) {
                self.made.insert(path.join(&name), whiteout(origin));
            }
        }
        let made = Made { entry, content, origins: vec![origin.clone()] };
        self.made.insert(path.clone(), made);
    }

    fn make_parents(&mut self, path: &ImagePath, origin: &Origin) {
        let Some(parent) = path.parent() else { return };
        if self.kind(&parent).is_none() {
            self.put(&parent, (directory(0o755, (0, 0), Xattrs::new()), None), origin);
            return;
        }
        self.make_parents(&parent, origin);
        if !self.made.contains_key(&parent)
            && !self.parents.contains_key(&parent)
            && let Some(attributes) = self.below.attributes(&parent)
        {
            self.parents.insert(parent, attributes);
        }
    }

    /// Takes away what stands at a real path, and all below it.
    pub(super) fn remove(&mut self, path: &ImagePath, origin: &Origin) {
        let gone: Vec<_> = self.made_below(path).map(|(at, _)| at.clone()).collect();
        for at in gone.iter().chain([path]) {
            self.made.remove(at);
        }
        if !self.hidden(path) && self.below.kind(path).is_some() {
            self.make_parents(path, origin);
            self.made.insert(path.clone(), whiteout(origin));
        }
    }

    /// The id of an owner: a user of the image, or one that this list makes, or a number.
    pub(super) fn owner(&self, name: &str) -> Result<u32, Problem> {
        if let Some(id) = self.new_users.get(name).copied().or_else(|| number(name)) {
            return Ok(id);
        }
        let unreadable = |error| Problem::unreadable(&super::accounts::PASSWD.path(), &error);
        self.below.user(name).map_err(unreadable)?.ok_or_else(|| {
            Problem::new(format!("no user `{name}` is in the image")).help(format!(
                "declare it with `user \"{name}\"`, or name the package that makes it"
            ))
        })
    }

    /// The id of a group: one of the image, or one that this list makes, or a number.
    pub(super) fn group(&self, name: &str) -> Result<u32, Problem> {
        if let Some(id) = self.new_groups.get(name).copied().or_else(|| number(name)) {
            return Ok(id);
        }
        let unreadable = |error| Problem::unreadable(&super::accounts::GROUP.path(), &error);
        self.below.group(name).map_err(unreadable)?.ok_or_else(|| {
            Problem::new(format!("no group `{name}` is in the image")).help(format!(
                "declare it with `group \"{name}\"`, or name the package that makes it"
            ))
        })
    }
}

/// An owner that is written as a number is that id.
fn number(name: &str) -> Option<u32> {
    name.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.parse().ok()).flatten()
}

fn whiteout(origin: &Origin) -> Made {
    let kind = EntryKind::Whiteout;
    let (mode, uid, gid, mtime) = (0, 0, 0, BUILD_EPOCH);
    let entry = Entry { kind, mode, uid, gid, mtime, xattrs: Xattrs::new() };
    Made { entry, content: None, origins: vec![origin.clone()] }
}

pub(super) fn directory(mode: u32, (uid, gid): (u32, u32), xattrs: Xattrs) -> Entry {
    let kind = EntryKind::Directory { opaque: false };
    Entry { kind, mode, uid, gid, mtime: BUILD_EPOCH, xattrs }
}

pub(super) fn symlink(target: &[u8], (uid, gid): (u32, u32)) -> Entry {
    let kind = EntryKind::Symlink { target: target.to_vec() };
    Entry { kind, mode: 0o777, uid, gid, mtime: BUILD_EPOCH, xattrs: Xattrs::new() }
}

/// A file with these bytes.
pub(super) fn file(
    bytes: Vec<u8>,
    mode: u32,
    (uid, gid): (u32, u32),
    xattrs: Xattrs,
) -> (Entry, Option<DraftContent>) {
    let size = bytes.len() as u64;
    let kind = EntryKind::File { size, digest: Digest::of(&bytes), group: None };
    let entry = Entry { kind, mode, uid, gid, mtime: BUILD_EPOCH, xattrs };
    (entry, Some(DraftContent::Bytes(bytes)))
}
