use std::net::IpAddr;

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_model::ImagePath;
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Entry, Mistake, Node, Value, Written, quote, suggest};

use crate::value::ParamValue;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "param",
    doc: "A parameter of a role or a profile. Its value comes from the node that uses the role, \
          from the image's `set`, from the `set` of the image named by `from`, or is the default.",
    args: &[Field::required("name", "name", "how texts, conditions and templates call it")],
    props: &[
        Field::required(
            "type",
            "`string`, `name`, `int`, `bool`, `enum`, `list`, `ip` or `path`",
            "what values it takes; a `name` has no blanks, a `path` is absolute",
        ),
        Field::optional("default", "a value of the type", "the value when nothing gives one"),
        Field::optional("doc", "text", "what it is for"),
        Field::default("of", "a type", "\"string\"", "the type of a list's elements"),
        Field::optional("min", "whole number", "the least `int`"),
        Field::optional("max", "whole number", "the greatest `int`"),
    ],
    children: &[
        Child::new("values", "the texts that an `enum` may be, as arguments"),
        Child::new(
            "default",
            "the elements of a list's default, as arguments; none for an empty list",
        ),
    ],
    example: "param \"swappiness\" type=\"int\" default=10 min=0 max=200 doc=\"vm.swappiness\"",
};

/// The type of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParamType {
    Text,
    Name,
    Integer { min: i64, max: i64 },
    Bool,
    Enum(Vec<String>),
    Ip,
    Path,
    List(Box<ParamType>),
}

/// A declared parameter.
#[derive(Clone, Debug)]
pub(crate) struct ParamDecl {
    pub(crate) name: Spanned<String>,
    pub(crate) ty: ParamType,
    pub(crate) default: Option<ParamValue>,
}

const TYPES: [&str; 8] = ["string", "name", "int", "bool", "enum", "list", "ip", "path"];

pub(crate) fn decode(node: &Node, sink: &mut Sink) -> Option<ParamDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name = cursor.arg::<String>("name");
    let ty = cursor.required_prop::<String>("type");
    let of = cursor.prop::<String>("of");
    let min = cursor.prop::<i64>("min");
    let max = cursor.prop::<i64>("max");
    let default = cursor.prop_entry("default");
    let default_list = cursor.child("default");
    let values = cursor.child("values");
    cursor.prop::<String>("doc");
    let ty = ty.and_then(|ty| {
        let range = (min.as_ref().map(|at| at.value), max.as_ref().map(|at| at.value));
        param_type(&ty, of.as_ref(), range, values, &mut cursor)
    });
    if let (Some(range), Some(false)) =
        (min.or(max), ty.as_ref().map(|ty| matches!(ty, ParamType::Integer { .. })))
    {
        cursor.report(
            Diagnostic::error(codes::SPEC_PARAM_TYPE, "only an `int` has `min` and `max`")
                .at(range.span, "means nothing here"),
        );
    }
    let value = ty.as_ref().and_then(|ty| match (default, default_list) {
        (Some(entry), _) => check(ty, entry, "the default", &mut cursor),
        (None, Some(list)) => check_list(ty, list, &mut cursor),
        (None, None) => None,
    });
    cursor.finish(sink);
    let (name, ty) = (name?, ty?);
    Some(ParamDecl { name, ty, default: value })
}

fn param_type(
    ty: &Spanned<String>,
    of: Option<&Spanned<String>>,
    (min, max): (Option<i64>, Option<i64>),
    values: Option<&Node>,
    cursor: &mut Cursor<'_>,
) -> Option<ParamType> {
    Some(match ty.value.as_str() {
        "string" => ParamType::Text,
        "name" => ParamType::Name,
        "int" => ParamType::Integer { min: min.unwrap_or(i64::MIN), max: max.unwrap_or(i64::MAX) },
        "bool" => ParamType::Bool,
        "ip" => ParamType::Ip,
        "path" => ParamType::Path,
        "enum" => ParamType::Enum(enum_values(ty.span, values, cursor)?),
        "list" => {
            let element = match of {
                Some(of) if of.value != "list" && of.value != "enum" => {
                    param_type(of, None, (None, None), None, cursor)?
                }
                Some(of) => {
                    cursor.report(
                        Diagnostic::error(codes::SPEC_PARAM_TYPE, "a list holds plain values")
                            .at(of.span, format!("not `{}`", of.value)),
                    );
                    return None;
                }
                None => ParamType::Text,
            };
            ParamType::List(Box::new(element))
        }
        unknown => {
            let found =
                Diagnostic::error(codes::SPEC_PARAM_TYPE, format!("`{unknown}` is no type"))
                    .at(ty.span, "unknown type");
            cursor.report(suggest(found, ty, Written::Quoted, TYPES));
            return None;
        }
    })
}

fn enum_values(ty: Span, values: Option<&Node>, cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    let Some(node) = values else {
        cursor.report(
            Diagnostic::error(codes::SYNTAX_MISSING, "an `enum` needs its values")
                .at(ty, "")
                .help("add a child node: `{ values \"a\" \"b\" }`"),
        );
        return None;
    };
    let (mut below, mut found) = (Cursor::new(node), Sink::new());
    let values = below.some_args::<String>("value");
    below.finish(&mut found);
    found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
    Some(values.into_iter().map(|value| value.value).collect())
}

fn check(ty: &ParamType, entry: &Entry, what: &str, cursor: &mut Cursor<'_>) -> Option<ParamValue> {
    match ty.read(entry) {
        Ok(value) => Some(value),
        Err(_) if entry.reported => None,
        Err(mistake) => {
            cursor.report(bad_value(what, ty, entry, mistake));
            None
        }
    }
}

/// The mistake that a value is not of a parameter's type.
pub(crate) fn bad_value(what: &str, ty: &ParamType, entry: &Entry, mistake: Mistake) -> Diagnostic {
    let found =
        Diagnostic::error(codes::SPEC_PARAM_VALUE, format!("{what} must be {}", ty.expected()))
            .at(entry.span, format!("this is {}", entry.value.what()));
    mistake.explain(found, entry.span)
}

fn check_list(ty: &ParamType, list: &Node, cursor: &mut Cursor<'_>) -> Option<ParamValue> {
    let ParamType::List(element) = ty else {
        cursor.report(
            Diagnostic::error(
                codes::SPEC_PARAM_VALUE,
                "only a list has its default as a child node",
            )
            .at(list.head, "")
            .help("write `default=…`"),
        );
        return None;
    };
    let values =
        list.entries.iter().filter_map(|entry| check(element, entry, "the default", cursor));
    Some(ParamValue::List(values.collect()))
}

impl ParamType {
    /// What a value must be, for messages.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Text => "text in quotes".to_owned(),
            Self::Name => "a name: letters, digits, `.`, `_` and `-`, in quotes".to_owned(),
            Self::Integer { min: i64::MIN, max: i64::MAX } => "a whole number".to_owned(),
            Self::Integer { min, max: i64::MAX } => format!("a whole number, at least {min}"),
            Self::Integer { min: i64::MIN, max } => format!("a whole number, at most {max}"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Bool => "`#true` or `#false`".to_owned(),
            Self::Enum(values) => {
                let list: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
                format!("one of {}", list.join(", "))
            }
            Self::Ip => "an IP address in quotes".to_owned(),
            Self::Path => "an absolute path in quotes, without `..`".to_owned(),
            Self::List(element) => format!("a list, each element {}", element.expected()),
        }
    }

    /// An entry as a value of this type, or what to write instead.
    pub(crate) fn read(&self, entry: &Entry) -> Result<ParamValue, Mistake> {
        let text = || <String as forge_syntax::FromValue>::from_value(entry);
        let value = match self {
            Self::Integer { .. } => {
                ParamValue::Integer(forge_syntax::FromValue::from_value(entry)?)
            }
            Self::Bool => ParamValue::Bool(forge_syntax::FromValue::from_value(entry)?),
            Self::List(_) => {
                let written = match &entry.value {
                    Value::Text(text) => format!("\"{}\"", text.value),
                    _ => "…".to_owned(),
                };
                let help =
                    format!("give the elements as arguments of a child node: `NAME {written}`");
                return Err(Mistake::help(help));
            }
            Self::Text | Self::Name | Self::Enum(_) | Self::Ip | Self::Path => {
                ParamValue::Text(text()?)
            }
        };
        self.accepts(&value)?;
        Ok(value)
    }

    /// Whether a value is of this type and in its range.
    pub(crate) fn accepts(&self, value: &ParamValue) -> Result<(), Mistake> {
        let good = match (self, value) {
            (Self::Text, ParamValue::Text(_)) | (Self::Bool, ParamValue::Bool(_)) => true,
            (Self::Name, ParamValue::Text(text)) => is_name(text),
            (Self::Integer { min, max }, ParamValue::Integer(number)) => {
                (min..=max).contains(&number)
            }
            (Self::Enum(values), ParamValue::Text(text)) => {
                if values.contains(text) {
                    return Ok(());
                }
                let near = forge_syntax::closest(text, values.iter().map(String::as_str));
                return Err(near.map_or_else(Mistake::default, |near| {
                    Mistake::help(format!("did you mean \"{near}\"?")).offered(quote(near))
                }));
            }
            (Self::Ip, ParamValue::Text(text)) => text.parse::<IpAddr>().is_ok(),
            (Self::Path, ParamValue::Text(text)) => {
                text.starts_with('/') && ImagePath::new(text).is_some()
            }
            (Self::List(element), ParamValue::List(values)) => {
                for value in values {
                    element.accepts(value)?;
                }
                true
            }
            _ => false,
        };
        if good { Ok(()) } else { Err(Mistake::default()) }
    }

    /// A text that stood in for a value (`"${name}"` put in), as a value of this type.
    pub(crate) fn of_text(&self, text: &str) -> Option<ParamValue> {
        let value = match self {
            Self::Integer { .. } => ParamValue::Integer(text.parse().ok()?),
            Self::Bool => ParamValue::Bool(text.parse().ok()?),
            Self::List(_) => return None,
            Self::Text | Self::Name | Self::Enum(_) | Self::Ip | Self::Path => {
                ParamValue::Text(text.to_owned())
            }
        };
        self.accepts(&value).ok().map(|()| value)
    }
}

/// Host names, account names, words: what never needs quoting anywhere.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
