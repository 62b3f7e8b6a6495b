//! Values of the interpreter.

use std::cell::RefCell;
use std::rc::Rc;

use crate::class::{Class, Object};
use crate::context::Context;
use crate::core::time::Moment;
use crate::filter_table::{Row, Table, Trace};
use crate::library_table::Builder;
use crate::map::Map;
use crate::matchers::Matcher;
use crate::pattern::Pattern;
use crate::resources::Resource;
use crate::scope::Closure;
use crate::stop::Raised;

/// A Ruby value. Texts do not change: what would change one gives its place another.
#[derive(Clone)]
pub(crate) enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    Sym(Rc<str>),
    Regex(Rc<Pattern>),
    Array(Rc<RefCell<Vec<Value>>>),
    Hash(Rc<RefCell<Map>>),
    Set(Rc<RefCell<Map>>),
    Range(Rc<Span>),
    Proc(Rc<Closure>),
    Match(Rc<Match>),
    Resource(Rc<dyn Resource>),
    Table(Rc<Table>),
    Row(Rc<Row>),
    Trace(Rc<Trace>),
    /// `FilterTable.create`, as its columns are named.
    Builder(Rc<Builder>),
    /// A day or a time.
    Moment(Moment),
    Object(Rc<Object>),
    Class(Rc<Class>),
    /// A constant of Ruby or `InSpec` itself, by its path.
    Const(Rc<str>),
    Matcher(Rc<Matcher>),
    Raised(Rc<Raised>),
    /// What `self` is in a profile: a file, a control, a group of examples, an example.
    Context(Context),
    /// What the target cannot know, and why. Whatever is asked of it is not known either.
    Unknown(Rc<str>),
}

/// A range.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) from: Value,
    pub(crate) to: Value,
    pub(crate) exclusive: bool,
}

/// A match of a regular expression.
#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) text: Rc<str>,
    pub(crate) groups: Vec<Option<(usize, usize)>>,
    pub(crate) names: Vec<Option<String>>,
}

impl Match {
    pub(crate) fn group(&self, number: usize) -> Option<&str> {
        let (from, to) = (*self.groups.get(number)?)?;
        self.text.get(from..to)
    }

    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        let number = self.names.iter().position(|found| found.as_deref() == Some(name))?;
        self.group(number)
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.inspect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::Array(Rc::new(RefCell::new(items)))
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Hash(Rc::new(RefCell::new(map)))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

impl Value {
    pub(crate) fn sym(name: &str) -> Self {
        Self::Sym(name.into())
    }

    pub(crate) fn int(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }

    pub(crate) fn strings<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Self {
        items.into_iter().map(|item| Self::from(item.as_ref())).collect::<Vec<_>>().into()
    }

    pub(crate) fn truthy(&self) -> bool {
        !matches!(self, Self::Nil | Self::Bool(false))
    }

    pub(crate) fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// The text of a string or symbol.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Sym(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&Rc<str>> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The items of an array or set, a copy.
    pub(crate) fn items(&self) -> Option<Vec<Value>> {
        match self {
            Self::Array(items) => Some(items.borrow().clone()),
            Self::Set(map) => Some(map.borrow().iter().map(|(key, _)| key.clone()).collect()),
            Self::Object(object) => object.inner.as_ref()?.items(),
            _ => None,
        }
    }

    /// `Array(value)`.
    pub(crate) fn into_items(self) -> Vec<Value> {
        match &self {
            Self::Nil => Vec::new(),
            Self::Array(_) | Self::Set(_) => self.items().unwrap_or_default(),
            Self::Hash(map) => {
                let pair = |(key, value): (&Value, &Value)| vec![key.clone(), value.clone()].into();
                map.borrow().iter().map(pair).collect()
            }
            Self::Range(span) => match (&span.from, &span.to) {
                (Self::Int(from), Self::Int(to)) => {
                    let to = if span.exclusive { *to } else { to.saturating_add(1) };
                    (*from..to).take(100_000).map(Value::Int).collect()
                }
                _ => vec![self.clone()],
            },
            Self::Object(object) if object.inner.is_some() => self.items().unwrap_or_default(),
            _ => vec![self],
        }
    }

    /// The class's name.
    pub(crate) fn class_name(&self) -> String {
        match self {
            Self::Nil => "NilClass".to_owned(),
            Self::Bool(true) => "TrueClass".to_owned(),
            Self::Bool(false) => "FalseClass".to_owned(),
            Self::Int(_) => "Integer".to_owned(),
            Self::Float(_) => "Float".to_owned(),
            Self::Str(_) => "String".to_owned(),
            Self::Sym(_) => "Symbol".to_owned(),
            Self::Regex(_) => "Regexp".to_owned(),
            Self::Array(_) => "Array".to_owned(),
            Self::Hash(_) => "Hash".to_owned(),
            Self::Set(_) => "Set".to_owned(),
            Self::Range(_) => "Range".to_owned(),
            Self::Proc(_) => "Proc".to_owned(),
            Self::Match(_) => "MatchData".to_owned(),
            Self::Resource(resource) => resource.kind().to_owned(),
            Self::Table(_) => "FilterTable".to_owned(),
            Self::Row(_) => "Struct".to_owned(),
            Self::Trace(_) => "Trace".to_owned(),
            Self::Builder(_) => "FilterTable::Factory".to_owned(),
            Self::Moment(moment) => moment.class_name().to_owned(),
            Self::Object(object) => object.class.name.to_string(),
            Self::Class(_) | Self::Const(_) => "Class".to_owned(),
            Self::Matcher(_) => "Matcher".to_owned(),
            Self::Raised(raised) => raised.class.to_string(),
            Self::Context(_) => "Inspec::Rule".to_owned(),
            Self::Unknown(_) => "unknown".to_owned(),
        }
    }

    /// `==`, without calling methods of objects.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Int(a), Self::Float(b)) | (Self::Float(b), Self::Int(a)) => {
                int_to_float(*a) == *b
            }
            (Self::Str(a), Self::Str(b)) | (Self::Sym(a), Self::Sym(b)) => a == b,
            (Self::Const(a), Self::Const(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => a.inspect() == b.inspect(),
            (Self::Array(a), Self::Array(b)) => {
                Rc::ptr_eq(a, b) || {
                    let (a, b) = (a.borrow(), b.borrow());
                    a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.equals(b))
                }
            }
            (Self::Hash(a), Self::Hash(b)) => {
                Rc::ptr_eq(a, b) || {
                    let (a, b) = (a.borrow(), b.borrow());
                    a.len() == b.len()
                        && a.iter().all(|(k, v)| b.get(k).is_some_and(|other| v.equals(other)))
                }
            }
            (Self::Set(a), Self::Set(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                a.len() == b.len() && a.iter().all(|(key, _)| b.contains(key))
            }
            (Self::Range(a), Self::Range(b)) => {
                a.exclusive == b.exclusive && a.from.equals(&b.from) && a.to.equals(&b.to)
            }
            (Self::Resource(a), Self::Resource(b)) => Rc::ptr_eq(a, b),
            (Self::Object(a), Self::Object(b)) => Rc::ptr_eq(a, b),
            (Self::Class(a), Self::Class(b)) => Rc::ptr_eq(a, b),
            (Self::Row(a), Self::Row(b)) => a.equals(b),
            (Self::Moment(a), Self::Moment(b)) => a.at == b.at,
            _ => false,
        }
    }

    /// `<=>`.
    pub(crate) fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Float(b)) => int_to_float(*a).partial_cmp(b),
            (Self::Float(a), Self::Int(b)) => a.partial_cmp(&int_to_float(*b)),
            (Self::Str(a), Self::Str(b)) | (Self::Sym(a), Self::Sym(b)) => {
                Some(a.as_bytes().cmp(b.as_bytes()))
            }
            (Self::Array(a), Self::Array(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                for (a, b) in a.iter().zip(b.iter()) {
                    match a.compare(b)? {
                        std::cmp::Ordering::Equal => {}
                        other => return Some(other),
                    }
                }
                Some(a.len().cmp(&b.len()))
            }
            (Self::Moment(a), Self::Moment(b)) => Some(a.at.cmp(&b.at)),
            _ => self.equals(other).then_some(std::cmp::Ordering::Equal),
        }
    }
}

/// Large integers lose digits, as in Ruby.
#[expect(clippy::cast_precision_loss, reason = "as `Integer#to_f` does")]
pub(crate) fn int_to_float(value: i64) -> f64 {
    value as f64
}
