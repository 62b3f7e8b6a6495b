//! A package's header.

use super::bytes::{be32, slice};

/// What is asked of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) release: String,
    pub(super) arch: Option<String>,
}

const NAME: usize = 1000;
const VERSION: usize = 1001;
const RELEASE: usize = 1002;
const ARCH: usize = 1022;
/// The type of one text.
const STRING: usize = 6;
/// Bytes of an entry of the index: tag, type, place and number.
const ENTRY: usize = 16;
/// Bytes before the index: how many entries, how many bytes of data.
const START: usize = 8;

impl Header {
    /// Of a header without its magic, as databases keep it.
    pub(super) fn parse(blob: &[u8]) -> Result<Self, String> {
        let (entries, length) = (be32(blob, 0)?, be32(blob, 4)?);
        let size = entries.checked_mul(ENTRY).ok_or_else(super::bytes::cut_off)?;
        let index = slice(blob, START, size)?;
        let data = slice(blob, START + size, length)?;
        let text = |tag: usize| -> Result<Option<String>, String> {
            let entry = index.chunks_exact(ENTRY).find(|entry| be32(entry, 0) == Ok(tag));
            let Some(entry) = entry else { return Ok(None) };
            if be32(entry, 4)? != STRING {
                return Err(format!("a header has no text for the tag {tag}"));
            }
            let bytes = data.get(be32(entry, 8)?..).ok_or_else(super::bytes::cut_off)?;
            let end = bytes.iter().position(|byte| *byte == 0);
            let bytes = &bytes[..end.ok_or_else(super::bytes::cut_off)?];
            Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
        };
        let needed = |tag| -> Result<String, String> {
            text(tag)?.ok_or_else(|| format!("a header does not have the tag {tag}"))
        };
        Ok(Self {
            name: needed(NAME)?,
            version: needed(VERSION)?,
            release: needed(RELEASE)?,
            arch: text(ARCH)?,
        })
    }
}
