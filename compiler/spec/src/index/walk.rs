//! Nodes read by the tables of their kinds.

use std::collections::BTreeSet;
use std::sync::Arc;

use forge_diag::{Sink, Span, Spanned};
use forge_syntax::reference::NodeKind;
use forge_syntax::{Entry, Node, Value};

use super::template::TemplateUse;
use super::{Declaration, Form, Mention, Symbol};
use crate::node::matrix;
use crate::paths;
use crate::reference::{Meaning, kind, referable};

/// Whose parameters texts read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// `role` or `profile`, and its name.
    owner: Option<(&'static str, String)>,
    /// Its parameters.
    pub(super) params: Vec<String>,
}

impl Scope {
    /// What a name stands for here.
    pub(super) fn symbol(&self, name: &str) -> Symbol {
        match &self.owner {
            Some((kind, owner)) if *kind == "profile" || self.params.iter().any(|p| p == name) => {
                Symbol::Param { kind, owner: owner.clone(), name: name.to_owned() }
            }
            _ => Symbol::Set { name: name.to_owned() },
        }
    }
}

/// What a file declares and speaks of.
#[derive(Default)]
pub(super) struct Found {
    pub(super) mentions: Vec<Mention>,
    pub(super) declarations: Vec<Declaration>,
    pub(super) set: BTreeSet<String>,
    pub(super) templates: Vec<TemplateUse>,
}

pub(super) fn walk(path: &str, text: &str, nodes: &[Node]) -> Found {
    let mut walker = Walker { path, text, scope: Arc::default(), found: Found::default() };
    for node in nodes {
        walker.scope = Arc::new(scope_of(node));
        walker.node(&mut Vec::new(), node);
    }
    walker.found
}

/// The scope that a declaration opens.
fn scope_of(node: &Node) -> Scope {
    let kind = match node.name.value.as_str() {
        "role" => "role",
        "profile" => "profile",
        _ => return Scope::default(),
    };
    let Some((name, _)) = first_text(node) else { return Scope::default() };
    let params = node.children.iter().filter(|child| child.name.value == "param");
    let params = params.filter_map(|child| first_text(child).map(|(name, _)| name.to_owned()));
    Scope { owner: Some((kind, name.to_owned())), params: params.collect() }
}

/// The first argument, when it is text.
fn first_text(node: &Node) -> Option<(&str, Span)> {
    let first = node.entries.iter().find(|entry| entry.name.is_none())?;
    match &first.value {
        Value::Text(text) => Some((&text.value, first.span)),
        _ => None,
    }
}

struct Walker<'a> {
    path: &'a str,
    text: &'a str,
    scope: Arc<Scope>,
    found: Found,
}

impl<'a> Walker<'a> {
    fn node(&mut self, parents: &mut Vec<&'a str>, node: &'a Node) {
        let table = kind(parents, &node.name.value);
        match table {
            Some(table) => self.by_table(parents, table, node),
            None => self.by_parent(parents, node),
        }
        for entry in &node.entries {
            self.put_in(entry);
        }
        parents.push(&node.name.value);
        for child in &node.children {
            self.node(parents, child);
        }
        parents.pop();
    }

    fn by_table(&mut self, parents: &[&str], table: &'static NodeKind, node: &'a Node) {
        let arguments = node.entries.iter().filter(|entry| entry.name.is_none());
        for (index, entry) in arguments.enumerate() {
            let Some(field) = table.args.get(index).or_else(|| table.args.last()) else { continue };
            let checked = parents.first() == Some(&"profile");
            match Meaning::of(field.ty) {
                // In a control these are what is asked about.
                Meaning::Name if index == 0 && checked => match table.name {
                    "user" | "group" => self.refers(table.name, entry),
                    "param" => self.declare_param(node, entry),
                    _ => {}
                },
                Meaning::Name if index == 0 && table.name == "param" => {
                    self.declare_param(node, entry);
                }
                Meaning::Name | Meaning::Account | Meaning::Group
                    if index == 0 && referable(table.name) =>
                {
                    self.declares(table.name, node, entry);
                }
                meaning => self.value(meaning, entry),
            }
        }
        for (name, entry) in properties(node) {
            match table.props.iter().find(|field| field.name == name.value) {
                Some(field) => {
                    self.value(Meaning::of(field.ty), entry);
                    if field.name == "template" {
                        self.template(entry);
                    }
                }
                None => self.parameters(table, node, name),
            }
        }
        // Lists are given as children.
        if matches!(table.name, "role" | "controls") && !parents.is_empty() {
            for child in &node.children {
                self.parameters(table, node, &child.name);
            }
        }
        if table.name == "profile" && parents.is_empty() {
            self.profile(node);
        }
        if table.name == "images" && parents.is_empty() {
            self.matrix(node);
        }
    }

    /// `profile` is declared by a table of another crate.
    fn profile(&mut self, node: &'a Node) {
        if let Some(entry) = node.entries.iter().find(|entry| entry.name.is_none()) {
            self.declares("profile", node, entry);
        }
    }

    /// Every image that a matrix makes is declared where their name stands.
    fn matrix(&mut self, node: &'a Node) {
        for image in matrix::decode(node, &mut Sink::new()) {
            let name = image.name;
            let symbol = Symbol::Declared { kind: "image", name: name.value };
            let (start, end) = (name.span.start as usize, name.span.end as usize);
            let made = Mention { symbol, start, end, declares: true, form: Form::Made };
            self.declare(made.symbol.clone(), node, name.span);
            self.found.mentions.push(made);
        }
    }

    fn sets(&mut self, node: &Node, name: &str, span: Span) {
        self.found.set.insert(name.to_owned());
        let symbol = Symbol::Set { name: name.to_owned() };
        self.mention(symbol.clone(), span, name, true);
        self.declare(symbol, node, span);
    }

    /// A child without a table: its parent's says what it takes.
    fn by_parent(&mut self, parents: &[&str], node: &'a Node) {
        let Some((parent, above)) = parents.split_last() else { return };
        if matches!(*parent, "image" | "images" | "cell") && node.name.value == "set" {
            let children = node.children.iter().map(|child| &child.name);
            for name in properties(node).map(|(name, _)| name).chain(children) {
                self.sets(node, &name.value, name.span);
            }
            return;
        }
        if *parent == "images" && node.name.value == "axis" {
            if let Some((name, span)) = first_text(node) {
                self.sets(node, name, span);
            }
            return;
        }
        let child = kind(above, parent)
            .and_then(|table| table.children.iter().find(|child| child.name == node.name.value));
        let Some(child) = child else { return };
        for (name, entry) in properties(node) {
            if let Some(field) = child.props.iter().find(|field| field.name == name.value) {
                self.value(Meaning::of(field.ty), entry);
            }
        }
        let Some(takes) = child.takes else { return };
        for entry in node.entries.iter().filter(|entry| entry.name.is_none()) {
            self.value(Meaning::of(takes), entry);
        }
    }

    fn value(&mut self, meaning: Meaning, entry: &Entry) {
        match meaning {
            Meaning::Reference(kind) => self.refers(kind, entry),
            Meaning::Account => self.refers("user", entry),
            Meaning::Group => self.refers("group", entry),
            Meaning::Parameter => {
                if let Some(name) = plain(entry) {
                    let symbol = self.scope.symbol(name);
                    self.mention(symbol, entry.span, name, false);
                }
            }
            Meaning::ProjectPath => {
                if let Some(written) = plain(entry)
                    && let Some(path) = paths::join(self.path, written)
                {
                    self.mention(Symbol::File { path }, entry.span, written, false);
                }
            }
            Meaning::Name
            | Meaning::Package
            | Meaning::Truth
            | Meaning::Words(_)
            | Meaning::Other => {}
        }
    }

    fn refers(&mut self, kind: &'static str, entry: &Entry) {
        if let Some(name) = plain(entry) {
            let symbol = Symbol::Declared { kind, name: name.to_owned() };
            self.mention(symbol, entry.span, name, false);
        }
    }

    fn declares(&mut self, kind: &'static str, node: &Node, entry: &Entry) {
        if let Some(name) = plain(entry) {
            let symbol = Symbol::Declared { kind, name: name.to_owned() };
            self.mention(symbol.clone(), entry.span, name, true);
            self.declare(symbol, node, entry.span);
        }
    }

    fn declare_param(&mut self, node: &Node, entry: &Entry) {
        let (Some(name), Some((kind, owner))) = (plain(entry), self.scope.owner.clone()) else {
            return;
        };
        let symbol = Symbol::Param { kind, owner, name: name.to_owned() };
        self.mention(symbol.clone(), entry.span, name, true);
        self.declare(symbol, node, entry.span);
    }

    fn declare(&mut self, symbol: Symbol, node: &Node, name: Span) {
        let own = properties(node)
            .find(|(name, _)| name.value == "doc")
            .and_then(|(_, entry)| text(entry));
        let below = || {
            let mut docs = node
                .children
                .iter()
                .filter(|child| matches!(child.name.value.as_str(), "doc" | "title"));
            docs.find_map(|child| first_text(child).map(|(text, _)| text))
        };
        let doc = own.or_else(below).map(str::to_owned);
        let (head, span) = (node.head, node.span);
        self.found.declarations.push(Declaration { symbol, name, head, span, doc });
    }

    /// A property or child of a node that uses roles or profiles: one of their parameters.
    fn parameters(&mut self, table: &NodeKind, node: &Node, name: &Spanned<String>) {
        let kind = match table.name {
            "role" => "role",
            "controls" => "profile",
            _ => return,
        };
        let owners = node.entries.iter().filter(|entry| entry.name.is_none()).filter_map(plain);
        for owner in owners {
            let (owner, param) = (owner.to_owned(), name.value.clone());
            let symbol = Symbol::Param { kind, owner, name: param };
            self.mention(symbol, name.span, &name.value, false);
        }
    }

    fn template(&mut self, entry: &Entry) {
        if let Some(path) = plain(entry).and_then(|written| paths::join(self.path, written)) {
            self.found.templates.push(TemplateUse { path, scope: self.scope.clone() });
        }
    }

    /// Every `${name}` of a text.
    fn put_in(&mut self, entry: &Entry) {
        if !matches!(&entry.value, Value::Text(text) if !text.raw) {
            return;
        }
        let (begin, end) = (entry.span.start as usize, entry.span.end as usize);
        let source = self.text.get(begin..end).unwrap_or_default();
        for (at, _) in source.match_indices("${") {
            let rest = source.get(at + 2..).unwrap_or_default();
            let doubled = source.get(..at).is_some_and(|before| before.ends_with('$'));
            let Some((name, _)) = rest.split_once('}').filter(|_| !doubled) else { continue };
            let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if good {
                let start = begin + at + 2;
                let symbol = self.scope.symbol(name);
                let end = start + name.len();
                let mention = Mention { symbol, start, end, declares: false, form: Form::Plain };
                self.found.mentions.push(mention);
            }
        }
    }

    fn mention(&mut self, symbol: Symbol, span: Span, value: &str, declares: bool) {
        let (start, end) = (span.start as usize, span.end as usize);
        let written = self.text.get(start..end).unwrap_or_default();
        let inner = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let (start, end, form) = match inner {
            Some(inner) if inner == value => (start + 1, end - 1, Form::Plain),
            _ if written == value => (start, end, Form::Plain),
            _ => (start, end, Form::Quoted),
        };
        self.found.mentions.push(Mention { symbol, start, end, declares, form });
    }
}

fn properties(node: &Node) -> impl Iterator<Item = (&Spanned<String>, &Entry)> {
    node.entries.iter().filter_map(|entry| entry.name.as_ref().map(|name| (name, entry)))
}

fn text(entry: &Entry) -> Option<&str> {
    match &entry.value {
        Value::Text(text) => Some(&text.value),
        _ => None,
    }
}

/// A text that nothing is put into.
fn plain(entry: &Entry) -> Option<&str> {
    let Value::Text(text) = &entry.value else { return None };
    (!text.value.is_empty() && (text.raw || !text.value.contains("${"))).then_some(&text.value)
}
