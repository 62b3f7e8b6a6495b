//! The one style of spec files.
//!
//! ```text
//! text --parse--> is it KDL? --lex--> tokens --tree--> lines --print--> text, compared with the first
//! ```
//!
//! Only blanks, line ends and `;` are ever changed: names, values and comments are copied byte for
//! byte, in their order. What was written on one line stays there while it fits. The result is read
//! again and compared before anyone sees it.

mod lex;
mod print;
mod tree;

use forge_diag::{Diagnostic, FileId, Severity, Sink, Span, codes};

use self::lex::{Kind, tokens};
use crate::{Entry, Node};

/// The text of a file in the one style; none when it has mistakes of syntax, which go to the sink.
///
/// Formatting twice is formatting once, and the result means what the text meant.
pub fn format(file: FileId, text: &str, sink: &mut Sink) -> Option<String> {
    let mut found = Sink::new();
    let nodes = crate::parse(file, text, &mut found);
    let broken = found.has_errors();
    sink.append(found);
    let nodes = nodes.filter(|_| !broken)?;
    let read = tokens(text);
    let out = print::print(&tree::Reader::new(text, &read).document());
    if is_same(file, &nodes, text, &out) {
        return Some(out);
    }
    sink.push(
        Diagnostic::error(codes::SYNTAX_KDL, "this file cannot be formatted without a change")
            .at(Span::new(file, 0, 0), "left as it is")
            .note("this is a mistake of forge, not of the file: please report it"),
    );
    None
}

/// True when two texts hold the same nodes, and the same words and comments in the same order.
fn is_same(file: FileId, nodes: &[Node], text: &str, out: &str) -> bool {
    let mut found = Sink::new();
    let again = crate::parse(file, out, &mut found);
    let errors = found.into_sorted();
    !errors.iter().any(|found| found.severity == Severity::Error)
        && again.is_some_and(|again| is_equal(nodes, &again))
        && significant(text) == significant(out)
}

fn is_equal(a: &[Node], b: &[Node]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            a.name.value == b.name.value
                && is_equal_entries(&a.entries, &b.entries)
                && is_equal(&a.children, &b.children)
        })
}

fn is_equal_entries(a: &[Entry], b: &[Entry]) -> bool {
    let name = |entry: &Entry| entry.name.as_ref().map(|name| name.value.clone());
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            name(a) == name(b) && format!("{:?}", a.value) == format!("{:?}", b.value)
        })
}

/// Everything but blanks, line ends and what only separates.
fn significant(text: &str) -> Vec<(Kind, &str)> {
    let separates = |kind| matches!(kind, Kind::Newline | Kind::Semicolon | Kind::Continue);
    let read = tokens(text).into_iter().filter(|token| !separates(token.kind));
    read.map(|token| (token.kind, token.text)).collect()
}

#[cfg(test)]
mod tests;
