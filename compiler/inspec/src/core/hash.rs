//! Methods of hashes.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Called, enumerable};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::scope::Closure;
use crate::value::Value;

type Entries = Rc<RefCell<Map>>;

pub(crate) fn call(
    machine: &mut Machine<'_>,
    map: &Entries,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    machine.meter.steps(1 + (map.borrow().len() / 16) as u64)?;
    if let Some(value) = reading(machine, map, name, args, block)? {
        return Ok(Some(value));
    }
    if let Some(value) = changing(machine, map, name, args, block)? {
        return Ok(Some(value));
    }
    if let Some(block) = block
        && let Some(value) = with_block(machine, map, name, block)?
    {
        return Ok(Some(value));
    }
    if map.borrow().by_method && args.is_empty() && block.is_none() {
        let found = map.borrow().text(name).cloned();
        let listed = matches!(name, "sort" | "min" | "max" | "first" | "sum" | "uniq" | "any?");
        if found.is_some() || !(listed || name.ends_with(['?', '!']) || super::is_of_objects(name))
        {
            return Ok(Some(found.into()));
        }
    }
    let own = Value::Hash(map.clone());
    let pairs = own.clone().into_items();
    machine.meter.charge(pairs.len() * 64)?;
    enumerable::call(machine, &own, pairs, name, args, block)
}

fn reading(
    machine: &mut Machine<'_>,
    shared: &Entries,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    let map = shared.borrow();
    let arg = args.first();
    Ok(Some(match (name, arg) {
        ("[]", Some(key)) => map.get(key).or_else(|| by_name(&map, key)).cloned().into(),
        ("fetch", Some(key)) => match (map.get(key).cloned(), args.get(1), block) {
            (Some(value), _, _) => value,
            (None, Some(default), _) => default.clone(),
            (None, None, Some(block)) => {
                drop(map);
                machine.call_block(block, args)?
            }
            (None, None, None) => {
                let why = format!("key not found: {}", key.inspect());
                return Err(machine.raise("KeyError", why));
            }
        },
        ("dig", Some(key)) => {
            let found = map.get(key).cloned().unwrap_or(Value::Nil);
            drop(map);
            match (found, args.get(1..)) {
                (Value::Nil, _) => Value::Nil,
                (found, Some(rest)) if !rest.is_empty() => {
                    machine.send(&found, "dig", rest, None)?
                }
                (found, _) => found,
            }
        }
        ("key?" | "has_key?" | "include?" | "member?", Some(key)) => {
            (map.contains(key) || by_name(&map, key).is_some()).into()
        }
        ("value?" | "has_value?", Some(value)) => map.iter().any(|(_, v)| v.equals(value)).into(),
        ("key", Some(value)) => {
            map.iter().find(|(_, v)| v.equals(value)).map(|(k, _)| k.clone()).into()
        }
        ("keys", _) => map.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>().into(),
        ("values", _) => map.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>().into(),
        ("values_at", _) => {
            args.iter().map(|key| map.get(key).cloned().into()).collect::<Vec<_>>().into()
        }
        ("length" | "size", _) => Value::int(map.len()),
        ("count", None) if block.is_none() => Value::int(map.len()),
        ("empty?", _) => (map.len() == 0).into(),
        ("to_h" | "to_hash", _) if block.is_none() => Value::Hash(shared.clone()),
        ("to_a" | "entries", _) => Value::Hash(shared.clone()).into_items().into(),
        ("invert", _) => map.iter().map(|(k, v)| (v.clone(), k.clone())).collect::<Map>().into(),
        ("compact", _) => map
            .iter()
            .filter(|(_, v)| !v.is_nil())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect::<Map>()
            .into(),
        ("slice" | "except", _) => {
            let kept = |key: &Value| args.iter().any(|arg| arg.equals(key)) == (name == "slice");
            let pairs = map.iter().filter(|(key, _)| kept(key));
            pairs.map(|(k, v)| (k.clone(), v.clone())).collect::<Map>().into()
        }
        ("first", None) => match map.iter().next() {
            Some((key, value)) => vec![key.clone(), value.clone()].into(),
            None => Value::Nil,
        },
        ("<=" | "subset", Some(Value::Hash(other))) => {
            let other = other.borrow();
            map.iter().all(|(k, v)| other.get(k).is_some_and(|o| o.equals(v))).into()
        }
        (">=", Some(Value::Hash(other))) => {
            let other = other.borrow();
            other.iter().all(|(k, v)| map.get(k).is_some_and(|o| o.equals(v))).into()
        }
        _ => return Ok(None),
    }))
}

/// The entry of a text key by its symbol, where keys are methods, too.
fn by_name<'m>(map: &'m Map, key: &Value) -> Option<&'m Value> {
    match key {
        Value::Sym(name) if map.by_method => map.text(name),
        _ => None,
    }
}

fn is_setter(name: &str) -> bool {
    let word = name.strip_suffix('=').unwrap_or_default();
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn changing(
    machine: &mut Machine<'_>,
    map: &Entries,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    Ok(Some(match (name, args) {
        ("[]=" | "store", [key, value]) => {
            machine.meter.charge(128)?;
            map.borrow_mut().insert(key.clone(), value.clone());
            value.clone()
        }
        // `mash.name = value`.
        (_, [value]) if name.len() > 1 && map.borrow().by_method && is_setter(name) => {
            machine.meter.charge(128)?;
            let key = name.trim_end_matches('=');
            map.borrow_mut().insert(key.into(), value.clone());
            value.clone()
        }
        ("delete", [key]) => map.borrow_mut().remove(key).into(),
        ("replace", [other]) => {
            let new = match other {
                Value::Hash(other) => other.borrow().clone(),
                other => {
                    let why = format!("no implicit conversion of {} into Hash", other.class_name());
                    return Err(machine.raise("TypeError", why));
                }
            };
            let by_method = map.borrow().by_method;
            *map.borrow_mut() = new.by_method(by_method);
            Value::Hash(map.clone())
        }
        ("clear", _) => {
            *map.borrow_mut() = Map::default();
            Value::Hash(map.clone())
        }
        ("merge" | "merge!" | "update", _) => {
            let mut new = map.borrow().clone();
            for arg in args {
                let Value::Hash(other) = arg else {
                    let why = format!("no implicit conversion of {} into Hash", arg.class_name());
                    return Err(machine.raise("TypeError", why));
                };
                let other = other.borrow().clone();
                machine.meter.charge((new.len() + other.len()) * 64)?;
                for (key, value) in other.iter() {
                    let value = match (block, new.get(key)) {
                        (Some(block), Some(old)) => {
                            machine.call_block(block, &[key.clone(), old.clone(), value.clone()])?
                        }
                        _ => value.clone(),
                    };
                    new.insert(key.clone(), value);
                }
            }
            if name == "merge" {
                new.into()
            } else {
                *map.borrow_mut() = new;
                Value::Hash(map.clone())
            }
        }
        (
            "delete_if" | "reject!" | "keep_if" | "select!" | "filter!" | "transform_values!"
            | "transform_keys!" | "compact!",
            _,
        ) => {
            let plain = match name {
                "delete_if" => "reject",
                "keep_if" => "select",
                other => other.trim_end_matches('!'),
            };
            let new = machine.send(&Value::Hash(map.clone()), plain, args, block)?;
            if let Value::Hash(new) = new {
                let new = new.borrow().clone();
                *map.borrow_mut() = new;
            }
            Value::Hash(map.clone())
        }
        ("default=", [_]) | ("compare_by_identity", _) => {
            return Err(machine.needs_ruby(format!("`Hash#{name}`")));
        }
        _ => return Ok(None),
    }))
}

fn with_block(
    machine: &mut Machine<'_>,
    shared: &Entries,
    name: &str,
    block: &Rc<Closure>,
) -> Called {
    let entries: Vec<(Value, Value)> =
        shared.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut kept = Map::default();
    let known = matches!(
        name,
        "each"
            | "each_pair"
            | "each_key"
            | "each_value"
            | "select"
            | "filter"
            | "reject"
            | "any?"
            | "all?"
            | "none?"
            | "count"
            | "transform_values"
            | "transform_keys"
            | "map_values"
            | "find"
            | "detect"
    );
    if !known {
        return Ok(None);
    }
    for (key, value) in &entries {
        let args: &[Value] = &match name {
            "each_key" | "transform_keys" => vec![key.clone()],
            "each_value" | "transform_values" => vec![value.clone()],
            "each" | "each_pair" => vec![vec![key.clone(), value.clone()].into()],
            _ => vec![key.clone(), value.clone()],
        };
        let result = machine.call_block(block, args)?;
        match name {
            "transform_values" => kept.insert(key.clone(), result),
            "transform_keys" => kept.insert(result, value.clone()),
            "each" | "each_pair" | "each_key" | "each_value" => {}
            "find" | "detect" => {
                if machine.truth(&result)? {
                    return Ok(Some(vec![key.clone(), value.clone()].into()));
                }
            }
            _ => {
                if machine.truth(&result)? != (name == "reject") {
                    kept.insert(key.clone(), value.clone());
                }
            }
        }
    }
    Ok(Some(match name {
        "each" | "each_pair" | "each_key" | "each_value" => Value::Hash(shared.clone()),
        "any?" => (kept.len() > 0).into(),
        "all?" => (kept.len() == entries.len()).into(),
        "none?" => (kept.len() == 0).into(),
        "count" => Value::int(kept.len()),
        "find" | "detect" => Value::Nil,
        _ => kept.into(),
    }))
}
