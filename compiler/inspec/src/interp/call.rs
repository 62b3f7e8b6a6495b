//! Calls of methods.

use std::rc::Rc;

use super::Machine;
use crate::core;
use crate::scope::{Closure, Code, Frame};
use crate::stop::{Eval, Halt, Stop, no_method};
use crate::syntax::{At, BlockArg, Call, Kind, Node, Place};
use crate::value::Value;

/// The block of a call.
pub(crate) type Given<'a> = Option<&'a Rc<Closure>>;

impl Machine<'_> {
    pub(super) fn eval_call(&mut self, call: &Call, at: At, frame: &Frame) -> Eval {
        let receiver = match &call.receiver {
            Some(receiver) => {
                let value = self.eval(receiver, frame)?;
                if call.safe && value.is_nil() {
                    return Ok(Value::Nil);
                }
                Some(value)
            }
            None => None,
        };
        let args = self.eval_all(&call.args, frame)?;
        self.here = at;
        if let (Some(Value::Str(text)), Some(node)) = (&receiver, &call.receiver)
            && let Some(new) = self.changed_text(text, &call.name, &args)?
        {
            return self.keep_changed(node, &new, frame);
        }
        let id = self.frame_id();
        let block = self.block_of(&call.block, id, frame)?;
        self.here = at;
        let result = match &receiver {
            Some(Value::Context(_))
                if matches!(call.receiver, Some(Node { kind: Kind::Itself, .. })) =>
            {
                self.call_self(frame, &call.name, &args, block.as_ref())
            }
            Some(receiver) => self.send(receiver, &call.name, &args, block.as_ref()),
            None => self.call_self(frame, &call.name, &args, block.as_ref()),
        };
        match result {
            Err(stop) => match *stop {
                Halt::Break(to, value) if to == id => Ok(value),
                other => Err(Box::new(other)),
            },
            done => done,
        }
    }

    fn block_of(
        &mut self,
        block: &BlockArg,
        call: u64,
        frame: &Frame,
    ) -> Result<Option<Rc<Closure>>, Stop> {
        let code = match block {
            BlockArg::None => return Ok(None),
            BlockArg::Literal(block) => Code::Block(block.clone()),
            BlockArg::Passed(value) => match self.eval(value, frame)? {
                Value::Nil => return Ok(None),
                Value::Proc(closure) => return Ok(Some(closure)),
                Value::Sym(name) => Code::Symbol(name),
                other => {
                    let kind = other.class_name();
                    let why = format!("wrong argument type {kind} (expected Proc)");
                    return Err(self.raise("TypeError", why));
                }
            },
        };
        Ok(Some(Rc::new(Closure { code, frame: frame.clone(), call })))
    }

    /// Texts do not change here: `a << b` and `a.strip!` give the place of `a` a new one.
    fn keep_changed(&mut self, receiver: &Node, new: &Value, frame: &Frame) -> Eval {
        let place = match &receiver.kind {
            Kind::Local(name) => Place::Local(name.clone()),
            Kind::Instance(name) => Place::Instance(name.clone()),
            Kind::Global(name) => Place::Global(name.clone()),
            Kind::Call(_) | Kind::Str(_) | Kind::Join(_) => return Ok(new.clone()),
            _ => return Err(self.needs_ruby("a text that changes where it stands")),
        };
        if !new.is_nil() {
            self.assign(&place, new.clone(), frame)?;
        }
        Ok(new.clone())
    }

    /// What a method that changes its text makes of it; none for all other methods.
    fn changed_text(
        &mut self,
        text: &Rc<str>,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Value>, Stop> {
        if matches!(name, "<<" | "concat") {
            let mut new = text.to_string();
            for arg in args {
                if let Value::Unknown(_) = arg {
                    return Ok(Some(arg.clone()));
                }
                new.push_str(&self.to_s(arg)?);
            }
            self.meter.charge(new.len())?;
            return Ok(Some(new.into()));
        }
        let Some(plain) = name.strip_suffix('!').filter(|plain| core::changes_text(plain)) else {
            return Ok(None);
        };
        let new = self.send(&Value::Str(text.clone()), plain, args, None)?;
        Ok(Some(if new.as_text() == Some(text) { Value::Nil } else { new }))
    }

    /// Calls a method of a value.
    pub(crate) fn send(
        &mut self,
        receiver: &Value,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Eval {
        self.meter.step()?;
        if let Value::Unknown(why) = receiver {
            return self.of_unknown(why, name, block);
        }
        if matches!(name, "send" | "public_send" | "__send__")
            && let Some((method, rest)) = args.split_first()
            && let Some(method) = method.as_text()
        {
            return self.send(receiver, method, rest, block);
        }
        if core::is_plain(receiver) && !core::takes_unknown(receiver, name) {
            let unknown = args.iter().find(|arg| matches!(arg, Value::Unknown(_)));
            if let Some(unknown) = unknown {
                return Ok(unknown.clone());
            }
        }
        if let Some(value) = self.typed(receiver, name, args, block)? {
            return Ok(value);
        }
        if let Some(value) = core::object::call(self, receiver, name, args, block)? {
            return Ok(value);
        }
        if core::exists_in_ruby(receiver, name) {
            return Err(self.needs_ruby(format!("`{}#{name}`", receiver.class_name())));
        }
        Err(no_method(name, receiver, self.here))
    }

    pub(crate) fn typed(
        &mut self,
        receiver: &Value,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        match receiver {
            Value::Nil => core::simple::nil(self, name, args),
            Value::Bool(value) => core::simple::bool(self, *value, name, args),
            Value::Int(_) | Value::Float(_) => {
                core::number::call(self, receiver, name, args, block)
            }
            Value::Str(text) => core::string::call(self, text, name, args, block),
            Value::Sym(symbol) => core::simple::symbol(self, symbol, name, args, block),
            Value::Regex(pattern) => core::simple::regex(self, pattern, name, args),
            Value::Array(items) => core::array::call(self, items, name, args, block),
            Value::Hash(map) => core::hash::call(self, map, name, args, block),
            Value::Set(map) => core::set::call(self, map, name, args, block),
            Value::Range(span) => core::simple::range(self, span, name, args, block),
            Value::Proc(closure) => core::simple::proc(self, closure, name, args),
            Value::Match(found) => core::simple::matched(self, found, name, args),
            Value::Raised(raised) => core::simple::raised(self, raised, name),
            Value::Const(path) => core::constant::call(self, path, name, args, block),
            Value::Resource(resource) => self.resource_call(resource, name, args, block),
            Value::Table(table) => self.table_call(table, name, args, block),
            Value::Row(row) => self.row_call(row, name, args),
            Value::Trace(trace) => Ok(Some(trace.called(name, args))),
            Value::Builder(builder) => self.builder_call(builder, name, args, block),
            Value::Moment(moment) => core::time::call(self, *moment, name, args),
            Value::Object(object) => self.object_call(object, name, args, block),
            Value::Class(class) => self.class_call(class, name, args, block),
            Value::Matcher(matcher) => self.matcher_chain(matcher, name, args),
            Value::Context(context) => self.context_send(context, name, args, block),
            Value::Unknown(why) => Ok(Some(Value::Unknown(why.clone()))),
        }
    }

    /// What is asked of something unknown is unknown; a loop over it asks nothing, which is said.
    fn of_unknown(&mut self, why: &Rc<str>, name: &str, block: Given<'_>) -> Eval {
        const LOOPS: [&str; 8] = [
            "each",
            "each_with_index",
            "each_line",
            "each_pair",
            "each_key",
            "each_value",
            "each_entry",
            "times",
        ];
        if block.is_some() && LOOPS.contains(&name) {
            let why = forge_model::NoAnswer::Unknown(why.to_string());
            return Err(crate::stop::no_answer(why));
        }
        Ok(Value::Unknown(why.clone()))
    }

    /// `to_s` of any value, by its own method when it has one.
    pub(crate) fn to_s(&mut self, value: &Value) -> Result<Rc<str>, Stop> {
        match value {
            Value::Object(object) if object.class.find("to_s").is_some() => {
                let text = self.send(value, "to_s", &[], None)?;
                Ok(text.text())
            }
            Value::Unknown(why) => {
                Err(crate::stop::no_answer(forge_model::NoAnswer::Unknown(why.to_string())))
            }
            other => Ok(other.text()),
        }
    }

    /// `pattern === value`.
    pub(crate) fn case_equals(&mut self, pattern: &Value, value: &Value) -> Result<bool, Stop> {
        if matches!(value, Value::Unknown(_)) || matches!(pattern, Value::Unknown(_)) {
            self.truth(if matches!(value, Value::Unknown(_)) { value } else { pattern })?;
        }
        match (pattern, value) {
            (Value::Regex(regex), Value::Str(text) | Value::Sym(text)) => {
                let regex = regex.clone();
                Ok(self.search(&regex, text, 0)?.is_some())
            }
            (Value::Regex(_), _) => Ok(false),
            (Value::Const(path), _) => Ok(core::is_a(value, path)),
            (Value::Class(class), Value::Object(object)) => Ok(object.class.is_a(&class.name)),
            (Value::Class(_), _) => Ok(false),
            (Value::Range(_), _) => {
                let covered = self.send(pattern, "include?", std::slice::from_ref(value), None)?;
                self.truth(&covered)
            }
            (Value::Proc(closure), _) => {
                let closure = closure.clone();
                let result = self.call_block(&closure, std::slice::from_ref(value))?;
                self.truth(&result)
            }
            (Value::Matcher(matcher), _) => {
                let matcher = matcher.clone();
                self.matches(&matcher, value)
            }
            _ => Ok(pattern.equals(value)),
        }
    }

    /// The items that a loop goes over.
    pub(crate) fn iterate(&mut self, value: &Value) -> Result<Vec<Value>, Stop> {
        let items = match value {
            Value::Array(items) => items.borrow().clone(),
            Value::Hash(_) | Value::Set(_) | Value::Range(_) => value.clone().into_items(),
            Value::Nil | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) => {
                return Err(no_method("each", value, self.here));
            }
            other => {
                let entries = self.send(other, "entries", &[], None)?;
                self.truth(&entries)?;
                entries.into_items()
            }
        };
        self.meter.charge(items.len() * size_of::<Value>())?;
        Ok(items)
    }
}
