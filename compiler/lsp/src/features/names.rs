//! Where names are declared and spoken of.

use forge_model::Sources as _;
use forge_spec::index::Symbol;
use lsp_types::{
    DocumentHighlight, DocumentHighlightKind, DocumentHighlightParams, GotoDefinitionParams,
    Location, ReferenceParams, TextDocumentPositionParams,
};

use crate::server::{Asked, Server};

/// What is spoken of at a place, the same thing under its other kinds included.
pub(super) fn symbols(asked: &Asked) -> Vec<Symbol> {
    let mut found = Vec::new();
    for mention in asked.index.at(&asked.path, asked.at) {
        for symbol in asked.index.family(&mention.symbol) {
            if !found.contains(&symbol) {
                found.push(symbol);
            }
        }
    }
    found
}

pub(super) fn asked(server: &mut Server, at: &TextDocumentPositionParams) -> Option<Asked> {
    server.asked(&at.text_document.uri, at.position)
}

pub(crate) fn definition(server: &mut Server, params: &GotoDefinitionParams) -> Vec<Location> {
    let Some(asked) = asked(server, &params.text_document_position_params) else {
        return Vec::new();
    };
    let symbols = symbols(&asked);
    let declared = asked.index.mentions(&symbols).into_iter().filter(|(_, one)| one.declares);
    let places = declared.map(|(path, one)| (path, one.start, one.end));
    let files = symbols.iter().filter_map(|symbol| match symbol {
        Symbol::File { path } => Some((file(&asked, path)?, 0, 0)),
        _ => None,
    });
    places
        .map(|(path, start, end)| (path.to_owned(), start, end))
        .chain(files)
        .filter_map(|(path, start, end)| asked.location(&path, start, end))
        .collect()
}

/// The file that a path names; the first one of a directory.
fn file(asked: &Asked, path: &str) -> Option<String> {
    if asked.sources.stat(path).is_ok() {
        return Some(path.to_owned());
    }
    asked.sources.list(path).ok()?.first().map(|entry| entry.path.clone())
}

pub(crate) fn references(server: &mut Server, params: &ReferenceParams) -> Vec<Location> {
    let Some(asked) = asked(server, &params.text_document_position) else { return Vec::new() };
    let all = params.context.include_declaration;
    let found = asked.index.mentions(&symbols(&asked));
    found
        .into_iter()
        .filter(|(_, one)| all || !one.declares)
        .filter_map(|(path, one)| asked.location(path, one.start, one.end))
        .collect()
}

pub(crate) fn highlights(
    server: &mut Server,
    params: &DocumentHighlightParams,
) -> Vec<DocumentHighlight> {
    let Some(asked) = asked(server, &params.text_document_position_params) else {
        return Vec::new();
    };
    let found = asked.index.mentions(&symbols(&asked));
    found
        .into_iter()
        .filter(|(path, _)| *path == asked.path)
        .map(|(_, one)| DocumentHighlight {
            range: asked.range(one.start, one.end),
            kind: Some(if one.declares {
                DocumentHighlightKind::WRITE
            } else {
                DocumentHighlightKind::READ
            }),
        })
        .collect()
}
