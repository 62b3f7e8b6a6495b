//! Lists that a template prints as they are: `{{ servers }}` would be `["a", "b"]`, which no
//! configuration file means.

use std::ops::Range;

use forge_diag::{Diagnostic, FileId, Span, codes};
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Output, State, Value, escape_formatter};

use super::{Hosts, is_word};

/// What the engine is told of a list that is printed.
const PRINTED: &str = "a list is printed as it is";

/// Writes a value, and refuses a list.
pub(super) fn write(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    let list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    if list && value.downcast_object_ref::<Hosts>().is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, PRINTED));
    }
    escape_formatter(out, state, value)
}

/// The finding about a list that is printed, and the place of the expression.
pub(super) fn printed(
    error: &Error,
    file: FileId,
    text: &str,
) -> Option<(Diagnostic, Range<usize>)> {
    let place = error.range().filter(|_| error.detail() == Some(PRINTED))?;
    let written = text.get(place.clone())?;
    let span = Span::new(file, place.start, place.end);
    let found = Diagnostic::error(codes::SPEC_TEMPLATE, format!("`{written}` is a list"))
        .at(span, "printed as it is, with brackets and quotes");
    let word = written.chars().all(|c| is_word(c) || c == '.');
    let found = if word {
        let joined = format!("{written} | join(\" \")");
        found
            .help(format!(
                "write `{{{{ {joined} }}}}`, or go through it with `{{% for %}}`; \
                 `{{{{ {written} | string }}}}` prints it so"
            ))
            .offer(span, joined)
    } else {
        found.help("add `| join(\" \")`, or `| string` to print it so")
    };
    Some((found, place))
}

/// An expression of this length that prints nothing.
pub(super) fn nothing(length: usize) -> String {
    format!("{:length$}", if length < 2 { "0" } else { "''" })
}
