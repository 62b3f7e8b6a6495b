//! `Packages`, a hash table of Berkeley DB: rpm's form up to 4.15, of RHEL 8 and older.

use super::bytes::{Seen, be32, byte, cut_off, le16, le32, slice};
use super::header::Header;

/// The number of a hash table, in the file's first page.
const MAGIC: usize = 0x0006_1561;
/// Kinds of pages: of the table, sorted or not, and what a long value goes on in.
const HASH_UNSORTED: u8 = 2;
const HASH: u8 = 13;
const OVERFLOW: u8 = 7;
/// Bytes before a page's own.
const START: usize = 26;
/// Kinds of items: one that stands in the page, one that stands in others.
const KEY: u8 = 1;
const OFF_PAGE: u8 = 3;

pub(super) fn headers(file: &[u8]) -> Result<Vec<Header>, String> {
    if be32(file, 12)? == MAGIC {
        return Err("it was made on a machine of the other order of bytes".to_owned());
    }
    if le32(file, 12)? != MAGIC {
        return Err("it is no hash table of Berkeley DB".to_owned());
    }
    let page_size = le32(file, 20)?;
    if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
        return Err(format!("its pages have {page_size} bytes"));
    }
    let pages = file.len() / page_size;
    let mut seen = Seen::new(pages);
    let mut found = Vec::new();
    for number in 1..pages {
        let page = slice(file, number * page_size, page_size)?;
        if !matches!(byte(page, 25)?, HASH | HASH_UNSORTED) {
            continue;
        }
        let items = le16(page, 20)?;
        // By turns a key and its value.
        for pair in 0..items / 2 {
            let key = le16(page, START + 4 * pair)?;
            let value = le16(page, START + 4 * pair + 2)?;
            // What stands in the page itself is no header: it is the highest number given.
            if byte(page, value)? != OFF_PAGE || byte(page, key)? != KEY {
                continue;
            }
            let package = le32(page, key + 1)?;
            let (first, length) = (le32(page, value + 4)?, le32(page, value + 8)?);
            let blob = overflow(file, page_size, &mut seen, first, length)?;
            found.push((package, Header::parse(&blob)?));
        }
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, header)| header).collect())
}

/// A value that stands in a chain of pages.
fn overflow(
    file: &[u8],
    page_size: usize,
    seen: &mut Seen,
    first: usize,
    length: usize,
) -> Result<Vec<u8>, String> {
    if length > file.len() {
        return Err("a value is longer than the file".to_owned());
    }
    let mut value = Vec::with_capacity(length);
    let mut number = first;
    while value.len() < length {
        seen.visit(number)?;
        let page = slice(file, number.checked_mul(page_size).ok_or_else(cut_off)?, page_size)?;
        if byte(page, 25)? != OVERFLOW {
            return Err(format!("page {number} is not what a value goes on in"));
        }
        let here = le16(page, 22)?.min(length - value.len());
        if here == 0 {
            return Err(format!("page {number} is empty"));
        }
        value.extend_from_slice(slice(page, START, here)?);
        number = le32(page, 16)?;
    }
    Ok(value)
}
