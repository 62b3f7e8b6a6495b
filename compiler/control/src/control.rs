use std::cell::Cell;
use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Sink, SourceMap, Span, Spanned, codes};
use forge_model::{Check, Control, Expectation, Level, Operator, Origin, Property, Resource};
use forge_syntax::{Cursor, Entry, Node, Text, Value, did_you_mean};

use crate::reference;
use crate::scope::{Filled, Scope};

/// Seconds that a command may take unless it says otherwise.
const DEFAULT_TIMEOUT: u32 = 60;

/// The lower bounds of the severity words, as `InSpec` has them.
const IMPACTS: [(&str, f64); 5] =
    [("none", 0.0), ("low", 0.1), ("medium", 0.4), ("high", 0.7), ("critical", 0.9)];

const LEVELS: [Level; 4] = [Level::Tree, Level::Container, Level::Booted, Level::Node];

/// Reads the controls of one profile.
pub(crate) struct Decoder<'a> {
    pub(crate) profile: &'a str,
    pub(crate) scope: &'a Scope<'a>,
    pub(crate) map: &'a SourceMap,
    pub(crate) sink: &'a mut Sink,
}

/// The place of a span as plans and reports name it.
pub(crate) fn origin(map: &SourceMap, span: Span) -> Origin {
    let place = map.place(span);
    Origin::new(place.file, place.line, place.column)
}

impl Decoder<'_> {
    pub(crate) fn origin(&self, node: &Node) -> Origin {
        origin(self.map, node.head)
    }

    /// A control; none when it has no id. Whatever is wrong in it is reported and left out.
    pub(crate) fn control(&mut self, node: &Node) -> Option<Control> {
        let mut cursor = Cursor::of(node, &reference::CONTROL);
        let id = cursor.arg::<String>("id");
        let impact = cursor.prop_entry("impact").map_or(0.5, |entry| impact(entry, &mut cursor));
        let stated = target(&mut cursor);
        let [title, description] = ["title", "desc"].map(|name| cursor.child(name));
        let tags = cursor.children("tag");
        let conditions = cursor.children("only-if");
        take_checks(&mut cursor);
        cursor.finish(self.sink);

        let mut level = stated;
        let checks = self.checks(&node.children, &mut level);
        let mut only_if = Vec::new();
        for condition in conditions {
            only_if.extend(self.nested(condition, &reference::ONLY_IF, &mut level));
        }
        let title = title.and_then(|node| self.line(node)).unwrap_or_default();
        let description = description.and_then(|node| self.line(node)).unwrap_or_default();
        let tags = self.tags(&tags);
        // An unknown node is a mistake of its own: what it meant to ask cannot be told.
        let says = ["title", "desc", "tag", "only-if"];
        let asks = node.children.iter().any(|child| !says.contains(&child.name.value.as_str()));
        if !asks {
            self.report_empty("control", node, "add what must hold, `file \"/path\" { exists }`");
        }
        Some(Control {
            id: id?.value,
            profile: self.profile.to_owned(),
            impact,
            title,
            description,
            tags,
            checks,
            only_if,
            level,
            run: true,
            code: self.map.slice(node.span).to_owned(),
            origin: self.origin(node),
        })
    }

    fn report_empty(&mut self, what: &str, node: &Node, help: &str) {
        self.sink.push(
            Diagnostic::error(codes::CONTROL_EMPTY, format!("this `{what}` asks nothing"))
                .at(node.head, "it would always pass")
                .help(help),
        );
    }

    /// The one text of a node such as `title`.
    fn line(&mut self, node: &Node) -> Option<String> {
        let mut cursor = Cursor::new(node);
        let text = cursor.arg::<Text>("the text");
        cursor.finish(self.sink);
        self.scope.fill(&text?, self.sink)?.value
    }

    fn tags(&mut self, nodes: &[&Node]) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        for node in nodes {
            let mut cursor = Cursor::new(node);
            for (name, entry) in cursor.rest_props() {
                let value = match &entry.value {
                    Value::Text(text) => text.value.clone(),
                    Value::Integer { written, .. } | Value::Float { written, .. } => {
                        written.clone()
                    }
                    Value::Bool(value) => value.to_string(),
                    Value::Null => String::new(),
                };
                tags.insert(name.value.clone(), value);
            }
            cursor.finish(self.sink);
        }
        tags
    }

    fn checks(&mut self, nodes: &[Node], level: &mut Option<Level>) -> Vec<Check> {
        nodes.iter().flat_map(|node| self.check(node, level)).collect()
    }

    fn check(&mut self, node: &Node, level: &mut Option<Level>) -> Vec<Check> {
        match node.name.value.as_str() {
            "any-of" => {
                let checks = self.nested(node, &reference::ANY_OF, level);
                vec![Check::AnyOf { checks, origin: self.origin(node) }]
            }
            "packages-absent" => self.packages_absent(node),
            "for-each" => self.for_each(node, level),
            _ => self.resource(node, level).into_iter().collect(),
        }
    }

    fn packages_absent(&mut self, node: &Node) -> Vec<Check> {
        let mut cursor = Cursor::of(node, &reference::PACKAGES_ABSENT);
        let names = cursor.some_args::<Text>("a package");
        cursor.finish(self.sink);
        let origin = self.origin(node);
        let mut checks = Vec::new();
        for name in names.iter().flat_map(|given| self.elements(given)) {
            let expectation = Expectation {
                property: Property::Installed,
                negated: true,
                operator: Operator::IsTrue,
                origin: origin.clone(),
            };
            let (resource, expectations) = (Resource::Package { name }, vec![expectation]);
            checks.push(Check::Resource { resource, expectations, origin: origin.clone() });
        }
        checks
    }

    /// The checks of a `for-each`, for each of its values. Where these come with an image, the body
    /// is only looked at.
    fn for_each(&mut self, node: &Node, level: &mut Option<Level>) -> Vec<Check> {
        let mut cursor = Cursor::of(node, &reference::FOR_EACH);
        let name = cursor.arg::<String>("a name");
        let values = cursor.some_args::<Text>("a value");
        take_checks(&mut cursor);
        cursor.finish(self.sink);
        if node.children.is_empty() {
            self.report_empty("for-each", node, "add what must hold for each value");
        }
        let Some(name) = name else { return Vec::new() };
        let mut all: Vec<Option<String>> = Vec::new();
        let mut later = values.is_empty();
        for given in &values {
            let is_empty = self.scope.elements(&given.value).is_some_and(|all| all.is_empty());
            let known = self.elements(given);
            later |= known.is_empty() && !is_empty;
            all.extend(known.into_iter().map(Some));
        }
        if later && all.is_empty() {
            all.push(None);
        }
        // An empty list asks for nothing.
        let ran = !all.is_empty();
        let read = Cell::new(false);
        let mut checks = Vec::new();
        for value in all {
            let scope = Scope::Local { name: &name.value, value, read: &read, outer: self.scope };
            let Decoder { profile, map, .. } = *self;
            let mut inside = Decoder { profile, scope: &scope, map, sink: self.sink };
            checks.extend(inside.checks(&node.children, level));
        }
        if ran && !read.get() && !node.children.is_empty() {
            let headline = format!("nothing in this `for-each` reads `{}`", name.value);
            self.sink.push(
                Diagnostic::warning(codes::SPEC_PARAM_UNUSED, headline)
                    .at(name.span, "the same is asked for each value")
                    .help(format!("write `${{{}}}` where it belongs", name.value)),
            );
        }
        checks
    }

    /// A text, or the elements of a list that it passes on; nothing while they are still to come.
    fn elements(&mut self, given: &Spanned<Text>) -> Vec<String> {
        if let Some(several) = self.scope.elements(&given.value) {
            return several;
        }
        let filled = self.scope.fill(given, self.sink);
        filled.and_then(|filled| filled.value).into_iter().collect()
    }

    /// The checks in an `any-of` or an `only-if`.
    fn nested(
        &mut self,
        node: &Node,
        kind: &'static forge_syntax::reference::NodeKind,
        level: &mut Option<Level>,
    ) -> Vec<Check> {
        let mut cursor = Cursor::of(node, kind);
        take_checks(&mut cursor);
        cursor.finish(self.sink);
        if node.children.is_empty() {
            self.report_empty(kind.name, node, "add what must hold");
        }
        self.checks(&node.children, level)
    }

    /// One resource with its expectations; none for a node that is no resource.
    fn resource(&mut self, node: &Node, level: &mut Option<Level>) -> Option<Check> {
        let kind = reference::resource(&node.name.value)?;
        let mut cursor = Cursor::of(node, kind);
        // What there is only one of has no name.
        let named = kind.args.first();
        let subject = named.map(|field| match kind.name {
            "port" => cursor.arg::<Value>(field.name).map(|given| given.map(number_or_text)),
            _ => cursor.arg::<Text>(field.name),
        });
        let stated = target(&mut cursor);
        *level = (*level).max(stated);
        let timeout = if kind.name == "command" { timeout(&mut cursor) } else { DEFAULT_TIMEOUT };
        let subject_name = match subject {
            None => Some(String::new()),
            Some(subject) => subject.and_then(|subject| self.subject(kind.name, &subject)),
        };
        let resource = make_resource(kind.name, subject_name.clone().unwrap_or_default(), timeout)?;
        for property in resource.properties() {
            cursor.children(property.name());
        }
        cursor.children("not");
        cursor.finish(self.sink);

        let mut expectations = Vec::new();
        for child in &node.children {
            self.expectation(&resource, child, false, &mut expectations);
        }
        if node.children.is_empty() {
            let example = resource.properties().first().map_or("exists", |known| known.name());
            let help = match named {
                Some(_) => format!("write `{} \"…\" {{ {example} }}`", kind.name),
                None => format!("write `{} {{ {example} \"Keyword\" \"value\" }}`", kind.name),
            };
            self.report_empty(kind.name, node, &help);
        }
        subject_name?;
        Some(Check::Resource { resource, expectations, origin: self.origin(node) })
    }

    /// What a resource names, with parameters put in; empty while they are still to come.
    fn subject(&mut self, kind: &str, given: &Spanned<Text>) -> Option<String> {
        let Filled { value, .. } = self.scope.fill(given, self.sink)?;
        let Some(subject) = value else {
            return Some(String::new());
        };
        let problem = match kind {
            "file" | "mount" | "filesystem" if !subject.starts_with('/') => {
                Some("a path of the image begins with `/`")
            }
            "file" | "mount" | "filesystem" if subject.split('/').any(|part| part == "..") => {
                Some("a path has no `..`")
            }
            "command" if subject.trim().is_empty() => Some("there is nothing to run"),
            "service" if subject.contains('/') => Some("a unit is named, not its file"),
            "port" if !subject.parse::<u16>().is_ok_and(|port| port > 0) => {
                Some("a port is a number from 1 to 65535")
            }
            _ if subject.is_empty() => Some("the name is empty"),
            _ => None,
        };
        if let Some(problem) = problem {
            self.sink.push(
                Diagnostic::error(codes::CONTROL_VALUE, format!("{problem}: `{subject}`"))
                    .at(given.span, format!("in this `{kind}`")),
            );
            return None;
        }
        Some(subject)
    }

    fn expectation(
        &mut self,
        resource: &Resource,
        node: &Node,
        negated: bool,
        out: &mut Vec<Expectation>,
    ) {
        let name = node.name.value.as_str();
        if name == "not" && !negated {
            let mut cursor = Cursor::new(node);
            for property in resource.properties() {
                cursor.children(property.name());
            }
            cursor.finish(self.sink);
            if node.children.is_empty() {
                self.report_empty("not", node, "write `not { … }` around what must not hold");
            }
            for child in &node.children {
                self.expectation(resource, child, true, out);
            }
            return;
        }
        // An unknown name has been reported by the node's cursor.
        let property = resource.properties().iter().copied().find(|known| known.name() == name);
        let Some(property) = property else { return };
        let origin = self.origin(node);
        for operator in self.operators(property, node) {
            out.push(Expectation { property, negated, operator, origin: origin.clone() });
        }
    }
}

/// What stands for a name that is a number: the number, or a parameter that has one.
fn number_or_text(given: Value) -> Text {
    match given {
        Value::Text(text) => text,
        Value::Integer { written, .. } | Value::Float { written, .. } => {
            Text { value: written, raw: true }
        }
        other => Text { value: other.what().to_owned(), raw: true },
    }
}

/// Marks all nodes that are checks as known: they are read in the order of the text.
fn take_checks(cursor: &mut Cursor<'_>) {
    for name in ["any-of", "packages-absent", "for-each"] {
        cursor.children(name);
    }
    for kind in reference::RESOURCES {
        cursor.children(kind.name);
    }
}

fn make_resource(kind: &str, name: String, timeout: u32) -> Option<Resource> {
    Some(match kind {
        "file" => Resource::File { path: name },
        "package" => Resource::Package { name },
        "user" => Resource::User { name },
        "group" => Resource::Group { name },
        "service" => Resource::Service { name },
        "kernel-parameter" => Resource::KernelParameter { name },
        "kernel-module" => Resource::KernelModule { name },
        "sshd-config" => Resource::SshdConfig { path: "/etc/ssh/sshd_config".to_owned() },
        "mount" => Resource::Mount { path: name },
        "port" => Resource::Port { number: name },
        "process" => Resource::Process { name },
        "filesystem" => Resource::Filesystem { path: name },
        "command" => Resource::Command { line: name, timeout },
        _ => return None,
    })
}

/// A number from 0 to 1 or a word; 0.5 after a mistake, which is reported.
fn impact(entry: &Entry, cursor: &mut Cursor<'_>) -> f64 {
    let number = match &entry.value {
        Value::Float { value, .. } => Some(*value),
        Value::Integer { value: 0, .. } => Some(0.0),
        Value::Integer { value: 1, .. } => Some(1.0),
        Value::Text(text) => {
            IMPACTS.iter().find(|(word, _)| *word == text.value).map(|(_, number)| *number)
        }
        Value::Integer { .. } | Value::Bool(_) | Value::Null => None,
    };
    if let Some(number) = number.filter(|number| (0.0..=1.0).contains(number)) {
        return number;
    }
    if !entry.reported {
        let help = match &entry.value {
            Value::Text(text) => did_you_mean(&text.value, IMPACTS.map(|(word, _)| word)),
            _ => Some("write `impact=0.7` or `impact=\"high\"`".to_owned()),
        };
        cursor.report(
            Diagnostic::error(
                codes::CONTROL_VALUE,
                "`impact` must be a number from 0 to 1 or a word",
            )
            .at(entry.span, "this is neither")
            .maybe_help(help),
        );
    }
    0.5
}

/// `timeout="30s"`, in seconds.
fn timeout(cursor: &mut Cursor<'_>) -> u32 {
    let Some(given) = cursor.prop::<String>("timeout") else {
        return DEFAULT_TIMEOUT;
    };
    let text = given.value.as_str();
    let seconds = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(seconds), _) => seconds.parse::<u32>().ok(),
        (None, Some(minutes)) => {
            minutes.parse::<u32>().ok().and_then(|minutes| minutes.checked_mul(60))
        }
        (None, None) => None,
    };
    seconds.filter(|seconds| (1..=3600).contains(seconds)).unwrap_or_else(|| {
        let headline = format!("`{text}` is no time that a command may take");
        cursor.report(
            Diagnostic::error(codes::CONTROL_VALUE, headline)
                .at(given.span, "expected seconds or minutes")
                .help("write `timeout=\"30s\"` or `timeout=\"2m\"`, an hour at most"),
        );
        DEFAULT_TIMEOUT
    })
}

/// `target=`: of a control the level before which nothing of it is judged, of a profile of `InSpec`
/// the last one.
pub(crate) fn target(cursor: &mut Cursor<'_>) -> Option<Level> {
    let given = cursor.prop::<String>("target")?;
    let found = LEVELS.into_iter().find(|level| level.name() == given.value);
    if found.is_none() {
        let help = did_you_mean(&given.value, LEVELS.map(Level::name));
        let headline = format!("there is no target `{}`", given.value);
        cursor.report(
            Diagnostic::error(codes::CONTROL_VALUE, headline)
                .at(given.span, "unknown target")
                .maybe_help(help),
        );
    }
    found
}
