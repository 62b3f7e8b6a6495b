//! `inspec.yml`.

use crate::value::Value;
use crate::yaml;

/// What a profile says of itself.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    /// Other texts, by their keys.
    pub(crate) texts: Vec<(String, String)>,
    pub(crate) supports: Vec<Value>,
    pub(crate) depends: Vec<Dependency>,
    pub(crate) inputs: Vec<Value>,
}

/// A profile that another needs.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Where it is, relative to the profile that needs it.
    pub(crate) path: Option<String>,
}

impl Metadata {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Value::Hash(map) = yaml::parse(text)? else {
            return Err("it is no map of settings".to_owned());
        };
        let map = map.borrow();
        let list = |key: &str| map.text(key).cloned().unwrap_or(Value::Nil).into_items();
        let name = map.text("name").map_or("".into(), Value::text);
        if name.is_empty() {
            return Err("it gives no `name`".to_owned());
        }
        let texts = map.iter().filter(|(_, value)| {
            matches!(value, Value::Str(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_))
        });
        let texts = texts.map(|(key, value)| (key.text().to_string(), value.text().to_string()));
        let mut inputs = list("inputs");
        inputs.extend(list("attributes"));
        let supports = match map.text("supports") {
            Some(Value::Hash(one)) => vec![Value::Hash(one.clone())],
            _ => list("supports"),
        };
        Ok(Self {
            name: name.to_string(),
            texts: texts.collect(),
            supports,
            depends: list("depends").iter().filter_map(dependency).collect(),
            inputs,
        })
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.texts.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }
}

fn dependency(value: &Value) -> Option<Dependency> {
    let Value::Hash(map) = value else { return None };
    let map = map.borrow();
    let text = |key: &str| map.text(key).map(|value| value.text().to_string());
    Some(Dependency { name: text("name")?, path: text("path") })
}
