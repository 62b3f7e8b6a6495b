//! The nodes of a text that may be half written.
//!
//! [`crate::parse`] reads a text that is whole, and says what is wrong with one that is not. An
//! editor has to answer in between: what stands under the cursor, what a role on another line
//! takes. This reader never refuses. It gives what [`crate::parse`] gives for a text without
//! mistakes, and for any other text the nodes that most likely are meant: a text without its
//! closing quote ends with its line, and where braces do not match, indentation decides.

mod spot;
mod text;

use forge_diag::{FileId, Span, Spanned};

use crate::guard::{MAX_SIZE, number, word_length};
use crate::{Entry, Node, Text, Value};

pub use spot::{Place, Spot};

/// Deeper blocks are not looked into; the guard refuses them earlier.
const MAX_DEPTH: usize = 40;

/// What [`outline`] reads.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// The nodes. Values that are not quoted count as text, reported or not.
    pub nodes: Vec<Node>,
    /// Comments, `/-` left out.
    pub comments: Vec<Span>,
}

/// Reads a text, whole or not.
pub fn outline(file: FileId, text: &str) -> Outline {
    if text.len() > MAX_SIZE {
        return Outline::default();
    }
    let (read, balanced) = Reader::new(file, text, false).run();
    if balanced { read } else { Reader::new(file, text, true).run().0 }
}

/// A node whose block is not closed yet.
struct Open {
    node: Node,
    indentation: usize,
    /// The block is behind `/-`: read, and forgotten.
    dropped: bool,
    /// The node goes on when the block is closed.
    goes_on: bool,
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    /// Where the line begins that holds `at`.
    line: usize,
    /// Nothing but blanks stands before `at` in its line.
    fresh: bool,
    /// Indentation closes blocks.
    recover: bool,
    balanced: bool,
    open: Vec<Open>,
    /// The node that is being read, and whether it is forgotten.
    current: Option<(Node, bool)>,
    /// A `/-` whose node, entry or block has not come yet.
    slashdash: bool,
    read: Outline,
}

impl<'a> Reader<'a> {
    fn new(file: FileId, text: &'a str, recover: bool) -> Self {
        Self {
            file,
            text,
            at: 0,
            line: 0,
            fresh: true,
            recover,
            balanced: true,
            open: Vec::new(),
            current: None,
            slashdash: false,
            read: Outline::default(),
        }
    }

    fn run(mut self) -> (Outline, bool) {
        while self.at < self.text.len() && self.open.len() <= MAX_DEPTH {
            self.step();
        }
        self.end_node();
        self.balanced &= self.open.is_empty();
        while !self.open.is_empty() {
            self.close(self.text.len());
            self.end_node();
        }
        (self.read, self.balanced)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return };
        match c {
            '\n' => {
                self.end_node();
                self.newline(1);
            }
            ';' => {
                self.end_node();
                self.at += 1;
            }
            _ if c.is_whitespace() || c == '\u{feff}' => self.at += c.len_utf8(),
            _ if rest.starts_with("//") => {
                let length = rest.find('\n').unwrap_or(rest.len());
                self.comment(length);
            }
            _ if rest.starts_with("/*") => self.comment(text::comment(rest)),
            '\\' => self.continued(),
            _ => {
                if self.fresh && self.recover {
                    self.close_by_indentation(c == '}');
                }
                self.fresh = false;
                self.token(c);
            }
        }
    }

    fn token(&mut self, c: char) {
        match c {
            '{' => self.open_block(),
            '}' => {
                self.end_node();
                if self.open.is_empty() {
                    self.balanced = false;
                    self.at += 1;
                } else {
                    self.at += 1;
                    self.close(self.at);
                }
            }
            '(' => {
                let line = self.rest().lines().next().unwrap_or_default();
                self.at += line.find(')').map_or(1, |at| at + 1);
            }
            ')' | '=' => self.at += 1,
            _ if self.rest().starts_with("/-") => {
                self.slashdash = true;
                self.at += 2;
            }
            _ => self.element(),
        }
    }

    fn newline(&mut self, length: usize) {
        self.at += length;
        self.line = self.at;
        self.fresh = true;
    }

    /// A `\`: the node goes on in the next line.
    fn continued(&mut self) {
        self.at += 1;
        let rest = self.rest();
        let line = rest.find('\n').unwrap_or(rest.len());
        let blank = rest.get(..line).unwrap_or_default().trim_start();
        if blank.is_empty() || blank.starts_with("//") {
            self.at += line;
            self.newline(usize::from(line < rest.len()));
            // The node's own line decides, not this one.
            self.fresh = false;
        }
    }

    fn comment(&mut self, length: usize) {
        let (start, end) = (self.at, self.at + length);
        self.read.comments.push(self.span(start, end));
        self.at = end;
        if let Some(last) = self.text.get(start..end).and_then(|text| text.rfind('\n')) {
            self.line = start + last + 1;
        }
    }

    /// A name, an argument or a property.
    fn element(&mut self) {
        let first = self.word();
        let dropped = std::mem::take(&mut self.slashdash);
        if self.current.is_none() {
            let name = Spanned::new(first.shown(), first.span);
            let (head, span) = (first.span, first.span);
            let node = Node { name, entries: Vec::new(), children: Vec::new(), head, span };
            self.current = Some((node, dropped));
            return;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let gap = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let entry = if rest.get(gap..).is_some_and(|rest| rest.starts_with('=')) {
            let name = Some(Spanned::new(first.shown(), first.span));
            self.at += gap + 1;
            let value = self.value_behind_equals();
            Entry { name, span: value.span, reported: value.bare, value: value.value }
        } else {
            Entry { name: None, span: first.span, reported: first.bare, value: first.value }
        };
        if let Some((node, _)) = self.current.as_mut().filter(|_| !dropped) {
            node.head.end = entry.span.end;
            node.span.end = entry.span.end;
            node.entries.push(entry);
        }
    }

    fn value_behind_equals(&mut self) -> Word {
        let rest = self.rest();
        let gap = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let next = rest.get(gap..).and_then(|rest| rest.chars().next());
        let absent = |c: char| {
            // A word behind a blank is the next property rather than a value without quotes.
            let word = gap > 0 && !matches!(c, '"' | '#' | '(' | '-' | '+') && !c.is_ascii_digit();
            word || c.is_whitespace() || matches!(c, ';' | '{' | '}')
        };
        if next.is_none_or(absent) {
            let here = self.span(self.at, self.at);
            let value = Value::Text(Text { value: String::new(), raw: false });
            return Word { value, span: here, bare: true };
        }
        self.at += gap;
        if next == Some('(') {
            self.token('(');
        }
        self.word()
    }

    /// A quoted text, or a word up to a blank or a delimiter.
    fn word(&mut self) -> Word {
        let (start, rest) = (self.at, self.rest());
        if let Some(quoted) = text::quoted(rest) {
            self.at += quoted.length;
            if let Some(last) = self.text.get(start..self.at).and_then(|text| text.rfind('\n')) {
                self.line = start + last + 1;
            }
            let value = Value::Text(Text { value: quoted.value, raw: quoted.raw });
            return Word { value, span: self.span(start, self.at), bare: false };
        }
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let length = word_length(rest).max(first);
        let written = rest.get(..length).unwrap_or_default();
        self.at += length;
        let span = self.span(start, self.at);
        let (value, bare) = match written {
            "#true" => (Value::Bool(true), false),
            "#false" => (Value::Bool(false), false),
            "#null" => (Value::Null, false),
            _ => match number(written) {
                Some(value) => (value, false),
                None => (Value::Text(Text { value: written.to_owned(), raw: false }), true),
            },
        };
        Word { value, span, bare }
    }

    fn indentation(&self) -> usize {
        let line = self.text.get(self.line..).unwrap_or_default();
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }

    fn open_block(&mut self) {
        let here = self.span(self.at, self.at);
        self.at += 1;
        let indentation = self.indentation();
        let dropped = std::mem::take(&mut self.slashdash);
        let (node, forgotten) = self.current.take().unwrap_or_else(|| {
            let name = Spanned::new(String::new(), here);
            let (entries, children) = (Vec::new(), Vec::new());
            (Node { name, entries, children, head: here, span: here }, false)
        });
        // `node /-{ … }`: the node stays, its block does not.
        let goes_on = dropped && !forgotten;
        self.open.push(Open { node, indentation, dropped: dropped || forgotten, goes_on });
    }

    /// Ends the node that is being read, without a block.
    fn end_node(&mut self) {
        self.slashdash = false;
        if let Some((node, false)) = self.current.take() {
            self.keep(node);
        }
    }

    fn keep(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(parent) => parent.node.children.push(node),
            None => self.read.nodes.push(node),
        }
    }

    /// Closes the innermost block.
    fn close(&mut self, end: usize) {
        let Some(Open { mut node, dropped, goes_on, .. }) = self.open.pop() else { return };
        if goes_on {
            node.children.clear();
            self.current = Some((node, false));
        } else if !dropped {
            node.span = Span { end: self.span(end, end).end, ..node.span };
            self.keep(node);
        }
    }

    /// A line that is not indented further than a block's first line is not in the block.
    fn close_by_indentation(&mut self, brace: bool) {
        let here = self.indentation();
        // A brace closes the block of its own column; what is deeper was forgotten.
        let inside = |open: &Open| open.indentation < here || (brace && open.indentation == here);
        while self.open.last().is_some_and(|open| !inside(open)) {
            self.close(self.line);
            self.end_node();
        }
    }
}

struct Word {
    value: Value,
    span: Span,
    /// Not in quotes, and no value that stands without.
    bare: bool,
}

impl Word {
    fn shown(&self) -> String {
        match &self.value {
            Value::Text(text) => text.value.clone(),
            Value::Integer { written, .. } | Value::Float { written, .. } => written.clone(),
            Value::Bool(value) => format!("#{value}"),
            Value::Null => "#null".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
