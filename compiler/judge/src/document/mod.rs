//! Places of JSON, YAML and TOML files, by JSON pointers (RFC 6901).

mod line;

use forge_model::{DocumentFormat, Scalar};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value as Json;

/// Values that a document may have, aliases counted each time.
const MOST: usize = 500_000;

/// Levels of lists and maps.
const MAX_DEPTH: usize = 100;

/// A document, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Document {
    Leaf(Leaf),
    List(Vec<Document>),
    /// In the order of the text; of a key that stands twice, the last counts.
    Map(Vec<(String, Document)>),
}

/// A value, and what it can be taken for. A plain `yes` of YAML is a truth value to some readers and a
/// text to others: it is both.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Leaf {
    /// As it is written, without quotes.
    pub(crate) written: String,
    is_text: bool,
    integer: Option<i64>,
    boolean: Option<bool>,
    is_null: bool,
    /// A number with a fraction, or one that is too large: compared as it is written.
    is_number: bool,
    /// Where YAML has it, from 1: an alias has the line of its anchor.
    line: Option<usize>,
}

impl Leaf {
    fn text(text: &str) -> Self {
        Self { written: text.to_owned(), is_text: true, ..Self::default() }
    }

    fn integer(written: &str, integer: Option<i64>) -> Self {
        let is_number = integer.is_none();
        Self { written: written.to_owned(), integer, is_number, ..Self::default() }
    }

    fn boolean(written: &str, value: bool) -> Self {
        Self { written: written.to_owned(), boolean: Some(value), ..Self::default() }
    }

    fn null() -> Self {
        Self { written: "null".to_owned(), is_null: true, ..Self::default() }
    }

    /// Types count: the text `"1"` is not the number 1.
    pub(crate) fn is(&self, wanted: &Scalar) -> bool {
        match wanted {
            Scalar::Text(text) => (self.is_text || self.is_number) && self.written == *text,
            Scalar::Integer(number) => self.integer == Some(*number),
            Scalar::Bool(value) => self.boolean == Some(*value),
            Scalar::Null => self.is_null,
        }
    }
}

/// As messages show it.
impl std::fmt::Display for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Leaf(leaf) if leaf.is_text => write!(f, "{:?}", leaf.written),
            Self::Leaf(leaf) => f.write_str(&leaf.written),
            Self::List(items) => write!(f, "a list of {}", items.len()),
            Self::Map(entries) => write!(f, "a map of {}", entries.len()),
        }
    }
}

impl Document {
    /// Reads a text; an error says why it is no such document.
    pub(crate) fn parse(text: &str, format: DocumentFormat) -> Result<Self, String> {
        match format {
            DocumentFormat::Json => {
                serde_json::from_str(text).map(of_json).map_err(|error| error.to_string())
            }
            DocumentFormat::Toml => {
                let table = text.parse::<toml::Table>();
                table
                    .map(|table| of_toml(toml::Value::Table(table)))
                    .map_err(|error| error.message().lines().next().unwrap_or_default().to_owned())
            }
            DocumentFormat::Yaml => of_yaml(text),
        }
    }

    /// What stands at a pointer.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Self> {
        let mut here = self;
        for part in parts(pointer) {
            here = match here {
                Self::Map(entries) => {
                    entries.iter().rev().find(|(key, _)| *key == part).map(|(_, value)| value)?
                }
                Self::List(items) => items.get(place(&part)?)?,
                Self::Leaf(_) => return None,
            };
        }
        Some(here)
    }

    /// The line of the text, from 1, at which this value stands, which `pointer` leads to.
    pub(crate) fn line(&self, text: &str, format: DocumentFormat, pointer: &str) -> Option<usize> {
        match (format, self) {
            (DocumentFormat::Json, _) => line::of_json(text, pointer),
            (DocumentFormat::Toml, _) => line::of_toml(text, pointer),
            (DocumentFormat::Yaml, Self::Leaf(leaf)) => leaf.line,
            (DocumentFormat::Yaml, _) => None,
        }
    }
}

/// The names and numbers of a pointer.
fn parts(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
}

/// The place in a list that a part means: a number without zeros before it, as the pointer's rules
/// have it.
fn place(part: &str) -> Option<usize> {
    part.parse().ok().filter(|number: &usize| number.to_string() == part)
}

fn of_json(value: Json) -> Document {
    Document::Leaf(match value {
        Json::Null => Leaf::null(),
        Json::Bool(value) => Leaf::boolean(&value.to_string(), value),
        Json::Number(number) => Leaf::integer(&number.to_string(), number.as_i64()),
        Json::String(text) => Leaf::text(&text),
        Json::Array(items) => return Document::List(items.into_iter().map(of_json).collect()),
        Json::Object(map) => {
            return Document::Map(
                map.into_iter().map(|(key, value)| (key, of_json(value))).collect(),
            );
        }
    })
}

fn of_toml(value: toml::Value) -> Document {
    Document::Leaf(match value {
        toml::Value::String(text) => Leaf::text(&text),
        toml::Value::Integer(number) => Leaf::integer(&number.to_string(), Some(number)),
        toml::Value::Float(number) => Leaf::integer(&number.to_string(), None),
        toml::Value::Boolean(value) => Leaf::boolean(&value.to_string(), value),
        toml::Value::Datetime(time) => Leaf::integer(&time.to_string(), None),
        toml::Value::Array(items) => {
            return Document::List(items.into_iter().map(of_toml).collect());
        }
        toml::Value::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| (key, of_toml(value)));
            return Document::Map(entries.collect());
        }
    })
}

/// A list or a map that is not at its end, with its anchor.
enum Open {
    List(Vec<Document>, usize),
    Map(Vec<(String, Document)>, Option<String>, usize),
}

/// The first document of a text.
fn of_yaml(text: &str) -> Result<Document, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors = std::collections::BTreeMap::new();
    let mut count = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_ref().map(|tag| tag.suffix.as_str());
                // A tag of a plain type counts more than quotes.
                let typed = matches!(tag, Some("int" | "bool" | "float" | "null"));
                let quoted = style != ScalarStyle::Plain || tag == Some("str");
                let leaf = if quoted && !typed { Leaf::text(&text) } else { plain(&text) };
                (Document::Leaf(Leaf { line: Some(span.start.line()), ..leaf }), anchor)
            }
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List(Vec::new(), anchor));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map(Vec::new(), None, anchor));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items, anchor)) => (Document::List(items), anchor),
                Some(Open::Map(entries, _, anchor)) => (Document::Map(entries), anchor),
                None => continue,
            },
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some(value) => (Document::clone(value), 0),
                None => return Err("an alias without an anchor".to_owned()),
            },
            Event::DocumentEnd => break,
            _ => continue,
        };
        if open.len() > MAX_DEPTH {
            return Err(format!("lists and maps are nested more than {MAX_DEPTH} deep"));
        }
        count += size(&value);
        if count > MOST {
            return Err(format!("the text has more than {MOST} values"));
        }
        if anchor > 0 {
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Map(_, key @ None, _)) => *key = Some(key_of(value)),
            Some(Open::Map(entries, key, _)) => {
                insert(entries, key.take().unwrap_or_default(), value);
            }
        }
    }
    Ok(Document::Leaf(Leaf::null()))
}

fn key_of(value: Document) -> String {
    match value {
        Document::Leaf(leaf) => leaf.written,
        other => other.to_string(),
    }
}

/// `<<` takes over the entries of another map, behind the map's own.
fn insert(entries: &mut Vec<(String, Document)>, key: String, value: Document) {
    match value {
        Document::Map(other) if key == "<<" => {
            let own = std::mem::take(entries);
            entries.extend(other);
            entries.extend(own);
        }
        // Of several maps, the first counts most.
        Document::List(maps)
            if key == "<<" && maps.iter().all(|map| matches!(map, Document::Map(_))) =>
        {
            let own = std::mem::take(entries);
            for map in maps.into_iter().rev() {
                if let Document::Map(other) = map {
                    entries.extend(other);
                }
            }
            entries.extend(own);
        }
        value => entries.push((key, value)),
    }
}

fn size(value: &Document) -> usize {
    match value {
        Document::Leaf(_) => 1,
        Document::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Document::Map(entries) => 1 + entries.iter().map(|(_, value)| size(value)).sum::<usize>(),
    }
}

/// A scalar without quotes. Where the versions of YAML differ, it is a text: `0644` is octal in one.
fn plain(text: &str) -> Leaf {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Leaf::null(),
        "true" | "True" | "TRUE" => return Leaf::boolean(text, true),
        "false" | "False" | "FALSE" => return Leaf::boolean(text, false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Leaf { boolean: Some(true), ..Leaf::text(text) };
        }
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Leaf { boolean: Some(false), ..Leaf::text(text) };
        }
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits && (digits == "0" || !digits.starts_with('0')) {
        return Leaf::integer(text, text.parse().ok());
    }
    if let Some(number) = text.strip_prefix("0x").and_then(|hex| i64::from_str_radix(hex, 16).ok())
    {
        return Leaf::integer(text, Some(number));
    }
    // To readers of the older version, that is a number.
    let joined = digits.replace('_', "");
    if joined.len() < digits.len()
        && digits.starts_with(|c: char| ('1'..='9').contains(&c))
        && let Ok(number) = joined.parse::<i64>()
    {
        let number = if text.starts_with('-') { -number } else { number };
        return Leaf { integer: Some(number), ..Leaf::text(text) };
    }
    let fraction = digits.contains('.')
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_ok();
    if fraction { Leaf::integer(text, None) } else { Leaf::text(text) }
}

#[cfg(test)]
mod tests;
