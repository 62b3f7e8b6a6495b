use std::fmt;
use std::sync::Arc;

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, Entry, Node, Piece, Value, Written, pieces, suggest};

use crate::ty::{Range, TYPES};
use crate::{ParamType, ParamValue, Pattern, bad_value};

/// `param`, in a role or a profile.
pub const KIND: NodeKind = NodeKind {
    name: "param",
    doc: "A parameter of a role or a profile. Its value comes from the node that uses the role or \
          asks for the profile, from the image's `set`, from the `set` of the image named by \
          `from`, or is the default.",
    args: &[Field::required("name", "name", "how texts, conditions and templates call it")],
    props: &[
        Field::required(
            "type",
            "`string`, `name`, `int`, `port`, `bool`, `enum`, `ip`, `cidr`, `path`, `mode`, \
             `size`, `duration`, `hostlist` or `list`",
            "what values it takes; a `name` has no blanks, a `path` is absolute, a `size` is \
             \"10G\", a `duration` \"5min\", a `hostlist` \"node[01-16]\"",
        ),
        Field::optional("default", "a value of the type", "the value when nothing gives one"),
        Field::optional("doc", "text", "what it is for"),
        Field::default("of", "a type", "\"string\"", "the type of a list's elements"),
        Field::optional(
            "min",
            "a value of the type",
            "the least `int`, `port`, `size` or `duration`",
        ),
        Field::optional("max", "a value of the type", "the greatest"),
        Field::optional("pattern", "regular expression", "what a `string` must match as a whole"),
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

/// A declared parameter.
#[derive(Clone, Debug)]
pub struct ParamDecl {
    /// Its name.
    pub name: Spanned<String>,
    /// What values it takes.
    pub ty: Arc<ParamType>,
    /// Where the name of the type stands.
    pub type_at: Span,
    /// What holds when nobody gives one.
    pub default: Option<Spanned<ParamValue>>,
    /// A default stands there, with a mistake that has been reported.
    pub wrong_default: bool,
    /// What it is for; may be empty.
    pub doc: String,
}

/// Declared parameters, each name once, and whether all of them could be read.
pub fn decode_all(nodes: &[&Node], sink: &mut Sink) -> (Vec<ParamDecl>, bool) {
    let mut params: Vec<ParamDecl> = Vec::new();
    for node in nodes {
        let Some(decl) = decode(node, sink) else {
            continue;
        };
        match params.iter().find(|known| known.variable() == decl.variable()) {
            Some(known) => sink.push(twice(known, &decl)),
            None => params.push(decl),
        }
    }
    let whole = params.len() == nodes.len();
    (params, whole)
}

fn twice(first: &ParamDecl, again: &ParamDecl) -> Diagnostic {
    let name = &again.name.value;
    let headline = if first.name == again.name {
        format!("the parameter `{name}` is declared twice")
    } else {
        format!("templates could not tell `{name}` from `{}`", first.name.value)
    };
    Diagnostic::error(codes::SYNTAX_DUPLICATE, headline)
        .at(again.name.span, "and again here")
        .and(first.name.span, "first here")
}

impl ParamDecl {
    /// Its name in templates.
    pub fn variable(&self) -> String {
        self.name.value.replace('-', "_")
    }
}

/// What the declaration says beside its name.
struct Said<'a> {
    of: Option<Spanned<String>>,
    min: Option<&'a Entry>,
    max: Option<&'a Entry>,
    pattern: Option<Spanned<String>>,
    values: Option<&'a Node>,
}

fn decode(node: &Node, sink: &mut Sink) -> Option<ParamDecl> {
    let mut cursor = Cursor::of(node, &KIND);
    let name = cursor.arg::<String>("name");
    let ty = cursor.required_prop_like::<String>("type", likely_types(node));
    let said = Said {
        of: cursor.prop("of"),
        min: cursor.prop_entry("min"),
        max: cursor.prop_entry("max"),
        pattern: cursor.prop("pattern"),
        values: cursor.child("values"),
    };
    let default = cursor.prop_entry("default");
    let default_list = cursor.child("default");
    let doc = cursor.prop::<String>("doc").map(|doc| doc.value).unwrap_or_default();
    let type_at = ty.as_ref().map(|ty| ty.span);
    let ty = ty.and_then(|ty| whole_type(&ty, &said, &mut cursor));
    let value = ty.as_ref().and_then(|ty| match (default, default_list) {
        (Some(entry), _) => {
            check(ty, entry, &mut cursor).map(|value| Spanned::new(value, entry.span))
        }
        (None, Some(list)) => {
            check_list(ty, list, &mut cursor).map(|value| Spanned::new(value, list.head))
        }
        (None, None) => None,
    });
    if let Some(name) = &name
        && !is_param_name(&name.value)
    {
        let headline = format!("`{}` is no name of a parameter", name.value);
        cursor.report(
            Diagnostic::error(codes::SPEC_NAME, headline)
                .at(name.span, "no text could put it in")
                .help("a letter first, then letters, digits, `-` and `_`"),
        );
    }
    cursor.finish(sink);
    let wrong_default = value.is_none() && (default.is_some() || default_list.is_some());
    let (ty, type_at) = (Arc::new(ty?), type_at?);
    Some(ParamDecl { name: name?, ty, type_at, default: value, wrong_default, doc })
}

/// What gives a type to a declaration without one, by its default.
fn likely_types(node: &Node) -> &'static [&'static str] {
    let default = node
        .entries
        .iter()
        .find(|entry| entry.name.as_ref().is_some_and(|name| name.value == "default"));
    let list = node.children.iter().find(|child| child.name.value == "default");
    match (default, list) {
        (Some(entry), _) => match &entry.value {
            Value::Text(_) => &[r#"type="string""#],
            Value::Integer { .. } => &[r#"type="int""#],
            Value::Bool(_) => &[r#"type="bool""#],
            Value::Float { .. } | Value::Null => &[],
        },
        (None, Some(list)) => {
            let all = |is: fn(&Value) -> bool| list.entries.iter().all(|entry| is(&entry.value));
            if all(|value| matches!(value, Value::Text(_))) {
                &[r#"type="list""#]
            } else if all(|value| matches!(value, Value::Integer { .. })) {
                &[r#"type="list" of="int""#]
            } else {
                &[]
            }
        }
        (None, None) => &[r#"type="string""#, r#"type="int""#, r#"type="bool""#, r#"type="path""#],
    }
}

/// What `${name}` can name.
fn is_param_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The type with all that is said of it; what means nothing for it is reported.
fn whole_type(ty: &Spanned<String>, said: &Said<'_>, cursor: &mut Cursor<'_>) -> Option<ParamType> {
    let found = match (ty.value.as_str(), &said.of) {
        ("list", None) => ParamType::List(Box::new(plain("string", ty.span, said, cursor)?)),
        ("list", Some(of)) if matches!(of.value.as_str(), "list" | "hostlist") => {
            cursor.report(
                Diagnostic::error(codes::SPEC_PARAM_TYPE, "a list holds plain values")
                    .at(of.span, format!("not `{}`", of.value)),
            );
            return None;
        }
        ("list", Some(of)) => ParamType::List(Box::new(plain(&of.value, of.span, said, cursor)?)),
        (name, of) => {
            let found = plain(name, ty.span, said, cursor)?;
            if let Some(of) = of {
                cursor.report(means_nothing("of", "a `list` has elements", of.span));
            }
            found
        }
    };
    let element = match &found {
        ParamType::List(element) => element,
        one => one,
    };
    if let (Some(values), false) = (said.values, matches!(element, ParamType::Enum(_))) {
        cursor.report(means_nothing("values", "an `enum` has them", values.head));
    }
    if let (Some(pattern), false) = (&said.pattern, matches!(element, ParamType::Text(_))) {
        cursor.report(means_nothing("pattern", "a `string` has one", pattern.span));
    }
    let ranges = matches!(
        element,
        ParamType::Integer(_) | ParamType::Port(_) | ParamType::Size(_) | ParamType::Duration(_)
    );
    if let (Some(bound), false) = (said.min.or(said.max), ranges) {
        let who = "an `int`, a `port`, a `size` and a `duration` have a range";
        cursor.report(means_nothing("min` and `max", who, bound.span));
    }
    Some(found)
}

fn means_nothing(what: &str, who: &str, span: Span) -> Diagnostic {
    Diagnostic::error(codes::SPEC_PARAM_TYPE, format!("this type has no `{what}`"))
        .at(span, format!("only {who}"))
}

fn plain(name: &str, span: Span, said: &Said<'_>, cursor: &mut Cursor<'_>) -> Option<ParamType> {
    Some(match name {
        "string" => {
            let Some(written) = &said.pattern else {
                return Some(ParamType::Text(None));
            };
            match Pattern::new(&written.value) {
                Ok(pattern) => ParamType::Text(Some(pattern)),
                Err(why) => {
                    let headline = format!("`{}` is no regular expression", written.value);
                    cursor.report(
                        Diagnostic::error(codes::SPEC_PARAM_TYPE, headline).at(written.span, why),
                    );
                    return None;
                }
            }
        }
        "name" => ParamType::Name,
        "int" => ParamType::Integer(range(said, &ParamType::Integer(Range::default()), cursor)?),
        "port" => ParamType::Port(range(said, &ParamType::Port(Range::default()), cursor)?),
        "bool" => ParamType::Bool,
        "enum" => ParamType::Enum(enum_values(span, said.values, cursor)?),
        "ip" => ParamType::Ip,
        "cidr" => ParamType::Cidr,
        "path" => ParamType::Path,
        "mode" => ParamType::Mode,
        "size" => ParamType::Size(range(said, &ParamType::Size(Range::default()), cursor)?),
        "duration" => {
            ParamType::Duration(range(said, &ParamType::Duration(Range::default()), cursor)?)
        }
        "hostlist" => ParamType::Hosts,
        unknown => {
            let found =
                Diagnostic::error(codes::SPEC_PARAM_TYPE, format!("`{unknown}` is no type"))
                    .at(span, "unknown type");
            let name = Spanned::new(unknown.to_owned(), span);
            cursor.report(suggest(found, &name, Written::Quoted, TYPES));
            return None;
        }
    })
}

/// What a bound of a range is read as.
trait Bound: Sized + PartialOrd + fmt::Display {
    fn of(value: ParamValue) -> Option<Self>;
}

impl Bound for i64 {
    fn of(value: ParamValue) -> Option<Self> {
        if let ParamValue::Integer(number) = value { Some(number) } else { None }
    }
}

impl Bound for crate::Size {
    fn of(value: ParamValue) -> Option<Self> {
        if let ParamValue::Size(size) = value { Some(size) } else { None }
    }
}

impl Bound for crate::Duration {
    fn of(value: ParamValue) -> Option<Self> {
        if let ParamValue::Duration(time) = value { Some(time) } else { None }
    }
}

/// `min=` and `max=`, each a value of the type.
fn range<T: Bound>(said: &Said<'_>, ty: &ParamType, cursor: &mut Cursor<'_>) -> Option<Range<T>> {
    let mut bound = |what: &str, entry: Option<&Entry>| -> Option<Option<T>> {
        let Some(entry) = entry else {
            return Some(None);
        };
        match ty.read(entry) {
            Ok(value) => Some(T::of(value)),
            Err(_) if entry.reported => None,
            Err(mistake) => {
                cursor.report(bad_value(&format!("`{what}`"), ty, entry, mistake));
                None
            }
        }
    };
    let (min, max) = (bound("min", said.min), bound("max", said.max));
    let range = Range { min: min?, max: max? };
    if let (Some(min), Some(max), Some(entry)) = (&range.min, &range.max, said.max)
        && min > max
    {
        let headline = format!("nothing is at least {min} and at most {max}");
        let mut found = Diagnostic::error(codes::SPEC_PARAM_TYPE, headline).at(entry.span, "less");
        if let Some(entry) = said.min {
            found = found.and(entry.span, "than this");
        }
        cursor.report(found);
        return None;
    }
    Some(range)
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
    for (index, value) in values.iter().enumerate() {
        if let Some(first) = values.iter().take(index).find(|earlier| *earlier == value) {
            below.report(
                Diagnostic::error(
                    codes::SYNTAX_DUPLICATE,
                    format!("the value \"{}\" is given twice", value.value),
                )
                .at(value.span, "and again here")
                .and(first.span, "first here"),
            );
        }
    }
    below.finish(&mut found);
    found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
    Some(values.into_iter().map(|value| value.value).collect())
}

fn check(ty: &ParamType, entry: &Entry, cursor: &mut Cursor<'_>) -> Option<ParamValue> {
    if let Value::Text(text) = &entry.value
        && let Ok(pieces) = pieces(text)
        && pieces.iter().any(|piece| matches!(piece, Piece::Name { .. }))
    {
        cursor.report(
            Diagnostic::error(codes::SPEC_PARAM_VALUE, "a default stands for itself")
                .at(entry.span, "nothing is put in here")
                .help("leave the default out, and give the value where the role is used"),
        );
        return None;
    }
    match ty.read(entry) {
        Ok(value) => Some(value),
        Err(_) if entry.reported => None,
        Err(mistake) => {
            cursor.report(bad_value("the default", ty, entry, mistake));
            None
        }
    }
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
    let values = list.entries.iter().filter_map(|entry| check(element, entry, cursor));
    Some(ParamValue::List(values.collect()))
}
