//! Changes of texts, as the editor takes them.

use std::collections::BTreeMap;

use lsp_types::TextEdit;
use serde_json::{Value, json};

use crate::server::Server;
use crate::uri;

/// Changes by absolute path, as a `WorkspaceEdit`: with the versions of open texts, so that none
/// is applied to a text that went on, where the editor takes them.
pub(crate) fn workspace_edit(server: &Server, files: BTreeMap<String, Vec<TextEdit>>) -> Value {
    let known = files.into_iter().filter_map(|(path, edits)| {
        let open = server.documents.get(&path);
        let uri = open.map_or_else(|| uri::from_path(&path), |open| Some(open.uri.clone()))?;
        Some((uri, open.map(|open| open.version), edits))
    });
    if server.client.document_changes {
        let change = |(uri, version, edits)| {
            let edits: Vec<TextEdit> = edits;
            json!({ "textDocument": { "uri": uri, "version": version }, "edits": edits })
        };
        return json!({ "documentChanges": known.map(change).collect::<Vec<_>>() });
    }
    let changes = known.map(|(uri, _, edits)| (uri.to_string(), json!(edits)));
    json!({ "changes": changes.collect::<serde_json::Map<_, _>>() })
}
