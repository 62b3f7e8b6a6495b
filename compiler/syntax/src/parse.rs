use std::collections::BTreeSet;

use forge_diag::{Diagnostic, FileId, Sink, Span, Spanned, codes};
use kdl::{KdlDiagnostic, KdlDocument, KdlEntry, KdlIdentifier, KdlNode, KdlValue};
use miette::SourceSpan;

use crate::from_value::truth;
use crate::guard::{Guarded, guard, list_property};
use crate::reference::NODES;
use crate::{Entry, Node, Text, Value, quote};

/// Bytes of stack for each byte of a text that is all mistakes: kdl 6.7.1 took 655 on x86-64.
const STACK_PER_BYTE: usize = 1 << 10;
/// What it takes for the nesting that the guard lets through.
const STACK: usize = 1 << 20;
/// Mistakes of the parser in one file, after which the rest is left unread.
const MISTAKES: usize = 1_000;

/// The nodes of a text of the source map; none when it cannot be read at all. All mistakes that
/// are found go to the sink.
pub fn parse(file: FileId, text: &str, sink: &mut Sink) -> Option<Vec<Node>> {
    let guarded = guard(file, text, sink)?;
    let commas = guarded.commas.clone();
    let mut reader = Reader { file, text, guarded: &guarded, base: 0, commas, sink };
    let (mut read, mut mistakes) = (Vec::new(), 0);
    for (base, part) in guarded.parts() {
        reader.base = base;
        let stack = STACK + part.len() * STACK_PER_BYTE;
        let parsed = stacker::maybe_grow(stack, stack, || KdlDocument::parse_v2(part));
        match parsed {
            Ok(document) if mistakes == 0 => read.extend(reader.nodes(document.nodes())),
            Ok(_) => {}
            Err(errors) => {
                mistakes += errors.diagnostics.len();
                reader.mistakes(base + part.len(), &errors.diagnostics);
            }
        }
        if mistakes > MISTAKES {
            reader.rest_is_not_read(base + part.len());
            break;
        }
    }
    if mistakes > 0 {
        return None;
    }
    for at in std::mem::take(&mut reader.commas) {
        reader.comma(at, at + 1);
    }
    Some(read)
}

fn diagnostic(file: FileId, base: usize, part: &str, error: &KdlDiagnostic) -> Diagnostic {
    let (mut start, length) = (error.span.offset(), error.span.len());
    let end = (start + length).min(part.len());
    // Some spans begin at the text's first byte and only end where the mistake is.
    if let Some(shown) = part.get(start..end)
        && let Some(line) = shown.trim_end().rfind('\n')
    {
        let rest = shown.get(line + 1..).unwrap_or_default();
        start += line + 1 + (rest.len() - rest.trim_start().len());
    }
    // And some begin within a character.
    let (start, end) = (part.floor_char_boundary(start), part.ceil_char_boundary(end));
    let headline = error.message.clone().unwrap_or_else(|| "this is not KDL".to_owned());
    let label = error.label.clone().unwrap_or_default();
    // A second node on a line is what the parser calls the document's missing end.
    let second = headline
        .contains("end of document")
        .then(|| "two nodes on one line have `;` between".to_owned());
    Diagnostic::error(codes::SYNTAX_KDL, lower_first(headline.trim_end_matches('.')))
        .at(Span::new(file, base + start, base + end), label)
        .maybe_help(error.help.clone().or(second))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    guarded: &'a Guarded,
    /// Where the part begins that is read.
    base: usize,
    /// Commas between values that are not spoken of yet.
    commas: BTreeSet<usize>,
    sink: &'a mut Sink,
}

impl Reader<'_> {
    /// The parser's own findings in a part, those that the guard did not name better.
    fn mistakes(&mut self, end: usize, found: &[KdlDiagnostic]) {
        let (file, base) = (self.file, self.base);
        // What the guard put in place of characters has other boundaries.
        let part = self.text.get(base..end).unwrap_or_default();
        self.sink.extend(found.iter().map(|error| diagnostic(file, base, part, error)));
    }

    fn rest_is_not_read(&mut self, at: usize) {
        if at >= self.text.len() {
            return;
        }
        let headline = format!("more than {MISTAKES} mistakes: the rest of the file is not read");
        // A part ends behind a node, but where there are only mistakes perhaps within a character.
        let last = self.text.floor_char_boundary(at.saturating_sub(1));
        let here = Span::new(self.file, last, self.text.ceil_char_boundary(at));
        self.sink.push(Diagnostic::error(codes::SYNTAX_KDL, headline).at(here, "up to here"));
    }

    /// First byte and one behind the last in the file.
    fn place(&self, span: SourceSpan) -> (usize, usize) {
        let start = self.base + span.offset();
        (start, start + span.len())
    }

    fn nodes(&mut self, nodes: &[KdlNode]) -> Vec<Node> {
        nodes.iter().flat_map(|node| self.node(node)).collect()
    }

    /// A node, and those that stand on its line without a `;` before them.
    fn node(&mut self, node: &KdlNode) -> Vec<Node> {
        let mut name = self.name(node.name());
        if let Some(annotation) = node.ty() {
            self.annotation(annotation);
        }
        let (mut made, mut entries) = (Vec::new(), Vec::new());
        for (at, entry) in node.entries().iter().enumerate() {
            if let Some(next) = self.begins_node(node, at) {
                let before = std::mem::replace(&mut name, next);
                let entries = self.lists(std::mem::take(&mut entries));
                let head = head(&before, &entries);
                made.push(Node { name: before, entries, children: Vec::new(), head, span: head });
                continue;
            }
            entries.push(self.entry(entry));
        }
        let entries = self.lists(entries);
        let head = head(&name, &entries);
        let (_, node_end) = self.place(node.span());
        let span = Span::new(self.file, name.span.start as usize, node_end);
        let children = node.children().map_or_else(Vec::new, |below| self.nodes(below.nodes()));
        made.push(Node { name, entries, children, head, span });
        made
    }

    /// The name of another node that an argument is meant as: a known one without quotes, behind
    /// a value and before one.
    fn begins_node(&mut self, node: &KdlNode, at: usize) -> Option<Spanned<String>> {
        let entries = node.entries();
        let entry = entries.get(at).filter(|entry| entry.name().is_none())?;
        let word = entry.value().as_string().filter(|word| NODES.contains(word))?;
        let before = entries.get(at.checked_sub(1)?)?;
        let after = entries.get(at + 1).map_or(node.children().is_some(), |next| !is_bare(next));
        let (start, end) = self.place(entry.span());
        let reported = self.guarded.reported.contains_key(&start);
        if !is_bare(entry) || is_bare(before) || !after || reported {
            return None;
        }
        let (_, before) = self.place(before.span());
        let span = Span::new(self.file, start, end);
        self.sink.push(
            Diagnostic::error(codes::SYNTAX_KDL, format!("`;` is missing before `{word}`"))
                .at(span, "this begins another node")
                .help("two nodes on one line have `;` between")
                .mend(Span::new(self.file, before, before), ";"),
        );
        Some(Spanned::new(word.to_owned(), span))
    }

    /// Reports commas between entries. What they add to a property's value is a list, and is left
    /// out.
    fn lists(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut kept: Vec<Entry> = Vec::new();
        let (mut property, mut commas) = (None::<(usize, Vec<Span>)>, Vec::new());
        let mut end = None::<usize>;
        for entry in entries {
            let start = entry.name.as_ref().map_or(entry.span, |name| name.span).start as usize;
            let between = end.filter(|end| *end < start);
            let comma = between.and_then(|end| self.commas.range(end..start).next().copied());
            end = Some(entry.span.end as usize);
            let Some(comma) = comma else {
                self.list_property(&mut kept, property.take());
                kept.push(entry);
                continue;
            };
            let list = kept.last().is_some_and(|last| last.name.is_some()) && entry.name.is_none();
            if list {
                self.commas.remove(&comma);
                let values = property.get_or_insert_with(|| (kept.len() - 1, Vec::new()));
                values.1.push(entry.span);
                continue;
            }
            self.list_property(&mut kept, property.take());
            self.commas.remove(&comma);
            commas.push(comma);
            kept.push(entry);
        }
        self.list_property(&mut kept, property);
        if let (Some(first), Some(last)) = (commas.first(), commas.last()) {
            self.comma(*first, last + 1);
        }
        kept
    }

    fn list_property(&mut self, kept: &mut [Entry], list: Option<(usize, Vec<Span>)>) {
        let Some((index, more)) = list else { return };
        let Some(entry) = kept.get_mut(index) else { return };
        let Some(name) = &entry.name else { return };
        let first = entry.span;
        let last = more.last().copied().unwrap_or(first);
        let spans = std::iter::once(first).chain(more);
        let values: Vec<String> = spans.map(|span| self.written(span)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let found = list_property(&name.value, &values);
        self.sink.push(found.at(Span { end: last.end, ..name.span }, "a list"));
        entry.reported = true;
    }

    /// Commas from the first to behind the last one.
    fn comma(&mut self, first: usize, end: usize) {
        let span = Span::new(self.file, first, end);
        let mut mended = String::new();
        let text = self.text.get(first..end).unwrap_or_default();
        for (at, c) in text.char_indices().map(|(at, c)| (first + at, c)) {
            if !self.guarded.commas.contains(&at) {
                mended.push(c);
            } else if !self.text[at + 1..].starts_with(char::is_whitespace) {
                mended.push(' ');
            }
        }
        self.sink.push(
            Diagnostic::error(codes::SYNTAX_KDL, "values have no commas between them")
                .at(Span { end: span.start + 1, ..span }, "a comma")
                .help("leave it out: blanks stand between values")
                .mend(span, mended),
        );
    }

    fn name(&self, identifier: &KdlIdentifier) -> Spanned<String> {
        let (start, end) = self.place(identifier.span());
        let span = Span::new(self.file, start, end);
        let written = self.guarded.reported.get(&start);
        Spanned::new(written.cloned().unwrap_or_else(|| identifier.value().to_owned()), span)
    }

    fn annotation(&mut self, annotation: &KdlIdentifier) {
        let span = self.name(annotation).span;
        self.sink.push(
            Diagnostic::error(
                codes::SYNTAX_ANNOTATION,
                format!("the type annotation `({})` means nothing here", annotation.value()),
            )
            .at(span, "nothing reads this")
            .help("take it away"),
        );
    }

    fn entry(&mut self, entry: &KdlEntry) -> Entry {
        let name = entry.name().map(|name| self.name(name));
        if let Some(annotation) = entry.ty() {
            self.annotation(annotation);
        }
        let written = entry.format().map_or("", |format| format.value_repr.as_str());
        // An entry's span covers `(type)name=value`, and a value has none of its own.
        let (start, end) = self.place(entry.span());
        let value_start = end.saturating_sub(written.len()).max(start);
        let span = Span::new(self.file, value_start, end);
        if let Some(original) = self.guarded.reported.get(&value_start) {
            let value = Value::Text(Text { value: original.clone(), raw: false });
            return Entry { name, value, span, reported: true };
        }
        let value = match entry.value() {
            KdlValue::String(text) => {
                let raw = written.starts_with('#');
                let bare = !raw && !written.starts_with('"');
                if bare {
                    self.bare(text, span);
                }
                let value = Value::Text(Text { value: text.clone(), raw });
                return Entry { name, value, span, reported: bare };
            }
            KdlValue::Integer(value) => {
                Value::Integer { value: *value, written: self.written(span) }
            }
            KdlValue::Float(value) => Value::Float { value: *value, written: self.written(span) },
            KdlValue::Bool(value) => Value::Bool(*value),
            KdlValue::Null => Value::Null,
        };
        Entry { name, value, span, reported: false }
    }

    fn written(&self, span: Span) -> String {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default().to_owned()
    }

    /// Values without quotes are refused, so that a text has one spelling and a name that looks
    /// like a number one day does not change its meaning.
    fn bare(&mut self, text: &str, span: Span) {
        let quoted = quote(text);
        let found = Diagnostic::error(codes::SYNTAX_BARE, format!("`{text}` is not quoted"))
            .at(span, "text stands in quotes");
        self.sink.push(match truth(text) {
            Some(value) => found
                .help(format!("write `#{value}`, or {quoted} for text"))
                .offer(span, format!("#{value}"))
                .offer(span, quoted),
            // A package may be called `file`.
            None if NODES.contains(&text) => {
                let help = format!(
                    "write {quoted}; where another node begins here, `;` or the end of the line \
                     stands before it"
                );
                found.help(help).offer(span, quoted)
            }
            None => found.help(format!("write {quoted}")).mend(span, quoted),
        });
    }
}

/// From the name to the last entry.
fn head(name: &Spanned<String>, entries: &[Entry]) -> Span {
    let end = entries.last().map_or(name.span.end, |entry| entry.span.end);
    Span { end: end.max(name.span.end), ..name.span }
}

/// A word without quotes.
fn is_bare(entry: &KdlEntry) -> bool {
    let written = entry.format().map_or("", |format| format.value_repr.as_str());
    entry.value().is_string() && !written.starts_with(['"', '#'])
}

#[cfg(test)]
mod tests {
    use forge_diag::SourceMap;

    use super::*;

    fn read(text: &str) -> (Option<Vec<Node>>, Vec<String>) {
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let nodes = crate::load("a.kdl", text.as_bytes(), &mut map, &mut sink)
            .and_then(|file| parse(file, text, &mut sink));
        let shown = |found: &Diagnostic| {
            let place = found.span().map_or("", |span| map.slice(span));
            format!("{} {} @ {place}", found.code.name, found.headline)
        };
        (nodes, sink.into_sorted().iter().map(shown).collect())
    }

    #[test]
    fn values_have_spans_of_their_own() {
        let text = "// c\nrole \"a\" x = 12 y=#\"r\"# {\n  t \"\"\"\n    é\n    \"\"\"\n}\n";
        let (nodes, found) = read(text);
        assert_eq!(found, [""; 0]);
        let node = &nodes.unwrap()[0];
        let slice = |span: Span| &text[span.start as usize..span.end as usize];
        let values: Vec<&str> = node.entries.iter().map(|entry| slice(entry.span)).collect();
        assert_eq!(values, ["\"a\"", "12", "#\"r\"#"]);
        assert_eq!(slice(node.head), "role \"a\" x = 12 y=#\"r\"#");
        assert!(slice(node.span).ends_with('}'));
        let raw = |node: &Node, at: usize| match &node.entries[at].value {
            Value::Text(text) => (text.value.clone(), text.raw),
            other => panic!("{other:?}"),
        };
        assert_eq!(raw(node, 2), ("r".to_owned(), true));
        assert_eq!(raw(&node.children[0], 0), ("é".to_owned(), false));
    }

    #[test]
    fn hostile_texts_are_refused_with_an_ordinary_error() {
        let cases = [
            ("a {".repeat(5000), "forge::syntax::depth blocks are nested deeper than 32 @ {"),
            (
                "a /-{ ".repeat(60),
                "forge::syntax::depth blocks commented out with `/-` are nested deeper than 3 @ {",
            ),
            (
                "/- a { ".repeat(60),
                "forge::syntax::depth blocks commented out with `/-` are nested deeper than 3 @ {",
            ),
            (
                "/- a \\ // c\n{ ".repeat(20),
                "forge::syntax::depth blocks commented out with `/-` are nested deeper than 3 @ {",
            ),
            ("/*".repeat(5000), "forge::syntax::depth comments are nested deeper than 8 @ /*"),
            (
                "a \"\u{202e}\"".to_owned(),
                "forge::syntax::invisible an invisible control character (U+202E) in the text @ \u{202e}",
            ),
            ("a\0".to_owned(), "forge::syntax::encoding NUL (U+0000) in the text @ \0"),
            (" ".repeat((4 << 20) + 1), "forge::syntax::size `a.kdl` is larger than 4 MiB @ "),
        ];
        for (text, want) in cases {
            let (nodes, found) = read(&text);
            assert!(nodes.is_none());
            let shown: String = text.chars().take(30).collect();
            assert_eq!(found, [want], "{shown}");
        }
    }

    /// Test threads have 2 MiB of stack, and one part of this takes far more of kdl's calls.
    #[test]
    fn mistakes_outside_of_blocks_are_bounded() {
        for piece in ["=", ")", "{}", "a=b", "(u8)", "=6000", "\"\"\"", "1=1", "'", "${", "["] {
            for (before, behind) in [("", ""), ("a\"", "\"\n"), ("a\"b\"c {\nd \"", "\"\n}\n")] {
                let text = format!("{before}{}{behind}", piece.repeat(50_000 / piece.len()));
                let (_, found) = read(&text);
                assert!(!found.is_empty(), "{before}{piece}");
            }
        }
        let large = format!("a\nb {{\n{}}}\n", "    c \"d\"\n".repeat(30_000));
        let (nodes, found) = read(&large);
        assert!(nodes.is_none());
        assert_eq!(found, ["forge::syntax::size a node is larger than 256 kB @ b {"]);
        let lines = "=\n".repeat(100_000);
        let (_, found) = read(&lines);
        let last = found.last().unwrap();
        assert!(last.contains("the rest of the file is not read"), "{last}");
    }

    #[test]
    fn what_is_left_unread_begins_at_a_whole_character() {
        let mistakes = "ase \"".repeat(2_280);
        for (text, unread) in [
            (format!("base \"{mistakes}\u{a1}"), false),
            (format!("base {mistakes}\u{a1}\n{}", "a\n".repeat(10_000)), true),
        ] {
            let (mut map, mut sink) = (SourceMap::new(), Sink::new());
            let file = map.add("a.kdl", text.as_str());
            parse(file, &text, &mut sink);
            let found = sink.into_sorted();
            for span in found.iter().filter_map(Diagnostic::span) {
                assert!(text.get(span.start as usize..span.end as usize).is_some(), "{span:?}");
            }
            let said = found.iter().any(|one| one.headline.contains("is not read"));
            assert_eq!(said, unread);
        }
    }

    #[test]
    fn parts_are_read_as_the_whole_is() {
        let nodes = "role \"a\" x=1 \\ // b\n  y=\"é\" { c \"\"\"\n  ;\n  \"\"\"; }\n/- d\n e {\n}\n\
                     f;g \"h\" /* \n */ i=#\"\n;\"#;";
        let nodes = nodes.replace("=#\"\n;\"#", "=#\";\"#");
        let text = format!("\u{feff}{}", nodes.repeat(1_000));
        let (read, found) = read(&text);
        assert_eq!(found, [""; 0]);
        let whole = KdlDocument::parse_v2(&text).unwrap();
        let shape = |node: &KdlNode| {
            (node.name().value().to_owned(), node.entries().len(), node.span().offset())
        };
        let whole: Vec<_> = whole.nodes().iter().map(shape).collect();
        let shape = |node: &Node| {
            (node.name.value.clone(), node.entries.len(), node.name.span.start as usize)
        };
        assert_eq!(read.unwrap().iter().map(shape).collect::<Vec<_>>(), whole);
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let guarded = guard(map.add("a.kdl", &*text), &text, &mut sink).unwrap();
        assert!(guarded.parts().count() > 4);
        assert_eq!(guarded.parts().map(|(_, part)| part).collect::<String>(), guarded.text);
    }

    #[test]
    fn texts_that_are_not_closed_say_where_they_begin() {
        let cases = [
            ("a \"b\nc", "forge::syntax::unclosed a quoted text is not closed on its line @ \"b"),
            ("a \"\"\"\nb", "forge::syntax::unclosed a `\"\"\"` text is never closed @ \"\"\""),
            ("a /* b", "forge::syntax::unclosed `/*` is never closed @ /*"),
            ("a {\n", "forge::syntax::unclosed `{` is never closed @ {"),
            ("a\n}\n", "forge::syntax::unclosed `}` closes nothing @ }"),
            ("a b=\n", "forge::syntax::kdl"),
        ];
        for (text, want) in cases {
            let (nodes, found) = read(text);
            assert!(nodes.is_none());
            assert!(found.len() == 1 && found[0].starts_with(want), "{text}: {found:?}");
        }
    }

    #[test]
    fn places_are_those_of_whole_characters() {
        let text = "rolewhen-1{10.0.0.1 source=\"x\"#true}étrue*/\"debian suite=\"b\"//#true${a}\"#debian \
                    suite=\"b\"paramdebian suite=\"b\"//\"#*/file{";
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let file = crate::load("a.kdl", text.as_bytes(), &mut map, &mut sink).unwrap();
        assert!(parse(file, text, &mut sink).is_none());
        for span in sink.into_sorted().iter().filter_map(Diagnostic::span) {
            assert!(text.get(span.start as usize..span.end as usize).is_some(), "{span:?}");
        }
    }

    #[test]
    fn traps_do_not_hide_the_rest_of_the_file() {
        let text = "a 479e3a25\nb /etc/passwd\nc ${x}/y\nd true\ne word\nf (u8)1\n";
        let (nodes, found) = read(text);
        assert_eq!(nodes.map(|nodes| nodes.len()), Some(6));
        let want = [
            "forge::syntax::bare `479e3a25` is not quoted @ 479e3a25",
            "forge::syntax::bare `/etc/passwd` is not quoted @ /etc/passwd",
            "forge::syntax::interpolation `${x}/y` stands outside of quotes @ ${x}/y",
            "forge::syntax::keyword `true` is no value of KDL @ true",
            "forge::syntax::bare `word` is not quoted @ word",
            "forge::syntax::annotation the type annotation `(u8)` means nothing here @ u8",
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn habits_of_other_languages_are_one_finding_and_mended() {
        let cases = [
            (
                "base \"b\" packages \"vim\"",
                "`;` is missing before `packages`",
                "base \"b\"; packages \"vim\"",
            ),
            (
                "packages \"vim\", \"a\",\"b\"",
                "values have no commas between them",
                "packages \"vim\" \"a\" \"b\"",
            ),
            (
                "packages [\"vim\", \"b\"]",
                "arguments have no brackets around them",
                "packages \"vim\" \"b\"",
            ),
            ("# comment {\na", "a comment begins with `//`", "// comment {\na"),
            ("a \"b\" # it's", "a comment begins with `//`", "a \"b\" // it's"),
            ("a 'b-c'", "text does not stand between `'`", "a \"b-c\""),
            ("a \u{201c}b c\u{201d}", "text does not stand between `\u{201c}`", "a \"b c\""),
            ("a r#\"b\"#", "a raw text begins with `#`", "a #\"b\"#"),
            ("a r\"b\\d\"", "a raw text begins with `#`", "a #\"b\\d\"#"),
            ("a \"b\\d\"", "`\\d` is no escape of a quoted text", "a #\"b\\d\"#"),
            ("a \"b\"\n{\n  c\n}", "`{` stands on a line of its own", "a \"b\" {\n  c\n}"),
            ("a \"b\"\n  c=1", "`c=` stands on a line of its own", "a \"b\" \\\n  c=1"),
        ];
        for (text, headline, mended) in cases {
            let (mut map, mut sink) = (SourceMap::new(), Sink::new());
            let file = map.add("a.kdl", text);
            assert!(parse(file, text, &mut sink).is_some(), "{text}");
            let found = sink.into_sorted();
            let headlines: Vec<&str> = found.iter().map(|one| one.headline.as_str()).collect();
            assert_eq!(headlines, [headline], "{text}");
            let fixes = forge_diag::sure_fixes(&found, file);
            assert_eq!(forge_diag::apply_fixes(text, &fixes), mended);
            assert!(parse(file, mended, &mut Sink::new()).is_some());
        }
    }

    #[test]
    fn lists_of_properties_are_shown_as_child_nodes() {
        for text in ["role \"a\" c=\"x\", \"y\" d=1", "role \"a\" c=[\"x\", \"y\"] d=1"] {
            let (mut map, mut sink) = (SourceMap::new(), Sink::new());
            let nodes = parse(map.add("a.kdl", text), text, &mut sink).unwrap();
            assert_eq!(nodes[0].entries.len(), 3, "{text}");
            let found = sink.into_sorted();
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].headline, "`c=` takes one value, not a list");
            let help = "write a list as a child node: `{ c \"x\" \"y\" }`";
            assert_eq!(found[0].help.as_deref(), Some(help));
        }
    }

    #[test]
    fn what_belongs_to_an_else_is_read_over() {
        let (nodes, found) = read("when \"a\" {\n  b 1\n} else {\n  c 1\n}\nd");
        assert_eq!(found, ["forge::syntax::kdl there is no `else` @ else"]);
        assert_eq!(nodes.map(|nodes| nodes.len()), Some(2));
    }
}
