mod unknown;

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};

use self::unknown::{show_form, unknown_prop};
use crate::reference::NodeKind;
use crate::{Entry, FromValue, Node, Value};

/// Reads one node: each thing asked for is taken, and [`Cursor::finish`] names what nobody took.
///
/// Names asked for are remembered, so that suggestions come from the decoder itself. Every
/// mistake is reported and reading goes on.
#[derive(Debug)]
pub struct Cursor<'a> {
    node: &'a Node,
    kind: Option<&'static NodeKind>,
    entries_taken: Vec<bool>,
    children_taken: Vec<bool>,
    arguments: usize,
    props: Vec<&'static str>,
    children: Vec<&'static str>,
    found: Sink,
    /// Values that were reported before and are not spoken of again.
    skipped: usize,
    /// What is written as a child node stands as a property, or is nearly called so.
    as_property: bool,
}

impl<'a> Cursor<'a> {
    /// A reader of `node`.
    pub fn new(node: &'a Node) -> Self {
        Self {
            node,
            kind: None,
            entries_taken: vec![false; node.entries.len()],
            children_taken: vec![false; node.children.len()],
            arguments: 0,
            props: Vec::new(),
            children: Vec::new(),
            found: Sink::new(),
            skipped: 0,
            as_property: false,
        }
    }

    /// A reader of `node` that knows all names of its kind, so that one which this decoder asks
    /// for only at times is not called unknown.
    pub fn of(node: &'a Node, kind: &'static NodeKind) -> Self {
        Self { kind: Some(kind), ..Self::new(node) }
    }

    /// The node's name.
    pub fn name(&self) -> &'a str {
        &self.node.name.value
    }

    /// The node's head: what labels about the whole node point at.
    pub fn head(&self) -> Span {
        self.node.head
    }

    /// The node.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Reports a mistake of this node; shown when the reader is finished.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// How many mistakes of this node are known so far.
    pub fn mistakes(&self) -> usize {
        self.found.len() + self.skipped
    }

    /// The next argument, which must be there; `what` says what it is: `a path`.
    pub fn arg<T: FromValue>(&mut self, what: &str) -> Option<Spanned<T>> {
        if let Some(entry) = self.next_argument() {
            return self.read(entry, &format!("{what} of `{}`", self.node.name.value));
        }
        let name = &self.node.name;
        let headline = format!("`{}` lacks {}", name.value, with_article(what));
        self.report(
            Diagnostic::error(codes::SYNTAX_MISSING, headline)
                .at(name.span, "expected an argument after this"),
        );
        None
    }

    /// The next argument, if there is one.
    pub fn optional_arg<T: FromValue>(&mut self, what: &str) -> Option<Spanned<T>> {
        let entry = self.next_argument()?;
        self.read(entry, &format!("{what} of `{}`", self.node.name.value))
    }

    /// All further arguments.
    pub fn args<T: FromValue>(&mut self, what: &str) -> Vec<Spanned<T>> {
        let mut values = Vec::new();
        while let Some(entry) = self.next_argument() {
            values.extend(self.read(entry, &format!("{what} of `{}`", self.node.name.value)));
        }
        values
    }

    /// All further arguments, of which there must be one.
    pub fn some_args<T: FromValue>(&mut self, what: &str) -> Vec<Spanned<T>> {
        let Some(first) = self.next_argument() else {
            return self.arg(what).into_iter().collect();
        };
        let name = format!("{what} of `{}`", self.node.name.value);
        let mut values: Vec<_> = self.read(first, &name).into_iter().collect();
        values.extend(self.args(what));
        values
    }

    fn next_argument(&mut self) -> Option<&'a Entry> {
        let node = self.node;
        let index = node
            .entries
            .iter()
            .enumerate()
            .position(|(at, entry)| entry.name.is_none() && !self.taken(at))?;
        self.take_entry(index);
        self.arguments += 1;
        node.entries.get(index)
    }

    fn taken(&self, index: usize) -> bool {
        self.entries_taken.get(index).copied().unwrap_or(true)
    }

    fn take_entry(&mut self, index: usize) {
        if let Some(taken) = self.entries_taken.get_mut(index) {
            *taken = true;
        }
    }

    fn read<T: FromValue>(&mut self, entry: &Entry, name: &str) -> Option<Spanned<T>> {
        match T::from_value(entry) {
            Ok(value) => Some(Spanned::new(value, entry.span)),
            Err(_) if entry.reported => {
                self.skipped += 1;
                None
            }
            Err(mistake) => {
                let code = mistake.code.unwrap_or(codes::SYNTAX_TYPE);
                // What has a code of its own is text of a certain form.
                let seen = match &entry.value {
                    Value::Text(_) if mistake.code.is_some() => "none",
                    value => value.what(),
                };
                let found = Diagnostic::error(code, format!("{name} must be {}", T::EXPECTED))
                    .at(entry.span, format!("this is {seen}"));
                let found = mistake.explain(found, entry.span);
                let null = entry.value == Value::Null && found.help.is_none();
                self.report(if null { found.help("leave it out") } else { found });
                None
            }
        }
    }

    /// The property `name`, if it is given.
    pub fn prop<T: FromValue>(&mut self, name: &'static str) -> Option<Spanned<T>> {
        let entry = self.prop_entry(name)?;
        self.read(entry, &format!("`{name}`"))
    }

    /// The property `name`, which must be given.
    pub fn required_prop<T: FromValue>(&mut self, name: &'static str) -> Option<Spanned<T>> {
        if let Some(entry) = self.prop_entry(name) {
            return self.read(entry, &format!("`{name}`"));
        }
        self.report_missing(name, &format!("add `{name}=…`"));
        None
    }

    /// The same, with texts that likely give it: behind the node's name and first argument they are
    /// offered.
    pub fn required_prop_like<T: FromValue>(
        &mut self,
        name: &'static str,
        likely: &[&str],
    ) -> Option<Spanned<T>> {
        let node = self.node;
        let is_given = |entry: &Entry| entry.name.as_ref().is_some_and(|given| given.value == name);
        if node.entries.iter().any(is_given) {
            return self.required_prop(name);
        }
        self.declare_prop(name);
        let first = node.entries.iter().find(|entry| entry.name.is_none());
        let behind = first.map_or(node.name.span, |entry| entry.span);
        let place = behind.behind();
        let found = self.missing(name, &format!("add `{name}=…`"));
        let offered = likely.iter().map(|text| format!(" {text}"));
        self.report(offered.fold(found, |found, text| found.offer(place, text)));
        None
    }

    /// The property `name` as it stands.
    pub fn prop_entry(&mut self, name: &'static str) -> Option<&'a Entry> {
        self.declare_prop(name);
        let mut first: Option<&'a Entry> = None;
        for (index, entry) in self.node.entries.iter().enumerate() {
            if entry.name.as_ref().is_none_or(|given| given.value != name) {
                continue;
            }
            self.take_entry(index);
            match first {
                None => first = Some(entry),
                Some(earlier) => {
                    self.report(
                        duplicate(name, earlier.span, entry.span)
                            .help("KDL alone would let the last one win; keep one"),
                    );
                }
            }
        }
        first
    }

    /// Makes a property known without reading it.
    pub fn declare_prop(&mut self, name: &'static str) {
        self.check_declared(name, |kind| kind.props.iter().any(|field| field.name == name));
        self.props.push(name);
    }

    fn check_declared(&self, name: &str, declared: impl Fn(&NodeKind) -> bool) {
        if let Some(kind) = self.kind {
            debug_assert!(declared(kind), "`{name}` is missing in the table of `{}`", kind.name);
        }
    }

    /// All properties that nobody asked for by name, each once.
    pub fn rest_props(&mut self) -> Vec<(&'a Spanned<String>, &'a Entry)> {
        let mut rest: Vec<(&'a Spanned<String>, &'a Entry)> = Vec::new();
        for (index, entry) in self.node.entries.iter().enumerate() {
            let Some(name) = entry.name.as_ref() else {
                continue;
            };
            if self.taken(index) {
                continue;
            }
            self.take_entry(index);
            match rest.iter().find(|(given, _)| given.value == name.value) {
                Some((_, earlier)) => {
                    let span = earlier.span;
                    self.report(duplicate(&name.value, span, entry.span));
                }
                None => rest.push((name, entry)),
            }
        }
        rest
    }

    /// The child `name`, which may stand once.
    pub fn child(&mut self, name: &'static str) -> Option<&'a Node> {
        let all = self.children(name);
        let (first, more) = all.split_first()?;
        for again in more {
            self.report(duplicate(name, first.head, again.head));
        }
        Some(first)
    }

    /// The child `name`, which must stand exactly once.
    pub fn one(&mut self, name: &'static str) -> Option<&'a Node> {
        let child = self.child(name);
        if child.is_none() {
            self.report_missing(name, &format!("add a child node `{name}`"));
        }
        child
    }

    fn report_missing(&mut self, name: &str, help: &str) {
        self.report(self.missing(name, help));
    }

    fn missing(&self, name: &str, help: &str) -> Diagnostic {
        let node = self.node;
        let headline = format!("`{}` lacks `{name}`", node.name.value);
        Diagnostic::error(codes::SYNTAX_MISSING, headline).at(node.head, "").help(help)
    }

    /// All children called `name`.
    pub fn children(&mut self, name: &'static str) -> Vec<&'a Node> {
        self.declare_child(name);
        let node = self.node;
        let mut found = Vec::new();
        for (child, taken) in node.children.iter().zip(&mut self.children_taken) {
            if child.name.value == name {
                *taken = true;
                found.push(child);
            }
        }
        found
    }

    /// True when the bare child `name` stands there; arguments to it are an error.
    pub fn flag(&mut self, name: &'static str) -> bool {
        let Some(child) = self.child(name) else {
            return false;
        };
        Cursor::new(child).finish(&mut self.found);
        true
    }

    /// Makes a child known without reading it.
    pub fn declare_child(&mut self, name: &'static str) {
        self.check_declared(name, |kind| kind.children.iter().any(|child| child.name == name));
        self.children.push(name);
    }

    /// All children that nobody asked for by name, for callers that tell names apart themselves.
    pub fn rest_children(&mut self) -> Vec<&'a Node> {
        let node = self.node;
        let mut rest = Vec::new();
        for (child, taken) in node.children.iter().zip(&mut self.children_taken) {
            if !*taken {
                *taken = true;
                rest.push(child);
            }
        }
        rest
    }

    /// Reports everything that nobody took, and all mistakes on the way. True when there were
    /// none.
    pub fn finish(mut self, sink: &mut Sink) -> bool {
        self.report_entries();
        self.report_children();
        let good = self.mistakes() == 0;
        if let Some(kind) = self.kind.filter(|kind| !kind.example.is_empty()) {
            show_form(&mut self.found, self.node.head, kind.example, self.as_property);
        }
        sink.append(self.found);
        good
    }

    fn known_props(&self) -> Vec<&'static str> {
        let table = self.kind.map_or(&[][..], |kind| kind.props);
        self.props.iter().copied().chain(table.iter().map(|field| field.name)).collect()
    }

    fn known_children(&self) -> Vec<&'static str> {
        let table = self.kind.map_or(&[][..], |kind| kind.children);
        self.children.iter().copied().chain(table.iter().map(|child| child.name)).collect()
    }

    fn report_entries(&mut self) {
        let node = self.node;
        let (props, children) = (self.known_props(), self.known_children());
        for (index, entry) in node.entries.iter().enumerate() {
            if self.taken(index) {
                continue;
            }
            let found = match &entry.name {
                Some(name) => {
                    let (found, is_child) =
                        unknown_prop(node, (name, entry.span), &props, &children);
                    self.as_property |= is_child;
                    found
                }
                None => self.extra_argument(entry),
            };
            self.report(found);
        }
    }

    fn extra_argument(&self, entry: &Entry) -> Diagnostic {
        let name = &self.node.name.value;
        let takes = match self.arguments {
            0 => "takes no argument".to_owned(),
            1 => "takes one argument".to_owned(),
            many => format!("takes {many} arguments"),
        };
        Diagnostic::error(codes::SYNTAX_ARGUMENT, format!("`{name}` {takes}"))
            .at(entry.span, "nothing reads this")
    }

    fn report_children(&mut self) {
        let node = self.node;
        let (props, children) = (self.known_props(), self.known_children());
        let untaken: Vec<&Node> = node
            .children
            .iter()
            .zip(&self.children_taken)
            .filter(|(_, taken)| !**taken)
            .map(|(child, _)| child)
            .collect();
        for child in untaken {
            self.report(self.unknown_child(child, &props, &children));
        }
    }
}

fn duplicate(name: &str, first: Span, again: Span) -> Diagnostic {
    Diagnostic::error(codes::SYNTAX_DUPLICATE, format!("`{name}` is given twice"))
        .at(again, "and again here")
        .and(first, "first here")
}

/// `the path` as it is, `name` with an article.
fn with_article(what: &str) -> String {
    let known = ["a ", "an ", "the ", "at "].iter().any(|article| what.starts_with(article));
    if known {
        what.to_owned()
    } else if what.starts_with(['a', 'e', 'i', 'o', 'u']) {
        format!("an {what}")
    } else {
        format!("a {what}")
    }
}

#[cfg(test)]
mod tests {
    use forge_diag::SourceMap;

    use super::*;

    /// Headlines and help of what `read` reports about the first node of `text`.
    fn mistakes(text: &str, read: impl FnOnce(&mut Cursor<'_>)) -> Vec<String> {
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let file = map.add("a.kdl", text);
        let nodes = crate::parse(file, text, &mut sink).unwrap();
        let mut cursor = Cursor::new(&nodes[0]);
        read(&mut cursor);
        cursor.finish(&mut sink);
        let shown = |found: &Diagnostic| {
            let place = found.span().map_or("", |span| map.slice(span));
            let help = found.help.as_deref().unwrap_or("-");
            format!("{} @ {place} @ {help}", found.headline)
        };
        sink.into_sorted().iter().map(shown).collect()
    }

    #[test]
    fn what_nobody_takes_is_named() {
        let text = r#"base "a" "b" digest="x" colour=1 { inclde; digest "y" }"#;
        let found = mistakes(text, |cursor| {
            cursor.arg::<String>("name");
            cursor.prop::<String>("digest");
            cursor.prop::<String>("color");
            cursor.children("include");
        });
        let want = [
            "`base` takes one argument @ \"b\" @ -",
            "`base` has no property `colour` @ colour @ did you mean `color`?",
            "`base` has no child node `inclde` @ inclde @ did you mean `include`?",
            "`base` has no child node `digest` @ digest @ `digest` is a property: write `digest=\"y\"` on the line of `base`",
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn wrong_types_say_what_to_write() {
        let cases = [
            (
                "n v=23.11",
                "`v` must be text in quotes @ 23.11 @ numbers are not text: write \"23.11\"",
            ),
            (
                "n v=0755",
                "`v` must be text in quotes @ 0755 @ numbers are not text: write \"0755\"",
            ),
            (
                "n v=#true",
                "`v` must be text in quotes @ #true @ truth values are not text: write \"true\"",
            ),
            ("n f=\"yes\"", "`f` must be `#true` or `#false` @ \"yes\" @ write `#true`"),
            ("n f=true", "`true` is no value of KDL @ true @ write `#true`, or \"true\" for text"),
            ("n f=yes", "`yes` is not quoted @ yes @ write `#true`, or \"yes\" for text"),
            (
                "n i=\"12\"",
                "`i` must be a whole number, not negative @ \"12\" @ write `12` without quotes",
            ),
            (
                "n i=-1",
                "`i` must be a whole number, not negative @ -1 @ it lies between 0 and 4294967295",
            ),
            (
                "n v=\"a\" v=\"b\"",
                "`v` is given twice @ \"b\" @ KDL alone would let the last one win; keep one",
            ),
            ("n v=10.0.0.1", "`10.0.0.1` is not quoted @ 10.0.0.1 @ write \"10.0.0.1\""),
            (
                "n v=479e3225",
                "`479e3225` is a number too large to hold @ 479e3225 @ if it is a name or a hash, write \"479e3225\"",
            ),
        ];
        for (text, want) in cases {
            let found = mistakes(text, |cursor| {
                cursor.prop::<String>("v");
                cursor.prop::<bool>("f");
                cursor.prop::<u32>("i");
            });
            assert_eq!(found, [want], "{text}");
        }
    }

    #[test]
    fn missing_things_are_named() {
        let found = mistakes("image", |cursor| {
            cursor.arg::<String>("name");
            cursor.one("base");
            cursor.required_prop::<String>("from");
        });
        let want = [
            "`image` lacks `base` @ image @ add a child node `base`",
            "`image` lacks `from` @ image @ add `from=…`",
            "`image` lacks a name @ image @ -",
        ];
        assert_eq!(found, want);
    }
}
