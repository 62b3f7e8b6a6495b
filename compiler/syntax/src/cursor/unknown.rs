//! What nobody asked for, and what is missing: with what is meant, where that can be known.

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};

use super::Cursor;
use crate::{Entry, Node, Value, Written, closest, quote, suggest, unknown_node};

impl Cursor<'_> {
    pub(super) fn unknown_child(
        &self,
        child: &Node,
        props: &[&'static str],
        children: &[&'static str],
    ) -> Diagnostic {
        let (name, owner) = (child.name.value.as_str(), self.name());
        let found = Diagnostic::error(
            codes::SYNTAX_UNKNOWN_NODE,
            format!("`{owner}` has no child node `{name}`"),
        )
        .at(child.name.span, "unknown node");
        if !props.contains(&name) {
            return unknown_node(found, &child.name, children.iter().copied());
        }
        let Some(mended) = self.as_written(child) else {
            return found.help(format!(
                "`{name}` is a property: write `{name}=…` on the line of `{owner}`"
            ));
        };
        let found = found
            .help(format!("`{name}` is a property: write `{mended}` on the line of `{owner}`"));
        let node = self.node;
        if node.children.len() > 1 {
            return found;
        }
        let block = Span { start: node.head.end, ..node.span };
        found.offer(block, format!(" {mended}"))
    }

    /// A child node as the property that it is meant as: of several values only where the property's
    /// text takes several.
    fn as_written(&self, child: &Node) -> Option<String> {
        let name = &child.name.value;
        let value = |entry: &Entry| match (&entry.name, &entry.value) {
            (None, Value::Text(text)) if !text.raw => Some(quote(&text.value)),
            (None, Value::Integer { written, .. }) => Some(written.clone()),
            (None, Value::Bool(value)) => Some(format!("#{value}")),
            _ => None,
        };
        let values: Vec<String> = child.entries.iter().map(value).collect::<Option<_>>()?;
        if !child.children.is_empty() {
            return None;
        }
        if let [one] = values.as_slice() {
            return Some(format!("{name}={one}"));
        }
        let field = self.kind?.props.iter().find(|field| field.name == name)?;
        let words = values.iter().map(|value| value.strip_prefix('"')?.strip_suffix('"'));
        let words: Vec<&str> = words.collect::<Option<_>>()?;
        let several = !words.is_empty() && field.ty.contains("with commas between");
        several.then(|| format!("{name}=\"{}\"", words.join(",")))
    }
}

/// What is missing and what stands there instead are one finding, which shows how the node is
/// written. `as_property`: a child node is written as a property.
pub(super) fn show_form(found: &mut Sink, head: Span, example: &str, as_property: bool) {
    let mut all = std::mem::take(found).into_sorted();
    // Mistakes of nodes below it are its own too.
    let here = |one: &Diagnostic| {
        one.span().is_some_and(|span| {
            span.file == head.file && head.start <= span.start && span.end <= head.end
        })
    };
    let strange = |one: &Diagnostic| {
        [codes::SYNTAX_ARGUMENT, codes::SYNTAX_UNKNOWN_PROPERTY].contains(&one.code) && here(one)
    };
    let missing = |one: &Diagnostic| one.code == codes::SYNTAX_MISSING && here(one);
    if as_property || all.iter().any(|one| strange(one) && !one.fixes.is_empty()) {
        // What is missing stands there under another name.
        all.retain(|one| !missing(one));
    }
    if let Some(first) = all.iter().position(missing) {
        let mut kept = all.remove(first);
        let several = all.iter().any(|one| missing(one) || strange(one));
        for other in all.extract_if(.., |one| missing(one) || strange(one)) {
            if let Some(span) = other.span().filter(|_| strange(&other)) {
                kept = kept.and(span, "not so");
            }
        }
        if several || kept.help.is_none() {
            kept = kept.help(format!("it is written like this: `{example}`"));
        }
        all.insert(0, kept);
    }
    found.extend(all);
}

/// The finding about a property that nothing reads, and whether a child node is meant.
pub(super) fn unknown_prop(
    node: &Node,
    (name, value): (&Spanned<String>, Span),
    props: &[&'static str],
    children: &[&'static str],
) -> (Diagnostic, bool) {
    let found = Diagnostic::error(
        codes::SYNTAX_UNKNOWN_PROPERTY,
        format!("`{}` has no property `{}`", node.name.value, name.value),
    )
    .at(name.span, "unknown property");
    let quoted = name.span.len() > name.value.len();
    if quoted && !props.contains(&name.value.as_str()) && name.span.end < value.start {
        let (gap, quoted) =
            (Span { start: name.span.end, end: value.start, ..value }, quote(&name.value));
        let help = format!("arguments have a blank between them, and no `=`: `{quoted} …`");
        return (found.help(help).mend(gap, " "), false);
    }
    if children.contains(&name.value.as_str()) {
        let help = format!("`{0}` is a child node: write `{{ {0} … }}`", name.value);
        return (found.help(help), true);
    }
    let sentence = match (node.name.value.as_str(), name.value.as_str()) {
        ("packages", "version") => {
            Some("a version is held by `pin \"NAME\" version=\"9.0*\" priority=1001`")
        }
        ("user", "gid") => Some("write `group=\"NAME\"`, and the id in `group \"NAME\" gid=…`"),
        _ => None,
    };
    if let Some(sentence) = sentence {
        return (found.help(sentence), false);
    }
    let near = closest(&name.value, children.iter().copied());
    if let (Some(near), None) = (near, closest(&name.value, props.iter().copied())) {
        let help = format!("did you mean the child node `{near}`: `{{ {near} … }}`?");
        return (found.help(help), true);
    }
    (suggest(found, name, Written::Bare, props.iter().copied()), false)
}
