use std::fmt;

use zeroize::Zeroizing;

/// How a value may be written where it should not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Byte for byte.
    Plain,
    /// Hexadecimal digits, of either case.
    Hex,
    /// Base64 of the standard or the URL alphabet, alone or amid other data.
    Base64,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Hex => "hex",
            Self::Base64 => "base64",
        })
    }
}

/// A value in one form, wiped when dropped.
pub(crate) type Written = Zeroizing<Vec<u8>>;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `value` in hex of both cases and in base64 at its three alignments, without doubles.
pub(crate) fn encodings(value: &[u8]) -> Vec<(Form, Written)> {
    let mut all = vec![
        (Form::Hex, hex(value, b"0123456789abcdef")),
        (Form::Hex, hex(value, b"0123456789ABCDEF")),
    ];
    for skipped in 0..3 {
        all.push((Form::Base64, base64(value, skipped, STANDARD)));
        all.push((Form::Base64, base64(value, skipped, URL)));
    }
    all.sort_by(|left, right| left.1.cmp(&right.1));
    all.dedup_by(|left, right| left.1 == right.1);
    all
}

fn hex(value: &[u8], digits: &[u8; 16]) -> Written {
    let pair = |byte: &u8| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]];
    Zeroizing::new(value.iter().flat_map(pair).collect())
}

/// The characters of base64 that `value` alone decides when `before` other bytes (0 to 2) stand
/// before it in its group of three; those that share bits with neighbours are left out.
fn base64(value: &[u8], before: usize, alphabet: &[u8; 64]) -> Written {
    let bits = 8 * value.len();
    // The first character that starts inside of the value, counted in bits from its start.
    let first = (6 - 8 * before % 6) % 6;
    let character = |at: usize| {
        let (byte, shift) = (at / 8, at % 8);
        let next = value.get(byte + 1).copied().unwrap_or(0);
        let window = u16::from_be_bytes([value[byte], next]);
        alphabet[usize::from((window >> (10 - shift)) & 63)]
    };
    let starts = (first..).step_by(6).take_while(|at| at + 6 <= bits);
    Zeroizing::new(starts.map(character).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(written: &Written) -> &str {
        std::str::from_utf8(written).unwrap()
    }

    #[test]
    fn base64_leaves_out_what_neighbours_decide() {
        // base64("secret42") is c2VjcmV0NDI=, of "x" before it eHNlY3JldDQy, of "xx" eHhzZWNyZXQ0Mg==.
        for (before, expected) in [(0, "c2VjcmV0ND"), (1, "NlY3JldDQy"), (2, "zZWNyZXQ0M")] {
            assert_eq!(text(&base64(b"secret42", before, STANDARD)), expected, "{before} before");
        }
        assert_eq!(text(&base64(b"\xfb\xff\xfe", 0, STANDARD)), "+//+");
        assert_eq!(text(&base64(b"\xfb\xff\xfe", 0, URL)), "-__-");
        assert_eq!(text(&base64(b"", 1, URL)), "");
    }

    #[test]
    fn hex_has_two_cases() {
        let all = encodings(b"\xab\x01");
        let hexes: Vec<_> = all.iter().filter(|(form, _)| *form == Form::Hex).collect();
        assert_eq!(hexes.len(), 2);
        assert!(hexes.iter().any(|(_, written)| text(written) == "ab01"));
        assert!(hexes.iter().any(|(_, written)| text(written) == "AB01"));
    }
}
