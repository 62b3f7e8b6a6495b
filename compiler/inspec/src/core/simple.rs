//! Methods of `nil`, booleans, symbols, regexes, ranges, lambdas, matches and exceptions.

use std::rc::Rc;

use super::Called;
use crate::interp::{Given, Machine, char_index};
use crate::map::Map;
use crate::pattern::Pattern;
use crate::scope::Closure;
use crate::stop::Raised;
use crate::value::{Match, Span, Value};

pub(crate) fn nil(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Called {
    Ok(Some(match name {
        "to_a" => Vec::new().into(),
        "to_s" => "".into(),
        "to_i" => Value::Int(0),
        "to_f" => Value::Float(0.0),
        "to_h" => Map::default().into(),
        "&" => Value::Bool(false),
        "|" => match args.first() {
            Some(other) => machine.truth(other)?.into(),
            None => Value::Bool(false),
        },
        _ => return Ok(None),
    }))
}

pub(crate) fn bool(machine: &mut Machine<'_>, value: bool, name: &str, args: &[Value]) -> Called {
    let other = args.first().map_or(Ok(false), |other| machine.truth(other))?;
    Ok(Some(Value::Bool(match name {
        "&" => value && other,
        "|" => value || other,
        "^" => value != other,
        _ => return Ok(None),
    })))
}

pub(crate) fn symbol(
    machine: &mut Machine<'_>,
    name: &Rc<str>,
    method: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    match method {
        "to_sym" => Ok(Some(Value::Sym(name.clone()))),
        "to_s" | "name" | "id2name" => Ok(Some(Value::Str(name.clone()))),
        "to_proc" => Ok(Some(Value::Sym(name.clone()))),
        "<=>" | "==" | "inspect" | "class" | "===" => Ok(None),
        "downcase" | "upcase" | "capitalize" | "succ" => {
            let text = super::string::call(machine, name, method, args, block)?;
            Ok(text.map(|text| Value::Sym(text.text())))
        }
        "length" | "size" | "start_with?" | "end_with?" | "=~" | "match" | "match?" | "[]"
        | "empty?" => super::string::call(machine, name, method, args, block),
        _ => Ok(None),
    }
}

pub(crate) fn regex(
    machine: &mut Machine<'_>,
    pattern: &Rc<Pattern>,
    name: &str,
    args: &[Value],
) -> Called {
    Ok(Some(match name {
        "match" | "=~" | "match?" => {
            let found = match args.first() {
                Some(Value::Str(text) | Value::Sym(text)) => {
                    machine.search(&pattern.clone(), text, 0)?
                }
                _ => None,
            };
            match (name, found) {
                ("match?", found) => found.is_some().into(),
                (_, None) => Value::Nil,
                ("match", Some(found)) => Value::Match(found),
                (_, Some(found)) => Value::int(char_index(&found)),
            }
        }
        "source" => Value::Str(pattern.source.clone()),
        _ => return Ok(None),
    }))
}

pub(crate) fn range(
    machine: &mut Machine<'_>,
    span: &Rc<Span>,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    Ok(Some(match name {
        "include?" | "member?" | "cover?" => {
            let Some(value) = args.first() else { return Ok(None) };
            covers(span, value).into()
        }
        "first" | "begin" | "min" if args.is_empty() => span.from.clone(),
        "last" | "end" | "max" if args.is_empty() => span.to.clone(),
        "to_a" | "entries" => match (&span.from, &span.to) {
            (Value::Str(from), Value::Str(to)) => letters(machine, from, to, span.exclusive)?,
            _ => Value::Range(span.clone()).into_items().into(),
        },
        "==" | "===" | "to_s" | "inspect" | "class" | "nil?" => return Ok(None),
        _ => {
            let items = machine.send(&Value::Range(span.clone()), "to_a", &[], None)?;
            let Value::Array(items) = items else { return Ok(None) };
            return super::array::call(machine, &items, name, args, block);
        }
    }))
}

fn covers(span: &Span, value: &Value) -> bool {
    use std::cmp::Ordering::{Greater, Less};
    let above = span.from.is_nil() || span.from.compare(value).is_some_and(|o| o != Greater);
    let below = span.to.is_nil()
        || value.compare(&span.to).is_some_and(|o| o == Less || (o.is_eq() && !span.exclusive));
    above && below
}

/// `('a'..'e').to_a`, for single letters.
fn letters(
    machine: &Machine<'_>,
    from: &str,
    to: &str,
    exclusive: bool,
) -> Result<Value, crate::stop::Stop> {
    let (mut a, mut b) = (from.chars(), to.chars());
    match (a.next(), b.next(), a.next(), b.next()) {
        (Some(from), Some(to), None, None) => {
            let all = (from..=to).filter(|c| !exclusive || *c != to).take(10_000);
            Ok(Value::strings(all.map(String::from)))
        }
        _ => Err(machine.needs_ruby("a range of texts")),
    }
}

pub(crate) fn proc(
    machine: &mut Machine<'_>,
    closure: &Rc<Closure>,
    name: &str,
    args: &[Value],
) -> Called {
    match name {
        "call" | "()" | "yield" | "[]" | "===" => {
            machine.call_block(&closure.clone(), args).map(Some)
        }
        "to_proc" => Ok(Some(Value::Proc(closure.clone()))),
        "lambda?" => Ok(Some(closure.block().is_some_and(|block| block.is_lambda).into())),
        _ => Ok(None),
    }
}

pub(crate) fn matched(
    machine: &mut Machine<'_>,
    found: &Rc<Match>,
    name: &str,
    args: &[Value],
) -> Called {
    let groups = || (0..found.groups.len()).map(|number| found.group(number).into());
    let cut = |from: usize, to: usize| found.text.get(from..to).unwrap_or_default();
    let whole = found.groups.first().copied().flatten().unwrap_or_default();
    Ok(Some(match name {
        "[]" => match args.first() {
            Some(Value::Int(number)) => {
                let count = i64::try_from(found.groups.len()).unwrap_or(i64::MAX);
                let number = if *number < 0 { number + count } else { *number };
                usize::try_from(number).ok().and_then(|number| found.group(number)).into()
            }
            Some(Value::Str(name) | Value::Sym(name)) => {
                if !found.names.iter().flatten().any(|known| **known == **name) {
                    let why = format!("undefined group name reference: {name}");
                    return Err(machine.raise("IndexError", why));
                }
                found.named(name).into()
            }
            _ => return Ok(None),
        },
        "captures" => groups().skip(1).collect::<Vec<_>>().into(),
        "to_a" => groups().collect::<Vec<_>>().into(),
        "named_captures" => {
            let names = found.names.iter().flatten();
            let pair = |name: &String| (name.as_str().into(), found.named(name).into());
            names.map(pair).collect::<Map>().into()
        }
        "names" => Value::strings(found.names.iter().flatten()),
        "pre_match" => cut(0, whole.0).into(),
        "post_match" => cut(whole.1, found.text.len()).into(),
        "to_s" => found.group(0).unwrap_or_default().into(),
        "length" | "size" => Value::int(found.groups.len()),
        _ => return Ok(None),
    }))
}
pub(crate) fn raised(_machine: &mut Machine<'_>, raised: &Rc<Raised>, name: &str) -> Called {
    Ok(Some(match name {
        "message" | "to_s" | "full_message" => Value::Str(raised.message.clone()),
        "backtrace" => Vec::new().into(),
        "class" => Value::Const(raised.class.clone()),
        _ => return Ok(None),
    }))
}
