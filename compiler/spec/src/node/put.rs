//! Values other than text that a parameter may stand for.

use std::str::FromStr;

use forge_diag::{Diagnostic, Spanned, codes};
use forge_syntax::{Entry, FromValue, Mistake, Text, Value};

use crate::context::Context;

/// A value, or the text `"${name}"` that becomes one.
#[derive(Clone, Debug)]
pub(crate) enum Put<T> {
    /// Written as it is.
    Given(T),
    /// A parameter's.
    Parameter(Text),
}

impl<T: FromValue> FromValue for Put<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(entry: &Entry) -> Result<Self, Mistake> {
        match &entry.value {
            Value::Text(text) if !text.raw && text.value.starts_with("${") => {
                Ok(Self::Parameter(text.clone()))
            }
            _ => T::from_value(entry).map(Self::Given),
        }
    }
}

/// The mistake is reported.
#[derive(Debug)]
pub(crate) struct Reported;

/// What the property `name` says, if it is given. `param_type` is what its parameter should be.
pub(crate) fn put<T>(
    cx: &mut Context<'_>,
    name: &str,
    given: Option<&Spanned<Put<T>>>,
    param_type: &str,
) -> Result<Option<T>, Reported>
where
    T: FromValue + FromStr + Clone,
{
    let Some(given) = given else { return Ok(None) };
    let text = match &given.value {
        Put::Given(value) => return Ok(Some(value.clone())),
        Put::Parameter(text) => text,
    };
    let value = cx.text(&Spanned::new(text.clone(), given.span)).ok_or(Reported)?;
    value.parse().map(Some).map_err(|_| {
        let headline = format!("`{name}` must be {}", T::EXPECTED);
        let found = Diagnostic::error(codes::SPEC_VALUE, headline)
            .at(given.span, format!("its value is \"{value}\""));
        cx.report(cx.declare_as(found, text, param_type));
        Reported
    })
}
