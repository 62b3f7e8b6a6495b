//! Matchers: what an expectation asks of a value.

mod cmp;
mod defined;
mod judge;
mod message;
mod words;

use std::cell::RefCell;
use std::rc::Rc;

pub(crate) use cmp::{Version, compare, ordered};
pub(crate) use defined::MATCHER_BASE;
pub(crate) use judge::Outcome;

use crate::interp::{Given, Machine};
use crate::scope::Closure;
use crate::stop::Stop;
use crate::value::Value;

/// A matcher with what was chained to it.
#[derive(Debug)]
pub(crate) struct Matcher {
    pub(crate) kind: Kind,
    /// `.by('x')`, `.with(…)` and so on, in their order.
    pub(crate) chained: RefCell<Vec<(Rc<str>, Vec<Value>)>>,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Kind {
    Eq(Value),
    Eql(Value),
    Equal(Value),
    /// `be` alone.
    Truthy(&'static str),
    Falsey,
    Nil,
    /// `be > 2`.
    Compare(Rc<str>, Value),
    /// `should > 2`.
    Operator(Rc<str>, Value),
    Cmp(Value),
    /// `be_x`: `x?` holds.
    Predicate(Rc<str>, Vec<Value>),
    /// `have_x`: `has_x?` holds.
    Has(Rc<str>, Vec<Value>),
    /// `belong_to_group` and `belong_to_primary_group`: `belongs_to_x?` holds.
    Belongs(&'static str, Value),
    /// `exist`.
    Exist(Vec<Value>),
    /// `be_installed`, `be_enabled`, `be_running`: `x?` is `true` itself.
    Strict(&'static str),
    /// `be_readable` and its kind.
    Access(&'static str),
    Mounted,
    In(Value),
    Duplicates,
    Include(Vec<Value>),
    Matches(Value),
    All(Rc<Matcher>),
    Exactly(Vec<Value>),
    StartWith(Vec<Value>),
    EndWith(Vec<Value>),
    Between(Value, Value),
    Within(Value),
    OfClass(Value),
    InstanceOf(Value),
    RespondTo(Vec<Value>),
    Attributes(Value),
    Satisfy(Option<Rc<str>>, Rc<Closure>),
    Either(Rc<Matcher>, Rc<Matcher>),
    Both(Rc<Matcher>, Rc<Matcher>),
    /// A matcher of a library of the profile.
    Library(defined::Defined),
    Cover(Vec<Value>),
    RaiseError(Vec<Value>),
}

impl Matcher {
    pub(crate) fn value(kind: Kind) -> Value {
        Value::Matcher(Rc::new(Self { kind, chained: RefCell::default() }))
    }

    /// The arguments of the last chain of this name.
    pub(crate) fn chain(&self, name: &str) -> Option<Vec<Value>> {
        let chained = self.chained.borrow();
        chained.iter().rev().find(|(known, _)| **known == *name).map(|(_, args)| args.clone())
    }

    pub(crate) fn has_chain(&self, name: &str) -> bool {
        self.chained.borrow().iter().any(|(known, _)| **known == *name)
    }
}

impl Machine<'_> {
    /// The matcher of a name, if it is one.
    pub(crate) fn matcher(
        &mut self,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Result<Option<Value>, Stop> {
        if let Some(body) = self.state.matchers.get(name).cloned() {
            return self.library_matcher(name, args, &body).map(Some);
        }
        let first = args.first().cloned();
        let one = || first.clone().unwrap_or(Value::Nil);
        let kind = match name {
            "eq" => Kind::Eq(one()),
            "eql" => Kind::Eql(one()),
            "equal" => Kind::Equal(one()),
            "be" => match &first {
                Some(value) => Kind::Equal(value.clone()),
                None => Kind::Truthy("be"),
            },
            "be_truthy" => Kind::Truthy("be truthy"),
            "be_falsey" | "be_falsy" => Kind::Falsey,
            "be_nil" => Kind::Nil,
            "cmp" => Kind::Cmp(one()),
            "be_installed" => Kind::Strict("installed"),
            "be_enabled" => Kind::Strict("enabled"),
            "be_running" => Kind::Strict("running"),
            "be_reachable" => Kind::Strict("reachable"),
            "be_resolvable" => Kind::Strict("resolvable"),
            "be_readable" => Kind::Access("readable"),
            "be_writable" => Kind::Access("writable"),
            "be_executable" => Kind::Access("executable"),
            "be_mounted" => Kind::Mounted,
            "be_in" => Kind::In(one()),
            "contain_duplicates" => Kind::Duplicates,
            "include" | "a_collection_including" | "a_string_including" | "including" => {
                Kind::Include(args.to_vec())
            }
            "match" | "a_string_matching" | "matching" => Kind::Matches(one()),
            "match_regex" => Kind::Matches(one()),
            "all" => match &first {
                Some(Value::Matcher(inner)) => Kind::All(inner.clone()),
                _ => return Err(self.raise("ArgumentError", "`all` takes a matcher")),
            },
            "contain_exactly" => Kind::Exactly(args.to_vec()),
            "match_array" => Kind::Exactly(one().into_items()),
            "start_with" | "a_string_starting_with" => Kind::StartWith(args.to_vec()),
            "end_with" | "a_string_ending_with" => Kind::EndWith(args.to_vec()),
            "be_between" => Kind::Between(one(), args.get(1).cloned().unwrap_or(Value::Nil)),
            "be_within" => Kind::Within(one()),
            "be_a" | "be_an" | "be_kind_of" | "be_a_kind_of" => Kind::OfClass(one()),
            "be_instance_of" | "be_an_instance_of" => Kind::InstanceOf(one()),
            "respond_to" => Kind::RespondTo(args.to_vec()),
            "have_attributes" => Kind::Attributes(one()),
            "exist" => Kind::Exist(args.to_vec()),
            "belong_to_group" => Kind::Belongs("group", one()),
            "belong_to_primary_group" => Kind::Belongs("primary_group", one()),
            "cover" => Kind::Cover(args.to_vec()),
            "satisfy" => match block {
                Some(block) => {
                    let words = first.as_ref().map(Value::text);
                    Kind::Satisfy(words.or_else(|| self.snippet(block)), block.clone())
                }
                None => return Err(self.raise("ArgumentError", "`satisfy` takes a block")),
            },
            "raise_error" | "raise_exception" => Kind::RaiseError(args.to_vec()),
            _ => match (name.strip_prefix("be_"), name.strip_prefix("have_")) {
                (Some(word), _) if !word.is_empty() => {
                    let word = word.strip_prefix("a_").or(word.strip_prefix("an_")).unwrap_or(word);
                    Kind::Predicate(word.into(), args.to_vec())
                }
                (_, Some(word)) if !word.is_empty() => Kind::Has(word.into(), args.to_vec()),
                _ => return Ok(None),
            },
        };
        Ok(Some(Matcher::value(kind)))
    }

    /// A block of one line, as `RSpec` quotes it.
    fn snippet(&self, block: &Closure) -> Option<Rc<str>> {
        let body = block.block()?;
        let text = self.files.get(body.at.file as usize)?.text.get(body.inner.0..body.inner.1)?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (line, None) = (lines.next()?, lines.next()) else { return None };
        Some(format!("satisfy expression `{line}`").into())
    }

    /// What is called on a matcher: operators and chains.
    pub(crate) fn matcher_chain(
        &mut self,
        matcher: &Rc<Matcher>,
        name: &str,
        args: &[Value],
    ) -> Result<Option<Value>, Stop> {
        let one = || args.first().cloned().unwrap_or(Value::Nil);
        let operator = matches!(name, "==" | "!=" | "<" | "<=" | ">" | ">=" | "===" | "=~");
        match (&matcher.kind, name) {
            (Kind::Truthy("be"), _) if operator => {
                Ok(Some(Matcher::value(Kind::Compare(name.into(), one()))))
            }
            (_, "or" | "|") => match args.first() {
                Some(Value::Matcher(other)) => {
                    Ok(Some(Matcher::value(Kind::Either(matcher.clone(), other.clone()))))
                }
                _ => Err(self.raise("ArgumentError", "`or` takes a matcher")),
            },
            (_, "and" | "&") => match args.first() {
                Some(Value::Matcher(other)) => {
                    Ok(Some(Matcher::value(Kind::Both(matcher.clone(), other.clone()))))
                }
                _ => Err(self.raise("ArgumentError", "`and` takes a matcher")),
            },
            (_, "description") => Ok(Some(matcher.description().into())),
            (_, "matches?" | "===") if !matches!(matcher.kind, Kind::Cmp(_)) => {
                Ok(Some(self.matches(matcher, &one())?.into()))
            }
            (_, "nil?" | "class" | "is_a?" | "inspect" | "to_s" | "respond_to?" | "!") => Ok(None),
            (Kind::Cmp(_), _) if !operator => Ok(None),
            (Kind::Library(defined), _) => {
                let chained = self.library_chain(defined, name, args)?;
                Ok(chained.then(|| Value::Matcher(matcher.clone())))
            }
            _ => {
                matcher.chained.borrow_mut().push((name.into(), args.to_vec()));
                Ok(Some(Value::Matcher(matcher.clone())))
            }
        }
    }
}
