//! A hash: keys in the order in which they came.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::value::Value;

/// What makes two keys one: kind and content, as `eql?`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Nil,
    Bool(bool),
    Int(i64),
    Str(Rc<str>),
    Sym(Rc<str>),
    Other(String),
}

fn key(value: &Value) -> Key {
    match value {
        Value::Nil => Key::Nil,
        Value::Bool(bool) => Key::Bool(*bool),
        Value::Int(int) => Key::Int(*int),
        Value::Str(text) => Key::Str(text.clone()),
        Value::Sym(name) => Key::Sym(name.clone()),
        other => Key::Other(other.inspect()),
    }
}

/// An ordered hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    entries: Vec<Option<(Value, Value)>>,
    index: BTreeMap<Key, usize>,
    /// Keys are methods, too.
    pub(crate) by_method: bool,
}

impl Map {
    /// The same, its keys methods or not.
    pub(crate) fn by_method(self, by_method: bool) -> Self {
        Self { by_method, ..self }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn get(&self, wanted: &Value) -> Option<&Value> {
        self.at(*self.index.get(&key(wanted))?)
    }

    fn at(&self, place: usize) -> Option<&Value> {
        self.entries.get(place)?.as_ref().map(|(_, value)| value)
    }

    /// The value of a text key.
    pub(crate) fn text(&self, name: &str) -> Option<&Value> {
        self.at(*self.index.get(&Key::Str(name.into()))?)
    }

    /// The value of a symbol.
    pub(crate) fn symbol(&self, name: &str) -> Option<&Value> {
        self.at(*self.index.get(&Key::Sym(name.into()))?)
    }

    pub(crate) fn contains(&self, wanted: &Value) -> bool {
        self.index.contains_key(&key(wanted))
    }

    pub(crate) fn insert(&mut self, name: Value, value: Value) {
        if let Some(place) = self.index.get(&key(&name)) {
            if let Some(entry) = self.entries.get_mut(*place) {
                *entry = Some((name, value));
            }
        } else {
            self.index.insert(key(&name), self.entries.len());
            self.entries.push(Some((name, value)));
        }
    }

    pub(crate) fn remove(&mut self, name: &Value) -> Option<Value> {
        let place = self.index.remove(&key(name))?;
        self.entries.get_mut(place)?.take().map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&Value, &Value)> {
        self.entries.iter().flatten().map(|(name, value)| (name, value))
    }
}

impl FromIterator<(Value, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(pairs: I) -> Self {
        let mut map = Self::default();
        for (name, value) in pairs {
            map.insert(name, value);
        }
        map
    }
}
