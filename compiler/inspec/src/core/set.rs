//! Methods of sets.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Called, enumerable};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::value::Value;

/// A set of these items.
pub(crate) fn make(items: impl Iterator<Item = Value>) -> Value {
    Value::Set(Rc::new(RefCell::new(items.map(|item| (item, Value::Nil)).collect())))
}

pub(crate) fn call(
    machine: &mut Machine<'_>,
    set: &Rc<RefCell<Map>>,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    machine.meter.steps(1 + (set.borrow().len() / 16) as u64)?;
    let own = Value::Set(set.clone());
    let other = || args.first().cloned().unwrap_or(Value::Nil).into_items();
    let all = |map: &Map, items: &[Value]| items.iter().all(|item| map.contains(item));
    Ok(Some(match name {
        "add" | "<<" => {
            machine.meter.charge(128)?;
            for arg in args {
                set.borrow_mut().insert(arg.clone(), Value::Nil);
            }
            own
        }
        "delete" => {
            for arg in args {
                set.borrow_mut().remove(arg);
            }
            own
        }
        "include?" | "member?" | "===" | "contain?" => {
            args.first().is_some_and(|item| set.borrow().contains(item)).into()
        }
        "size" | "length" => Value::int(set.borrow().len()),
        "count" if args.is_empty() && block.is_none() => Value::int(set.borrow().len()),
        "empty?" => (set.borrow().len() == 0).into(),
        "to_a" | "entries" => own.into_items().into(),
        "to_set" => own,
        "superset?" | ">=" => all(&set.borrow(), &other()).into(),
        "subset?" | "<=" => {
            let other: Map = other().into_iter().map(|item| (item, Value::Nil)).collect();
            all(&other, &own.into_items()).into()
        }
        "disjoint?" => (!other().iter().any(|item| set.borrow().contains(item))).into(),
        "intersect?" => other().iter().any(|item| set.borrow().contains(item)).into(),
        "|" | "+" | "union" | "merge" => {
            let joined = make(own.clone().into_items().into_iter().chain(other()));
            if name == "merge"
                && let Value::Set(joined) = &joined
            {
                let joined = joined.borrow().clone();
                *set.borrow_mut() = joined;
                return Ok(Some(own));
            }
            joined
        }
        "&" | "intersection" => {
            let set = set.borrow();
            make(other().into_iter().filter(|item| set.contains(item)))
        }
        "-" | "difference" => {
            let without: Map = other().into_iter().map(|item| (item, Value::Nil)).collect();
            make(own.into_items().into_iter().filter(|item| !without.contains(item)))
        }
        "==" => return Ok(None),
        "join" => return machine.send(&own.into_items().into(), name, args, block).map(Some),
        _ => {
            let items = own.clone().into_items();
            return enumerable::call(machine, &own, items, name, args, block);
        }
    }))
}
