//! `format` and `String#%`.

use super::number::radix_text;
use crate::interp::Machine;
use crate::stop::Stop;
use crate::value::{Value, int_to_float};

/// The widest field that is padded.
const MAX_WIDTH: usize = 10_000;

#[derive(Default)]
struct Field {
    left: bool,
    zero: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

/// Puts values into a format.
pub(crate) fn format(
    machine: &mut Machine<'_>,
    text: &str,
    values: &Value,
) -> Result<String, Stop> {
    let mut list = match values {
        Value::Array(items) => items.borrow().clone(),
        other => vec![other.clone()],
    }
    .into_iter();
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut field = Field::default();
        let mut name = None;
        loop {
            match chars.peek() {
                Some('-') => field.left = true,
                Some('0') if field.width == 0 => field.zero = true,
                Some('+') => field.plus = true,
                Some(' ' | '#') => {}
                Some(digit) if digit.is_ascii_digit() => {
                    let digit = digit.to_digit(10).unwrap_or(0) as usize;
                    field.width = (field.width * 10 + digit).min(MAX_WIDTH);
                }
                Some('.') => {
                    chars.next();
                    let mut precision = 0;
                    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                        precision = (precision * 10 + digit as usize).min(100);
                        chars.next();
                    }
                    field.precision = Some(precision);
                    continue;
                }
                Some(open @ ('<' | '{')) => {
                    let (open, close) = (*open, if *open == '<' { '>' } else { '}' });
                    chars.next();
                    let key: String = chars.by_ref().take_while(|c| *c != close).collect();
                    let found = match values {
                        Value::Hash(map) => map.borrow().symbol(&key).cloned(),
                        _ => None,
                    };
                    let Some(found) = found else {
                        return Err(machine.raise("KeyError", format!("key<{key}> not found")));
                    };
                    if open == '{' {
                        out.push_str(&machine.to_s(&found)?);
                        break;
                    }
                    name = Some(found);
                    continue;
                }
                Some(_) | None => {
                    let Some(kind) = chars.next() else { break };
                    if kind == '%' {
                        out.push('%');
                        break;
                    }
                    let Some(value) = name.take().or_else(|| list.next()) else {
                        return Err(machine.raise("ArgumentError", "too few arguments"));
                    };
                    out.push_str(&one(machine, kind, &field, &value)?);
                    break;
                }
            }
            chars.next();
        }
    }
    Ok(out)
}

fn one(
    machine: &mut Machine<'_>,
    kind: char,
    field: &Field,
    value: &Value,
) -> Result<String, Stop> {
    let text = match kind {
        's' => machine.to_s(value)?.to_string(),
        'p' => value.inspect(),
        'd' | 'i' | 'u' => whole(machine, value)?.to_string(),
        'o' => radix_text(whole(machine, value)?, 8).unwrap_or_default(),
        'x' => radix_text(whole(machine, value)?, 16).unwrap_or_default(),
        'X' => radix_text(whole(machine, value)?, 16).unwrap_or_default().to_uppercase(),
        'b' => radix_text(whole(machine, value)?, 2).unwrap_or_default(),
        'f' => {
            let number = match value {
                Value::Int(int) => int_to_float(*int),
                Value::Float(float) => *float,
                other => super::string::leading_float(&other.text()),
            };
            format!("{number:.*}", field.precision.unwrap_or(6))
        }
        other => return Err(machine.needs_ruby(format!("`%{other}` in a format"))),
    };
    let plus = if field.plus && !text.starts_with('-') && kind != 's' { "+" } else { "" };
    let text = match (kind, field.precision) {
        ('s', Some(most)) => text.chars().take(most).collect(),
        _ => format!("{plus}{text}"),
    };
    let missing = field.width.saturating_sub(text.chars().count());
    Ok(match (field.left, field.zero && kind != 's') {
        (true, _) => text + &" ".repeat(missing),
        (false, true) => "0".repeat(missing) + &text,
        (false, false) => " ".repeat(missing) + &text,
    })
}

fn whole(machine: &mut Machine<'_>, value: &Value) -> Result<i64, Stop> {
    match value {
        Value::Int(value) => Ok(*value),
        #[expect(clippy::cast_possible_truncation, reason = "as `Float#to_i`")]
        Value::Float(value) => Ok(*value as i64),
        Value::Str(text) => text.trim().parse().map_err(|_| {
            machine
                .raise("ArgumentError", format!("invalid value for Integer(): {}", value.inspect()))
        }),
        other => {
            let why = format!("can't convert {} into Integer", other.class_name());
            Err(machine.raise("TypeError", why))
        }
    }
}
