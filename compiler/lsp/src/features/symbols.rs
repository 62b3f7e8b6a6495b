//! Names of a file, and of all projects.

use forge_spec::index::{Declaration, Symbol};
use forge_syntax::{Node, Value};
use lsp_types::{
    DocumentSymbol, DocumentSymbolParams, SymbolInformation, SymbolKind, WorkspaceSymbolParams,
};

use crate::position::Lines;
use crate::server::{Asked, Server};
use crate::uri;

pub(crate) fn of_document(
    server: &mut Server,
    params: &DocumentSymbolParams,
) -> Vec<DocumentSymbol> {
    let Some(asked) = server.asked_file(&params.text_document.uri) else { return Vec::new() };
    let file = asked.index.files.iter().find(|file| *file.path == *asked.path);
    let nodes = file.map_or(&[][..], |file| file.outline.nodes.as_slice());
    nodes.iter().filter_map(|node| symbol(&asked, node)).collect()
}

fn symbol(asked: &Asked, node: &Node) -> Option<DocumentSymbol> {
    let kind = node.name.value.as_str();
    if kind.is_empty() {
        return None;
    }
    let arguments: Vec<&str> = node
        .entries
        .iter()
        .filter(|entry| entry.name.is_none())
        .filter_map(|entry| match &entry.value {
            Value::Text(text) => text.value.lines().next().filter(|line| !line.trim().is_empty()),
            _ => None,
        })
        .collect();
    let name = match arguments.as_slice() {
        [] => kind.to_owned(),
        all => format!("{kind} {}", all.join(" ")),
    };
    let range = |start: u32, end: u32| asked.range(start as usize, end as usize);
    let children: Vec<_> = node.children.iter().filter_map(|child| symbol(asked, child)).collect();
    #[expect(deprecated, reason = "the field has no default")]
    Some(DocumentSymbol {
        name,
        detail: None,
        kind: symbol_kind(kind),
        tags: None,
        deprecated: None,
        range: range(node.name.span.start, node.span.end.max(node.head.end)),
        selection_range: range(node.head.start, node.head.end),
        children: (!children.is_empty()).then_some(children),
    })
}

fn symbol_kind(kind: &str) -> SymbolKind {
    match kind {
        "image" => SymbolKind::MODULE,
        "role" => SymbolKind::CLASS,
        "profile" => SymbolKind::INTERFACE,
        "base" | "mirror" | "packages" | "kernel" | "repository" => SymbolKind::PACKAGE,
        "secret" => SymbolKind::KEY,
        "param" | "set" => SymbolKind::VARIABLE,
        "control" | "run" => SymbolKind::FUNCTION,
        "file" | "directory" | "link" | "unit" => SymbolKind::FILE,
        _ => SymbolKind::PROPERTY,
    }
}

/// Declarations whose name holds the letters that were typed, in their order.
pub(crate) fn of_projects(
    server: &mut Server,
    params: &WorkspaceSymbolParams,
) -> Vec<SymbolInformation> {
    /// An editor shows a screenful.
    const MOST: usize = 500;
    let (host, encoding) = (server.host.clone(), server.client.encoding);
    let mut found = Vec::new();
    for project in server.projects.values_mut() {
        let Ok(index) = project.index(host.as_ref(), &server.documents) else { continue };
        for file in &index.files {
            let lines = Lines::new(&file.text);
            let wanted = |one: &&Declaration| {
                !matches!(one.symbol, Symbol::Set { .. }) && holds(one.symbol.name(), &params.query)
            };
            for one in file.declarations.iter().filter(wanted) {
                let path = format!("{}/{}", project.root, file.path);
                let Some(uri) = uri::from_path(&path) else { continue };
                let (start, end) = (one.name.start as usize, one.name.end as usize);
                let range = lines.range(&file.text, start, end, encoding);
                found.push(information(one, lsp_types::Location { uri, range }));
            }
        }
    }
    found.truncate(MOST);
    found
}

fn information(one: &Declaration, location: lsp_types::Location) -> SymbolInformation {
    let (kind, container) = match &one.symbol {
        Symbol::Declared { kind, .. } => (*kind, (*kind).to_owned()),
        Symbol::Param { kind, owner, .. } => ("param", format!("{kind} {owner}")),
        Symbol::Set { .. } | Symbol::File { .. } => ("set", "set".to_owned()),
    };
    #[expect(deprecated, reason = "the field has no default")]
    SymbolInformation {
        name: one.symbol.name().to_owned(),
        kind: symbol_kind(kind),
        tags: None,
        deprecated: None,
        location,
        container_name: Some(container),
    }
}

/// Whether `name` holds the letters of `query` in their order.
fn holds(name: &str, query: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    query.chars().flat_map(char::to_lowercase).all(|c| letters.any(|one| one == c))
}
