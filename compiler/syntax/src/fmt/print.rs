//! Lines and blocks in the one style.

use super::lex::Kind;
use super::tree::{Block, Line, Part};
use crate::guard::is_newline;

const INDENTATION: &str = "    ";
/// Columns that a block on one line may reach.
const WIDTH: usize = 100;

/// A document as text.
pub(super) fn print(document: &Block<'_>) -> String {
    let mut printer = Printer { out: String::new(), bol: true, flat: false };
    printer.lines(document, 0);
    printer.out
}

struct Printer {
    out: String,
    /// Nothing stands on the current line yet.
    bol: bool,
    /// All blocks go on the current line.
    flat: bool,
}

impl Printer {
    fn lines(&mut self, block: &Block<'_>, depth: usize) {
        for line in &block.lines {
            if line.apart {
                self.out.push('\n');
            }
            self.line(line, depth);
            self.out.push('\n');
            self.bol = true;
        }
    }

    fn line(&mut self, line: &Line<'_>, depth: usize) {
        let mut previous = None;
        let mut indentation = depth;
        for part in &line.parts {
            match part {
                Part::Token(kind, text) => {
                    self.word(previous, *kind, text, indentation);
                    previous = Some(*kind);
                }
                Part::Block(block) => {
                    self.word(previous, Kind::Open, "", indentation);
                    self.block(block, indentation);
                    previous = Some(Kind::Close);
                }
                Part::Break { continued, comment } => {
                    if *continued {
                        self.word(previous, Kind::Continue, "\\", indentation);
                    }
                    if let Some(comment) = comment {
                        self.word(previous, Kind::LineComment, comment, indentation);
                    }
                    self.out.push('\n');
                    self.bol = true;
                    indentation = depth + 1;
                }
            }
        }
        if let Some(comment) = line.comment {
            self.word(previous, Kind::LineComment, comment, indentation);
        }
    }

    /// A token with the blank before it.
    fn word(&mut self, previous: Option<Kind>, kind: Kind, text: &str, indentation: usize) {
        if self.bol {
            self.out.push_str(&INDENTATION.repeat(indentation));
            self.bol = false;
        } else if is_apart(previous, kind) {
            self.out.push(' ');
        }
        self.out.push_str(text);
    }

    fn block(&mut self, block: &Block<'_>, depth: usize) {
        if block.lines.is_empty() && block.comment.is_none() {
            self.out.push_str("{}");
            return;
        }
        if self.flat {
            self.inline(block);
            return;
        }
        let start = self.out.rfind(is_newline).map_or(0, |at| at + 1);
        let column = self.out.get(start..).unwrap_or_default().chars().count();
        if block.one_line
            && let Some(inline) = fitting(block, WIDTH.saturating_sub(column))
        {
            self.out.push_str(&inline);
            return;
        }
        self.out.push('{');
        if let Some(comment) = block.comment {
            self.out.push(' ');
            self.out.push_str(comment);
        }
        self.out.push('\n');
        self.bol = true;
        self.lines(block, depth + 1);
        self.out.push_str(&INDENTATION.repeat(depth));
        self.out.push('}');
        self.bol = false;
    }

    fn inline(&mut self, block: &Block<'_>) {
        self.out.push('{');
        for (index, line) in block.lines.iter().enumerate() {
            if index > 0 {
                self.out.push(';');
            }
            self.line(line, 0);
        }
        self.out.push_str(" }");
    }
}

/// A block on one line, when it fits into `room` columns.
fn fitting(block: &Block<'_>, room: usize) -> Option<String> {
    let mut printer = Printer { out: String::new(), bol: false, flat: true };
    printer.inline(block);
    let out = printer.out;
    (!out.contains(is_newline) && out.chars().count() <= room).then_some(out)
}

/// True when a blank stands between two tokens of a line.
fn is_apart(previous: Option<Kind>, next: Kind) -> bool {
    let Some(previous) = previous else { return true };
    let comments = [Kind::BlockComment, Kind::LineComment];
    if comments.contains(&previous) || comments.contains(&next) {
        return true;
    }
    let joins = [Kind::Slashdash, Kind::Equals, Kind::ParenOpen, Kind::ParenClose];
    !joins.contains(&previous) && !matches!(next, Kind::Equals | Kind::ParenClose)
}
