//! Large files written past the page cache.
//!
//! An archive must be on the disk before it gets its name. `fsync` of a file in the page cache
//! waits for what others have written too, which beside a busy neighbour takes a second; direct
//! writes go out while the next segment is still being read, and leave nothing to wait for.

use std::fs::File;
use std::io::{self, Write as _};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// What direct writes must be a multiple of, in memory, length and offset: the block size of every
/// common disk and file system (open(2), "`O_DIRECT`").
const ALIGN: usize = 4096;
/// Bytes written at once.
const CHUNK: usize = 1 << 20;

/// Writes a file from its beginning: in whole chunks past the page cache where the file system
/// can do that, as any other file elsewhere.
#[derive(Debug)]
pub(crate) struct DirectWriter<'a> {
    file: &'a mut File,
    buffer: Vec<u8>,
    /// Where the aligned part of the buffer begins.
    start: usize,
    /// Bytes in it.
    filled: usize,
    /// Bytes given so far.
    total: u64,
    direct: bool,
}

impl<'a> DirectWriter<'a> {
    /// A writer for an empty file.
    pub(crate) fn new(file: &'a mut File) -> Self {
        let buffer = vec![0; CHUNK + ALIGN];
        let start = buffer.as_ptr().align_offset(ALIGN).min(ALIGN);
        let direct = set_direct(file, true).is_ok();
        Self { file, buffer, start, filled: 0, total: 0, direct }
    }

    /// Adds bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.total += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = (CHUNK - self.filled).min(bytes.len());
            let at = self.start + self.filled;
            self.buffer[at..at + room].copy_from_slice(&bytes[..room]);
            self.filled += room;
            bytes = &bytes[room..];
            if self.filled == CHUNK {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is left and cuts the file to its length.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if self.direct {
            let padded = self.filled.next_multiple_of(ALIGN);
            let at = self.start + self.filled;
            self.buffer[at..self.start + padded].fill(0);
            self.filled = padded;
        }
        self.flush()?;
        if self.direct {
            set_direct(self.file, false)?;
        }
        self.file.set_len(self.total)
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = &self.buffer[self.start..self.start + self.filled];
        match self.file.write_all(chunk) {
            // A file system may take the flag and refuse the write.
            Err(error) if self.direct && Errno::from_io_error(&error) == Some(Errno::INVAL) => {
                set_direct(self.file, false)?;
                self.direct = false;
                self.file.write_all(chunk)?;
            }
            other => other?,
        }
        self.filled = 0;
        Ok(())
    }
}

fn set_direct(file: &File, on: bool) -> io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, on);
    Ok(fcntl_setfl(file, flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_arrives_whole() {
        for length in [0, 1, ALIGN - 1, ALIGN, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 77] {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let place = tempfile::tempdir().unwrap();
            let path = place.path().join("file");
            let mut file = File::create(&path).unwrap();
            let mut writer = DirectWriter::new(&mut file);
            for piece in bytes.chunks(70_001) {
                writer.write(piece).unwrap();
            }
            writer.finish().unwrap();
            assert!(std::fs::read(&path).unwrap() == bytes, "{length} bytes");
        }
    }
}
