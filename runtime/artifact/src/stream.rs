//! Segments spliced into one file: cached ones copied, missing ones compressed on all cores.

use std::fs::{self, File};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use forge_model::Digest;
use rayon::prelude::*;

use crate::PackError;
use crate::direct::DirectWriter;
use crate::segment::{Packer, Segment, SegmentCache};

/// Size and digests of a finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) size: u64,
    pub(crate) blake3: Digest,
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
        let writer = scope.spawn(move || write_all(out, path, &file_end));
        let made = make_all(packer, cache, segments, tail, to_file);
        let written = joined(writer);
        let (size, blake3) = written?;
        let (compressed, not_kept) = made?;
        Ok(Written { sums: Sums { size, blake3 }, compressed, not_kept })
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Makes the segments batch by batch and sends each batch on in order. The channel is closed when
/// this returns.
fn make_all(
    packer: &Packer<'_>,
    cache: &dyn SegmentCache,
    segments: &[Segment<'_>],
    tail: Vec<u8>,
    to_file: SyncSender<Vec<Vec<u8>>>,
) -> Result<(usize, Option<String>), PackError> {
    let (mut compressed, mut not_kept) = (0, None);
    // The writer is gone only when it failed; its own error is the one that is reported.
    let send = |batch: Vec<Vec<u8>>| to_file.send(batch).is_ok();
    for batch in segments.chunks(BATCH_PER_THREAD * rayon::current_num_threads()) {
        let made: Result<Vec<_>, _> =
            batch.par_iter().map(|segment| make(packer, cache, segment)).collect();
        let mut bytes = Vec::with_capacity(batch.len());
        for segment in made? {
            compressed += usize::from(segment.fresh);
            not_kept = not_kept.or(segment.not_kept);
            bytes.push(segment.bytes);
        }
        if !send(bytes) {
            return Ok((compressed, not_kept));
        }
    }
    send(vec![tail]);
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
    batches: &Receiver<Vec<Vec<u8>>>,
) -> Result<(u64, Digest), PackError> {
    let mut writer = DirectWriter::new(out);
    let mut hasher = blake3::Hasher::new();
    let mut size = 0;
    for bytes in batches.iter().flatten() {
        size += bytes.len() as u64;
        if size > SIZE_LIMIT {
            return Err(PackError::TooLarge { limit: SIZE_LIMIT });
        }
        writer.write(&bytes).map_err(PackError::io("write", path))?;
        hasher.update(&bytes);
    }
    writer.finish().map_err(PackError::io("write", path))?;
    Ok((size, Digest::from_bytes(*hasher.finalize().as_bytes())))
}
