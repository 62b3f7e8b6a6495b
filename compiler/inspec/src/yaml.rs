//! YAML as Ruby reads it, by libyaml: `yes` and `off` are booleans, `0644` is octal, and what stands in
//! quotes or brackets may be indented as it likes.

use std::collections::BTreeMap;

use libyaml_safer::{EventData, Parser, ScalarStyle};

use crate::map::Map;
use crate::value::Value;

/// Values that a text may have, aliases counted each time.
const MOST: usize = 500_000;

/// Levels of lists and maps.
const MAX_DEPTH: usize = 100;

/// A list or a map that is not closed yet, with its anchor.
enum Open {
    List(Vec<Value>, Option<String>),
    Map(Map, Option<Value>, Option<String>),
}

/// The first document of a text.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: BTreeMap<String, (Value, usize)> = BTreeMap::new();
    let mut count = 0_usize;
    let mut bytes = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut bytes);
    for event in parser {
        let (value, anchor) = match event.map_err(|error| error.to_string())?.data {
            EventData::Scalar { anchor, tag, value, style, .. } => {
                (scalar(&value, style, tag.as_deref()), anchor)
            }
            EventData::SequenceStart { anchor, .. } => {
                begin(&mut open, Open::List(Vec::new(), anchor))?;
                continue;
            }
            EventData::MappingStart { anchor, .. } => {
                begin(&mut open, Open::Map(Map::default(), None, anchor))?;
                continue;
            }
            EventData::SequenceEnd | EventData::MappingEnd => match open.pop() {
                Some(Open::List(items, anchor)) => (items.into(), anchor),
                Some(Open::Map(map, _, anchor)) => (map.into(), anchor),
                None => continue,
            },
            EventData::Alias { anchor } => match anchors.get(&anchor) {
                Some((value, size)) => {
                    count += size;
                    (value.clone(), None)
                }
                None => return Err(format!("the alias `{anchor}` has no anchor")),
            },
            EventData::DocumentEnd { .. } => break,
            _ => continue,
        };
        count += 1;
        if count > MOST {
            return Err(format!("the text has more than {MOST} values"));
        }
        if let Some(anchor) = anchor {
            anchors.insert(anchor, (value.clone(), size(&value)));
        }
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Map(map, key, _)) => match key.take() {
                None => *key = Some(value),
                Some(key) => insert(map, key, value),
            },
        }
    }
    Ok(Value::Nil)
}

fn begin(open: &mut Vec<Open>, one: Open) -> Result<(), String> {
    if open.len() >= MAX_DEPTH {
        return Err(format!("lists and maps are nested more than {MAX_DEPTH} deep"));
    }
    open.push(one);
    Ok(())
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
    // `tag:yaml.org,2002:str` and `!ruby/regexp` by their last words.
    let tag = tag.map(|tag| tag.rsplit_once([':', '!']).map_or(tag, |(_, word)| word));
    if matches!(tag, Some("str" | "")) || style != ScalarStyle::Plain {
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
            ("- a: [\n  'b',\n  'c'\n  ]\n- d", "[{\"a\"=>[\"b\", \"c\"]}, \"d\"]"),
            ("- !ruby/regexp /a/i\n- !!str 5\n- ! 6", "[/a/i, \"5\", \"6\"]"),
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
