//! Declarations are binding: a later step may not change a declared path.
//!
//! What a change list declares is kept as it must be found; the layer of each later step is
//! compared with it. A layer that sets a declared path to just what is declared changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{Digest, Entry, EntryKind, ImagePath, Manifest, Origin, Tree};

use crate::changes::Draft;

/// A declared path as it must be found, times aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The node of the spec.
    pub origin: Origin,
    /// What must stand there.
    pub expected: Expected,
    /// Permission bits; of no meaning for a link.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
}

/// What must stand at a declared path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A directory; what is in it is not declared.
    Directory,
    /// A file with this content.
    File(Digest),
    /// A link with this target.
    Symlink(Vec<u8>),
}

/// Declared paths, where they really lie in the image.
pub type Declarations = BTreeMap<ImagePath, Declaration>;

/// What a change list declares, as its draft has it.
pub fn declarations(draft: &Draft) -> Declarations {
    let declaration = |declared: &crate::changes::Declared| {
        let entry = draft.manifest.entries.get(&declared.path)?;
        let declaration = Declaration::of(entry, &declared.origin)?;
        Some((declared.path.clone(), declaration))
    };
    draft.declared.iter().filter_map(declaration).collect()
}

/// What stands in `tree` at paths that earlier steps declared, links on the way followed: what a
/// step over this tree must leave as it is. For a step that knows the declared paths alone.
pub fn standing<'a>(
    tree: &Tree,
    paths: impl IntoIterator<Item = (&'a ImagePath, &'a Origin)>,
) -> Declarations {
    let declaration = |(path, origin): (&ImagePath, &Origin)| {
        let path = tree.resolve(path, false)?;
        let declaration = Declaration::of(&tree.get(&path)?.entry, origin)?;
        Some((path, declaration))
    };
    paths.into_iter().filter_map(declaration).collect()
}

impl Declaration {
    fn of(entry: &Entry, origin: &Origin) -> Option<Self> {
        let expected = Expected::of(entry)?;
        let Entry { kind: _, mode, uid, gid, mtime: _, xattrs: _ } = entry;
        Some(Self { origin: origin.clone(), expected, mode: *mode, uid: *uid, gid: *gid })
    }
}

impl Expected {
    fn of(entry: &Entry) -> Option<Self> {
        match &entry.kind {
            EntryKind::Directory { .. } => Some(Self::Directory),
            EntryKind::File { digest, .. } => Some(Self::File(*digest)),
            EntryKind::Symlink { target } => Some(Self::Symlink(target.clone())),
            EntryKind::CharDevice { .. }
            | EntryKind::BlockDevice { .. }
            | EntryKind::Fifo
            | EntryKind::Whiteout => None,
        }
    }
}

/// A declared path that a later layer changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path.
    pub path: ImagePath,
    /// Where it is declared.
    pub origin: Origin,
    /// What the later layer does to it.
    pub what: Breach,
}

/// What a later layer does to a declared path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Takes it away, or a directory on the way to it.
    Removed,
    /// Puts something of another kind there, or on the way to it.
    Replaced,
    /// Writes other bytes, or another target of a link.
    Content,
    /// Sets another mode.
    Mode,
    /// Sets another owner or group.
    Owner,
}

impl Breach {
    /// As messages say it: "a later step …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Removed => "removes it",
            Self::Replaced => "replaces it with something else",
            Self::Content => "changes its content",
            Self::Mode => "changes its mode",
            Self::Owner => "changes its owner",
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, origin, what } = self;
        write!(f, "`{path}` is declared at {origin}, and a later step {}", what.words())
    }
}

/// The declared paths that `later` changes, but for those it may override, in the order of paths.
pub fn violations(
    declared: &Declarations,
    later: &Manifest,
    overridden: &BTreeSet<ImagePath>,
) -> Vec<Violation> {
    declared
        .iter()
        .filter(|(path, _)| !overridden.contains(*path))
        .filter_map(|(path, declaration)| {
            let what =
                on_the_way(path, later).or_else(|| at(declaration, later.entries.get(path)?));
            let (path, origin) = (path.clone(), declaration.origin.clone());
            what.map(|what| Violation { path, origin, what })
        })
        .collect()
}

/// Takes over what a later change list declares: its own declarations are binding from there on.
pub fn extend(declared: &mut Declarations, later: Declarations) {
    declared.extend(later);
}

/// What a layer does to a directory on the way to a path does it to the path.
fn on_the_way(path: &ImagePath, later: &Manifest) -> Option<Breach> {
    let mut at = path.parent();
    while let Some(dir) = at {
        match later.entries.get(&dir).map(|entry| &entry.kind) {
            Some(EntryKind::Directory { opaque: false }) | None => {}
            Some(EntryKind::Directory { opaque: true }) if later.entries.contains_key(path) => {}
            Some(EntryKind::Directory { opaque: true } | EntryKind::Whiteout) => {
                return Some(Breach::Removed);
            }
            Some(
                EntryKind::File { .. }
                | EntryKind::Symlink { .. }
                | EntryKind::CharDevice { .. }
                | EntryKind::BlockDevice { .. }
                | EntryKind::Fifo,
            ) => return Some(Breach::Replaced),
        }
        at = dir.parent();
    }
    None
}

fn at(declaration: &Declaration, entry: &Entry) -> Option<Breach> {
    if entry.kind == EntryKind::Whiteout {
        return Some(Breach::Removed);
    }
    let Declaration { origin: _, expected, mode, uid, gid } = declaration;
    let is_link = match (expected, Expected::of(entry)) {
        (Expected::Directory, Some(Expected::Directory)) => false,
        (Expected::File(own), Some(Expected::File(other))) => {
            if *own != other {
                return Some(Breach::Content);
            }
            false
        }
        (Expected::Symlink(own), Some(Expected::Symlink(other))) => {
            if *own != other {
                return Some(Breach::Content);
            }
            true
        }
        _ => return Some(Breach::Replaced),
    };
    if !is_link && entry.mode != *mode {
        return Some(Breach::Mode);
    }
    ((entry.uid, entry.gid) != (*uid, *gid)).then_some(Breach::Owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::testing::{Image, Node, directory, file, link, path};

    fn declared() -> Declarations {
        let changes = [file("/a/b/f", "x"), directory("/d", 0o750), link("/l", "t")];
        declarations(&Image::default().apply(&changes).unwrap())
    }

    fn manifest(at: &str, node: &Node<'_>) -> Manifest {
        let image = Image::new(&[(at, node.clone())]);
        let entry = image.tree.get(&path(at)).unwrap().entry.clone();
        Manifest { entries: [(path(at), entry)].into() }
    }

    fn special(at: &str, kind: &EntryKind) -> Manifest {
        let mut manifest = manifest(at, &Node::Dir);
        for entry in manifest.entries.values_mut() {
            entry.kind = kind.clone();
        }
        manifest
    }

    type Case<'a> = (&'a str, Manifest, Option<(&'a str, Breach)>);

    #[test]
    fn changed_declarations_are_found() {
        let opaque = EntryKind::Directory { opaque: true };
        let cases: &[Case<'_>] = &[
            ("elsewhere", manifest("a/b/g", &Node::File("")), None),
            ("the same", manifest("a/b/f", &Node::File("x")), None),
            ("content", manifest("a/b/f", &Node::File("y")), Some(("a/b/f", Breach::Content))),
            (
                "mode",
                manifest("a/b/f", &Node::FileMode("x", 0o600, 0, 0)),
                Some(("a/b/f", Breach::Mode)),
            ),
            (
                "owner",
                manifest("a/b/f", &Node::FileMode("x", 0o644, 0, 7)),
                Some(("a/b/f", Breach::Owner)),
            ),
            ("kind", manifest("a/b/f", &Node::Link("x")), Some(("a/b/f", Breach::Replaced))),
            ("gone", special("a/b/f", &EntryKind::Whiteout), Some(("a/b/f", Breach::Removed))),
            ("parent gone", special("a", &EntryKind::Whiteout), Some(("a/b/f", Breach::Removed))),
            ("parent opaque", special("a", &opaque), Some(("a/b/f", Breach::Removed))),
            ("parent replaced", manifest("a", &Node::Link("c")), Some(("a/b/f", Breach::Replaced))),
            ("parent's mode", manifest("a", &Node::DirMode(0o700, 0, 0)), None),
            ("directory, the same", manifest("d", &Node::DirMode(0o750, 0, 0)), None),
            ("directory's mode", manifest("d", &Node::Dir), Some(("d", Breach::Mode))),
            ("in a declared directory", manifest("d/new", &Node::File("")), None),
            ("link's target", manifest("l", &Node::Link("u")), Some(("l", Breach::Content))),
            ("link, the same", manifest("l", &Node::Link("t")), None),
        ];
        for (name, later, want) in cases {
            let found = violations(&declared(), later, &BTreeSet::new());
            let got: Vec<_> = found.iter().map(|found| (found.path.clone(), found.what)).collect();
            let want: Vec<_> = want.iter().map(|(at, what)| (path(at), *what)).collect();
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn what_stands_is_found_through_links() {
        let image = Image::new(&[
            ("lib", Node::Link("usr/lib")),
            ("usr/lib/f", Node::File("x")),
            ("dev/null", Node::Fifo),
        ]);
        let written = ["/lib/f", "/dev/null", "/absent"].map(path);
        let origin = crate::changes::testing::origin(9);
        let standing = standing(&image.tree, written.iter().map(|path| (path, &origin)));
        let paths: Vec<_> = standing.keys().map(ToString::to_string).collect();
        assert_eq!(paths, ["/usr/lib/f"]);
        let none = BTreeSet::new();
        let found = |node| violations(&standing, &manifest("usr/lib/f", &node), &none).len();
        assert_eq!((found(Node::File("x")), found(Node::File("y"))), (0, 1));
    }

    #[test]
    fn an_override_is_allowed_and_binds_from_there_on() {
        let mut declared = declared();
        let later = Image::default().apply(&[file("/a/b/f", "y")]).unwrap();
        let overridden = [path("a/b/f")].into();
        assert_eq!(violations(&declared, &later.manifest, &overridden), []);
        extend(&mut declared, declarations(&later));
        assert_eq!(violations(&declared, &later.manifest, &BTreeSet::new()), []);
        let first = manifest("a/b/f", &Node::File("x"));
        let found = violations(&declared, &first, &BTreeSet::new());
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["`/a/b/f` is declared at role.kdl:1, and a later step changes its content"]
        );
    }
}
