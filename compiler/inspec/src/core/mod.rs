//! Methods of Ruby's own classes, those that profiles use.

pub(crate) mod array;
pub(crate) mod constant;
mod disk;
mod enumerable;
mod exists;
pub(crate) mod format;
pub(crate) mod hash;
pub(crate) mod number;
pub(crate) mod object;
pub(crate) mod set;
pub(crate) mod simple;
pub(crate) mod string;
mod substitute;
pub(crate) mod time;

pub(crate) use exists::exists_in_ruby;

use crate::value::Value;

/// What a call gives, or none when the class has no such method here.
pub(crate) type Called = Result<Option<Value>, crate::stop::Stop>;

/// Values of Ruby itself, whose methods need to know their arguments.
pub(crate) fn is_plain(value: &Value) -> bool {
    matches!(
        value,
        Value::Nil
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Str(_)
            | Value::Sym(_)
            | Value::Regex(_)
            | Value::Array(_)
            | Value::Hash(_)
            | Value::Set(_)
            | Value::Range(_)
            | Value::Const(_)
    )
}

/// Methods that only keep their argument.
pub(crate) fn takes_unknown(receiver: &Value, name: &str) -> bool {
    match receiver {
        Value::Array(_) | Value::Set(_) => {
            matches!(name, "<<" | "push" | "append" | "unshift" | "add" | "[]=" | "concat" | "+")
        }
        Value::Hash(_) => matches!(name, "[]=" | "store" | "merge" | "merge!"),
        _ => false,
    }
}

/// Methods that every object has.
pub(crate) fn is_of_objects(name: &str) -> bool {
    matches!(
        name,
        "to_s"
            | "inspect"
            | "class"
            | "dup"
            | "clone"
            | "freeze"
            | "hash"
            | "=="
            | "!="
            | "!"
            | "itself"
            | "should"
            | "should_not"
            | "tap"
            | "then"
            | "map"
            | "each"
            | "select"
            | "reject"
    )
}

/// Methods of texts whose form with `!` changes the text itself.
pub(crate) fn changes_text(name: &str) -> bool {
    matches!(
        name,
        "strip"
            | "lstrip"
            | "rstrip"
            | "chomp"
            | "chop"
            | "gsub"
            | "sub"
            | "downcase"
            | "upcase"
            | "capitalize"
            | "squeeze"
            | "tr"
            | "delete"
            | "delete_prefix"
            | "delete_suffix"
            | "reverse"
            | "encode"
            | "unicode_normalize"
            | "scrub"
    )
}

/// `value.is_a?(class)` for a class of Ruby or `InSpec` itself.
pub(crate) fn is_a(value: &Value, class: &str) -> bool {
    let class = class.trim_start_matches("::");
    if value.class_name() == class {
        return true;
    }
    match class {
        "Object" | "BasicObject" | "Kernel" => true,
        "Numeric" | "Comparable" if matches!(value, Value::Int(_) | Value::Float(_)) => true,
        "Comparable" => matches!(value, Value::Str(_)),
        "Fixnum" | "Bignum" => matches!(value, Value::Int(_)),
        "Enumerable" => {
            matches!(value, Value::Array(_) | Value::Hash(_) | Value::Set(_) | Value::Range(_))
        }
        "Method" | "UnboundMethod" => matches!(value, Value::Proc(_)),
        _ => match value {
            Value::Object(object) => object.class.is_a(class),
            Value::Raised(raised) => crate::interp_is_a(&raised.class, class),
            _ => false,
        },
    }
}
