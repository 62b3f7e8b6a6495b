use rpds::RedBlackTreeMapSync;

use crate::{Entry, EntryKind, ImagePath, Manifest};

/// One path of a merged tree: its entry, and the layer that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// Kind and metadata.
    pub entry: Entry,
    /// Index of the layer, 0 the lowest.
    pub layer: usize,
}

/// What a stack of layers looks like from above: pure data, no mount needed.
///
/// Follows overlayfs: a whiteout or an opaque directory hides what is below, a directory over a
/// directory merges, everything else replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: RedBlackTreeMapSync<ImagePath, TreeEntry>,
    layers: usize,
}

/// Symbolic links followed before a path is given up, as in the kernel (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of these layers, from the bottom up.
    pub fn merge<'a>(layers: impl IntoIterator<Item = &'a Manifest>) -> Self {
        let mut tree = Self::new();
        for manifest in layers {
            tree.push(manifest);
        }
        tree
    }

    /// Lays one more layer on top.
    pub fn push(&mut self, manifest: &Manifest) {
        let layer = self.layers;
        self.layers += 1;
        for (path, entry) in &manifest.entries {
            match &entry.kind {
                EntryKind::Whiteout => {
                    self.entries.remove_mut(path);
                    self.clear_below(path);
                    continue;
                }
                EntryKind::Directory { opaque: false } => {
                    let over_directory =
                        self.entries.get(path).is_some_and(|below| below.entry.kind.is_directory());
                    if !over_directory {
                        self.clear_below(path);
                    }
                }
                _ => self.clear_below(path),
            }
            let mut entry = entry.clone();
            if let EntryKind::Directory { opaque } = &mut entry.kind {
                *opaque = false;
            }
            self.entries.insert_mut(path.clone(), TreeEntry { entry, layer });
        }
    }

    /// Number of layers.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// The entry at exactly this path, no link followed.
    pub fn get(&self, path: &ImagePath) -> Option<&TreeEntry> {
        self.entries.get(path)
    }

    /// All paths in bytewise order, parents first.
    pub fn iter(&self) -> impl Iterator<Item = (&ImagePath, &TreeEntry)> {
        self.entries.iter()
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.entries.size()
    }

    /// True without any path.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Everything below a directory, in bytewise order, the directory itself left out.
    pub fn below(&self, path: &ImagePath) -> impl Iterator<Item = (&ImagePath, &TreeEntry)> {
        let (first, end) = path.below();
        self.entries.range(first..end)
    }

    /// The direct children of a directory.
    pub fn children(&self, path: &ImagePath) -> impl Iterator<Item = (&ImagePath, &TreeEntry)> {
        let depth = path.components().count() + 1;
        self.below(path).filter(move |(child, _)| child.components().count() == depth)
    }

    /// Follows symbolic links in all components of `path` but the last (and in the last too when
    /// `follow_last`), always inside the image. Gives the real path, which need not exist; none
    /// when a component on the way is a file or links go round in circles.
    pub fn resolve(&self, path: &ImagePath, follow_last: bool) -> Option<ImagePath> {
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
            match self.entries.get(&next).map(|found| &found.entry.kind) {
                Some(EntryKind::Symlink { target }) if follow_last || !last => {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    if target.starts_with(b"/") {
                        real = ImagePath::ROOT;
                    }
                    let parts = target.split(|byte| *byte == b'/');
                    let kept = parts.filter(|part| !part.is_empty() && *part != b".");
                    pending.extend(kept.map(<[u8]>::to_vec).rev());
                }
                Some(kind) if !kind.is_directory() && !last => return None,
                _ => real = next,
            }
        }
        Some(real)
    }

    fn clear_below(&mut self, path: &ImagePath) {
        let (first, end) = path.below();
        let gone: Vec<_> = self.entries.range(first..end).map(|(path, _)| path.clone()).collect();
        for path in gone {
            self.entries.remove_mut(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Xattrs;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    fn layer(entries: &[(&str, EntryKind)]) -> Manifest {
        let entry = |kind: &EntryKind| Entry {
            kind: kind.clone(),
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 0,
            xattrs: Xattrs::new(),
        };
        Manifest { entries: entries.iter().map(|(at, kind)| (path(at), entry(kind))).collect() }
    }

    fn link(target: &str) -> EntryKind {
        EntryKind::Symlink { target: target.into() }
    }

    const DIR: EntryKind = EntryKind::Directory { opaque: false };

    #[test]
    fn layers_merge_as_overlayfs_does() {
        let low = layer(&[("a", DIR), ("a/x", EntryKind::Fifo), ("a-b", EntryKind::Fifo)]);
        let cases: &[(&str, Manifest, &str)] = &[
            ("whiteout", layer(&[("a", EntryKind::Whiteout)]), "/a-b"),
            ("opaque", layer(&[("a", EntryKind::Directory { opaque: true })]), "/a /a-b"),
            ("merge", layer(&[("a", DIR), ("a/y", EntryKind::Fifo)]), "/a /a-b /a/x /a/y"),
            ("file over directory", layer(&[("a", EntryKind::Fifo)]), "/a /a-b"),
        ];
        for (name, top, want) in cases {
            let tree = Tree::merge([&low, top]);
            let got: Vec<_> = tree.iter().map(|(path, _)| path.to_string()).collect();
            assert_eq!(got.join(" "), *want, "{name}");
        }
    }

    #[test]
    fn links_stay_inside() {
        let tree = Tree::merge([&layer(&[
            ("usr", DIR),
            ("usr/lib", DIR),
            ("lib", link("usr/lib")),
            ("out", link("../../../etc")),
            ("abs", link("/lib/x")),
            ("loop", link("loop")),
            ("file", EntryKind::Fifo),
        ])]);
        let cases = [
            ("lib/y", Some("/usr/lib/y")),
            ("out/passwd", Some("/etc/passwd")),
            ("abs", Some("/usr/lib/x")),
            ("loop/x", None),
            ("file/x", None),
        ];
        for (from, want) in cases {
            let got = tree.resolve(&path(from), true).map(|path| path.to_string());
            assert_eq!(got.as_deref(), want, "{from}");
        }
        assert_eq!(tree.resolve(&path("lib"), false), Some(path("lib")));
    }
}
