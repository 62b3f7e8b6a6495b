use forge_diag::{Diagnostic, FileId, Sink, Span, Spanned, codes};
use kdl::{KdlDiagnostic, KdlDocument, KdlEntry, KdlIdentifier, KdlNode, KdlValue};

use crate::from_value::truth;
use crate::guard::{Guarded, guard};
use crate::{Entry, Node, Text, Value, quote};

/// The nodes of a text of the source map; none when it cannot be read at all. All mistakes that
/// are found go to the sink.
pub fn parse(file: FileId, text: &str, sink: &mut Sink) -> Option<Vec<Node>> {
    let guarded = guard(file, text, sink)?;
    match KdlDocument::parse_v2(&guarded.text) {
        Ok(document) => {
            let mut reader = Reader { file, text, guarded: &guarded, sink };
            Some(reader.nodes(document.nodes()))
        }
        Err(errors) => {
            sink.extend(errors.diagnostics.iter().map(|error| diagnostic(file, text, error)));
            None
        }
    }
}

/// The parser's own findings, those that the guard did not name better.
fn diagnostic(file: FileId, text: &str, error: &KdlDiagnostic) -> Diagnostic {
    let (mut start, length) = (error.span.offset(), error.span.len());
    let end = (start + length).min(text.len());
    // Some spans begin at the file's first byte and only end where the mistake is.
    if let Some(shown) = text.get(start..end)
        && let Some(line) = shown.trim_end().rfind('\n')
    {
        let rest = shown.get(line + 1..).unwrap_or_default();
        start += line + 1 + (rest.len() - rest.trim_start().len());
    }
    let headline = error.message.clone().unwrap_or_else(|| "this is not KDL".to_owned());
    let label = error.label.clone().unwrap_or_default();
    // A second node on a line is what the parser calls the document's missing end.
    let second = headline
        .contains("end of document")
        .then(|| "two nodes on one line have `;` between".to_owned());
    Diagnostic::error(codes::SYNTAX_KDL, lower_first(headline.trim_end_matches('.')))
        .at(Span::new(file, start, end), label)
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
    sink: &'a mut Sink,
}

impl Reader<'_> {
    fn nodes(&mut self, nodes: &[KdlNode]) -> Vec<Node> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn node(&mut self, node: &KdlNode) -> Node {
        let name = self.name(node.name());
        if let Some(annotation) = node.ty() {
            self.annotation(annotation);
        }
        let entries: Vec<Entry> = node.entries().iter().map(|entry| self.entry(entry)).collect();
        let head_end = entries.last().map_or(name.span.end, |entry| entry.span.end);
        let head = Span { end: head_end.max(name.span.end), ..name.span };
        let node_end = node.span().offset() + node.span().len();
        let span = Span::new(self.file, name.span.start as usize, node_end);
        let children = node.children().map_or_else(Vec::new, |below| self.nodes(below.nodes()));
        Node { name, entries, children, head, span }
    }

    fn name(&self, identifier: &KdlIdentifier) -> Spanned<String> {
        let (start, length) = (identifier.span().offset(), identifier.span().len());
        let span = Span::new(self.file, start, start + length);
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
        let (start, length) = (entry.span().offset(), entry.span().len());
        // An entry's span covers `(type)name=value`, and a value has none of its own.
        let end = start + length;
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
            None => found.help(format!("write {quoted}")).mend(span, quoted),
        });
    }
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
}
