//! Demands as KDL.

use std::fmt::Write as _;

use forge_model::{Operator, Property, Resource, Scalar};

use super::ask::{Clause, One};

/// A text in quotes, of which nothing is put in.
pub(super) fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for character in value.replace("${", "$${").chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            other if other.is_control() => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(other));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A pattern: as it stands where a raw text can hold it.
fn pattern(value: &str) -> String {
    if value.is_empty() {
        return "\"\"".to_owned();
    }
    if value.contains("\"#") || value.chars().any(char::is_control) {
        return text(value);
    }
    format!("#\"{value}\"#")
}

fn scalar(value: &Scalar) -> String {
    match value {
        Scalar::Text(value) => text(value),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Bool(_) | Scalar::Null => format!("#{value}"),
    }
}

fn scalars(values: &[Scalar]) -> String {
    let mut out = String::new();
    for value in values {
        out.push(' ');
        out.push_str(&scalar(value));
    }
    out
}

fn resource(on: &Resource) -> String {
    match on {
        Resource::SshdConfig { .. } => on.kind().to_owned(),
        _ => format!("{} {}", on.kind(), text(on.subject())),
    }
}

fn expectation(property: Property, operator: &Operator) -> String {
    let with = |name: &str, value: String| format!("{property} {name}={value}");
    match operator {
        Operator::IsTrue => property.to_string(),
        Operator::OneOf(values) => format!("{property}{}", scalars(values)),
        Operator::Includes(value) => with("includes", scalar(value)),
        Operator::Matches(regex) => with("matches", pattern(regex)),
        Operator::Min(value) => with("min", scalar(value)),
        Operator::Max(value) => with("max", scalar(value)),
        Operator::Above(value) => with("above", scalar(value)),
        Operator::Below(value) => with("below", scalar(value)),
        Operator::Setting { key, values, separator, section } => {
            let separator = if separator.is_empty() { " " } else { separator };
            let mut out = format!("{property} {}{}", text(key), scalars(values));
            let _ = write!(out, " sep={}", text(separator));
            if let Some(section) = section {
                let _ = write!(out, " section={}", text(section));
            }
            out
        }
        Operator::Document { pointer, values, format } => {
            let format = format.name();
            format!("{property} {}{} format={}", text(pointer), scalars(values), text(format))
        }
        Operator::Keyword { key, values } => format!("{property} {}{}", text(key), scalars(values)),
    }
}

/// A resource with all that is asked of it.
fn node(out: &mut String, depth: usize, ones: &[One]) {
    let Some(first) = ones.first() else { return };
    let indent = |depth: usize| " ".repeat(depth * 4);
    let _ = writeln!(out, "{}{} {{", indent(depth), resource(&first.on));
    for one in ones.iter().filter(|one| !one.negated) {
        let _ = writeln!(out, "{}{}", indent(depth + 1), expectation(one.property, &one.operator));
    }
    let negated: Vec<&One> = ones.iter().filter(|one| one.negated).collect();
    if !negated.is_empty() {
        let _ = writeln!(out, "{}not {{", indent(depth + 1));
        for one in negated {
            let asked = expectation(one.property, &one.operator);
            let _ = writeln!(out, "{}{asked}", indent(depth + 2));
        }
        let _ = writeln!(out, "{}}}", indent(depth + 1));
    }
    let _ = writeln!(out, "{}}}", indent(depth));
}

/// Demands all of which must hold; those on one resource stand together, where the first of them does.
pub(super) fn demands(out: &mut String, depth: usize, clauses: &[Clause]) {
    let mut nodes: Vec<Vec<Vec<One>>> = Vec::new();
    for clause in clauses {
        match clause.as_slice() {
            [choice] => {
                let on = choice.first().map(|one| &one.on);
                let same = nodes.iter_mut().find_map(|node| match node.as_mut_slice() {
                    [ones] if ones.first().map(|one| &one.on) == on => Some(ones),
                    _ => None,
                });
                match same {
                    Some(ones) => {
                        for one in choice {
                            if !ones.contains(one) {
                                ones.push(one.clone());
                            }
                        }
                    }
                    None => nodes.push(vec![choice.clone()]),
                }
            }
            several => nodes.push(several.to_vec()),
        }
    }
    for choices in nodes {
        match choices.as_slice() {
            [ones] => node(out, depth, ones),
            several => {
                let indent = " ".repeat(depth * 4);
                let _ = writeln!(out, "{indent}any-of {{");
                for ones in several {
                    node(out, depth + 1, ones);
                }
                let _ = writeln!(out, "{indent}}}");
            }
        }
    }
}
