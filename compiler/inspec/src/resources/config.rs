//! Resources that are a parsed text: `parse_config_file`, `sshd_config`, `json` and many more.

use std::rc::Rc;

use forge_judge::parsers::{Setting, SimpleConfig};

use super::{Called, Resource};
use crate::core::exists_in_ruby;
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::stop::{Eval, Stop};
use crate::value::Value;

/// How properties are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// The key as it stands.
    Plain,
    /// Without regard to case; one value of several stands alone.
    Ssh,
    /// One value of several stands alone.
    Single,
    /// Keys one after the other.
    Path,
    /// A column of rows, by its name.
    Column,
    /// A path in a tree of elements.
    XPath,
}

/// A parsed text.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) kind: &'static str,
    pub(super) text: String,
    pub(super) params: Value,
    pub(super) content: Option<Rc<str>>,
    pub(super) lookup: Lookup,
    pub(super) skipped: Option<String>,
    pub(super) failed: Option<String>,
    pub(super) path: Option<Rc<str>>,
}

impl Config {
    fn get(&self, name: &str) -> Value {
        let Value::Hash(map) = &self.params else { return Value::Nil };
        let map = map.borrow();
        match self.lookup {
            Lookup::Plain | Lookup::Path => map.text(name).cloned().unwrap_or(Value::Nil),
            Lookup::Ssh => single(map.text(&name.to_lowercase())),
            Lookup::Single => single(map.text(name)),
            Lookup::Column | Lookup::XPath => Value::Nil,
        }
    }

    /// What every row has in a column, without the rows that have nothing.
    fn column(&self, name: &str) -> Value {
        let rows = self.params.clone().into_items();
        let cell = |row: &Value| match row {
            Value::Hash(map) => map.borrow().text(name).filter(|value| !value.is_nil()).cloned(),
            _ => None,
        };
        rows.iter().filter_map(cell).collect::<Vec<_>>().into()
    }

    /// What a path finds.
    fn xpath(&self, machine: &mut Machine<'_>, path: &str) -> Result<Value, Stop> {
        let text = self.content.as_deref().unwrap_or_default();
        machine.meter.steps(1 + (text.len() / 16) as u64)?;
        // A document without anything has nothing at any path.
        if text.trim().is_empty() {
            return Ok(Vec::new().into());
        }
        let document = super::documents::xml(text)
            .map_err(|why| machine.raise("Inspec::Exceptions::ResourceFailed", why))?;
        match super::documents::xpath(&document, path) {
            Some(found) => Ok(found.into()),
            None => Err(machine.needs_ruby(format!("the path `{path}` in XML"))),
        }
    }

    /// What keys lead to, one after the other; lists know their own methods, too.
    fn walk(&self, machine: &mut Machine<'_>, keys: &[Value]) -> Eval {
        let mut value = self.params.clone();
        for (depth, key) in keys.iter().enumerate() {
            if key.is_nil() {
                // No key is no step, and none at all leads nowhere.
                return Ok(if depth == 0 { Value::Nil } else { value });
            }
            let next = match (&value, key) {
                (Value::Array(items), Value::Int(at)) => {
                    let items = items.borrow();
                    let at =
                        if *at < 0 { *at + i64::try_from(items.len()).unwrap_or(0) } else { *at };
                    usize::try_from(at).ok().and_then(|at| items.get(at).cloned())
                }
                (Value::Array(_), Value::Str(name) | Value::Sym(name)) => {
                    match machine.try_send(&value, name, &[])? {
                        None if exists_in_ruby(&value, name) => {
                            return Err(machine.needs_ruby(format!("`{name}` of a list")));
                        }
                        found => found,
                    }
                }
                (Value::Hash(map), key) => {
                    let map = map.borrow();
                    map.get(key).or_else(|| map.text(&key.text())).cloned()
                }
                _ => None,
            };
            value = next.unwrap_or(Value::Nil);
        }
        Ok(value)
    }
}

/// What a document that can be gone over answers by going over it, whatever its keys are called.
const GOES_OVER: [&str; 14] = [
    "count", "first", "min", "max", "minmax", "sum", "sort", "entries", "to_a", "to_h", "to_set",
    "tally", "uniq", "lazy",
];

/// One value of several stands alone.
fn single(value: Option<&Value>) -> Value {
    match value {
        Some(Value::Array(items)) => match items.borrow().as_slice() {
            [only] => only.clone(),
            _ => Value::Array(items.clone()),
        },
        Some(value) => value.clone(),
        None => Value::Nil,
    }
}

impl Resource for Config {
    fn kind(&self) -> &str {
        self.kind
    }

    fn text(&self) -> String {
        self.text.clone()
    }

    fn skipped(&self) -> Option<String> {
        self.skipped.clone()
    }

    fn failed(&self) -> Option<String> {
        self.failed.clone()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        block: Given<'_>,
    ) -> Called {
        if let Some(path) = &self.path {
            machine.note_file(&super::file::normal(path));
        }
        if self.skipped.is_some() {
            machine.note_absent();
        }
        // The menu of the boot loader is read when it is asked for.
        if let (Some(why), "grub_conf") = (&self.skipped, self.kind)
            && !super::is_of_every_resource(name)
        {
            return Err(machine.raise("Inspec::Exceptions::ResourceSkipped", why.as_str()));
        }
        Ok(Some(match name {
            // These have no such method: it is a key that is not there.
            "params"
                if matches!(
                    self.kind,
                    "login_defs" | "limits_conf" | "ntp_conf" | "auditd_conf"
                ) =>
            {
                Value::Nil
            }
            "params" | "read_params" => match args {
                [] => self.params.clone(),
                keys => self.walk(machine, keys)?,
            },
            "content" | "raw_content" if self.lookup != Lookup::Path || name == "raw_content" => {
                self.content.clone().map_or(Value::Nil, Value::Str)
            }
            "[]" => match (self.lookup, args) {
                (Lookup::Column, [key, ..]) => self.column(&key.text()),
                (Lookup::XPath, [key, ..]) => self.xpath(machine, &key.text())?,
                (Lookup::Path, keys) => self.walk(machine, keys)?,
                (_, [key]) => self.get(&key.text()),
                _ => return Ok(None),
            },
            "value" if !args.is_empty() => {
                let keys = args[0].clone().into_items();
                match (self.lookup, keys.first()) {
                    (Lookup::Path, _) => self.walk(machine, &keys)?,
                    (_, None) => Value::Nil,
                    (Lookup::Column, Some(key)) => self.column(&key.text()),
                    (_, Some(key)) => self.get(&key.text()),
                }
            }
            // What libraries of public profiles add to it.
            "conf_path" if machine.has_library(self.kind) => {
                self.path.clone().map_or(Value::Nil, Value::Str)
            }
            "resource_id" => self.path.clone().map_or(Value::Nil, Value::Str),
            _ if super::is_of_every_resource(name) => return Ok(None),
            // Lists and maps go over their items.
            "each" | "map" | "select" | "any?" | "all?" | "find" | "reject" | "length" | "size"
            | "keys" | "values" | "key?" | "to_a" | "entries" | "count" | "include?" | "empty?"
                if self.lookup == Lookup::Path
                    && (block.is_some() || !matches!(self.params, Value::Hash(_))) =>
            {
                return machine.send(&self.params, name, args, block).map(Some);
            }
            _ if self.lookup == Lookup::Path
                && args.is_empty()
                && GOES_OVER.contains(&name)
                && matches!(self.params, Value::Hash(_) | Value::Array(_)) =>
            {
                return machine.send(&self.params, name, args, block).map(Some);
            }
            _ if self.lookup == Lookup::Path => self.walk(machine, &[name.into()])?,
            _ if self.lookup == Lookup::Column => self.column(name),
            _ if self.lookup == Lookup::XPath => self.xpath(machine, name)?,
            _ => self.get(name),
        }))
    }

    fn responds(&self, name: &str) -> bool {
        // It takes whatever is asked for a key, but Ruby does not ask `method_missing`.
        matches!(name, "params" | "content" | "value")
    }
}

/// The settings of a text in values.
pub(super) fn values(config: SimpleConfig) -> Value {
    let value = |setting: Setting| -> Value {
        match setting {
            Setting::Text(text) => text.into(),
            Setting::Several(parts) => {
                parts.into_iter().map(Value::from).collect::<Vec<_>>().into()
            }
            Setting::List(items) => items
                .into_iter()
                .map(|item| match item {
                    parts if parts.len() == 1 => parts.into_iter().next().flatten().into(),
                    parts => parts.into_iter().map(Value::from).collect::<Vec<_>>().into(),
                })
                .collect::<Vec<_>>()
                .into(),
        }
    };
    let mut map = Map::default();
    for (key, setting) in config.settings {
        map.insert(key.into(), value(setting));
    }
    for (group, settings) in config.groups {
        let mut inner: Map =
            settings.into_iter().map(|(key, setting)| (key.into(), value(setting))).collect();
        inner.by_method = true;
        map.insert(group.into(), inner.into());
    }
    map.into()
}
