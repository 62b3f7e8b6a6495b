//! Objects of a profile's own classes.

use std::cell::RefCell;
use std::rc::Rc;

use super::Machine;
use super::call::Given;
use crate::class::{Class, Defined, Object};
use crate::matchers::MATCHER_BASE;
use crate::platform::Platform;
use crate::scope::{Frame, Running, Scope};
use crate::stop::{Eval, Halt, Stop, skipped};
use crate::syntax::{At, Node};
use crate::value::Value;

impl Machine<'_> {
    /// `Class.new`.
    pub(crate) fn instantiate(
        &mut self,
        class: &Rc<Class>,
        args: &[Value],
        block: Given<'_>,
    ) -> Eval {
        let object = Rc::new(Object::new(class));
        let value = Value::Object(object.clone());
        let platform = &self.state.platform;
        let known = *platform != Platform::default();
        if known && class.is_resource() && !platform.is_supported(&class.supports.borrow()) {
            let name = class.resource.borrow().clone().unwrap_or_else(|| class.name.clone());
            let why =
                format!("Unsupported resource/backend combination: {name} / {}.", platform.name);
            *object.failed.borrow_mut() = Some(why.into());
            return Ok(value);
        }
        if class.find("initialize").is_some() {
            let made = self.object_call(&object, "initialize", args, block);
            // A resource that refuses to be tested is there, and what is asked of it is skipped.
            match made.map_err(|stop| refusal(class, stop)) {
                Ok(_) => {}
                Err(Ok(Refusal::Skipped(why))) => *object.skipped.borrow_mut() = Some(why),
                Err(Ok(Refusal::Failed(why))) => *object.failed.borrow_mut() = Some(why),
                Err(Err(stop)) => return Err(stop),
            }
        } else if !class.members().0.is_empty() {
            self.fill_struct(&object, args)?;
        } else if let (Some(inner), Some(first)) = (&object.inner, args.first()) {
            self.send(inner, "replace", std::slice::from_ref(first), None)?;
        }
        Ok(value)
    }

    pub(crate) fn object_call(
        &mut self,
        object: &Rc<Object>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        let me = Value::Object(object.clone());
        if let Some((class, method)) = object.class.find(name) {
            return self.run_defined(&me, (class, method), name, args, block).map(Some);
        }
        match name {
            "inspec" if object.class.is_resource() => Ok(Some(self.inspec_value())),
            "skip_resource" | "fail_resource" => {
                let why: Rc<str> = args.first().map_or("".into(), Value::text);
                let refusal =
                    if name == "skip_resource" { &object.skipped } else { &object.failed };
                *refusal.borrow_mut() = Some(why.clone());
                Ok(Some(Value::Str(why)))
            }
            "resource_failed?" => Ok(Some(object.failed.borrow().is_some().into())),
            // Of the module `FileReader`.
            "read_file_content" if object.class.is_resource() => {
                let path = args.first().map_or("".into(), Value::text);
                let empty = args.get(1).is_some_and(Value::truthy);
                match crate::resources::read_file(self, &path, empty)? {
                    Ok(text) => Ok(Some(Value::Str(text))),
                    Err(why) => Err(self.raise(RESOURCE_SKIPPED, why)),
                }
            }
            "resource_skipped?" => Ok(Some(object.skipped.borrow().is_some().into())),
            "resource_exception_message" => {
                let (skipped, failed) = (object.skipped.borrow(), object.failed.borrow());
                Ok(Some(skipped.as_deref().or(failed.as_deref()).into()))
            }
            "instance_variable_get" => {
                let name = args.first().map_or("".into(), Value::text);
                Ok(Some(object.variables.borrow().get(&name).cloned().into()))
            }
            "instance_variable_set" => {
                let value = args.get(1).cloned().unwrap_or(Value::Nil);
                let name = args.first().map_or("".into(), Value::text);
                object.variables.borrow_mut().insert(name, value.clone());
                Ok(Some(value))
            }
            _ => match self.of_kind(object, name, args, block)? {
                Some(value) => Ok(Some(value)),
                None => self.missing(object, name, args, block),
            },
        }
    }

    /// What an object answers for the table, the fields or the list that it is.
    fn of_kind(
        &mut self,
        object: &Rc<Object>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        if let Some(value) = self.installed_call(object, name, args, block)? {
            return Ok(Some(value));
        }
        if let Some(value) = self.struct_call(object, name, args)? {
            return Ok(Some(value));
        }
        self.inner_call(object, name, args, block)
    }

    /// `method_missing`.
    fn missing(
        &mut self,
        object: &Rc<Object>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        let me = Value::Object(object.clone());
        match object.class.find("method_missing") {
            Some((class, method)) if !missing_is_for_ruby(name, !args.is_empty()) => {
                let mut all = vec![Value::sym(name)];
                all.extend_from_slice(args);
                let done = self.run_defined(&me, (class, method), "method_missing", &all, block)?;
                Ok(Some(done))
            }
            _ => Ok(None),
        }
    }

    fn run_defined(
        &mut self,
        me: &Value,
        (class, method): (Rc<Class>, Rc<Defined>),
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Eval {
        match &*method {
            Defined::Code(method) => {
                let running =
                    Running { class: Some(class), name: name.into(), args: args.to_vec() };
                let frame = Frame {
                    me: me.clone(),
                    scope: Rc::new(Scope::default()),
                    block: block.cloned(),
                    id: 0,
                    call: 0,
                    method: Some(Rc::new(running)),
                };
                self.run_method(&method.block, frame, args)
            }
            Defined::Block(closure) => self.call_block_as(closure, me.clone(), args),
            Defined::Reader(variable) => {
                let Value::Object(object) = me else { return Ok(Value::Nil) };
                let found = object.variables.borrow().get(variable).cloned();
                Ok(found.unwrap_or(Value::Nil))
            }
            Defined::Forward(whom, what) => self.deeper(|machine| {
                let whom = match whom.strip_prefix('@') {
                    Some(_) => {
                        machine.send(me, "instance_variable_get", &[whom.as_ref().into()], None)?
                    }
                    None => machine.send(me, whom, &[], None)?,
                };
                machine.send(&whom, what, args, block)
            }),
            Defined::Writer(variable) => {
                let value = args.first().cloned().unwrap_or(Value::Nil);
                if let Value::Object(object) = me {
                    object.variables.borrow_mut().insert(variable.clone(), value.clone());
                }
                Ok(value)
            }
        }
    }

    pub(crate) fn call_super(&mut self, args: Option<&[Node]>, at: At, frame: &Frame) -> Eval {
        self.here = at;
        let Some(running) = frame.method.clone() else {
            return Err(self.needs_ruby("`super` here"));
        };
        let args = match args {
            Some(args) => self.eval_all(args, frame)?,
            None => running.args.clone(),
        };
        let above = running.class.as_ref().and_then(|class| class.superclass.clone());
        if let Some((class, method)) = above.and_then(|class| class.find(&running.name)) {
            let name = running.name.clone();
            return self.run_defined(
                &frame.me,
                (class, method),
                &name,
                &args,
                frame.block.as_ref(),
            );
        }
        if let Value::Object(object) = &frame.me
            && object.inner.is_some()
            && &*running.name != "initialize"
            && let Some(value) =
                self.inner_call(&object.clone(), &running.name, &args, frame.block.as_ref())?
        {
            return Ok(value);
        }
        let base = running.class.as_ref().and_then(|class| class.base.clone());
        match (&*running.name, base.as_deref()) {
            ("initialize", None | Some(crate::class::RESOURCE_BASE | "Object")) => Ok(Value::Nil),
            ("initialize", Some("Array" | "Hash" | "Hashie::Mash")) => match &frame.me {
                Value::Object(object) => match (&object.inner, args.first()) {
                    (Some(inner), Some(first)) => {
                        let inner = inner.clone();
                        self.send(&inner, "replace", std::slice::from_ref(first), None)
                    }
                    _ => Ok(Value::Nil),
                },
                _ => Ok(Value::Nil),
            },
            ("initialize", Some("Struct")) => {
                if let Value::Object(object) = &frame.me {
                    self.fill_struct(&object.clone(), &args)?;
                }
                Ok(Value::Nil)
            }
            ("to_s", _) => Ok(frame.me.text().as_ref().into()),
            ("respond_to_missing?", _) => Ok(Value::Bool(false)),
            ("method_missing", _) => {
                let name = args.first().map_or("".into(), Value::text);
                Err(crate::stop::no_method(&name, &frame.me, at))
            }
            (name, base) => {
                let base = base.unwrap_or("Object");
                Err(self.needs_ruby(format!("`super` of `{base}#{name}`")))
            }
        }
    }

    /// Methods of a class itself, and what stands in a class's body.
    pub(crate) fn class_call(
        &mut self,
        class: &Rc<Class>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        if let Some((owner, method)) = class.find_on_class(name) {
            let me = Value::Class(class.clone());
            return self.run_defined(&me, (owner, method), name, args, block).map(Some);
        }
        match name {
            "new" if !class.is_module => self.instantiate(class, args, block).map(Some),
            "name" | "to_s" => Ok(Some(Value::Str(class.name.clone()))),
            _ => Ok(None),
        }
    }

    /// Calls without a receiver inside of a class's body.
    pub(crate) fn in_class_body(
        &mut self,
        class: &Rc<Class>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        match name {
            "name" if !args.is_empty() => {
                let text = args.first().map(Value::text);
                *class.resource.borrow_mut() = text;
            }
            "attr_reader" | "attr_writer" | "attr_accessor" => {
                for arg in args {
                    Self::attribute(class, name, &arg.text());
                }
            }
            "include" | "extend" | "prepend" => {
                for arg in args {
                    if let Value::Class(module) = arg {
                        class.includes.borrow_mut().push(module.clone());
                    }
                }
            }
            "define_method" => {
                if let (Some(name), Some(block)) = (args.first(), block) {
                    let method = Rc::new(Defined::Block(block.clone()));
                    class.methods.borrow_mut().insert(name.text(), method);
                }
            }
            "alias_method" => {
                if let [new, old] = args
                    && let Some((_, method)) = class.find(&old.text())
                {
                    class.methods.borrow_mut().insert(new.text(), method);
                }
            }
            "def_delegators" | "def_delegator" => Self::delegators(class, name, args),
            "private" | "public" | "protected" => {}
            _ if class.base.as_deref() == Some(MATCHER_BASE) => {
                return match self.matcher_word_of(class, name, args, block) {
                    Some(value) => Ok(Some(value)),
                    None => self.class_call(class, name, args, block),
                };
            }
            "supports" => class.supports.borrow_mut().extend(args.iter().cloned()),
            "desc"
            | "example"
            | "module_function"
            | "private_constant"
            | "private_class_method"
            | "attr"
            | "require"
            | "require_relative"
            | "puts" => {}
            _ => return self.class_call(class, name, args, block),
        }
        Ok(Some(Value::Nil))
    }

    /// `def_delegators :whom, :a, :b`, and `def_delegator :whom, :a, :as`.
    fn delegators(class: &Class, kind: &str, args: &[Value]) {
        let Some((whom, names)) = args.split_first() else { return };
        let mut methods = class.methods.borrow_mut();
        let mut add = |what: &Value, name: &Value| {
            let forward = Rc::new(Defined::Forward(whom.text(), what.text()));
            methods.insert(name.text(), forward);
        };
        match (kind, names) {
            ("def_delegator", [what]) => add(what, what),
            ("def_delegator", [what, name, ..]) => add(what, name),
            _ => names.iter().for_each(|name| add(name, name)),
        }
    }

    pub(crate) fn attribute(class: &Class, kind: &str, name: &str) {
        let variable: Rc<str> = format!("@{name}").into();
        let mut methods = class.methods.borrow_mut();
        if kind != "attr_writer" {
            methods.insert(name.into(), Rc::new(Defined::Reader(variable.clone())));
        }
        if kind != "attr_reader" {
            methods.insert(format!("{name}=").into(), Rc::new(Defined::Writer(variable)));
        }
    }

    /// Stops where an object refuses to be tested, or every test of it fails.
    pub(crate) fn check_skipped(&self, value: &Value) -> Result<(), Stop> {
        if self.state.in_one {
            return Ok(());
        }
        let text = |why: &RefCell<Option<Rc<str>>>| why.borrow().as_deref().map(str::to_owned);
        let (why, failed) = match value {
            Value::Object(object) => (text(&object.skipped), text(&object.failed)),
            Value::Resource(resource) => (resource.skipped(), resource.failed()),
            Value::Table(table) => (table.skipped(), table.of.failed()),
            _ => (None, None),
        };
        match (why, failed) {
            (Some(why), _) => Err(skipped(why)),
            (None, Some(why)) => Err(self.raise(RESOURCE_FAILED, why)),
            (None, None) => Ok(()),
        }
    }
}

/// What a resource raises that refuses to be tested.
const RESOURCE_SKIPPED: &str = "Inspec::Exceptions::ResourceSkipped";

/// What a resource raises of which every test fails.
const RESOURCE_FAILED: &str = "Inspec::Exceptions::ResourceFailed";

/// Why nothing is asked of a resource.
enum Refusal {
    /// It refuses to be tested.
    Skipped(Rc<str>),
    /// Every test of it fails.
    Failed(Rc<str>),
}

/// Why nothing is asked of a resource, where that is what ended its making.
fn refusal(class: &Class, stop: Stop) -> Result<Refusal, Stop> {
    if !class.is_resource() {
        return Err(stop);
    }
    match &*stop {
        Halt::Skipped(why) => Ok(Refusal::Skipped(why.as_str().into())),
        Halt::Raise(raised) if &*raised.class == RESOURCE_SKIPPED => {
            Ok(Refusal::Skipped(raised.message.clone()))
        }
        // What `nil` lacks is passed over; what is lacking here is no reason to.
        Halt::Raise(raised)
            if &*raised.class == "NoMethodError" && raised.message.contains("for nil") =>
        {
            Ok(Refusal::Skipped(raised.message.clone()))
        }
        Halt::Raise(raised)
            if [RESOURCE_FAILED, "NotImplementedError"].contains(&&*raised.class) =>
        {
            Ok(Refusal::Failed(raised.message.clone()))
        }
        _ => Err(stop),
    }
}

/// What every object of Ruby has, and conversions that Ruby tries by itself.
fn missing_is_for_ruby(name: &str, has_arguments: bool) -> bool {
    matches!(
        name,
        "to_ary"
            | "to_str"
            | "to_hash"
            | "to_proc"
            | "nil?"
            | "is_a?"
            | "class"
            | "respond_to?"
            | "inspect"
            | "=="
            | "!="
            | "!"
            | "to_s"
            | "should"
            | "should_not"
            | "send"
            | "public_send"
            | "__send__"
            | "frozen?"
            | "freeze"
            | "dup"
            | "clone"
            | "tap"
            | "then"
            | "equal?"
            | "eql?"
            | "object_id"
            | "instance_of?"
            | "kind_of?"
            | "instance_variables"
            | "instance_variable_get"
            | "instance_variable_set"
            | "instance_variable_defined?"
            | "raise"
            | "fail"
            | "loop"
            | "catch"
            | "throw"
            | "lambda"
            | "proc"
            | "block_given?"
            | "require"
            | "sprintf"
            | "puts"
            | "warn"
            | "sleep"
            | "rand"
            | "Integer"
            | "Float"
            | "String"
            | "Array"
            | "Hash"
    ) || (name == "format" && has_arguments)
}
