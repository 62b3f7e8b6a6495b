//! Small images for tests: what stands where, with contents in memory.

use std::collections::BTreeMap;
use std::io;

use forge_model::{
    Change, ChangeKind, Content, Digest, Edit, Entry, EntryKind, ImagePath, Manifest, Origin,
    Shared, Tree, TreeEntry, User, Xattrs,
};

use super::{ChangeError, Draft, DraftContent, View, apply};

/// What stands at a path of a test's image.
#[derive(Clone, Debug)]
pub(crate) enum Node<'a> {
    Dir,
    DirMode(u32, u32, u32),
    File(&'a str),
    FileMode(&'a str, u32, u32, u32),
    Link(&'a str),
    Fifo,
}

/// An image in memory. Parents that are not named are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub(crate) tree: Tree,
    pub(crate) contents: BTreeMap<Digest, Vec<u8>>,
}

pub(crate) fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap()
}

pub(crate) fn origin(line: u32) -> Origin {
    Origin::new("role.kdl", line, 1)
}

impl Image {
    pub(crate) fn new(nodes: &[(&str, Node<'_>)]) -> Self {
        let mut image = Self::default();
        let mut manifest = Manifest::default();
        for (at, node) in nodes {
            let at = path(at);
            let mut parent = at.parent();
            while let Some(dir) = parent.filter(|dir| !dir.is_root()) {
                manifest.entries.entry(dir.clone()).or_insert_with(|| image.entry(&Node::Dir));
                parent = dir.parent();
            }
            let entry = image.entry(node);
            manifest.entries.insert(at, entry);
        }
        image.tree.push(&manifest);
        image
    }

    fn entry(&mut self, node: &Node<'_>) -> Entry {
        let (kind, mode, uid, gid) = match node {
            Node::Dir => (EntryKind::Directory { opaque: false }, 0o755, 0, 0),
            Node::DirMode(mode, uid, gid) => {
                (EntryKind::Directory { opaque: false }, *mode, *uid, *gid)
            }
            Node::File(text) => (self.file(text), 0o644, 0, 0),
            Node::FileMode(text, mode, uid, gid) => (self.file(text), *mode, *uid, *gid),
            Node::Link(target) => {
                (EntryKind::Symlink { target: target.as_bytes().to_vec() }, 0o777, 0, 0)
            }
            Node::Fifo => (EntryKind::Fifo, 0o600, 0, 0),
        };
        Entry { kind, mode, uid, gid, mtime: 7, xattrs: Xattrs::new() }
    }

    fn file(&mut self, text: &str) -> EntryKind {
        let digest = Digest::of(text.as_bytes());
        self.contents.insert(digest, text.as_bytes().to_vec());
        EntryKind::File { size: text.len() as u64, digest, group: None }
    }

    pub(crate) fn read(&self, entry: &TreeEntry) -> io::Result<Vec<u8>> {
        match &entry.entry.kind {
            EntryKind::File { digest, .. } => {
                self.contents.get(digest).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    pub(crate) fn apply(&self, changes: &[ChangeKind]) -> Result<Draft, Vec<ChangeError>> {
        let read = |_: &ImagePath, entry: &TreeEntry| self.read(entry);
        apply(&numbered(changes), &View::new(&self.tree, &read))
    }

    /// The image with a draft on top.
    pub(crate) fn with(mut self, draft: &Draft) -> Self {
        self.tree.push(&draft.manifest);
        for content in draft.contents.values() {
            if let DraftContent::Bytes(bytes) = content {
                self.contents.insert(Digest::of(bytes), bytes.clone());
            }
        }
        self
    }

    pub(crate) fn text(&self, at: &str) -> String {
        String::from_utf8(self.read(self.tree.get(&path(at)).unwrap()).unwrap()).unwrap()
    }
}

/// Changes, each on a line of its own.
pub(crate) fn numbered(changes: &[ChangeKind]) -> Vec<Shared<Change>> {
    let change = |(line, what): (u32, &ChangeKind)| Change::at(&origin(line), what.clone());
    (1..).zip(changes).map(change).collect()
}

pub(crate) fn file(at: &str, text: &str) -> ChangeKind {
    owned_file(at, text, "root", "root")
}

pub(crate) fn owned_file(at: &str, text: &str, owner: &str, group: &str) -> ChangeKind {
    let (owner, group) = (owner.to_owned(), group.to_owned());
    ChangeKind::File {
        path: path(at),
        content: Content::Text(text.to_owned()),
        mode: 0o644,
        owner,
        group,
    }
}

pub(crate) fn directory(at: &str, mode: u32) -> ChangeKind {
    let root = || "root".to_owned();
    ChangeKind::Directory { path: path(at), mode, owner: root(), group: root(), keep: false }
}

/// A directory that is left as it is where it is there.
pub(crate) fn kept(at: &str, mode: u32) -> ChangeKind {
    let root = || "root".to_owned();
    ChangeKind::Directory { path: path(at), mode, owner: root(), group: root(), keep: true }
}

pub(crate) fn link(at: &str, target: &str) -> ChangeKind {
    ChangeKind::Link { path: path(at), target: target.to_owned() }
}

pub(crate) fn line(at: &str, pattern: Option<&str>, text: &str) -> ChangeKind {
    let (pattern, text) = (pattern.map(str::to_owned), text.to_owned());
    ChangeKind::Edit {
        path: path(at),
        edit: Edit::Line { pattern, text, append: false },
        create: false,
    }
}

pub(crate) fn setting(at: &str, section: Option<&str>, key: &str, value: &str) -> ChangeKind {
    let edit = Edit::Setting {
        section: section.map(str::to_owned),
        key: key.to_owned(),
        separator: "=".to_owned(),
        value: value.to_owned(),
    };
    ChangeKind::Edit { path: path(at), edit, create: false }
}

pub(crate) fn remove(pattern: &str) -> ChangeKind {
    ChangeKind::Remove { pattern: pattern.to_owned() }
}

pub(crate) fn group(name: &str, gid: Option<u32>, system: bool) -> ChangeKind {
    ChangeKind::Group { name: name.to_owned(), gid, system }
}

/// A user with nothing but a name, to be changed with [`user_with`].
pub(crate) fn user(name: &str, uid: Option<u32>, system: bool) -> ChangeKind {
    user_with(name, uid, system, (None, &[]))
}

pub(crate) fn user_with(
    name: &str,
    uid: Option<u32>,
    system: bool,
    (group, groups): (Option<&str>, &[&str]),
) -> ChangeKind {
    ChangeKind::User(User {
        name: name.to_owned(),
        uid,
        group: group.map(str::to_owned),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        system,
        ..User::default()
    })
}

/// Kind, mode, owner and path of every entry, for comparison.
pub(crate) fn listing(draft: &Draft) -> Vec<String> {
    let line = |(at, entry): (&ImagePath, &Entry)| match &entry.kind {
        EntryKind::Whiteout => format!("whiteout {at}"),
        EntryKind::Symlink { target } => {
            format!("link {at} -> {}", String::from_utf8_lossy(target))
        }
        kind => format!("{} {:04o} {}:{} {at}", kind.word(), entry.mode, entry.uid, entry.gid),
    };
    draft.manifest.entries.iter().map(line).collect()
}
