//! `cmp`: the comparison that forgives types, rule by rule as measured.

use crate::interp::Machine;
use crate::stop::{Halt, Stop};
use crate::value::Value;

/// Whether `actual` compares to `expected`. What cannot be compared does not.
pub(crate) fn compare(
    machine: &mut Machine<'_>,
    actual: &Value,
    operator: &str,
    expected: &Value,
) -> Result<bool, Stop> {
    if operator == "===" {
        return machine.case_equals(actual, expected);
    }
    let alone = match actual {
        Value::Array(items) if !matches!(expected, Value::Array(_)) => {
            match items.borrow().as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            }
        }
        _ => None,
    };
    let actual = alone.as_ref().unwrap_or(actual);
    match try_compare(machine, actual, operator, expected) {
        Err(stop)
            if matches!(&*stop, Halt::Raise(raised)
            if matches!(&*raised.class, "NoMethodError" | "NameError" | "ArgumentError")) =>
        {
            Ok(false)
        }
        other => other,
    }
}

fn try_compare(
    machine: &mut Machine<'_>,
    actual: &Value,
    operator: &str,
    expected: &Value,
) -> Result<bool, Stop> {
    match (actual, expected) {
        (Value::Str(a), Value::Str(e)) => {
            if operator == "==" {
                return Ok(a.eq_ignore_ascii_case(e));
            }
            if let (Some(a), Some(e)) = (Version::parse(a), Version::parse(e)) {
                return Ok(ordered(operator, a.compare(&e)));
            }
        }
        (Value::Str(text), Value::Regex(regex)) => return machine.is_match(&regex.clone(), text),
        (Value::Int(number), Value::Regex(regex)) => {
            return machine.is_match(&regex.clone(), &number.to_string());
        }
        (Value::Int(_), Value::Str(text)) if is_integer(text) => {
            let number = Value::Int(crate::core::string::leading_int(text, 10));
            return plain(machine, actual, operator, &number);
        }
        (Value::Bool(_), Value::Str(text)) if is_boolean(text) => {
            return plain(
                machine,
                actual,
                operator,
                &Value::Bool(text.eq_ignore_ascii_case("true")),
            );
        }
        (Value::Str(text), Value::Bool(expected)) if matches!(&**text, "true" | "false") => {
            return plain(machine, actual, operator, &expected.to_string().into());
        }
        (Value::Str(text), Value::Int(_)) if is_integer(text) => {
            let number = Value::Int(crate::core::string::leading_int(text, 10));
            return plain(machine, &number, operator, expected);
        }
        (Value::Str(text), Value::Float(_)) if text.trim().parse::<f64>().is_ok() => {
            let number = Value::Float(crate::core::string::leading_float(text));
            return plain(machine, &number, operator, expected);
        }
        (Value::Int(number), Value::Float(_)) => {
            let number = Value::Float(crate::value::int_to_float(*number));
            return plain(machine, &number, operator, expected);
        }
        (Value::Sym(name), Value::Str(_)) => {
            return try_compare(machine, &Value::Str(name.clone()), operator, expected);
        }
        (Value::Int(_), Value::Str(text)) if is_octal(text) => {
            let number = Value::Int(crate::core::string::leading_int(text, 8));
            return plain(machine, actual, operator, &number);
        }
        _ => {}
    }
    plain(machine, actual, operator, expected)
}

fn plain(
    machine: &mut Machine<'_>,
    actual: &Value,
    operator: &str,
    expected: &Value,
) -> Result<bool, Stop> {
    let result = machine.send(actual, operator, std::slice::from_ref(expected), None)?;
    machine.truth(&result)
}

/// Whether an order is what an operator asks for.
pub(crate) fn ordered(operator: &str, order: std::cmp::Ordering) -> bool {
    match operator {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "!=" => order.is_ne(),
        _ => order.is_eq(),
    }
}

/// `/\A-?0+\Z|\A-?[1-9]\d*\Z/`
fn is_integer(text: &str) -> bool {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits && (!digits.starts_with('0') || digits.bytes().all(|b| b == b'0'))
}

/// `/\A0+[0-7]+\Z/`
pub(super) fn is_octal(text: &str) -> bool {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| (b'0'..=b'7').contains(&b))
}

fn is_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// A version as `RubyGems` reads one.
pub(crate) struct Version {
    parts: Vec<Part>,
}

#[derive(PartialEq, Eq)]
enum Part {
    Number(u64),
    Word(String),
}

impl Version {
    /// None for what is no version. An empty text is version 0.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (release, pre) = match text.split_once('-') {
            Some((release, pre)) => (release, Some(pre)),
            None => (text, None),
        };
        let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let mut release_parts = release.split('.');
        let first = release_parts.next().unwrap_or_default();
        let first_is_number = !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit());
        if text.is_empty() {
            return Some(Self { parts: Vec::new() });
        }
        let pre_is_word = pre.is_none_or(|pre| {
            pre.split('.')
                .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        });
        if !first_is_number || !release_parts.all(word) || !pre_is_word {
            return None;
        }
        let whole = text.replace('-', ".pre.");
        let mut parts = Vec::new();
        for part in whole.split('.') {
            let mut rest = part;
            while !rest.is_empty() {
                let digit = rest.starts_with(|c: char| c.is_ascii_digit());
                let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
                parts.push(if digit {
                    Part::Number(rest[..end].parse().unwrap_or(u64::MAX))
                } else {
                    Part::Word(rest[..end].to_owned())
                });
                rest = &rest[end..];
            }
        }
        Some(Self { parts })
    }

    /// The order of two.
    pub(crate) fn compare(&self, other: &Self) -> std::cmp::Ordering {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let zero = Part::Number(0);
        for at in 0..self.parts.len().max(other.parts.len()) {
            let (a, b) = (self.parts.get(at), other.parts.get(at));
            let order = match (a.unwrap_or(&zero), b.unwrap_or(&zero)) {
                (Part::Number(a), Part::Number(b)) => a.cmp(b),
                (Part::Word(a), Part::Word(b)) => a.cmp(b),
                // A word is a release before.
                (Part::Word(_), Part::Number(_)) => Less,
                (Part::Number(_), Part::Word(_)) => Greater,
            };
            if order != Equal {
                return order;
            }
        }
        Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_gems() {
        use std::cmp::Ordering::{Equal, Greater, Less};
        for (a, b, want) in [
            ("1.10", "1.9", Greater),
            ("1.10", "1.9.0", Greater),
            ("1.0", "1", Equal),
            ("1.2-3", "1.2-2", Greater),
            ("1.2-3", "1.2", Less),
            ("1.a", "1.0", Less),
            ("", "0", Equal),
        ] {
            let order = Version::parse(a).unwrap().compare(&Version::parse(b).unwrap());
            assert_eq!(order, want, "{a} {b}");
        }
        for text in ["abc", "2:1.19~1", "1..2", "1.2_3"] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_a_number() {
        for (text, integer, octal) in [
            ("0", true, false),
            ("00", true, true),
            ("10", true, false),
            ("-7", true, false),
            ("010", false, true),
            ("0644", false, true),
            ("644", true, false),
            ("0o644", false, false),
            ("", false, false),
            ("1.0", false, false),
        ] {
            assert_eq!((is_integer(text), is_octal(text)), (integer, octal), "{text}");
        }
    }
}
