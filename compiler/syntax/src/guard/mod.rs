//! A linear pass before the parser.
//!
//! kdl 6.7.1 overflows the stack (an abort, not an error) at some 64 nested braces in a debug
//! build on a 2 MiB thread, and takes time exponential in nested `/-{`. Both are refused here with
//! an ordinary error, as are texts that nobody writes by hand. It also calls itself once more for
//! each mistake outside of blocks, so it is given the text in parts. The same pass knows the traps of
//! KDL for a reader of configuration files (`release 479e3a25`, `10.0.0.1`, `true`, `${x}` outside
//! of quotes): it reports each with the corrected text and hands the parser harmless words of the
//! same length in their place, so that the rest of the file is still read.

mod raw;
mod scan;
mod word;

pub(crate) use scan::list_property;
pub(crate) use word::{length as word_length, value as number};

use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{Diagnostic, FileId, Sink, SourceMap, Span, codes};

/// Bytes of a spec file: far more than any site writes.
pub const MAX_SIZE: usize = 4 << 20;

/// Bytes of a node of the document, blocks included: kdl 6.7.1 calls itself once more for each
/// mistake outside of blocks, and after a mistake may take texts for nodes.
const MAX_NODE: usize = 256 << 10;
/// Bytes of text that are parsed at a time, if nodes end there.
const PART: usize = 16 << 10;

/// A text that is safe to parse.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// The text, with reported words and the braces of comments made harmless. Nothing has moved.
    pub(crate) text: String,
    /// Reported words: first byte to what was written.
    pub(crate) reported: BTreeMap<usize, String>,
    /// Commas between values, which the parser is not shown.
    pub(crate) commas: BTreeSet<usize>,
    /// Where nodes of the document end.
    ends: Vec<usize>,
}

impl Guarded {
    /// The text in parts of whole nodes, each of some [`PART`] bytes: first byte and text.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut start = 0;
        let cuts = self.ends.iter().copied().chain([self.text.len()]);
        let whole = cuts.filter_map(move |end| {
            let last = end == self.text.len();
            let enough = end - start >= PART || last && end > start;
            enough.then(|| {
                let part = (start, self.text.get(start..end).unwrap_or_default());
                start = end;
                part
            })
        });
        whole.filter(|(_, text)| !text.is_empty())
    }

    /// The first node of the document that is larger than [`MAX_NODE`].
    fn too_large(&self, file: FileId) -> Option<Diagnostic> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ends = self.ends.iter().copied().chain([self.text.len()]);
        let (start, _) = starts.zip(ends).find(|(start, end)| end - start > MAX_NODE)?;
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.split(is_newline).next().unwrap_or_default();
        let end = start + line.floor_char_boundary(80);
        let headline = format!("a node is larger than {} kB", MAX_NODE >> 10);
        Some(
            Diagnostic::error(codes::SYNTAX_SIZE, headline)
                .at(Span::new(file, start, end), "it begins here")
                .help("move texts to files of their own, and name them by `source=`"),
        )
    }
}

/// Adds a file to the map, if it is text of a bearable size.
pub fn load(path: &str, bytes: &[u8], map: &mut SourceMap, sink: &mut Sink) -> Option<FileId> {
    if bytes.len() > MAX_SIZE {
        sink.push(too_large(path, map));
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let file = map.add(path, text);
            (!report_characters(file, text, sink)).then_some(file)
        }
        Err(wrong) => {
            let at = wrong.valid_up_to();
            let file = map.add(path, String::from_utf8_lossy(bytes));
            sink.push(
                Diagnostic::error(codes::SYNTAX_ENCODING, format!("`{path}` is not UTF-8"))
                    .at(Span::new(file, at, at + '\u{fffd}'.len_utf8()), "the first wrong byte")
                    .help("save the file as UTF-8"),
            );
            None
        }
    }
}

/// That a file is larger than [`MAX_SIZE`]. The map knows it without its text.
pub fn too_large(path: &str, map: &mut SourceMap) -> Diagnostic {
    let file = map.add(path, "");
    let headline = format!("`{path}` is larger than {} MiB", MAX_SIZE >> 20);
    Diagnostic::error(codes::SYNTAX_SIZE, headline).at(Span::new(file, 0, 0), "")
}

/// Reports characters that a reader cannot see but a parser obeys; true when there are any.
fn report_characters(file: FileId, text: &str, sink: &mut Sink) -> bool {
    /// One is enough to refuse the file; a binary file would have thousands.
    const SHOWN: usize = 5;
    let wrong =
        text.char_indices().filter(|(at, c)| is_invisible(*c) && (*at > 0 || *c != '\u{feff}'));
    let mut any = false;
    for (at, c) in wrong.take(SHOWN) {
        any = true;
        let (code, what) = match c {
            '\0' => (codes::SYNTAX_ENCODING, "NUL"),
            _ => (codes::SYNTAX_INVISIBLE, "an invisible control character"),
        };
        sink.push(
            Diagnostic::error(code, format!("{what} (U+{:04X}) in the text", u32::from(c)))
                .at(Span::new(file, at, at + c.len_utf8()), "here")
                .help("take it out; in quotes, write it as `\\u{…}`"),
        );
    }
    any
}

/// What KDL 2.0.0 takes for the end of a line (section 3.18).
pub(crate) fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What KDL 2.0.0 bans from documents (section 3.17), beside the byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'
        | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{feff}')
}

/// Scans a text; none when it must not be parsed.
pub(crate) fn guard(file: FileId, text: &str, sink: &mut Sink) -> Option<Guarded> {
    let guarded = scan::Scanner::new(file, text).run(sink)?;
    // What comments hold is gone from it.
    if let Some(found) = raw::too_deep(file, &guarded.text).or_else(|| guarded.too_large(file)) {
        sink.push(found);
        return None;
    }
    Some(guarded)
}
