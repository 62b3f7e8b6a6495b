use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{Digest, ImagePath};

/// The time that everything made by a build carries: 2025-01-01 00:00:00 UTC, in seconds since
/// 1970. It is what steps see as `SOURCE_DATE_EPOCH`.
pub const BUILD_EPOCH: i64 = 1_735_689_600;

/// Extended attributes: name to value.
pub type Xattrs = BTreeMap<String, Vec<u8>>;

/// Metadata and kind of one path of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with set-id and sticky bits, `0o7777` at most.
    pub mode: u32,
    /// Numeric owner in the image.
    pub uid: u32,
    /// Numeric group in the image.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Extended attributes that stay: `security.capability`, `user.*`, ACLs.
    pub xattrs: Xattrs,
}

/// What a path of a layer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory; an opaque one hides what lower layers have below it.
    Directory {
        /// Hides lower layers.
        opaque: bool,
    },
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// BLAKE3 of the content; for a secret's file, the keyed MAC.
        digest: Digest,
        /// First path of the hard-link group that it belongs to, itself included.
        group: Option<ImagePath>,
    },
    /// A symbolic link with its target's bytes.
    Symlink {
        /// As written.
        target: Vec<u8>,
    },
    /// A character device.
    CharDevice {
        /// Major and minor number.
        device: (u32, u32),
    },
    /// A block device.
    BlockDevice {
        /// Major and minor number.
        device: (u32, u32),
    },
    /// A named pipe.
    Fifo,
    /// Hides the path in lower layers.
    Whiteout,
}

impl EntryKind {
    /// True for a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self, Self::Directory { .. })
    }

    /// The word that controls and messages use: `file`, `directory`, `symlink`, …
    pub fn word(&self) -> &'static str {
        match self {
            Self::Directory { .. } => "directory",
            Self::File { .. } => "file",
            Self::Symlink { .. } => "symlink",
            Self::CharDevice { .. } => "character_device",
            Self::BlockDevice { .. } => "block_device",
            Self::Fifo => "pipe",
            Self::Whiteout => "whiteout",
        }
    }
}

/// A layer, canonically: its entries by path. Parents that a layer only passes through are no
/// entries of it. The digest of [`Manifest::encode`] is the layer's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Entries in bytewise order of their paths.
    pub entries: BTreeMap<ImagePath, Entry>,
}

/// A text that is no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadManifest {
    /// The line, from 1.
    pub line: usize,
}

impl std::fmt::Display for BadManifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of the layer's manifest cannot be read", self.line)
    }
}

impl std::error::Error for BadManifest {}

const HEADER: &str = "forge-layer 1";

impl Manifest {
    /// The canonical text: a header, then one line for each entry:
    /// `KIND MODE UID GID MTIME EXTRA PATH [NAME=HEX…]`, fields split by one space, bytes outside
    /// of printable ASCII (and space, backslash, `=`) as `\xNN`.
    pub fn encode(&self) -> String {
        let mut out = String::with_capacity(64 + self.entries.len() * 128);
        out.push_str(HEADER);
        out.push('\n');
        for (path, entry) in &self.entries {
            let (kind, extra) = encode_kind(&entry.kind);
            let path = if path.is_root() { ".".to_owned() } else { escape(path.as_bytes()) };
            let Entry { kind: _, mode, uid, gid, mtime, xattrs } = entry;
            // Writing to a String cannot fail.
            let _ = write!(out, "{kind} {mode:04o} {uid} {gid} {mtime} {extra} {path}");
            for (name, value) in xattrs {
                let _ = write!(out, " {}=", escape(name.as_bytes()));
                for byte in value {
                    let _ = write!(out, "{byte:02x}");
                }
            }
            out.push('\n');
        }
        out
    }

    /// Reads what [`Manifest::encode`] wrote.
    pub fn decode(text: &str) -> Result<Self, BadManifest> {
        let mut lines = text.lines().enumerate();
        match lines.next() {
            Some((_, HEADER)) => {}
            _ => return Err(BadManifest { line: 1 }),
        }
        let mut entries = BTreeMap::new();
        for (index, line) in lines {
            let (path, entry) = decode_line(line).ok_or(BadManifest { line: index + 1 })?;
            entries.insert(path, entry);
        }
        Ok(Self { entries })
    }

    /// The layer's identity.
    pub fn digest(&self) -> Digest {
        Digest::of(self.encode().as_bytes())
    }

    /// Bytes of all regular files, each hard-link group once.
    pub fn content_size(&self) -> u64 {
        self.entries
            .iter()
            .map(|(path, entry)| match &entry.kind {
                EntryKind::File { size, group, .. }
                    if group.as_ref().is_none_or(|first| first == path) =>
                {
                    *size
                }
                _ => 0,
            })
            .sum()
    }
}

fn encode_kind(kind: &EntryKind) -> (char, String) {
    match kind {
        EntryKind::Directory { opaque } => ('d', if *opaque { "opaque" } else { "-" }.to_owned()),
        EntryKind::File { size, digest, group } => {
            let group = group.as_ref().map(|path| format!(",{}", escape(path.as_bytes())));
            ('f', format!("{size},{digest}{}", group.unwrap_or_default()))
        }
        EntryKind::Symlink { target } => ('l', escape(target)),
        EntryKind::CharDevice { device } => ('c', format!("{},{}", device.0, device.1)),
        EntryKind::BlockDevice { device } => ('b', format!("{},{}", device.0, device.1)),
        EntryKind::Fifo => ('p', "-".to_owned()),
        EntryKind::Whiteout => ('w', "-".to_owned()),
    }
}

fn decode_kind(kind: &str, extra: &str) -> Option<EntryKind> {
    let device = || {
        let (major, minor) = extra.split_once(',')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    Some(match kind {
        "d" => EntryKind::Directory { opaque: extra == "opaque" },
        "f" => {
            let mut parts = extra.splitn(3, ',');
            let size = parts.next()?.parse().ok()?;
            let digest = parts.next()?.parse().ok()?;
            let group = match parts.next() {
                Some(text) => Some(ImagePath::new(unescape(text)?)?),
                None => None,
            };
            EntryKind::File { size, digest, group }
        }
        "l" => EntryKind::Symlink { target: unescape(extra)? },
        "c" => EntryKind::CharDevice { device: device()? },
        "b" => EntryKind::BlockDevice { device: device()? },
        "p" => EntryKind::Fifo,
        "w" => EntryKind::Whiteout,
        _ => return None,
    })
}

fn decode_line(line: &str) -> Option<(ImagePath, Entry)> {
    let mut fields = line.split(' ');
    let kind = fields.next()?;
    let mode = u32::from_str_radix(fields.next()?, 8).ok()?;
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let mtime = fields.next()?.parse().ok()?;
    let kind = decode_kind(kind, fields.next()?)?;
    let path = ImagePath::new(unescape(fields.next()?)?)?;
    let mut xattrs = Xattrs::new();
    for field in fields {
        let (name, value) = field.split_once('=')?;
        xattrs.insert(String::from_utf8(unescape(name)?).ok()?, unhex(value)?);
    }
    Some((path, Entry { kind, mode, uid, gid, mtime, xattrs }))
}

/// Bytes outside of printable ASCII, and space, backslash, comma and `=`, as `\xNN`.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' | b'=' | b',' => {
                let _ = write!(out, "\\x{byte:02x}");
            }
            b'!'..=b'~' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out
}

pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            let hex = text.get(at + 2..at + 4).filter(|_| bytes.get(at + 1) == Some(&b'x'))?;
            out.push(u8::from_str_radix(hex, 16).ok()?);
            at += 4;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    Some(out)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: EntryKind) -> Entry {
        Entry { kind, mode: 0o644, uid: 0, gid: 7, mtime: -3, xattrs: Xattrs::new() }
    }

    #[test]
    fn a_manifest_survives_its_text() {
        let mut manifest = Manifest::default();
        let mut add = |path: &[u8], entry: Entry| {
            manifest.entries.insert(ImagePath::new(path).unwrap(), entry);
        };
        add(b"", entry(EntryKind::Directory { opaque: false }));
        add(b"a b/c\xff\\=,", entry(EntryKind::Symlink { target: b"../x y".to_vec() }));
        add(b"dev/null", entry(EntryKind::CharDevice { device: (1, 3) }));
        add(b"gone", entry(EntryKind::Whiteout));
        let group = ImagePath::new("bin/a,b");
        let kind = EntryKind::File { size: 3, digest: Digest::of(b"abc"), group };
        let mut file = entry(kind);
        file.xattrs.insert("security.capability".to_owned(), vec![0, 255, 16]);
        add(b"bin/a,b", file);
        assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
    }

    #[test]
    fn a_broken_line_is_named() {
        assert_eq!(Manifest::decode("forge-layer 1\nf x"), Err(BadManifest { line: 2 }));
        assert_eq!(Manifest::decode("else"), Err(BadManifest { line: 1 }));
    }
}
