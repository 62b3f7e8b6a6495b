//! Matchers in words, as reports name them.

use super::{Kind, Matcher};
use crate::text::quoted;
use crate::value::Value;

/// The longest value that is shown whole, in characters.
const MOST: usize = 200;

/// A value in a description: shortened in its middle, matchers in words.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Matcher(matcher) => return format!("({})", matcher.description()),
        Value::Str(text) => quoted(text),
        other => other.inspect(),
    };
    let length = text.chars().count();
    if length < MOST {
        return text;
    }
    let begin: String = text.chars().take(MOST / 2 + 1).collect();
    let skip = length - MOST / 2;
    let end: String = text.chars().skip(skip).collect();
    format!("{begin}...{end}")
}

/// ` "a", "b", and "c"`, with a space before; nothing for nothing.
pub(super) fn list(items: &[Value]) -> String {
    match items {
        [] => String::new(),
        [only] => format!(" {}", shown(only)),
        [first, second] => format!(" {} and {}", shown(first), shown(second)),
        [all @ .., last] => {
            let all: Vec<String> = all.iter().map(shown).collect();
            format!(" {}, and {}", all.join(", "), shown(last))
        }
    }
}

/// A list of what may be one value: hashes and `nil` stand whole.
fn phrase(value: &Value) -> String {
    match value {
        Value::Nil | Value::Bool(false) | Value::Hash(_) => format!(" {}", shown(value)),
        other => list(&other.clone().into_items()),
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// `RSpec` sets `=>` off.
fn hash_arrows(text: String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("=>") {
        let (before, after) = rest.split_at(at);
        let glued = before.ends_with(|c: char| !c.is_whitespace())
            && after[2..].starts_with(|c: char| !c.is_whitespace());
        out.push_str(before);
        out.push_str(if glued { " => " } else { "=>" });
        rest = &after[2..];
    }
    out.push_str(rest);
    out
}

impl Matcher {
    /// The matcher in words.
    pub(crate) fn description(&self) -> String {
        match &self.kind {
            Kind::Eq(value) => format!("eq {}", shown(value)),
            Kind::Eql(value) => format!("eql {}", shown(value)),
            Kind::Equal(value) => format!("equal {}", shown(value)),
            Kind::Truthy(words) => (*words).to_owned(),
            Kind::Falsey => "be falsey".to_owned(),
            Kind::Nil => "be nil".to_owned(),
            Kind::Compare(operator, value) => format!("be {operator} {}", shown(value)),
            Kind::Operator(operator, value) => format!("{operator} {}", shown(value)),
            Kind::Cmp(value) => {
                let (operator, value) = self.operation(value);
                format!("cmp {operator} {}", value.inspect())
            }
            Kind::Predicate(name, args) => format!("be {}{}", words(name), list(args)),
            Kind::Has(name, args) => format!("have {}{}", words(name), list(args)),
            Kind::Belongs(name, group) => format!("belong to {} {}", words(name), shown(group)),
            Kind::Exist(args) => format!("exist{}", list(args)),
            Kind::Strict(name) => format!("be {name}"),
            Kind::Access(name) => {
                let mut text = format!("be {name}");
                for (chain, before) in [("by", " by "), ("by_user", " by user ")] {
                    if let Some(who) = self.chain(chain).as_deref().and_then(<[Value]>::first)
                        && !who.is_nil()
                    {
                        text.push_str(before);
                        text.push_str(&who.text());
                    }
                }
                text
            }
            Kind::Mounted => {
                let mut text = "be mounted".to_owned();
                for (name, args) in self.chained.borrow().iter() {
                    text.push_str(&format!(" {}{}", words(name), list(args)));
                }
                text
            }
            Kind::In(value) => format!("be in{}", phrase(value)),
            Kind::Duplicates => "contain duplicates".to_owned(),
            Kind::Include(values) => hash_arrows(format!("include{}", list(values))),
            _ => self.more_words(),
        }
    }

    fn more_words(&self) -> String {
        match &self.kind {
            Kind::Matches(value) => format!("match {}", shown(value)),
            Kind::All(inner) => format!("all {}", inner.description()),
            Kind::Exactly(values) => format!("contain exactly{}", list(values)),
            Kind::StartWith(values) => format!("start with{}", list(values)),
            Kind::EndWith(values) => format!("end with{}", list(values)),
            Kind::Between(low, high) => {
                let how = if self.has_chain("exclusive") { "exclusive" } else { "inclusive" };
                format!("be between {} and {} ({how})", shown(low), shown(high))
            }
            Kind::Within(delta) => {
                let of = self.chain("of").and_then(|args| args.first().cloned());
                format!(
                    "be within {} of {}",
                    shown(delta),
                    of.as_ref().map(shown).unwrap_or_default()
                )
            }
            Kind::OfClass(class) => format!("be a kind of {}", class.text()),
            Kind::InstanceOf(class) => format!("be an instance of {}", class.text()),
            Kind::RespondTo(names) => {
                let names: Vec<String> =
                    names.iter().map(|name| format!("#{}", name.text())).collect();
                format!("respond to {}", names.join(", "))
            }
            Kind::Attributes(Value::Hash(map)) => {
                let pair = |(key, value): (&Value, &Value)| {
                    format!("{} => {}", key.inspect(), shown(value))
                };
                let pairs: Vec<String> = map.borrow().iter().map(pair).collect();
                format!("have attributes {{{}}}", pairs.join(", "))
            }
            Kind::Attributes(other) => format!("have attributes {}", shown(other)),
            Kind::Satisfy(words, _) => match words {
                Some(words) => words.to_string(),
                None => "satisfy block".to_owned(),
            },
            Kind::Either(a, b) => format!("{} or {}", a.description(), b.description()),
            Kind::Both(a, b) => format!("{} and {}", a.description(), b.description()),
            Kind::Library(defined) => defined.description(),
            Kind::Cover(values) => format!("cover{}", list(values)),
            Kind::RaiseError(args) => match args.first() {
                Some(class) => format!("raise {}", class.text()),
                None => "raise Exception".to_owned(),
            },
            _ => String::new(),
        }
    }

    /// The operator and the value of `cmp`: `cmp >= 3` is chained.
    pub(crate) fn operation(&self, first: &Value) -> (String, Value) {
        match self.chained.borrow().last() {
            Some((operator, args)) => {
                (operator.to_string(), args.first().cloned().unwrap_or(Value::Nil))
            }
            None => ("==".to_owned(), first.clone()),
        }
    }
}
