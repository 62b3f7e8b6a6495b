use forge_diag::{Diagnostic, Spanned, codes};
use forge_model::{DocumentFormat, Operator, Property, Scalar, ValueKind};
use forge_syntax::{Cursor, Node, Text, Value, did_you_mean};

use crate::control::Decoder;

/// The operators that stand as properties of an expectation's node.
const OPERATORS: [&str; 6] = ["includes", "matches", "min", "max", "above", "below"];

impl Decoder<'_> {
    /// What one node of a resource demands; each operator on its line is a demand of its own.
    /// What is wrong is reported and left out.
    pub(crate) fn operators(&mut self, property: Property, node: &Node) -> Vec<Operator> {
        match property.value_kind() {
            ValueKind::Flag => self.flag(property, node),
            ValueKind::Setting => self.setting(node).into_iter().collect(),
            ValueKind::Keyword => self.keyword(property, node).into_iter().collect(),
            ValueKind::Text
            | ValueKind::Number
            | ValueKind::Mode
            | ValueKind::Version
            | ValueKind::List
            | ValueKind::Member => self.comparisons(property, node),
        }
    }

    fn flag(&mut self, property: Property, node: &Node) -> Vec<Operator> {
        let mut cursor = Cursor::new(node);
        if let Some(entry) = node.entries.iter().find(|entry| entry.name.is_none()) {
            cursor.args::<Value>("value");
            let help = match entry.value {
                Value::Bool(false) => format!("write `not {{ {property} }}`"),
                _ => format!("write `{property}` alone"),
            };
            cursor.report(
                Diagnostic::error(codes::CONTROL_VALUE, format!("`{property}` takes no value"))
                    .at(entry.span, "it is asked for by its name alone")
                    .help(help),
            );
        }
        cursor.finish(self.sink);
        vec![Operator::IsTrue]
    }

    fn setting(&mut self, node: &Node) -> Option<Operator> {
        let mut cursor = Cursor::new(node);
        let key = cursor.arg::<Text>("a key");
        let values = cursor.some_args::<Value>("a value");
        let format = cursor.prop::<Text>("format");
        let separator = cursor.prop::<Text>("sep");
        let section = cursor.prop::<Text>("section");
        let good = cursor.finish(self.sink);
        // An ini file is lines with `=`, which is what is read without a format.
        if let Some(format) = format.filter(|format| format.value.value != "ini") {
            let format = self.format(&format)?;
            let has_null = |value: &Spanned<Value>| {
                value.value == Value::Null && format != DocumentFormat::Toml
            };
            let (nulls, values): (Vec<_>, Vec<_>) = values.into_iter().partition(has_null);
            let mut values = self.scalars(Property::Setting, &values).0;
            values.extend(nulls.first().map(|_| Scalar::Null));
            let whole = self.of_lines(format, [("sep", &separator), ("section", &section)]);
            let pointer = self.pointer(&key?)?;
            return (good && whole).then_some(Operator::Document { pointer, values, format });
        }
        let values = self.scalars(Property::Setting, &values).0;
        let key = self.plain(&key?)?;
        let separator = match separator {
            Some(separator) => self.plain(&separator)?,
            None => "=".to_owned(),
        };
        let section = match section {
            Some(section) => Some(self.plain(&section)?),
            None => None,
        };
        good.then_some(Operator::Setting { key, values, separator, section })
    }

    /// The format of a document.
    fn format(&mut self, given: &Spanned<Text>) -> Option<DocumentFormat> {
        let name = given.value.value.as_str();
        let found = DocumentFormat::ALL.into_iter().find(|format| format.name() == name);
        if found.is_none() {
            let names = DocumentFormat::ALL.map(DocumentFormat::name).into_iter().chain(["ini"]);
            self.sink.push(
                Diagnostic::error(codes::CONTROL_VALUE, format!("there is no format `{name}`"))
                    .at(given.span, "unknown format")
                    .maybe_help(did_you_mean(name, names)),
            );
        }
        found
    }

    /// What is for lines stands beside no document.
    fn of_lines(
        &mut self,
        format: DocumentFormat,
        given: [(&str, &Option<Spanned<Text>>); 2],
    ) -> bool {
        let mut whole = true;
        for (name, given) in given {
            let Some(given) = given else { continue };
            let format = format.name();
            let headline = format!("`{name}` is for files of lines, and this is {format}");
            let help = format!("write `setting \"/a/b\" \"value\" format=\"{format}\"`");
            self.sink.push(
                Diagnostic::error(codes::CONTROL_VALUE, headline)
                    .at(given.span, "not of a document")
                    .help(help),
            );
            whole = false;
        }
        whole
    }

    /// The place of a document: `/a/b`, `/list/0`.
    fn pointer(&mut self, given: &Spanned<Text>) -> Option<String> {
        let filled = self.scope.fill(given, self.sink)?;
        let Some(pointer) = filled.value else { return Some(String::new()) };
        if pointer.starts_with('/') {
            return Some(pointer);
        }
        let place = format!("/{}", pointer.trim_start_matches("$.").replace('.', "/"));
        let headline = format!("`{pointer}` is no place of a document");
        self.sink.push(
            Diagnostic::error(codes::CONTROL_VALUE, headline)
                .at(given.span, "a JSON pointer begins with `/`")
                .help(format!("write \"{place}\"; a `/` within a key is `~1`, a `~` is `~0`")),
        );
        None
    }

    /// `set "Keyword" "value" …` or `absent "Keyword"`.
    fn keyword(&mut self, property: Property, node: &Node) -> Option<Operator> {
        let mut cursor = Cursor::new(node);
        let key = cursor.arg::<Text>("a keyword");
        let values = match property {
            Property::Absent => Vec::new(),
            _ => cursor.some_args::<Value>("a value"),
        };
        let good = cursor.finish(self.sink);
        let (values, whole) = self.scalars(Property::Setting, &values);
        let key = self.plain(&key?)?;
        (good && whole).then_some(Operator::Keyword { key, values })
    }

    fn comparisons(&mut self, property: Property, node: &Node) -> Vec<Operator> {
        let mut cursor = Cursor::new(node);
        let arguments = cursor.args::<Value>("value");
        let mut given = Vec::new();
        for name in OPERATORS {
            let fits = make_operator(name, Scalar::Bool(true))
                .is_some_and(|operator| operator.fits(property));
            if fits && let Some(value) = cursor.prop::<Value>(name) {
                given.push((name, value));
            }
        }
        let good = cursor.finish(self.sink);
        let mut operators = Vec::new();
        if !arguments.is_empty() {
            operators.extend(self.one_of(property, &arguments));
        } else if given.is_empty() && good {
            self.report_bare(property, node);
        }
        for (name, value) in given {
            operators.extend(self.operator(property, name, &value));
        }
        operators
    }

    fn report_bare(&mut self, property: Property, node: &Node) {
        let example = match property.value_kind() {
            ValueKind::Mode => "\"0644\"",
            ValueKind::Number => "0",
            ValueKind::List => "includes=\"…\"",
            _ => "\"…\"",
        };
        self.sink.push(
            Diagnostic::error(codes::SYNTAX_MISSING, format!("`{property}` lacks a value"))
                .at(node.head, "it cannot stand alone")
                .help(format!("write `{property} {example}`")),
        );
    }

    /// `owner "root" "bin"`: one of these.
    fn one_of(&mut self, property: Property, arguments: &[Spanned<Value>]) -> Option<Operator> {
        let equals = Operator::OneOf(Vec::new());
        if !equals.fits(property) {
            let first = arguments.first()?;
            let headline = format!("`{property}` is a list, which equals no single value");
            self.sink.push(
                Diagnostic::error(codes::CONTROL_VALUE, headline)
                    .at(first.span, "what must it include?")
                    .help(format!("write `{property} includes=\"…\"`")),
            );
            return None;
        }
        let (values, whole) = self.scalars(property, arguments);
        // A mistake in one of them is reported; judging by the rest would be another demand.
        whole.then_some(Operator::OneOf(values))
    }

    /// All values, those of a list that stands alone in a text one by one, and whether all of them
    /// could be read.
    fn scalars(&mut self, property: Property, given: &[Spanned<Value>]) -> (Vec<Scalar>, bool) {
        let (mut values, mut whole) = (Vec::new(), true);
        for one in given {
            let several = match &one.value {
                Value::Text(text) => self.scope.elements(text),
                _ => None,
            };
            let Some(several) = several else {
                let scalar = self.scalar(property, one);
                whole &= scalar.is_some();
                values.extend(scalar);
                continue;
            };
            for text in several {
                let text = Value::Text(Text { value: text, raw: true });
                let scalar = self.scalar(property, &Spanned::new(text, one.span));
                whole &= scalar.is_some();
                values.extend(scalar);
            }
        }
        (values, whole)
    }

    fn operator(
        &mut self,
        property: Property,
        name: &str,
        value: &Spanned<Value>,
    ) -> Option<Operator> {
        match name {
            "matches" => self.regex(value).map(Operator::Matches),
            "includes" => {
                let scalar = self.scalar(Property::Content, value)?;
                make_operator(name, scalar)
            }
            _ => {
                let scalar = self.scalar(property, value)?;
                make_operator(name, scalar)
            }
        }
    }
}

fn make_operator(name: &str, value: Scalar) -> Option<Operator> {
    Some(match name {
        "includes" => Operator::Includes(value),
        "matches" => Operator::Matches(value.to_string()),
        "min" => Operator::Min(value),
        "max" => Operator::Max(value),
        "above" => Operator::Above(value),
        "below" => Operator::Below(value),
        _ => return None,
    })
}
