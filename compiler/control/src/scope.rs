use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{Diagnostic, Sink, Span, Spanned, codes};
use forge_syntax::{Piece, Text, did_you_mean, pieces};

use crate::Param;

/// What `${name}` stands for.
pub(crate) enum Scope<'a> {
    /// The profile is only checked: names must be declared, their values come later.
    Declared {
        /// The parameters.
        params: &'a [Param],
        /// Those that were read.
        read: RefCell<BTreeSet<String>>,
    },
    /// An image uses the profile.
    Bound(&'a BTreeMap<String, String>),
}

/// A text with its parameters put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// The text; none while a parameter's value is still to come.
    pub(crate) value: Option<String>,
    /// A parameter stands in it.
    pub(crate) interpolated: bool,
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
        Some(Filled { value, interpolated })
    }

    /// A parameter; none for an unknown name.
    fn lookup(&self, name: &str, span: Span, sink: &mut Sink) -> Option<Found> {
        let known: Vec<&str> = match self {
            Self::Declared { params, read } => {
                if params.iter().any(|param| param.name.value == name) {
                    read.borrow_mut().insert(name.to_owned());
                    return Some(Found::Later);
                }
                params.iter().map(|param| param.name.value.as_str()).collect()
            }
            Self::Bound(values) => {
                if let Some(value) = values.get(name) {
                    return Some(Found::Value(value.clone()));
                }
                values.keys().map(String::as_str).collect()
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
