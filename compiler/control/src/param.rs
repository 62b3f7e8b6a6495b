use std::collections::BTreeMap;
use std::net::IpAddr;

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_syntax::{Cursor, Node, Value, did_you_mean};

use crate::reference;

/// A parameter of a profile.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name, with its place.
    pub name: Spanned<String>,
    /// What values it takes.
    pub ty: ParamType,
    /// What holds when nobody gives one.
    pub default: Option<Spanned<Value>>,
    /// What it is for.
    pub doc: String,
}

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamType {
    /// Any text.
    Text,
    /// Letters, digits and `._-`, beginning with a letter or digit.
    Name,
    /// An absolute path.
    Path,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A whole number.
    Int,
    /// `#true` or `#false`.
    Bool,
}

impl ParamType {
    const ALL: [Self; 6] = [Self::Text, Self::Name, Self::Path, Self::Ip, Self::Int, Self::Bool];

    /// As `type=` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Name => "name",
            Self::Path => "path",
            Self::Ip => "ip",
            Self::Int => "int",
            Self::Bool => "bool",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Text => "text in quotes",
            Self::Name => "a name in quotes",
            Self::Path => "an absolute path in quotes",
            Self::Ip => "an IP address in quotes",
            Self::Int => "a whole number",
            Self::Bool => "`#true` or `#false`",
        }
    }

    /// The value as text, when it is of this type.
    fn render(self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Int, Value::Integer { value, .. }) => Some(value.to_string()),
            // Values that came through a role's own `${name}` are text.
            (Self::Int, Value::Text(text)) => {
                text.value.parse::<i64>().ok().map(|number| number.to_string())
            }
            (Self::Bool, Value::Bool(value)) => Some(value.to_string()),
            (Self::Bool, Value::Text(text)) => {
                matches!(text.value.as_str(), "true" | "false").then(|| text.value.clone())
            }
            (Self::Text | Self::Name | Self::Path | Self::Ip, Value::Text(text)) => {
                self.accepts(&text.value).then(|| text.value.clone())
            }
            _ => None,
        }
    }

    fn accepts(self, text: &str) -> bool {
        let name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match self {
            Self::Text | Self::Int | Self::Bool => true,
            Self::Name => {
                text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(name)
            }
            Self::Path => text.starts_with('/'),
            Self::Ip => text.parse::<IpAddr>().is_ok(),
        }
    }
}

impl Param {
    pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<Self> {
        let mut cursor = Cursor::of(node, &reference::PARAM);
        let name = cursor.arg::<String>("name");
        let ty = cursor.required_prop::<String>("type").and_then(|given| {
            let known = ParamType::ALL.map(ParamType::name);
            let found = ParamType::ALL.into_iter().find(|ty| ty.name() == given.value);
            if found.is_none() {
                let headline = format!("`{}` is no type", given.value);
                cursor.report(
                    Diagnostic::error(codes::SPEC_PARAM_TYPE, headline)
                        .at(given.span, "unknown type")
                        .maybe_help(did_you_mean(&given.value, known)),
                );
            }
            found
        });
        let default = cursor.prop::<Value>("default");
        let doc = cursor.prop::<String>("doc").map(|doc| doc.value).unwrap_or_default();
        let good = cursor.finish(sink);
        let param = Self { name: name?, ty: ty?, default, doc };
        if let Some(default) = &param.default {
            param.render(default, sink)?;
        }
        good.then_some(param)
    }

    /// The value as text; a value of another type is reported.
    fn render(&self, value: &Spanned<Value>, sink: &mut Sink) -> Option<String> {
        let rendered = self.ty.render(&value.value);
        if rendered.is_none() {
            let expected = self.ty.expected();
            let headline = format!("`{}` must be {expected}", self.name.value);
            sink.push(
                Diagnostic::error(codes::SPEC_PARAM_VALUE, headline)
                    .at(value.span, format!("this is not {expected}"))
                    .and(self.name.span, "the parameter is declared here"),
            );
        }
        rendered
    }
}

/// All parameters with the given values or their defaults; what is missing, unknown or of another
/// type is reported. `at` is the node that asks for the profile.
pub(crate) fn bind(
    profile: &str,
    params: &[Param],
    given: &BTreeMap<String, Spanned<Value>>,
    at: Span,
    sink: &mut Sink,
) -> Option<BTreeMap<String, String>> {
    let mut bound = BTreeMap::new();
    let mut good = true;
    for param in params {
        let name = &param.name.value;
        let Some(value) = given.get(name).or(param.default.as_ref()) else {
            good = false;
            let headline = format!("profile `{profile}` needs a value for `{name}`");
            sink.push(
                Diagnostic::error(codes::SPEC_PARAM_MISSING, headline)
                    .at(at, format!("add `{name}=…`"))
                    .and(param.name.span, "the parameter is declared here"),
            );
            continue;
        };
        match param.render(value, sink) {
            Some(text) => drop(bound.insert(name.clone(), text)),
            None => good = false,
        }
    }
    for (name, value) in given {
        if params.iter().all(|param| param.name.value != *name) {
            good = false;
            let known = params.iter().map(|param| param.name.value.as_str());
            let headline = format!("profile `{profile}` has no parameter `{name}`");
            sink.push(
                Diagnostic::error(codes::SPEC_PARAM_UNKNOWN, headline)
                    .at(value.span, "nothing reads this")
                    .maybe_help(did_you_mean(name, known)),
            );
        }
    }
    good.then_some(bound)
}
