//! The `newc` form of cpio, as the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`
//! defines it: a header of 110 ASCII bytes, the name with a NUL, zero bytes to a multiple of four,
//! the data, zero bytes to a multiple of four.

/// Largest value of a header's field.
pub(crate) const FIELD_MAX: u64 = u32::MAX as u64;

/// Longest name and longest link target in bytes, the name's NUL included: Linux silently skips
/// entries beyond `PATH_MAX` (`init/initramfs.c`).
pub(crate) const PATH_MAX: usize = 4096;

/// The name that ends an archive. A file of this name cannot be packed: the kernel, and every
/// tool, would stop there.
pub(crate) const TRAILER: &[u8] = b"TRAILER!!!";

const HEADER: usize = 110;

/// Type bits of a mode, as in `stat(2)`.
pub(crate) mod kind {
    pub(crate) const FIFO: u32 = 0o010_000;
    pub(crate) const CHAR: u32 = 0o020_000;
    pub(crate) const DIRECTORY: u32 = 0o040_000;
    pub(crate) const BLOCK: u32 = 0o060_000;
    pub(crate) const FILE: u32 = 0o100_000;
    pub(crate) const SYMLINK: u32 = 0o120_000;
}

/// What makes hard links one file: three fields of 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Inode {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) number: u32,
}

/// The fields of a header that an image fills.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Header {
    pub(crate) inode: Inode,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) links: u32,
    pub(crate) mtime: u32,
    /// Bytes of data that follow the name.
    pub(crate) size: u32,
    /// Of a device node.
    pub(crate) device: (u32, u32),
}

/// Zero bytes that bring `length` to a multiple of four.
pub(crate) fn padding(length: u64) -> &'static [u8] {
    match length % 4 {
        1 => &[0; 3],
        2 => &[0; 2],
        3 => &[0; 1],
        _ => &[],
    }
}

/// Bytes of an entry: header, name, data and both paddings.
pub(crate) fn entry_size(name: &[u8], size: u64) -> u64 {
    let head = (HEADER + name.len() + 1) as u64;
    head.next_multiple_of(4) + size.next_multiple_of(4)
}

/// Appends header, name and the name's padding.
pub(crate) fn write_header(out: &mut Vec<u8>, header: &Header, name: &[u8]) {
    let Header { inode, mode, uid, gid, links, mtime, size, device } = *header;
    // A name's length is checked against PATH_MAX before it comes here.
    let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
    let fields = [
        inode.number,
        mode,
        uid,
        gid,
        links,
        mtime,
        size,
        inode.major,
        inode.minor,
        device.0,
        device.1,
        name_size,
        0, // checksum, of the `crc` form alone
    ];
    out.extend_from_slice(b"070701");
    for field in fields {
        for shift in (0..8).rev() {
            out.push(b"0123456789ABCDEF"[(field >> (shift * 4) & 0xf) as usize]);
        }
    }
    out.extend_from_slice(name);
    out.push(0);
    out.extend_from_slice(padding((HEADER + name.len() + 1) as u64));
}

/// Appends the entry that ends an archive.
pub(crate) fn write_trailer(out: &mut Vec<u8>) {
    write_header(out, &Header { links: 1, ..Header::default() }, TRAILER);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_as_the_kernel_documents_it() {
        let header = Header {
            inode: Inode { major: 1, minor: u32::MAX, number: 0xabc },
            mode: kind::FILE | 0o644,
            uid: 1000,
            gid: 7,
            links: 2,
            mtime: 0x6777_0000,
            size: 5,
            device: (0, 0),
        };
        let mut out = Vec::new();
        write_header(&mut out, &header, b"etc/motd");
        // In the document's order: ino, mode, uid, gid, nlink, mtime, filesize, maj, min, rmaj, rmin,
        // namesize, chksum.
        let fields = [
            "070701",
            "00000ABC",
            "000081A4",
            "000003E8",
            "00000007",
            "00000002",
            "67770000",
            "00000005",
            "00000001",
            "FFFFFFFF",
            "00000000",
            "00000000",
            "00000009",
            "00000000",
            "etc/motd\0",
            "\0",
        ];
        assert_eq!(String::from_utf8(out).unwrap(), fields.concat());
    }

    #[test]
    fn every_entry_ends_on_a_multiple_of_four() {
        for length in 1..9_usize {
            let name = vec![b'x'; length];
            let mut out = Vec::new();
            write_header(&mut out, &Header::default(), &name);
            for size in 0..6_u64 {
                let data = size + padding(size).len() as u64;
                assert_eq!(entry_size(&name, size), out.len() as u64 + data);
                assert_eq!(entry_size(&name, size) % 4, 0);
            }
        }
    }
}
