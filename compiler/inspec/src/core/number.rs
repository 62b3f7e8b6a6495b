//! Methods of numbers.

use super::Called;
use crate::interp::{Given, Machine};
use crate::stop::Stop;
use crate::value::{Value, int_to_float};

pub(crate) fn call(
    machine: &mut Machine<'_>,
    value: &Value,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    if let Some(other) = args.first()
        && matches!(name, "+" | "-" | "*" | "/" | "%" | "**" | "<" | "<=" | ">" | ">=" | "div")
    {
        return operate(machine, value, name, other).map(Some);
    }
    match value {
        Value::Int(int) => integer(machine, *int, name, args, block),
        Value::Float(float) => Ok(float_call(*float, name, args)),
        _ => Ok(None),
    }
}

fn operate(machine: &Machine<'_>, value: &Value, name: &str, other: &Value) -> Result<Value, Stop> {
    if matches!(name, "<" | "<=" | ">" | ">=") {
        return match (other, value.compare(other)) {
            (Value::Int(_) | Value::Float(_), Some(order)) => Ok(Value::Bool(match name {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            })),
            (Value::Int(_) | Value::Float(_), None) => Ok(Value::Bool(false)),
            _ => {
                let with = describe(other);
                let why = format!("comparison of {} with {with} failed", value.class_name());
                Err(machine.raise("ArgumentError", why))
            }
        };
    }
    match (value, other) {
        (Value::Int(a), Value::Int(b)) => integers(machine, *a, name, *b),
        (Value::Int(a), Value::Float(b)) => Ok(floats(int_to_float(*a), name, *b)),
        (Value::Float(a), Value::Int(b)) => Ok(floats(*a, name, int_to_float(*b))),
        (Value::Float(a), Value::Float(b)) => Ok(floats(*a, name, *b)),
        _ => {
            let why = format!("{} can't be coerced into {}", describe(other), value.class_name());
            Err(machine.raise("TypeError", why))
        }
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Nil | Value::Bool(_) | Value::Int(_) => value.inspect(),
        other => other.class_name(),
    }
}

fn integers(machine: &Machine<'_>, a: i64, name: &str, b: i64) -> Result<Value, Stop> {
    if b == 0 && matches!(name, "/" | "%" | "div") {
        return Err(machine.raise("ZeroDivisionError", "divided by 0"));
    }
    let result = match name {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        // Ruby rounds down.
        "/" | "div" => {
            a.checked_div(b).map(|q| if (a % b != 0) && ((a < 0) != (b < 0)) { q - 1 } else { q })
        }
        "%" => a.checked_rem(b).map(|r| if r != 0 && ((r < 0) != (b < 0)) { r + b } else { r }),
        _ => match u32::try_from(b) {
            Ok(power) => a.checked_pow(power),
            Err(_) => return Ok(Value::Float(int_to_float(a).powf(int_to_float(b)))),
        },
    };
    result.map(Value::Int).ok_or_else(|| machine.needs_ruby("a number of more than 64 bits"))
}

fn floats(a: f64, name: &str, b: f64) -> Value {
    Value::Float(match name {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a.rem_euclid(b),
        "div" => (a / b).floor(),
        _ => a.powf(b),
    })
}

fn integer(
    machine: &mut Machine<'_>,
    value: i64,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    let other = args.first().and_then(Value::as_int);
    Ok(Some(match (name, other) {
        ("&", Some(other)) => Value::Int(value & other),
        ("|", Some(other)) => Value::Int(value | other),
        ("^", Some(other)) => Value::Int(value ^ other),
        ("<<", Some(other)) => {
            Value::Int(u32::try_from(other).ok().and_then(|n| value.checked_shl(n)).unwrap_or(0))
        }
        (">>", Some(other)) => {
            Value::Int(u32::try_from(other).ok().and_then(|n| value.checked_shr(n)).unwrap_or(0))
        }
        ("[]", Some(bit)) => {
            Value::Int(u32::try_from(bit).ok().and_then(|n| value.checked_shr(n)).unwrap_or(0) & 1)
        }
        ("~", _) => Value::Int(!value),
        ("-@", _) => Value::Int(value.wrapping_neg()),
        ("+@" | "to_i" | "to_int" | "floor" | "ceil" | "round" | "truncate", _) => {
            Value::Int(value)
        }
        ("to_f", _) => Value::Float(int_to_float(value)),
        ("to_s" | "inspect", None) => value.to_string().into(),
        ("to_s", Some(radix)) => match radix_text(value, radix) {
            Some(text) => text.into(),
            None => return Err(machine.raise("ArgumentError", format!("invalid radix {radix}"))),
        },
        ("zero?", _) => (value == 0).into(),
        ("positive?", _) => (value > 0).into(),
        ("negative?", _) => (value < 0).into(),
        ("even?", _) => (value % 2 == 0).into(),
        ("odd?", _) => (value % 2 != 0).into(),
        ("nonzero?", _) => {
            if value == 0 {
                Value::Nil
            } else {
                Value::Int(value)
            }
        }
        ("integer?", _) => Value::Bool(true),
        ("abs", _) => Value::Int(value.wrapping_abs()),
        ("succ" | "next", _) => Value::Int(value.wrapping_add(1)),
        ("pred", _) => Value::Int(value.wrapping_sub(1)),
        ("chr", _) => u32::try_from(value).ok().and_then(char::from_u32).map(String::from).into(),
        ("digits", _) => value
            .to_string()
            .bytes()
            .rev()
            .map(|d| Value::Int(i64::from(d) - 48))
            .collect::<Vec<_>>()
            .into(),
        ("between?" | "clamp", _) => return between(machine, &Value::Int(value), name, args),
        ("times" | "upto" | "downto" | "step", _) => {
            return count(machine, value, name, args, block);
        }
        _ => return Ok(None),
    }))
}

fn count(
    machine: &mut Machine<'_>,
    value: i64,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    let Some(block) = block else {
        return Err(machine.needs_ruby(format!("`Integer#{name}` without a block")));
    };
    let end = args.first().and_then(Value::as_int);
    let (mut at, last, step) = match (name, end) {
        ("times", _) => (0, value.saturating_sub(1), 1),
        ("upto", Some(end)) => (value, end, 1),
        ("downto", Some(end)) => (value, end, -1),
        ("step", Some(end)) => (value, end, args.get(1).and_then(Value::as_int).unwrap_or(1)),
        _ => return Ok(None),
    };
    while if step > 0 { at <= last } else { at >= last } {
        machine.call_block(block, &[Value::Int(at)])?;
        match at.checked_add(step) {
            Some(next) if step != 0 => at = next,
            _ => break,
        }
    }
    Ok(Some(Value::Int(value)))
}

fn between(machine: &Machine<'_>, value: &Value, name: &str, args: &[Value]) -> Called {
    let [low, high] = args else { return Ok(None) };
    let (Some(from), Some(to)) = (value.compare(low), value.compare(high)) else {
        return Err(machine.raise("ArgumentError", "comparison failed"));
    };
    Ok(Some(match name {
        "between?" => (from.is_ge() && to.is_le()).into(),
        _ if from.is_lt() => low.clone(),
        _ if to.is_gt() => high.clone(),
        _ => value.clone(),
    }))
}

#[expect(clippy::cast_possible_truncation, reason = "as `Float#to_i` of what fits 64 bits")]
fn float_call(value: f64, name: &str, args: &[Value]) -> Option<Value> {
    Some(match name {
        "to_i" | "to_int" | "truncate" => Value::Int(value as i64),
        "floor" => Value::Int(value.floor() as i64),
        "ceil" => Value::Int(value.ceil() as i64),
        "round" => match args.first().and_then(Value::as_int) {
            Some(digits) if digits > 0 => {
                let scale = 10_f64.powi(i32::try_from(digits.min(15)).unwrap_or(15));
                Value::Float((value * scale).round() / scale)
            }
            _ => Value::Int(value.round() as i64),
        },
        "to_f" => Value::Float(value),
        "abs" => Value::Float(value.abs()),
        "-@" => Value::Float(-value),
        "zero?" => (value == 0.0).into(),
        "nan?" => value.is_nan().into(),
        "integer?" => Value::Bool(false),
        _ => return None,
    })
}

/// `Integer#to_s(radix)`.
pub(crate) fn radix_text(value: i64, radix: i64) -> Option<String> {
    let radix = u64::try_from(radix).ok().filter(|radix| (2..=36).contains(radix))?;
    let mut left = value.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(left % radix).ok()?;
        digits.push(char::from_digit(digit, u32::try_from(radix).ok()?)?);
        left /= radix;
        if left == 0 {
            break;
        }
    }
    if value < 0 {
        digits.push('-');
    }
    Some(digits.into_iter().rev().collect())
}
