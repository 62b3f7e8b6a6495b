//! Reads what a control declares.

use std::cell::RefCell;
use std::rc::Rc;

use super::Expected;
use super::ask::{Ask, Clause};
use super::expression::truth;
use super::matcher::{self, Subject};
use crate::context::{Child, Context, Example, ExampleCode, Group};
use crate::control::{Check, Condition, Control};
use crate::interp::Machine;
use crate::resources::Resource;
use crate::scope::{Closure, Frame, Scope};
use crate::stop::{Halt, Stop};
use crate::syntax::{At, Kind as Expression, Node};
use crate::value::Value;

/// Why something is no demand of KDL, and where it stands.
pub(super) type Refused = (At, String);

/// Reads controls; whatever is asked of the target's files, accounts or programs is refused.
pub(super) struct Reader<'m, 't> {
    pub(super) machine: &'m mut Machine<'t>,
}

/// What a control is in KDL.
pub(super) struct Read {
    pub(super) only_if: Vec<Clause>,
    pub(super) demands: Vec<Clause>,
}

/// A resource as something to describe.
pub(super) fn subject(resource: &Rc<dyn Resource>) -> Result<Subject, String> {
    let kind = resource.kind();
    let on = resource.in_kdl().ok_or_else(|| format!("`{kind}` has no equal in KDL"))?;
    let subject = Subject { on, directory: kind == "directory" };
    subject.check()?;
    Ok(subject)
}

/// What a `describe` is about as something to describe.
pub(super) fn described(value: &Value) -> Result<Subject, String> {
    match value {
        Value::Resource(resource) => subject(resource),
        Value::Unknown(why) => Err(why.to_string()),
        Value::Object(object) => {
            Err(format!("`{}` is a resource of the profile's own", object.class.name))
        }
        Value::Table(_) => Err("a choice of rows has no equal in KDL".to_owned()),
        _ => Err("it describes a value that Ruby works out".to_owned()),
    }
}

/// Too many choices of several things each.
const TOO_MANY: &str = "one of several has too many parts";

impl Reader<'_, '_> {
    /// The demands of a control, or everything in it that has no equal.
    pub(super) fn control(&mut self, control: &Rc<Control>) -> Result<Read, Vec<Refused>> {
        let mut refused = Vec::new();
        let mut conditions = Vec::new();
        let declared = control.conditions.borrow().clone();
        for Condition { block, changes_impact } in &declared {
            let at = closure_at(block).unwrap_or(control.at);
            match self.only_if(block, control) {
                Ok(ask) if *changes_impact && ask.constant() != Some(true) => {
                    refused.push((at, "an `only_if` that changes the impact".to_owned()));
                }
                Ok(ask) => conditions.push(ask),
                Err(why) => refused.push((at, why)),
            }
        }
        let conditions = Ask::All(conditions);
        if conditions.constant() == Some(false) {
            refused.push((control.at, "its `only_if` never holds".to_owned()));
        }
        let checks = control.checks.borrow().clone();
        let mut asks = Vec::new();
        for check in &checks {
            match self.check(check) {
                Ok(ask) => asks.push(ask),
                Err(why) => refused.extend(why),
            }
        }
        if !refused.is_empty() {
            return Err(refused);
        }
        let asks = Ask::All(asks);
        if asks.constant() == Some(true) {
            return Err(vec![(control.at, "it asks nothing".to_owned())]);
        }
        let clauses =
            |ask: &Ask| ask.clauses().ok_or_else(|| vec![(control.at, TOO_MANY.to_owned())]);
        let read = Read { only_if: clauses(&conditions)?, demands: clauses(&asks)? };
        // One of nothing, which never holds, has no form in KDL.
        let empty = |clause: &Clause| clause.is_empty();
        if read.only_if.iter().chain(&read.demands).any(empty) {
            return Err(vec![(control.at, "a part of it never holds".to_owned())]);
        }
        Ok(read)
    }

    fn only_if(&mut self, closure: &Rc<Closure>, control: &Rc<Control>) -> Result<Ask, String> {
        let me = match &closure.frame.me {
            Value::Nil => Value::Context(Context::Control(control.clone())),
            me => me.clone(),
        };
        self.in_block(closure, me, Self::condition)
    }

    /// What a block without parameters says.
    fn in_block(
        &mut self,
        closure: &Rc<Closure>,
        me: Value,
        read: fn(&mut Self, &Node, &Frame) -> Result<Ask, String>,
    ) -> Result<Ask, String> {
        let Some(block) = closure.block().cloned() else {
            return Err("a condition that is no block".to_owned());
        };
        let frame =
            Frame { me, scope: Scope::below(&closure.frame.scope), ..closure.frame.clone() };
        read(self, &block.body, &frame)
    }

    fn check(&mut self, check: &Check) -> Result<Ask, Vec<Refused>> {
        match check {
            Check::Describe { values, block, at } => {
                let at = *at;
                let value = match values.as_slice() {
                    [value] => value.clone(),
                    [] => Value::Nil,
                    _ => return Err(vec![(at, "several things are described at once".to_owned())]),
                };
                let Some(block) = block else { return Ok(Ask::always()) };
                self.group(&value, block, at)
            }
            Check::One(checks) => {
                let mut choices = Vec::new();
                let mut refused = Vec::new();
                for check in checks {
                    match self.check(check) {
                        // What asks nothing is no choice.
                        Ok(ask) if ask.constant() == Some(true) => {}
                        Ok(ask) => choices.push(ask),
                        Err(why) => refused.extend(why),
                    }
                }
                if choices.is_empty() && refused.is_empty() {
                    return Ok(Ask::always());
                }
                if refused.is_empty() { Ok(Ask::Any(choices)) } else { Err(refused) }
            }
            Check::Expect { value, negated, matcher, at } => {
                let Value::Matcher(matcher) = matcher else {
                    return Err(vec![(*at, "an expectation without a matcher".to_owned())]);
                };
                let subject = described(value).map_err(|why| vec![(*at, why)])?;
                matcher::it(&subject, matcher, *negated).map_err(|why| vec![(*at, why)])
            }
            Check::Broken { why, at } => Err(vec![self.why(why, *at)]),
        }
    }

    fn group(&mut self, value: &Value, block: &Rc<Closure>, at: At) -> Result<Ask, Vec<Refused>> {
        self.machine.meter.refill();
        let id = self.machine.frame_id();
        let group = Rc::new(Group::new(id, None, value.clone(), "".into()));
        let me = Value::Context(Context::Group(group.clone()));
        if let Err(stop) = self.machine.call_block_as(block, me, &[]) {
            return Err(vec![self.stopped(&stop, at)]);
        }
        if !group.befores.borrow().is_empty() {
            return Err(vec![(at, "`before` runs before each example".to_owned())]);
        }
        let mut asks = Vec::new();
        let mut refused = Vec::new();
        let mut take = |result: Result<Ask, Vec<Refused>>| match result {
            Ok(ask) => asks.push(ask),
            Err(why) => refused.extend(why),
        };
        for code in group.examples.borrow().iter() {
            take(self.it(&group, code).map_err(|why| vec![why]));
        }
        for child in group.children.borrow().iter() {
            take(match child {
                Child::Its { attribute, block, at } => {
                    self.its(&group, attribute, block.as_ref(), *at).map_err(|why| vec![why])
                }
                Child::Group { at, .. } => {
                    Err(vec![(*at, "a `describe` inside of another".to_owned())])
                }
            });
        }
        // One reason for all that is asked of a thing that KDL does not know.
        refused.dedup_by(|one, other| one.1 == other.1);
        if refused.is_empty() { Ok(Ask::All(asks)) } else { Err(refused) }
    }

    fn it(&mut self, group: &Rc<Group>, code: &ExampleCode) -> Result<Ask, Refused> {
        let at = code.at;
        if let Some(why) = &code.skip {
            return Err((at, format!("it is reviewed by hand: {}", one_line(why))));
        }
        if let Some(asks) = self.expectations(group, code) {
            return asks;
        }
        let expected = self.expected(group, None, code.block.as_ref(), at)?;
        let explicit = group.explicit.borrow().clone();
        let of = if let Some(block) = explicit {
            let me = Value::Context(Context::Group(group.clone()));
            let ask = self.in_block(&block, me, Self::yes_or_no).map_err(|why| (at, why))?;
            expected
                .iter()
                .map(|one| truth(ask.clone(), &one.matcher, one.negated))
                .collect::<Result<Vec<_>, _>>()
        } else {
            let subject = described(&group.subject).map_err(|why| (at, why))?;
            expected.iter().map(|one| matcher::it(&subject, &one.matcher, one.negated)).collect()
        };
        of.map(Ask::All).map_err(|why| (at, why))
    }

    /// What an example says that consists of `expect(x).to matcher` alone; none of any other.
    fn expectations(
        &mut self,
        group: &Rc<Group>,
        code: &ExampleCode,
    ) -> Option<Result<Ask, Refused>> {
        let closure = code.block.as_ref()?;
        let block = closure.block()?.clone();
        let statements = match &block.body.kind {
            Expression::Seq(statements) => statements.as_slice(),
            _ => std::slice::from_ref(&block.body),
        };
        let said = statements.iter().map(expect).collect::<Option<Vec<_>>>()?;
        if said.is_empty() {
            return None;
        }
        let example = Example { group: group.clone(), attribute: None, memo: RefCell::default() };
        let frame = Frame {
            me: Value::Context(Context::Example(Rc::new(example))),
            scope: Scope::below(&closure.frame.scope),
            ..closure.frame.clone()
        };
        let asks = said.into_iter().map(|(of, matcher, negated)| {
            self.expectation(of, matcher, negated, &frame).map_err(|why| (of.at, why))
        });
        Some(asks.collect::<Result<Vec<_>, _>>().map(Ask::All))
    }

    fn its(
        &mut self,
        group: &Rc<Group>,
        attribute: &Value,
        block: Option<&Rc<Closure>>,
        at: At,
    ) -> Result<Ask, Refused> {
        let name = match attribute {
            Value::Str(name) | Value::Sym(name) => name.clone(),
            _ => return Err((at, format!("`its({})` has no equal in KDL", attribute.inspect()))),
        };
        if group.explicit.borrow().is_some() {
            return Err((at, "`its` of a `subject`".to_owned()));
        }
        let subject = described(&group.subject).map_err(|why| (at, why))?;
        let expected = self.expected(group, Some(attribute), block, at)?;
        let asks = expected
            .iter()
            .map(|one| matcher::its(&subject, &name, &one.matcher, one.negated))
            .collect::<Result<Vec<_>, _>>();
        asks.map(Ask::All).map_err(|why| (at, why))
    }

    /// What an example expects: it runs, and each expectation is noted in place of being judged.
    fn expected(
        &mut self,
        group: &Rc<Group>,
        attribute: Option<&Value>,
        block: Option<&Rc<Closure>>,
        at: At,
    ) -> Result<Vec<Expected>, Refused> {
        let Some(block) = block else {
            return Err((at, "it is reviewed by hand".to_owned()));
        };
        let example = Rc::new(Example {
            group: group.clone(),
            attribute: attribute.cloned(),
            memo: RefCell::default(),
        });
        self.machine.state.importing = Some(Vec::new());
        let me = Value::Context(Context::Example(example));
        let result = self.machine.call_block_as(block, me, &[]);
        let expected = self.machine.state.importing.replace(Vec::new()).unwrap_or_default();
        if let Err(stop) = result {
            return Err(self.stopped(&stop, at));
        }
        if expected.is_empty() {
            return Err((at, "it expects nothing of what is described".to_owned()));
        }
        Ok(expected)
    }

    /// A value that rests on nothing.
    pub(super) fn value(&mut self, node: &Node, frame: &Frame) -> Result<Value, String> {
        match self.machine.eval(node, frame) {
            Ok(Value::Unknown(why)) => Err(why.to_string()),
            Ok(value) => Ok(value),
            Err(stop) => Err(self.stopped(&stop, node.at).1),
        }
    }

    fn stopped(&self, stop: &Stop, at: At) -> Refused {
        self.why(stop, at)
    }

    fn why(&self, why: &Halt, at: At) -> Refused {
        match why {
            Halt::NoAnswer(why) => (at, why.to_string()),
            Halt::NeedsRuby(what, at) => (*at, what.clone()),
            Halt::Limit(why) => (at, why.clone()),
            Halt::Skipped(why) => (at, format!("it is skipped: {}", one_line(why))),
            Halt::Raise(raised) => {
                let message = one_line(&raised.message);
                (raised.at, format!("it raises {}: {message}", raised.class))
            }
            Halt::Throw(..) | Halt::Next(_) | Halt::Break(..) | Halt::Return(..) => {
                (at, "it ends early".to_owned())
            }
        }
    }
}

/// `expect(x).to matcher`: `x`, the matcher, and whether it must not hold.
fn expect(node: &Node) -> Option<(&Node, &Node, bool)> {
    let Expression::Call(to) = &node.kind else { return None };
    let negated = match &*to.name {
        "to" => false,
        "not_to" | "to_not" => true,
        _ => return None,
    };
    let Expression::Call(expect) = &to.receiver.as_ref()?.kind else { return None };
    let plain = expect.receiver.is_none() && &*expect.name == "expect";
    // A second argument is what is said where it does not hold.
    match (expect.args.as_slice(), to.args.as_slice()) {
        ([of], [matcher] | [matcher, _]) if plain => Some((of, matcher, negated)),
        _ => None,
    }
}

fn closure_at(closure: &Closure) -> Option<At> {
    closure.block().map(|block| block.at)
}

/// The first line of a text.
pub(super) fn one_line(text: &str) -> String {
    text.trim().lines().next().unwrap_or_default().trim().to_owned()
}
