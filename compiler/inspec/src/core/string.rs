//! Methods of texts.

use std::rc::Rc;

use super::{Called, format, substitute};
use crate::interp::{Given, Machine, char_index};
use crate::pattern::{Pattern, escape};
use crate::stop::Stop;
use crate::value::Value;

pub(crate) fn call(
    machine: &mut Machine<'_>,
    text: &Rc<str>,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    machine.meter.steps(1 + (text.len() / 256) as u64)?;
    if let Some(value) = plain(machine, text, name, args)? {
        return Ok(Some(value));
    }
    if let Some(value) = asked(machine, text, name, args)? {
        return Ok(Some(value));
    }
    if let Some(value) = searched(machine, text, name, args, block)? {
        return Ok(Some(value));
    }
    parts(machine, text, name, args, block)
}

/// Texts made from the text.
fn plain(machine: &mut Machine<'_>, text: &Rc<str>, name: &str, args: &[Value]) -> Called {
    let white = |c: char| c.is_ascii_whitespace() || c == '\0' || c == '\x0b';
    let arg = args.first().and_then(Value::as_text);
    Ok(Some(match (name, arg) {
        (
            "to_s" | "to_str" | "+@" | "-@" | "freeze" | "dup" | "force_encoding" | "encode"
            | "scrub" | "unicode_normalize",
            _,
        ) => Value::Str(text.clone()),
        ("to_sym" | "intern", _) => Value::Sym(text.clone()),
        ("shellescape", _) => shell_escaped(text).into(),
        ("strip", _) => text.trim_matches(white).into(),
        ("lstrip", _) => text.trim_start_matches(white).into(),
        ("rstrip", _) => text.trim_end_matches(white).into(),
        ("chomp", None) => text
            .strip_suffix("\r\n")
            .or_else(|| text.strip_suffix(['\n', '\r']))
            .unwrap_or(text)
            .into(),
        ("chomp" | "delete_suffix", Some(end)) => text.strip_suffix(end).unwrap_or(text).into(),
        ("delete_prefix", Some(begin)) => text.strip_prefix(begin).unwrap_or(text).into(),
        ("chop", _) => {
            let mut chars = text.chars();
            chars.next_back();
            chars.as_str().into()
        }
        ("downcase", _) => text.to_lowercase().into(),
        ("upcase", _) => text.to_uppercase().into(),
        ("swapcase", _) => text
            .chars()
            .map(|c| {
                if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }
            })
            .collect::<String>()
            .into(),
        ("capitalize", _) => {
            let mut chars = text.chars();
            let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
            (first + &chars.as_str().to_lowercase()).into()
        }
        ("reverse", _) => text.chars().rev().collect::<String>().into(),
        ("squeeze", _) => squeeze(text, arg).into(),
        ("tr", Some(from)) => {
            let to = args.get(1).and_then(Value::as_text).unwrap_or_default();
            substitute::translate(text, from, to).into()
        }
        ("delete", Some(set)) => substitute::translate(text, set, "").into(),
        ("+", Some(other)) => {
            let Value::Str(_) = &args[0] else { return Ok(None) };
            let joined = format!("{text}{other}");
            machine.meter.charge(joined.len())?;
            joined.into()
        }
        ("+", None) => {
            let kind = args.first().map_or_else(
                || "nil".to_owned(),
                |other| match other {
                    Value::Nil => "nil".to_owned(),
                    other => other.class_name(),
                },
            );
            return Err(
                machine.raise("TypeError", format!("no implicit conversion of {kind} into String"))
            );
        }
        ("ljust" | "rjust" | "center", _) => return Ok(justify(text, name, args)),
        ("inspect" | "dump", _) => crate::text::quoted(text).into(),
        _ => return joined(machine, text, name, args),
    }))
}

/// Texts made of several.
fn joined(machine: &mut Machine<'_>, text: &Rc<str>, name: &str, args: &[Value]) -> Called {
    let arg = args.first().and_then(Value::as_text);
    Ok(Some(match (name, arg) {
        ("concat", _) => {
            let mut all = text.to_string();
            for arg in args {
                all.push_str(&machine.to_s(arg)?);
            }
            all.into()
        }
        ("prepend", Some(before)) => format!("{before}{text}").into(),
        ("*", _) => {
            let times = args.first().and_then(Value::as_int).and_then(|n| usize::try_from(n).ok());
            let Some(times) = times else { return Ok(None) };
            machine.meter.charge(text.len().saturating_mul(times))?;
            text.repeat(times).into()
        }
        ("%", _) => {
            let values = args.first().cloned().unwrap_or(Value::Nil);
            format::format(machine, text, &values)?.into()
        }
        _ => return Ok(None),
    }))
}

fn justify(text: &str, name: &str, args: &[Value]) -> Option<Value> {
    let width = usize::try_from(args.first()?.as_int()?).ok()?.min(10_000);
    let with = args.get(1).and_then(Value::as_text).unwrap_or(" ");
    let missing = width.saturating_sub(text.chars().count());
    let before = match name {
        "rjust" => missing,
        "center" => missing / 2,
        _ => 0,
    };
    let pad = |many: usize| with.chars().cycle().take(many).collect::<String>();
    Some(format!("{}{text}{}", pad(before), pad(missing - before)).into())
}

fn squeeze(text: &str, set: Option<&str>) -> String {
    let mut out = String::new();
    let mut last = None;
    for c in text.chars() {
        let squeezed = set.is_none_or(|set| substitute::in_set(c, set));
        if !(squeezed && last == Some(c)) {
            out.push(c);
        }
        last = Some(c);
    }
    out
}

/// Questions that have no text for an answer.
fn asked(machine: &mut Machine<'_>, text: &Rc<str>, name: &str, args: &[Value]) -> Called {
    let arg = args.first();
    Ok(Some(match name {
        "empty?" => text.is_empty().into(),
        "length" | "size" => Value::int(text.chars().count()),
        "bytesize" => Value::int(text.len()),
        "to_i" => {
            let radix = arg.and_then(Value::as_int).unwrap_or(10);
            Value::Int(leading_int(text, u32::try_from(radix).unwrap_or(10)))
        }
        "oct" => Value::Int(leading_int(text, 8)),
        "hex" => Value::Int(leading_int(text.trim_start_matches("0x"), 16)),
        "to_f" => Value::Float(leading_float(text)),
        "ord" => text.chars().next().map_or(Value::Nil, |c| Value::Int(i64::from(u32::from(c)))),
        "include?" => match arg {
            Some(Value::Str(part)) => text.contains(&**part).into(),
            Some(other) => {
                let kind = if other.is_nil() { "nil".to_owned() } else { other.class_name() };
                let why = format!("no implicit conversion of {kind} into String");
                return Err(machine.raise("TypeError", why));
            }
            None => return Ok(None),
        },
        "start_with?" => {
            let mut holds = false;
            for arg in args {
                holds |= match arg {
                    Value::Regex(regex) => {
                        let anchored = format!("\\A(?:{})", regex.embedded());
                        let regex = machine.pattern(&anchored, "");
                        machine.is_match(&regex, text)?
                    }
                    other => text.starts_with(&*other.text()),
                };
            }
            holds.into()
        }
        "end_with?" => args.iter().any(|arg| text.ends_with(&*arg.text())).into(),
        "casecmp" => match arg {
            Some(Value::Str(other)) => {
                Value::Int(text.to_ascii_lowercase().cmp(&other.to_ascii_lowercase()) as i64)
            }
            _ => Value::Nil,
        },
        "casecmp?" => match arg {
            Some(Value::Str(other)) => (text.to_lowercase() == other.to_lowercase()).into(),
            _ => Value::Nil,
        },
        "<" | "<=" | ">" | ">=" => match arg {
            Some(Value::Str(other)) => {
                let order = text.as_bytes().cmp(other.as_bytes());
                Value::Bool(match name {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                })
            }
            other => {
                let with = other.map(Value::inspect).unwrap_or_default();
                let why = format!("comparison of String with {with} failed");
                return Err(machine.raise("ArgumentError", why));
            }
        },
        "between?" => match args {
            [Value::Str(low), Value::Str(high)] => (**low <= **text && **text <= **high).into(),
            _ => return Ok(None),
        },
        "count" => {
            let set = arg.map_or("".into(), Value::text);
            Value::int(text.chars().filter(|c| substitute::in_set(*c, &set)).count())
        }
        "ascii_only?" => text.is_ascii().into(),
        "valid_encoding?" => Value::Bool(true),
        "hash" => Value::Int(0),
        _ => return Ok(None),
    }))
}

/// What uses regular expressions.
fn searched(
    machine: &mut Machine<'_>,
    text: &Rc<str>,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    match (name, args.first()) {
        ("=~" | "match" | "match?", Some(arg)) => {
            let Some(pattern) = as_pattern(machine, arg, name) else { return Ok(None) };
            let found = machine.search(&pattern, text, 0)?;
            Ok(Some(match (name, found) {
                ("match?", found) => found.is_some().into(),
                (_, None) => Value::Nil,
                ("match", Some(found)) => match block {
                    Some(block) => machine.call_block(block, &[Value::Match(found)])?,
                    None => Value::Match(found),
                },
                (_, Some(found)) => Value::int(char_index(&found)),
            }))
        }
        ("gsub" | "sub", Some(arg)) => {
            substitute::substitute(machine, text, arg, args.get(1), block, name == "gsub").map(Some)
        }
        ("scan", Some(arg)) => {
            let pattern = text_or_pattern(machine, arg);
            scan(machine, text, &pattern, block).map(Some)
        }
        ("index" | "rindex", Some(arg)) => {
            let pattern = text_or_pattern(machine, arg);
            let mut found = None;
            let mut from = 0;
            while let Some(next) = machine.search(&pattern, text, from)? {
                from = next.groups[0].map_or(text.len(), |(begin, end)| end.max(begin + 1));
                found = Some(char_index(&next));
                if name == "index" {
                    break;
                }
                while !text.is_char_boundary(from) && from < text.len() {
                    from += 1;
                }
            }
            Ok(Some(found.map_or(Value::Nil, Value::int)))
        }
        ("[]" | "slice", Some(_)) => slice(machine, text, args).map(Some),
        ("rpartition", Some(arg)) => {
            let pattern = text_or_pattern(machine, arg);
            // The last place where it fits.
            let (mut last, mut from) = (None, 0);
            while let Some((begin, end)) =
                machine.search(&pattern, text, from)?.and_then(|found| found.groups[0])
            {
                last = Some((begin, end));
                let Some(next) = text[begin..].chars().next() else { break };
                from = begin + next.len_utf8();
            }
            let (begin, end) = last.unwrap_or((0, 0));
            Ok(Some(Value::strings([&text[..begin], &text[begin..end], &text[end..]])))
        }
        ("partition", Some(arg)) => {
            let pattern = text_or_pattern(machine, arg);
            let found = machine.search(&pattern, text, 0)?;
            let (begin, end) =
                found.and_then(|found| found.groups[0]).unwrap_or((text.len(), text.len()));
            Ok(Some(Value::strings([&text[..begin], &text[begin..end], &text[end..]])))
        }
        _ => Ok(None),
    }
}

fn as_pattern(machine: &mut Machine<'_>, arg: &Value, name: &str) -> Option<Rc<Pattern>> {
    match arg {
        Value::Regex(pattern) => Some(pattern.clone()),
        // A text is the source of a pattern, for `match`.
        Value::Str(source) if name != "=~" => Some(machine.pattern(source, "")),
        _ => None,
    }
}

/// A text stands for itself.
pub(crate) fn text_or_pattern(machine: &mut Machine<'_>, arg: &Value) -> Rc<Pattern> {
    match arg {
        Value::Regex(pattern) => pattern.clone(),
        other => machine.pattern(&escape(&other.text()), ""),
    }
}

fn scan(
    machine: &mut Machine<'_>,
    text: &Rc<str>,
    pattern: &Rc<Pattern>,
    block: Given<'_>,
) -> Result<Value, Stop> {
    let mut out = Vec::new();
    for found in substitute::all_matches(machine, text, pattern)? {
        let item: Value = if found.groups.len() > 1 {
            let groups = (1..found.groups.len()).map(|number| found.group(number).into());
            groups.collect::<Vec<_>>().into()
        } else {
            found.group(0).into()
        };
        match block {
            Some(block) => {
                machine.last_match = Some(found);
                machine.call_block(block, &[item])?;
            }
            None => out.push(item),
        }
    }
    Ok(if block.is_some() { Value::Str(text.clone()) } else { out.into() })
}

fn slice(machine: &mut Machine<'_>, text: &Rc<str>, args: &[Value]) -> Result<Value, Stop> {
    let count = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let cut = |from: i64, many: i64| -> Value {
        let from = if from < 0 { from + count } else { from };
        if from < 0 || from > count || many < 0 {
            return Value::Nil;
        }
        let (from, many) = (usize::try_from(from).unwrap_or(0), usize::try_from(many).unwrap_or(0));
        text.chars().skip(from).take(many).collect::<String>().into()
    };
    Ok(match args {
        [Value::Int(at)] if *at >= count || *at < -count => Value::Nil,
        [Value::Int(at)] => cut(*at, 1),
        [Value::Int(at), Value::Int(many)] => cut(*at, *many),
        [Value::Range(span)] => {
            let from = span.from.as_int().unwrap_or(0);
            let from = if from < 0 { from + count } else { from };
            let to = span.to.as_int().unwrap_or(-1);
            let to = if to < 0 { to + count } else { to };
            let exclusive = span.exclusive && !span.to.is_nil();
            cut(from, (to - from + i64::from(!exclusive)).max(0))
        }
        [Value::Str(part)] => {
            if text.contains(&**part) {
                Value::Str(part.clone())
            } else {
                Value::Nil
            }
        }
        [Value::Regex(pattern), rest @ ..] => {
            let found = machine.search(&pattern.clone(), text, 0)?;
            match (found, rest.first()) {
                (None, _) => Value::Nil,
                (Some(found), Some(Value::Int(group))) => {
                    usize::try_from(*group).ok().and_then(|group| found.group(group)).into()
                }
                (Some(found), Some(name)) => found.named(&name.text()).into(),
                (Some(found), None) => found.group(0).into(),
            }
        }
        _ => return Err(machine.needs_ruby("this index of a text")),
    })
}

/// Lists made from the text.
fn parts(
    machine: &mut Machine<'_>,
    text: &Rc<str>,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    machine.meter.charge(text.len())?;
    let items: Vec<Value> = match name {
        "split" => substitute::split(machine, text, args)?,
        "lines" | "each_line" => {
            let chomp = matches!(args.last(), Some(Value::Hash(_)));
            let line = |line: &str| {
                let cut =
                    line.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
                Value::from(if chomp { cut.unwrap_or(line) } else { line })
            };
            text.split_inclusive('\n').map(line).collect()
        }
        "chars" | "each_char" => text.chars().map(|c| c.to_string().into()).collect(),
        "bytes" | "each_byte" => text.bytes().map(|b| Value::Int(i64::from(b))).collect(),
        _ => return Ok(None),
    };
    machine.meter.charge(items.len() * size_of::<Value>())?;
    match (name.starts_with("each"), block) {
        (true, Some(block)) => {
            for item in items {
                machine.call_block(block, &[item])?;
            }
            Ok(Some(Value::Str(text.clone())))
        }
        _ => Ok(Some(items.into())),
    }
}

/// `String#to_i`: the digits at the beginning, 0 without any.
pub(crate) fn leading_int(text: &str, radix: u32) -> i64 {
    let radix = if (2..=36).contains(&radix) { radix } else { 10 };
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = match radix {
        8 => digits.trim_start_matches("0o"),
        16 => digits.trim_start_matches("0x"),
        2 => digits.trim_start_matches("0b"),
        _ => digits,
    };
    let mut value: i64 = 0;
    let mut any = false;
    for c in digits.chars() {
        match c.to_digit(radix) {
            Some(digit) => {
                let radix = i64::from(radix);
                value = value.saturating_mul(radix).saturating_add(i64::from(digit));
                any = true;
            }
            None if c == '_' && any => {}
            None => break,
        }
    }
    value.saturating_mul(sign)
}

/// `String#to_f`.
pub(crate) fn leading_float(text: &str) -> f64 {
    let text = text.trim_start();
    let mut end = 0;
    let mut best = 0.0;
    for (at, c) in text.char_indices() {
        if !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E')) {
            break;
        }
        end = at + 1;
        if let Ok(value) = text[..end].parse() {
            best = value;
        }
    }
    text[..end].parse().unwrap_or(best)
}

/// A word as a shell reads it whole, as `Shellwords` writes it.
pub(super) fn shell_escaped(text: &str) -> String {
    if text.is_empty() {
        return "''".to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("'\n'"),
            c if c.is_ascii_alphanumeric() || "_-.,:+/@".contains(c) => out.push(c),
            c => out.extend(['\\', c]),
        }
    }
    out
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_the_beginning() {
        for (text, radix, want) in [
            ("12abc", 10, 12),
            (" -7", 10, -7),
            ("x", 10, 0),
            ("0644", 8, 420),
            ("1_000", 10, 1000),
        ] {
            assert_eq!(leading_int(text, radix), want, "{text}");
        }
        assert!((leading_float("1.5x") - 1.5).abs() < 1e-9);
        assert!(leading_float("x").abs() < 1e-9);
    }
}
