//! Words of a control's body.

use std::cell::RefCell;
use std::rc::Rc;

use crate::context::{Context, Expect, One, Refusal};
use crate::control::{Check, Condition, Control, Skip, impact_of};
use crate::interp::{Given, Machine};
use crate::stop::{Halt, Stop};
use crate::value::Value;

impl Machine<'_> {
    pub(super) fn control_word(
        &mut self,
        context: &Context,
        control: &Rc<Control>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        if let Some(value) = self.about(control, name, args)? {
            return Ok(Some(value));
        }
        Ok(Some(match name {
            "describe" | "context" => {
                if args.is_empty() && block.is_none() {
                    return Ok(Some(Value::Context(Context::Describe(control.clone()))));
                }
                let check = self.check(args, block);
                control.checks.borrow_mut().push(check);
                Value::Nil
            }
            "expect" => {
                let value = match (args.first(), block) {
                    (Some(value), _) => value.clone(),
                    (None, Some(block)) => Value::Proc(block.clone()),
                    (None, None) => Value::Nil,
                };
                let control = Some(control.clone());
                let expect = Expect { value, negated: false, operator: false, control };
                Value::Context(Context::Expect(Rc::new(expect)))
            }
            "only_if" => self.only_if(control, args, block)?,
            "only_applicable_if" => self.only_applicable_if(control, args, block)?,
            "id" => Value::Str(control.name.clone()),
            "skip" => {
                let why: Rc<str> = args.first().map_or("".into(), Value::text);
                return Err(crate::stop::skipped(&*why));
            }
            "self" => Value::Context(context.clone()),
            _ => return self.matcher_word(name, args, block),
        }))
    }

    /// Matchers are known in controls and examples; `be_x` only where it is used as one.
    pub(super) fn matcher_word(
        &mut self,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        if self.is_resource(name) {
            return Ok(None);
        }
        self.matcher(name, args, block)
    }

    /// What a control says of itself.
    fn about(
        &mut self,
        control: &Rc<Control>,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Value>, Stop> {
        let first = args.first();
        if args.iter().any(|arg| matches!(arg, Value::Unknown(_)))
            && matches!(name, "title" | "desc" | "tag" | "ref" | "impact")
        {
            // A text that cannot be known changes no verdict.
            return Ok(Some(Value::Nil));
        }
        Ok(Some(match (name, first) {
            ("impact", value) => {
                if let Some(value) = value
                    && !control.impact_is_fixed.get()
                {
                    control.impact.set(Some(self.impact(value)?));
                }
                control.impact.get().map_or(Value::Nil, Value::Float)
            }
            ("title", value) => {
                if let Some(value) = value {
                    *control.title.borrow_mut() = Some(value.text());
                }
                control.title.borrow().as_deref().into()
            }
            ("desc", Some(value)) => {
                match args.get(1) {
                    Some(text) => control.describe(&value.text(), &text.text()),
                    None => control.describe("default", &value.text()),
                }
                Value::Nil
            }
            ("descriptions", Some(Value::Hash(map))) => {
                for (label, text) in map.borrow().iter() {
                    control.describe(&label.text(), &text.text());
                }
                Value::Nil
            }
            ("ref", Some(_)) => {
                self.reference(control, args);
                Value::Nil
            }
            ("tag", _) => {
                for arg in args {
                    match arg {
                        Value::Hash(map) => {
                            for (key, value) in map.borrow().iter() {
                                control.tags.borrow_mut().insert(key.clone(), value.clone());
                            }
                        }
                        other => control.tags.borrow_mut().insert(other.clone(), Value::Nil),
                    }
                }
                control.tags.borrow().clone().into()
            }
            _ => return Ok(None),
        }))
    }

    fn impact(&mut self, value: &Value) -> Result<f64, Stop> {
        match value {
            Value::Float(value) => Ok(*value),
            Value::Int(value) => Ok(crate::value::int_to_float(*value)),
            Value::Str(name) => impact_of(name)
                .ok_or_else(|| self.raise("ArgumentError", format!("`{name}` is no impact"))),
            other => Err(self.raise("ArgumentError", format!("{} is no impact", other.inspect()))),
        }
    }
    fn reference(&self, control: &Control, args: &[Value]) {
        let mut entry = crate::map::Map::default();
        for arg in args {
            match arg {
                Value::Hash(map) => {
                    for (key, value) in map.borrow().iter() {
                        entry.insert(key.clone(), value.clone());
                    }
                }
                other => entry.insert(Value::sym("ref"), other.clone()),
            }
        }
        control.refs.borrow_mut().push(entry.into());
    }

    fn only_if(
        &mut self,
        control: &Rc<Control>,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Value, Stop> {
        let Some(block) = block else { return Ok(Value::Nil) };
        if self.state.importing.is_some() {
            let changes_impact = args.iter().any(|arg| matches!(arg, Value::Hash(_)));
            let block = block.clone();
            control.conditions.borrow_mut().push(Condition { block, changes_impact });
            return Ok(Value::Nil);
        }
        let holds = self.call_block(block, &[]).and_then(|holds| self.truth(&holds));
        let holds = match holds {
            Err(stop) => {
                let Halt::NoAnswer(why) = &*stop else { return Err(stop) };
                // Nothing that the control asks counts while nobody knows whether it counts.
                let unknown = Some(why.to_string().into());
                *control.skip.borrow_mut() = Some(Skip { holds: true, message: None, unknown });
                return Ok(Value::Nil);
            }
            Ok(holds) => holds,
        };
        let message = args.iter().find_map(|arg| arg.as_str().cloned());
        if let Some(Value::Hash(options)) = args.last()
            && !holds
            && let Some(impact) = options.borrow().symbol("impact").cloned()
        {
            let impact = self.impact(&impact)?;
            control.impact.set(Some(impact));
        }
        let mut skip = control.skip.borrow_mut();
        let before = skip.as_ref().is_some_and(|skip| skip.holds && skip.unknown.is_none());
        // One that is known not to hold decides; one that is unknown stays so until then.
        if before || !holds {
            *skip = Some(Skip { holds: true, message, unknown: None });
        } else if skip.is_none() {
            *skip = Some(Skip { holds: false, message, unknown: None });
        }
        Ok(Value::Nil)
    }

    fn only_applicable_if(
        &mut self,
        control: &Rc<Control>,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Value, Stop> {
        let Some(block) = block else { return Ok(Value::Nil) };
        if self.state.importing.is_some() {
            return Err(self.needs_ruby("`only_applicable_if`"));
        }
        let holds = self.call_block(block, &[])?;
        if !self.truth(&holds)? {
            control.impact.set(Some(0.0));
            control.impact_is_fixed.set(true);
            let message = args.first().and_then(|message| message.as_str().cloned());
            *control.not_applicable.borrow_mut() = Some(Refusal { message });
        }
        Ok(Value::Nil)
    }

    /// `describe values do`.
    pub(super) fn check(&self, args: &[Value], block: Given<'_>) -> Check {
        Check::Describe { values: args.to_vec(), block: block.cloned(), at: self.here }
    }

    pub(super) fn describe_one(
        &mut self,
        control: &Rc<Control>,
        block: Given<'_>,
    ) -> Result<(), Stop> {
        let one = Rc::new(One { control: control.clone(), checks: RefCell::default() });
        if let Some(block) = block {
            self.call_block_as(block, Value::Context(Context::One(one.clone())), &[])?;
        }
        let checks = one.checks.borrow().clone();
        control.checks.borrow_mut().push(Check::One(checks));
        Ok(())
    }
}
