use std::fmt;

use crate::{Duration, HostList, Size};

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParamValue {
    /// A text, a name, a mode, an address, a network or a path.
    Text(String),
    /// A whole number or a port.
    Integer(i64),
    /// A truth value.
    Bool(bool),
    /// A number of bytes.
    Size(Size),
    /// A span of time.
    Duration(Duration),
    /// Hosts.
    Hosts(HostList),
    /// Several values of one type.
    List(Vec<ParamValue>),
}

impl ParamValue {
    /// The value as text; none for a list.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Size(size) => Some(size.to_string()),
            Self::Duration(time) => Some(time.to_string()),
            Self::Hosts(list) => Some(list.to_string()),
            Self::List(_) => None,
        }
    }

    /// What `${name.field}` can ask for, in whole units.
    pub fn fields(&self) -> Vec<(&'static str, u64)> {
        match self {
            Self::Size(size) => {
                let bytes = size.bytes();
                let scaled = |shift: u32| bytes >> shift;
                let units = [("kib", scaled(10)), ("mib", scaled(20)), ("gib", scaled(30))];
                std::iter::once(("bytes", bytes)).chain(units).collect()
            }
            Self::Duration(time) => {
                let micros = time.micros();
                [
                    ("milliseconds", micros / 1000),
                    ("seconds", micros / 1_000_000),
                    ("minutes", micros / 60_000_000),
                ]
                .to_vec()
            }
            Self::Hosts(list) => vec![("count", list.hosts().len() as u64)],
            Self::List(values) => vec![("count", values.len() as u64)],
            Self::Text(_) | Self::Integer(_) | Self::Bool(_) => Vec::new(),
        }
    }

    /// The value that `${name.field}` stands for.
    pub fn field(&self, name: &str) -> Option<Self> {
        let fields = self.fields();
        let (_, number) = fields.iter().find(|(known, _)| *known == name)?;
        i64::try_from(*number).ok().map(Self::Integer)
    }

    /// The value for the environment of a script: elements of a list with blanks between.
    pub fn environment(&self) -> String {
        match self {
            Self::List(values) => {
                let words: Vec<String> = values.iter().map(Self::environment).collect();
                words.join(" ")
            }
            one => one.text().unwrap_or_default(),
        }
    }

    /// Elements that can stand where several texts can: those of a list, the hosts of a host
    /// list. None for a single value.
    pub fn elements(&self) -> Option<Vec<String>> {
        match self {
            Self::List(values) => Some(values.iter().filter_map(Self::text).collect()),
            Self::Hosts(list) => Some(list.hosts().to_vec()),
            _ => None,
        }
    }
}

/// As it would be written in a spec.
impl ParamValue {
    /// The value as a message shows it: the beginning of a long one.
    pub fn brief(&self) -> String {
        const MOST: usize = 200;
        let whole = self.to_string();
        match whole.char_indices().nth(MOST) {
            Some((end, _)) => format!("{}…", whole.get(..end).unwrap_or_default()),
            None => whole,
        }
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "#{value}"),
            Self::Size(size) => write!(f, "\"{size}\""),
            Self::Duration(time) => write!(f, "\"{time}\""),
            Self::Hosts(list) => write!(f, "\"{list}\""),
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
