//! Matchers that libraries of profiles define: `RSpec::Matchers.define`.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Kind, Matcher, Outcome};
use crate::class::{Class, Defined as Method, Object};
use crate::dsl::NOT_MET;
use crate::interp::{Given, Machine};
use crate::scope::Closure;
use crate::stop::{Eval, Halt, Stop};
use crate::value::Value;

/// What `self` is in the block of `define`.
pub(crate) const MATCHER_BASE: &str = "RSpec::Matchers::DSL";

/// A matcher of a library.
#[derive(Debug)]
pub(crate) struct Defined {
    name: Rc<str>,
    expected: Vec<Value>,
    /// Its blocks and methods are the methods of its class.
    object: Rc<Object>,
    /// What its `description` said last.
    words: RefCell<Option<Rc<str>>>,
}

impl Defined {
    /// The matcher in words.
    pub(super) fn description(&self) -> String {
        match &*self.words.borrow() {
            Some(words) => words.to_string(),
            None => {
                format!("{}{}", self.name.replace('_', " "), super::words::list(&self.expected))
            }
        }
    }

    fn block(&self, name: &str) -> Option<Rc<Closure>> {
        match &*self.object.class.find(name)?.1 {
            Method::Block(block) => Some(block.clone()),
            _ => None,
        }
    }

    fn me(&self) -> Value {
        Value::Object(self.object.clone())
    }
}

/// The name under which a block of a matcher is kept: no method has one like it.
fn kept(word: &str) -> Rc<str> {
    format!("{word} of the matcher").into()
}

impl Machine<'_> {
    /// Makes a matcher of a library.
    pub(super) fn library_matcher(
        &mut self,
        name: &str,
        args: &[Value],
        body: &Rc<Closure>,
    ) -> Eval {
        let class = Rc::new(Class::new(&name.into(), None, Some(MATCHER_BASE.into())));
        Self::attribute(&class, "attr_reader", "actual");
        Self::attribute(&class, "attr_reader", "expected");
        self.call_block_as(body, Value::Class(class.clone()), args)?;
        let object = Rc::new(Object::new(&class));
        let expected = match args {
            [only] => only.clone(),
            several => several.to_vec().into(),
        };
        object.variables.borrow_mut().insert("@expected".into(), expected);
        Ok(Matcher::value(Kind::Library(Defined {
            name: name.into(),
            expected: args.to_vec(),
            object,
            words: RefCell::default(),
        })))
    }

    /// Words of the block of `define`.
    pub(crate) fn matcher_word_of(
        &mut self,
        class: &Rc<Class>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Option<Value> {
        match (name, block) {
            (
                "match"
                | "match_unless_raises"
                | "match_when_negated"
                | "description"
                | "failure_message"
                | "failure_message_when_negated",
                Some(block),
            ) => {
                let word = if name == "match_unless_raises" { "match" } else { name };
                let method = Rc::new(Method::Block(block.clone()));
                class.methods.borrow_mut().insert(kept(word), method);
            }
            ("chain", block) => {
                let chain = args.first().map_or("".into(), Value::text);
                if let Some(attribute) = args.get(1).map(Value::text) {
                    Self::attribute(class, "attr_reader", &attribute);
                    let writer = Rc::new(Method::Writer(format!("@{attribute}").into()));
                    class.methods.borrow_mut().insert(kept(&chain), writer);
                }
                if let Some(block) = block {
                    let method = Rc::new(Method::Block(block.clone()));
                    class.methods.borrow_mut().insert(kept(&chain), method);
                }
            }
            ("diffable" | "supports_block_expectations" | "define_method_missing", _) => {}
            _ => return None,
        }
        Some(Value::Nil)
    }

    /// A chain of a matcher of a library, if it has one of this name.
    pub(super) fn library_chain(
        &mut self,
        defined: &Defined,
        name: &str,
        args: &[Value],
    ) -> Result<bool, Stop> {
        let Some((_, method)) = defined.object.class.find(&kept(name)) else { return Ok(false) };
        match &*method {
            Method::Block(block) => {
                self.call_block_as(&block.clone(), defined.me(), args)?;
            }
            Method::Writer(variable) => {
                let value = args.first().cloned().unwrap_or(Value::Bool(true));
                defined.object.variables.borrow_mut().insert(variable.clone(), value);
            }
            Method::Code(_) | Method::Reader(_) | Method::Forward(..) => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn library_judges(
        &mut self,
        defined: &Defined,
        actual: &Value,
        negated: bool,
    ) -> Result<Outcome, Stop> {
        defined.object.variables.borrow_mut().insert("@actual".into(), actual.clone());
        let other = defined.block(&kept("match_when_negated")).filter(|_| negated);
        let turned = other.is_some();
        let Some(block) = other.or_else(|| defined.block(&kept("match"))) else {
            return Err(self.needs_ruby(format!("the matcher `{}`", defined.name)));
        };
        let holds = match self.call_block_as(&block, defined.me(), std::slice::from_ref(actual)) {
            Ok(value) => self.truth(&value)?,
            Err(stop) => match &*stop {
                Halt::Raise(raised) if &*raised.class == NOT_MET => false,
                _ => return Err(stop),
            },
        };
        Ok((holds != turned).into())
    }

    /// Lets matchers of libraries say what they are, for reports.
    pub(crate) fn name_matchers(&mut self, matcher: &Matcher) -> Result<(), Stop> {
        match &matcher.kind {
            Kind::Library(defined) => {
                if let Some(block) = defined.block(&kept("description")) {
                    let words = self.call_block_as(&block, defined.me(), &[])?;
                    let words = self.to_s(&words)?;
                    *defined.words.borrow_mut() = Some(words);
                }
                Ok(())
            }
            Kind::Either(a, b) | Kind::Both(a, b) => {
                self.name_matchers(a)?;
                self.name_matchers(b)
            }
            Kind::All(inner) => self.name_matchers(inner),
            _ => Ok(()),
        }
    }

    /// What the library says of an expectation that does not hold.
    pub(crate) fn library_failure(
        &mut self,
        matcher: &Matcher,
        actual: &Value,
        negated: bool,
    ) -> Result<Option<String>, Stop> {
        let Kind::Library(defined) = &matcher.kind else { return Ok(None) };
        let word = if negated { "failure_message_when_negated" } else { "failure_message" };
        let Some(block) = defined.block(&kept(word)) else { return Ok(None) };
        let text = self.call_block_as(&block, defined.me(), std::slice::from_ref(actual))?;
        Ok(Some(self.to_s(&text)?.to_string()))
    }
}
