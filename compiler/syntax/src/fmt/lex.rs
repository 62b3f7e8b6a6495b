//! Text that the parser has accepted, in tokens that keep every byte that means something.

use crate::guard::is_newline;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a number, a keyword.
    Word,
    /// Quoted text, with its quotes.
    Text,
    Equals,
    Open,
    Close,
    ParenOpen,
    ParenClose,
    Slashdash,
    /// From `//` to the end of the line, without blanks at its end.
    LineComment,
    BlockComment,
    /// A `\` that continues a line.
    Continue,
    Newline,
    Semicolon,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Its first byte in the text.
    pub(super) at: usize,
}

/// All tokens of a text; blanks between them and a byte order mark are left out.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut at = 0;
    let mut out = Vec::new();
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        match token(rest) {
            (Some(kind), length) => {
                let end = at + length.max(1);
                let piece = text.get(at..end).unwrap_or_default();
                let piece = if kind == Kind::LineComment { piece.trim_end() } else { piece };
                out.push(Token { kind, text: piece, at });
                at = end;
            }
            (None, length) => at += length.max(1),
        }
    }
    out
}

/// The token that a text begins with, none for a blank; and its length.
fn token(rest: &str) -> (Option<Kind>, usize) {
    let c = rest.chars().next().unwrap_or(' ');
    let one = c.len_utf8();
    let kind = match c {
        '\r' if rest.starts_with("\r\n") => return (Some(Kind::Newline), 2),
        _ if is_newline(c) => Kind::Newline,
        '\u{feff}' => return (None, one),
        _ if c.is_whitespace() => return (None, one),
        '{' => Kind::Open,
        '}' => Kind::Close,
        '(' => Kind::ParenOpen,
        ')' => Kind::ParenClose,
        '=' => Kind::Equals,
        ';' => Kind::Semicolon,
        '\\' => Kind::Continue,
        '"' => return (Some(Kind::Text), quoted(rest)),
        '#' if rest.trim_start_matches('#').starts_with('"') => {
            return (Some(Kind::Text), raw(rest));
        }
        '/' if rest.starts_with("//") => {
            return (Some(Kind::LineComment), rest.find(is_newline).unwrap_or(rest.len()));
        }
        '/' if rest.starts_with("/*") => return (Some(Kind::BlockComment), comment(rest)),
        '/' if rest.starts_with("/-") => return (Some(Kind::Slashdash), 2),
        _ => {
            let delimiter = |c: char| {
                c.is_whitespace()
                    || matches!(c, '{' | '}' | '(' | ')' | '=' | ';' | '\\' | '"' | '/')
            };
            return (Some(Kind::Word), rest.find(delimiter).unwrap_or(rest.len()));
        }
    };
    (Some(kind), one)
}

/// `"…"` or `"""…"""`, with escapes.
fn quoted(rest: &str) -> usize {
    let quote = if rest.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let mut at = quote.len();
    while let Some(inner) = rest.get(at..) {
        if inner.starts_with(quote) {
            return at + quote.len();
        }
        match inner.chars().next() {
            Some('\\') => at += 1 + inner.chars().nth(1).map_or(0, char::len_utf8),
            Some(c) => at += c.len_utf8(),
            None => break,
        }
    }
    rest.len()
}

/// `#"…"#` with any number of `#`.
fn raw(rest: &str) -> usize {
    let inner = rest.trim_start_matches('#');
    let hashes = rest.len() - inner.len();
    let quote = if inner.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let end = format!("{quote}{}", "#".repeat(hashes));
    let start = hashes + quote.len();
    let found = rest.get(start..).and_then(|inner| inner.find(&end));
    found.map_or(rest.len(), |length| start + length + end.len())
}

/// `/*` to its `*/`, with comments in the comment.
fn comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(inner) = rest.get(at..) {
        if inner.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if inner.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            match inner.chars().next() {
                Some(c) => at += c.len_utf8(),
                None => break,
            }
        }
    }
    rest.len()
}
