//! Methods of arrays.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Called, enumerable};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::stop::Stop;
use crate::value::Value;

type Items = Rc<RefCell<Vec<Value>>>;

pub(crate) fn call(
    machine: &mut Machine<'_>,
    items: &Items,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    machine.meter.steps(1 + (items.borrow().len() / 16) as u64)?;
    if let Some(value) = changing(machine, items, name, args, block)? {
        return Ok(Some(value));
    }
    if let Some(value) = reading(machine, items, name, args)? {
        return Ok(Some(value));
    }
    if let Some(value) = made(machine, items, name, args)? {
        return Ok(Some(value));
    }
    let all = items.borrow().clone();
    enumerable::call(machine, &Value::Array(items.clone()), all, name, args, block)
}

/// What changes the array itself.
fn changing(
    machine: &mut Machine<'_>,
    items: &Items,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    let own = || Some(Value::Array(items.clone()));
    match name {
        "<<" | "push" | "append" => {
            machine.meter.charge(64 * args.len())?;
            items.borrow_mut().extend_from_slice(args);
        }
        "unshift" | "prepend" => {
            machine.meter.charge(64 * args.len())?;
            items.borrow_mut().splice(0..0, args.iter().cloned());
        }
        "concat" => {
            for arg in args {
                let more = machine.iterate(arg)?;
                machine.meter.charge(64 * more.len())?;
                items.borrow_mut().extend(more);
            }
        }
        "pop" if args.is_empty() => {
            return Ok(Some(items.borrow_mut().pop().unwrap_or(Value::Nil)));
        }
        "shift" if args.is_empty() => {
            let mut items = items.borrow_mut();
            let first = if items.is_empty() { Value::Nil } else { items.remove(0) };
            return Ok(Some(first));
        }
        "clear" => items.borrow_mut().clear(),
        "replace" => {
            let new = args.first().map(|arg| machine.iterate(arg)).transpose()?.unwrap_or_default();
            *items.borrow_mut() = new;
        }
        "[]=" => match args {
            [Value::Int(at), value] => store(machine, items, *at, value)?,
            _ => return Err(machine.needs_ruby("this index of an array")),
        },
        "delete" => {
            let Some(wanted) = args.first() else { return Ok(None) };
            let before = items.borrow().len();
            items.borrow_mut().retain(|item| !item.equals(wanted));
            let found = items.borrow().len() != before;
            return Ok(Some(if found { wanted.clone() } else { Value::Nil }));
        }
        "delete_at" => {
            let at = args.first().and_then(Value::as_int).unwrap_or(0);
            let at = place(at, items.borrow().len());
            let removed = at.filter(|at| *at < items.borrow().len());
            return Ok(Some(removed.map_or(Value::Nil, |at| items.borrow_mut().remove(at))));
        }
        "insert" => {
            let at = args.first().and_then(Value::as_int).unwrap_or(0);
            let at = place(at, items.borrow().len() + 1).unwrap_or(0).min(items.borrow().len());
            items.borrow_mut().splice(at..at, args.iter().skip(1).cloned());
        }
        "delete_if" | "keep_if" | "map!" | "collect!" | "select!" | "filter!" | "reject!"
        | "uniq!" | "compact!" | "flatten!" | "sort!" | "sort_by!" | "reverse!" => {
            let plain = match name {
                "delete_if" => "reject",
                "keep_if" => "select",
                other => other.trim_end_matches('!'),
            };
            let before = items.borrow().len();
            let new = machine.send(&Value::Array(items.clone()), plain, args, block)?;
            let new = new.into_items();
            let unchanged = new.len() == before
                && matches!(plain, "select" | "filter" | "reject" | "uniq" | "compact" | "flatten");
            *items.borrow_mut() = new;
            if unchanged && name.ends_with('!') {
                return Ok(Some(Value::Nil));
            }
        }
        _ => return Ok(None),
    }
    Ok(own())
}

fn store(machine: &mut Machine<'_>, items: &Items, at: i64, value: &Value) -> Result<(), Stop> {
    let len = items.borrow().len();
    let Some(at) = place(at, usize::MAX).or_else(|| place(at, len)) else {
        return Err(machine.raise("IndexError", format!("index {at} too small for array")));
    };
    let at = if at > len && at >= usize::MAX / 2 { len } else { at };
    machine.meter.charge(at.saturating_sub(len).saturating_mul(64))?;
    let mut items = items.borrow_mut();
    if at >= items.len() {
        items.resize(at + 1, Value::Nil);
    }
    if let Some(item) = items.get_mut(at) {
        *item = value.clone();
    }
    Ok(())
}

/// An index, negative ones from the end.
fn place(at: i64, len: usize) -> Option<usize> {
    match usize::try_from(at) {
        Ok(at) => Some(at),
        Err(_) => len.checked_sub(usize::try_from(at.unsigned_abs()).ok()?),
    }
}

/// Items and counts.
fn reading(machine: &mut Machine<'_>, shared: &Items, name: &str, args: &[Value]) -> Called {
    let items = shared.borrow();
    Ok(Some(match name {
        "length" | "size" => Value::int(items.len()),
        "empty?" => items.is_empty().into(),
        "first" | "last" | "take" | "drop" | "[]" | "slice" | "at" | "dig" | "fetch"
        | "values_at" => {
            return indexed(machine, &items, name, args);
        }
        "include?" | "member?" => match args.first() {
            Some(wanted) => {
                if has_objects(&items) {
                    return Ok(Some(by_method(machine, &items, wanted)?.is_some().into()));
                }
                if !items.iter().any(|item| item.equals(wanted)) {
                    let unknown = items.iter().find(|item| matches!(item, Value::Unknown(_)));
                    if let Some(unknown) = unknown {
                        return Ok(Some(unknown.clone()));
                    }
                }
                items.iter().any(|item| item.equals(wanted)).into()
            }
            None => return Ok(None),
        },
        "join" => {
            let with = args.first().map_or("".into(), Value::text);
            let items = items.clone();
            let mut out = String::new();
            join(machine, &items, &with, &mut out, 0)?;
            machine.meter.charge(out.len())?;
            out.into()
        }
        "index" | "find_index" if !args.is_empty() => {
            if let (true, Some(wanted)) = (has_objects(&items), args.first()) {
                let at = by_method(machine, &items, wanted)?;
                return Ok(Some(at.map_or(Value::Nil, Value::int)));
            }
            let at = args.first().and_then(|wanted| items.iter().position(|i| i.equals(wanted)));
            at.map_or(Value::Nil, Value::int)
        }
        "rindex" if !args.is_empty() => {
            let at = args.first().and_then(|wanted| items.iter().rposition(|i| i.equals(wanted)));
            at.map_or(Value::Nil, Value::int)
        }
        "to_a" | "entries" | "to_ary" | "lazy" | "force" => Value::Array(shared.clone()),
        "==" if has_objects(&items) => {
            let others = match args.first() {
                Some(other @ (Value::Array(_) | Value::Object(_))) => other.items(),
                _ => None,
            };
            let Some(others) = others.filter(|others| others.len() == items.len()) else {
                return Ok(Some(Value::Bool(false)));
            };
            let pairs: Vec<(Value, Value)> = items.iter().cloned().zip(others).collect();
            for (a, b) in pairs {
                if !machine.same(&a, &b)? {
                    return Ok(Some(Value::Bool(false)));
                }
            }
            Value::Bool(true)
        }
        "<=>" => match args.first().and_then(|other| Value::Array(shared.clone()).compare(other)) {
            Some(order) => Value::Int(order as i64),
            None => Value::Nil,
        },
        _ => return Ok(None),
    }))
}

/// Whether a list has objects of the profile's classes, which say themselves what they equal.
fn has_objects(items: &[Value]) -> bool {
    items.iter().any(|item| matches!(item, Value::Object(_)))
}

/// Where a value stands in such a list.
fn by_method(
    machine: &mut Machine<'_>,
    items: &[Value],
    wanted: &Value,
) -> Result<Option<usize>, Stop> {
    for (at, item) in items.iter().enumerate() {
        if machine.same(item, wanted)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn join(
    machine: &mut Machine<'_>,
    items: &[Value],
    with: &str,
    out: &mut String,
    depth: usize,
) -> Result<(), Stop> {
    if depth > 20 {
        return Err(machine.raise("ArgumentError", "recursive array join"));
    }
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(with);
        }
        match item {
            Value::Array(inner) => {
                let inner = inner.borrow().clone();
                join(machine, &inner, with, out, depth + 1)?;
            }
            other => out.push_str(&machine.to_s(other)?),
        }
        machine.meter.charge(with.len())?;
    }
    Ok(())
}

fn indexed(machine: &Machine<'_>, items: &[Value], name: &str, args: &[Value]) -> Called {
    let many = |arg: &Value| arg.as_int().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let at = |at: i64| place(at, items.len()).and_then(|at| items.get(at)).cloned();
    Ok(Some(match (name, args) {
        ("first", []) => items.first().cloned().into(),
        ("last", []) => items.last().cloned().into(),
        ("first" | "take", [arg]) => {
            items.iter().take(many(arg)).cloned().collect::<Vec<_>>().into()
        }
        ("last", [arg]) => {
            let skip = items.len().saturating_sub(many(arg));
            items.iter().skip(skip).cloned().collect::<Vec<_>>().into()
        }
        ("drop", [arg]) => items.iter().skip(many(arg)).cloned().collect::<Vec<_>>().into(),
        ("[]" | "at" | "slice" | "dig", [Value::Int(index)]) => at(*index).into(),
        ("dig", [Value::Int(_), ..]) => return Ok(None),
        ("fetch", [Value::Int(index), rest @ ..]) => match (at(*index), rest.first()) {
            (Some(item), _) => item,
            (None, Some(default)) => default.clone(),
            (None, None) => {
                return Err(
                    machine.raise("IndexError", format!("index {index} outside of array bounds"))
                );
            }
        },
        ("values_at", _) => {
            let found = args.iter().map(|arg| arg.as_int().and_then(at).into());
            found.collect::<Vec<_>>().into()
        }
        ("[]" | "slice", [Value::Int(from), Value::Int(count)]) => cut(items, *from, *count),
        ("[]" | "slice", [Value::Range(span)]) => {
            let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let from = span.from.as_int().unwrap_or(0);
            let from = if from < 0 { from + len } else { from };
            let to = span.to.as_int().unwrap_or(-1);
            let to = if to < 0 { to + len } else { to };
            let exclusive = span.exclusive && !span.to.is_nil();
            cut(items, from, (to - from + i64::from(!exclusive)).max(0))
        }
        ("[]", [other]) => {
            let kind = if other.is_nil() { "nil".to_owned() } else { other.class_name() };
            let why = format!("no implicit conversion from {kind} to integer");
            return Err(machine.raise(
                "TypeError",
                why.replace("conversion from String to", "conversion of String into")
                    .replace("into integer", "into Integer"),
            ));
        }
        _ => return Ok(None),
    }))
}

fn cut(items: &[Value], from: i64, many: i64) -> Value {
    match place(from, items.len()) {
        Some(from) if from <= items.len() => {
            let many = usize::try_from(many).unwrap_or(0);
            items.iter().skip(from).take(many).cloned().collect::<Vec<_>>().into()
        }
        _ => Value::Nil,
    }
}

/// Arrays made from the array.
fn made(machine: &mut Machine<'_>, items: &Items, name: &str, args: &[Value]) -> Called {
    let items = items.borrow();
    machine.meter.charge(items.len() * 16)?;
    let other = |machine: &mut Machine<'_>| -> Result<Vec<Value>, Stop> {
        match args.first() {
            Some(Value::Nil) | None => {
                Err(machine.raise("TypeError", "no implicit conversion of nil into Array"))
            }
            Some(arg) => Ok(arg.clone().into_items()),
        }
    };
    let set = |values: &[Value]| values.iter().map(|v| (v.clone(), Value::Nil)).collect::<Map>();
    Ok(Some(match name {
        "+" => {
            let mut all = items.clone();
            all.extend(other(machine)?);
            machine.meter.charge(all.len() * 32)?;
            all.into()
        }
        "-" | "difference" => {
            let without = set(&other(machine)?);
            items.iter().filter(|i| !without.contains(i)).cloned().collect::<Vec<_>>().into()
        }
        "&" | "intersection" => {
            let with = set(&other(machine)?);
            let both = items.iter().filter(|item| with.contains(item)).cloned();
            unique(both).into()
        }
        "|" | "union" => {
            let mut all = items.clone();
            all.extend(other(machine)?);
            unique(all.into_iter()).into()
        }
        "intersect?" => {
            let with = set(&other(machine)?);
            items.iter().any(|item| with.contains(item)).into()
        }
        "*" => match args.first() {
            Some(Value::Int(times)) => {
                let times = usize::try_from(*times).unwrap_or(0);
                machine.meter.charge(items.len().saturating_mul(times).saturating_mul(32))?;
                items.iter().cloned().cycle().take(items.len() * times).collect::<Vec<_>>().into()
            }
            Some(Value::Str(_)) => {
                return machine.send(&items.clone().into(), "join", args, None).map(Some);
            }
            _ => return Ok(None),
        },
        _ => {
            let items = items.clone();
            return rearranged(machine, &items, name, args);
        }
    }))
}

/// The same items in another order or form.
fn rearranged(machine: &mut Machine<'_>, items: &[Value], name: &str, args: &[Value]) -> Called {
    Ok(Some(match name {
        "compact" => items.iter().filter(|i| !i.is_nil()).cloned().collect::<Vec<_>>().into(),
        "flatten" => {
            let most = args.first().and_then(Value::as_int).and_then(|n| usize::try_from(n).ok());
            let mut out = Vec::new();
            flatten(machine, items, most.unwrap_or(30), &mut out)?;
            out.into()
        }
        "reverse" => items.iter().rev().cloned().collect::<Vec<_>>().into(),
        "rotate" => {
            let mut all = items.to_vec();
            if !all.is_empty() {
                all.rotate_left(1);
            }
            all.into()
        }
        "to_h"
            if !items
                .iter()
                .any(|item| matches!(item, Value::Array(pair) if pair.borrow().len() != 2))
                && args.is_empty()
                && items.iter().all(|item| matches!(item, Value::Array(_))) =>
        {
            let pair = |item: &Value| {
                let mut parts = item.clone().into_items().into_iter();
                Some((parts.next()?, parts.next()?))
            };
            items.iter().filter_map(pair).collect::<Map>().into()
        }
        "transpose" => {
            let rows: Vec<Vec<Value>> = items.iter().map(|row| row.clone().into_items()).collect();
            let width = rows.first().map_or(0, Vec::len);
            // Rows that are no lists, or of other lengths, are refused.
            if items.iter().any(|row| !matches!(row, Value::Array(_)))
                || rows.iter().any(|row| row.len() != width)
            {
                return Err(machine.raise("IndexError", "element size differs"));
            }
            let column = |at: usize| {
                rows.iter().filter_map(|row| row.get(at).cloned()).collect::<Vec<_>>().into()
            };
            (0..width).map(column).collect::<Vec<Value>>().into()
        }
        _ => return Ok(None),
    }))
}

/// Each value once, the first of equal ones.
pub(crate) fn unique(items: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut seen = Map::default();
    let mut out = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.insert(item.clone(), Value::Nil);
            out.push(item);
        }
    }
    out
}

pub(crate) fn flatten(
    machine: &mut Machine<'_>,
    items: &[Value],
    depth: usize,
    out: &mut Vec<Value>,
) -> Result<(), Stop> {
    machine.meter.charge(items.len() * 16)?;
    for item in items {
        match item {
            Value::Array(inner) if depth > 0 => {
                let inner = inner.borrow().clone();
                flatten(machine, &inner, depth - 1, out)?;
            }
            other => out.push(other.clone()),
        }
    }
    Ok(())
}
