//! A merged tree as the row of entries that an archive holds.
//!
//! Entries follow the bytewise order of their paths, which puts parents first: the kernel silently
//! drops an entry whose parent is missing. The names of a hard-link group stand together where its
//! last name belongs, because there all of their parents have been. The last one carries the
//! content, as GNU cpio writes it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use forge_model::{Digest, EntryKind, ImagePath, Tree, TreeEntry};

use crate::PackError;
use crate::newc::{self, FIELD_MAX, Header, Inode, PATH_MAX, kind};

/// One entry of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) path: Cow<'a, ImagePath>,
    pub(crate) header: Header,
    pub(crate) data: Data<'a>,
    /// True for a second or later name of a hard-link group: no cut may stand before it.
    pub(crate) joined: bool,
}

/// What follows an entry's name.
#[derive(Clone, Debug)]
pub(crate) enum Data<'a> {
    /// Nothing.
    None,
    /// These bytes: a link's target.
    Inline(Cow<'a, [u8]>),
    /// The content of a file.
    Content { entry: &'a TreeEntry, digest: Digest },
}

impl Member<'_> {
    /// The name in the archive.
    pub(crate) fn name(&self) -> &[u8] {
        if self.path.is_root() { b"." } else { self.path.as_bytes() }
    }

    /// Bytes in the archive.
    pub(crate) fn size(&self) -> u64 {
        newc::entry_size(self.name(), u64::from(self.header.size))
    }
}

/// The entries of `tree` in the archive's order, without the paths that `left_out` names.
pub(crate) fn members<'a>(
    tree: &'a Tree,
    reserved: &ImagePath,
    left_out: impl Fn(&ImagePath, &TreeEntry) -> bool,
) -> Result<Vec<Member<'a>>, PackError> {
    let kept: Vec<_> = tree.iter().filter(|(path, entry)| !left_out(path, entry)).collect();
    let groups = groups(&kept);
    let mut inodes = BTreeSet::from([Inode::default()]);
    let mut members = Vec::with_capacity(kept.len());
    for (path, entry) in kept {
        check(tree, path, entry, reserved)?;
        match group_key(path, entry).and_then(|key| groups.get(&key)) {
            Some(names) if names.len() > 1 => {
                if names.last() == Some(&path) {
                    join(&mut members, names, entry, &mut inodes)?;
                }
            }
            _ => members.push(member(path, entry)?),
        }
    }
    Ok(members)
}

/// A file's group: the layer that it comes from and the group's name there. Two layers may use
/// one name for groups that have nothing to do with each other.
type GroupKey<'a> = (usize, &'a ImagePath);

fn group_key<'a>(_path: &'a ImagePath, entry: &'a TreeEntry) -> Option<GroupKey<'a>> {
    match &entry.entry.kind {
        EntryKind::File { group: Some(first), .. } => Some((entry.layer, first)),
        _ => None,
    }
}

fn groups<'a>(
    kept: &[(&'a ImagePath, &'a TreeEntry)],
) -> BTreeMap<GroupKey<'a>, Vec<&'a ImagePath>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (path, entry) in kept {
        if let Some(key) = group_key(path, entry) {
            groups.entry(key).or_default().push(*path);
        }
    }
    groups
}

/// Adds all names of a hard-link group.
fn join<'a>(
    members: &mut Vec<Member<'a>>,
    names: &[&'a ImagePath],
    entry: &'a TreeEntry,
    inodes: &mut BTreeSet<Inode>,
) -> Result<(), PackError> {
    let inode = names.first().map(|first| inode(first, inodes)).unwrap_or_default();
    let links = u32::try_from(names.len()).unwrap_or(u32::MAX);
    for (index, name) in names.iter().enumerate() {
        let mut member = member(name, entry)?;
        member.header.inode = inode;
        member.header.links = links;
        member.joined = index > 0;
        if index + 1 < names.len() {
            member.header.size = 0;
            member.data = Data::None;
        }
        members.push(member);
    }
    Ok(())
}

/// An inode that depends on the group's first name alone, so that another group shifts nothing;
/// 96 bits of hash, moved on when they are taken.
fn inode(first: &ImagePath, taken: &mut BTreeSet<Inode>) -> Inode {
    let hash = Digest::of(first.as_bytes());
    let word = |at: usize| {
        hash.as_bytes()[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
    };
    let mut inode = Inode { major: word(0), minor: word(4), number: word(8) };
    while !taken.insert(inode) {
        inode.number = inode.number.wrapping_add(1);
    }
    inode
}

fn member<'a>(path: &'a ImagePath, tree_entry: &'a TreeEntry) -> Result<Member<'a>, PackError> {
    let entry = &tree_entry.entry;
    let (bits, device, data) = match &entry.kind {
        EntryKind::Directory { .. } => (kind::DIRECTORY, (0, 0), Data::None),
        EntryKind::File { digest, size: 1.., .. } => {
            (kind::FILE, (0, 0), Data::Content { entry: tree_entry, digest: *digest })
        }
        EntryKind::File { size: 0, .. } => (kind::FILE, (0, 0), Data::None),
        EntryKind::Symlink { target } => {
            (kind::SYMLINK, (0, 0), Data::Inline(Cow::Borrowed(target)))
        }
        EntryKind::CharDevice { device } => (kind::CHAR, *device, Data::None),
        EntryKind::BlockDevice { device } => (kind::BLOCK, *device, Data::None),
        EntryKind::Fifo => (kind::FIFO, (0, 0), Data::None),
        EntryKind::Whiteout => {
            return Err(PackError::unpackable(path, "a merged tree has no whiteouts"));
        }
    };
    let header = Header {
        inode: Inode::default(),
        mode: bits | entry.mode & 0o7777,
        uid: entry.uid,
        gid: entry.gid,
        links: 1,
        // Times before 1970 and after 2106 cannot be written; they mean nothing in an image.
        mtime: u32::try_from(entry.mtime.max(0)).unwrap_or(u32::MAX),
        size: data_size(path, &entry.kind)?,
        device,
    };
    Ok(Member { path: Cow::Borrowed(path), header, data, joined: false })
}

fn data_size(path: &ImagePath, kind: &EntryKind) -> Result<u32, PackError> {
    let size = match kind {
        EntryKind::File { size, .. } => *size,
        EntryKind::Symlink { target } => target.len() as u64,
        _ => 0,
    };
    u32::try_from(size).map_err(|_| {
        let why = format!("it has {size} bytes, and a file in a cpio archive at most {FIELD_MAX}");
        PackError::unpackable(path, why)
    })
}

/// What an unpacking kernel would drop without a word is an error here.
fn check(
    tree: &Tree,
    path: &ImagePath,
    entry: &TreeEntry,
    reserved: &ImagePath,
) -> Result<(), PackError> {
    let error = |why: String| Err(PackError::unpackable(path, why));
    if path.as_bytes() == newc::TRAILER {
        return error("a cpio archive ends at this name".to_owned());
    }
    if path == reserved {
        return error("the packer writes its own file of this name".to_owned());
    }
    if path.as_bytes().len() >= PATH_MAX {
        return error(format!("its path has more than {} bytes", PATH_MAX - 1));
    }
    if let EntryKind::Symlink { target } = &entry.entry.kind
        && !(1..PATH_MAX).contains(&target.len())
    {
        return error(format!("its target has {} bytes, not 1 to {}", target.len(), PATH_MAX - 1));
    }
    match path.parent() {
        Some(parent) if !parent.is_root() => match tree.get(&parent) {
            Some(found) if found.entry.kind.is_directory() => Ok(()),
            _ => error(format!("`{parent}` is no directory of the tree")),
        },
        _ => Ok(()),
    }
}
