use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A path inside an image: bytes, relative to the image's root, no leading or trailing slash,
/// no empty, `.` or `..` component. The root itself is the empty path.
///
/// Ordering is bytewise, which puts every directory before what it holds. A copy is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ImagePath(
    /// None for the root.
    Option<Arc<[u8]>>,
);

impl ImagePath {
    /// The image's root.
    pub const ROOT: Self = Self(None);

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
        Some(Self::from_normal(out))
    }

    fn from_normal(path: Vec<u8>) -> Self {
        Self((!path.is_empty()).then(|| path.into()))
    }

    /// The bytes, without a leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// True for the image's root.
    pub fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// The directory that holds this path; none for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let path = self.as_bytes();
        let cut = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self::from_normal(path[..cut].to_vec()))
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &[u8] {
        let path = self.as_bytes();
        let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        &path[start..]
    }

    /// This path with one more component.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        let mut out = self.as_bytes().to_vec();
        if !out.is_empty() {
            out.push(b'/');
        }
        out.extend_from_slice(name);
        Self::from_normal(out)
    }

    /// The components, from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty())
    }

    /// Bounds of all paths below this one in bytewise order, for a map's range.
    pub(crate) fn below(&self) -> (Self, Self) {
        if self.is_root() {
            return (Self::from_normal(vec![0]), Self::from_normal(vec![0xff; 8192]));
        }
        let (mut first, mut end) = (self.as_bytes().to_vec(), self.as_bytes().to_vec());
        first.push(b'/');
        end.push(b'/' + 1);
        (Self::from_normal(first), Self::from_normal(end))
    }

    /// True when `self` is `dir` or lies below it.
    pub fn starts_with(&self, dir: &Self) -> bool {
        let (path, above) = (self.as_bytes(), dir.as_bytes());
        dir.is_root()
            || path == above
            || (path.starts_with(above) && path.get(above.len()) == Some(&b'/'))
    }
}

/// Absolute, for people; bytes that are not UTF-8 are replaced.
impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for ImagePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::layer::escape(self.as_bytes()))
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
