//! `def`, `class` and `module`.

use std::rc::Rc;

use super::Machine;
use crate::class::{Class, Defined, RESOURCE_BASE};
use crate::scope::{Closure, Code, Frame, Scope};
use crate::stop::Eval;
use crate::syntax::{At, ClassBody, Method};
use crate::value::Value;

impl Machine<'_> {
    pub(super) fn define(&mut self, method: &Rc<Method>, frame: &Frame) -> Eval {
        if let Value::Class(class) = &frame.me {
            let table = if method.on_class || *self.state.in_singleton.borrow() {
                &class.singleton
            } else {
                &class.methods
            };
            let defined = Rc::new(Defined::Code(method.clone()));
            table.borrow_mut().insert(method.name.clone(), defined);
        } else {
            // A method of a file of controls sees no locals, as in Ruby.
            let code = Code::Block(method.block.clone());
            let outside = Frame { scope: Rc::new(Scope::default()), ..frame.clone() };
            let closure = Closure { code, frame: outside, call: 0 };
            self.state.functions.insert(method.name.clone(), Rc::new(closure));
        }
        Ok(Value::Sym(method.name.clone()))
    }

    pub(super) fn define_class(&mut self, body: &ClassBody, at: At, frame: &Frame) -> Eval {
        let known = match &frame.me {
            Value::Class(outer) => outer.constant(&body.name),
            _ => self.constants.get(&body.name).cloned(),
        };
        let class = if let Some(Value::Class(class)) = known {
            class
        } else {
            let (superclass, base) = match &body.superclass {
                None => (None, None),
                Some(node) => match self.eval(node, frame)? {
                    Value::Class(class) => (Some(class), None),
                    Value::Const(path) => (None, Some(path)),
                    _ => (None, None),
                },
            };
            let mut class = Class::new(&body.name, superclass, base);
            class.is_module = body.is_module;
            Rc::new(class)
        };
        let value = Value::Class(class.clone());
        match &frame.me {
            Value::Class(outer) => {
                outer.constants.borrow_mut().insert(body.name.clone(), value.clone());
                // Found by its own name, too: libraries name their classes once.
                self.constants.entry(body.name.clone()).or_insert_with(|| value.clone());
            }
            _ => {
                self.constants.insert(body.name.clone(), value.clone());
            }
        }
        if let Some(code) = &body.body {
            let inner = Frame {
                me: value.clone(),
                scope: Rc::new(Scope::default()),
                block: None,
                id: self.frame_id(),
                call: 0,
                method: None,
            };
            self.here = at;
            self.eval(code, &inner)?;
        }
        if class.is_resource()
            && let Some(name) = class.resource_name()
        {
            self.state.libraries.insert(name, class);
        }
        Ok(value)
    }

    /// `Inspec.resource(1)`.
    pub(crate) fn resource_base() -> Value {
        Value::Const(RESOURCE_BASE.into())
    }
}
