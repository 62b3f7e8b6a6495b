//! Names in templates.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::walk::Scope;
use super::{Form, Mention, Symbol};
use crate::template::{variable, variables};

/// A template that a role or an image names.
#[derive(Clone, Debug)]
pub(crate) struct TemplateUse {
    /// Relative to the project's root.
    pub(crate) path: String,
    /// What it sees.
    pub(crate) scope: Arc<Scope>,
}

/// What a template speaks of.
#[derive(Clone, Debug)]
pub struct IndexedTemplate {
    /// Its path, relative to the project's root.
    pub path: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// Every name that it reads, for each role that uses it.
    pub mentions: Vec<Mention>,
    /// The parameters that it may read, as it spells them.
    pub names: BTreeSet<String>,
}

pub(super) fn index<'a>(
    uses: impl Iterator<Item = &'a TemplateUse>,
    set: &BTreeSet<String>,
    read: impl Fn(&str) -> Option<Arc<str>>,
) -> Vec<IndexedTemplate> {
    let mut by_path: BTreeMap<&str, Vec<&Scope>> = BTreeMap::new();
    for one in uses {
        by_path.entry(&one.path).or_default().push(&one.scope);
    }
    let mut templates = Vec::new();
    for (path, scopes) in by_path {
        let Some(text) = read(path) else { continue };
        let found = names(&text);
        let mut mentions: Vec<Mention> = Vec::new();
        for scope in &scopes {
            for (name, range) in &found {
                let symbol = symbol(scope, set, name);
                let Range { start, end } = range.clone();
                let form = Form::Variable;
                let mention = Mention { symbol, start, end, declares: false, form };
                if !mentions.contains(&mention) {
                    mentions.push(mention);
                }
            }
        }
        let params = scopes.iter().flat_map(|scope| &scope.params);
        let names = params.chain(set).map(|name| variable(name)).collect();
        templates.push(IndexedTemplate { path: path.into(), text, mentions, names });
    }
    templates
}

fn symbol(scope: &Scope, set: &BTreeSet<String>, name: &str) -> Symbol {
    let same = |known: &&String| variable(known) == name;
    match scope.params.iter().find(same) {
        Some(param) => scope.symbol(param),
        None => Symbol::Set { name: set.iter().find(same).map_or(name, |name| name).to_owned() },
    }
}

/// The variables that a template reads, with their places. Those that it makes itself are left
/// out, and so are all of one that cannot be read.
fn names(text: &str) -> Vec<(String, Range<usize>)> {
    let read = variables(text);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = text.get(at..).and_then(|rest| rest.find('{')).map(|next| at + next) {
        let rest = text.get(begin..).unwrap_or_default();
        let end = match rest.as_bytes().get(1) {
            Some(b'#') => rest.find("#}").map(|end| begin + end + 2),
            Some(b'{') => Some(inside(text, begin + 2, "}}", &read, &mut found)),
            Some(b'%') => Some(inside(text, begin + 2, "%}", &read, &mut found)),
            _ => Some(begin + 1),
        };
        at = end.unwrap_or(text.len());
    }
    found
}

/// Reads an expression or a statement up to its end; gives the byte behind it.
fn inside(
    text: &str,
    begin: usize,
    close: &str,
    read: &BTreeSet<String>,
    found: &mut Vec<(String, Range<usize>)>,
) -> usize {
    let mut at = begin;
    // An attribute or a filter is no variable.
    let mut after = ' ';
    while let Some(rest) = text.get(at..)
        && let Some(c) = rest.chars().next()
    {
        if rest.starts_with(close) {
            return at + close.len();
        }
        if c == '"' || c == '\'' {
            let body = rest.get(1..).unwrap_or_default();
            at += body.find(c).map_or(rest.len(), |end| end + 2);
            after = c;
        } else if c.is_alphanumeric() || c == '_' {
            let length =
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let name = rest.get(..length).unwrap_or_default();
            let argument = rest.get(length..).is_some_and(|next| {
                next.trim_start().starts_with('=') && !next.trim_start().starts_with("==")
            });
            if after != '.' && after != '|' && !argument && read.contains(name) {
                found.push((name.to_owned(), at..at + length));
            }
            at += length;
            after = 'a';
        } else {
            if !c.is_whitespace() {
                after = c;
            }
            at += c.len_utf8();
        }
    }
    text.len()
}
