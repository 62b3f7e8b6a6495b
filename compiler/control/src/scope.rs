use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_param::{ParamDecl, ParamType, ParamValue};
use forge_syntax::{Piece, Text, did_you_mean, pieces};

/// What `${name}` stands for.
pub(crate) enum Scope<'a> {
    /// The profile is only checked: names must be declared, their values come later.
    Declared {
        /// The parameters.
        params: &'a [ParamDecl],
        /// Those that were read.
        read: RefCell<BTreeSet<String>>,
    },
    /// An image uses the profile.
    Bound(&'a BTreeMap<String, ParamValue>),
    /// Within a `for-each`.
    Local {
        /// What its value is called.
        name: &'a str,
        /// The value; none while it is still to come.
        value: Option<String>,
        /// Something read it.
        read: &'a Cell<bool>,
        /// What stands around it.
        outer: &'a Scope<'a>,
    },
}

/// A text with its parameters put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// The text; none while a parameter's value is still to come.
    pub(crate) value: Option<String>,
    /// A parameter stands in it.
    pub(crate) interpolated: bool,
    /// The parameter's value, where the text is one `${name}` alone.
    pub(crate) whole: Option<ParamValue>,
}

enum Found {
    Value(String),
    /// Its value comes with an image.
    Later,
}

impl Scope<'_> {
    /// Fills a text in; none when it cannot be, which is reported.
    pub(crate) fn fill(&self, text: &Spanned<Text>, sink: &mut Sink) -> Option<Filled> {
        let pieces = match pieces(&text.value) {
            Ok(pieces) => pieces,
            Err(bad) => {
                let headline = format!("`{}` cannot be put in: {}", bad.found, bad.why);
                sink.push(
                    Diagnostic::error(codes::SPEC_TEXT, headline)
                        .at(text.span, "in this text")
                        .help("write `$${` for a literal `${`"),
                );
                return None;
            }
        };
        let whole = match pieces.as_slice() {
            [Piece::Name { name, .. }] => self.bound(name),
            _ => None,
        };
        let mut value = Some(String::new());
        let mut interpolated = false;
        for piece in pieces {
            let part = match piece {
                Piece::Literal(literal) => Found::Value(literal),
                Piece::Name { name, index: _ } => {
                    interpolated = true;
                    self.lookup(&name, text.span, sink)?
                }
            };
            value = match part {
                Found::Value(part) => value.map(|before| before + &part),
                Found::Later => None,
            };
        }
        Some(Filled { value, interpolated, whole })
    }

    /// The elements of a list that a text passes on whole, `"${list}"` alone: none of them while
    /// they are still to come. `None` for any other text.
    pub(crate) fn elements(&self, text: &Text) -> Option<Vec<String>> {
        let pieces = pieces(text).ok()?;
        let [Piece::Name { name, .. }] = pieces.as_slice() else {
            return None;
        };
        match self {
            Self::Declared { params, read } => {
                let param = params.iter().find(|param| param.name.value == *name)?;
                let several = matches!(*param.ty, ParamType::List(_) | ParamType::Hosts);
                several.then(|| {
                    read.borrow_mut().insert(name.clone());
                    Vec::new()
                })
            }
            Self::Bound(values) => read(values, name)?.elements(),
            Self::Local { name: own, outer, .. } => {
                if name == own {
                    None
                } else {
                    outer.elements(text)
                }
            }
        }
    }

    /// The value of a parameter, when an image uses the profile.
    fn bound(&self, name: &str) -> Option<ParamValue> {
        match self {
            Self::Declared { .. } => None,
            Self::Bound(values) => read(values, name),
            Self::Local { name: own, outer, .. } => {
                if name == *own {
                    None
                } else {
                    outer.bound(name)
                }
            }
        }
    }

    /// A parameter; none for an unknown name, and for a list, which no text can hold.
    fn lookup(&self, name: &str, span: Span, sink: &mut Sink) -> Option<Found> {
        let known: Vec<&str> = match self {
            Self::Declared { params, read } => {
                let (owner, field) = name.split_once('.').unwrap_or((name, ""));
                if let Some(param) = params.iter().find(|param| param.name.value == owner) {
                    read.borrow_mut().insert(owner.to_owned());
                    if field.is_empty() && matches!(*param.ty, ParamType::List(_)) {
                        sink.push(list_in_text(name, span).and(param.name.span, "declared here"));
                        return None;
                    }
                    return Some(Found::Later);
                }
                params.iter().map(|param| param.name.value.as_str()).collect()
            }
            Self::Bound(values) => {
                if let Some(value) = read(values, name) {
                    // A list has been reported where the profile is declared.
                    return value.text().map(Found::Value);
                }
                values.keys().map(String::as_str).collect()
            }
            Self::Local { name: own, value, read, outer } => {
                if name != *own {
                    return outer.lookup(name, span, sink);
                }
                read.set(true);
                return Some(value.clone().map_or(Found::Later, Found::Value));
            }
        };
        sink.push(
            Diagnostic::error(
                codes::SPEC_PARAM_UNDEFINED,
                format!("there is no parameter `{name}`"),
            )
            .at(span, format!("`${{{name}}}` has no value"))
            .maybe_help(did_you_mean(name, known)),
        );
        None
    }
}

/// What `${name}` or `${name.field}` stands for.
fn read(values: &BTreeMap<String, ParamValue>, written: &str) -> Option<ParamValue> {
    match written.split_once('.') {
        None => values.get(written).cloned(),
        Some((name, field)) => values.get(name)?.field(field),
    }
}

fn list_in_text(name: &str, span: Span) -> Diagnostic {
    let headline = format!("`{name}` is a list and cannot stand inside of a text");
    Diagnostic::error(codes::SPEC_TEXT, headline).at(span, "a list").help(format!(
        "go through it: `for-each \"one\" \"${{{name}}}\" {{ … }}`, with `${{one}}` where a value \
             stands; what asks for several values takes \"${{{name}}}\" alone"
    ))
}
