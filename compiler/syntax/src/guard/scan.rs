mod habit;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use forge_diag::{Diagnostic, FileId, Sink, Span, codes};

pub(crate) use habit::list_property;

use super::word::{self, Trap};
use super::{Guarded, is_newline};

/// Blocks in blocks: images with roles with files need four.
const MAX_DEPTH: usize = 32;
/// Comments in comments.
const MAX_COMMENTS: usize = 8;
/// Commented-out blocks in commented-out blocks.
const MAX_SLASHDASH: usize = 3;

/// An open brace.
struct Block {
    at: usize,
    indentation: usize,
    slashdashed: bool,
}

/// A `/-` whose node or block has not ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slashdash {
    None,
    /// Nothing but blanks since.
    Fresh,
    /// Words since: the next line ends it.
    Begun,
}

pub(super) struct Scanner<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    blocks: Vec<Block>,
    slashdash: Slashdash,
    /// A `\` outside of text: the node goes on in the next line.
    continued: bool,
    /// The line before ended in `\`.
    joined: bool,
    /// Where the last word of a node that may go on ended.
    before: Option<usize>,
    /// Where the line begins that holds `at`.
    line: usize,
    /// Anything but blanks has stood on the line.
    begun: bool,
    /// A line, and how many blanks it begins with.
    indented: (usize, usize),
    /// A block whose closing brace stands under another column than its opening line.
    askew: Option<usize>,
    /// Words that are not what they seem, with the beginning of their line.
    traps: Vec<(Range<usize>, usize, Trap)>,
    /// Where nodes of the document end: nothing goes on behind such a place.
    ends: Vec<usize>,
    /// Where comments stand.
    comments: Vec<Range<usize>>,
    /// Commas between values.
    commas: BTreeSet<usize>,
    /// What was written from the habit of another language, and what the parser is given instead.
    habits: Vec<Diagnostic>,
    patches: Vec<(Range<usize>, &'static str)>,
    /// Values among them: first byte to what was meant.
    meant: BTreeMap<usize, String>,
    fatal: Vec<Diagnostic>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(file: FileId, text: &'a str) -> Self {
        Self {
            file,
            text,
            at: 0,
            blocks: Vec::new(),
            slashdash: Slashdash::None,
            continued: false,
            joined: false,
            before: None,
            line: 0,
            begun: false,
            indented: (usize::MAX, 0),
            ends: Vec::new(),
            askew: None,
            traps: Vec::new(),
            comments: Vec::new(),
            commas: BTreeSet::new(),
            habits: Vec::new(),
            patches: Vec::new(),
            meant: BTreeMap::new(),
            fatal: Vec::new(),
        }
    }

    pub(super) fn run(mut self, sink: &mut Sink) -> Option<Guarded> {
        while self.fatal.is_empty() && self.at < self.text.len() {
            self.step();
        }
        if self.fatal.is_empty() {
            self.report_unclosed();
        }
        let (mut patched, mut reported) = (self.text.as_bytes().to_vec(), self.meant);
        // What is nested too deep was hardly written by hand.
        if self.fatal.iter().all(|found| found.code != codes::SYNTAX_DEPTH) {
            sink.extend(std::mem::take(&mut self.habits));
        }
        for (place, by) in &self.patches {
            // The last byte stands for all that are left.
            let bytes = by.bytes().chain(std::iter::repeat(by.bytes().last().unwrap_or(b' ')));
            for (byte, new) in
                patched.get_mut(place.clone()).unwrap_or_default().iter_mut().zip(bytes)
            {
                *byte = new;
            }
        }
        for (place, line, trap) in &self.traps {
            let written = self.text.get(place.clone()).unwrap_or_default();
            let span = Span::new(self.file, place.start, place.end);
            let before = self.text.get(*line..place.start).unwrap_or_default();
            sink.push(trap.diagnostic(written, span, before));
            if let Some(bytes) = patched.get_mut(place.clone()) {
                bytes.fill(b'_');
            }
            reported.insert(place.start, written.to_owned());
        }
        for comment in self.comments {
            blank(patched.get_mut(comment).unwrap_or_default());
        }
        if !self.fatal.is_empty() {
            sink.extend(self.fatal);
            return None;
        }
        // Whole words and single ASCII characters are replaced by ASCII, so the text stays UTF-8.
        let (commas, ends) = (self.commas, self.ends);
        String::from_utf8(patched).ok().map(|text| Guarded { text, reported, commas, ends })
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fail(&mut self, diagnostic: Diagnostic) {
        self.fatal.push(diagnostic);
        self.at = self.text.len();
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return };
        let start = self.at;
        self.token(c, rest);
        self.begun = !is_newline(c) && (self.begun || !c.is_whitespace());
        let blank = c.is_whitespace() || is_newline(c) || rest.starts_with('/');
        match c {
            '{' | '}' | ';' => self.before = None,
            '\\' | ',' => {}
            _ if blank || self.at == start => {}
            _ => self.before = Some(self.at),
        }
    }

    fn token(&mut self, c: char, rest: &'a str) {
        match c {
            _ if is_newline(c) => self.newline(c),
            _ if c.is_whitespace() => self.at += c.len_utf8(),
            '{' => self.open(),
            '}' => self.close(),
            ';' => {
                self.slashdash = Slashdash::None;
                self.at += 1;
            }
            '"' => self.string(),
            '#' if rest.trim_start_matches('#').starts_with('"') => self.raw_string(),
            _ if rest.starts_with("//") => {
                let start = self.at;
                self.at += rest.find(is_newline).unwrap_or(rest.len());
                self.comments.push(start..self.at);
            }
            _ if rest.starts_with("/*") => {
                let start = self.at;
                self.comment();
                self.comments.push(start..self.at);
            }
            _ if rest.starts_with("/-") => {
                self.slashdash = Slashdash::Fresh;
                self.at += 2;
            }
            '\\' => {
                self.continued = true;
                self.at += 1;
            }
            ',' => self.comma(),
            '(' if self.brackets("(") => {}
            '(' | ')' | '=' => self.at += 1,
            _ => self.word(),
        }
    }

    fn newline(&mut self, c: char) {
        // CRLF is one end of a line: a `\` before it reaches over both.
        self.at += if self.rest().starts_with("\r\n") { 2 } else { c.len_utf8() };
        self.line = self.at;
        if self.slashdash == Slashdash::Begun && !self.continued {
            self.slashdash = Slashdash::None;
        }
        if self.blocks.is_empty() && self.slashdash == Slashdash::None && !self.continued {
            self.ends.push(self.at);
        }
        self.joined = std::mem::take(&mut self.continued);
    }

    fn indentation(&mut self) -> usize {
        if self.indented.0 != self.line {
            let line = self.text.get(self.line..).unwrap_or_default();
            let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
            self.indented = (self.line, blanks);
        }
        self.indented.1
    }

    fn open(&mut self) {
        self.block_on_its_own_line();
        let slashdashed =
            std::mem::replace(&mut self.slashdash, Slashdash::None) != Slashdash::None;
        let indentation = self.indentation();
        self.blocks.push(Block { at: self.at, indentation, slashdashed });
        let (here, limit) = (self.span(self.at, self.at + 1), codes::SYNTAX_DEPTH);
        self.at += 1;
        if self.blocks.len() > MAX_DEPTH {
            self.fail(
                Diagnostic::error(limit, format!("blocks are nested deeper than {MAX_DEPTH}"))
                    .at(here, "one too deep"),
            );
        } else if self.blocks.iter().filter(|block| block.slashdashed).count() > MAX_SLASHDASH {
            let text =
                format!("blocks commented out with `/-` are nested deeper than {MAX_SLASHDASH}");
            self.fail(Diagnostic::error(limit, text).at(here, "one too deep"));
        }
    }

    fn close(&mut self) {
        self.slashdash = Slashdash::None;
        let Some(block) = self.blocks.pop() else {
            let here = self.span(self.at, self.at + 1);
            self.fail(
                Diagnostic::error(codes::SYNTAX_UNCLOSED, "`}` closes nothing")
                    .at(here, "no block is open here"),
            );
            return;
        };
        if !self.begun && self.at - self.line != block.indentation && self.askew.is_none() {
            self.askew = Some(block.at);
        }
        self.at += 1;
    }

    fn report_unclosed(&mut self) {
        let Some(block) = self.blocks.first() else {
            return;
        };
        let mut found = Diagnostic::error(codes::SYNTAX_UNCLOSED, "`{` is never closed")
            .at(self.span(block.at, block.at + 1), "this block has no end");
        if let Some(at) = self.askew {
            let text = "by its indentation, this is the block that lacks its `}`";
            found = found.and(self.span(at, at + 1), text);
        }
        self.fatal.push(found);
    }

    fn comment(&mut self) {
        let (start, mut depth) = (self.at, 0_usize);
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next() else {
                let here = self.span(start, start + 2);
                return self.fail(
                    Diagnostic::error(codes::SYNTAX_UNCLOSED, "`/*` is never closed")
                        .at(here, "this comment has no end"),
                );
            };
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
                if depth > MAX_COMMENTS {
                    let here = self.span(self.at - 2, self.at);
                    let text = format!("comments are nested deeper than {MAX_COMMENTS}");
                    return self.fail(
                        Diagnostic::error(codes::SYNTAX_DEPTH, text).at(here, "one too deep"),
                    );
                }
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += c.len_utf8();
                if is_newline(c) {
                    self.line = self.at;
                }
            }
        }
    }

    /// A quoted string: `"…"` on one line, or `"""` to `"""`, both with escapes.
    fn string(&mut self) {
        self.begin_value();
        let start = self.at;
        let block = self.rest().starts_with("\"\"\"");
        let quote = if block { "\"\"\"" } else { "\"" };
        self.at += quote.len();
        let mut unknown = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                self.at += quote.len();
                return self.unknown_escapes(start, block, &unknown);
            }
            match rest.chars().next() {
                Some('\\') => {
                    unknown.extend(habit::is_unknown_escape(rest).then_some(self.at));
                    self.escape();
                }
                Some(c) if block && is_newline(c) => self.skip_newline(c),
                None => return self.unclosed_string(start, block),
                Some(c) if is_newline(c) => return self.unclosed_string(start, block),
                Some(c) => self.at += c.len_utf8(),
            }
        }
    }

    /// A backslash takes the next character, or all blanks with their line breaks.
    fn escape(&mut self) {
        self.at += 1;
        let rest = self.rest();
        let blanks = rest.len() - rest.trim_start().len();
        if blanks > 0 {
            if let Some(last) = rest.get(..blanks).and_then(|text| text.rfind('\n')) {
                self.line = self.at + last + 1;
            }
            self.at += blanks;
        } else {
            self.at += rest.chars().next().map_or(0, char::len_utf8);
        }
    }

    fn skip_newline(&mut self, c: char) {
        self.at += c.len_utf8();
        self.line = self.at;
    }

    fn raw_string(&mut self) {
        self.begin_value();
        let start = self.at;
        let hashes = self.rest().len() - self.rest().trim_start_matches('#').len();
        self.at += hashes;
        let block = self.rest().starts_with("\"\"\"");
        let quote = if block { "\"\"\"" } else { "\"" };
        let end = format!("{quote}{}", "#".repeat(hashes));
        self.at += quote.len();
        let rest = self.rest();
        let found = rest.find(&end).filter(|at| block || !rest[..*at].contains(is_newline));
        match found {
            Some(length) => {
                if let Some(last) = rest[..length].rfind('\n') {
                    self.line = self.at + last + 1;
                }
                self.at += length + end.len();
            }
            None => self.unclosed_string(start, block),
        }
    }

    fn unclosed_string(&mut self, start: usize, block: bool) {
        let line = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
        let here = self.span(start, start + line.len());
        let found = if block {
            Diagnostic::error(codes::SYNTAX_UNCLOSED, "a `\"\"\"` text is never closed")
                .at(here, "it begins here")
                .help("close it with `\"\"\"` on a line of its own")
        } else {
            Diagnostic::error(codes::SYNTAX_UNCLOSED, "a quoted text is not closed on its line")
                .at(here, "it begins here")
                .help("add the closing `\"`; text of several lines stands between `\"\"\"`")
        };
        self.fail(found);
    }

    fn begin_value(&mut self) {
        if self.slashdash == Slashdash::Fresh {
            self.slashdash = Slashdash::Begun;
        }
    }

    fn word(&mut self) {
        self.begin_value();
        if self.other_quotes() {
            return;
        }
        let start = self.at;
        let length = word::length(self.rest()).max(1);
        let written = self.rest().get(..length).unwrap_or_default();
        let bare = written.trim_end_matches(',');
        let (written, length) =
            if bare.is_empty() { (written, length) } else { (bare, bare.len()) };
        if self.habit(written) {
            return;
        }
        self.at += length;
        if let Some(trap) = word::trap(written) {
            self.traps.push((start..start + length, self.line, trap));
        }
    }
}

/// Takes out of a comment what a parser that has lost its way could take for blocks.
fn blank(comment: &mut [u8]) {
    let mut before = 0;
    for byte in comment {
        let slashdash = before == b'/' && *byte == b'-';
        before = *byte;
        if slashdash || matches!(*byte, b'{' | b'}') {
            *byte = b' ';
        }
    }
}
