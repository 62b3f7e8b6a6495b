//! Mends of findings.

use std::collections::BTreeMap;

use forge_diag::{Fix, SourceMap, sure_fixes};
use lsp_types::{CodeActionContext, CodeActionKind, CodeActionParams, Range, TextEdit};
use serde_json::{Value, json};

use super::edit;
use crate::diagnostics::Places;
use crate::server::Server;
use crate::uri;

/// Everything of the file that can be meant in one way only.
const FIX_ALL: &str = "source.fixAll";

pub(crate) fn actions(server: &Server, params: &CodeActionParams) -> Value {
    Value::Array(found(server, params).unwrap_or_default())
}

fn found(server: &Server, params: &CodeActionParams) -> Option<Vec<Value>> {
    let path = uri::to_path(&params.text_document.uri)?;
    let project = server.known_project(&path)?;
    let relative = project.relative(&path)?;
    let judged = project.judged.as_ref()?;
    // The places of findings of another state are not those of this text.
    let version = server.documents.get(&path).map(|document| document.version);
    if project.generation != judged.generation || judged.versions.get(relative).copied() != version
    {
        return Some(Vec::new());
    }
    let map = &judged.map;
    let mut places = Places::new(&project.root, map, server.client.encoding);
    let mut edit = |fixes: &[Fix]| {
        let edits = edits(fixes, map, &project.root, &mut places);
        edit::workspace_edit(server, edits)
    };
    let shown = judged.files.get(relative).map_or(&[][..], Vec::as_slice);
    let mut actions = Vec::new();
    if wants(&params.context, CodeActionKind::QUICKFIX.as_str()) {
        for (shown, ours) in shown.iter().filter(|(shown, _)| touches(shown.range, params.range)) {
            for (index, fix) in ours.fixes.iter().enumerate() {
                actions.push(json!({
                    "title": title(fix, map),
                    "kind": "quickfix",
                    "diagnostics": [shown],
                    "isPreferred": index == 0,
                    "edit": edit(std::slice::from_ref(fix)),
                }));
            }
        }
    }
    let file = map.files().find(|file| &*map.path(*file) == relative);
    if let Some(file) = file.filter(|_| wants(&params.context, FIX_ALL)) {
        let all: Vec<_> = shown.iter().map(|(_, ours)| ours.clone()).collect();
        let fixes = sure_fixes(&all, file);
        if !fixes.is_empty() {
            actions.push(json!({
                "title": "Mend all that can be meant in one way only",
                "kind": FIX_ALL,
                "edit": edit(&fixes),
            }));
        }
    }
    Some(actions)
}

/// Whether the editor asked for this kind: for all of them, or for a kind that holds it.
fn wants(context: &CodeActionContext, kind: &str) -> bool {
    context.only.as_ref().is_none_or(|only| {
        only.iter().any(|asked| {
            let rest = kind.strip_prefix(asked.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('.') || asked.as_str().is_empty()
            })
        })
    })
}

fn touches(one: Range, other: Range) -> bool {
    one.start <= other.end && other.start <= one.end
}

fn title(fix: &Fix, map: &SourceMap) -> String {
    /// Longer texts are no title.
    const LONGEST: usize = 60;
    let shown = |text: &str| {
        let line = text.lines().next().unwrap_or_default();
        let short: String = line.chars().take(LONGEST).collect();
        if short.len() < text.len() { format!("{short}…") } else { short }
    };
    let (old, new) = (shown(map.slice(fix.span)), shown(&fix.text));
    match (fix.span.is_empty(), fix.text.is_empty()) {
        (_, true) => format!("Take `{old}` away"),
        (true, false) => format!("Add `{new}`"),
        (false, false) => format!("Write `{new}`"),
    }
}

fn edits(
    fixes: &[Fix],
    map: &SourceMap,
    root: &str,
    places: &mut Places<'_>,
) -> BTreeMap<String, Vec<TextEdit>> {
    let mut files: BTreeMap<String, Vec<TextEdit>> = BTreeMap::new();
    for fix in fixes {
        let path = format!("{root}/{}", map.path(fix.span.file));
        let edit = TextEdit { range: places.range(fix.span), new_text: fix.text.clone() };
        files.entry(path).or_default().push(edit);
    }
    files
}
