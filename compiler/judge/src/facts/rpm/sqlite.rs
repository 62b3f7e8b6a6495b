//! The table `Packages` of a database of `SQLite`.

use super::bytes::{Seen, be16, be32, byte, cut_off, slice};
use super::header::Header;

/// The first bytes of a database, and how many of them stand before its first page's own.
const MAGIC: &[u8] = b"SQLite format 3\0";
const FILE_HEADER: usize = 100;

const INTERIOR: u8 = 5;
const LEAF: u8 = 13;

pub(super) fn headers(file: &[u8]) -> Result<Vec<Header>, String> {
    if !file.starts_with(MAGIC) {
        return Err("it is no database of SQLite".to_owned());
    }
    let page_size = match be16(file, 16)? {
        1 => 65536,
        size if size.is_power_of_two() && size >= 512 => size,
        size => return Err(format!("its pages have {size} bytes")),
    };
    let usable = page_size - usize::from(byte(file, 20)?);
    if usable < 480 {
        return Err("its pages have no room".to_owned());
    }
    let mut database =
        Database { file, page_size, usable, seen: Seen::new(file.len() / page_size + 1) };
    let mut root = None;
    database.table(1, &mut |record| {
        let columns = columns(record)?;
        let text = |at: usize| columns.get(at).copied().unwrap_or_default();
        if text(0) == b"table" && text(1).eq_ignore_ascii_case(b"packages") {
            root = Some(text(3).iter().fold(0, |number, byte| number << 8 | usize::from(*byte)));
        }
        Ok(())
    })?;
    let root = root.ok_or("it has no table `Packages`")?;
    let mut headers = Vec::new();
    database.table(root, &mut |record| {
        let columns = columns(record)?;
        let blob = columns.get(1).ok_or("a row of `Packages` has no header")?;
        headers.push(Header::parse(blob)?);
        Ok(())
    })?;
    Ok(headers)
}

struct Database<'a> {
    file: &'a [u8],
    page_size: usize,
    /// Bytes of a page that hold anything.
    usable: usize,
    seen: Seen,
}

type Each<'a> = dyn FnMut(&[u8]) -> Result<(), String> + 'a;

impl<'a> Database<'a> {
    fn page(&mut self, number: usize) -> Result<&'a [u8], String> {
        if number == 0 {
            return Err("it has a page 0".to_owned());
        }
        self.seen.visit(number)?;
        let begin = (number - 1).checked_mul(self.page_size).ok_or_else(cut_off)?;
        slice(self.file, begin, self.page_size)
    }

    /// Every row of a table, by the number of the row.
    fn table(&mut self, root: usize, each: &mut Each<'_>) -> Result<(), String> {
        let mut open = vec![root];
        while let Some(number) = open.pop() {
            let page = self.page(number)?;
            let start = if number == 1 { FILE_HEADER } else { 0 };
            let cells = be16(page, start + 3)?;
            match byte(page, start)? {
                LEAF => {
                    for cell in 0..cells {
                        let at = be16(page, start + 8 + 2 * cell)?;
                        let record = self.record(page, at)?;
                        each(&record)?;
                    }
                }
                INTERIOR => {
                    open.push(be32(page, start + 8)?);
                    for cell in (0..cells).rev() {
                        let at = be16(page, start + 12 + 2 * cell)?;
                        open.push(be32(page, at)?);
                    }
                }
                kind => return Err(format!("page {number} is of the kind {kind}, not of a table")),
            }
        }
        Ok(())
    }

    /// A row, which may go on in other pages.
    fn record(&mut self, page: &[u8], at: usize) -> Result<Vec<u8>, String> {
        let (length, at) = varint(page, at)?;
        let (_row, at) = varint(page, at)?;
        let length = usize::try_from(length).map_err(|_| cut_off())?;
        if length > self.file.len() {
            return Err("a row is longer than the file".to_owned());
        }
        let most = self.usable - 35;
        let here = if length <= most {
            length
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let fits = least + (length - least) % (self.usable - 4);
            if fits <= most { fits } else { least }
        };
        let mut record = slice(page, at, here)?.to_vec();
        let mut next = if here < length { be32(page, at + here)? } else { 0 };
        while record.len() < length {
            let page = self.page(next)?;
            next = be32(page, 0)?;
            let part = (length - record.len()).min(self.usable - 4);
            record.extend_from_slice(slice(page, 4, part)?);
        }
        Ok(record)
    }
}

/// A number of one to nine bytes, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), String> {
    let mut number = 0_u64;
    for more in 0..8 {
        let byte = byte(bytes, at + more)?;
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((number, at + more + 1));
        }
    }
    Ok((number << 8 | u64::from(byte(bytes, at + 8)?), at + 9))
}

/// The bytes of a row's columns.
fn columns(record: &[u8]) -> Result<Vec<&[u8]>, String> {
    let (size, mut at) = varint(record, 0)?;
    let mut data = usize::try_from(size).map_err(|_| cut_off())?;
    let end = data;
    let mut columns = Vec::new();
    while at < end {
        let (kind, after) = varint(record, at)?;
        at = after;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).map_err(|_| cut_off())?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return Err("a column is of no kind".to_owned()),
            text => usize::try_from((text - 12) / 2).map_err(|_| cut_off())?,
        };
        columns.push(slice(record, data, length)?);
        data += length;
    }
    Ok(columns)
}
