//! From a merged tree to files in an output directory.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use forge_model::{Compression, Digest, EntryKind, ImagePath, Tree, TreeEntry};
use rayon::prelude::*;

use crate::codec::Codec;
use crate::kernel::{self, Kernel};
use crate::manifest::{
    ArchiveFacts, ControlCounts, KernelFacts, LayerFacts, MANIFEST_VERSION, PackageFacts,
};
use crate::newc::{self, Header, kind};
use crate::order::{self, Data, Member};
use crate::out::{LATEST, Names, Out, Temporary, file_digest};
use crate::segment::{Packer, Segment};
use crate::stream::{self, Sums, Written};
use crate::{ContentSource, ImageManifest, PackError, Revision, SegmentCache, cut};

/// The last entry of every archive, a file at the image's root that holds the image's digest.
///
/// A kernel that runs out of memory while it unpacks an initramfs prints one line and boots what
/// it has. An absent sentinel is how a booted node can tell. It is written last whatever its name
/// sorts after; the name sorts last too, so that it stays last when somebody repacks an image by
/// `find | sort | cpio`.
pub const SENTINEL: &str = "zzz-forge-end";

/// How many images of a name are kept in an output directory when nothing else is said.
pub const DEFAULT_KEEP: usize = 3;

/// What is to be packed, and where to.
pub struct PackRequest<'a> {
    /// The image's name, `CLUSTER-TYPE`: one component of a file name.
    pub image: &'a str,
    /// Its cluster.
    pub cluster: &'a str,
    /// Its type.
    pub image_type: &'a str,
    /// Debian's name of the architecture.
    pub arch: &'a str,
    /// The full digest that names the image.
    pub digest: Digest,
    /// The kernel's command line in the spec.
    pub cmdline: Option<&'a str>,
    /// The codec.
    pub compression: Compression,
    /// The codec's level.
    pub level: i32,
    /// The merged tree of all layers, secrets and stamp included.
    pub tree: &'a Tree,
    /// Labels and digests of the layers, from the bottom up.
    pub layers: Vec<LayerFacts>,
    /// Index in the tree of the layer that holds secrets: its digests are keyed MACs.
    pub secret_layer: Option<usize>,
    /// The project's revision; none without git.
    pub revision: Option<Revision>,
    /// Installed packages.
    pub packages: Vec<PackageFacts>,
    /// How the controls came out.
    pub controls: ControlCounts,
    /// Where the content of files is found.
    pub content: &'a dyn ContentSource,
    /// Compressed segments of earlier runs.
    pub cache: &'a dyn SegmentCache,
    /// The output directory; made when absent.
    pub out: &'a Path,
    /// How many images of this name are kept there, this one included.
    pub keep: usize,
}

impl fmt::Debug for PackRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("PackRequest");
        out.field("image", &self.image).field("digest", &self.digest).field("out", &self.out);
        out.finish_non_exhaustive()
    }
}

/// What came out.
#[derive(Clone, Debug)]
pub struct PackReport {
    /// `IMAGE-SHORTSHA`.
    pub name: String,
    /// The packed tree.
    pub archive: PathBuf,
    /// The kernel.
    pub kernel: PathBuf,
    /// The manifest's file.
    pub manifest_path: PathBuf,
    /// The manifest.
    pub manifest: ImageManifest,
    /// Segments of the archive.
    pub segments: usize,
    /// Segments that were read and compressed in this run.
    pub compressed: usize,
    /// True when the files were already there, and at most revisions and links changed.
    pub reused: bool,
    /// Names of older images that were removed.
    pub removed: Vec<String>,
    /// Why segments could not be kept for the next run.
    pub not_kept: Option<String>,
}

/// Packs an image: archive, kernel and manifest under names that hold the digest, then the
/// `latest` links. Everything is whole and on the disk before it gets its name.
pub fn pack(request: &PackRequest<'_>) -> Result<PackReport, PackError> {
    let codec = Codec::new(request.compression, request.level)?;
    let kernel = kernel::pick(request.tree)?;
    let sentinel = sentinel(request.digest)?;
    let members = order::members(request.tree, &sentinel.path, kernel::left_out)?;
    let packer = Packer { codec, content: request.content, secret_layer: request.secret_layer };
    let ranges = cut::cut(&members, cut::LIMITS);
    let segments: Vec<Segment<'_>> =
        ranges.into_par_iter().map(|range| packer.segment(&members[range])).collect();

    let job = Job {
        request,
        packer,
        kernel,
        identity: identity(&segments, &packer.segment(std::slice::from_ref(&sentinel))),
        unpacked: unpacked(&members, &sentinel),
        secret: segments.iter().any(|segment| segment.key.secret),
        sentinel: &sentinel,
        segments,
        short: request.digest.short(),
        out: Out::open(request.out)?,
    };
    job.run()
}

fn sentinel(digest: Digest) -> Result<Member<'static>, PackError> {
    let path = ImagePath::new(SENTINEL).unwrap_or(ImagePath::ROOT);
    let text = format!("{digest}\n").into_bytes();
    let size = u32::try_from(text.len())
        .map_err(|_| PackError::unpackable(&path, "the sentinel is too long"))?;
    let header = Header { mode: kind::FILE | 0o444, links: 1, size, ..Header::default() };
    let data = Data::Inline(Cow::Owned(text));
    Ok(Member { path: Cow::Owned(path), header, data, joined: false })
}

fn trailer() -> Vec<u8> {
    let mut bytes = Vec::new();
    newc::write_trailer(&mut bytes);
    bytes
}

/// What decides every byte of the archive.
fn identity(segments: &[Segment<'_>], last: &Segment<'_>) -> Digest {
    let keys = segments.iter().chain([last]).map(|segment| segment.key.digest);
    Digest::of(&keys.flat_map(|key| *key.as_bytes()).collect::<Vec<u8>>())
}

fn unpacked(members: &[Member<'_>], sentinel: &Member<'_>) -> u64 {
    let sizes: u64 = members.iter().chain([sentinel]).map(Member::size).sum();
    sizes + trailer().len() as u64
}

/// Everything that is known before a byte is written.
struct Job<'a> {
    request: &'a PackRequest<'a>,
    packer: Packer<'a>,
    kernel: Kernel<'a>,
    sentinel: &'a Member<'a>,
    segments: Vec<Segment<'a>>,
    identity: Digest,
    unpacked: u64,
    secret: bool,
    short: String,
    out: Out,
}

/// Files that are written and still have temporary names.
struct Pieces {
    archive: Temporary,
    written: Written,
    kernel: Temporary,
    kernel_sums: Sums,
}

/// Where the bytes under the final names come from.
enum Bytes {
    /// They are there, and this manifest vouches for them.
    Known(Box<ImageManifest>),
    /// They were written in this run.
    Written(Box<Pieces>),
}

impl Job<'_> {
    fn names(&self) -> Names<'_> {
        Names { image: self.request.image, compression: self.request.compression }
    }

    fn run(&self) -> Result<PackReport, PackError> {
        let existing = self.existing()?;
        let same =
            |it: &ImageManifest| it.archive.segments == self.identity && self.out.is_whole(it);
        let bytes = match existing.filter(same) {
            Some(manifest) => Bytes::Known(Box::new(manifest)),
            None => Bytes::Written(Box::new(self.write()?)),
        };
        self.publish(bytes)
    }

    /// The manifest under this image's name, when it has one that does not speak of other bytes.
    fn existing(&self) -> Result<Option<ImageManifest>, PackError> {
        let name = self.names().manifest(&self.short);
        let Some(manifest) = ImageManifest::read(&self.out.join(&name))? else {
            return Ok(None);
        };
        if manifest.digest != self.request.digest {
            return Err(self.taken(&name, format!("for another image, {}", manifest.digest)));
        }
        // Keys of what holds a secret are each store's own: only the bytes tell whether another
        // store's archive is the same.
        let comparable = !(self.secret && manifest.holds_secrets);
        if comparable && manifest.archive.segments != self.identity {
            let theirs = &manifest.archive.codec;
            return Err(self.taken(&name, format!("with other bytes, packed by {theirs}")));
        }
        Ok(Some(manifest))
    }

    fn taken(&self, name: &str, why: String) -> PackError {
        PackError::NameTaken { name: name.to_owned(), out: self.out.path.clone(), why }
    }

    fn write(&self) -> Result<Pieces, PackError> {
        let names = self.names();
        let (mut archive, mut kernel) = {
            let _lock = self.out.lock()?;
            self.out.sweep()?;
            // What holds a secret is for its owner alone until it is promoted.
            let mode = if self.secret { 0o600 } else { 0o644 };
            let archive = self.out.temporary(&names.archive(&self.short), mode)?;
            (archive, self.out.temporary(&names.kernel(&self.short), 0o644)?)
        };
        let (written, kernel_sums) =
            rayon::join(|| self.write_archive(&mut archive), || self.write_kernel(&mut kernel));
        Ok(Pieces { written: written?, kernel_sums: kernel_sums?, archive, kernel })
    }

    fn write_archive(&self, archive: &mut Temporary) -> Result<Written, PackError> {
        let tail = self.packer.compress(std::slice::from_ref(self.sentinel), &trailer())?;
        let out = (&mut archive.file, archive.path.as_path());
        let written = stream::write(out, &self.packer, self.request.cache, &self.segments, tail)?;
        archive.sync()?;
        Ok(written)
    }

    /// The kernel of the latest image, when it is this one too: a second name for the same file.
    fn same_kernel(&self, kernel: &mut Temporary) -> Option<Sums> {
        let names = self.names();
        let latest = ImageManifest::read(&self.out.join(&names.manifest(LATEST))).ok()??;
        let EntryKind::File { size, digest, .. } = self.kernel.entry.entry.kind else {
            return None;
        };
        let path = self.out.join(&latest.kernel.file);
        let same = latest.kernel.blake3 == digest && latest.kernel.size == size;
        if !same || file_digest(&path).ok()? != Some(digest) {
            return None;
        }
        kernel.link(&path).ok()?;
        Some(Sums { size, blake3: digest })
    }

    /// Copies the kernel and checks it on the way.
    fn write_kernel(&self, kernel: &mut Temporary) -> Result<Sums, PackError> {
        if let Some(sums) = self.same_kernel(kernel) {
            return Ok(sums);
        }
        let Kernel { path, entry, version: _ } = self.kernel;
        let content = |why: String| PackError::Content { path: path.clone(), why };
        let unreadable = |error: io::Error| content(format!("it cannot be read: {error}"));
        let mut file = self.request.content.open(path, entry).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        let sums = Sums { size: bytes.len() as u64, blake3: Digest::of(&bytes) };
        if !is_content(entry, &sums) && self.request.secret_layer != Some(entry.layer) {
            return Err(content(format!("its digest is {}", sums.blake3.short())));
        }
        kernel.file.write_all(&bytes).map_err(PackError::io("write", &kernel.path))?;
        kernel.sync()?;
        Ok(sums)
    }

    /// Gives the files their names, moves the links, and removes old images.
    fn publish(&self, bytes: Bytes) -> Result<PackReport, PackError> {
        let (names, request) = (self.names(), self.request);
        let _lock = self.out.lock()?;
        // Another run may have come first since this one looked.
        let before = self.existing()?;
        let mut manifest = match &bytes {
            Bytes::Known(known) => self.manifest(known.archive.clone(), known.kernel.clone()),
            Bytes::Written(pieces) => {
                self.manifest(self.archive_facts(pieces), self.kernel_facts(pieces))
            }
        };
        if let Some(before) = &before {
            manifest.revisions.clone_from(&before.revisions);
        }
        manifest.add_revision(request.revision.as_ref());
        let (reused, compressed, not_kept) = match bytes {
            Bytes::Known(_) => (true, 0, None),
            Bytes::Written(pieces) => {
                let Written { compressed, not_kept, .. } = &pieces.written;
                let took = (false, *compressed, not_kept.clone());
                self.place(*pieces, before.as_ref())?;
                took
            }
        };
        if before.as_ref() != Some(&manifest) {
            self.out.write_manifest(&names.manifest(&self.short), &manifest)?;
        }
        self.out.sync()?;
        self.out.move_latest(&names, &self.short)?;
        self.out.sync()?;
        let removed = self.out.prune(&names, &self.short, request.keep)?;
        Ok(PackReport {
            name: format!("{}-{}", request.image, self.short),
            archive: self.out.join(&names.archive(&self.short)),
            kernel: self.out.join(&names.kernel(&self.short)),
            manifest_path: self.out.join(&names.manifest(&self.short)),
            manifest,
            segments: self.segments.len() + 1,
            compressed,
            reused,
            removed,
            not_kept,
        })
    }

    /// Renames the files, unless other bytes have their names. With a manifest that vouches for
    /// the bytes, a file that differs is a broken one and is replaced.
    fn place(&self, pieces: Pieces, before: Option<&ImageManifest>) -> Result<(), PackError> {
        let names = self.names();
        let (archive, kernel) = (names.archive(&self.short), names.kernel(&self.short));
        let (new_archive, new_kernel) = (pieces.written.sums.blake3, pieces.kernel_sums.blake3);
        match before {
            Some(before) => {
                let vouched = [before.archive.blake3, before.kernel.blake3];
                if vouched != [new_archive, new_kernel] {
                    return Err(self.taken(&archive, "with other bytes".to_owned()));
                }
            }
            None => {
                for (name, new) in [(&archive, new_archive), (&kernel, new_kernel)] {
                    if file_digest(&self.out.join(name))?.is_some_and(|found| found != new) {
                        let why = "with other bytes and without a manifest".to_owned();
                        return Err(self.taken(name, why));
                    }
                }
            }
        }
        pieces.archive.rename(&self.out.join(&archive))?;
        pieces.kernel.rename(&self.out.join(&kernel))
    }

    fn archive_facts(&self, pieces: &Pieces) -> ArchiveFacts {
        let Sums { size, blake3 } = pieces.written.sums.clone();
        ArchiveFacts {
            file: self.names().archive(&self.short),
            size,
            unpacked: self.unpacked,
            blake3,
            codec: self.packer.codec.identity(),
            segments: self.identity,
        }
    }

    fn kernel_facts(&self, pieces: &Pieces) -> KernelFacts {
        let Sums { size, blake3 } = pieces.kernel_sums.clone();
        KernelFacts {
            file: self.names().kernel(&self.short),
            size,
            blake3,
            version: self.kernel.version.to_owned(),
            cmdline: self.request.cmdline.map(str::to_owned),
        }
    }

    /// The manifest without revisions.
    fn manifest(&self, archive: ArchiveFacts, kernel: KernelFacts) -> ImageManifest {
        let request = self.request;
        let mut packages = request.packages.clone();
        packages.sort();
        ImageManifest {
            version: MANIFEST_VERSION,
            image: request.image.to_owned(),
            cluster: request.cluster.to_owned(),
            image_type: request.image_type.to_owned(),
            digest: request.digest,
            arch: request.arch.to_owned(),
            dirty: true,
            revisions: Vec::new(),
            archive,
            kernel,
            layers: request.layers.clone(),
            packages,
            capabilities: capabilities(request.tree),
            controls: request.controls,
            holds_secrets: self.secret,
        }
    }
}

fn is_content(entry: &TreeEntry, sums: &Sums) -> bool {
    crate::segment::file_facts(entry) == Some((sums.size, sums.blake3))
}

/// Files with capabilities, as absolute paths: newc has no place for extended attributes.
fn capabilities(tree: &Tree) -> Vec<String> {
    let has = |entry: &TreeEntry| entry.entry.xattrs.contains_key("security.capability");
    tree.iter().filter(|(_, entry)| has(entry)).map(|(path, _)| path.to_string()).collect()
}
