//! YAML as Ruby reads it: `yes` and `off` are booleans, `0644` is octal.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::map::Map;
use crate::value::Value;

/// Values that a text may have, aliases counted each time.
const MOST: usize = 500_000;

/// Levels of lists and maps.
const MAX_DEPTH: usize = 100;

enum Open {
    List(Vec<Value>, usize),
    Map(Map, Option<Value>, usize),
}

/// The first document of a text.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    document(text).or_else(|why| {
        let closed = closed_where_opened(text);
        let tried = document(&closed).or_else(|_| document(&quotes_indented(text)));
        tried.or_else(|_| document(&quotes_indented(&closed))).map_err(|_| why)
    })
}

/// A text whose quoted scalars go on deep inside of their lines: libyaml takes those lines at any
/// indentation, and YAML 1.2 does not. Blanks at their begin are no content.
fn quotes_indented(text: &str) -> String {
    const DEEP: &str = "                                                            ";
    let mut out = String::with_capacity(text.len() * 2);
    let mut open = None;
    for line in text.lines() {
        if let Some(quote) = open {
            out.push_str(DEEP);
            out.push_str(line.trim_start());
            if closes(line, quote) {
                open = None;
            }
        } else {
            out.push_str(line);
            open = opens(line);
        }
        out.push('\n');
    }
    out
}

/// The quote that a line opens and leaves open.
fn opens(line: &str) -> Option<char> {
    let mut value = line.trim_start();
    while let Some(item) = value.strip_prefix("- ") {
        value = item.trim_start();
    }
    if !value.starts_with(['"', '\'']) {
        value = value.split_once(": ")?.1.trim_start();
    }
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    (!closes(&value[1..], quote)).then_some(quote)
}

/// Whether a quote is closed in a text.
fn closes(text: &str, quote: char) -> bool {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quote == '"' => {
                chars.next();
            }
            // Two of a single quote stand for one.
            c if c == quote && (quote == '"' || chars.next_if_eq(&'\'').is_none()) => return true,
            _ => {}
        }
    }
    false
}

/// A text whose lines never begin with a closing brace or bracket: libyaml, which Ruby reads by,
/// takes one at any indentation, and YAML 1.2 does not.
fn closed_where_opened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let closes = line.trim_start().starts_with(['}', ']']);
        out.push_str(if closes || out.is_empty() { " " } else { "\n" });
        out.push_str(line);
    }
    out.split_off(1.min(out.len()))
}

fn document(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: std::collections::BTreeMap<usize, (Value, usize)> =
        std::collections::BTreeMap::new();
    let mut count = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| tag.suffix.clone());
                (scalar(&text, style, tag.as_deref()), anchor)
            }
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List(Vec::new(), anchor));
                if open.len() > MAX_DEPTH {
                    return Err(format!("lists and maps are nested more than {MAX_DEPTH} deep"));
                }
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map(Map::default(), None, anchor));
                if open.len() > MAX_DEPTH {
                    return Err(format!("lists and maps are nested more than {MAX_DEPTH} deep"));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items, anchor)) => (items.into(), anchor),
                Some(Open::Map(map, _, anchor)) => (map.into(), anchor),
                None => continue,
            },
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some((value, size)) => {
                    count += size;
                    (value.clone(), 0)
                }
                None => return Err("an alias without an anchor".to_owned()),
            },
            Event::DocumentEnd => break,
            _ => continue,
        };
        count += 1;
        if count > MOST {
            return Err(format!("the text has more than {MOST} values"));
        }
        if anchor > 0 {
            anchors.insert(anchor, (value.clone(), size(&value)));
        }
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Map(map, key @ None, _)) => {
                let _ = &map;
                *key = Some(value);
            }
            Some(Open::Map(map, key, _)) => {
                if let Some(key) = key.take() {
                    insert(map, key, value);
                }
            }
        }
    }
    Ok(Value::Nil)
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.borrow().iter().map(size).sum::<usize>(),
        Value::Hash(map) => 1 + map.borrow().iter().map(|(_, value)| size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// `<<` takes over the entries of another map.
fn insert(map: &mut Map, key: Value, value: Value) {
    match (&key, &value) {
        (Value::Str(name), Value::Hash(other)) if &**name == "<<" => {
            for (key, value) in other.borrow().iter() {
                if !map.contains(key) {
                    map.insert(key.clone(), value.clone());
                }
            }
        }
        _ => map.insert(key, value),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&str>) -> Value {
    if tag == Some("str") || style != ScalarStyle::Plain {
        return text.into();
    }
    if tag == Some("regexp") || tag == Some("ruby/regexp") {
        let body = text.strip_prefix('/').and_then(|t| t.rsplit_once('/'));
        let (source, options) = body.unwrap_or((text, ""));
        return Value::Regex(std::rc::Rc::new(crate::pattern::Pattern::new(source, options)));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Nil,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    if let Some(name) = text.strip_prefix(':').filter(|name| is_word(name)) {
        return Value::sym(name);
    }
    number(text).unwrap_or_else(|| text.into())
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn number(text: &str) -> Option<Value> {
    let plain = text.replace(['_', ','], "");
    let digits = plain.strip_prefix(['-', '+']).unwrap_or(&plain);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || text.starts_with(['_', ','])
    {
        return None;
    }
    let sign = if plain.starts_with('-') { -1 } else { 1 };
    let radix =
        |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(|v| Value::Int(v * sign));
    if let Some(hex) = digits.strip_prefix("0x") {
        return radix(hex, 16);
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return radix(octal, 8);
    }
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
        return radix(digits, 8);
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return radix(digits, 10);
    }
    let float =
        digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    let dots = digits.bytes().filter(|b| *b == b'.').count();
    if float && dots == 1 && digits.len() > 1 {
        return plain.parse().ok().map(Value::Float);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_as_ruby_has_them() {
        for (text, want) in [
            ("yes", "true"),
            ("off", "false"),
            ("'yes'", "\"yes\""),
            ("0644", "420"),
            ("'0644'", "\"0644\""),
            ("1_000", "1000"),
            ("1.5", "1.5"),
            ("1.2.3", "\"1.2.3\""),
            ("~", "nil"),
            (":a", ":a"),
            ("-3", "-3"),
            ("08", "\"08\""),
            ("[a, 1]", "[\"a\", 1]"),
            ("{a: {b: c}}", "{\"a\"=>{\"b\"=>\"c\"}}"),
            ("a: &x {b: 1}\nc: {<<: *x, d: 2}", "{\"a\"=>{\"b\"=>1}, \"c\"=>{\"b\"=>1, \"d\"=>2}}"),
            ("|\n  a\n  b\n", "\"a\\nb\\n\""),
            (
                "- a:\n  b: \"c \\\n  d\n\n  e\"\n  f: 'it''s\n  g'",
                "[{\"a\"=>nil, \"b\"=>\"c d\\ne\", \"f\"=>\"it's g\"}]",
            ),
            ("- a:\n    b: {\n      c: 1\n    }\n- d", "[{\"a\"=>{\"b\"=>{\"c\"=>1}}}, \"d\"]"),
        ] {
            assert_eq!(parse(text).map(|value| value.inspect()).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let below = format!("*a{}", level - 1);
            let items = vec![below; 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        assert!(parse(&text).is_err());
    }
}
