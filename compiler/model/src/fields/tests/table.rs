//! The book's table of what enters which key, found by changing each part of the samples.
//!
//! `FORGE_BLESS=1 cargo test -p forge-model` writes the page anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::{Part, others, parts, pointer, samples};
use crate::{Action, KeyField};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/src/reference/keys.md");

const INTRODUCTION: &str = "\
# What enters which key

Both [keys](../concepts/keys.md) of a step are made of its own fields, in this table, and of what
its inputs are. A test changes every part of every kind of step in turn; the fields that then come
out otherwise are the ones printed here. `…` stands for what the part itself says: a path, a name.

Places in files never count, so a comment or a moved line rebuilds nothing. A file of the project
counts by its bytes and its executable bit, not by its name.
";

/// Names of the fields that a part is seen in; none when it does not count.
type Fields = BTreeSet<String>;

/// What is known of the parts below one part.
#[derive(Default)]
struct Tree {
    children: BTreeMap<String, Tree>,
    order: Vec<String>,
    fields: Option<Fields>,
}

impl Tree {
    fn insert(&mut self, part: &[String], fields: Fields) {
        let Some((first, rest)) = part.split_first() else {
            self.fields.get_or_insert_default().extend(fields);
            return;
        };
        if !self.children.contains_key(first) {
            self.order.push(first.clone());
        }
        self.children.entry(first.clone()).or_default().insert(rest, fields);
    }

    /// The one set of fields that everything below is seen in.
    fn one(&self) -> Option<&Fields> {
        let mut all = self.fields.iter().collect::<Vec<_>>();
        for child in self.children.values() {
            all.push(child.one()?);
        }
        let (first, rest) = all.split_first()?;
        rest.iter().all(|fields| fields == first).then_some(first)
    }

    /// Rows, each a list of parts and the fields that they are seen in.
    fn rows(&self, at: &str, rows: &mut Vec<(Vec<String>, Fields)>) {
        let begin = rows.len();
        for name in &self.order {
            let child = &self.children[name];
            let path = match (at, name.as_str()) {
                ("", name) => name.to_owned(),
                (at, index) if index.starts_with('[') => format!("{at}{index}"),
                (at, name) => format!("{at}.{name}"),
            };
            let Some(fields) = child.one() else {
                child.rows(&path, rows);
                continue;
            };
            match rows[begin..].iter_mut().find(|(_, seen)| seen == fields) {
                Some((parts, _)) => parts.push(path),
                None => rows.push((vec![path], fields.clone())),
            }
        }
    }
}

/// The fields of a key with what the action itself says left out of their names.
fn fields(action: &Action) -> Vec<(String, KeyField)> {
    let whole = serde_json::to_value(action).unwrap();
    let mut said = BTreeSet::new();
    texts(&whole, &mut said);
    let mut said: Vec<_> = said.into_iter().collect();
    said.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let named = |field: KeyField| (general(&field.name, &said), field);
    action.key_builder().finish().fields.into_iter().map(named).collect()
}

fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
            // Paths within an image are kept without their first slash.
            found.insert(format!("/{text}"));
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => {
            // Keys of maps are names that a person chose; those of structures are not, and no
            // field's name has one of them as a word by itself.
            found.extend(fields.keys().filter(|key| key.chars().all(char::is_uppercase)).cloned());
            fields.values().for_each(|value| texts(value, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A field's name with `…` for each of `said` that stands in it as a word.
fn general(name: &str, said: &[String]) -> String {
    let boundary = |character: Option<char>| character.is_none_or(|c| " ,/".contains(c));
    let mut name = name.to_owned();
    for text in said.iter().filter(|text| text.len() > 1 || *text == "*") {
        let found = name.match_indices(text.as_str()).find(|(at, _)| {
            boundary(name[..*at].chars().next_back())
                && boundary(name[at + text.len()..].chars().next())
        });
        if let Some((at, _)) = found {
            name.replace_range(at..at + text.len(), "…");
        }
    }
    name
}

/// Names of the fields that are other in one key than in the other.
fn different(old: &Action, new: &Action) -> Fields {
    let (old, new) = (fields(old), fields(new));
    let lacks = |list: &[(String, KeyField)], field: &KeyField| {
        list.iter().all(|(_, other)| other.name != field.name || other.value != field.value)
    };
    let gone = old.iter().filter(|(_, field)| lacks(&new, field));
    let come = new.iter().filter(|(_, field)| lacks(&old, field));
    gone.chain(come).map(|(name, _)| name.clone()).collect()
}

/// A part's name without the positions of lists and the names in maps.
fn spelled(part: &Part, whole: &Value) -> Part {
    let mut spelled = Part::new();
    for (depth, name) in part.iter().enumerate().skip(1) {
        let above = whole.pointer(&pointer(&part[..depth].to_vec())).unwrap();
        let chosen = ["environment", "tags"].contains(&part[depth - 1].as_str());
        // An item of an item is a part of a pair.
        let pair = part[depth - 1].bytes().all(|byte| byte.is_ascii_digit());
        spelled.push(match above.is_array() {
            true if pair => format!("[{name}]"),
            true => "[]".to_owned(),
            false if chosen => "[]".to_owned(),
            false => name.clone(),
        });
    }
    spelled
}

fn page() -> String {
    let mut kinds: Vec<(&str, u32, Tree)> = Vec::new();
    for action in samples() {
        let whole = serde_json::to_value(&action).unwrap();
        let mut all = Vec::new();
        parts(&whole, &Part::new(), &mut all);
        let (kind, version) = (action.kind(), action.version());
        if kinds.last().is_none_or(|(last, _, _)| *last != kind) {
            kinds.push((kind, version, Tree::default()));
        }
        let tree = &mut kinds.last_mut().unwrap().2;
        for part in all {
            let at = pointer(&part);
            let value = whole.pointer(&at).unwrap();
            let place = part.iter().any(|name| name == "origin") && !part.contains(&"tags".into());
            if value.is_object() || value.is_array() || place {
                continue;
            }
            let mut seen = Fields::new();
            for other in others(value) {
                let mut whole = whole.clone();
                *whole.pointer_mut(&at).unwrap() = other;
                if let Ok(other) = serde_json::from_value(whole) {
                    seen.extend(different(&action, &other));
                }
            }
            tree.insert(&spelled(&part, &whole), seen);
        }
    }
    let mut page = INTRODUCTION.to_owned();
    for (kind, version, tree) in kinds {
        let mut rows = Vec::new();
        tree.rows("", &mut rows);
        write!(page, "\n## `{kind}`, version {version}\n\n| part | field |\n|---|---|\n").unwrap();
        let quoted = |names: Vec<String>| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let mut uncounted = Vec::new();
        for (parts, fields) in rows {
            if fields.is_empty() {
                uncounted.extend(parts);
                continue;
            }
            let fields = quoted(fields.into_iter().collect());
            writeln!(page, "| {} | {fields} |", quoted(parts)).unwrap();
        }
        if !uncounted.is_empty() {
            writeln!(page, "\nDoes not count: {}.", quoted(uncounted)).unwrap();
        }
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the page is a file of the book, not of a project")]
fn the_book_prints_what_enters_which_key() {
    let page = page();
    if std::env::var_os("FORGE_BLESS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    let command = "FORGE_BLESS=1 cargo test -p forge-model";
    assert!(found == page, "book/src/reference/keys.md is out of date; run `{command}`");
}
