//! What a word means, and where its value comes from.

use forge_diag::Span;
use forge_spec::index::{Declaration, IndexedFile, Symbol};
use forge_spec::reference::{Meaning, kind, properties};
use forge_syntax::reference::{Default, Field, NodeKind};
use forge_syntax::{Entry, Node, Place, Spot};
use lsp_types::{Hover, HoverContents, HoverParams, MarkupContent, MarkupKind};

use super::{layer, names};
use crate::project::is_library;
use crate::server::{Asked, Server};

pub(crate) fn hover(server: &mut Server, params: &HoverParams) -> Option<Hover> {
    let asked = names::asked(server, &params.text_document_position_params)?;
    let index = asked.index.clone();
    let file = index.files.iter().find(|file| *file.path == *asked.path);
    let spot = file.map(|file| file.outline.spot(&asked.text, asked.at));
    let mut parts = Vec::new();
    for symbol in names::symbols(&asked) {
        parts.extend(symbol_text(&asked, &symbol));
    }
    let span = match spot.as_ref().map(|spot| spot.place) {
        Some(Place::Name(node)) => {
            parts.extend(node_text(server, &asked, spot.as_ref()?, node));
            Some(node.name.span)
        }
        Some(Place::Property(node, entry)) => {
            parts.extend(field_text(spot.as_ref()?, node, entry).filter(|_| parts.is_empty()));
            entry.name.as_ref().map(|name| name.span)
        }
        Some(Place::Value(node, entry)) => {
            if parts.is_empty() {
                parts.extend(package_text(server, spot.as_ref()?, node, entry));
                parts.extend(field_text(spot.as_ref()?, node, entry));
            }
            Some(entry.span)
        }
        Some(Place::Comment | Place::Between | Place::Behind(_)) | None => None,
    };
    if parts.is_empty() {
        return None;
    }
    let mention = asked.index.at(&asked.path, asked.at).first().map(|one| (one.start, one.end));
    let range = mention.or_else(|| span.map(|span| (span.start as usize, span.end as usize)));
    let value = parts.join("\n\n---\n\n");
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value }),
        range: range.map(|(start, end)| asked.range(start, end)),
    })
}

/// A node's name: its kind, what it says here, its layers.
fn node_text(server: &Server, asked: &Asked, spot: &Spot<'_>, node: &Node) -> Option<String> {
    let parents: Vec<&str> = spot.parents.iter().map(|node| node.name.value.as_str()).collect();
    let mut text = match kind(&parents, &node.name.value) {
        Some(table) => kind_text(table),
        None => child_text(&parents, &node.name.value)?,
    };
    if node.name.value == "role"
        && !parents.is_empty()
        && let Some(values) = values_text(asked, spot, node)
    {
        text += &format!("\n\n{values}");
    }
    if let Some(states) = layer::states(server, asked, node) {
        text += &format!("\n\n**Layers**\n\n{states}");
    }
    Some(text)
}

/// A child that has no table of its own.
fn child_text(parents: &[&str], name: &str) -> Option<String> {
    let (parent, above) = parents.split_last()?;
    let child = kind(above, parent)?.children.iter().find(|child| child.name == name)?;
    let mut text = format!("`{name}`: {}", child.doc);
    if !child.props.is_empty() {
        text.push('\n');
    }
    for field in child.props {
        text += &format!("\n- {}", field_line(field));
    }
    Some(text)
}

fn kind_text(table: &NodeKind) -> String {
    let mut text = format!("**{}**: {}\n", table.name, table.doc);
    for field in table.args.iter().chain(table.props) {
        text += &format!("\n- {}", field_line(field));
    }
    for child in table.children {
        text += &format!("\n- `{{ {} }}`: {}", child.name, child.doc);
    }
    if !table.example.is_empty() {
        text += &format!("\n\n```kdl\n{}\n```", table.example);
    }
    text
}

fn field_line(field: &Field) -> String {
    let holds = match field.default {
        Default::Required => "; must be given".to_owned(),
        Default::None => String::new(),
        Default::Is(value) => format!("; `{value}` without"),
    };
    format!("`{}` ({}): {}{holds}", field.name, field.ty, field.doc)
}

/// A property, or what an argument is.
pub(super) fn field_of(spot: &Spot<'_>, node: &Node, entry: &Entry) -> Option<&'static Field> {
    let parents: Vec<&str> = spot.parents.iter().map(|node| node.name.value.as_str()).collect();
    if let Some(name) = &entry.name {
        let known = properties(&parents, &node.name.value);
        return known.iter().find(|field| field.name == name.value);
    }
    let table = kind(&parents, &node.name.value)?;
    let mut arguments = node.entries.iter().filter(|entry| entry.name.is_none());
    let index = arguments.position(|one| std::ptr::eq(one, entry))?;
    table.args.get(index).or_else(|| table.args.last())
}

fn field_text(spot: &Spot<'_>, node: &Node, entry: &Entry) -> Option<String> {
    field_of(spot, node, entry).map(field_line)
}

fn package_text(server: &Server, spot: &Spot<'_>, node: &Node, entry: &Entry) -> Option<String> {
    let field = field_of(spot, node, entry)?;
    let forge_syntax::Value::Text(text) = &entry.value else { return None };
    if Meaning::of(field.ty) != Meaning::Package {
        return None;
    }
    let known = server.host.packages();
    let found = known.binary_search(&text.value).is_ok();
    match (known.is_empty(), found) {
        (true, _) => None,
        (false, true) => Some(format!("`{}` is in the package lists of this store", text.value)),
        (false, false) => Some(format!("`{}` is in no package list of this store", text.value)),
    }
}

fn symbol_text(asked: &Asked, symbol: &Symbol) -> Option<String> {
    let declared = asked.index.declarations(symbol);
    if declared.is_empty() {
        return match symbol {
            Symbol::Set { name } if ["cluster", "type", "image"].contains(&name.as_str()) => {
                Some(format!("`{name}`: from the image's name, where no image sets it"))
            }
            _ => None,
        };
    }
    let mut text = String::new();
    for (file, one) in declared {
        text += &declaration_text(asked, file, one);
    }
    if let Symbol::Declared { kind: kind @ ("role" | "profile"), name } = symbol {
        for (file, param) in asked.index.params(kind, name) {
            text += &format!("\n- {}", param_line(file, param));
        }
    }
    Some(text)
}

fn declaration_text(asked: &Asked, file: &IndexedFile, one: &Declaration) -> String {
    let line =
        file.text.get(..one.head.start as usize).map_or(1, |text| text.matches('\n').count() + 1);
    let doc = one.doc.as_ref().map_or_else(String::new, |doc| format!("{doc}\n\n"));
    let place = match uri_of(asked, file) {
        Some(uri) => format!("[{}:{line}]({uri}#L{line})", file.path),
        None => format!("{}:{line}", file.path),
    };
    format!("```kdl\n{}\n```\n\n{doc}{place}\n", file.slice(one.head))
}

fn uri_of(asked: &Asked, file: &IndexedFile) -> Option<String> {
    if is_library(&file.path) {
        return None;
    }
    let uri = crate::uri::from_path(&format!("{}/{}", asked.root, file.path))?;
    Some(uri.as_str().to_owned())
}

/// A parameter in a line: name, what it takes, what it is for.
pub(super) fn param_line(file: &IndexedFile, param: &Declaration) -> String {
    let rest = Span { start: param.name.end, ..param.head };
    let about = file.slice(rest).split(" doc=").next().unwrap_or_default();
    let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
    let doc = param.doc.as_ref().map_or_else(String::new, |doc| format!(": {doc}"));
    format!("`{}` {about}{doc}", param.symbol.name())
}

/// The values that a role's parameters have where it is used, each with its source.
fn values_text(asked: &Asked, spot: &Spot<'_>, node: &Node) -> Option<String> {
    let name = node.entries.iter().find(|entry| entry.name.is_none())?;
    let forge_syntax::Value::Text(role) = &name.value else { return None };
    let params = asked.index.params("role", &role.value);
    let image = spot.parents.first().filter(|node| node.name.value == "image");
    let mut text = String::new();
    for (file, param) in params {
        let name = param.symbol.name();
        let value = given(asked, node, name)
            .map(|value| format!("`{value}`, given here"))
            .or_else(|| image.and_then(|image| set(asked, image, name)))
            .or_else(|| default(file, param).map(|value| format!("`{value}`, by default")))
            .unwrap_or_else(|| "no value".to_owned());
        text += &format!("\n- `{name}`: {value}");
    }
    (!text.is_empty()).then(|| format!("**Parameters of `{}`**\n{text}", role.value))
}

/// The value on the line, or in the node's children, as it is written.
fn given(asked: &Asked, node: &Node, name: &str) -> Option<String> {
    let slice = |span: Span| asked.text.get(span.start as usize..span.end as usize);
    written(node, name, slice)
}

fn written<'a>(node: &Node, name: &str, slice: impl Fn(Span) -> Option<&'a str>) -> Option<String> {
    let property = node
        .entries
        .iter()
        .find(|entry| entry.name.as_ref().is_some_and(|given| given.value == name));
    if let Some(property) = property {
        return slice(property.span).map(str::to_owned);
    }
    let child = node.children.iter().find(|child| child.name.value == name)?;
    let values = child.entries.iter().filter_map(|entry| slice(entry.span));
    Some(values.collect::<Vec<_>>().join(" "))
}

/// What the image, or one that it is made from, sets.
fn set(asked: &Asked, image: &Node, name: &str) -> Option<String> {
    /// A chain longer than this is a cycle.
    const LONGEST: usize = 32;
    let mut current = image.clone();
    let mut text = asked.text.clone();
    for _ in 0..LONGEST {
        let slice = |span: Span| text.get(span.start as usize..span.end as usize);
        let sets = current.children.iter().filter(|child| child.name.value == "set");
        if let Some(value) = sets.filter_map(|set| written(set, name, slice)).next_back() {
            let of = first_text(&current).unwrap_or_default();
            return Some(format!("`{value}`, set by the image `{of}`"));
        }
        let from = current
            .entries
            .iter()
            .find(|entry| entry.name.as_ref().is_some_and(|given| given.value == "from"))?;
        let forge_syntax::Value::Text(from) = &from.value else { return None };
        let (file, node) = asked.index.files.iter().find_map(|file| {
            let images = file.outline.nodes.iter().filter(|node| node.name.value == "image");
            let mut named = images.filter(|node| first_text(node) == Some(from.value.as_str()));
            named.next().map(|node| (file, node))
        })?;
        (text, current) = (file.text.clone(), node.clone());
    }
    None
}

fn first_text(node: &Node) -> Option<&str> {
    match &node.entries.iter().find(|entry| entry.name.is_none())?.value {
        forge_syntax::Value::Text(text) => Some(&text.value),
        _ => None,
    }
}

/// A parameter's default, as it is written.
fn default(file: &IndexedFile, param: &Declaration) -> Option<String> {
    let slice = |span: Span| Some(file.slice(span));
    let roles = file.outline.nodes.iter().flat_map(|node| &node.children);
    let node = roles.into_iter().find(|node| node.head == param.head)?;
    written(node, "default", slice)
}
