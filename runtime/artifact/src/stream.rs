//! Segments spliced into one file: cached ones copied, missing ones compressed on all cores.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use forge_model::Digest;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::PackError;
use crate::segment::{Packer, Segment, SegmentCache};

/// Size and digests of a finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) size: u64,
    pub(crate) blake3: Digest,
    /// Lower-case hex.
    pub(crate) sha256: String,
}

/// What writing an archive took.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) sums: Sums,
    /// Segments that were compressed because no cache held them.
    pub(crate) compressed: usize,
    /// Segments that could not be kept, with the first reason.
    pub(crate) not_kept: Option<String>,
}

/// Bytes that a 32-bit boot loader, and `ramdisk_size` of the x86 boot protocol, can name.
pub(crate) const SIZE_LIMIT: u64 = u32::MAX as u64;

/// Segments that are in memory at one time, per thread: one that is written, one that is made.
const BATCH_PER_THREAD: usize = 2;

type Bytes = Arc<Vec<u8>>;

/// One segment's compressed bytes.
struct Made {
    bytes: Vec<u8>,
    fresh: bool,
    not_kept: Option<String>,
}

/// Writes `segments`, then `tail`, to `out`.
pub(crate) fn write(
    (out, path): (&mut File, &Path),
    packer: &Packer<'_>,
    cache: &dyn SegmentCache,
    segments: &[Segment<'_>],
    tail: Vec<u8>,
) -> Result<Written, PackError> {
    thread::scope(|scope| {
        let (to_file, file_end) = sync_channel(2);
        let (to_sha, sha_end) = sync_channel(2);
        let writer = scope.spawn(move || write_all(out, path, &file_end));
        let summer = scope.spawn(move || sha256(&sha_end));
        let made = make_all(packer, cache, segments, tail, &[to_file, to_sha]);
        let written = joined(writer);
        let sha256 = joined(summer);
        let (size, blake3) = written?;
        let (compressed, not_kept) = made?;
        Ok(Written { sums: Sums { size, blake3, sha256 }, compressed, not_kept })
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Makes the segments batch by batch and sends each batch on in order. The channels are closed
/// when this returns.
fn make_all(
    packer: &Packer<'_>,
    cache: &dyn SegmentCache,
    segments: &[Segment<'_>],
    tail: Vec<u8>,
    receivers: &[SyncSender<Vec<Bytes>>; 2],
) -> Result<(usize, Option<String>), PackError> {
    let (mut compressed, mut not_kept) = (0, None);
    // A receiver is gone only when it failed; its own error is the one that is reported.
    let send = |batch: Vec<Bytes>| receivers.iter().all(|to| to.send(batch.clone()).is_ok());
    for batch in segments.chunks(BATCH_PER_THREAD * rayon::current_num_threads()) {
        let made: Result<Vec<_>, _> =
            batch.par_iter().map(|segment| make(packer, cache, segment)).collect();
        let mut bytes = Vec::with_capacity(batch.len());
        for segment in made? {
            compressed += usize::from(segment.fresh);
            not_kept = not_kept.or(segment.not_kept);
            bytes.push(Arc::new(segment.bytes));
        }
        if !send(bytes) {
            return Ok((compressed, not_kept));
        }
    }
    send(vec![Arc::new(tail)]);
    Ok((compressed, not_kept))
}

fn make(
    packer: &Packer<'_>,
    cache: &dyn SegmentCache,
    segment: &Segment<'_>,
) -> Result<Made, PackError> {
    if let Some(bytes) = cached(cache, segment) {
        return Ok(Made { bytes, fresh: false, not_kept: None });
    }
    let bytes = packer.compress(segment.members, &[])?;
    let not_kept = cache.put(&segment.key, &bytes).err().map(|error| error.to_string());
    Ok(Made { bytes, fresh: true, not_kept })
}

/// A cached segment whose bytes are still what they were; anything else is a miss.
fn cached(cache: &dyn SegmentCache, segment: &Segment<'_>) -> Option<Vec<u8>> {
    let found = cache.get(&segment.key)?;
    let bytes = fs::read(&found.path).ok()?;
    (Digest::of(&bytes) == found.digest).then_some(bytes)
}

fn write_all(
    out: &mut File,
    path: &Path,
    batches: &Receiver<Vec<Bytes>>,
) -> Result<(u64, Digest), PackError> {
    let mut hasher = blake3::Hasher::new();
    let mut size = 0;
    for bytes in batches.iter().flatten() {
        size += bytes.len() as u64;
        if size > SIZE_LIMIT {
            return Err(PackError::TooLarge { limit: SIZE_LIMIT });
        }
        out.write_all(&bytes).map_err(PackError::io("write", path))?;
        hasher.update(&bytes);
    }
    Ok((size, Digest::from_bytes(*hasher.finalize().as_bytes())))
}

fn sha256(batches: &Receiver<Vec<Bytes>>) -> String {
    let mut hasher = Sha256::new();
    for bytes in batches.iter().flatten() {
        hasher.update(bytes.as_slice());
    }
    hex(&hasher.finalize())
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}
