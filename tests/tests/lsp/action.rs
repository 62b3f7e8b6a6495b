use forge_test::{Editor, Site};
use serde_json::{Value, json};

use crate::{editor, slice};

const TEXT: &str = "base \"books\" { archive \"b.tar\"; }\nrole \"rôle🦀\" { packages chrony; }\nimage \"i-a\" {\n    base \"boks\"\n    role \"rôle🦀\"\n    file \"/x\" mode=644 { content true; }\n    flie \"/y\"\n}\n";

fn site() -> Site {
    let site = Site::new(&[("a.kdl", TEXT)]);
    site.write("b.tar", "");
    site
}

fn actions(editor: &mut Editor, line: u32, only: &Value) -> Vec<Value> {
    let uri = editor.uri("a.kdl");
    let mut context = json!({ "diagnostics": [] });
    if !only.is_null() {
        context["only"] = only.clone();
    }
    let range = json!({ "start": { "line": line, "character": 0 },
                        "end": { "line": line, "character": 99 } });
    let params = json!({ "textDocument": { "uri": uri }, "range": range, "context": context });
    editor.request("textDocument/codeAction", params).as_array().unwrap().clone()
}

fn titles(actions: &[Value]) -> Vec<&str> {
    actions.iter().map(|action| action["title"].as_str().unwrap()).collect()
}

#[test]
fn helps_mends_are_offered_where_they_belong() {
    let site = site();
    let mut editor = editor(&site, &json!({}));
    editor.open("a.kdl", 1, TEXT);
    let findings = editor.findings("a.kdl", Some(1));
    assert!(findings.len() > 4, "{findings:#?}");
    let quick = json!(["quickfix"]);
    let cases: [(u32, &[&str]); 5] = [
        (0, &[]),
        (1, &["Write `\"chrony\"`"]),
        (3, &["Write `\"books\"`"]),
        (5, &["Write `\"0644\"`", "Write `#true`", "Write `\"true\"`"]),
        (6, &["Write `file`"]),
    ];
    for (line, want) in cases {
        let mut found = actions(&mut editor, line, &quick);
        found
            .sort_by_key(|action| action["diagnostics"][0]["range"]["start"]["character"].as_u64());
        assert_eq!(titles(&found), want, "line {line}");
        for action in found {
            let uri = editor.uri("a.kdl");
            let edits = action["edit"]["changes"][&uri].as_array().unwrap().clone();
            assert_eq!(edits.len(), 1);
            let old = slice(TEXT, &edits[0]["range"]);
            assert!(["chrony", "\"boks\"", "644", "true", "flie"].contains(&old), "{old}");
        }
    }
}

#[test]
fn all_that_is_certain_is_mended_at_once() {
    let site = site();
    let capabilities = json!({ "workspace": { "workspaceEdit": { "documentChanges": true } } });
    let mut editor = editor(&site, &capabilities);
    editor.open("a.kdl", 3, TEXT);
    editor.findings("a.kdl", Some(3));
    let found = actions(&mut editor, 0, &json!(["source"]));
    assert_eq!(titles(&found), ["Mend all that can be meant in one way only"]);
    let change = &found[0]["edit"]["documentChanges"][0];
    assert_eq!(change["textDocument"]["version"], 3);
    let edits = change["edits"].as_array().unwrap();
    let texts: Vec<&str> = edits.iter().map(|edit| edit["newText"].as_str().unwrap()).collect();
    assert_eq!(texts, ["\"chrony\"", "\"0644\""]);
    // A text that went on is not mended at places of the past.
    editor.change("a.kdl", 4, json!([{ "text": format!("\n{TEXT}") }]));
    editor.findings("a.kdl", Some(4));
    assert_eq!(titles(&actions(&mut editor, 2, &json!(["quickfix"]))), ["Write `\"chrony\"`"]);
}
