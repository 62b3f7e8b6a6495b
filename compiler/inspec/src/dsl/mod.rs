//! The words of profiles: what may be called without a receiver, and where.

mod control;
mod example;
mod expect;
mod file;
mod group;
mod kernel;

pub(crate) use expect::NOT_MET;

use std::rc::Rc;

use crate::context::Context;
use crate::interp::{Given, Machine};
use crate::scope::Frame;
use crate::stop::{Eval, Stop, needs_ruby};
use crate::value::Value;

impl Machine<'_> {
    /// A call without a receiver.
    pub(crate) fn call_self(
        &mut self,
        frame: &Frame,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Eval {
        self.meter.step()?;
        let here = self.here;
        if name == "block_given?" {
            return Ok(frame.block.is_some().into());
        }
        if let Some(function) = self.state.functions.get(name).cloned() {
            return self.call_function(&function, frame, name, args, block);
        }
        let found = match &frame.me {
            Value::Context(context) => self.context_call(&context.clone(), name, args, block)?,
            Value::Class(class) => self.in_class_body(&class.clone(), name, args, block)?,
            Value::Trace(trace) => Some(trace.called(name, args)),
            me => {
                let me = me.clone();
                self.own_call(&me, name, args, block)?
            }
        };
        if let Some(value) = found {
            return Ok(value);
        }
        if let Some(value) = self.kernel(name, args, block)? {
            return Ok(value);
        }
        if !matches!(frame.me, Value::Row(_)) && self.is_resource(name) {
            return self.resource(name, args, block);
        }
        self.here = here;
        match &frame.me {
            // In a control a word that nothing knows is a resource or a function of Ruby.
            Value::Context(_) | Value::Class(_) => {
                Err(needs_ruby(format!("nothing here is called `{name}`"), here))
            }
            me => Err(crate::stop::no_method(name, me, here)),
        }
    }

    /// Calls on `self` where it is an object of the profile or of Ruby.
    fn own_call(
        &mut self,
        me: &Value,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        if let Some(value) = self.try_send_with(me, name, args, block)? {
            return Ok(Some(value));
        }
        match me {
            Value::Object(_) if name == "raise" => Ok(None),
            _ => Ok(None),
        }
    }

    fn call_function(
        &mut self,
        function: &Rc<crate::scope::Closure>,
        frame: &Frame,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Eval {
        let Some(body) = function.block().cloned() else { return Ok(Value::Nil) };
        let running = crate::scope::Running { class: None, name: name.into(), args: args.to_vec() };
        let inner = Frame {
            me: frame.me.clone(),
            scope: frame.scope.clone(),
            block: block.cloned(),
            id: 0,
            call: 0,
            method: Some(Rc::new(running)),
        };
        self.run_method(&body, inner, args)
    }

    fn context_call(
        &mut self,
        context: &Context,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        match name {
            "input" | "attribute" => return self.input(args).map(Some),
            "input_object" => {
                let row = crate::filter_table::Row::new(vec![
                    ("name", args.first().map(Value::text).as_deref().into()),
                    ("value", self.input(args)?),
                ]);
                return Ok(Some(Value::Row(row)));
            }
            "inspec" => return Ok(Some(self.inspec_value())),
            _ => {}
        }
        match context {
            Context::File(file) => self.file_word(file, name, args, block),
            Context::Control(control) => self.control_word(context, control, name, args, block),
            Context::One(one) => match name {
                "describe" | "context" => {
                    let check = self.check(args, block);
                    one.checks.borrow_mut().push(check);
                    Ok(Some(Value::Nil))
                }
                _ => Ok(None),
            },
            Context::Group(group) => self.group_word(group, name, args, block),
            Context::Example(example) => self.example_word(example, name, args, block),
            Context::Include(include) => self.include_word(include, name, args, block),
            Context::Describe(_) | Context::Expect(_) | Context::Inspec | Context::Profile => {
                Ok(None)
            }
        }
    }

    /// A call on a context as a value: `inspec.file(…)`, `describe.one`, `expect(x).to`.
    pub(crate) fn context_send(
        &mut self,
        context: &Context,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        match context {
            Context::Describe(control) if name == "one" => {
                self.describe_one(&control.clone(), block)?;
                Ok(Some(Value::Nil))
            }
            Context::Expect(expect) => self.expected(&expect.clone(), name, args),
            Context::Inspec => self.inspec_call(name, args, block),
            Context::Profile => match name {
                "file" => self.profile_file(args).map(Some),
                "name" => Ok(Some(Value::Str(self.state.profile.clone()))),
                "files" => Ok(Some(self.profile_files())),
                _ => Ok(None),
            },
            _ => match self.context_call(context, name, args, block)? {
                Some(value) => Ok(Some(value)),
                None if self.is_resource(name) => self.resource(name, args, block).map(Some),
                None => Ok(None),
            },
        }
    }

    fn inspec_call(
        &mut self,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        match name {
            "profile" => Ok(Some(Value::Context(Context::Profile))),
            "input" => self.input(args).map(Some),
            "backend" | "inspec" => Ok(Some(self.inspec_value())),
            // What libraries call on the backend.
            "run_command" => self.resource("command", args, None).map(Some),
            _ if self.is_resource(name) => self.resource(name, args, block).map(Some),
            _ => Ok(None),
        }
    }

    /// `inspec`.
    pub(crate) fn inspec_value(&self) -> Value {
        Value::Context(Context::Inspec)
    }

    /// Whether a call by this name would find something, without calling it where that matters.
    pub(crate) fn responds(&mut self, value: &Value, name: &str) -> Result<bool, Stop> {
        Ok(match value {
            Value::Object(object) => {
                object.class.find(name).is_some() || matches!(name, "to_s" | "inspect" | "class")
            }
            Value::Resource(resource) => resource.responds(name),
            Value::Table(table) => table.responds(name),
            Value::Row(row) => row.get(name).is_some(),
            Value::Nil => matches!(name, "nil?" | "to_s" | "to_a" | "to_i" | "inspect" | "to_h"),
            Value::Proc(_) => matches!(name, "call" | "to_proc"),
            Value::Context(_) | Value::Class(_) | Value::Const(_) => self.is_resource(name),
            Value::Str(_) if name == "to_str" => true,
            _ => {
                let tried = self.try_send(value, name, &[]);
                match tried {
                    Ok(found) => found.is_some(),
                    // It refuses its arguments, so it is there.
                    Err(_) => true,
                }
            }
        })
    }

    /// Calls a method, or gives none where there is no such method.
    pub(crate) fn try_send(
        &mut self,
        receiver: &Value,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Value>, Stop> {
        self.try_send_with(receiver, name, args, None)
    }

    fn try_send_with(
        &mut self,
        receiver: &Value,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        if let Value::Unknown(_) = receiver {
            return Ok(Some(receiver.clone()));
        }
        if let Some(value) = self.typed(receiver, name, args, block)? {
            return Ok(Some(value));
        }
        crate::core::object::call(self, receiver, name, args, block)
    }
}
