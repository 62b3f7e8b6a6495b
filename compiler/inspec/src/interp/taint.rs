//! What a statement that rests on something unknown leaves behind.
//!
//! A body of a control goes on behind such a statement, so that what does not depend on it is
//! judged. What the statement may have changed is then unknown, too: nothing that depends on it can
//! pass.

use std::rc::Rc;

use super::Machine;
use crate::context::Context;
use crate::control::Check;
use crate::scope::Frame;
use crate::stop::{Halt, Stop};
use crate::syntax::{Begin, Block, BlockArg, Call, Entry, Kind, Node, Place};
use crate::value::Value;

/// Methods that change what they are called on.
fn changes(name: &str) -> bool {
    name.ends_with('!')
        || matches!(
            name,
            "<<" | "push"
                | "append"
                | "concat"
                | "unshift"
                | "prepend"
                | "insert"
                | "[]="
                | "store"
                | "delete"
                | "delete_at"
                | "delete_if"
                | "keep_if"
                | "update"
                | "add"
                | "replace"
                | "clear"
                | "pop"
                | "shift"
                | "each_with_object"
                | "merge"
        )
}

impl Machine<'_> {
    /// Whether the body goes on behind a statement that ended so. It does where nobody takes the
    /// statement's value, in a control or a file.
    pub(super) fn goes_on(&mut self, statement: &Node, stop: &Stop, frame: &Frame) -> bool {
        let Halt::NoAnswer(why) = &**stop else { return false };
        let check = Check::Broken { why: Rc::new(Halt::NoAnswer(why.clone())), at: statement.at };
        match &frame.me {
            Value::Context(Context::Control(control)) => control.checks.borrow_mut().push(check),
            Value::Context(Context::File(_)) => {
                self.state.unknown_in_file.push((statement.at, why.to_string()));
            }
            _ => return false,
        }
        let unknown = Value::Unknown(why.to_string().into());
        let mut names = Names::default();
        names.node(statement);
        for name in names.locals {
            frame.scope.set(&name, unknown.clone());
        }
        for name in names.instance {
            let place = Place::Instance(name);
            // A place of this kind can always be written here.
            let _written = self.assign(&place, unknown.clone(), frame);
        }
        true
    }
}

/// Names of variables that code may change.
#[derive(Default)]
struct Names {
    locals: Vec<Rc<str>>,
    instance: Vec<Rc<str>>,
}

impl Names {
    fn all(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.node(node);
        }
    }

    fn maybe(&mut self, node: Option<&Node>) {
        if let Some(node) = node {
            self.node(node);
        }
    }

    fn place(&mut self, place: &Place) {
        match place {
            Place::Local(name) => self.locals.push(name.clone()),
            Place::Instance(name) => self.instance.push(name.clone()),
            Place::Index(receiver, args) => {
                self.changed(receiver);
                self.all(args);
            }
            Place::Attribute(receiver, _) => self.changed(receiver),
            Place::Several(places) => places.iter().for_each(|place| self.place(place)),
            Place::Rest(Some(place)) => self.place(place),
            Place::Rest(None) | Place::Global(_) | Place::Const(_) | Place::Unsupported(..) => {}
        }
    }

    /// The variable that a value stands in.
    fn changed(&mut self, node: &Node) {
        match &node.kind {
            Kind::Local(name) => self.locals.push(name.clone()),
            Kind::Instance(name) => self.instance.push(name.clone()),
            Kind::Call(call) => {
                if let Some(receiver) = &call.receiver {
                    self.changed(receiver);
                }
            }
            _ => {}
        }
        self.node(node);
    }

    fn call(&mut self, call: &Call) {
        if let Some(receiver) = &call.receiver {
            if changes(&call.name) {
                self.changed(receiver);
            } else {
                self.node(receiver);
            }
        }
        for arg in &call.args {
            // What is handed to `each_with_object` is filled there.
            if changes(&call.name) {
                self.changed(arg);
            } else {
                self.node(arg);
            }
        }
        match &call.block {
            BlockArg::Literal(block) => self.block(block),
            BlockArg::Passed(node) => self.node(node),
            BlockArg::None => {}
        }
    }

    fn block(&mut self, block: &Block) {
        self.node(&block.body);
    }

    fn begin(&mut self, begin: &Begin) {
        self.maybe(begin.body.as_ref());
        self.maybe(begin.otherwise.as_ref());
        self.maybe(begin.ensure.as_ref());
        for rescue in &begin.rescues {
            self.maybe(rescue.body.as_ref());
            if let Some(place) = &rescue.variable {
                self.place(place);
            }
        }
    }

    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Assign(place, value) | Kind::Update(place, _, value) => {
                self.place(place);
                self.node(value);
            }
            Kind::MultiAssign(places, value) => {
                for place in places {
                    self.place(place);
                }
                self.node(value);
            }
            Kind::Call(call) => self.call(call),
            Kind::Lambda(block) => self.block(block),
            Kind::Seq(nodes) | Kind::Array(nodes) | Kind::Join(nodes) | Kind::Yield(nodes) => {
                self.all(nodes);
            }
            Kind::Hash(entries) => {
                for entry in entries {
                    match entry {
                        Entry::Pair(key, value) => {
                            self.node(key);
                            self.node(value);
                        }
                        Entry::Splat(value) => self.node(value),
                    }
                }
            }
            Kind::And(a, b) | Kind::Or(a, b) => {
                self.node(a);
                self.node(b);
            }
            Kind::If(condition, yes, no) => {
                self.node(condition);
                self.maybe(yes.as_deref());
                self.maybe(no.as_deref());
            }
            Kind::Case(case) => {
                self.maybe(case.subject.as_ref());
                for (patterns, body) in &case.whens {
                    self.all(patterns);
                    self.maybe(body.as_ref());
                }
                self.maybe(case.otherwise.as_ref());
            }
            Kind::Loop(repeat) => {
                self.node(&repeat.condition);
                self.maybe(repeat.body.as_ref());
            }
            Kind::For(place, list, body) => {
                self.place(place);
                self.node(list);
                self.node(body);
            }
            Kind::Begin(begin) => self.begin(begin),
            Kind::Splat(value) | Kind::Defined(value) => self.node(value),
            _ => {}
        }
    }
}
