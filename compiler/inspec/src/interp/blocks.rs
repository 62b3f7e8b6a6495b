//! Blocks, lambdas and their parameters.

use std::rc::Rc;

use super::Machine;
use crate::map::Map;
use crate::scope::{Closure, Code, Frame, Scope};
use crate::stop::{Eval, Halt, Stop};
use crate::syntax::{Block, Parameter, Parameters};
use crate::value::Value;

impl Machine<'_> {
    /// Calls a block or lambda with its own `self`.
    pub(crate) fn call_block(&mut self, closure: &Rc<Closure>, args: &[Value]) -> Eval {
        match &closure.code {
            Code::Block(block) => {
                let me = closure.frame.me.clone();
                self.run_block(closure, block, me, args)
            }
            Code::Symbol(name) => match args.split_first() {
                Some((receiver, rest)) => self.send(receiver, name, rest, None),
                None => Err(self.raise("ArgumentError", "no receiver given")),
            },
            Code::Method(receiver, name) => match receiver {
                Value::Context(_) => {
                    let frame = Frame { me: receiver.clone(), ..closure.frame.clone() };
                    self.call_self(&frame, name, args, None)
                }
                other => self.send(other, name, args, None),
            },
        }
    }

    /// Calls a block with another `self`, as `instance_eval`.
    pub(crate) fn call_block_as(
        &mut self,
        closure: &Rc<Closure>,
        me: Value,
        args: &[Value],
    ) -> Eval {
        match &closure.code {
            Code::Block(block) => self.run_block(closure, block, me, args),
            Code::Symbol(_) | Code::Method(..) => self.call_block(closure, args),
        }
    }

    fn run_block(
        &mut self,
        closure: &Rc<Closure>,
        block: &Rc<Block>,
        me: Value,
        args: &[Value],
    ) -> Eval {
        let scope = Scope::below(&closure.frame.scope);
        let id = if block.is_lambda { self.frame_id() } else { closure.frame.id };
        let frame = Frame {
            me,
            scope,
            block: closure.frame.block.clone(),
            id,
            call: closure.call,
            method: closure.frame.method.clone(),
        };
        self.deeper(|machine| {
            machine.bind(&block.parameters, args, &frame, block.is_lambda)?;
            ended(machine.eval(&block.body, &frame), id, block.is_lambda)
        })
    }

    /// Runs a method's body with a scope of its own.
    pub(crate) fn run_method(
        &mut self,
        block: &Rc<Block>,
        mut frame: Frame,
        args: &[Value],
    ) -> Eval {
        frame.scope = Rc::new(Scope::default());
        frame.id = self.frame_id();
        frame.call = 0;
        let id = frame.id;
        self.deeper(|machine| {
            machine.bind(&block.parameters, args, &frame, true)?;
            ended(machine.eval(&block.body, &frame), id, true)
        })
    }

    fn bind(
        &mut self,
        parameters: &Parameters,
        args: &[Value],
        frame: &Frame,
        strict: bool,
    ) -> Result<(), Stop> {
        let mut args = args.to_vec();
        if let [Value::Array(only)] = args.as_slice()
            && parameters.takes_apart
            && !strict
        {
            let items = only.borrow().clone();
            args = items;
        }
        self.bind_keywords(parameters, &mut args, frame)?;
        let needed = parameters.required.len() + parameters.post.len();
        let most = needed + parameters.optional.len();
        let too_many = args.len() > most && parameters.rest.is_none();
        if strict && (args.len() < needed || too_many) {
            let message =
                format!("wrong number of arguments (given {}, expected {needed})", args.len());
            return Err(self.raise("ArgumentError", message));
        }
        let mut optional = args.len().saturating_sub(needed);
        let mut args = args.into_iter();
        for parameter in &parameters.required {
            bind_one(parameter, args.next().unwrap_or(Value::Nil), &frame.scope);
        }
        for (name, default) in &parameters.optional {
            let value = if optional > 0 {
                optional -= 1;
                args.next().unwrap_or(Value::Nil)
            } else {
                self.eval(default, frame)?
            };
            frame.scope.declare(name, value);
        }
        if let Some(rest) = &parameters.rest {
            let many = args.len().saturating_sub(parameters.post.len());
            let items: Vec<Value> = args.by_ref().take(many).collect();
            frame.scope.declare(rest, items.into());
        }
        for parameter in &parameters.post {
            bind_one(parameter, args.next().unwrap_or(Value::Nil), &frame.scope);
        }
        if let Some(name) = &parameters.block {
            let block = frame.block.clone().map_or(Value::Nil, Value::Proc);
            frame.scope.declare(name, block);
        }
        Ok(())
    }

    fn bind_keywords(
        &mut self,
        parameters: &Parameters,
        args: &mut Vec<Value>,
        frame: &Frame,
    ) -> Result<(), Stop> {
        if parameters.keywords.is_empty() && parameters.keyword_rest.is_none() {
            return Ok(());
        }
        let given = match args.last() {
            Some(Value::Hash(map)) => {
                let map = map.borrow().clone();
                args.pop();
                map
            }
            _ => Map::default(),
        };
        let mut rest = given.clone();
        for (name, default) in &parameters.keywords {
            let key = Value::Sym(name.clone());
            let value = match (given.get(&key), default) {
                (Some(value), _) => value.clone(),
                (None, Some(default)) => self.eval(default, frame)?,
                (None, None) => {
                    return Err(self.raise("ArgumentError", format!("missing keyword: :{name}")));
                }
            };
            rest.remove(&key);
            frame.scope.declare(name, value);
        }
        if let Some(name) = &parameters.keyword_rest {
            frame.scope.declare(name, rest.into());
        }
        Ok(())
    }
}

fn bind_one(parameter: &Parameter, value: Value, scope: &Scope) {
    match parameter {
        Parameter::Name(name) => scope.declare(name, value),
        Parameter::Rest(_) => {}
        Parameter::Parts(parts) => {
            let mut items = value.into_items().into_iter();
            for part in parts {
                match part {
                    Parameter::Rest(name) => {
                        let rest: Vec<Value> = items.by_ref().collect();
                        if let Some(name) = name {
                            scope.declare(name, rest.into());
                        }
                    }
                    other => bind_one(other, items.next().unwrap_or(Value::Nil), scope),
                }
            }
        }
    }
}

/// What a body gives: `next` ends a block, `return` a method or lambda.
fn ended(result: Eval, id: u64, takes_return: bool) -> Eval {
    match result {
        Ok(value) => Ok(value),
        Err(stop) => match *stop {
            Halt::Next(value) => Ok(value),
            Halt::Return(to, value) if takes_return && to == id => Ok(value),
            other => Err(Box::new(other)),
        },
    }
}
