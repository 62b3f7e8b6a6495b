//! Whether a value is what a matcher asks for.

use std::rc::Rc;

use super::{Kind, Matcher};
use crate::interp::Machine;
use crate::resources::PROPERTIES;
use crate::stop::{Halt, Stop, no_method};
use crate::value::Value;

/// What a matcher says of a value.
#[derive(Debug)]
pub(crate) enum Outcome {
    Yes,
    No,
    /// It fails whether it is negated or not, for this reason.
    Fails(String),
}

impl From<bool> for Outcome {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Machine<'_> {
    /// Whether a value matches, where nobody asks why not.
    pub(crate) fn matches(&mut self, matcher: &Rc<Matcher>, actual: &Value) -> Result<bool, Stop> {
        Ok(matches!(self.judge_matcher(matcher, actual, false)?, Outcome::Yes))
    }

    /// What a matcher says; some say it otherwise when they are negated.
    pub(crate) fn judge_matcher(
        &mut self,
        matcher: &Rc<Matcher>,
        actual: &Value,
        negated: bool,
    ) -> Result<Outcome, Stop> {
        self.meter.step()?;
        self.truth_is_known(actual)?;
        Ok(match &matcher.kind {
            Kind::Eq(expected) => {
                self.truth_is_known(expected)?;
                let same = self.send(actual, "==", std::slice::from_ref(expected), None)?;
                self.truth(&same)?.into()
            }
            Kind::Eql(expected) => {
                let same = actual.equals(expected) && actual.class_name() == expected.class_name();
                same.into()
            }
            Kind::Equal(expected) => same_object(actual, expected).into(),
            Kind::Truthy(_) => actual.truthy().into(),
            Kind::Falsey => (!actual.truthy()).into(),
            Kind::Nil => actual.is_nil().into(),
            Kind::Compare(operator, expected) | Kind::Operator(operator, expected) => {
                self.truth_is_known(expected)?;
                let holds = self.send(actual, operator, std::slice::from_ref(expected), None)?;
                self.truth(&holds)?.into()
            }
            Kind::Cmp(first) => {
                let (operator, expected) = matcher.operation(first);
                self.truth_is_known(&expected)?;
                super::compare(self, actual, &operator, &expected)?.into()
            }
            Kind::Predicate(name, args) => self.predicate(actual, &format!("{name}?"), args)?,
            Kind::Has(name, args) => self.predicate(actual, &format!("has_{name}?"), args)?,
            // What InSpec answers for any name does not say that it does.
            Kind::Exist(_) if matches!(actual, Value::Resource(of) if of.kind() == "mount") => {
                Outcome::Fails("it does not respond to either `exist?` or `exists?`".to_owned())
            }
            Kind::Belongs(name, group) => {
                let method = format!("belongs_to_{name}?");
                let holds = self.send(actual, &method, std::slice::from_ref(group), None)?;
                self.truth(&holds)?.into()
            }
            Kind::Exist(args) => match self.try_send(actual, "exist?", args)? {
                Some(value) => self.truth(&value)?.into(),
                None => match self.try_send(actual, "exists?", args)? {
                    Some(value) => self.truth(&value)?.into(),
                    None => Outcome::Fails(format!(
                        "expected {} to exist but it does not respond to either `exist?` or `exists?`",
                        self.shown(actual)
                    )),
                },
            },
            Kind::Strict(name) => {
                let value = self.send(actual, &format!("{name}?"), &[], None)?;
                self.truth_is_known(&value)?;
                matches!(value, Value::Bool(true)).into()
            }
            _ => return self.judge_more(matcher, actual, negated),
        })
    }

    fn judge_more(
        &mut self,
        matcher: &Rc<Matcher>,
        actual: &Value,
        negated: bool,
    ) -> Result<Outcome, Stop> {
        Ok(match &matcher.kind {
            Kind::Access(name) => {
                let chained = |name: &str| {
                    let args = matcher.chain(name);
                    args.and_then(|args| args.first().cloned()).unwrap_or(Value::Nil)
                };
                let args = [chained("by"), chained("by_user")];
                let value = self.send(actual, &format!("{name}?"), &args, None)?;
                self.truth(&value)?.into()
            }
            Kind::Mounted => {
                let mut args = Vec::new();
                if let Some(with) = matcher.chain("with") {
                    args.extend(with);
                }
                if let Some(only) = matcher.chain("only_with") {
                    args.extend(only);
                    args.push(Value::Bool(true));
                }
                let value = self.send(actual, "mounted?", &args, None)?;
                self.truth(&value)?.into()
            }
            Kind::In(list) => self.is_in(actual, list, negated)?,
            Kind::Duplicates => match actual.items() {
                Some(items) => {
                    (crate::core::array::unique(items.iter().cloned()).len() < items.len()).into()
                }
                None => return Err(no_method("select", actual, self.here)),
            },
            Kind::Include(expected) => self.includes(actual, expected, negated)?,
            Kind::Matches(expected) => self.match_value(actual, expected)?.into(),
            // RSpec knows no negation of these.
            Kind::All(_) | Kind::Either(..) | Kind::Both(..) if negated => Outcome::Fails(format!(
                "`expect(...).not_to {}` is not supported",
                matcher.description()
            )),
            Kind::All(inner) => match actual.items() {
                Some(items) => {
                    for item in items {
                        if !self.matches(inner, &item)? {
                            return Ok(Outcome::No);
                        }
                    }
                    Outcome::Yes
                }
                None => Outcome::Fails(format!(
                    "expected {} to {}, but was not iterable",
                    self.shown(actual),
                    matcher.description()
                )),
            },
            Kind::Exactly(expected) => self.exactly(actual, expected)?,
            Kind::StartWith(expected) => self.edge(actual, expected, "start_with?")?,
            Kind::EndWith(expected) => self.edge(actual, expected, "end_with?")?,
            Kind::Either(a, b) => match self.judge_matcher(a, actual, false)? {
                Outcome::Yes => Outcome::Yes,
                _ => self.judge_matcher(b, actual, false)?,
            },
            Kind::Both(a, b) => match self.judge_matcher(a, actual, false)? {
                Outcome::Yes => self.judge_matcher(b, actual, false)?,
                other => other,
            },
            Kind::Satisfy(_, block) => {
                let holds = self.call_block(&block.clone(), std::slice::from_ref(actual))?;
                self.truth(&holds)?.into()
            }
            Kind::Library(defined) => self.library_judges(defined, actual, negated)?,
            _ => return self.judge_rest(matcher, actual),
        })
    }

    fn judge_rest(&mut self, matcher: &Rc<Matcher>, actual: &Value) -> Result<Outcome, Stop> {
        Ok(match &matcher.kind {
            Kind::Between(low, high) => {
                let (from, to) = (actual.compare(low), actual.compare(high));
                let (Some(from), Some(to)) = (from, to) else {
                    return Err(no_method("between?", actual, self.here));
                };
                if matcher.has_chain("exclusive") {
                    (from.is_gt() && to.is_lt()).into()
                } else {
                    (from.is_ge() && to.is_le()).into()
                }
            }
            Kind::Within(delta) => {
                let of = matcher.chain("of").and_then(|args| args.first().cloned());
                let number = |value: &Value| match value {
                    Value::Int(int) => Some(crate::value::int_to_float(*int)),
                    Value::Float(float) => Some(*float),
                    _ => None,
                };
                match (number(actual), number(delta), of.as_ref().and_then(number)) {
                    (Some(actual), Some(delta), Some(of)) => ((actual - of).abs() <= delta).into(),
                    _ => Outcome::No,
                }
            }
            Kind::OfClass(class) | Kind::InstanceOf(class) => {
                let holds = self.send(actual, "is_a?", std::slice::from_ref(class), None)?;
                self.truth(&holds)?.into()
            }
            Kind::RespondTo(names) => {
                for name in names {
                    if !self.responds(actual, &name.text())? {
                        return Ok(Outcome::No);
                    }
                }
                Outcome::Yes
            }
            Kind::Attributes(Value::Hash(map)) => {
                let map = map.borrow().clone();
                for (name, expected) in map.iter() {
                    let value = self.send(actual, &name.text(), &[], None)?;
                    if !self.values_match(expected, &value)? {
                        return Ok(Outcome::No);
                    }
                }
                Outcome::Yes
            }
            Kind::Cover(values) => {
                let mut all = true;
                for value in values {
                    let holds = self.send(actual, "cover?", std::slice::from_ref(value), None)?;
                    all &= self.truth(&holds)?;
                }
                all.into()
            }
            Kind::RaiseError(expected) => self.raises(actual, expected)?,
            _ => return Err(self.needs_ruby("this matcher")),
        })
    }

    fn raises(&mut self, actual: &Value, expected: &[Value]) -> Result<Outcome, Stop> {
        let Value::Proc(block) = actual else { return Ok(Outcome::No) };
        match self.call_block(&block.clone(), &[]) {
            Ok(_) => Ok(Outcome::No),
            Err(stop) => match *stop {
                Halt::Raise(raised) => {
                    let class = expected.first().map_or("Exception".into(), Value::text);
                    Ok(crate::interp_is_a(&raised.class, &class).into())
                }
                other => Err(Box::new(other)),
            },
        }
    }

    /// A value that a verdict rests on is known, or there is none.
    pub(crate) fn truth_is_known(&self, value: &Value) -> Result<(), Stop> {
        match value {
            Value::Unknown(_) => self.truth(value).map(|_| ()),
            Value::Resource(of) if of.kind() == PROPERTIES => {
                self.truth(&Value::Unknown("not all of it is known here".into())).map(|_| ())
            }
            Value::Array(items) => {
                let items = items.borrow();
                match items.iter().find(|item| matches!(item, Value::Unknown(_))) {
                    Some(unknown) => self.truth(unknown).map(|_| ()),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn predicate(&mut self, actual: &Value, name: &str, args: &[Value]) -> Result<Outcome, Stop> {
        match self.try_send(actual, name, args)? {
            Some(value) => Ok(self.truth(&value)?.into()),
            None => Ok(Outcome::Fails(format!(
                "expected {} to respond to `{name}`",
                self.shown(actual)
            ))),
        }
    }

    fn is_in(&mut self, actual: &Value, list: &Value, negated: bool) -> Result<Outcome, Stop> {
        self.truth_is_known(list)?;
        let Value::Array(_) = actual else {
            let holds = self.send(list, "include?", std::slice::from_ref(actual), None)?;
            return Ok(self.truth(&holds)?.into());
        };
        // Negated it asks for lists without any common item.
        let name = if negated { "&" } else { "-" };
        let rest = self.send(actual, name, std::slice::from_ref(list), None)?;
        let none = rest.into_items().is_empty();
        Ok((none != negated).into())
    }

    fn includes(
        &mut self,
        actual: &Value,
        expected: &[Value],
        negated: bool,
    ) -> Result<Outcome, Stop> {
        let countable = matches!(
            actual,
            Value::Str(_) | Value::Array(_) | Value::Hash(_) | Value::Set(_) | Value::Range(_)
        );
        if !countable && !self.responds(actual, "include?")? {
            let not = if negated { "not to" } else { "to" };
            let wanted: Vec<String> = expected.iter().map(Value::inspect).collect();
            return Ok(Outcome::Fails(format!(
                "expected {} {not} include {}, but it does not respond to `include?`",
                self.shown(actual),
                wanted.join(" and ")
            )));
        }
        for wanted in expected {
            let holds = self.includes_one(actual, wanted)?;
            // Negated, none may be there.
            if holds == negated {
                return Ok(negated.into());
            }
        }
        Ok((!negated).into())
    }

    fn includes_one(&mut self, actual: &Value, wanted: &Value) -> Result<bool, Stop> {
        self.truth_is_known(wanted)?;
        if let (Value::Hash(actual), Value::Hash(wanted)) = (actual, wanted) {
            let (actual, wanted) = (actual.borrow().clone(), wanted.borrow().clone());
            for (key, expected) in wanted.iter() {
                let Some(value) = actual.get(key) else { return Ok(false) };
                if !self.values_match(expected, value)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if !matches!(wanted, Value::Matcher(_)) {
            let holds = self.send(actual, "include?", std::slice::from_ref(wanted), None)?;
            if self.truth(&holds)? {
                return Ok(true);
            }
        }
        let items = match actual {
            Value::Hash(map) => map.borrow().iter().map(|(key, _)| key.clone()).collect(),
            Value::Array(_) | Value::Set(_) => actual.items().unwrap_or_default(),
            Value::Str(text) => match wanted {
                // A matcher that is put to a text looks at the whole of it.
                Value::Matcher(matcher) => {
                    return self.matches(&matcher.clone(), &Value::Str(text.clone()));
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        for item in items {
            if self.values_match(wanted, &item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn match_value(&mut self, actual: &Value, expected: &Value) -> Result<bool, Stop> {
        if self.values_match(expected, actual)? {
            return Ok(true);
        }
        match (actual, expected) {
            (Value::Str(text) | Value::Sym(text), Value::Regex(pattern)) => {
                Ok(self.search(&pattern.clone(), text, 0)?.is_some())
            }
            (Value::Str(text) | Value::Sym(text), Value::Str(source)) => {
                let pattern = self.pattern(source, "");
                Ok(self.search(&pattern, text, 0)?.is_some())
            }
            _ => Ok(false),
        }
    }

    /// Whether a value is one, matches a pattern, or consists of what does.
    pub(crate) fn values_match(&mut self, expected: &Value, actual: &Value) -> Result<bool, Stop> {
        self.truth_is_known(actual)?;
        match (expected, actual) {
            (Value::Hash(wanted), Value::Hash(found)) => {
                let (wanted, found) = (wanted.borrow().clone(), found.borrow().clone());
                if wanted.len() != found.len() {
                    return Ok(false);
                }
                for (key, expected) in wanted.iter() {
                    let Some(value) = found.get(key) else { return Ok(false) };
                    if !self.values_match(expected, value)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Array(wanted), Value::Array(found)) => {
                let (wanted, found) = (wanted.borrow().clone(), found.borrow().clone());
                if wanted.len() != found.len() {
                    return Ok(false);
                }
                for (expected, value) in wanted.iter().zip(&found) {
                    if !self.values_match(expected, value)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            _ => Ok(expected.equals(actual) || self.case_equals(expected, actual)?),
        }
    }

    fn exactly(&mut self, actual: &Value, expected: &[Value]) -> Result<Outcome, Stop> {
        let Some(mut left) = actual.items() else {
            return Ok(Outcome::Fails(format!(
                "expected a collection that can be converted to an array with `#to_ary` or `#to_a`, but got {}",
                self.shown(actual)
            )));
        };
        if left.len() != expected.len() {
            return Ok(Outcome::No);
        }
        for wanted in expected {
            let mut found = None;
            for (at, item) in left.iter().enumerate() {
                if self.values_match(wanted, item)? {
                    found = Some(at);
                    break;
                }
            }
            match found {
                Some(at) => left.remove(at),
                None => return Ok(Outcome::No),
            };
        }
        Ok(Outcome::Yes)
    }

    fn edge(&mut self, actual: &Value, expected: &[Value], name: &str) -> Result<Outcome, Stop> {
        match actual {
            Value::Str(text) => Ok(expected
                .iter()
                .all(|part| match name {
                    "start_with?" => text.starts_with(&*part.text()),
                    _ => text.ends_with(&*part.text()),
                })
                .into()),
            Value::Array(items) => {
                let items = items.borrow().clone();
                let skip = if name == "start_with?" {
                    0
                } else {
                    items.len().saturating_sub(expected.len())
                };
                let part: Vec<Value> = items.into_iter().skip(skip).take(expected.len()).collect();
                Ok(self.values_match(&expected.to_vec().into(), &part.into())?.into())
            }
            other => Ok(Outcome::Fails(format!(
                "expected {} to {}, but it cannot be indexed",
                self.shown(other),
                name.trim_end_matches('?').replace('_', " ")
            ))),
        }
    }
}

/// `equal?`: texts and lists are equal to themselves alone.
fn same_object(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Rc::ptr_eq(a, b),
        (Value::Array(a), Value::Array(b)) => Rc::ptr_eq(a, b),
        (Value::Hash(a), Value::Hash(b)) => Rc::ptr_eq(a, b),
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => false,
        _ => a.equals(b),
    }
}
