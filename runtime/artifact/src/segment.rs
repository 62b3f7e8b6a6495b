//! Segments: stretches of the archive that are compressed, cached and spliced each on its own.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use forge_model::{Digest, EntryKind, ImagePath, TreeEntry};

use crate::PackError;
use crate::codec::{Codec, Encoder};
use crate::newc;
use crate::order::{Data, Member};

/// Raised when equal entries come out as other bytes; part of every segment's key.
const VERSION: u32 = 2;

const BUFFER: usize = 256 * 1024;

/// Gives the content of a tree's files.
pub trait ContentSource: Sync {
    /// Opens the content of the regular file at `path`, which is found in layer `entry.layer`.
    fn open(&self, path: &ImagePath, entry: &TreeEntry) -> io::Result<File>;
}

impl<F> ContentSource for F
where
    F: Fn(&ImagePath, &TreeEntry) -> io::Result<File> + Sync,
{
    fn open(&self, path: &ImagePath, entry: &TreeEntry) -> io::Result<File> {
        self(path, entry)
    }
}

/// A compressed segment that a cache holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedSegment {
    /// The file with its bytes.
    pub path: PathBuf,
    /// BLAKE3 of these bytes; checked whenever they are used.
    pub digest: Digest,
}

/// Keeps compressed segments by key. A cache may forget at any time.
pub trait SegmentCache: Sync {
    /// The segment of this key, when it is there.
    fn get(&self, key: &SegmentKey) -> Option<CachedSegment>;

    /// Keeps a segment. A failure costs time in the next run and nothing else, but is reported.
    fn put(&self, key: &SegmentKey, bytes: &[u8]) -> io::Result<()>;
}

/// A cache that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCache;

impl SegmentCache for NoCache {
    fn get(&self, _key: &SegmentKey) -> Option<CachedSegment> {
        None
    }

    fn put(&self, _key: &SegmentKey, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// What a segment is kept by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentKey {
    /// BLAKE3 over its entries (metadata and digests of content), codec, level and library.
    pub digest: Digest,
    /// A secret is in it: it belongs where nobody else can read, and never into a shared cache.
    pub secret: bool,
}

/// One stretch of the archive.
#[derive(Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) members: &'a [Member<'a>],
    pub(crate) key: SegmentKey,
}

/// What is the same for all segments of an archive.
#[derive(Clone, Copy)]
pub(crate) struct Packer<'a> {
    pub(crate) codec: Codec,
    pub(crate) content: &'a dyn ContentSource,
    /// The layer whose digests are keyed MACs, so that content cannot be compared with them.
    pub(crate) secret_layer: Option<usize>,
}

impl<'a> Packer<'a> {
    pub(crate) fn segment(&self, members: &'a [Member<'a>]) -> Segment<'a> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("forge-segment {VERSION}\n{}\n", self.codec.identity()).as_bytes());
        let mut header = Vec::new();
        let mut secret = false;
        for member in members {
            // Headers hold the lengths of all that varies, so no two rows of entries look alike.
            header.clear();
            newc::write_header(&mut header, &member.header, member.name());
            hasher.update(&header);
            match &member.data {
                Data::None => {}
                Data::Inline(bytes) => {
                    hasher.update(bytes);
                }
                Data::Content { entry, digest } => {
                    secret |= self.is_secret(entry);
                    hasher.update(digest.as_bytes());
                }
            }
        }
        let digest = Digest::from_bytes(*hasher.finalize().as_bytes());
        Segment { members, key: SegmentKey { digest, secret } }
    }

    fn is_secret(&self, entry: &TreeEntry) -> bool {
        self.secret_layer == Some(entry.layer)
    }

    /// Reads and compresses a segment; `end` follows its last entry.
    pub(crate) fn compress(
        &self,
        members: &[Member<'_>],
        end: &[u8],
    ) -> Result<Vec<u8>, PackError> {
        let size = members.iter().map(Member::size).sum::<u64>() + end.len() as u64;
        let mut encoder = self.codec.encoder(size)?;
        let mut bytes = Vec::new();
        let mut buffer = vec![0; BUFFER];
        for member in members {
            newc::write_header(&mut bytes, &member.header, member.name());
            match &member.data {
                Data::None => {}
                Data::Inline(data) => bytes.extend_from_slice(data),
                Data::Content { entry, digest } => {
                    self.write(&mut encoder, &bytes)?;
                    bytes.clear();
                    let expected = (!self.is_secret(entry)).then_some(digest);
                    self.copy(&mut encoder, member, entry, expected, &mut buffer)?;
                }
            }
            bytes.extend_from_slice(newc::padding(u64::from(member.header.size)));
            if bytes.len() >= BUFFER {
                self.write(&mut encoder, &bytes)?;
                bytes.clear();
            }
        }
        bytes.extend_from_slice(end);
        self.write(&mut encoder, &bytes)?;
        encoder.finish().map_err(|source| self.codec.error(source))
    }

    fn write(&self, encoder: &mut Encoder, bytes: &[u8]) -> Result<(), PackError> {
        encoder.write_all(bytes).map_err(|source| self.codec.error(source))
    }

    /// Copies a file's content, and compares its size and digest with the manifest's.
    fn copy(
        &self,
        encoder: &mut Encoder,
        member: &Member<'_>,
        entry: &TreeEntry,
        expected: Option<&Digest>,
        buffer: &mut [u8],
    ) -> Result<(), PackError> {
        let path: &ImagePath = &member.path;
        let unreadable = |error: io::Error| PackError::Content {
            path: path.clone(),
            why: format!("it cannot be read: {error}"),
        };
        let differs = |why: String| PackError::Content { path: path.clone(), why };
        let size = u64::from(member.header.size);
        let mut file = self.content.open(path, entry).map_err(unreadable)?;
        let mut hasher = blake3::Hasher::new();
        let mut seen = 0;
        loop {
            let count = match file.read(buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            seen += count as u64;
            if seen > size {
                return Err(differs(format!("it has more than {size} bytes")));
            }
            let bytes = &buffer[..count];
            if expected.is_some() {
                hasher.update(bytes);
            }
            self.write(encoder, bytes)?;
        }
        if seen != size {
            return Err(differs(format!("it has {seen} bytes, not {size}")));
        }
        match expected {
            Some(digest) if hasher.finalize().as_bytes() != digest.as_bytes() => {
                Err(differs(format!("its digest is not {}", digest.short())))
            }
            _ => Ok(()),
        }
    }
}

/// Where a file's content is found, for a path that must be a regular file.
pub(crate) fn file_facts(entry: &TreeEntry) -> Option<(u64, Digest)> {
    match &entry.entry.kind {
        EntryKind::File { size, digest, .. } => Some((*size, *digest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use forge_model::{Compression, Entry, Manifest, Tree, Xattrs};
    use proptest::prelude::*;

    use super::*;
    use crate::cut::{Limits, cut};
    use crate::order::members;

    /// Paths with parents, odd names, hard-link groups, links and empty files.
    fn manifest() -> impl Strategy<Value = (Manifest, BTreeMap<ImagePath, Vec<u8>>)> {
        let name = prop_oneof![
            "[a-d]{1,2}",
            prop::collection::vec(1..=255_u8, 1..4).prop_map(|bytes| bytes
                .iter()
                .map(|byte| char::from(*byte))
                .filter(|c| *c != '/')
                .collect())
        ];
        let node = (name.clone(), name, 0..5_u8, prop::collection::vec(any::<u8>(), 0..3000));
        prop::collection::vec(node, 0..40).prop_map(|nodes| {
            let (mut manifest, mut contents) = (Manifest::default(), BTreeMap::new());
            let mut add = |path: &ImagePath, kind: EntryKind| {
                let xattrs = Xattrs::new();
                let entry = Entry { kind, mode: 0o640, uid: 3, gid: 4, mtime: 5, xattrs };
                manifest.entries.insert(path.clone(), entry);
            };
            for (directory, name, kind, bytes) in nodes {
                let parent = ImagePath::new(format!("d{directory}")).unwrap();
                let path = parent.join(format!("f{name}").as_bytes());
                add(&parent, EntryKind::Directory { opaque: false });
                // All members of a group have one content.
                let bytes = if kind == 1 { b"shared".to_vec() } else { bytes };
                let group = (kind == 1).then(|| ImagePath::new("group").unwrap());
                if kind == 0 {
                    add(&path, EntryKind::Symlink { target: [b"x", &bytes[..]].concat() });
                } else {
                    let (size, digest) = (bytes.len() as u64, Digest::of(&bytes));
                    add(&path, EntryKind::File { size, digest, group });
                }
                contents.insert(path, bytes);
            }
            (manifest, contents)
        })
    }

    fn plain(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match compression {
            Compression::Gzip => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain),
            Compression::Zstd => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut plain),
        }
        .unwrap();
        plain
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn segments_unpack_to_the_bytes_of_one_archive((manifest, contents) in manifest()) {
            let dir = tempfile::tempdir().unwrap();
            let open = |path: &ImagePath, _: &TreeEntry| {
                let file = dir.path().join("content");
                fs::write(&file, &contents[path])?;
                File::open(file)
            };
            let tree = Tree::merge([&manifest]);
            let reserved = ImagePath::new("zzz").unwrap();
            let members = members(&tree, &reserved, |_, _| false).unwrap();
            for compression in [Compression::Gzip, Compression::Zstd] {
                let codec = Codec::new(compression, 1).unwrap();
                let packer = Packer { codec, content: &open, secret_layer: None };
                let whole = packer.compress(&members, b"end!").unwrap();
                let mut spliced = Vec::new();
                for range in cut(&members, Limits { min: 2000, max: 8000 }) {
                    spliced.extend(packer.compress(&members[range], &[]).unwrap());
                }
                spliced.extend(packer.compress(&[], b"end!").unwrap());
                let plain = |bytes: &[u8]| plain(compression, bytes);
                prop_assert!(plain(&spliced) == plain(&whole));
                prop_assert_eq!(plain(&whole).len() % 4, 0);
            }
        }
    }
}
