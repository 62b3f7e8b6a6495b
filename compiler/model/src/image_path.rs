use std::fmt;

use serde::{Deserialize, Serialize};

/// A path inside an image: bytes, relative to the image's root, no leading or trailing slash,
/// no empty, `.` or `..` component. The root itself is the empty path.
///
/// Ordering is bytewise, which puts every directory before what it holds.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ImagePath(Vec<u8>);

impl ImagePath {
    /// The image's root.
    pub const ROOT: Self = Self(Vec::new());

    /// A path from text or bytes, absolute or relative; `.` and empty components fall away and
    /// `..` is refused.
    pub fn new(path: impl AsRef<[u8]>) -> Option<Self> {
        let mut out = Vec::with_capacity(path.as_ref().len());
        for part in path.as_ref().split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => return None,
                _ if part.contains(&0) => return None,
                _ => {
                    if !out.is_empty() {
                        out.push(b'/');
                    }
                    out.extend_from_slice(part);
                }
            }
        }
        Some(Self(out))
    }

    /// The bytes, without a leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True for the image's root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory that holds this path; none for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let cut = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0[..cut].to_vec()))
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &[u8] {
        let start = self.0.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        &self.0[start..]
    }

    /// This path with one more component.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        let mut out = self.0.clone();
        if !out.is_empty() {
            out.push(b'/');
        }
        out.extend_from_slice(name);
        Self(out)
    }

    /// The components, from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|part| !part.is_empty())
    }

    /// Bounds of all paths below this one in bytewise order, for a map's range.
    pub(crate) fn below(&self) -> (Self, Self) {
        if self.is_root() {
            return (Self(vec![0]), Self(vec![0xff; 8192]));
        }
        let (mut first, mut end) = (self.0.clone(), self.0.clone());
        first.push(b'/');
        end.push(b'/' + 1);
        (Self(first), Self(end))
    }

    /// True when `self` is `dir` or lies below it.
    pub fn starts_with(&self, dir: &Self) -> bool {
        dir.is_root()
            || self.0 == dir.0
            || (self.0.starts_with(&dir.0) && self.0.get(dir.0.len()) == Some(&b'/'))
    }
}

/// Absolute, for people; bytes that are not UTF-8 are replaced.
impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for ImagePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::layer::escape(&self.0))
    }
}

impl<'de> Deserialize<'de> for ImagePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = crate::layer::unescape(&text)
            .ok_or_else(|| serde::de::Error::custom("a path with a broken escape"))?;
        Self::new(bytes).ok_or_else(|| serde::de::Error::custom("a path that leaves the image"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_never_leave_the_image() {
        assert_eq!(ImagePath::new("/a//b/./c/"), ImagePath::new("a/b/c"));
        assert_eq!(ImagePath::new("a/../../etc"), None);
        assert!(
            ImagePath::new("a").is_some_and(|a| !ImagePath::new("ab").unwrap().starts_with(&a))
        );
    }
}
