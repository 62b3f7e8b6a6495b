//! A few entries as an archive of its own: a second initrd beside an image.

use crate::newc::{Header, Inode, padding, write_header, write_trailer};

/// Mode bits of the kinds (inode(7)).
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// A small newc archive, all owned by root. The kernel unpacks archives one after another into
/// the same tree, so one of these adds to an image without touching it. Parents come first; a
/// directory that the image has as a link must not be named.
#[derive(Clone, Debug, Default)]
pub struct SmallArchive {
    bytes: Vec<u8>,
    entries: u32,
}

impl SmallArchive {
    /// Adds a directory.
    pub fn directory(&mut self, path: &str, mode: u32) {
        self.entry(path, DIRECTORY | mode, b"");
    }

    /// Adds a regular file of less than 4 GiB.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entry(path, FILE | mode, content);
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.entry(path, LINK | 0o777, target.as_bytes());
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let header = Header {
            // Numbers of this archive only; links of 1 keep the kernel from joining anything.
            inode: Inode { major: 0, minor: 0, number: self.entries },
            mode,
            links: 1,
            size: u32::try_from(content.len()).unwrap_or(u32::MAX),
            ..Header::default()
        };
        write_header(&mut self.bytes, &header, path.as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(padding(content.len() as u64));
    }

    /// The whole archive with its trailer.
    pub fn finish(mut self) -> Vec<u8> {
        write_trailer(&mut self.bytes);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_what_was_added() {
        let mut archive = SmallArchive::default();
        archive.directory("etc", 0o755);
        archive.file("etc/name", 0o644, b"node\n");
        archive.link("etc/other", "name");
        let bytes = archive.finish();
        let mut rest = bytes.as_slice();
        let mut names = Vec::new();
        loop {
            let reader = cpio::NewcReader::new(rest).unwrap();
            let (name, mode, size) = (
                reader.entry().name().to_owned(),
                reader.entry().mode(),
                reader.entry().file_size(),
            );
            if reader.entry().is_trailer() {
                break;
            }
            names.push((name, mode, size));
            rest = reader.finish().unwrap();
        }
        let want = [("etc", 0o40755, 0), ("etc/name", 0o100_644, 5), ("etc/other", 0o120_777, 4)];
        let want = want.map(|(name, mode, size)| (name.to_owned(), mode, size));
        assert_eq!(names, want);
    }
}
