//! Packed images: newc cpio writer, compressed segments, names, links, manifests.
//!
//! [`pack`] turns a merged tree into three files of an output directory: the archive that a kernel
//! unpacks, the kernel, and a manifest. The archive is one cpio archive, cut between entries into
//! segments that are compressed each on its own. A segment is kept by what is in it, so that a
//! changed file costs the compression of its own segment and the copying of the others.

mod codec;
mod cut;
mod direct;
mod error;
mod kernel;
mod manifest;
mod newc;
mod order;
mod out;
mod pack;
mod segment;
mod small;
mod state;
mod stream;

pub use error::PackError;
pub use manifest::{
    ArchiveFacts, ControlCounts, ImageManifest, KernelFacts, LayerFacts, MANIFEST_VERSION,
    PackageFacts, Revision,
};
pub use pack::{DEFAULT_KEEP, PackReport, PackRequest, SENTINEL, pack};
pub use segment::{CachedSegment, ContentSource, NoCache, SegmentCache, SegmentKey};
pub use small::SmallArchive;
pub use state::{OutState, Wanted, refresh, state, up_to_date};
