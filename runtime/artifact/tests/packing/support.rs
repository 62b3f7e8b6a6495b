//! Trees with their content in memory, packed into a temporary directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use forge_artifact::{
    CachedSegment, ContentSource, ControlCounts, PackError, PackReport, PackRequest, Revision,
    SegmentCache, SegmentKey, pack,
};
use forge_model::{
    Compression, Digest, Entry, EntryKind, ImagePath, Manifest, Tree, TreeEntry, Xattrs,
};

pub(crate) fn path(text: impl AsRef<[u8]>) -> ImagePath {
    ImagePath::new(text).unwrap()
}

/// One layer and the bytes of its files.
#[derive(Clone, Default)]
pub(crate) struct Layer {
    pub(crate) manifest: Manifest,
    pub(crate) bytes: BTreeMap<ImagePath, Vec<u8>>,
}

impl Layer {
    /// `/`, `/boot` with one kernel, and `/init`.
    pub(crate) fn bootable() -> Self {
        let mut layer = Self::default();
        layer.directory("").directory("boot").file("boot/vmlinuz-6.1.0-1-amd64", "kernel");
        layer.symlink("init", "usr/lib/systemd/systemd");
        layer
    }

    pub(crate) fn add(&mut self, at: &ImagePath, kind: EntryKind, mode: u32) -> &mut Self {
        let entry =
            Entry { kind, mode, uid: 1, gid: 2, mtime: 1_735_689_600, xattrs: Xattrs::new() };
        self.manifest.entries.insert(at.clone(), entry);
        self
    }

    pub(crate) fn directory(&mut self, at: &str) -> &mut Self {
        self.add(&path(at), EntryKind::Directory { opaque: false }, 0o755)
    }

    pub(crate) fn symlink(&mut self, at: &str, target: &str) -> &mut Self {
        self.add(&path(at), EntryKind::Symlink { target: target.into() }, 0o777)
    }

    pub(crate) fn file(&mut self, at: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &mut Self {
        self.linked(at, content, None)
    }

    pub(crate) fn linked(
        &mut self,
        at: impl AsRef<[u8]>,
        content: impl AsRef<[u8]>,
        group: Option<&str>,
    ) -> &mut Self {
        let (at, content) = (path(at), content.as_ref());
        let kind = EntryKind::File {
            size: content.len() as u64,
            digest: Digest::of(content),
            group: group.map(path),
        };
        self.bytes.insert(at.clone(), content.to_vec());
        self.add(&at, kind, 0o644)
    }
}

/// A temporary directory with layers' content, a segment cache and an output directory.
pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) layers: Vec<Layer>,
    pub(crate) compression: Compression,
    pub(crate) digest: Digest,
    pub(crate) revision: Option<Revision>,
    pub(crate) secret_layer: Option<usize>,
    pub(crate) controls: ControlCounts,
    pub(crate) keep: usize,
    pub(crate) opened: Mutex<Vec<ImagePath>>,
}

impl Bench {
    pub(crate) fn new(layers: impl IntoIterator<Item = Layer>) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            layers: layers.into_iter().collect(),
            compression: Compression::Zstd,
            digest: Digest::of(b"image"),
            revision: None,
            secret_layer: None,
            controls: ControlCounts::default(),
            keep: 3,
            opened: Mutex::default(),
        }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    pub(crate) fn tree(&self) -> Tree {
        Tree::merge(self.layers.iter().map(|layer| &layer.manifest))
    }

    pub(crate) fn pack(&self) -> Result<PackReport, PackError> {
        self.pack_tree(&self.tree())
    }

    pub(crate) fn pack_tree(&self, tree: &Tree) -> Result<PackReport, PackError> {
        let out = self.out();
        let cache = DirectoryCache(self.dir.path().join("segments"));
        pack(&PackRequest {
            image: "summit-compute",
            cluster: "summit",
            image_type: "compute",
            arch: "amd64",
            digest: self.digest,
            cmdline: Some("quiet"),
            compression: self.compression,
            level: 3,
            tree,
            layers: Vec::new(),
            secret_layer: self.secret_layer,
            revision: self.revision.clone(),
            packages: Vec::new(),
            controls: self.controls,
            content: self,
            cache: &cache,
            out: &out,
            keep: self.keep,
        })
    }

    /// The archive, unpacked to plain cpio.
    pub(crate) fn cpio(&self, report: &PackReport) -> Vec<u8> {
        let file = File::open(&report.archive).unwrap();
        let mut bytes = Vec::new();
        match self.compression {
            Compression::Gzip => flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes),
            Compression::Zstd => zstd::Decoder::new(file).unwrap().read_to_end(&mut bytes),
        }
        .unwrap();
        bytes
    }
}

impl ContentSource for Bench {
    fn open(&self, path: &ImagePath, entry: &TreeEntry) -> io::Result<File> {
        self.opened.lock().unwrap().push(path.clone());
        let bytes = self.layers[entry.layer].bytes.get(path);
        let file = self.dir.path().join(Digest::of(&[path.as_bytes(), b"open"].concat()).to_hex());
        fs::write(&file, bytes.ok_or(io::ErrorKind::NotFound)?)?;
        File::open(file)
    }
}

/// Segments as files of a directory, named by key.
pub(crate) struct DirectoryCache(pub(crate) PathBuf);

impl DirectoryCache {
    fn file(&self, key: &SegmentKey) -> PathBuf {
        self.0.join(if key.secret { "secret" } else { "open" }).join(key.digest.to_hex())
    }
}

impl SegmentCache for DirectoryCache {
    fn get(&self, key: &SegmentKey) -> Option<CachedSegment> {
        let path = self.file(key);
        let digest = fs::read_to_string(path.with_extension("digest")).ok()?.parse().ok()?;
        Some(CachedSegment { path, digest })
    }

    fn put(&self, key: &SegmentKey, bytes: &[u8]) -> io::Result<()> {
        let path = self.file(key);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(path.with_extension("digest"), Digest::of(bytes).to_hex())?;
        fs::write(path, bytes)
    }
}
