//! Why an evaluation ended before its end.

use std::rc::Rc;

use forge_model::NoAnswer;

use crate::syntax::At;
use crate::value::Value;

/// The value of an expression.
pub(crate) type Eval = Result<Value, Stop>;

/// Why there is none.
pub(crate) type Stop = Box<Halt>;

/// What ends an evaluation.
#[derive(Debug)]
pub(crate) enum Halt {
    /// An exception, which `rescue` may take.
    Raise(Rc<Raised>),
    /// What depends on the target's answer, which it cannot give. Nothing rescues it.
    NoAnswer(NoAnswer),
    /// Something that only Ruby could run, and where. Nothing rescues it.
    NeedsRuby(String, At),
    /// A bound of the run. Nothing rescues it.
    Limit(String),
    /// A resource that refuses to be tested: the whole group is skipped.
    Skipped(String),
    Next(Value),
    /// `throw`: the tag and the value.
    Throw(Value, Value),
    /// The frame whose call ends, and the value.
    Break(u64, Value),
    Return(u64, Value),
}

/// An exception.
#[derive(Debug)]
pub(crate) struct Raised {
    pub(crate) class: Rc<str>,
    pub(crate) message: Rc<str>,
    pub(crate) at: At,
}

/// Raises an exception of a class.
pub(crate) fn raise(class: &str, message: impl Into<String>, at: At) -> Stop {
    let message: String = message.into();
    Box::new(Halt::Raise(Rc::new(Raised { class: class.into(), message: message.into(), at })))
}

/// `NoMethodError`, as Ruby 3.1 words it.
pub(crate) fn no_method(name: &str, receiver: &Value, at: At) -> Stop {
    let of = match receiver {
        Value::Nil | Value::Bool(_) => {
            format!("{}:{}", receiver.inspect(), receiver.class_name())
        }
        Value::Resource(_) | Value::Table(_) | Value::Object(_) | Value::Row(_) => {
            receiver.inspect()
        }
        other => format!("{}:{}", shortened(other.inspect()), other.class_name()),
    };
    raise("NoMethodError", format!("undefined method `{name}' for {of}"), at)
}

fn shortened(text: String) -> String {
    const MOST: usize = 65;
    if text.chars().count() > MOST { text.chars().take(MOST).collect() } else { text }
}

/// Something that only Ruby could run.
pub(crate) fn needs_ruby(what: impl Into<String>, at: At) -> Stop {
    Box::new(Halt::NeedsRuby(what.into(), at))
}

/// The target gave no answer.
pub(crate) fn no_answer(why: NoAnswer) -> Stop {
    Box::new(Halt::NoAnswer(why))
}

/// A resource refuses to be tested.
pub(crate) fn skipped(why: impl Into<String>) -> Stop {
    Box::new(Halt::Skipped(why.into()))
}
