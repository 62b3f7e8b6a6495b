//! Profiles of `InSpec` that stand in the project as they are: where, and what is given to them.

use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Sink, SourceMap, Span, Spanned, codes};
use forge_model::{InspecInput, InspecSkip, Level};
use forge_syntax::{Cursor, Node, Text, Value, quote};
use serde_json::Value as Json;

use crate::control::{origin, target};
use crate::reference;
use crate::scope::Scope;
use crate::waiver::WaiverDecl;

/// What the declaration of a profile of `InSpec` says.
#[derive(Clone, Debug)]
pub struct InspecDecl {
    /// Its directory, as it is written.
    pub directory: Spanned<Text>,
    /// Values for its inputs.
    pub inputs: Vec<InspecInput>,
    /// Controls that are not judged.
    pub skips: Vec<InspecSkip>,
    /// Controls that may fail.
    pub waivers: Vec<WaiverDecl>,
    /// The dearest target that it is judged at.
    pub level: Level,
}

/// What stands in a profile.
pub(crate) struct Parts<'a> {
    pub(crate) node: &'a Node,
    pub(crate) directory: Option<Spanned<Text>>,
    pub(crate) level: Option<Spanned<Level>>,
    pub(crate) inputs: Vec<&'a Node>,
    pub(crate) skips: Vec<&'a Node>,
    pub(crate) waivers: Vec<&'a Node>,
    /// What only a profile in KDL holds.
    pub(crate) kdl: Vec<&'a Node>,
}

/// `target=` of a profile.
pub(crate) fn level(cursor: &mut Cursor<'_>) -> Option<Spanned<Level>> {
    let span = cursor
        .node()
        .entries
        .iter()
        .find(|entry| entry.name.as_ref().is_some_and(|name| name.value == "target"));
    let span = span.map(|entry| entry.span);
    Some(Spanned::new(target(cursor)?, span?))
}

impl Parts<'_> {
    /// The declaration of a profile of `InSpec`; none for one in KDL. What does not belong into the
    /// one or the other is reported.
    pub(crate) fn decode(self, map: &SourceMap, sink: &mut Sink) -> Option<InspecDecl> {
        let Some(directory) = self.directory else {
            self.report_kdl(sink);
            return None;
        };
        for node in &self.kdl {
            let name = &node.name.value;
            let headline = format!("a profile with `inspec=` has no `{name}` of its own");
            let help = match name.as_str() {
                "param" => "its values stand in it: `input \"name\" \"value\"`",
                "title" => "its title stands in its `inspec.yml`",
                _ => "controls in KDL stand in a profile without `inspec=`",
            };
            sink.push(
                Diagnostic::error(codes::CONTROL_INSPEC, headline)
                    .at(node.head, "not here")
                    .and(directory.span, "its controls are these")
                    .help(help),
            );
        }
        if let Some(level) = self.level.as_ref().filter(|level| level.value == Level::Node) {
            sink.push(
                Diagnostic::error(codes::CONTROL_VALUE, "no image is judged on nodes")
                    .at(level.span, "the dearest target of an image is `booted`")
                    .help("`forgec controls run --inspec DIR --node NODE` judges a node"),
            );
        }
        let level = self.level.map_or(Level::Booted, |level| level.value.min(Level::Booted));
        let mut reader = Reader { map, sink, seen: BTreeMap::new() };
        let inputs = self.inputs.iter().filter_map(|node| reader.input(node)).collect();
        reader.seen.clear();
        let skips = self.skips.iter().filter_map(|node| reader.skip(node)).collect();
        let seen = reader.seen;
        let waivers = WaiverDecl::decode_all(&self.waivers, sink);
        for waiver in &waivers {
            if let Some(first) = seen.get(&waiver.control.value) {
                let headline = format!("`{}` is skipped and waived", waiver.control.value);
                sink.push(
                    Diagnostic::error(codes::CONTROL_DUPLICATE, headline)
                        .at(waiver.head, "a waiver says that it counts again one day")
                        .and(*first, "what is skipped never does")
                        .help("keep one of them"),
                );
            }
        }
        Some(InspecDecl { directory, inputs, skips, waivers, level })
    }

    fn report_kdl(&self, sink: &mut Sink) {
        for node in self.inputs.iter().chain(&self.skips) {
            let name = &node.name.value;
            let headline = format!("`{name}` stands in a profile with `inspec=`");
            let help = match name.as_str() {
                "input" => "parameters of a profile in KDL are `param`, read as `${name}`",
                _ => "take the control away, give it `impact=0`, or `waive` it until a day",
            };
            sink.push(
                Diagnostic::error(codes::CONTROL_INSPEC, headline)
                    .at(node.head, "not here")
                    .and(self.node.head, "this profile has none")
                    .help(help),
            );
        }
        if let Some(level) = &self.level {
            sink.push(
                Diagnostic::error(
                    codes::CONTROL_INSPEC,
                    "`target` of a profile goes with `inspec=`",
                )
                .at(level.span, "not here")
                .help("write it on a `control` or on what it looks at"),
            );
        }
    }
}

struct Reader<'a> {
    map: &'a SourceMap,
    sink: &'a mut Sink,
    /// Names that were given, and where.
    seen: BTreeMap<String, Span>,
}

impl Reader<'_> {
    fn is_new(&mut self, what: &str, name: &Spanned<String>) -> bool {
        let Some(first) = self.seen.insert(name.value.clone(), name.span) else {
            return true;
        };
        self.sink.push(
            Diagnostic::error(codes::CONTROL_DUPLICATE, format!("two {what}s of `{}`", name.value))
                .at(name.span, "and again here")
                .and(first, "first here"),
        );
        false
    }

    fn input(&mut self, node: &Node) -> Option<InspecInput> {
        let mut cursor = Cursor::of(node, &reference::INPUT);
        let name = cursor.arg::<String>("name");
        let values = cursor.some_args::<Value>("value");
        let good = cursor.finish(self.sink);
        let name = name?;
        let values: Option<Vec<Json>> = values.iter().map(|value| self.value(value)).collect();
        let mut values = values.filter(|_| good)?;
        if !self.is_new("value", &name) {
            return None;
        }
        let value = if values.len() == 1 { values.pop()? } else { Json::Array(values) };
        Some(InspecInput { name: name.value, value, origin: origin(self.map, node.head) })
    }

    fn value(&mut self, given: &Spanned<Value>) -> Option<Json> {
        let wrong = |help: String| {
            Diagnostic::error(codes::CONTROL_VALUE, "no input has this value")
                .at(given.span, format!("this is {}", given.value.what()))
                .help(help)
        };
        match &given.value {
            Value::Text(text) => {
                let text = Spanned::new(text.clone(), given.span);
                // A profile of `InSpec` has no parameters.
                let none = BTreeMap::new();
                Scope::Bound(&none).fill(&text, self.sink)?.value.map(Json::String)
            }
            Value::Bool(value) => Some(Json::Bool(*value)),
            Value::Integer { written, .. } if written.len() > 1 && written.starts_with('0') => {
                let help = format!("if the zero counts, as in a mode, write {}", quote(written));
                self.sink.push(wrong(help));
                None
            }
            Value::Integer { value, written } => {
                let number = i64::try_from(*value).ok().map(Json::from);
                if number.is_none() {
                    self.sink.push(wrong(format!("write {}", quote(written))));
                }
                number
            }
            Value::Float { value, written } => {
                let number = serde_json::Number::from_f64(*value).map(Json::Number);
                if number.is_none() {
                    self.sink.push(wrong(format!("write {}", quote(written))));
                }
                number
            }
            Value::Null => {
                self.sink.push(wrong("leave the `input` out: it has no value then".to_owned()));
                None
            }
        }
    }

    fn skip(&mut self, node: &Node) -> Option<InspecSkip> {
        let mut cursor = Cursor::of(node, &reference::SKIP);
        let control = cursor.arg::<String>("control's id");
        let because = cursor.required_prop::<String>("because");
        cursor.finish(self.sink);
        let (control, because) = (control?, because?);
        if because.value.trim().is_empty() {
            self.sink.push(
                Diagnostic::error(codes::CONTROL_VALUE, "a reason is missing")
                    .at(because.span, "this says nothing")
                    .help("say for whom and for how long it is right"),
            );
            return None;
        }
        if !self.is_new("skip", &control) {
            return None;
        }
        let origin = origin(self.map, node.head);
        Some(InspecSkip { control: control.value, because: because.value, origin })
    }
}
