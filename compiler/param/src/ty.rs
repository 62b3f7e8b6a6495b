use std::fmt;
use std::net::IpAddr;

use forge_diag::{Diagnostic, codes};
use forge_model::ImagePath;
use forge_syntax::{Entry, FromValue, Mistake, Value, quote};

use crate::{Duration, HostList, Mode, ParamValue, Size, is_mode};

/// The type of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamType {
    /// Any text, or one that a pattern matches.
    Text(Option<Pattern>),
    /// Letters, digits, `.`, `_` and `-`.
    Name,
    /// A whole number.
    Integer(Range<i64>),
    /// A port of TCP or UDP.
    Port(Range<i64>),
    /// A truth value.
    Bool,
    /// One of some texts.
    Enum(Vec<String>),
    /// An address of IPv4 or IPv6.
    Ip,
    /// A network: `192.0.2.0/24`.
    Cidr,
    /// An absolute path of the image.
    Path,
    /// Four octal digits.
    Mode,
    /// A number of bytes.
    Size(Range<Size>),
    /// A span of time.
    Duration(Range<Duration>),
    /// Hosts as Slurm lists them.
    Hosts,
    /// Several values of one type.
    List(Box<ParamType>),
}

/// The names of all types, as `type=` spells them.
pub(crate) const TYPES: [&str; 14] = [
    "string", "name", "int", "port", "bool", "enum", "ip", "cidr", "path", "mode", "size",
    "duration", "hostlist", "list",
];

/// The least and the greatest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<T> {
    /// None is less.
    pub min: Option<T>,
    /// None is greater.
    pub max: Option<T>,
}

impl<T> Default for Range<T> {
    fn default() -> Self {
        Self { min: None, max: None }
    }
}

impl<T: PartialOrd> Range<T> {
    fn contains(&self, value: &T) -> bool {
        self.min.as_ref().is_none_or(|min| min <= value)
            && self.max.as_ref().is_none_or(|max| value <= max)
    }
}

/// For messages: ` from 1 to 3`; empty without a bound.
impl<T: fmt::Display> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.min, &self.max) {
            (None, None) => Ok(()),
            (Some(min), None) => write!(f, ", at least {min}"),
            (None, Some(max)) => write!(f, ", at most {max}"),
            (Some(min), Some(max)) => write!(f, " from {min} to {max}"),
        }
    }
}

/// What a text must match as a whole.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: String,
    regex: regex::Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// A regular expression; what is wrong with one that is none.
    pub fn new(written: &str) -> Result<Self, String> {
        match regex::Regex::new(&format!("^(?:{written})$")) {
            Ok(regex) => Ok(Self { written: written.to_owned(), regex }),
            Err(error) => {
                let story = error.to_string();
                let why = story.lines().last().unwrap_or_default();
                Err(why.trim_start_matches("error: ").to_owned())
            }
        }
    }
}

/// As it was written.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The mistake that a value is not of a parameter's type.
pub fn bad_value(what: &str, ty: &ParamType, entry: &Entry, mistake: Mistake) -> Diagnostic {
    let found =
        Diagnostic::error(codes::SPEC_PARAM_VALUE, format!("{what} must be {}", ty.expected()))
            .at(entry.span, ty.seen(&entry.value));
    let found = mistake.explain(found, entry.span);
    if entry.value == Value::Null && found.help.is_none() {
        return found.help("leave it out");
    }
    if !matches!(ty, ParamType::List(_)) {
        return found;
    }
    let name = what.trim_start_matches("the ").trim_matches('`');
    let written = match &entry.value {
        Value::Text(text) => quote(&text.value),
        Value::Integer { written, .. } => written.clone(),
        _ => "…".to_owned(),
    };
    found.help(format!("write a list as a child node: `{{ {name} {written} }}`"))
}

impl ParamType {
    /// As `type=` spells it; a list with the type of its elements.
    pub fn name(&self) -> String {
        let name = match self {
            Self::Text(_) => "string",
            Self::Name => "name",
            Self::Integer(_) => "int",
            Self::Port(_) => "port",
            Self::Bool => "bool",
            Self::Enum(_) => "enum",
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Path => "path",
            Self::Mode => "mode",
            Self::Size(_) => "size",
            Self::Duration(_) => "duration",
            Self::Hosts => "hostlist",
            Self::List(element) => return format!("list of {}", element.name()),
        };
        name.to_owned()
    }

    /// What a value must be, for messages.
    pub fn expected(&self) -> String {
        match self {
            Self::Text(None) => "text in quotes".to_owned(),
            Self::Text(Some(pattern)) => format!("text in quotes that matches `{pattern}`"),
            Self::Name => "a name: letters, digits, `.`, `_` and `-`, in quotes".to_owned(),
            Self::Integer(range) => format!("a whole number{range}"),
            Self::Port(Range { min: None, max: None }) => "a port from 1 to 65535".to_owned(),
            Self::Port(range) => format!("a port{range}"),
            Self::Bool => "`#true` or `#false`".to_owned(),
            Self::Enum(values) => {
                let list: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
                format!("one of {}", list.join(", "))
            }
            Self::Ip => "an IP address in quotes".to_owned(),
            Self::Cidr => "a network in quotes, \"192.0.2.0/24\"".to_owned(),
            Self::Path => "an absolute path in quotes, without `..`".to_owned(),
            Self::Mode => Mode::EXPECTED.to_owned(),
            Self::Size(Range { min: None, max: None }) => "a size in quotes, \"10G\"".to_owned(),
            Self::Size(range) => format!("a size in quotes{range}"),
            Self::Duration(Range { min: None, max: None }) => {
                "a time in quotes, \"5min\"".to_owned()
            }
            Self::Duration(range) => format!("a time in quotes{range}"),
            Self::Hosts => "a list of hosts in quotes, \"node[01-16]\"".to_owned(),
            Self::List(element) => format!("a list, each element {}", element.expected()),
        }
    }

    /// What a written value is, for a label: the value where only that is wrong, else its kind.
    fn seen(&self, value: &Value) -> String {
        let numbers = matches!(self, Self::Integer(_) | Self::Port(_));
        let texts = !numbers && !matches!(self, Self::Bool | Self::List(_));
        match value {
            Value::Text(text) if texts => format!("this is {}", quote(&text.value)),
            Value::Integer { written, .. } if numbers => format!("this is {written}"),
            other => format!("this is {}", other.what()),
        }
    }

    /// An entry as a value of this type, or what to write instead.
    pub fn read(&self, entry: &Entry) -> Result<ParamValue, Mistake> {
        match self {
            Self::Integer(_) | Self::Port(_) => {
                self.checked(ParamValue::Integer(FromValue::from_value(entry)?))
            }
            Self::Bool => Ok(ParamValue::Bool(FromValue::from_value(entry)?)),
            Self::Mode => {
                Mode::from_value(entry)?;
                String::from_value(entry).map(ParamValue::Text)
            }
            // Who knows the name shows the child node.
            Self::List(_) => Err(Mistake::default()),
            _ => match &entry.value {
                Value::Integer { written, .. } if self.typed(written).is_err() => {
                    Err(self.number(written))
                }
                _ => self.typed(&String::from_value(entry)?),
            },
        }
    }

    /// A number where a text is wanted that this number, quoted, would not be.
    fn number(&self, written: &str) -> Mistake {
        match self {
            Self::Duration(_) => {
                let near = quote(&format!("{written}s"));
                Mistake::help(format!("a time has a unit: write {near} for seconds")).offered(near)
            }
            _ => Mistake::default(),
        }
    }

    /// A value from elsewhere as one of this type. A text may be a size or a time that is still
    /// to be read; it is never a number, and a number is never a text.
    pub fn take(&self, value: &ParamValue) -> Result<ParamValue, Mistake> {
        match (self, value) {
            (Self::List(element), ParamValue::List(values)) => {
                let values = values.iter().map(|value| element.take(value));
                values.collect::<Result<_, _>>().map(ParamValue::List)
            }
            (Self::List(element), ParamValue::Hosts(list)) => {
                let hosts = list.hosts().iter().map(|host| element.typed(host));
                hosts.collect::<Result<_, _>>().map(ParamValue::List)
            }
            (Self::Integer(_) | Self::Port(_), ParamValue::Integer(_))
            | (Self::Bool, ParamValue::Bool(_))
            | (Self::Size(_), ParamValue::Size(_))
            | (Self::Duration(_), ParamValue::Duration(_))
            | (Self::Hosts, ParamValue::Hosts(_)) => self.checked(value.clone()),
            (Self::Integer(_) | Self::Port(_), ParamValue::Text(text))
                if text.parse::<i64>().is_ok() =>
            {
                Err(Mistake::help(format!("write `{text}` without quotes")).mended(text.as_str()))
            }
            (
                Self::Text(_),
                ParamValue::Size(_) | ParamValue::Duration(_) | ParamValue::Hosts(_),
            ) => self.typed(&value.text().unwrap_or_default()),
            (
                Self::Integer(_) | Self::Port(_) | Self::Bool | Self::List(_),
                ParamValue::Text(_),
            ) => Err(Mistake::default()),
            (_, ParamValue::Text(text)) => self.typed(text),
            (_, ParamValue::Integer(number)) if !matches!(self, Self::Bool | Self::List(_)) => {
                let mended = quote(&number.to_string());
                Err(Mistake::help(format!("numbers are not text: write {mended}")).mended(mended))
            }
            _ => Err(Mistake::default()),
        }
    }

    /// A text that stood in for a value (`"${name}"` put in), as a value of this type.
    pub fn of_text(&self, text: &str) -> Option<ParamValue> {
        let value = match self {
            Self::Integer(_) | Self::Port(_) => ParamValue::Integer(text.parse().ok()?),
            Self::Bool => ParamValue::Bool(text.parse().ok()?),
            Self::List(_) => return None,
            _ => return self.typed(text).ok(),
        };
        self.checked(value).ok()
    }

    /// A value of the right kind, when it lies in the range.
    fn checked(&self, value: ParamValue) -> Result<ParamValue, Mistake> {
        let good = match (self, &value) {
            (Self::Integer(range), ParamValue::Integer(number)) => range.contains(number),
            (Self::Port(range), ParamValue::Integer(number)) => {
                (1..=65535).contains(number) && range.contains(number)
            }
            (Self::Size(range), ParamValue::Size(size)) => range.contains(size),
            (Self::Duration(range), ParamValue::Duration(time)) => range.contains(time),
            _ => true,
        };
        if good { Ok(value) } else { Err(Mistake::default()) }
    }

    /// A text as a value of a type that is written as text.
    fn typed(&self, text: &str) -> Result<ParamValue, Mistake> {
        let meant = |near: Option<String>| {
            near.map_or_else(Mistake::default, |near| {
                Mistake::help(format!("write \"{near}\"")).mended(quote(&near))
            })
        };
        let good = match self {
            Self::Size(_) => {
                let size = Size::parse(text).map_err(|near| meant(near.map(|n| n.to_string())))?;
                return self.checked(ParamValue::Size(size));
            }
            Self::Duration(_) => {
                let time =
                    Duration::parse(text).map_err(|near| meant(near.map(|n| n.to_string())))?;
                return self.checked(ParamValue::Duration(time));
            }
            Self::Hosts => {
                let list = HostList::parse(text).map_err(|error| Mistake::help(error.why))?;
                return Ok(ParamValue::Hosts(list));
            }
            Self::Enum(values) if !values.iter().any(|value| value == text) => {
                let near = forge_syntax::closest(text, values.iter().map(String::as_str));
                return Err(near.map_or_else(Mistake::default, |near| {
                    Mistake::help(format!("did you mean \"{near}\"?")).offered(quote(near))
                }));
            }
            Self::Cidr => return cidr(text).map(ParamValue::Text),
            Self::Text(Some(pattern)) => pattern.regex.is_match(text),
            Self::Name => is_name(text),
            Self::Ip => text.parse::<IpAddr>().is_ok(),
            Self::Path => text.starts_with('/') && ImagePath::new(text).is_some(),
            Self::Mode => is_mode(text),
            Self::Text(None) | Self::Enum(_) => true,
            Self::Integer(_) | Self::Port(_) | Self::Bool | Self::List(_) => false,
        };
        if good { Ok(ParamValue::Text(text.to_owned())) } else { Err(Mistake::default()) }
    }
}

/// A network whose address has no bit beyond its length.
fn cidr(text: &str) -> Result<String, Mistake> {
    let parts = text.split_once('/').and_then(|(address, length)| {
        let length = length.parse::<u32>().ok().filter(|number| number.to_string() == length);
        Some((address.parse::<IpAddr>().ok()?, length?))
    });
    let Some((address, length)) = parts else {
        let alone = text.parse::<IpAddr>().ok();
        return Err(alone.map_or_else(Mistake::default, |address| {
            let length = if address.is_ipv4() { 32 } else { 128 };
            Mistake::help(format!("add the length of the network: \"{address}/{length}\""))
        }));
    };
    let network = match address {
        IpAddr::V4(address) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => return Err(Mistake::default()),
    };
    if network == address {
        Ok(text.to_owned())
    } else {
        let network = quote(&format!("{network}/{length}"));
        Err(Mistake::help(format!("the network is {network}")).offered(network))
    }
}

/// Host names, account names, words: what never needs quoting anywhere.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> ParamValue {
        ParamValue::Text(text.to_owned())
    }

    #[test]
    fn networks_have_no_bits_beyond_their_length() {
        let cases = [
            ("10.0.0.0/8", None),
            ("0.0.0.0/0", None),
            ("192.0.2.7/32", None),
            ("2001:db8::/32", None),
            ("::/0", None),
            ("10.1.2.3/8", Some("the network is \"10.0.0.0/8\"")),
            ("10.1.2.3", Some("add the length of the network: \"10.1.2.3/32\"")),
            ("10.0.0.0/33", Some("")),
            ("10.0.0.0/08", Some("")),
            ("10.0.0.0/", Some("")),
            ("net", Some("")),
        ];
        for (network, want) in cases {
            let got = ParamType::Cidr.take(&text(network)).err();
            let got = got.map(|mistake| mistake.help.unwrap_or_default());
            assert_eq!(got.as_deref(), want, "{network}");
        }
    }

    #[test]
    fn values_are_taken_over_by_type() {
        let int = ParamType::Integer(Range { min: Some(1), max: Some(9) });
        assert_eq!(int.take(&ParamValue::Integer(4)), Ok(ParamValue::Integer(4)));
        assert!(int.take(&ParamValue::Integer(10)).is_err());
        assert!(int.take(&text("4")).is_err(), "a text is no number");
        assert_eq!(int.of_text("4"), Some(ParamValue::Integer(4)));
        assert_eq!(int.of_text("10"), None);
        let any = ParamType::Text(None);
        assert!(any.take(&ParamValue::Integer(4)).is_err(), "a number is no text");
        let size = ParamType::Size(Range::default());
        let big = ParamValue::Size(Size::from_bytes(10 << 30));
        assert_eq!(size.take(&text("10G")).as_ref(), Ok(&big));
        assert_eq!(any.take(&big), Ok(text("10G")));
        assert!(ParamType::Duration(Range::default()).take(&big).is_err());
        let hosts = ParamType::Hosts.take(&text("n[1-2]")).unwrap();
        let names = ParamType::List(Box::new(ParamType::Name));
        assert_eq!(names.take(&hosts), Ok(ParamValue::List(vec![text("n1"), text("n2")])));
        let port = ParamType::Port(Range::default());
        assert!(port.take(&ParamValue::Integer(65536)).is_err());
        let pattern = ParamType::Text(Some(Pattern::new("a|b").unwrap()));
        assert!(pattern.take(&text("a")).is_ok() && pattern.take(&text("ab")).is_err());
    }
}
