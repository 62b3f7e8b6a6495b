//! Words of an example.

use std::cell::RefCell;
use std::rc::Rc;

use crate::context::{Context, Example, Expect, Group};
use crate::interp::{Given, Machine};
use crate::scope::Closure;
use crate::stop::{Eval, Stop};
use crate::value::Value;

impl Machine<'_> {
    pub(super) fn example_word(
        &mut self,
        example: &Rc<Example>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        let expect = |value: Value, negated: bool, operator: bool| {
            let expect = Expect { value, negated, operator, control: None };
            Value::Context(Context::Expect(Rc::new(expect)))
        };
        Ok(Some(match name {
            "should" | "should_not" => {
                let subject = self.expected_subject(example)?;
                if args.is_empty() {
                    return Ok(Some(expect(subject, name == "should_not", true)));
                }
                return self.should(&subject, name == "should", args).map(Some);
            }
            "is_expected" => {
                let subject = self.expected_subject(example)?;
                expect(subject, false, false)
            }
            "expect" => match (args.first(), block) {
                (Some(value), _) => expect(value.clone(), false, false),
                (None, Some(block)) => expect(Value::Proc(block.clone()), false, false),
                (None, None) => expect(Value::Nil, false, false),
            },
            "subject" if self.state.importing.is_some() => {
                return Err(self.needs_ruby("an expression over what is described"));
            }
            "subject" => self.example_subject(example)?,
            "skip" | "pending" => {
                let why: Rc<str> = args.first().map_or("".into(), Value::text);
                return Err(crate::stop::skipped(&*why));
            }
            "described_class" => example.group.subject.clone(),
            _ => match self.let_value(example, name)? {
                Some(value) => value,
                None => return self.matcher_word(name, args, block),
            },
        }))
    }

    /// What `should` is about; the example itself where the profile is imported.
    fn expected_subject(&mut self, example: &Rc<Example>) -> Eval {
        if self.state.importing.is_some() {
            return Ok(Value::Context(Context::Example(example.clone())));
        }
        self.example_subject(example)
    }

    /// What the example is about: the attribute of `its`, a `subject`, or what is described.
    pub(crate) fn example_subject(&mut self, example: &Rc<Example>) -> Eval {
        if let Some(value) = example.memo.borrow().get("subject") {
            return Ok(value.clone());
        }
        let whole = self.whole_subject(example)?;
        self.check_skipped(&whole)?;
        let value = match &example.attribute {
            None => whole,
            Some(attribute) => self.attribute_of(&whole, attribute)?,
        };
        example.memo.borrow_mut().insert("subject".into(), value.clone());
        Ok(value)
    }

    fn whole_subject(&mut self, example: &Rc<Example>) -> Eval {
        let mut group: Option<&Rc<Group>> = Some(&example.group);
        while let Some(at) = group {
            let explicit = at.explicit.borrow().clone();
            if let Some(block) = explicit {
                return self.in_example(&block, example);
            }
            group = at.parent.as_ref().filter(|_| matches!(at.subject, Value::Nil));
        }
        Ok(example.group.subject.clone())
    }

    /// `its('a.b')` asks for `a`, then for its `b`; `its(['k'])` for an entry.
    fn attribute_of(&mut self, whole: &Value, attribute: &Value) -> Eval {
        if let Value::Array(keys) = attribute {
            let keys = keys.borrow().clone();
            return self.send(whole, "[]", &keys, None);
        }
        let mut value = whole.clone();
        for name in attribute.text().split('.') {
            value = self.send(&value, name, &[], None)?;
        }
        Ok(value)
    }

    fn let_value(&mut self, example: &Rc<Example>, name: &str) -> Result<Option<Value>, Stop> {
        if let Some(value) = example.memo.borrow().get(name) {
            return Ok(Some(value.clone()));
        }
        let mut group = Some(&example.group);
        while let Some(at) = group {
            let found = at.lets.borrow().get(name).cloned();
            if let Some(block) = found {
                let value = self.in_example(&block, example)?;
                example.memo.borrow_mut().insert(name.into(), value.clone());
                return Ok(Some(value));
            }
            group = at.parent.as_ref();
        }
        Ok(None)
    }

    /// Calls a block of a group for an example.
    pub(crate) fn in_example(&mut self, block: &Rc<Closure>, example: &Rc<Example>) -> Eval {
        // The attribute of `its` is not the subject of what the group says.
        let plain = match &example.attribute {
            None => example.clone(),
            Some(_) => Rc::new(Example {
                group: example.group.clone(),
                attribute: None,
                memo: RefCell::default(),
            }),
        };
        self.call_block_as(block, Value::Context(Context::Example(plain)), &[])
    }
}
