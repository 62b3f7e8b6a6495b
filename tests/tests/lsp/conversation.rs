use forge_test::Site;
use serde_json::{Value, json};

use crate::editor;

#[test]
fn questions_that_cannot_be_answered_are_refused_and_end_nothing() {
    let site = Site::new(&[]);
    let mut editor = editor(&site, &json!({}));
    let code = |answer: Result<Value, Value>| answer.unwrap_err()["code"].as_i64().unwrap();
    assert_eq!(code(editor.ask("forge/nothing", json!({}))), -32601);
    editor.notify("$/cancelRequest", json!({ "id": 77 }));
    editor.notify("textDocument/didChange", json!({ "nonsense": 1 }));
    editor.notify(
        "textDocument/didOpen",
        json!({
        "textDocument": { "uri": "untitled:x", "languageId": "kdl", "version": 1, "text": "a" } }),
    );
    editor.open("forge.kdl", 1, "project \"test\"\n");
    assert!(editor.findings("forge.kdl", Some(1)).is_empty());
    assert_eq!(editor.quit(), Some(0));
}
