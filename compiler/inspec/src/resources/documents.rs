//! The grammars of `toml`, `csv` and `xml`.

use roxmltree::{Document, Node, ParsingOptions};
use toml::Value as Toml;

use crate::map::Map;
use crate::value::Value;

/// Nodes that one document may have.
const MOST_NODES: u32 = 1_000_000;

/// A text of TOML in values.
pub(super) fn toml(text: &str) -> Result<Value, String> {
    fn value(of: Toml) -> Value {
        match of {
            Toml::String(text) => text.into(),
            Toml::Integer(number) => Value::Int(number),
            Toml::Float(number) => Value::Float(number),
            Toml::Boolean(holds) => holds.into(),
            Toml::Datetime(_) => Value::Unknown("days of TOML are not read".into()),
            Toml::Array(items) => items.into_iter().map(value).collect::<Vec<_>>().into(),
            Toml::Table(table) => table_of(table),
        }
    }
    fn table_of(table: toml::Table) -> Value {
        let pairs = table.into_iter().map(|(key, of)| (key.into(), value(of)));
        pairs.collect::<Map>().into()
    }
    text.parse().map(table_of).map_err(|error: toml::de::Error| error.message().to_owned())
}

/// Rows of comma-separated values: maps by the first row, or lists.
pub(super) fn csv(text: &str, headers: bool) -> Result<Value, String> {
    if text.matches('"').count() % 2 == 1 {
        return Err("Unclosed quoted field".to_owned());
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        rows.push(record.iter().map(str::to_owned).collect::<Vec<_>>());
    }
    if !headers {
        let list = |row: Vec<String>| row.iter().map(|text| field(text)).collect::<Vec<_>>().into();
        return Ok(rows.into_iter().map(list).collect::<Vec<Value>>().into());
    }
    let mut rows = rows.into_iter();
    let names = rows.next().unwrap_or_default();
    let map = |row: Vec<String>| {
        let mut map = Map::default();
        for (at, name) in names.iter().enumerate() {
            let value = row.get(at).map_or(Value::Nil, |text| field(text));
            // Of two columns of a name the first counts.
            if map.text(name).is_none() {
                map.insert(name.as_str().into(), value);
            }
        }
        map.into()
    };
    Ok(rows.map(map).collect::<Vec<Value>>().into())
}

/// A field as Ruby converts it: numbers are numbers, and nothing is nil.
fn field(text: &str) -> Value {
    let bare = text.trim();
    let digits = bare.strip_prefix(['+', '-']).unwrap_or(bare);
    if text.is_empty() {
        return Value::Nil;
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let octal = digits.len() > 1 && digits.starts_with('0');
        let number = match (octal, digits.bytes().all(|byte| byte < b'8')) {
            (true, true) => i64::from_str_radix(bare, 8),
            (true, false) => return bare.parse().map_or_else(|_| text.into(), Value::Float),
            (false, _) => bare.parse(),
        };
        return number.map_or_else(|_| unknown(), Value::Int);
    }
    let float = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if float && let Ok(number) = bare.parse() {
        return Value::Float(number);
    }
    // Dates, and numbers in other notations, become what only Ruby makes of them.
    let dated = digits.len() >= 10
        && digits.as_bytes()[4] == b'-'
        && digits.bytes().take(4).all(|byte| byte.is_ascii_digit());
    let prefixed = ["0x", "0b", "0o", "0X", "0B", "0O"];
    let number = digits.contains('_') && digits.starts_with(|c: char| c.is_ascii_digit());
    if dated
        || number
        || prefixed.iter().any(|prefix| digits.starts_with(prefix))
        || spelt_day(bare)
    {
        return unknown();
    }
    text.into()
}

/// `Jan 5, 2024`, `Fri, Jan 5 2024`.
fn spelt_day(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().map(|word| word.trim_end_matches(',')).collect();
    let number = |word: &str, from: usize, to: usize| {
        (from..=to).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(words.as_slice(), [.., _, day, year] if words.len() <= 4 && number(day, 1, 2) && number(year, 2, 4))
}

fn unknown() -> Value {
    Value::Unknown("what Ruby makes of this field is not known".into())
}

/// A text of XML.
pub(super) fn xml(text: &str) -> Result<Document<'_>, String> {
    let options =
        ParsingOptions { allow_dtd: true, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| error.to_string())
}

/// What an `XPath` of names, `*`, `//`, `@name` and `[…]` finds; none for any other path.
pub(super) fn xpath(document: &Document<'_>, path: &str) -> Option<Vec<Value>> {
    let mut found = vec![document.root()];
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    let mut deep = path.starts_with("//");
    if deep {
        rest = &rest[1..];
    }
    loop {
        let (step, after) = step(rest)?;
        if let Some(name) = step.strip_prefix('@') {
            let is_name = is_name(name);
            let all = found.iter().flat_map(|node| below(*node, deep));
            let values = all.filter_map(|node| node.attribute(name).map(Value::from));
            return (after.is_none() && is_name).then(|| values.collect());
        }
        let (name, tests) = step.split_at(step.find('[').unwrap_or(step.len()));
        if name != "*" && name != "." && !is_name(name) {
            return None;
        }
        let mut next = Vec::new();
        for node in &found {
            for parent in below(*node, deep) {
                let children = parent.children().filter(Node::is_element);
                let mut named: Vec<_> = match name {
                    "." => vec![parent],
                    _ => children
                        .filter(|child| name == "*" || child.tag_name().name() == name)
                        .collect(),
                };
                filter(&mut named, tests)?;
                next.extend(named);
            }
        }
        // A node that is found on two ways is one.
        next.sort_by_key(|node| node.id().get_usize());
        next.dedup_by_key(|node| node.id());
        found = next;
        let Some(after) = after else { break };
        deep = after.starts_with('/');
        rest = after.strip_prefix('/').unwrap_or(after);
    }
    let text = |node: &Node<'_, '_>| {
        node.children()
            .find(Node::is_text)
            .and_then(|child| child.text())
            .map_or(Value::Nil, Value::from)
    };
    Some(found.iter().map(text).collect())
}

/// The first step of a path and the path behind its slash.
fn step(path: &str) -> Option<(&str, Option<&str>)> {
    let mut depth = 0_usize;
    for (at, c) in path.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1)?,
            '/' if depth == 0 => return Some((&path[..at], Some(&path[at + 1..]))),
            _ => {}
        }
    }
    (depth == 0 && !path.is_empty()).then_some((path, None))
}

fn below<'a, 'i>(node: Node<'a, 'i>, deep: bool) -> Vec<Node<'a, 'i>> {
    if deep { node.descendants().filter(|node| !node.is_text()).collect() } else { vec![node] }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
}

/// `[2]`, `[@name]`, `[@name='value']`, `[name='value']`, one after the other.
fn filter(nodes: &mut Vec<Node<'_, '_>>, tests: &str) -> Option<()> {
    let mut rest = tests;
    while !rest.is_empty() {
        let end = rest.find(']')?;
        let test = rest.strip_prefix('[')?.get(..end - 1)?;
        rest = &rest[end + 1..];
        if let Ok(number) = test.parse::<usize>() {
            let chosen = number.checked_sub(1).and_then(|at| nodes.get(at).copied());
            nodes.clear();
            nodes.extend(chosen);
            continue;
        }
        let (what, wanted) = match test.split_once('=') {
            None => (test, None),
            Some((what, value)) => {
                let value = value.trim();
                let quote = value.chars().next().filter(|c| "'\"".contains(*c))?;
                (what.trim(), Some(value.strip_prefix(quote)?.strip_suffix(quote)?))
            }
        };
        let attribute = what.strip_prefix('@');
        if !is_name(attribute.unwrap_or(what)) {
            return None;
        }
        nodes.retain(|node| match (attribute, wanted) {
            (Some(name), None) => node.attribute(name).is_some(),
            (Some(name), Some(wanted)) => node.attribute(name) == Some(wanted),
            (None, wanted) => node.children().any(|child| {
                child.tag_name().name() == what
                    && wanted.is_none_or(|wanted| child.text().unwrap_or_default() == wanted)
            }),
        });
    }
    Some(())
}
