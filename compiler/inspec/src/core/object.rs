//! Methods of every object.

use std::rc::Rc;

use super::Called;
use crate::interp::{Given, Machine};
use crate::scope::{Closure, Code, Frame, Scope};
use crate::value::Value;

pub(crate) fn call(
    machine: &mut Machine<'_>,
    receiver: &Value,
    name: &str,
    args: &[Value],
    block: Given<'_>,
) -> Called {
    let arg = args.first();
    Ok(Some(match name {
        "nil?" => receiver.is_nil().into(),
        // Of Active Support, which InSpec brings.
        "blank?" => is_blank(receiver).into(),
        "present?" => (!is_blank(receiver)).into(),
        "!" => (!machine.truth(receiver)?).into(),
        "==" | "eql?" | "equal?" => {
            let same = arg.is_some_and(|other| receiver.equals(other));
            // `1.eql?(1.0)` is false.
            let kinds = name == "=="
                || arg.is_some_and(|other| receiver.class_name() == other.class_name());
            (same && kinds).into()
        }
        "!=" => {
            let equal = machine.send(receiver, "==", args, None)?;
            if matches!(equal, Value::Unknown(_)) { equal } else { (!equal.truthy()).into() }
        }
        "===" => match arg {
            Some(other) => machine.case_equals(receiver, other)?.into(),
            None => Value::Bool(false),
        },
        "=~" => Value::Nil,
        "!~" => {
            let found = machine.send(receiver, "=~", args, None)?;
            if matches!(found, Value::Unknown(_)) { found } else { (!found.truthy()).into() }
        }
        "<=>" => match arg.and_then(|other| receiver.compare(other)) {
            Some(order) => Value::Int(order as i64),
            None => Value::Nil,
        },
        "class" => match receiver {
            Value::Object(object) => Value::Class(object.class.clone()),
            other => Value::Const(other.class_name().into()),
        },
        "is_a?" | "kind_of?" | "instance_of?" => match arg {
            Some(Value::Class(class)) => match receiver {
                Value::Object(object) => object.class.is_a(&class.name).into(),
                _ => Value::Bool(false),
            },
            Some(other) => super::is_a(receiver, &other.text()).into(),
            None => Value::Bool(false),
        },
        "to_s" => Value::Str(receiver.text()),
        "inspect" => receiver.inspect().into(),
        "respond_to?" => {
            let name = arg.map_or("".into(), Value::text);
            machine.responds(receiver, &name)?.into()
        }
        "dup" | "clone" => copy(receiver),
        "freeze" | "itself" | "extend" => receiver.clone(),
        "frozen?" => Value::Bool(true),
        "hash" | "object_id" | "__id__" => Value::Int(0),
        "then" | "yield_self" => match block {
            Some(block) => machine.call_block(block, std::slice::from_ref(receiver))?,
            None => receiver.clone(),
        },
        "tap" => {
            if let Some(block) = block {
                machine.call_block(block, std::slice::from_ref(receiver))?;
            }
            receiver.clone()
        }
        "instance_eval" | "instance_exec" => match block {
            Some(block) => machine.call_block_as(block, receiver.clone(), args)?,
            None => return Ok(None),
        },
        "method" => method(receiver, arg),
        "should" | "should_not" => {
            return machine.should(receiver, name == "should", args).map(Some);
        }
        _ => return Ok(None),
    }))
}

/// Nothing, or nothing but white space.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Nil | Value::Bool(false) => true,
        Value::Str(text) => text.trim().is_empty(),
        Value::Array(items) => items.borrow().is_empty(),
        Value::Hash(map) | Value::Set(map) => map.borrow().len() == 0,
        _ => false,
    }
}

fn method(receiver: &Value, name: Option<&Value>) -> Value {
    let name = name.map_or("".into(), Value::text);
    let frame = Frame {
        me: receiver.clone(),
        scope: Rc::new(Scope::default()),
        block: None,
        id: 0,
        call: 0,
        method: None,
    };
    Value::Proc(Rc::new(Closure { code: Code::Method(receiver.clone(), name), frame, call: 0 }))
}

fn copy(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.borrow().clone().into(),
        Value::Hash(map) => map.borrow().clone().into(),
        Value::Set(map) => Value::Set(Rc::new(std::cell::RefCell::new(map.borrow().clone()))),
        other => other.clone(),
    }
}
