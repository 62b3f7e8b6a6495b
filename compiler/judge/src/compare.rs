use std::cmp::Ordering;

use forge_model::{Operator, Property, Scalar, ValueKind};

use crate::version::Order;

/// A property's value as a target gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Flag(bool),
    Text(String),
    Number(i64),
    Mode(u32),
    Version(String, Order),
    List(Vec<String>),
}

/// Whether `found` is as `operator` wants it; an error says why the two cannot be compared.
pub(crate) fn holds(
    property: Property,
    operator: &Operator,
    found: &Found,
) -> Result<bool, String> {
    match operator {
        Operator::IsTrue => match found {
            Found::Flag(flag) => Ok(*flag),
            _ => Err(format!("`{property}` is not a yes or no")),
        },
        Operator::OneOf(values) => any(values, |value| equal(property, found, value)),
        Operator::Includes(value) => includes(property, found, &value.to_string()),
        Operator::Matches(regex) => matches(found, regex),
        Operator::Min(value) => bits_or(property, found, value, |have, want| have & want == want)
            .unwrap_or_else(|| Ok(order(property, found, value)? != Ordering::Less)),
        Operator::Max(value) => bits_or(property, found, value, |have, want| have & !want == 0)
            .unwrap_or_else(|| Ok(order(property, found, value)? != Ordering::Greater)),
        Operator::Above(value) => Ok(order(property, found, value)? == Ordering::Greater),
        Operator::Below(value) => Ok(order(property, found, value)? == Ordering::Less),
        Operator::Setting { .. } | Operator::Document { .. } | Operator::Keyword { .. } => {
            Err("a setting is looked up in a file's text".to_owned())
        }
    }
}

fn any(
    values: &[Scalar],
    mut test: impl FnMut(&Scalar) -> Result<bool, String>,
) -> Result<bool, String> {
    for value in values {
        if test(value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// For modes alone: "no more permissive than" is about bits, not about numbers.
fn bits_or(
    property: Property,
    found: &Found,
    wanted: &Scalar,
    test: impl Fn(u32, u32) -> bool,
) -> Option<Result<bool, String>> {
    match found {
        Found::Mode(mode) => Some(octal(property, wanted).map(|wanted| test(*mode, wanted))),
        _ => None,
    }
}

/// For `min`, `max`, `above` and `below`: numbers and versions alone have an order.
fn order(property: Property, found: &Found, wanted: &Scalar) -> Result<Ordering, String> {
    match found {
        Found::Number(number) => Ok(number.cmp(&integer(wanted)?)),
        Found::Version(version, order) => order.compare(version, &wanted.to_string()),
        Found::Text(text) => {
            let number: Result<i64, _> = text.trim().parse();
            let number = number.map_err(|_| format!("{property} {text:?} is not a number"))?;
            Ok(number.cmp(&integer(wanted)?))
        }
        Found::Flag(_) | Found::Mode(_) | Found::List(_) => {
            Err(format!("`{property}` has no order"))
        }
    }
}

fn equal(property: Property, found: &Found, wanted: &Scalar) -> Result<bool, String> {
    match found {
        Found::Flag(flag) => match wanted {
            Scalar::Bool(value) => Ok(flag == value),
            Scalar::Text(_) | Scalar::Integer(_) | Scalar::Null => {
                Err(format!("`{property}` is a yes or no, not `{wanted}`"))
            }
        },
        Found::Text(text) => Ok(equal_text(property, text, &wanted.to_string())),
        Found::Number(number) => Ok(*number == integer(wanted)?),
        Found::Mode(mode) => Ok(*mode == octal(property, wanted)?),
        Found::Version(version, order) => {
            Ok(order.compare(version, &wanted.to_string())? == Ordering::Equal)
        }
        // Asked for by one of its values, of those that can be: a port's protocol.
        Found::List(items) if property.value_kind() == ValueKind::Member => {
            let wanted = wanted.to_string();
            Ok(items.contains(&wanted))
        }
        Found::List(_) => Err(format!("`{property}` is a list: ask what it includes")),
    }
}

/// Text by its characters. A file's content or an output may end in the one newline that a line
/// of text ends with; a kernel parameter's fields may stand apart by tabs or spaces.
fn equal_text(property: Property, found: &str, wanted: &str) -> bool {
    match property {
        Property::Content | Property::Stdout | Property::Stderr => {
            found == wanted || found.strip_suffix('\n') == Some(wanted)
        }
        Property::Value => found.split_whitespace().eq(wanted.split_whitespace()),
        _ => found == wanted,
    }
}

fn includes(property: Property, found: &Found, wanted: &str) -> Result<bool, String> {
    match found {
        Found::Text(text) => Ok(text.contains(wanted)),
        Found::List(items) => Ok(items.iter().any(|item| item == wanted)),
        Found::Flag(_) | Found::Number(_) | Found::Mode(_) | Found::Version(..) => {
            Err(format!("`{property}` is no text or list that could include something"))
        }
    }
}

fn matches(found: &Found, pattern: &str) -> Result<bool, String> {
    let regex = regex(pattern)?;
    Ok(match found {
        Found::Text(text) | Found::Version(text, _) => regex.is_match(text),
        Found::List(items) => items.iter().any(|item| regex.is_match(item)),
        Found::Flag(_) | Found::Number(_) | Found::Mode(_) => regex.is_match(&show(found)),
    })
}

/// The regular expressions of controls: `^` and `$` stand at lines.
pub(crate) fn regex(pattern: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(pattern)
        .multi_line(true)
        .build()
        .map_err(|error| format!("`{pattern}` is no regular expression: {error}"))
}

fn integer(value: &Scalar) -> Result<i64, String> {
    match value {
        Scalar::Integer(number) => Ok(*number),
        Scalar::Text(text) => text.parse().map_err(|_| format!("`{text}` is not a number")),
        Scalar::Bool(_) | Scalar::Null => Err(format!("`{value}` is not a number")),
    }
}

fn octal(property: Property, value: &Scalar) -> Result<u32, String> {
    match value {
        Scalar::Text(text) => u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777),
        Scalar::Integer(_) | Scalar::Bool(_) | Scalar::Null => None,
    }
    .ok_or_else(|| format!("`{value}` is no {property} in octal digits"))
}

/// Characters of a text that a message shows: the output of a command can be long.
const SHOWN: usize = 200;

/// A value as messages show it.
pub(crate) fn show(found: &Found) -> String {
    match found {
        Found::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Found::Text(text) => match text.char_indices().nth(SHOWN) {
            Some((cut, _)) => format!("{:?}… ({} bytes)", &text[..cut], text.len()),
            None => format!("{text:?}"),
        },
        Found::Number(number) => number.to_string(),
        Found::Mode(mode) => format!("{mode:04o}"),
        Found::Version(version, _) => version.clone(),
        Found::List(items) if items.is_empty() => "empty".to_owned(),
        Found::List(items) => items.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_is_cut_at_a_character() {
        let long = "ü".repeat(300);
        let shown = show(&Found::Text(long));
        assert!(shown.ends_with("ü\"… (600 bytes)") && shown.chars().count() < 230, "{shown}");
        assert_eq!(show(&Found::Text("a\n".to_owned())), "\"a\\n\"");
    }
}
