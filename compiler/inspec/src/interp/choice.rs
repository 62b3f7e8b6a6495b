//! `case`, loops, `begin`/`rescue`.

use std::rc::Rc;

use super::Machine;
use crate::scope::Frame;
use crate::stop::{Eval, Halt, Raised, Stop};
use crate::syntax::{Begin, Case, Kind, Loop, Node, Place, Rescue};
use crate::value::Value;

impl Machine<'_> {
    pub(super) fn case(&mut self, case: &Case, frame: &Frame) -> Eval {
        let subject = case.subject.as_ref().map(|subject| self.eval(subject, frame)).transpose()?;
        for (patterns, body) in &case.whens {
            let patterns = self.eval_all(patterns, frame)?;
            for pattern in patterns {
                let chosen = match &subject {
                    Some(subject) => self.case_equals(&pattern, subject)?,
                    None => self.truth(&pattern)?,
                };
                if chosen {
                    return self.eval_maybe(body.as_ref(), frame);
                }
            }
        }
        self.eval_maybe(case.otherwise.as_ref(), frame)
    }

    pub(super) fn repeat(&mut self, repeat: &Loop, frame: &Frame) -> Eval {
        let mut first = repeat.body_first;
        loop {
            if !first {
                let condition = self.eval(&repeat.condition, frame)?;
                if self.truth(&condition)? == repeat.negated {
                    return Ok(Value::Nil);
                }
            }
            first = false;
            if let Some(body) = &repeat.body
                && let Some(value) = loop_body(self.eval(body, frame), frame.call)?
            {
                return Ok(value);
            }
        }
    }

    pub(super) fn for_each(
        &mut self,
        place: &Place,
        list: &Node,
        body: &Rc<Node>,
        frame: &Frame,
    ) -> Eval {
        let list = self.eval(list, frame)?;
        self.truth(&list)?;
        for item in self.iterate(&list)? {
            self.assign(place, item, frame)?;
            if let Some(value) = loop_body(self.eval(body, frame), frame.call)? {
                return Ok(value);
            }
        }
        Ok(list)
    }

    pub(super) fn begin(&mut self, begin: &Begin, frame: &Frame) -> Eval {
        let mut result = self.eval_maybe(begin.body.as_ref(), frame);
        if let Err(stop) = result {
            result = self.rescue(stop, &begin.rescues, frame);
        } else if begin.otherwise.is_some() {
            result = self.eval_maybe(begin.otherwise.as_ref(), frame);
        }
        if let Some(ensure) = &begin.ensure {
            self.eval(ensure, frame)?;
        }
        result
    }

    fn rescue(&mut self, stop: Stop, rescues: &[Rescue], frame: &Frame) -> Eval {
        let Halt::Raise(raised) = &*stop else { return Err(stop) };
        let raised = raised.clone();
        for rescue in rescues {
            if !self.rescues(rescue, &raised, frame)? {
                continue;
            }
            if let Some(place) = &rescue.variable {
                self.assign(place, Value::Raised(raised.clone()), frame)?;
            }
            self.globals.insert("$!".into(), Value::Raised(raised));
            return self.eval_maybe(rescue.body.as_ref(), frame);
        }
        Err(stop)
    }

    fn rescues(&mut self, rescue: &Rescue, raised: &Raised, frame: &Frame) -> Result<bool, Stop> {
        if rescue.classes.is_empty() {
            return Ok(is_a(&raised.class, "StandardError"));
        }
        for class in &rescue.classes {
            let class = match &class.kind {
                // A class that nothing here defines has only its name.
                Kind::Const(_, name) if !self.constants.contains_key(name) => {
                    Value::Const(name.clone())
                }
                _ => self.eval(class, frame)?,
            };
            for class in class.into_items() {
                if is_a(&raised.class, class.text().rsplit("::").next().unwrap_or_default()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The value of a loop that `break` ends.
fn loop_body(result: Eval, call: u64) -> Result<Option<Value>, Stop> {
    match result {
        Ok(_) => Ok(None),
        Err(stop) => match *stop {
            Halt::Next(_) => Ok(None),
            Halt::Break(ended, value) if ended == call => Ok(Some(value)),
            other => Err(Box::new(other)),
        },
    }
}

/// Whether an exception's class is one or comes from it. What fails an expectation is no
/// `StandardError`.
pub(crate) fn is_a(class: &str, wanted: &str) -> bool {
    let name = class.rsplit("::").next().unwrap_or(class);
    if name == wanted || wanted == "Exception" {
        return true;
    }
    match wanted {
        "StandardError" => !matches!(
            name,
            "ExpectationNotMetError" | "SystemStackError" | "NotImplementedError" | "ScriptError"
        ),
        "NameError" => name == "NoMethodError",
        "IndexError" => name == "KeyError",
        _ => false,
    }
}
