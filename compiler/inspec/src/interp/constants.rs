//! Constants and `defined?`.

use std::rc::Rc;

use super::Machine;
use crate::scope::Frame;
use crate::stop::Eval;
use crate::syntax::{At, Call, Kind, Node};
use crate::value::Value;

impl Machine<'_> {
    pub(super) fn constant(
        &mut self,
        scope: Option<&Node>,
        name: &Rc<str>,
        at: At,
        frame: &Frame,
    ) -> Eval {
        self.here = at;
        let Some(scope) = scope else {
            let of_class = match &frame.me {
                Value::Object(object) => object.class.constant(name),
                Value::Class(class) => class.constant(name),
                _ => None,
            };
            let found = of_class.or_else(|| self.constants.get(name).cloned());
            return Ok(found.unwrap_or_else(|| Value::Const(name.clone())));
        };
        match self.eval(scope, frame)? {
            Value::Class(class) => match class.constant(name) {
                Some(value) => Ok(value),
                None => Ok(self
                    .constants
                    .get(name)
                    .cloned()
                    .unwrap_or_else(|| Value::Const(format!("{}::{name}", class.name).into()))),
            },
            Value::Const(path) => Ok(match (&*path, &**name) {
                ("Float", "INFINITY") => Value::Float(f64::INFINITY),
                ("Float" | "Integer", "MAX") => Value::Int(i64::MAX),
                ("Regexp", "IGNORECASE") => Value::Int(1),
                ("Regexp", "EXTENDED") => Value::Int(2),
                ("Regexp", "MULTILINE") => Value::Int(4),
                _ => Value::Const(format!("{path}::{name}").into()),
            }),
            other => Err(self.raise("TypeError", format!("{} is not a class", other.inspect()))),
        }
    }

    pub(super) fn defined(&mut self, what: &Node, frame: &Frame) -> Eval {
        let text = match &what.kind {
            Kind::Local(name) => frame.scope.get(name).map(|_| "local-variable"),
            Kind::Instance(name) => {
                let value = self.instance(name, frame)?;
                (!value.is_nil()).then_some("instance-variable")
            }
            Kind::Const(_, name) => self.constants.contains_key(name).then_some("constant"),
            Kind::Call(call) => self.defined_call(call, frame),
            Kind::Nil | Kind::True | Kind::False | Kind::Itself => Some("expression"),
            _ => match self.eval(what, frame) {
                Ok(_) => Some("expression"),
                Err(_) => None,
            },
        };
        Ok(text.into())
    }

    fn defined_call(&mut self, call: &Call, frame: &Frame) -> Option<&'static str> {
        let value = match &call.receiver {
            None => {
                let known =
                    self.state.functions.contains_key(&call.name) || self.is_resource(&call.name);
                return known.then_some("method");
            }
            Some(receiver) => self.eval(receiver, frame).ok()?,
        };
        let args = self.eval_all(&call.args, frame).ok()?;
        self.send(&value, &call.name, &args, None).ok().map(|_| "method")
    }
}
