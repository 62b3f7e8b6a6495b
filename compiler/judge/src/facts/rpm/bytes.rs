//! Numbers of a file, where it is long enough.

fn part<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], String> {
    let end = at.checked_add(N).ok_or_else(cut_off)?;
    bytes.get(at..end).and_then(|part| part.try_into().ok()).ok_or_else(cut_off)
}

/// The words for a file that is too short for what it says.
pub(super) fn cut_off() -> String {
    "it ends too early".to_owned()
}

/// A part of a file.
pub(super) fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    let end = at.checked_add(length).ok_or_else(cut_off)?;
    bytes.get(at..end).ok_or_else(cut_off)
}

pub(super) fn byte(bytes: &[u8], at: usize) -> Result<u8, String> {
    bytes.get(at).copied().ok_or_else(cut_off)
}

pub(super) fn be16(bytes: &[u8], at: usize) -> Result<usize, String> {
    part(bytes, at).map(|part| usize::from(u16::from_be_bytes(part)))
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Result<usize, String> {
    part(bytes, at).map(|part| u32::from_be_bytes(part) as usize)
}

pub(super) fn le16(bytes: &[u8], at: usize) -> Result<usize, String> {
    part(bytes, at).map(|part| usize::from(u16::from_le_bytes(part)))
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Result<usize, String> {
    part(bytes, at).map(|part| u32::from_le_bytes(part) as usize)
}

/// Pages that were looked at: none is looked at twice.
pub(super) struct Seen(Vec<bool>);

impl Seen {
    pub(super) fn new(pages: usize) -> Self {
        Self(vec![false; pages])
    }

    pub(super) fn visit(&mut self, page: usize) -> Result<(), String> {
        match self.0.get_mut(page) {
            None => Err(format!("page {page} is outside of it")),
            Some(true) => Err(format!("page {page} belongs to two things")),
            Some(seen) => {
                *seen = true;
                Ok(())
            }
        }
    }
}
