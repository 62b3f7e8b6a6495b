//! Bytes of a text and positions of the protocol.

use lsp_types::{Position, PositionEncodingKind, Range};

/// What a character of a position counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Bytes.
    Utf8,
    /// Code units of UTF-16, which every client knows.
    Utf16,
}

impl Encoding {
    /// Bytes when the client knows them, since nothing is counted then.
    pub(crate) fn choose(offered: Option<&[PositionEncodingKind]>) -> Self {
        let utf8 = offered.is_some_and(|kinds| kinds.contains(&PositionEncodingKind::UTF8));
        if utf8 { Self::Utf8 } else { Self::Utf16 }
    }

    pub(crate) fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
        }
    }

    fn length(self, text: &str) -> usize {
        match self {
            Self::Utf8 => text.len(),
            Self::Utf16 => text.chars().map(char::len_utf16).sum(),
        }
    }
}

/// Where the lines of a text begin. Lines end with `\n`, `\r\n` or `\r`.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(at, byte)| {
            **byte == b'\n' || (**byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
        });
        Self { starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// The position of a byte; of the character that holds it when it begins none.
    pub(crate) fn position(&self, text: &str, at: usize, encoding: Encoding) -> Position {
        let at = floor(text, at);
        let line = self.starts.partition_point(|start| *start <= at).max(1) - 1;
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = text.get(start..at).unwrap_or_default();
        Position { line: number(line), character: number(encoding.length(before)) }
    }

    pub(crate) fn range(&self, text: &str, start: usize, end: usize, how: Encoding) -> Range {
        Range { start: self.position(text, start, how), end: self.position(text, end, how) }
    }

    /// The byte of a position. One behind a line's end is that end, one inside of a character is
    /// the character's beginning.
    pub(crate) fn offset(&self, text: &str, position: Position, encoding: Encoding) -> usize {
        let Some(start) = self.starts.get(position.line as usize).copied() else {
            return text.len();
        };
        let end = self.starts.get(position.line as usize + 1).copied().unwrap_or(text.len());
        let line = text.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r']);
        let mut left = position.character as usize;
        for (at, c) in line.char_indices() {
            let length = match encoding {
                Encoding::Utf8 => c.len_utf8(),
                Encoding::Utf16 => c.len_utf16(),
            };
            if left < length {
                return start + at;
            }
            left -= length;
        }
        start + line.len()
    }
}

/// The last byte not after `at` that begins a character.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Texts are bounded far below 4 GiB.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a é 🦀 b\r\n\rlast";

    #[test]
    fn characters_count_in_the_clients_units() {
        let lines = Lines::new(TEXT);
        // Byte, line, UTF-8, UTF-16.
        let cases = [
            (0, 0, 0, 0),
            (2, 0, 2, 2),
            (4, 0, 4, 3),
            (5, 0, 5, 4),
            (9, 0, 9, 6),
            (10, 0, 10, 7),
            (13, 1, 0, 0),
            (14, 2, 0, 0),
            (18, 2, 4, 4),
        ];
        for (at, line, bytes, units) in cases {
            for (encoding, character) in [(Encoding::Utf8, bytes), (Encoding::Utf16, units)] {
                let position = Position { line, character };
                assert_eq!(lines.position(TEXT, at, encoding), position, "byte {at}");
                assert_eq!(lines.offset(TEXT, position, encoding), at, "{position:?}");
            }
        }
    }

    #[test]
    fn positions_that_are_nowhere_are_somewhere_near() {
        let lines = Lines::new(TEXT);
        let at =
            |line, character| lines.offset(TEXT, Position { line, character }, Encoding::Utf16);
        // Inside of a surrogate pair, behind a line, behind the text.
        assert_eq!((at(0, 5), at(0, 99), at(1, 9), at(9, 0)), (5, 11, 13, TEXT.len()));
        assert_eq!(lines.position(TEXT, 6, Encoding::Utf16).character, 4);
        assert_eq!(lines.position(TEXT, 999, Encoding::Utf8), Position { line: 2, character: 4 });
    }
}
