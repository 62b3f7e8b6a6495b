use std::collections::BTreeMap;
use std::fmt;

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ParamValue {
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<ParamValue>),
}

impl ParamValue {
    /// The value as text; none for a list.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Bool(value) => Some(value.to_string()),
            Self::List(_) => None,
        }
    }

    /// The value for the environment of a script: elements of a list with blanks between.
    pub(crate) fn environment(&self) -> String {
        match self {
            Self::List(values) => {
                let words: Vec<String> = values.iter().map(Self::environment).collect();
                words.join(" ")
            }
            Self::Text(_) | Self::Integer(_) | Self::Bool(_) => self.text().unwrap_or_default(),
        }
    }

    /// The value for a template.
    pub(crate) fn template(&self) -> minijinja::Value {
        match self {
            Self::Text(text) => minijinja::Value::from(text.as_str()),
            Self::Integer(number) => minijinja::Value::from(*number),
            Self::Bool(value) => minijinja::Value::from(*value),
            Self::List(values) => values.iter().map(Self::template).collect(),
        }
    }
}

/// As it would be written in a spec.
impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "#{value}"),
            Self::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    let blank = if index == 0 { "" } else { " " };
                    write!(f, "{blank}{value}")?;
                }
                Ok(())
            }
        }
    }
}

/// The values that texts, conditions and templates of one part may use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) values: BTreeMap<String, ParamValue>,
}

impl Scope {
    pub(crate) fn get(&self, name: &str) -> Option<&ParamValue> {
        self.values.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}
