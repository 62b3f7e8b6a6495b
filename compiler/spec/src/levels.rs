//! What a project says of warnings: `lints` in `forge.kdl`, and `allow="…"` at a node.

use forge_diag::{Code, Diagnostic, Level, Levels, Severity, Sink, Span, Spanned, codes};
use forge_syntax::reference::{Child, NodeKind};
use forge_syntax::{Cursor, Node, Value, Written, quote, suggest};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "lints",
    doc: "What the project makes of warnings, by code. It stands in `forge.kdl`, once. One node \
          with all that stands in it is let off by `allow=\"CODE\"` on its own line (several codes \
          with commas between), which weighs more. An `allow` that allows nothing is a warning.",
    args: &[],
    props: &[],
    children: &[
        Child::new("allow", "codes of warnings that are not shown"),
        Child::new("warn", "codes of warnings that are shown, as they are without a level"),
        Child::new("deny", "codes of warnings that are errors"),
    ],
    example: "lints { deny \"spec::param-unused\" \"spec::set-unused\" }",
};

/// Nodes whose properties are values of parameters, whatever they are called.
const TAKE_ANY: [&str; 4] = ["role", "controls", "set", "env"];

/// Reads `lints`.
pub(crate) fn decode(node: &Node, levels: &mut Levels, sink: &mut Sink) {
    let mut cursor = Cursor::of(node, &KIND);
    let mut said = false;
    for level in Level::ALL {
        for child in cursor.children(level.name()) {
            said = true;
            let mut below = Cursor::new(child);
            for written in below.some_args::<String>("code") {
                let Some(code) = warning(&written.value, written.span, sink) else { continue };
                if let Some(first) = levels.set(code, level, written.span) {
                    sink.push(
                        Diagnostic::error(
                            codes::SYNTAX_DUPLICATE,
                            format!("`{}` has two levels", code.short()),
                        )
                        .at(written.span, "and again here")
                        .and(first, "first here"),
                    );
                }
            }
            below.finish(sink);
        }
    }
    if !said && node.children.is_empty() && node.entries.is_empty() {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_EMPTY, "`lints` gives nothing a level")
                .at(node.head, "")
                .help("for example `lints { deny \"spec::param-unused\"; }`"),
        );
    }
    cursor.finish(sink);
}

/// Takes every `allow="CODE"` out of a file's nodes: it belongs to no kind of node, since it may
/// stand on all of them.
pub(crate) fn take_allows(nodes: &mut [Node], levels: &mut Levels, sink: &mut Sink) {
    for node in nodes {
        take_allow(node, levels, sink);
        take_below(&mut node.children, levels, sink);
    }
}

fn take_below(nodes: &mut [Node], levels: &mut Levels, sink: &mut Sink) {
    for node in nodes {
        if !TAKE_ANY.contains(&node.name.value.as_str()) {
            take_allow(node, levels, sink);
        }
        take_below(&mut node.children, levels, sink);
    }
}

fn take_allow(node: &mut Node, levels: &mut Levels, sink: &mut Sink) {
    let span = node.span;
    node.entries.retain(|entry| {
        let (Some(name), Value::Text(text)) = (&entry.name, &entry.value) else { return true };
        if name.value != "allow" || entry.reported {
            return true;
        }
        for word in text.value.split(',').map(str::trim) {
            if let Some(code) = warning(word, entry.span, sink) {
                levels.allow_at(code, span, entry.span);
            }
        }
        false
    });
}

/// The code of a warning; everything else is reported.
fn warning(written: &str, span: Span, sink: &mut Sink) -> Option<Code> {
    let found = codes::find(&format!("forge::{written}"));
    let Some(code) = found else {
        let short = written.strip_prefix("forge::").unwrap_or(written);
        let found = Diagnostic::error(codes::LINT_UNKNOWN, format!("there is no code `{written}`"))
            .at(span, "no finding has it");
        sink.push(match codes::look_up(short) {
            codes::Found::One(code) => {
                let quoted = quote(code.short());
                found.help(format!("write {quoted}")).mend(span, quoted)
            }
            codes::Found::Several(_) | codes::Found::None => {
                let warnings = codes::ALL.iter().filter(|code| code.severity == Severity::Warning);
                let name = Spanned::new(short.to_owned(), span);
                suggest(found, &name, Written::Quoted, warnings.map(|code| code.short()))
            }
        });
        return None;
    };
    if code.severity == Severity::Error {
        sink.push(
            Diagnostic::error(
                codes::LINT_ERROR,
                format!("findings of `{written}` are errors, and have no other level"),
            )
            .at(span, "no warning"),
        );
        return None;
    }
    Some(code)
}
