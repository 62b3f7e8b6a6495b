//! The interpreter: evaluates what profiles say, and touches nothing but the target.

mod assign;
mod blocks;
mod call;
mod choice;
mod constants;
mod definitions;
mod objects;
mod structs;
mod taint;

pub(crate) use assign::char_index;
pub(crate) use call::Given;
pub(crate) use choice::is_a;

use std::collections::BTreeMap;
use std::rc::Rc;

use forge_model::{Answer, NoAnswer, Target};

use crate::limits::{Limits, Meter, limit};
use crate::map::Map;
use crate::pattern::Pattern;
use crate::run::State;
use crate::scope::{Closure, Code, Frame};
use crate::stop::{Eval, Halt, Stop, needs_ruby, no_answer, raise};
use crate::syntax::{At, Entry, Kind, Node, SourceFile};
use crate::value::{Match, Span, Value};

/// The interpreter with everything that a run knows.
pub(crate) struct Machine<'t> {
    pub(crate) target: &'t dyn Target,
    pub(crate) meter: Meter,
    pub(crate) state: State,
    /// The files that were read, by their number.
    pub(crate) files: Vec<Rc<SourceFile>>,
    pub(crate) constants: BTreeMap<Rc<str>, Value>,
    pub(crate) globals: BTreeMap<Rc<str>, Value>,
    /// `$~`.
    pub(crate) last_match: Option<Rc<Match>>,
    patterns: BTreeMap<(String, String), Rc<Pattern>>,
    next_frame: u64,
    /// Where the call stands that runs, for errors of built-in methods.
    pub(crate) here: At,
}

/// Stack that must be left before an expression is evaluated, and the size of what is added.
const RED_ZONE: usize = 256 << 10;
const MORE_STACK: usize = 4 << 20;

impl<'t> Machine<'t> {
    pub(crate) fn new(target: &'t dyn Target, limits: Limits, state: State) -> Self {
        Self {
            target,
            meter: Meter::new(limits),
            state,
            files: Vec::new(),
            constants: BTreeMap::new(),
            globals: BTreeMap::new(),
            last_match: None,
            patterns: BTreeMap::new(),
            next_frame: 1,
            here: At::default(),
        }
    }

    pub(crate) fn frame_id(&mut self) -> u64 {
        self.next_frame += 1;
        self.next_frame
    }

    /// `FILE:LINE`.
    pub(crate) fn place(&self, at: At) -> String {
        let file = self.files.get(at.file as usize).map_or("?", |file| &*file.name);
        format!("{file}:{}", at.line)
    }

    pub(crate) fn raise(&self, class: &str, message: impl Into<String>) -> Stop {
        raise(class, message, self.here)
    }

    pub(crate) fn needs_ruby(&self, what: impl Into<String>) -> Stop {
        needs_ruby(what, self.here)
    }

    /// An answer of the target, or what its absence means.
    pub(crate) fn answer<T>(&self, answer: Answer<T>) -> Result<T, Stop> {
        answer.map_err(no_answer)
    }

    /// A file's text, bytes that are not UTF-8 replaced.
    pub(crate) fn read_text(&mut self, path: &str) -> Result<Option<String>, Stop> {
        let Some(bytes) = self.answer(self.target.read(path))? else { return Ok(None) };
        self.meter.charge(bytes.len())?;
        Ok(Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }))
    }

    /// A pattern, compiled once.
    pub(crate) fn pattern(&mut self, source: &str, options: &str) -> Rc<Pattern> {
        const MOST: usize = 1000;
        if self.patterns.len() > MOST {
            self.patterns.clear();
        }
        let key = (source.to_owned(), options.to_owned());
        let made = self.patterns.entry(key);
        made.or_insert_with(|| Rc::new(Pattern::new(source, options))).clone()
    }

    /// Searches, and keeps the match for `$1`.
    pub(crate) fn search(
        &mut self,
        pattern: &Pattern,
        text: &Rc<str>,
        from: usize,
    ) -> Result<Option<Rc<Match>>, Stop> {
        self.meter.steps(1 + (text.len() / 64) as u64)?;
        let found = self.matched(pattern, text, from)?;
        self.last_match.clone_from(&found);
        Ok(found)
    }

    fn matched(
        &self,
        pattern: &Pattern,
        text: &Rc<str>,
        from: usize,
    ) -> Result<Option<Rc<Match>>, Stop> {
        let bad = |why: String| self.raise("RegexpError", why);
        let Some(groups) = pattern.find(text, from).map_err(bad)? else { return Ok(None) };
        let names = pattern.names().map_err(bad)?;
        Ok(Some(Rc::new(Match { text: text.clone(), groups, names })))
    }

    pub(crate) fn is_match(&mut self, pattern: &Pattern, text: &str) -> Result<bool, Stop> {
        self.meter.steps(1 + (text.len() / 64) as u64)?;
        pattern.is_match(text).map_err(|why| self.raise("RegexpError", why))
    }

    /// Evaluates an expression.
    pub(crate) fn eval(&mut self, node: &Node, frame: &Frame) -> Eval {
        self.meter.step()?;
        stacker::maybe_grow(RED_ZONE, MORE_STACK, || self.eval_kind(node, frame))
    }

    fn eval_kind(&mut self, node: &Node, frame: &Frame) -> Eval {
        match &node.kind {
            Kind::Nil => Ok(Value::Nil),
            Kind::True => Ok(Value::Bool(true)),
            Kind::False => Ok(Value::Bool(false)),
            Kind::Itself => Ok(frame.me.clone()),
            Kind::Int(value) => Ok(Value::Int(*value)),
            Kind::Float(value) => Ok(Value::Float(*value)),
            Kind::Str(text) => Ok(Value::Str(text.clone())),
            Kind::Sym(name) => Ok(Value::Sym(name.clone())),
            Kind::Regex(pattern) => Ok(Value::Regex(pattern.clone())),
            Kind::Join(parts) => self.join(parts, frame),
            Kind::JoinSym(parts) => match self.join(parts, frame)? {
                Value::Str(text) => Ok(Value::Sym(text)),
                other => Ok(other),
            },
            Kind::JoinRegex(parts, options) => match self.join(parts, frame)? {
                Value::Str(text) => Ok(Value::Regex(self.pattern(&text, options))),
                other => Ok(other),
            },
            Kind::Array(items) => {
                let items = self.eval_all(items, frame)?;
                self.meter.charge(items.len() * size_of::<Value>())?;
                Ok(items.into())
            }
            Kind::Hash(entries) => self.hash(entries, frame),
            Kind::Range { from, to, exclusive } => {
                let from = self.eval_maybe(from.as_deref(), frame)?;
                let to = self.eval_maybe(to.as_deref(), frame)?;
                Ok(Value::Range(Rc::new(Span { from, to, exclusive: *exclusive })))
            }
            Kind::Splat(value) => Ok(self.eval(value, frame)?.into_items().into()),
            Kind::Local(name) => Ok(frame.scope.get(name).unwrap_or(Value::Nil)),
            Kind::Instance(name) => self.instance(name, frame),
            Kind::Global(name) => Ok(self.global(name)),
            Kind::Group(number) => {
                let found = self.last_match.as_ref().and_then(|found| found.group(*number));
                Ok(found.into())
            }
            Kind::Const(scope, name) => self.constant(scope.as_deref(), name, node.at, frame),
            Kind::Call(call) => self.eval_call(call, node.at, frame),
            _ => self.eval_statement(node, frame),
        }
    }

    fn eval_statement(&mut self, node: &Node, frame: &Frame) -> Eval {
        match &node.kind {
            Kind::Seq(statements) => {
                let mut last = Value::Nil;
                let ends = statements.len();
                for (index, statement) in statements.iter().enumerate() {
                    last = match self.eval(statement, frame) {
                        Err(stop) if index + 1 < ends && self.goes_on(statement, &stop, frame) => {
                            Value::Nil
                        }
                        result => result?,
                    };
                }
                Ok(last)
            }
            Kind::Assign(place, value) => {
                let value = self.eval(value, frame)?;
                self.assign(place, value.clone(), frame)?;
                Ok(value)
            }
            Kind::Update(place, operator, value) => self.update(place, operator, value, frame),
            Kind::MultiAssign(places, value) => self.assign_several(places, value, frame),
            Kind::And(left, right) => {
                let left = self.eval(left, frame)?;
                if self.truth(&left)? { self.eval(right, frame) } else { Ok(left) }
            }
            Kind::Or(left, right) => {
                let left = self.eval(left, frame)?;
                if self.truth(&left)? { Ok(left) } else { self.eval(right, frame) }
            }
            Kind::If(condition, yes, no) => {
                let condition = self.eval(condition, frame)?;
                let branch = if self.truth(&condition)? { yes } else { no };
                self.eval_maybe(branch.as_deref(), frame)
            }
            Kind::Case(case) => self.case(case, frame),
            Kind::Loop(repeat) => self.repeat(repeat, frame),
            Kind::For(place, list, body) => self.for_each(place, list, body, frame),
            Kind::Begin(begin) => self.begin(begin, frame),
            Kind::Return(value) => {
                let value = self.eval_maybe(value.as_deref(), frame)?;
                Err(Box::new(Halt::Return(frame.id, value)))
            }
            Kind::Next(value) => {
                let value = self.eval_maybe(value.as_deref(), frame)?;
                Err(Box::new(Halt::Next(value)))
            }
            Kind::Break(value) => {
                let value = self.eval_maybe(value.as_deref(), frame)?;
                Err(Box::new(Halt::Break(frame.call, value)))
            }
            Kind::Yield(args) => {
                let args = self.eval_all(args, frame)?;
                match frame.block.clone() {
                    Some(block) => self.call_block(&block, &args),
                    None => Err(raise("LocalJumpError", "no block given (yield)", node.at)),
                }
            }
            _ => self.eval_definition(node, frame),
        }
    }

    fn eval_definition(&mut self, node: &Node, frame: &Frame) -> Eval {
        match &node.kind {
            Kind::Super(args) => self.call_super(args.as_deref(), node.at, frame),
            Kind::Def(method) => self.define(method, frame),
            Kind::Class(class) => self.define_class(class, node.at, frame),
            Kind::Lambda(block) => Ok(Value::Proc(Rc::new(Closure {
                code: Code::Block(block.clone()),
                frame: frame.clone(),
                call: 0,
            }))),
            Kind::Defined(what) => self.defined(what, frame),
            Kind::MatchLocals(pattern, value) => {
                let value = self.eval(value, frame)?;
                self.match_locals(pattern, &value, frame)
            }
            Kind::Unsupported(what) => Err(needs_ruby(*what, node.at)),
            _ => Err(needs_ruby("this expression", node.at)),
        }
    }

    pub(crate) fn eval_maybe(&mut self, node: Option<&Node>, frame: &Frame) -> Eval {
        node.map_or(Ok(Value::Nil), |node| self.eval(node, frame))
    }

    /// Arguments and items, splats spread.
    pub(crate) fn eval_all(&mut self, nodes: &[Node], frame: &Frame) -> Result<Vec<Value>, Stop> {
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.kind {
                Kind::Splat(value) => {
                    let value = self.eval(value, frame)?;
                    if let Value::Unknown(why) = &value {
                        return Err(no_answer(NoAnswer::Unknown(why.to_string())));
                    }
                    values.extend(value.into_items());
                }
                _ => values.push(self.eval(node, frame)?),
            }
        }
        Ok(values)
    }

    fn hash(&mut self, entries: &[Entry], frame: &Frame) -> Eval {
        let mut map = Map::default();
        for entry in entries {
            match entry {
                Entry::Pair(key, value) => {
                    let key = self.eval(key, frame)?;
                    let value = self.eval(value, frame)?;
                    map.insert(key, value);
                }
                Entry::Splat(value) => {
                    if let Value::Hash(other) = self.eval(value, frame)? {
                        for (key, value) in other.borrow().iter() {
                            map.insert(key.clone(), value.clone());
                        }
                    }
                }
            }
        }
        self.meter.charge(map.len() * 2 * size_of::<Value>())?;
        Ok(map.into())
    }

    fn join(&mut self, parts: &[Node], frame: &Frame) -> Eval {
        let mut out = String::new();
        for part in parts {
            match self.eval(part, frame)? {
                Value::Unknown(why) => return Ok(Value::Unknown(why)),
                value => out.push_str(&self.to_s(&value)?),
            }
        }
        self.meter.charge(out.len())?;
        Ok(out.into())
    }

    /// Whether a condition holds; what is not known decides nothing.
    pub(crate) fn truth(&self, value: &Value) -> Result<bool, Stop> {
        match value {
            Value::Unknown(why) => Err(no_answer(NoAnswer::Unknown(why.to_string()))),
            other => Ok(other.truthy()),
        }
    }

    /// Runs with one more call on the stack.
    pub(crate) fn deeper<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let most = self.meter.limits.depth;
        if self.meter.depth >= most {
            return Err(limit(format!("calls are nested more than {most} deep")));
        }
        self.meter.depth += 1;
        let result = run(self);
        self.meter.depth -= 1;
        result
    }
}
