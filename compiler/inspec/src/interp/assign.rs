//! Assignments.

use super::Machine;
use crate::context::Context;
use crate::pattern::Pattern;
use crate::scope::Frame;
use crate::stop::{Eval, Stop, needs_ruby};
use crate::syntax::{Node, Operator, Place};
use crate::value::Value;

impl Machine<'_> {
    pub(crate) fn assign(
        &mut self,
        place: &Place,
        value: Value,
        frame: &Frame,
    ) -> Result<(), Stop> {
        match place {
            Place::Local(name) => frame.scope.set(name, value),
            Place::Instance(name) => match &frame.me {
                Value::Object(object) => {
                    object.variables.borrow_mut().insert(name.clone(), value);
                }
                Value::Class(class) => {
                    class.variables.borrow_mut().insert(name.clone(), value);
                }
                Value::Context(context) => {
                    self.state.variables.insert((context.id(), name.clone()), value);
                }
                _ => return Err(self.needs_ruby("an instance variable here")),
            },
            Place::Global(name) => {
                self.globals.insert(name.clone(), value);
            }
            Place::Const(name) => match &frame.me {
                Value::Class(class) => {
                    class.constants.borrow_mut().insert(name.clone(), value);
                }
                _ => {
                    self.constants.insert(name.clone(), value);
                }
            },
            Place::Index(receiver, indexes) => {
                let receiver = self.eval(receiver, frame)?;
                let mut args = self.eval_all(indexes, frame)?;
                args.push(value);
                self.send(&receiver, "[]=", &args, None)?;
            }
            Place::Attribute(receiver, name) => {
                let receiver = self.eval(receiver, frame)?;
                self.send(&receiver, &format!("{name}="), &[value], None)?;
            }
            Place::Several(places) => self.spread(places, value.into_items(), frame)?,
            Place::Rest(_) => return Err(self.needs_ruby("this assignment")),
            Place::Unsupported(what, at) => return Err(needs_ruby(*what, *at)),
        }
        Ok(())
    }

    pub(super) fn assign_several(&mut self, places: &[Place], value: &Node, frame: &Frame) -> Eval {
        let value = self.eval(value, frame)?;
        if let Value::Unknown(_) = value {
            for place in places {
                self.assign(place, value.clone(), frame)?;
            }
            return Ok(value);
        }
        // Copied first: `a, b = b, a`.
        self.spread(places, value.clone().into_items(), frame)?;
        Ok(value)
    }

    fn spread(&mut self, places: &[Place], items: Vec<Value>, frame: &Frame) -> Result<(), Stop> {
        let rest_at = places.iter().position(|place| matches!(place, Place::Rest(_)));
        let after = rest_at.map_or(0, |at| places.len() - at - 1);
        let mut items = items.into_iter();
        for (index, place) in places.iter().enumerate() {
            if let (Place::Rest(inner), Some(at)) = (place, rest_at)
                && index == at
            {
                let many = items.len().saturating_sub(after);
                let rest: Vec<Value> = items.by_ref().take(many).collect();
                if let Some(inner) = inner {
                    self.assign(inner, rest.into(), frame)?;
                }
                continue;
            }
            self.assign(place, items.next().unwrap_or(Value::Nil), frame)?;
        }
        Ok(())
    }

    pub(super) fn update(
        &mut self,
        place: &Place,
        operator: &Operator,
        value: &Node,
        frame: &Frame,
    ) -> Eval {
        let old = self.current(place, frame)?;
        let new = match operator {
            Operator::Or if self.truth(&old)? => return Ok(old),
            Operator::And if !self.truth(&old)? => return Ok(old),
            Operator::Or | Operator::And => self.eval(value, frame)?,
            Operator::Method(name) => {
                let value = self.eval(value, frame)?;
                self.send(&old, name, &[value], None)?
            }
        };
        self.assign(place, new.clone(), frame)?;
        Ok(new)
    }

    fn current(&mut self, place: &Place, frame: &Frame) -> Eval {
        match place {
            Place::Local(name) => Ok(frame.scope.get(name).unwrap_or(Value::Nil)),
            Place::Instance(name) => self.instance(name, frame),
            Place::Global(name) => Ok(self.global(name)),
            Place::Const(name) => Ok(self.constants.get(name).cloned().unwrap_or(Value::Nil)),
            Place::Index(receiver, indexes) => {
                let receiver = self.eval(receiver, frame)?;
                let args = self.eval_all(indexes, frame)?;
                self.send(&receiver, "[]", &args, None)
            }
            Place::Attribute(receiver, name) => {
                let receiver = self.eval(receiver, frame)?;
                self.send(&receiver, name, &[], None)
            }
            Place::Several(_) | Place::Rest(_) => Err(self.needs_ruby("this assignment")),
            Place::Unsupported(what, at) => Err(needs_ruby(*what, *at)),
        }
    }
    pub(super) fn instance(&mut self, name: &str, frame: &Frame) -> Eval {
        Ok(match &frame.me {
            Value::Object(object) => object.variables.borrow().get(name).cloned(),
            Value::Class(class) => class.variables.borrow().get(name).cloned(),
            Value::Context(context) => self.context_variable(context, name),
            _ => None,
        }
        .unwrap_or(Value::Nil))
    }

    fn context_variable(&self, context: &Context, name: &str) -> Option<Value> {
        self.state.variables.get(&(context.id(), name.into())).cloned()
    }

    pub(super) fn global(&self, name: &str) -> Value {
        match name {
            "$~" => self.last_match.clone().map_or(Value::Nil, Value::Match),
            _ => self.globals.get(name).cloned().unwrap_or(Value::Nil),
        }
    }

    /// `/(?<name>x)/ =~ text` makes locals of its groups.
    pub(super) fn match_locals(&mut self, pattern: &Pattern, value: &Value, frame: &Frame) -> Eval {
        let found = match value {
            Value::Unknown(_) => return Ok(value.clone()),
            Value::Str(text) | Value::Sym(text) => self.search(pattern, text, 0)?,
            _ => None,
        };
        let names = pattern.names().map_err(|why| self.raise("RegexpError", why))?;
        for name in names.into_iter().flatten() {
            let group = found.as_ref().and_then(|found| found.named(&name).map(str::to_owned));
            frame.scope.set(&name.as_str().into(), group.into());
        }
        Ok(found.map_or(Value::Nil, |found| Value::int(char_index(&found))))
    }
}

/// The character at which a match begins.
pub(crate) fn char_index(found: &crate::value::Match) -> usize {
    let begin = found.groups.first().copied().flatten().map_or(0, |(begin, _)| begin);
    found.text.get(..begin).map_or(0, |before| before.chars().count())
}
