//! Verdicts and artifacts, wired to the crates that make them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use forge_artifact::{
    CachedSegment, ControlCounts, LayerFacts, PackError, PackRequest, PackageFacts, Revision,
    SegmentCache, SegmentKey, Wanted,
};
use forge_exec::{NodeRequest, NodeRunner, Ran, Stack, StepError};
use forge_model::{
    Action, Compression, Digest, EdgeRole, ImagePath, Node, NodeId, Pack, PackageList, TreeEntry,
    Waiver,
};
use forge_store::Store;
use serde::{Deserialize, Serialize};

use crate::verdicts;
use crate::waivers::{ControlId, Waivers, id};

/// Does verdicts and artifacts for one build.
#[derive(Debug)]
pub(crate) struct Runner {
    /// Where packed images go.
    pub(crate) out: PathBuf,
    /// The project's revision; none without git.
    pub(crate) revision: Option<Revision>,
    /// How many images of a name are kept.
    pub(crate) keep: usize,
    /// The store, for what found outputs stand for.
    pub(crate) store: std::sync::Arc<Store>,
    /// Waivers of the plan's images.
    pub(crate) waivers: Waivers,
}

/// Which segments an image's last packing used: a set of their keys, by the image's name.
pub(crate) const SEGMENTS_OF: &str = "segments-of";

/// What the store keeps of a packed image: enough to ask whether it is still there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PackBlob {
    /// Format version.
    pub(crate) version: u32,
    /// The image's name.
    pub(crate) image: String,
    /// Its full digest.
    pub(crate) digest: Digest,
    /// `IMAGE-SHORTSHA`.
    pub(crate) name: String,
    /// The codec.
    pub(crate) compression: Compression,
    /// BLAKE3 of the archive.
    pub(crate) archive: Digest,
    /// Its bytes; none where an older version packed it.
    #[serde(default)]
    pub(crate) size: Option<u64>,
    /// Controls that would have kept it from being packed, had they not been waived: it stands for
    /// as long as these are.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) waived: BTreeSet<ControlId>,
}

impl PackBlob {
    /// Reads what a pack node gave.
    pub(crate) fn read(store: &Store, output: &Digest) -> Option<Self> {
        serde_json::from_slice(&store.read_blob(output).ok()?).ok()
    }
}

impl NodeRunner for Runner {
    fn run(&self, request: &NodeRequest<'_>) -> Result<Ran, StepError> {
        match &request.node.action {
            Action::Verify(verify) => verdicts::verdicts(request, verify),
            Action::Pack(pack) => self.pack(request, pack).map(Ran::Made),
            other => Err(StepError::bug(format!("`{}` has no runner", other.kind()))),
        }
    }

    fn is_current(&self, node: &Node, output: &Digest) -> bool {
        let Action::Pack(_) = &node.action else { return true };
        let Some(blob) = PackBlob::read(&self.store, output) else { return false };
        // No key knows what day it is.
        if !self.waivers.still_hold(&blob.image, &blob.waived) {
            return false;
        }
        let wanted = self.wanted(&blob);
        match forge_artifact::state(&wanted) {
            forge_artifact::OutState::UpToDate => true,
            // An empty commit, or a return to an older state: the bytes are there.
            forge_artifact::OutState::Refresh => {
                forge_artifact::refresh(&wanted).is_ok_and(|present| present)
            }
            forge_artifact::OutState::Absent => false,
        }
    }
}

impl Runner {
    fn wanted<'a>(&'a self, blob: &'a PackBlob) -> Wanted<'a> {
        Wanted {
            out: &self.out,
            image: &blob.image,
            digest: blob.digest,
            compression: blob.compression,
            revision: self.revision.as_ref(),
        }
    }

    fn pack(&self, request: &NodeRequest<'_>, pack: &Pack) -> Result<Vec<u8>, StepError> {
        let store = request.context.store.as_ref();
        let (controls, waived) = self.gate(request, &pack.image)?;
        let digest = image_digest(request)?;
        let secret_layer = request
            .layers
            .iter()
            .position(|id| matches!(request.plan.node(*id).action, Action::Secrets(_)));
        let stamp =
            request.layers.iter().rev().find_map(|id| match &request.plan.node(*id).action {
                Action::Stamp(stamp) => Some(stamp),
                _ => None,
            });
        let stack = request.stack.clone();
        let open = move |path: &ImagePath, entry: &TreeEntry| open_in(&stack, path, entry);
        let cache = Segments { store, used: Mutex::default() };
        let report = forge_artifact::pack(&PackRequest {
            image: &pack.image,
            cluster: &pack.cluster,
            image_type: &pack.image_type,
            arch: &pack.arch,
            digest,
            cmdline: stamp.and_then(|stamp| stamp.cmdline.as_deref()),
            compression: pack.output.compression,
            level: pack.output.level,
            tree: &request.stack.tree,
            layers: layer_facts(request),
            secret_layer,
            revision: self.revision.clone(),
            packages: packages(request, store),
            controls,
            content: &open,
            cache: &cache,
            out: &self.out,
            keep: self.keep,
        })
        .map_err(pack_error)?;
        let used = cache.used.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !report.reused {
            store.put_ref(SEGMENTS_OF, &pack.image, &used)?;
        }
        let blob = PackBlob {
            version: 1,
            image: pack.image.clone(),
            digest,
            name: report.name,
            compression: pack.output.compression,
            archive: report.manifest.archive.blake3,
            size: Some(report.manifest.archive.size),
            waived,
        };
        serde_json::to_vec(&blob).map_err(|error| StepError::bug(error.to_string()))
    }

    /// A failed control blocks packing, unless a waiver holds. Gives the controls that need theirs.
    fn gate(
        &self,
        request: &NodeRequest<'_>,
        image: &str,
    ) -> Result<(ControlCounts, BTreeSet<ControlId>), StepError> {
        let mut counts = ControlCounts::default();
        let (mut blocking, mut help) = (Vec::new(), MEND.to_owned());
        let (mut waived, mut judged, mut making) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for edge in request.node.inputs.iter().filter(|edge| edge.role == EdgeRole::Verdict) {
            let Some(output) = request.inputs.get(&edge.node) else { continue };
            let mut outcome = verdicts::read(&request.context.store, output)
                .ok_or_else(|| StepError::bug("a verdict cannot be read"))?;
            waived.extend(self.waivers.apply(image, &mut outcome.verdicts));
            judged.extend(outcome.verdicts.iter().map(id));
            for verdict in &outcome.verdicts {
                verdicts::count(verdict, &mut counts);
            }
            let Action::Verify(action) = &request.plan.node(edge.node).action else { continue };
            making.extend(verdicts::making_ids(&outcome, action));
            blocking.extend(verdicts::blocking(&outcome, action));
            if let Some(way) = verdicts::way_out(&outcome, action) {
                help = format!("{MEND}; {way}");
            }
        }
        if let Some(waiver) = self.waivers.idle(image, &making, &judged).next() {
            let Waiver { profile, control, origin, .. } = waiver;
            let message = format!("a waiver is of no control: profile `{profile}`, `{control}`");
            return Err(StepError::user(message).at(origin));
        }
        if blocking.is_empty() {
            return Ok((counts, waived));
        }
        let message = format!("not packed, since controls fail: {}", blocking.join(", "));
        Err(StepError::user(message).help(help))
    }
}

const MEND: &str = "mend the image or the control; the report says where";

/// The image's digest: the key that its stamp is kept under.
pub(crate) fn image_digest(request: &NodeRequest<'_>) -> Result<Digest, StepError> {
    let path = ImagePath::new("etc/forge-release").unwrap_or(ImagePath::ROOT);
    let missing = || StepError::bug("the image has no `/etc/forge-release`");
    let entry = request.stack.tree.get(&path).ok_or_else(missing)?;
    let text = request.stack.read(&path, entry).map_err(|_| missing())?;
    release_digest(&text).ok_or_else(missing)
}

/// `DIGEST=` of an `/etc/forge-release`.
pub(crate) fn release_digest(text: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(text).ok()?;
    text.lines().find_map(|line| line.strip_prefix("DIGEST=")?.parse().ok())
}

fn open_in(stack: &Stack, path: &ImagePath, entry: &TreeEntry) -> io::Result<File> {
    let layer = stack.layers.get(entry.layer).ok_or(io::ErrorKind::NotFound)?;
    let root = forge_sys::root::Root::open(&layer.tree())?;
    root.open_file_exact(path)
}

fn layer_facts(request: &NodeRequest<'_>) -> Vec<LayerFacts> {
    let layers = request.layers.iter().zip(&request.stack.layers);
    let facts = layers.map(|(id, layer)| LayerFacts {
        label: request.plan.node(*id).label.clone(),
        digest: layer.digest(),
    });
    facts.collect()
}

/// Packages of all lists that the image's layers were installed from.
fn packages(request: &NodeRequest<'_>, store: &Store) -> Vec<PackageFacts> {
    let lists: Vec<NodeId> =
        request.layers.iter().filter_map(|id| request.plan.input(*id, EdgeRole::List)).collect();
    let mut packages = Vec::new();
    for list in lists {
        let bytes = request.inputs.get(&list).and_then(|output| store.read_blob(output).ok());
        let list: Option<PackageList> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        packages.extend(list.into_iter().flat_map(|list| list.packages).map(|one| PackageFacts {
            name: one.name,
            version: one.version,
            arch: one.arch,
        }));
    }
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// Compressed segments in the store: blobs, found by a reference with the segment's key. One that
/// holds a secret is not kept.
struct Segments<'a> {
    store: &'a Store,
    /// Keys that were asked for or kept in this packing.
    used: Mutex<BTreeSet<Digest>>,
}

impl Segments<'_> {
    fn note(&self, key: &SegmentKey) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(key.digest);
    }
}

impl SegmentCache for Segments<'_> {
    fn get(&self, key: &SegmentKey) -> Option<CachedSegment> {
        if key.secret {
            return None;
        }
        self.note(key);
        let digest: Digest = self.store.read_ref("segments", &key.digest.to_hex())?;
        let path = self.store.blob_path(&digest);
        path.exists().then_some(CachedSegment { path, digest })
    }

    fn put(&self, key: &SegmentKey, bytes: &[u8]) -> io::Result<()> {
        if key.secret {
            return Ok(());
        }
        self.note(key);
        let digest = self.store.put_blob(bytes).map_err(io::Error::other)?;
        self.store.put_ref("segments", &key.digest.to_hex(), &digest).map_err(io::Error::other)
    }
}

fn pack_error(error: PackError) -> StepError {
    let message = error.to_string();
    match error {
        PackError::Kernel { .. } => StepError::user(message)
            .help("name one kernel package with `kernel`, and no other part may bring one"),
        PackError::Unpackable { .. } | PackError::TooLarge { .. } => StepError::user(message),
        PackError::NameTaken { .. } => {
            StepError::user(message).help("use another `--out`, or move the older file away")
        }
        PackError::DiskFull { .. } => {
            StepError::environment(message).help("free some space; nothing was changed")
        }
        PackError::Content { .. } => {
            StepError::environment(message).help("remove the layer's record with `forgec gc`")
        }
        PackError::Codec { .. } | PackError::Io { .. } => StepError::environment(message),
    }
}
