//! Texts of files that a program of the image reads: checked for their syntax, each mistake at the
//! place in the spec, the source or the template where it is written.

use std::ops::Range;

use forge_diag::{Code, Diagnostic, FileId, Severity, SourceMap, Span, codes};
use forge_model::{Content, ImagePath};

use crate::context::Context;
use crate::node::content::ContentDecl;
use crate::sudoers;
use crate::unit::UnitText;

/// Bytes of a file that is looked at. Files of these kinds have some lines.
const MOST: u64 = 1 << 20;

/// Mistakes of one text that are told. Whoever has more mends the first ones and looks again.
pub(crate) const MOST_MISTAKES: usize = 100;

/// The beginning of a text that a message quotes.
pub(crate) fn brief(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A mistake in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextMistake {
    /// The bytes that it is about.
    pub(crate) at: Range<usize>,
    pub(crate) code: Code,
    pub(crate) headline: String,
    /// What is to be said at its place.
    pub(crate) label: String,
    pub(crate) help: String,
    pub(crate) swap: Option<Swap>,
}

/// A word of a place, and what is meant by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Swap {
    pub(crate) written: String,
    pub(crate) text: String,
    /// Nothing else can be meant.
    pub(crate) sure: bool,
}

impl Swap {
    /// The finding with the change, where the word stands in the place just once.
    pub(crate) fn offer(&self, found: Diagnostic, map: &SourceMap, place: Span) -> Diagnostic {
        let found = found.offer_word(map, place, &self.written, &self.text);
        let Some(fix) = found.fixes.last().filter(|_| self.sure).cloned() else { return found };
        Diagnostic { fixes: Vec::new(), ..found }.mend(fix.span, fix.text)
    }
}

/// What reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Sudo,
    Systemd(UnitText),
}

impl Reader {
    fn of(path: &ImagePath) -> Option<Self> {
        if sudoers::is_read(path) {
            return Some(Self::Sudo);
        }
        UnitText::at(path).map(Self::Systemd)
    }

    fn mistakes(self, text: &str) -> Vec<TextMistake> {
        match self {
            Self::Sudo => sudoers::check_file(text)
                .into_iter()
                .map(|(at, mistake)| TextMistake {
                    at,
                    code: codes::SPEC_SUDOERS,
                    headline: sudoers::HEADLINE.to_owned(),
                    label: mistake.why,
                    help: mistake.help,
                    swap: mistake.swap,
                })
                .collect(),
            Self::Systemd(unit) => unit.mistakes(text),
        }
    }
}

/// Where a text comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Written<'a> {
    /// A text of the spec.
    Inline(Span),
    /// A file of the project, and where it is named.
    Source(&'a str, Span),
    /// What came of a template, and where that is named.
    Template(&'a str, Span),
}

/// Reports what is wrong in a declared file, where a program of the image could not read it.
pub(crate) fn check(cx: &mut Context<'_>, path: &ImagePath, content: &Content, decl: &ContentDecl) {
    if let Some(reader) = Reader::of(path) {
        check_content(cx, (path, reader), content, decl);
    }
}

/// The same for the text of a unit, of which drop-ins may say the rest.
pub(crate) fn check_part(
    cx: &mut Context<'_>,
    path: &ImagePath,
    content: &Content,
    decl: &ContentDecl,
) {
    if let Some(unit) = UnitText::at(path) {
        check_content(cx, (path, Reader::Systemd(unit.in_part())), content, decl);
    }
}

fn check_content(
    cx: &mut Context<'_>,
    (path, reader): (&ImagePath, Reader),
    content: &Content,
    decl: &ContentDecl,
) {
    let template;
    let (text, written) = match (content, decl) {
        (Content::Source(file), ContentDecl::Source(named)) => {
            return read(cx, (path, reader), &file.path, named.span);
        }
        (Content::Text(content), ContentDecl::Inline { text, .. }) => {
            (content, Written::Inline(text.span))
        }
        (Content::Text(content), ContentDecl::Template(named)) if !cx.exploring => {
            let Some(path) = cx.project_path(named) else { return };
            template = path;
            (content, Written::Template(&template, named.span))
        }
        _ => return,
    };
    report(cx, reader.mistakes(text), text, written);
}

/// The same for a file of the project, which is read for it. What is not text is passed over.
pub(crate) fn check_source(cx: &mut Context<'_>, path: &ImagePath, source: &str, named: Span) {
    if let Some(reader) = Reader::of(path) {
        read(cx, (path, reader), source, named);
    }
}

fn read(cx: &mut Context<'_>, (path, reader): (&ImagePath, Reader), source: &str, named: Span) {
    // Many images use one role.
    if !cx.checked.insert((path.clone(), named)) {
        return;
    }
    let bytes = cx.sources.read_at_most(source, MOST);
    let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    if let Some(text) = text {
        report(cx, reader.mistakes(&text), &text, Written::Source(source, named));
    }
}

fn report(cx: &mut Context<'_>, mistakes: Vec<TextMistake>, text: &str, written: Written<'_>) {
    for TextMistake { at, code, headline, label, help, swap } in mistakes {
        let line = brief(text.get(at.clone()).unwrap_or_default());
        let found = match code.severity {
            Severity::Error => Diagnostic::error(code, headline),
            Severity::Warning => Diagnostic::warning(code, headline),
        };
        let found = found.help(help);
        let (place, exact) = written.place(cx, text, at);
        let found = found.at(place, label);
        let found = match swap.filter(|_| exact) {
            Some(swap) => swap.offer(found, cx.map, place),
            None => found,
        };
        let found = match written {
            Written::Source(_, named) | Written::Template(_, named) if place != named => {
                found.and(named, "for this file")
            }
            _ => found,
        };
        cx.report(if exact { found } else { found.note(format!("the line is `{line}`")) });
    }
}

impl Written<'_> {
    /// The place of a part of the text, and whether just the same is written there.
    fn place(self, cx: &mut Context<'_>, text: &str, at: Range<usize>) -> (Span, bool) {
        match self {
            Self::Inline(span) => in_spec(cx.map.slice(span), text, &at)
                .map_or((span, false), |(place, exact)| {
                    (span.slice(place.start, place.end), exact)
                }),
            Self::Source(path, _) => (Span::new(file(cx, path, text), at.start, at.end), true),
            Self::Template(path, named) => {
                let known = cx.map.files().find(|file| &*cx.map.path(*file) == path);
                let line = text.get(at).unwrap_or_default();
                let place = known.and_then(|file| {
                    let (place, exact) = in_template(cx.map.text(file), line)?;
                    Some((Span::new(file, place.start, place.end), exact))
                });
                place.unwrap_or((named, false))
            }
        }
    }
}

/// The file of the project with this text, to point into.
fn file(cx: &mut Context<'_>, path: &str, text: &str) -> FileId {
    let same = |file: &FileId| &*cx.map.path(*file) == path && cx.map.text(*file) == text;
    let known = cx.map.files().find(same);
    known.unwrap_or_else(|| cx.map.add(path, text))
}

/// Where a part of a text stands in the string that it was written as, and whether it stands there
/// as it is: the string has an indentation that the text has not, escapes, and values to be put in.
fn in_spec(written: &str, text: &str, at: &Range<usize>) -> Option<(Range<usize>, bool)> {
    let part = text.get(at.clone())?;
    if let Some(start) = only(written, part) {
        return Some((start..start + part.len(), true));
    }
    // The lines of a `"""` block are lines of the text.
    let opens = written.trim_start_matches('#').starts_with("\"\"\"");
    let lines = written.split_inclusive('\n').count().checked_sub(2)?;
    if !opens || text.trim_end_matches('\n').split('\n').count() != lines {
        return None;
    }
    let line = text.get(..at.start)?.matches('\n').count();
    let shown = written.split_inclusive('\n').nth(line + 1)?;
    let start: usize = written.split_inclusive('\n').take(line + 1).map(str::len).sum();
    let first = part.lines().next()?;
    if let Some(inside) = only(shown, first) {
        return Some((start + inside..start + inside + first.len(), first == part));
    }
    // A line of blanks has no text at all.
    let shown = shown.trim_end();
    let indent = shown.len() - shown.trim_start().len();
    Some((start + indent..start + shown.len(), false))
}

/// Where the template of a line stands, and whether the line is there as it is.
fn in_template(template: &str, line: &str) -> Option<(Range<usize>, bool)> {
    if let Some(start) = only(template, line) {
        return Some((start..start + line.len(), true));
    }
    let mut at = 0;
    let mut found = None;
    for written in template.split_inclusive('\n') {
        let shown = written.trim();
        let start = at + (written.len() - written.trim_start().len());
        at += written.len();
        if shown.contains("{{") && makes(shown, line) {
            if found.is_some() {
                return None;
            }
            found = Some((start..start + shown.len(), false));
        }
    }
    found
}

/// Whether a line of a template may have made a line: what is written in it stands there, in order,
/// with anything for the values.
fn makes(template: &str, line: &str) -> bool {
    let mut literals = template.split("{{").enumerate().map(|(number, piece)| match number {
        0 => piece,
        _ => piece.split_once("}}").map_or("", |(_, literal)| literal),
    });
    let first = literals.next().unwrap_or_default();
    let Some(mut rest) = line.trim().strip_prefix(first) else { return false };
    let others: Vec<&str> = literals.collect();
    let Some((last, between)) = others.split_last() else { return rest.is_empty() };
    for literal in between {
        let Some(at) = rest.find(literal) else { return false };
        rest = &rest[at + literal.len()..];
    }
    // A line that is all values could have made any.
    rest.ends_with(last) && (!first.is_empty() || others.iter().any(|one| !one.trim().is_empty()))
}

/// Where a part stands, when it stands once.
fn only(text: &str, part: &str) -> Option<usize> {
    let start = text.find(part).filter(|_| !part.is_empty())?;
    text.get(start + 1..)?.find(part).is_none().then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_in_their_templates() {
        let template = "alone\n  Nice={{ level }}\n{{ all }}\nExec={{ x }} {{ y|upper }} z\nb\nb\n";
        let cases = [
            ("alone", Some(("alone", true))),
            ("Nice=3", Some(("Nice={{ level }}", false))),
            ("Exec=1 2 z", Some(("Exec={{ x }} {{ y|upper }} z", false))),
            ("Exec=1 2", None),
            ("b", None),
            ("whatever", None),
        ];
        for (line, want) in cases {
            let found = in_template(template, line);
            let found = found.map(|(place, exact)| (&template[place], exact));
            assert_eq!(found, want, "{line}");
        }
    }

    #[test]
    fn parts_are_found_in_what_was_written() {
        let block = "\"\"\"\n    a ${x}\n    b \\t\n    b\n    \"\"\"";
        let text = "a 1\nb \t\nb\n";
        let cases = [
            (block, text, 0..3, Some(("a ${x}", false))),
            (block, text, 4..7, Some(("b \\t", false))),
            (block, text, 8..9, Some(("b", true))),
            ("\"a\\nb c\"", "a\nb c\n", 2..5, Some(("b c", true))),
            ("\"a\\nb\\u{41}\"", "a\nbA\n", 2..4, None),
            ("#\"a b\"#", "a b\n", 2..3, Some(("b", true))),
            // Values with lines of their own.
            ("\"\"\"\n  ${x}\n  c${y}\n  \"\"\"", "a\nb\nc1\n", 4..6, None),
        ];
        for (written, text, at, want) in cases {
            let found = in_spec(written, text, &at);
            let found = found.map(|(place, exact)| (&written[place], exact));
            assert_eq!(found, want, "{written} {at:?}");
        }
    }
}
