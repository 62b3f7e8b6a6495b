//! `Packages.db`, rpm's own form, which SUSE uses.

use super::bytes::{le32, slice};
use super::header::Header;

const MAGIC: &[u8] = b"RpmP";
const SLOT: &[u8] = b"Slot";
const BLOB: &[u8] = b"BlbS";
/// Bytes of a slot and of a block.
const SIZE: usize = 16;
const PAGE: usize = 4096;
/// The header takes the place of the first two slots.
const HEADER: usize = 2 * SIZE;

pub(super) fn headers(file: &[u8]) -> Result<Vec<Header>, String> {
    if !file.starts_with(MAGIC) {
        return Err("it is no database of rpm".to_owned());
    }
    let version = le32(file, 4)?;
    if version != 0 {
        return Err(format!("it is of the version {version}"));
    }
    let end = le32(file, 12)?.checked_mul(PAGE).ok_or_else(super::bytes::cut_off)?;
    let slots = slice(file, HEADER, end.saturating_sub(HEADER))?;
    let mut found = Vec::new();
    let mut bytes = 0_usize;
    for slot in slots.chunks_exact(SIZE) {
        if !slot.starts_with(SLOT) {
            return Err("one of its slots is none".to_owned());
        }
        let (number, block) = (le32(slot, 4)?, le32(slot, 8)?);
        if block == 0 {
            continue;
        }
        let at = block.checked_mul(SIZE).ok_or_else(super::bytes::cut_off)?;
        let start = slice(file, at, SIZE)?;
        if !start.starts_with(BLOB) || le32(start, 4)? != number {
            return Err(format!("the package {number} is not where its slot says"));
        }
        let blob = slice(file, at + SIZE, le32(start, 12)?)?;
        // Packages do not overlap.
        bytes += blob.len();
        if bytes > file.len() {
            return Err("its packages are larger than the file".to_owned());
        }
        found.push((number, Header::parse(blob)?));
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, header)| header).collect())
}
