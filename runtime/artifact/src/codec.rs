//! Compression of one segment: a gzip member or a zstd frame that stands for itself.

use std::io::{self, Write};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use forge_model::Compression;

use crate::PackError;

/// The library behind `flate2`; it has no call that tells, so a test compares this with the lock
/// file.
const GZIP_LIBRARY: &str = "zlib-rs 0.6.8";

/// Codec and level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec {
    compression: Compression,
    level: i32,
}

impl Codec {
    /// A codec at a level that it has: gzip 0 to 9, zstd 1 to 22. With these levels a zstd frame
    /// asks for a window of 2^27 bytes at most, the most that a kernel gives (`lib/decompress_unzstd.c`).
    pub(crate) fn new(compression: Compression, level: i32) -> Result<Self, PackError> {
        let levels = match compression {
            Compression::Gzip => 0..=9,
            Compression::Zstd => 1..=22,
        };
        if levels.contains(&level) {
            return Ok(Self { compression, level });
        }
        let why = format!("level {level} is not in {} to {}", levels.start(), levels.end());
        let source = io::Error::new(io::ErrorKind::InvalidInput, why);
        Err(PackError::Codec { codec: compression.name(), source })
    }

    /// Everything that decides the compressed bytes of given input: codec, level, library version.
    pub(crate) fn identity(self) -> String {
        let library = match self.compression {
            Compression::Gzip => GZIP_LIBRARY.to_owned(),
            Compression::Zstd => format!("libzstd {}", zstd::zstd_safe::version_string()),
        };
        format!("{} level {} by {library}", self.compression.name(), self.level)
    }

    pub(crate) fn error(self, source: io::Error) -> PackError {
        PackError::Codec { codec: self.compression.name(), source }
    }

    /// An encoder for `size` bytes that gathers the compressed ones in memory.
    pub(crate) fn encoder(self, size: u64) -> Result<Encoder, PackError> {
        Ok(match self.compression {
            Compression::Gzip => {
                // No name, no time, no extra field, no operating system: the kernel panics at an
                // extra field, and the rest would differ between builders.
                let level = flate2::Compression::new(self.level.unsigned_abs());
                Encoder::Gzip(GzBuilder::new().operating_system(255).write(Vec::new(), level))
            }
            Compression::Zstd => {
                let encoder = zstd::Encoder::new(Vec::new(), self.level);
                let mut encoder = encoder.map_err(|source| self.error(source))?;
                // A frame that knows its size asks for no larger window: at level 22 a node would
                // need 128 MiB to unpack a segment of 4 MiB.
                let sized = encoder.set_pledged_src_size(Some(size));
                sized.map_err(|source| self.error(source))?;
                // Without it neither kernel nor tools notice a flipped byte.
                encoder.include_checksum(true).map_err(|source| self.error(source))?;
                Encoder::Zstd(encoder)
            }
        })
    }
}

/// A running encoder.
pub(crate) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// Ends the member or frame.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_the_one_of_the_lock_file() {
        let lock = include_str!("../../../Cargo.lock");
        let (name, version) = GZIP_LIBRARY.split_once(' ').unwrap();
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")));
    }

    #[test]
    fn levels_outside_of_the_codec_are_refused() {
        let cases = [
            (Compression::Gzip, 10),
            (Compression::Gzip, -1),
            (Compression::Zstd, 0),
            (Compression::Zstd, 23),
        ];
        for (compression, level) in cases {
            assert!(Codec::new(compression, level).is_err(), "{compression:?} {level}");
        }
    }

    #[test]
    fn gzip_members_have_a_bare_header() {
        let mut encoder = Codec::new(Compression::Gzip, 6).unwrap().encoder(1).unwrap();
        encoder.write_all(b"x").unwrap();
        let bytes = encoder.finish().unwrap();
        // RFC 1952: magic, deflate, no flags, no time, no extra flags, unknown system.
        assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    }

    #[test]
    fn zstd_frames_ask_for_a_window_that_a_kernel_gives() {
        let header = |level, size: u64| {
            let codec = Codec::new(Compression::Zstd, level).unwrap();
            let Encoder::Zstd(mut encoder) = codec.encoder(size).unwrap() else { unreachable!() };
            encoder.write_all(&vec![7; 100_000]).unwrap();
            encoder.flush().unwrap();
            encoder.get_ref()[..9].to_vec()
        };
        // RFC 8878, 3.1.1.1: magic; descriptor (bits 6 and 7 width of the content's size, bit 5
        // single segment, bit 2 checksum, bits 0 and 1 dictionary). A single segment's window is
        // its content; otherwise a byte with the exponent above 2^10 in its upper five bits.
        let small = header(22, 100_001);
        assert_eq!(small[..4], 0xfd2f_b528_u32.to_le_bytes());
        assert_eq!(small[4], 0b1010_0100);
        assert_eq!(small[5..9], 100_001_u32.to_le_bytes());
        let large = header(3, 1 << 30);
        assert_eq!(large[4], 0b1000_0100);
        assert_eq!(large[5] >> 3, 21 - 10);
    }
}
