//! Methods that go over items with a block.

use std::cmp::Ordering;

use super::Called;
use super::array::{flatten, unique};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::scope::Closure;
use crate::stop::Stop;
use crate::value::Value;
use std::rc::Rc;

/// Calls a method over `items`, which `own` consists of.
pub(crate) fn call(
    machine: &mut Machine<'_>,
    own: &Value,
    items: Vec<Value>,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    if let Some(value) = without_block(machine, own, &items, name, args, block)? {
        return Ok(Some(value));
    }
    let Some(block) = block else {
        // An enumerator is taken for its items: `each_with_index.map`.
        return Ok(match name {
            "each" | "map" | "select" | "each_entry" | "collect" | "filter" | "reject" => {
                Some(items.into())
            }
            "each_with_index" => {
                let pair = |(at, item): (usize, Value)| vec![item, Value::int(at)].into();
                Some(items.into_iter().enumerate().map(pair).collect::<Vec<_>>().into())
            }
            _ => None,
        });
    };
    if let Some(value) = each(machine, own, &items, name, args, block)? {
        return Ok(Some(value));
    }
    if let Some(value) = chosen(machine, &items, name, block)? {
        return Ok(Some(value));
    }
    grouped(machine, items, name, args, block)
}

fn without_block(
    machine: &mut Machine<'_>,
    own: &Value,
    items: &[Value],
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    Ok(Some(match (name, block) {
        ("uniq", None) => unique(items.iter().cloned()).into(),
        ("sort", None) => sorted(machine, items.to_vec())?.into(),
        ("min" | "max", None) => {
            let sorted = sorted(machine, items.to_vec())?;
            let one = if name == "min" { sorted.first() } else { sorted.last() };
            one.cloned().into()
        }
        ("minmax", None) => {
            let sorted = sorted(machine, items.to_vec())?;
            vec![sorted.first().cloned().into(), sorted.last().cloned().into()].into()
        }
        ("sum", None) => {
            let mut sum = args.first().cloned().unwrap_or(Value::Int(0));
            for item in items {
                sum = machine.send(&sum, "+", std::slice::from_ref(item), None)?;
            }
            sum
        }
        ("count", None) => match args.first() {
            Some(wanted) => Value::int(items.iter().filter(|item| item.equals(wanted)).count()),
            None => Value::int(items.len()),
        },
        ("any?" | "all?" | "none?" | "one?", None) => {
            let mut held = 0;
            for item in items {
                let holds = match args.first() {
                    Some(pattern) => machine.case_equals(pattern, item)?,
                    None => machine.truth(item)?,
                };
                held += usize::from(holds);
            }
            decided(name, held, items.len()).into()
        }
        ("grep" | "grep_v", _) => {
            let Some(pattern) = args.first() else { return Ok(None) };
            let mut kept = Vec::new();
            for item in items {
                if machine.case_equals(pattern, item)? == (name == "grep") {
                    kept.push(match block {
                        Some(block) => machine.call_block(block, std::slice::from_ref(item))?,
                        None => item.clone(),
                    });
                }
            }
            kept.into()
        }
        ("zip", None) => {
            let others: Vec<Vec<Value>> = args.iter().map(|arg| arg.clone().into_items()).collect();
            let row = |(at, item): (usize, &Value)| {
                let more = others.iter().map(|other| other.get(at).cloned().into());
                std::iter::once(item.clone()).chain(more).collect::<Vec<_>>().into()
            };
            items.iter().enumerate().map(row).collect::<Vec<_>>().into()
        }
        ("first", None) if !matches!(own, Value::Array(_)) => items.first().cloned().into(),
        (_, None) => return as_a_whole(machine, items, name, args),
        _ => return Ok(None),
    }))
}

fn as_a_whole(machine: &mut Machine<'_>, items: &[Value], name: &str, args: &[Value]) -> Called {
    Ok(Some(match name {
        "inject" | "reduce" => return folded(machine, items, args).map(Some),
        "tally" => {
            let mut counts = Map::default();
            for item in items {
                let count = counts.get(item).and_then(Value::as_int).unwrap_or(0);
                counts.insert(item.clone(), Value::Int(count + 1));
            }
            counts.into()
        }
        "to_set" => super::set::make(items.iter().cloned()),
        "each_slice" | "each_cons" => {
            let size = args
                .first()
                .and_then(Value::as_int)
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(1)
                .max(1);
            let part = |part: &[Value]| part.to_vec().into();
            if name == "each_slice" {
                items.chunks(size).map(part).collect::<Vec<_>>().into()
            } else {
                items.windows(size).map(part).collect::<Vec<_>>().into()
            }
        }
        _ => return Ok(None),
    }))
}

fn folded(machine: &mut Machine<'_>, items: &[Value], args: &[Value]) -> Result<Value, Stop> {
    let (start, name) = match args {
        [name] => (None, name.text()),
        [start, name] => (Some(start.clone()), name.text()),
        _ => return Err(machine.needs_ruby("`inject` without a block")),
    };
    let mut items = items.iter();
    let mut sum = start.or_else(|| items.next().cloned()).unwrap_or(Value::Nil);
    for item in items {
        sum = machine.send(&sum, &name, std::slice::from_ref(item), None)?;
    }
    Ok(sum)
}

fn decided(name: &str, held: usize, of: usize) -> bool {
    match name {
        "any?" => held > 0,
        "all?" => held == of,
        "none?" => held == 0,
        _ => held == 1,
    }
}

fn each(
    machine: &mut Machine<'_>,
    own: &Value,
    items: &[Value],
    name: &str,
    args: &[Value],
    block: &Rc<Closure>,
) -> Called {
    match name {
        "each" | "each_entry" => {
            for item in items {
                machine.call_block(block, std::slice::from_ref(item))?;
            }
        }
        "reverse_each" => {
            for item in items.iter().rev() {
                machine.call_block(block, std::slice::from_ref(item))?;
            }
        }
        "each_with_index" => {
            for (at, item) in items.iter().enumerate() {
                machine.call_block(block, &[item.clone(), Value::int(at)])?;
            }
        }
        "each_index" => {
            for at in 0..items.len() {
                machine.call_block(block, &[Value::int(at)])?;
            }
        }
        "each_with_object" => {
            let into = args.first().cloned().unwrap_or(Value::Nil);
            for item in items {
                machine.call_block(block, &[item.clone(), into.clone()])?;
            }
            return Ok(Some(into));
        }
        "each_slice" | "each_cons" => {
            let parts = machine.send(&items.to_vec().into(), name, args, None)?;
            for part in parts.into_items() {
                machine.call_block(block, &[part])?;
            }
        }
        "inject" | "reduce" => {
            let mut items = items.iter();
            let start = args.first().cloned().or_else(|| items.next().cloned());
            let mut sum = start.unwrap_or(Value::Nil);
            for item in items {
                sum = machine.call_block(block, &[sum, item.clone()])?;
            }
            return Ok(Some(sum));
        }
        "cycle" => return Err(machine.needs_ruby("`cycle`")),
        _ => return Ok(None),
    }
    Ok(Some(own.clone()))
}

/// Items that a block chooses.
fn chosen(machine: &mut Machine<'_>, items: &[Value], name: &str, block: &Rc<Closure>) -> Called {
    const KNOWN: [&str; 17] = [
        "select",
        "filter",
        "find_all",
        "reject",
        "find",
        "detect",
        "any?",
        "all?",
        "none?",
        "one?",
        "count",
        "partition",
        "index",
        "find_index",
        "take_while",
        "drop_while",
        "rindex",
    ];
    if !KNOWN.contains(&name) {
        return Ok(None);
    }
    let (mut yes, mut no) = (Vec::new(), Vec::new());
    for (at, item) in items.iter().enumerate() {
        let holds = machine.call_block(block, std::slice::from_ref(item))?;
        let holds = machine.truth(&holds)?;
        match (name, holds) {
            ("find" | "detect", true) => return Ok(Some(item.clone())),
            ("index" | "find_index", true) => return Ok(Some(Value::int(at))),
            ("any?", true) => return Ok(Some(Value::Bool(true))),
            ("all?", false) => return Ok(Some(Value::Bool(false))),
            ("take_while", false) => return Ok(Some(yes.into())),
            ("drop_while", false) => return Ok(Some(items[at..].to_vec().into())),
            (_, true) => yes.push(item.clone()),
            (_, false) => no.push(item.clone()),
        }
    }
    Ok(Some(match name {
        "select" | "filter" | "find_all" | "take_while" => yes.into(),
        "reject" => no.into(),
        "partition" => vec![yes.into(), no.into()].into(),
        "count" => Value::int(yes.len()),
        "any?" | "all?" | "none?" | "one?" => decided(name, yes.len(), items.len()).into(),
        "drop_while" => Vec::new().into(),
        _ => Value::Nil,
    }))
}

/// Methods that make values of items with a block.
const GROUPED: [&str; 14] = [
    "map",
    "collect",
    "flat_map",
    "collect_concat",
    "filter_map",
    "uniq",
    "sum",
    "group_by",
    "sort_by",
    "min_by",
    "max_by",
    "to_h",
    "each_with_index_map",
    "zip",
];

/// Values that a block makes of items.
fn grouped(
    machine: &mut Machine<'_>,
    items: Vec<Value>,
    name: &str,
    args: &[Value],
    block: &Rc<Closure>,
) -> Called {
    if matches!(name, "sort" | "min" | "max") && args.is_empty() {
        let sorted = sorted_with(machine, items, |machine, a, b| {
            let order = machine.call_block(block, &[a.clone(), b.clone()])?;
            Ok(order.as_int().map(|order| order.cmp(&0)))
        })?;
        return Ok(Some(match name {
            "min" => sorted.first().cloned().into(),
            "max" => sorted.last().cloned().into(),
            _ => sorted.into(),
        }));
    }
    if !GROUPED.contains(&name) {
        return Ok(None);
    }
    let mut made = Vec::with_capacity(items.len());
    for item in &items {
        made.push(machine.call_block(block, std::slice::from_ref(item))?);
    }
    machine.meter.charge(made.len() * size_of::<Value>())?;
    Ok(Some(match name {
        "map" | "collect" => made.into(),
        "flat_map" | "collect_concat" => {
            let mut out = Vec::new();
            flatten(machine, &made, 1, &mut out)?;
            out.into()
        }
        "filter_map" => made.into_iter().filter(Value::truthy).collect::<Vec<_>>().into(),
        "sum" => {
            let start = args.first().cloned().unwrap_or(Value::Int(0));
            let mut sum = start;
            for value in made {
                sum = machine.send(&sum, "+", &[value], None)?;
            }
            sum
        }
        "uniq" | "group_by" => keyed(items, made, name),
        "to_h" => {
            let pair = |pair: Value| {
                let mut parts = pair.into_items().into_iter();
                Some((parts.next()?, parts.next()?))
            };
            made.into_iter().filter_map(pair).collect::<Map>().into()
        }
        "sort_by" | "min_by" | "max_by" => {
            let pairs: Vec<Value> =
                made.into_iter().zip(items).map(|(key, item)| vec![key, item].into()).collect();
            let sorted = sorted_with(machine, pairs, |_, a, b| Ok(first(a).compare(&first(b))))?;
            let second = |pair: &Value| pair.clone().into_items().into_iter().nth(1);
            match name {
                "min_by" => sorted.first().and_then(second).into(),
                "max_by" => sorted.last().and_then(second).into(),
                _ => sorted.iter().filter_map(second).collect::<Vec<_>>().into(),
            }
        }
        _ => return Ok(None),
    }))
}

fn first(pair: &Value) -> Value {
    pair.clone().into_items().into_iter().next().unwrap_or(Value::Nil)
}

fn sorted(machine: &mut Machine<'_>, items: Vec<Value>) -> Result<Vec<Value>, Stop> {
    sorted_with(machine, items, |_, a, b| Ok(a.compare(b)))
}

/// A sort whose comparison may fail; equal items keep their order.
fn sorted_with(
    machine: &mut Machine<'_>,
    mut items: Vec<Value>,
    mut compare: impl FnMut(&mut Machine<'_>, &Value, &Value) -> Result<Option<Ordering>, Stop>,
) -> Result<Vec<Value>, Stop> {
    let mut failed = None;
    let mut odd = None;
    items.sort_by(|a, b| {
        if failed.is_some() || odd.is_some() {
            return Ordering::Equal;
        }
        match compare(machine, a, b) {
            Ok(Some(order)) => order,
            Ok(None) => {
                odd = Some(format!("comparison of {} with {} failed", a.class_name(), b.inspect()));
                Ordering::Equal
            }
            Err(stop) => {
                failed = Some(stop);
                Ordering::Equal
            }
        }
    });
    match (failed, odd) {
        (Some(stop), _) => Err(stop),
        (None, Some(why)) => Err(machine.raise("ArgumentError", why)),
        (None, None) => Ok(items),
    }
}

/// Items by what a block makes of them: once for each, or all together.
fn keyed(items: Vec<Value>, keys: Vec<Value>, name: &str) -> Value {
    let mut groups = Map::default();
    let mut first_of_each = Vec::new();
    for (item, key) in items.into_iter().zip(keys) {
        if let Some(Value::Array(group)) = groups.get(&key) {
            group.borrow_mut().push(item);
        } else {
            first_of_each.push(item.clone());
            groups.insert(key, vec![item].into());
        }
    }
    if name == "uniq" { first_of_each.into() } else { groups.into() }
}
