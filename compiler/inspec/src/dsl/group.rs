//! Words of a `describe` block.

use std::rc::Rc;

use crate::context::{Child, ExampleCode, Group};
use crate::interp::{Given, Machine};
use crate::stop::Stop;
use crate::value::Value;

impl Machine<'_> {
    pub(super) fn group_word(
        &mut self,
        group: &Rc<Group>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        let first = args.first();
        match name {
            "it" | "specify" | "example" | "scenario" | "fit" | "xit" | "xspecify" => {
                let words = first.and_then(Value::as_text).map(Rc::from);
                let skip = name.starts_with('x').then(|| "Temporarily skipped with xit".into());
                let code = ExampleCode { words, block: block.cloned(), skip, at: self.here };
                group.examples.borrow_mut().push(code);
            }
            "its" => {
                let attribute = match args {
                    [only] => only.clone(),
                    several => several.to_vec().into(),
                };
                let child = Child::Its { attribute, block: block.cloned(), at: self.here };
                group.children.borrow_mut().push(child);
            }
            "describe" | "context" => {
                let mut words = Vec::new();
                for arg in args {
                    words.push(self.to_s(arg)?.to_string());
                }
                let subject = match first {
                    Some(Value::Str(_)) | None => None,
                    Some(other) => Some(other.clone()),
                };
                let (words, block) = (words.join(" ").into(), block.cloned());
                group.children.borrow_mut().push(Child::Group {
                    words,
                    subject,
                    block,
                    at: self.here,
                });
            }
            "skip" | "pending" => {
                let why: Rc<str> = first.map_or("".into(), Value::text);
                let code = ExampleCode { words: None, block: None, skip: Some(why), at: self.here };
                group.examples.borrow_mut().push(code);
            }
            "subject" | "subject!" => match block {
                Some(block) => {
                    *group.explicit.borrow_mut() = Some(block.clone());
                    if let Some(name) = first {
                        group.lets.borrow_mut().insert(name.text(), block.clone());
                    }
                }
                None => return self.subject_of(group).map(Some),
            },
            "let" | "let!" => {
                if let (Some(name), Some(block)) = (first, block) {
                    group.lets.borrow_mut().insert(name.text(), block.clone());
                }
            }
            "before" => {
                if let Some(block) = block {
                    group.befores.borrow_mut().push(block.clone());
                }
            }
            "after" => {}
            "described_class" => return Ok(Some(group.subject.clone())),
            _ => return Ok(None),
        }
        Ok(Some(Value::Nil))
    }

    /// What a group describes, where no example runs.
    pub(super) fn subject_of(&mut self, group: &Rc<Group>) -> Result<Value, Stop> {
        let explicit = group.explicit.borrow().clone();
        match (explicit, &group.parent) {
            (Some(block), _) => {
                let me = Value::Context(crate::context::Context::Group(group.clone()));
                self.call_block_as(&block, me, &[])
            }
            (None, _) => Ok(group.subject.clone()),
        }
    }
}
