//! What may stand at the cursor.

use std::collections::BTreeSet;

use forge_model::Sources as _;
use forge_spec::index::IndexedFile;
use forge_spec::reference::{Meaning, below, kind, properties};
use forge_syntax::{Entry, Node, Place, Spot, Value, quote};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionParams, CompletionTextEdit,
    Documentation, TextEdit,
};

use super::hover::param_line;
use super::names;
use crate::server::{Asked, Server};

/// Longer lists are cut, and asked for again with the next letter.
const MOST: usize = 200;

/// One thing that may stand there.
struct Offer {
    label: String,
    /// What is written.
    text: String,
    kind: CompletionItemKind,
    doc: String,
}

impl Offer {
    fn new(label: &str, kind: CompletionItemKind, doc: impl Into<String>) -> Self {
        Self { label: label.to_owned(), text: label.to_owned(), kind, doc: doc.into() }
    }
}

pub(crate) fn completion(server: &mut Server, params: &CompletionParams) -> Option<CompletionList> {
    let asked = names::asked(server, &params.text_document_position)?;
    let index = asked.index.clone();
    let Some(file) = index.files.iter().find(|file| *file.path == *asked.path) else {
        return template(&asked);
    };
    let spot = file.outline.spot(&asked.text, asked.at);
    let completer = Completer { server, asked: &asked, file, spot: &spot };
    let (offers, start) = match spot.place {
        Place::Comment => return None,
        Place::Between => (completer.nodes(), asked.at),
        Place::Name(node) => (completer.nodes(), node.name.span.start as usize),
        Place::Property(node, entry) => {
            let start = entry.name.as_ref().map_or(asked.at, |name| name.span.start as usize);
            (completer.properties(node), start)
        }
        Place::Behind(node) => (completer.entries(node), asked.at),
        Place::Value(node, entry) => completer.value(node, entry),
    };
    Some(list(&asked, offers, start))
}

/// Offers that begin as what was typed does come first; the editor narrows them further.
fn list(asked: &Asked, mut offers: Vec<Offer>, start: usize) -> CompletionList {
    let typed = asked.text.get(start..asked.at).unwrap_or_default().trim_start_matches('"');
    if offers.len() > MOST {
        offers.retain(|offer| offer.label.starts_with(typed));
    }
    let is_incomplete = offers.len() > MOST;
    offers.truncate(MOST);
    let range = asked.range(start, asked.at);
    let item = |offer: Offer| CompletionItem {
        filter_text: Some(offer.text.clone()),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: offer.text })),
        kind: Some(offer.kind),
        documentation: (!offer.doc.is_empty()).then_some(Documentation::String(offer.doc)),
        label: offer.label,
        ..CompletionItem::default()
    };
    CompletionList { is_incomplete, items: offers.into_iter().map(item).collect() }
}

/// Variables of a template, between its braces.
fn template(asked: &Asked) -> Option<CompletionList> {
    let template = asked.index.templates.iter().find(|file| *file.path == *asked.path)?;
    let before = asked.text.get(..asked.at)?;
    let open = before.rfind("{{").max(before.rfind("{%"))?;
    if before.get(open..)?.contains(['}']) {
        return None;
    }
    let word = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    let offers =
        template.names.iter().map(|name| Offer::new(name, CompletionItemKind::VARIABLE, ""));
    Some(list(asked, offers.collect(), word))
}

struct Completer<'a> {
    server: &'a Server,
    asked: &'a Asked,
    file: &'a IndexedFile,
    spot: &'a Spot<'a>,
}

impl Completer<'_> {
    fn parents(&self) -> Vec<&str> {
        self.spot.parents.iter().map(|node| node.name.value.as_str()).collect()
    }

    fn nodes(&self) -> Vec<Offer> {
        let parents = self.parents();
        let mut offers: Vec<Offer> = below(&parents)
            .into_iter()
            .map(|(name, doc)| Offer::new(name, CompletionItemKind::KEYWORD, doc))
            .collect();
        // Lists are given as children of what uses a role.
        if let Some(node) = self.spot.parents.last().filter(|_| parents.len() > 1) {
            offers.extend(
                self.parameters(node)
                    .into_iter()
                    .map(|(name, doc)| Offer::new(&name, CompletionItemKind::FIELD, doc)),
            );
        }
        offers
    }

    /// Parameters of the roles or profiles that a node uses: name, and what it is.
    fn parameters(&self, node: &Node) -> Vec<(String, String)> {
        let of = match node.name.value.as_str() {
            "role" => "role",
            "controls" => "profile",
            _ => return Vec::new(),
        };
        let arguments = node.entries.iter().filter(|entry| entry.name.is_none());
        let names = arguments.filter_map(text);
        let params = names.flat_map(|name| self.asked.index.params(of, name));
        params
            .map(|(file, param)| (param.symbol.name().to_owned(), param_line(file, param)))
            .collect()
    }

    /// Properties that are not given yet.
    fn properties(&self, node: &Node) -> Vec<Offer> {
        let parents = self.parents();
        let known = properties(&parents, &node.name.value);
        let mut all: Vec<(String, String)> = known
            .iter()
            .map(|field| (field.name.to_owned(), format!("{}: {}", field.ty, field.doc)))
            .collect();
        if !parents.is_empty() {
            all.extend(self.parameters(node));
        }
        if parents.as_slice() == ["image"] && node.name.value == "set" {
            let names = self.asked.index.set_names().into_iter();
            all.extend(
                names.chain(["cluster", "type"]).map(|name| (name.to_owned(), String::new())),
            );
        }
        let given: BTreeSet<&str> = node
            .entries
            .iter()
            .filter(|entry| !touches(entry, self.asked.at))
            .filter_map(|entry| entry.name.as_ref().map(|name| name.value.as_str()))
            .collect();
        all.retain(|(name, _)| !given.contains(name.as_str()));
        all.sort();
        all.dedup();
        let offer = |(name, doc): (String, String)| Offer {
            text: format!("{name}="),
            ..Offer::new(&name, CompletionItemKind::PROPERTY, doc)
        };
        all.into_iter().map(offer).collect()
    }

    /// What may follow what a node holds so far.
    fn entries(&self, node: &Node) -> Vec<Offer> {
        let arguments = node.entries.iter().filter(|entry| entry.name.is_none()).count();
        let mut offers = quoted(self.argument(node, arguments));
        offers.extend(self.properties(node));
        offers
    }

    /// Values of the argument of this index.
    fn argument(&self, node: &Node, index: usize) -> Vec<Offer> {
        let parents = self.parents();
        if let Some(table) = kind(&parents, &node.name.value) {
            // Only the last one of some kinds may repeat; all others end with it.
            let many = table.args.last().is_some_and(|field| field.doc.contains("one or more"));
            let field = table.args.get(index).or_else(|| table.args.last().filter(|_| many));
            return field.map_or_else(Vec::new, |field| self.meant(&Meaning::of(field.ty)));
        }
        let Some((parent, above)) = parents.split_last() else { return Vec::new() };
        let child = kind(above, parent)
            .and_then(|table| table.children.iter().find(|child| child.name == node.name.value));
        let takes = child.and_then(|child| child.takes);
        takes.map_or_else(Vec::new, |takes| self.meant(&Meaning::of(takes)))
    }

    fn value(&self, node: &Node, entry: &Entry) -> (Vec<Offer>, usize) {
        let (start, end) = (entry.span.start as usize, entry.span.end as usize);
        let written = self.asked.text.get(start..end).unwrap_or_default();
        let inside = written.starts_with('"');
        let before = self.asked.text.get(start..self.asked.at).unwrap_or_default();
        if let Some(open) =
            before.rfind("${").filter(|open| inside && !before[*open..].contains('}'))
        {
            let offers = self.meant(&Meaning::Parameter);
            return (offers, start + open + 2);
        }
        let meant = if let Some(name) = &entry.name {
            self.property(node, &name.value)
        } else {
            let mut arguments = node.entries.iter().filter(|entry| entry.name.is_none());
            let index = arguments.position(|one| std::ptr::eq(one, entry)).unwrap_or(0);
            self.argument(node, index)
        };
        if inside {
            // A text without its closing quote gets one.
            let closed = written.len() > 1 && written.ends_with('"');
            let end = if closed { "" } else { "\"" };
            let plain = meant.into_iter().filter(|offer| !offer.text.starts_with('#'));
            let offers = plain.map(|offer| Offer { text: format!("{}{end}", offer.text), ..offer });
            return (offers.collect(), start + 1);
        }
        let mut offers = quoted(meant);
        if entry.name.is_none() {
            offers.extend(self.properties(node));
        }
        (offers, start)
    }

    /// Values of a property.
    fn property(&self, node: &Node, name: &str) -> Vec<Offer> {
        let parents = self.parents();
        let known = properties(&parents, &node.name.value);
        let field = known.iter().find(|field| field.name == name);
        if let Some(field) = field {
            return self.meant(&Meaning::of(field.ty));
        }
        let arguments = node.entries.iter().filter(|entry| entry.name.is_none());
        let of = if node.name.value == "controls" { "profile" } else { "role" };
        let params =
            arguments.filter_map(text).flat_map(|owner| self.asked.index.params(of, owner));
        let mut offers = Vec::new();
        for (file, param) in params.filter(|(_, param)| param.symbol.name() == name) {
            offers.extend(self.typed(file, param.head));
        }
        offers
    }

    /// Values of a parameter, by its declared type.
    fn typed(&self, file: &IndexedFile, head: forge_diag::Span) -> Vec<Offer> {
        let nodes = file.outline.nodes.iter().flat_map(|node| &node.children);
        let Some(node) = nodes.into_iter().find(|node| node.head == head) else {
            return Vec::new();
        };
        let ty = node
            .entries
            .iter()
            .find(|entry| entry.name.as_ref().is_some_and(|name| name.value == "type"));
        match ty.and_then(text) {
            Some("bool") => self.meant(&Meaning::Truth),
            Some("enum") => {
                let values = node.children.iter().filter(|child| child.name.value == "values");
                let words = values.flat_map(|child| child.entries.iter().filter_map(text));
                words.map(|word| Offer::new(word, CompletionItemKind::ENUM_MEMBER, "")).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Everything that has a meaning, as it stands between quotes.
    fn meant(&self, meaning: &Meaning) -> Vec<Offer> {
        match meaning {
            Meaning::Reference(kind) => self.declared(kind),
            Meaning::Account => self.with_root("user"),
            Meaning::Group => self.with_root("group"),
            Meaning::Parameter => self.in_scope(),
            Meaning::Package => {
                let names = self.server.host.packages();
                let offer = |name: &String| Offer::new(name, CompletionItemKind::MODULE, "");
                names.iter().map(offer).collect()
            }
            Meaning::ProjectPath => self.paths(),
            Meaning::Truth => ["#true", "#false"]
                .into_iter()
                .map(|word| Offer::new(word, CompletionItemKind::VALUE, ""))
                .collect(),
            Meaning::Words(words) => words
                .iter()
                .map(|word| Offer::new(word, CompletionItemKind::ENUM_MEMBER, ""))
                .collect(),
            Meaning::Name | Meaning::Other => Vec::new(),
        }
    }

    fn declared(&self, kind: &str) -> Vec<Offer> {
        let offer = |one: &forge_spec::index::Declaration| {
            let doc = one.doc.clone().unwrap_or_default();
            Offer::new(one.symbol.name(), CompletionItemKind::REFERENCE, doc)
        };
        self.asked.index.declared(kind).into_iter().map(offer).collect()
    }

    fn with_root(&self, kind: &str) -> Vec<Offer> {
        let mut offers = self.declared(kind);
        if kind == "group" {
            // An account brings a group of its own name.
            offers.extend(self.declared("user"));
        }
        offers.push(Offer::new("root", CompletionItemKind::REFERENCE, ""));
        offers.sort_by(|one, other| one.label.cmp(&other.label));
        offers.dedup_by(|one, other| one.label == other.label);
        offers
    }

    /// Parameters of the role or profile around, and what images set.
    fn in_scope(&self) -> Vec<Offer> {
        let mut offers = Vec::new();
        if let Some(owner) = self.spot.parents.first()
            && let Some(name) = owner.entries.iter().find_map(text)
        {
            for (file, param) in self.asked.index.params(&owner.name.value, name) {
                let doc = param_line(file, param);
                offers.push(Offer::new(param.symbol.name(), CompletionItemKind::VARIABLE, doc));
            }
        }
        let set = self.asked.index.set_names();
        for name in set.into_iter().chain(["cluster", "image", "type"]) {
            if offers.iter().all(|offer| offer.label != name) {
                offers.push(Offer::new(name, CompletionItemKind::VARIABLE, "set by images"));
            }
        }
        offers
    }

    /// Files beside the spec and below it, as the spec names them.
    fn paths(&self) -> Vec<Offer> {
        let directory = self.file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let entries = self.asked.sources.list(directory).unwrap_or_default();
        let files = entries.iter().filter_map(|entry| entry.path.strip_prefix(&prefix));
        let sources = files.filter(|path| !path.ends_with(".kdl") && !path.starts_with('.'));
        sources.map(|path| Offer::new(path, CompletionItemKind::FILE, "")).collect()
    }
}

/// Values as they stand where no quote was typed yet.
fn quoted(offers: Vec<Offer>) -> Vec<Offer> {
    let whole = |offer: Offer| {
        let keyword = offer.text.starts_with('#');
        if keyword { offer } else { Offer { text: quote(&offer.text), ..offer } }
    };
    offers.into_iter().map(whole).collect()
}

fn touches(entry: &Entry, at: usize) -> bool {
    let start = entry.name.as_ref().map_or(entry.span.start, |name| name.span.start);
    start as usize <= at && at <= entry.span.end as usize
}

fn text(entry: &Entry) -> Option<&str> {
    match &entry.value {
        Value::Text(text) => Some(&text.value),
        _ => None,
    }
}
