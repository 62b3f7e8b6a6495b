//! How values read: `to_s` and `inspect`.

use std::rc::Rc;

use crate::value::Value;

/// Levels of arrays and hashes that are shown; an array may hold itself.
const MAX_DEPTH: usize = 40;

impl Value {
    /// `to_s`.
    pub(crate) fn text(&self) -> Rc<str> {
        match self {
            Self::Nil => "".into(),
            Self::Str(text) | Self::Sym(text) | Self::Const(text) => text.clone(),
            Self::Regex(pattern) => pattern.embedded().into(),
            Self::Range(span) => {
                let dots = if span.exclusive { "..." } else { ".." };
                format!("{}{dots}{}", span.from.text(), span.to.text()).into()
            }
            Self::Match(found) => found.group(0).unwrap_or_default().into(),
            Self::Raised(raised) => raised.message.clone(),
            other => other.inspect().into(),
        }
    }

    /// `inspect`.
    pub(crate) fn inspect(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        if depth > MAX_DEPTH {
            out.push_str("...");
            return;
        }
        match self {
            Self::Nil => out.push_str("nil"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => out.push_str(&value.to_string()),
            Self::Float(value) => out.push_str(&float(*value)),
            Self::Str(text) => out.push_str(&quoted(text)),
            Self::Sym(name) => out.push_str(&symbol(name)),
            Self::Regex(pattern) => out.push_str(&pattern.inspect()),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.borrow().iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    item.write(out, depth + 1);
                }
                out.push(']');
            }
            Self::Hash(map) => {
                out.push('{');
                for (index, (key, value)) in map.borrow().iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    key.write(out, depth + 1);
                    out.push_str("=>");
                    value.write(out, depth + 1);
                }
                out.push('}');
            }
            Self::Set(map) => {
                out.push_str("#<Set: {");
                for (index, (key, _)) in map.borrow().iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    key.write(out, depth + 1);
                }
                out.push_str("}>");
            }
            Self::Range(span) => {
                span.from.write(out, depth + 1);
                out.push_str(if span.exclusive { "..." } else { ".." });
                span.to.write(out, depth + 1);
            }
            other => out.push_str(&other.label()),
        }
    }

    /// What has no content of its own to show.
    fn label(&self) -> String {
        match self {
            Self::Proc(_) => "#<Proc>".to_owned(),
            Self::Match(found) => format!("#<MatchData {}>", quoted(&self.text_of(found.group(0)))),
            Self::Resource(resource) => resource.text(),
            Self::Table(table) => table.text(),
            Self::Row(row) => row.text(),
            Self::Trace(_) => "#<FilterTable::Trace>".to_owned(),
            Self::Moment(moment) => moment.text(),
            Self::Builder(_) => "#<FilterTable::Factory>".to_owned(),
            Self::Object(object) => object.label(),
            Self::Class(class) => class.name.to_string(),
            Self::Const(path) => path.to_string(),
            Self::Matcher(matcher) => matcher.description(),
            Self::Raised(raised) => format!("#<{}: {}>", raised.class, raised.message),
            Self::Context(context) => context.label(),
            Self::Unknown(why) => format!("(not known here: {why})"),
            _ => String::new(),
        }
    }
    fn text_of(&self, group: Option<&str>) -> String {
        group.unwrap_or_default().to_owned()
    }
}

/// `Float#to_s`.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let point = if mantissa.contains('.') { "" } else { ".0" };
        let sign = if exponent.starts_with('-') { "" } else { "+" };
        return format!("{mantissa}{point}e{sign}{exponent:0>2}");
    }
    if value.fract() == 0.0 { format!("{value:.1}") } else { format!("{value}") }
}

/// `String#inspect`.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            '\x1b' => out.push_str("\\e"),
            '#' if matches!(chars.peek(), Some('{' | '$' | '@')) => out.push_str("\\#"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `Symbol#inspect`.
fn symbol(name: &str) -> String {
    let body = name.strip_suffix(['?', '!', '=']).unwrap_or(name);
    let plain = body.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && body.chars().all(|c| c.is_alphanumeric() || c == '_');
    let operator = ["[]", "==", "=~", "<=", ">=", "<", ">", "+", "-", "*", "/", "!"];
    if plain || operator.contains(&name) {
        format!(":{name}")
    } else {
        format!(":{}", quoted(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_as_ruby_has_them() {
        for (value, want) in [
            (Value::Float(1.0), "1.0"),
            (Value::Float(0.5), "0.5"),
            (Value::Float(1e20), "1.0e+20"),
            (Value::from("a\"b\\\n#{x} #y"), r#""a\"b\\\n\#{x} #y""#),
            (Value::sym("a?"), ":a?"),
            (Value::sym("a b"), ":\"a b\""),
            (Value::from(vec![Value::Nil, Value::Int(1)]), "[nil, 1]"),
        ] {
            assert_eq!(value.inspect(), want);
        }
    }
}
