//! The layers below, as a change list sees them: every answer is written down.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io;

use forge_model::{Digest, Entry, EntryKind, ImagePath, Tree, TreeEntry, Xattrs};

/// Reads the content of a regular file of a tree; [`TreeEntry::layer`] says which layer has it.
pub type ReadContent<'a> = dyn Fn(&ImagePath, &TreeEntry) -> io::Result<Vec<u8>> + 'a;

/// The merged view of the layers below, with a reader of contents.
#[derive(Clone, Copy)]
pub struct View<'a> {
    tree: &'a Tree,
    read: &'a ReadContent<'a>,
}

impl<'a> View<'a> {
    /// A view of `tree`, whose files' contents `read` gives.
    pub fn new(tree: &'a Tree, read: &'a ReadContent<'a>) -> Self {
        Self { tree, read }
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("paths", &self.tree.len()).finish_non_exhaustive()
    }
}

/// One thing that was asked of the layers below.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// What stands at the path, and where it points when it is a link.
    Kind(ImagePath),
    /// Mode, owner, group and extended attributes.
    Attributes(ImagePath),
    /// The content of a file.
    Content(ImagePath),
    /// The names in a directory.
    Names(ImagePath),
    /// The id of a user.
    User(String),
    /// The id of a group.
    Group(String),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(path) => write!(f, "what is `{path}`"),
            Self::Attributes(path) => write!(f, "mode and owner of `{path}`"),
            Self::Content(path) => write!(f, "content of `{path}`"),
            Self::Names(path) => write!(f, "names in `{path}`"),
            Self::User(name) => write!(f, "id of user `{name}`"),
            Self::Group(name) => write!(f, "id of group `{name}`"),
        }
    }
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    Symlink(Vec<u8>),
    /// A device or a pipe.
    Other,
}

impl Kind {
    pub(super) fn of(kind: &EntryKind) -> Option<Self> {
        Some(match kind {
            EntryKind::Directory { .. } => Self::Directory,
            EntryKind::File { .. } => Self::File,
            EntryKind::Symlink { target } => Self::Symlink(target.clone()),
            EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } | EntryKind::Fifo => {
                Self::Other
            }
            EntryKind::Whiteout => return None,
        })
    }
}

/// What the layers below say of a path beside its kind. Times are not among it: nothing that a
/// change list makes depends on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) xattrs: Xattrs,
}

impl Attributes {
    pub(super) fn of(entry: &Entry) -> Self {
        let Entry { kind: _, mode, uid, gid, mtime: _, xattrs } = entry;
        Self { mode: *mode, uid: *uid, gid: *gid, xattrs: xattrs.clone() }
    }
}

type Ids = BTreeMap<String, u32>;

/// A [`View`] that writes down what it is asked and what it answers. The answers determine the
/// layer, because nothing else of the layers below is in anyone's reach.
pub(super) struct Recorder<'a> {
    view: View<'a>,
    asked: RefCell<BTreeMap<Question, String>>,
    users: OnceCell<Ids>,
    groups: OnceCell<Ids>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(view: View<'a>) -> Self {
        Self { view, asked: RefCell::default(), users: OnceCell::new(), groups: OnceCell::new() }
    }

    pub(super) fn kind(&self, path: &ImagePath) -> Option<Kind> {
        // The root is a directory also where no layer has an entry for it.
        let found = self.view.tree.get(path).and_then(|found| Kind::of(&found.entry.kind));
        let kind = if path.is_root() { Some(Kind::Directory) } else { found };
        self.note(Question::Kind(path.clone()), || match &kind {
            None => "nothing".to_owned(),
            Some(Kind::Directory) => "directory".to_owned(),
            Some(Kind::File) => "file".to_owned(),
            Some(Kind::Symlink(target)) => format!("link to {}", target.escape_ascii()),
            Some(Kind::Other) => "special file".to_owned(),
        });
        kind
    }

    pub(super) fn attributes(&self, path: &ImagePath) -> Option<Attributes> {
        let found = self.view.tree.get(path).map(|found| Attributes::of(&found.entry));
        self.note(Question::Attributes(path.clone()), || match &found {
            None => "nothing".to_owned(),
            Some(Attributes { mode, uid, gid, xattrs }) => {
                let mut text = format!("{mode:04o} {uid}:{gid}");
                for (name, value) in xattrs {
                    // Writing to a String cannot fail.
                    let _ = write!(text, " {}={}", name.escape_default(), value.escape_ascii());
                }
                text
            }
        });
        found
    }

    /// The bytes of a regular file; none when there is no regular file at exactly this path.
    pub(super) fn content(&self, path: &ImagePath) -> io::Result<Option<Vec<u8>>> {
        let found = self.view.tree.get(path);
        let digest = found.and_then(|found| match &found.entry.kind {
            EntryKind::File { digest, .. } => Some(*digest),
            _ => None,
        });
        self.note(Question::Content(path.clone()), || {
            digest.map_or_else(|| "nothing".to_owned(), |digest| digest.to_hex())
        });
        match found.filter(|_| digest.is_some()) {
            Some(found) => (self.view.read)(path, found).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn names(&self, path: &ImagePath) -> Vec<Vec<u8>> {
        let names: Vec<Vec<u8>> =
            self.view.tree.children(path).map(|(child, _)| child.file_name().to_vec()).collect();
        self.note(Question::Names(path.clone()), || {
            let names: Vec<_> = names.iter().map(|name| name.escape_ascii().to_string()).collect();
            names.join("/")
        });
        names
    }

    /// The id of a user as `/etc/passwd` has it. Only this answer is written down, not the whole
    /// file: a package that brings another account does not rebuild the layer.
    pub(super) fn user(&self, name: &str) -> io::Result<Option<u32>> {
        let id = self.id(&self.users, "etc/passwd", name)?;
        self.note(Question::User(name.to_owned()), || answer(id));
        Ok(id)
    }

    /// The id of a group as `/etc/group` has it.
    pub(super) fn group(&self, name: &str) -> io::Result<Option<u32>> {
        let id = self.id(&self.groups, "etc/group", name)?;
        self.note(Question::Group(name.to_owned()), || answer(id));
        Ok(id)
    }

    fn id(&self, cell: &OnceCell<Ids>, path: &str, name: &str) -> io::Result<Option<u32>> {
        let ids = if let Some(ids) = cell.get() {
            ids
        } else {
            let ids = self.ids(path)?;
            cell.get_or_init(|| ids)
        };
        // An image without accounts (a bare tree) still has its superuser.
        Ok(ids.get(name).copied().or_else(|| (name == "root").then_some(0)))
    }

    fn ids(&self, path: &str) -> io::Result<Ids> {
        let tree = self.view.tree;
        let path = ImagePath::new(path).and_then(|path| tree.resolve(&path, true));
        let Some((path, found)) = path.and_then(|path| tree.get(&path).map(|found| (path, found)))
        else {
            return Ok(Ids::new());
        };
        if !matches!(found.entry.kind, EntryKind::File { .. }) {
            return Ok(Ids::new());
        }
        let bytes = (self.view.read)(&path, found)?;
        let mut ids = Ids::new();
        for line in String::from_utf8_lossy(&bytes).lines() {
            let mut fields = line.split(':');
            if let (Some(name), _, Some(id)) = (fields.next(), fields.next(), fields.next())
                && let Ok(id) = id.parse()
            {
                // The first line of a name counts, as in getpwnam(3).
                ids.entry(name.to_owned()).or_insert(id);
            }
        }
        Ok(ids)
    }

    fn note(&self, question: Question, answer: impl FnOnce() -> String) {
        self.asked.borrow_mut().entry(question).or_insert_with(answer);
    }

    /// All questions with their answers, sorted.
    pub(super) fn into_asked(self) -> BTreeMap<Question, String> {
        self.asked.into_inner()
    }
}

fn answer(id: Option<u32>) -> String {
    id.map_or_else(|| "nothing".to_owned(), |id| id.to_string())
}

/// The digest over questions and answers, each length-prefixed.
pub(super) fn selector(asked: &BTreeMap<Question, String>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"forge-selector-v1\0");
    for (question, answer) in asked {
        let (tag, subject): (&[u8], &[u8]) = match question {
            Question::Kind(path) => (b"k", path.as_bytes()),
            Question::Attributes(path) => (b"a", path.as_bytes()),
            Question::Content(path) => (b"c", path.as_bytes()),
            Question::Names(path) => (b"n", path.as_bytes()),
            Question::User(name) => (b"u", name.as_bytes()),
            Question::Group(name) => (b"g", name.as_bytes()),
        };
        for part in [tag, subject, answer.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    Digest::from_bytes(*hasher.finalize().as_bytes())
}
