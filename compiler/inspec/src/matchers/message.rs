//! What a failed expectation says.

use super::cmp::is_octal;
use super::words::shown;
use super::{Kind, Matcher};
use crate::interp::Machine;
use crate::value::Value;

impl Machine<'_> {
    /// A value in a message; resources by their names.
    pub(crate) fn shown(&self, value: &Value) -> String {
        shown(value)
    }
}

impl Matcher {
    /// Why it does not hold; or, negated, why it should not.
    pub(crate) fn failure(&self, actual: &Value, negated: bool) -> String {
        let (not, to) = if negated { ("not ", "not to") } else { ("", "to") };
        match &self.kind {
            Kind::Eq(expected) => {
                if negated {
                    format!(
                        "expected: value != {}\n     got: {}\n\n(compared using ==)",
                        shown(expected),
                        shown(actual)
                    )
                } else {
                    format!(
                        "expected: {}\n     got: {}\n\n(compared using ==)",
                        shown(expected),
                        shown(actual)
                    )
                }
            }
            Kind::Eql(expected) => {
                format!(
                    "expected: {not}{}\n     got: {}\n\n(compared using eql?)",
                    shown(expected),
                    shown(actual)
                )
            }
            Kind::Equal(expected) => {
                format!("expected {} {to} be {}", shown(actual), shown(expected))
            }
            Kind::Cmp(first) => {
                let (operator, expected) = self.operation(first);
                let got = match (actual, &expected) {
                    (Value::Int(int), Value::Str(text)) if is_octal(text) => format!("0{int:o}"),
                    _ => actual.text().to_string(),
                };
                let what = if operator == "==" && !negated {
                    format!("expected: {}", expected.text())
                } else {
                    format!("expected it {to} be {operator} {}", expected.inspect())
                };
                format!("{what}\n     got: {got}\n\n(compared using `cmp` matcher)")
            }
            Kind::Compare(operator, expected) | Kind::Operator(operator, expected) => {
                format!(
                    "expected: {not}{operator} {}\n     got:    {}",
                    shown(expected),
                    shown(actual)
                )
            }
            Kind::Predicate(name, args) => {
                let args: Vec<String> = args.iter().map(Value::inspect).collect();
                let args =
                    if args.is_empty() { String::new() } else { format!("({})", args.join(", ")) };
                let (be, got) = if negated { ("falsey", "true") } else { ("truthy", "false") };
                format!("expected `{}.{name}?{args}` to be {be}, got {got}", actual.text())
            }
            Kind::Nil if !negated => format!("expected: nil\n     got: {}", shown(actual)),
            Kind::In(list) => {
                format!("expected `{}` {to} be in the list: `{}`", actual.text(), list.inspect())
            }
            Kind::Strict(name) if !negated => {
                format!("expected that `{}` is {name}", actual.text())
            }
            _ => {
                let what = match actual {
                    Value::Resource(_) | Value::Table(_) | Value::Object(_) => {
                        actual.text().to_string()
                    }
                    other => shown(other),
                };
                format!("expected {what} {to} {}", self.description())
            }
        }
    }
}
