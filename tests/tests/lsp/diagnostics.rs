use forge_test::Site;
use serde_json::json;

use crate::{editor, example, slice};

const ROLE: &str = "role \"r\" {\n    param \"port\" type=\"int\"\n    file \"/é🦀\" mode=0644 { content \"${port}\"; }\n}\n";
const IMAGE: &str =
    "base \"b\" { archive \"b.tar\"; }\nimage \"i-a\" { base \"b\"; role \"r\" port=1; }\n";

fn site() -> Site {
    let site = Site::new(&[("role.kdl", ROLE), ("image.kdl", IMAGE)]);
    site.write("b.tar", "");
    site
}

#[test]
fn mistakes_come_without_a_file_being_opened() {
    let site = site();
    let mut editor = editor(&site, &json!({}));
    let found = editor.findings("role.kdl", None);
    assert_eq!(found.len(), 1, "{found:#?}");
    let first = &found[0];
    assert_eq!(first["code"], "forge::spec::mode");
    assert_eq!((&first["severity"], &first["source"]), (&json!(1), &json!("forge")));
    let message = first["message"].as_str().unwrap();
    assert!(message.contains("help: write \"0644\""), "{message}");
    // Two letters of one and two units stand before it.
    assert_eq!(slice(ROLE, &first["range"]), "0644");
    assert_eq!(first["range"]["start"]["character"], 21);
    assert_eq!(editor.quit(), Some(0));
}

#[test]
fn bytes_are_counted_where_the_editor_offers_it() {
    let site = site();
    let capabilities = json!({ "general": { "positionEncodings": ["utf-8", "utf-16"] } });
    let mut editor = editor(&site, &capabilities);
    let found = editor.findings("role.kdl", None);
    assert_eq!(found[0]["range"]["start"]["character"], 24);
}

#[test]
fn unsaved_texts_are_judged_as_they_are_typed() {
    let site = site();
    let mut editor = editor(&site, &json!({}));
    editor.open("role.kdl", 1, ROLE);
    assert_eq!(editor.findings("role.kdl", Some(1)).len(), 1);
    // `mode=0644` becomes `mode="0644"`, behind letters of two units.
    let quote = |character: u32| {
        json!({
        "range": { "start": { "line": 2, "character": character },
                   "end": { "line": 2, "character": character } },
        "text": "\"" })
    };
    editor.change("role.kdl", 2, json!([quote(25), quote(21)]));
    assert!(editor.findings("role.kdl", Some(2)).is_empty());
    // A mistake in one text shows in another, which is not open.
    editor.replace("role.kdl", 3, &ROLE.replace("0644", "\"0644\"").replace("port", "ports"));
    let found = editor.findings("image.kdl", None);
    let codes: Vec<&str> = found.iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["forge::spec::param-missing", "forge::spec::param-unknown"]);
    editor.findings("role.kdl", Some(3));
    let related = &found[0]["relatedInformation"][0];
    assert_eq!(related["location"]["uri"], editor.uri("role.kdl"));
    assert_eq!(slice(&ROLE.replace("port", "ports"), &related["location"]["range"]), "\"ports\"");
    // What was never saved is gone when the text is closed.
    let uri = editor.uri("role.kdl");
    editor.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri } }));
    assert!(editor.findings("image.kdl", None).is_empty());
    assert_eq!(editor.findings("role.kdl", None)[0]["code"], "forge::spec::mode");
}

#[test]
fn a_new_file_counts_before_it_is_saved() {
    let site = site();
    let mut editor = editor(&site, &json!({}));
    editor.findings("role.kdl", None);
    editor.open("more.kdl", 1, "image \"i-b\" { base \"none\"; }\n");
    let found = editor.findings("more.kdl", Some(1));
    assert_eq!(found[0]["code"], "forge::spec::undefined");
    editor.replace("more.kdl", 2, "image \"i-b\" { base \"b\"; }\n");
    assert!(editor.findings("more.kdl", Some(2)).is_empty());
}

#[test]
fn files_that_change_on_the_disk_are_read_again() {
    let site = site();
    let capabilities =
        json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } });
    let mut editor = editor(&site, &capabilities);
    let request = editor.asked("client/registerCapability");
    let method = &request["params"]["registrations"][0]["method"];
    assert_eq!(method, "workspace/didChangeWatchedFiles");
    editor.send(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": null }));
    assert_eq!(editor.findings("role.kdl", None).len(), 1);
    site.write("role.kdl", ROLE.replace("0644", "\"0644\""));
    let uri = editor.uri("role.kdl");
    editor.notify(
        "workspace/didChangeWatchedFiles",
        json!({ "changes": [{ "uri": uri, "type": 2 }] }),
    );
    assert!(editor.findings("role.kdl", None).is_empty());
}

#[test]
fn a_broken_text_has_its_mistake_and_hides_no_other_file() {
    let site = site();
    let mut editor = editor(&site, &json!({}));
    editor.open("image.kdl", 1, IMAGE);
    editor.findings("image.kdl", Some(1));
    for (version, text) in (2..).zip(["image \"i-a\" {", "image \"", "}}}", "\u{0}", "a b=", ""]) {
        editor.replace("image.kdl", version, text);
        let found = editor.findings("image.kdl", Some(version));
        assert_eq!(found.is_empty(), text.is_empty(), "{text:?}: {found:#?}");
    }
    editor.replace("image.kdl", 100, IMAGE);
    assert!(editor.findings("image.kdl", Some(100)).is_empty());
}

#[test]
fn the_example_site_has_no_mistakes() {
    let site = example();
    let mut editor = editor(&site, &json!({}));
    let path = "roles/munge/role.kdl";
    let text = std::fs::read_to_string(site.project().join(path)).unwrap();
    editor.open(path, 1, &text);
    assert!(editor.findings(path, Some(1)).is_empty());
    editor.replace(path, 2, &text.replace("packages \"munge\"", "packages munge"));
    assert_eq!(editor.findings(path, Some(2))[0]["code"], "forge::syntax::bare");
    assert_eq!(editor.quit(), Some(0));
}
