use std::fmt;

use forge_model::Digest;
use secrecy::{ExposeSecret, SecretBox, SecretSlice};

/// A secret's bytes: wiped when dropped, printed by nothing, serialized by nothing.
#[derive(Clone)]
pub struct SecretValue(SecretSlice<u8>);

impl SecretValue {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SecretSlice::from(bytes))
    }

    /// The bytes, for the sink that delivers them.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The bytes without the line ends at their end: what a leak would show. Most tools that
    /// write a secret to a file end it with a newline, and most that read it drop that.
    pub(crate) fn core(&self) -> &[u8] {
        let bytes = self.expose();
        let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
        &bytes[..end.map_or(0, |last| last + 1)]
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue")
    }
}

/// The key under which values are digested. It belongs to one store and never leaves it, so that
/// a digest on disk cannot be compared with guesses of a short value.
pub struct MacKey(SecretBox<[u8; 32]>);

impl MacKey {
    /// The key of a store.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// BLAKE3's keyed hash of `value`.
    pub fn mac(&self, value: &SecretValue) -> Digest {
        Digest::from_bytes(*blake3::keyed_hash(self.0.expose_secret(), value.expose()).as_bytes())
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_prints_nothing() {
        let value = SecretValue::new(b"hunter2-hunter2".to_vec());
        assert_eq!(format!("{value:?}"), "SecretValue");
        assert_eq!(format!("{:?}", MacKey::new([7; 32])), "MacKey");
    }

    #[test]
    fn line_ends_at_the_end_are_not_part_of_what_leaks() {
        for (bytes, core) in
            [("a b\r\n", "a b"), ("a\nb", "a\nb"), ("\n\n", ""), ("", ""), ("x", "x")]
        {
            assert_eq!(SecretValue::new(bytes.into()).core(), core.as_bytes(), "{bytes:?}");
        }
    }

    #[test]
    fn a_mac_depends_on_value_and_key_and_is_not_the_plain_digest() {
        let value = SecretValue::new(b"1234".to_vec());
        let mac = MacKey::new([1; 32]).mac(&value);
        assert_eq!(mac, MacKey::new([1; 32]).mac(&value.clone()));
        assert_ne!(mac, MacKey::new([2; 32]).mac(&value));
        assert_ne!(mac, MacKey::new([1; 32]).mac(&SecretValue::new(b"1235".to_vec())));
        assert_ne!(mac, Digest::of(b"1234"));
    }
}
