//! Names changed everywhere at once.

use std::collections::BTreeMap;

use forge_spec::index::{Form, Index, Mention, Symbol};
use lsp_types::{PrepareRenameResponse, RenameParams, TextDocumentPositionParams, TextEdit};
use serde_json::Value;

use super::names::{asked, symbols};
use super::{Refusal, edit};
use crate::project::is_library;
use crate::server::{Asked, Server};

pub(crate) fn prepare(
    server: &mut Server,
    params: &TextDocumentPositionParams,
) -> Result<Option<PrepareRenameResponse>, Refusal> {
    let Some(asked) = asked(server, params) else { return Ok(None) };
    let Some(mention) = asked.index.at(&asked.path, asked.at).first().copied() else {
        return Ok(None);
    };
    let symbols = renamable(&asked)?;
    let placeholder = symbols.first().map_or("", Symbol::name).to_owned();
    let range = asked.range(mention.start, mention.end);
    Ok(Some(PrepareRenameResponse::RangeWithPlaceholder { range, placeholder }))
}

pub(crate) fn rename(server: &mut Server, params: &RenameParams) -> Result<Option<Value>, Refusal> {
    let Some(asked) = asked(server, &params.text_document_position) else { return Ok(None) };
    let symbols = renamable(&asked)?;
    let new = params.new_name.as_str();
    check_name(&asked.index, &symbols, new)?;
    let mut files: BTreeMap<String, Vec<TextEdit>> = BTreeMap::new();
    for (path, mention) in asked.index.mentions(&symbols) {
        let range = asked.range_in(path, mention.start, mention.end);
        let edit = TextEdit { range, new_text: Index::written(mention.form, new) };
        files.entry(format!("{}/{path}", asked.root)).or_default().push(edit);
    }
    Ok(Some(edit::workspace_edit(server, files)))
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

/// What is spoken of, when all its places are known and are of nothing else.
fn renamable(asked: &Asked) -> Result<Vec<Symbol>, Refusal> {
    let index = &asked.index;
    let symbols = symbols(asked);
    let Some(first) = symbols.first() else { return refuse("nothing here has a name") };
    if let Symbol::File { .. } = first {
        return refuse("rename the file itself; forge only names it");
    }
    let name = first.name();
    let places = index.mentions(&symbols);
    if !places.iter().any(|(_, one)| one.declares) {
        return refuse(format!("the project does not declare `{name}`"));
    }
    if places.iter().any(|(path, one)| one.declares && is_library(path)) {
        return refuse(format!("`{name}` is declared by the shipped library"));
    }
    if places.iter().any(|(_, one)| one.form == Form::Made) {
        return refuse(format!("`{name}` is made by a matrix: change its text or its axes"));
    }
    // The value of an image's `set` reaches parameters by their name alone.
    let flows = match first {
        Symbol::Set { .. } => is_param(index, name),
        Symbol::Param { .. } => index.set_names().contains(name),
        Symbol::Declared { .. } | Symbol::File { .. } => false,
    };
    if flows {
        return refuse(format!(
            "`{name}` is both set by images and a parameter: the value is passed on by its name"
        ));
    }
    for (path, place) in &places {
        let other = |one: &&Mention| {
            one.start == place.start && one.end == place.end && !symbols.contains(&one.symbol)
        };
        if let Some(other) = index.at(path, place.start).into_iter().find(other) {
            return refuse(format!(
                "`{name}` in `{path}` also speaks of {}",
                described(&other.symbol)
            ));
        }
    }
    Ok(symbols)
}

fn is_param(index: &Index, name: &str) -> bool {
    let declared = index.files.iter().flat_map(|file| &file.declarations);
    declared
        .into_iter()
        .any(|one| matches!(&one.symbol, Symbol::Param { name: known, .. } if known == name))
}

fn described(symbol: &Symbol) -> String {
    match symbol {
        Symbol::Declared { kind, name } => format!("the {kind} `{name}`"),
        Symbol::Param { kind, owner, name } => format!("`{name}` of the {kind} `{owner}`"),
        Symbol::Set { name } => format!("what images set as `{name}`"),
        Symbol::File { path } => format!("the file `{path}`"),
    }
}

fn check_name(index: &Index, symbols: &[Symbol], new: &str) -> Result<(), Refusal> {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let (param, variable) = symbols.first().map_or((false, false), |symbol| {
        let param = matches!(symbol, Symbol::Param { .. } | Symbol::Set { .. });
        let mentions = index.mentions(symbols);
        (param, mentions.iter().any(|(_, one)| one.form == Form::Variable))
    });
    let good = !new.is_empty() && new.chars().all(letters);
    let word = new.starts_with(|c: char| c.is_ascii_alphabetic()) && !new.contains(['.', '/']);
    if !good || (param && !word) {
        return refuse(format!("`{new}` is no name: letters, digits, `-` and `_`"));
    }
    for symbol in symbols {
        let renamed = match symbol.clone() {
            Symbol::Declared { kind, .. } => Symbol::Declared { kind, name: new.to_owned() },
            Symbol::Param { kind, owner, .. } => {
                Symbol::Param { kind, owner, name: new.to_owned() }
            }
            Symbol::Set { .. } => Symbol::Set { name: new.to_owned() },
            Symbol::File { .. } => continue,
        };
        if renamed == *symbol {
            continue;
        }
        if index.mentions(std::slice::from_ref(&renamed)).iter().any(|(_, one)| one.declares) {
            return refuse(format!("{} is there already", described(&renamed)));
        }
    }
    // Templates spell `-` as `_`.
    let clash = param && variable && {
        let spelled = Index::written(Form::Variable, new);
        index.templates.iter().any(|template| {
            let uses = template.mentions.iter().any(|one| symbols.contains(&one.symbol));
            uses && template.names.contains(&spelled)
                && symbols.iter().all(|one| Index::written(Form::Variable, one.name()) != spelled)
        })
    };
    if clash { refuse(format!("a template reads `{new}` already")) } else { Ok(()) }
}
