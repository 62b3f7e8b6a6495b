//! Local variables, frames and closures.

use std::cell::RefCell;
use std::rc::Rc;

use crate::class::Class;
use crate::syntax::Block;
use crate::value::Value;

/// Local variables; those of the enclosing blocks are behind `parent`.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    vars: RefCell<Vec<(Rc<str>, Value)>>,
    parent: Option<Rc<Scope>>,
}

impl Scope {
    pub(crate) fn below(parent: &Rc<Scope>) -> Rc<Self> {
        Rc::new(Self { vars: RefCell::default(), parent: Some(parent.clone()) })
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            if let Some((_, value)) = scope.vars.borrow().iter().find(|(known, _)| **known == *name)
            {
                return Some(value.clone());
            }
            scope = scope.parent.as_deref()?;
        }
    }

    /// Changes the variable where it is known, or makes it here.
    pub(crate) fn set(&self, name: &Rc<str>, value: Value) {
        let mut scope = self;
        loop {
            let mut vars = scope.vars.borrow_mut();
            if let Some((_, old)) = vars.iter_mut().find(|(known, _)| known == name) {
                *old = value;
                return;
            }
            drop(vars);
            match scope.parent.as_deref() {
                Some(parent) => scope = parent,
                None => return self.declare(name, value),
            }
        }
    }

    /// Makes the variable here, whatever is outside.
    pub(crate) fn declare(&self, name: &Rc<str>, value: Value) {
        let mut vars = self.vars.borrow_mut();
        match vars.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => vars.push((name.clone(), value)),
        }
    }
}

/// Where code runs.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) me: Value,
    pub(crate) scope: Rc<Scope>,
    /// The block that the method was given.
    pub(crate) block: Option<Rc<Closure>>,
    /// The method's call, which `return` ends.
    pub(crate) id: u64,
    /// The call whose block runs, which `break` ends.
    pub(crate) call: u64,
    /// For `super`: the class that defines the method, its name and arguments.
    pub(crate) method: Option<Rc<Running>>,
}

/// The method that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) class: Option<Rc<Class>>,
    pub(crate) name: Rc<str>,
    pub(crate) args: Vec<Value>,
}

/// A block with what it closes over.
#[derive(Debug)]
pub(crate) struct Closure {
    pub(crate) code: Code,
    pub(crate) frame: Frame,
    /// The call that it was written for, which `break` ends.
    pub(crate) call: u64,
}

/// What a block does.
#[derive(Debug)]
pub(crate) enum Code {
    Block(Rc<Block>),
    /// `&:name`.
    Symbol(Rc<str>),
    /// `method(:name)`.
    Method(Value, Rc<str>),
}

impl Closure {
    pub(crate) fn block(&self) -> Option<&Rc<Block>> {
        match &self.code {
            Code::Block(block) => Some(block),
            _ => None,
        }
    }
}
