use forge_diag::render;
use forge_store::{OutputKind, Record, Store};
use forge_test::{Editor, read_site};
use serde_json::json;

use crate::{IMAGES, ROLE, TEMPLATE, at, editor, small_site};

/// A file, its text, a part of it, and bytes behind the part's begin.
type Place<'a> = (&'a str, &'a str, &'a str, usize);

fn hover(editor: &mut Editor, (path, text, part, offset): Place<'_>) -> String {
    let params = at(editor, path, text, part, offset);
    let found = editor.request("textDocument/hover", params);
    found["contents"]["value"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn words_are_explained() {
    let site = small_site();
    let mut editor = editor(&site, &json!({}));
    let role = "roles/sched.kdl";
    let cases: [(Place<'_>, &[&str]); 9] = [
        (
            (role, ROLE, "${controller}", 4),
            &["type=\"name\"", "where the controller runs", "roles/sched.kdl:3"],
        ),
        ((role, ROLE, "template=", 3), &["`template` (path in the project)"]),
        ((role, ROLE, "user \"sched\"", 1), &["A local account", "`uid` (whole number)"]),
        ((role, ROLE, "${site}", 3), &["set site=\"x1\"", "images.kdl:8"]),
        (
            ("images.kdl", IMAGES, "role \"sched\"", 8),
            &["The scheduler's daemon", "`debug` type=\"bool\" default=#false"],
        ),
        (("images.kdl", IMAGES, "debug=#true", 2), &["param \"debug\""]),
        (("images.kdl", IMAGES, "archive", 2), &["A tar archive of the project"]),
        (("images.kdl", IMAGES, "base \"tar\"\n", 1), &["name of a `base`"]),
        (("roles/sched.conf.j2", TEMPLATE, "{{ mode", 4), &["param \"mode\" type=\"enum\""]),
    ];
    for (place, want) in cases {
        let found = hover(&mut editor, place);
        for part in want {
            assert!(found.contains(part), "{}: `{part}` is not in\n{found}", place.2);
        }
    }
    assert_eq!(hover(&mut editor, (role, ROLE, "doc \"The", 6)), "");
}

#[test]
fn a_role_line_shows_its_values_and_where_they_come_from() {
    let site = small_site();
    let mut editor = editor(&site, &json!({}));
    let text = IMAGES.replace("set site=\"x1\"", "set site=\"x1\" mode=\"safe\"");
    editor.open("images.kdl", 1, &text);
    let found = hover(&mut editor, ("images.kdl", &text, "role \"sched\"", 1));
    for part in [
        "- `controller`: `\"ctl\"`, given here",
        "- `debug`: `#true`, given here",
        "- `mode`: `\"safe\"`, set by the image `north-a`",
    ] {
        assert!(found.contains(part), "`{part}` is not in\n{found}");
    }
    let text = IMAGES.replace(" debug=#true", "");
    editor.replace("images.kdl", 2, &text);
    let found = hover(&mut editor, ("images.kdl", &text, "role \"sched\"", 1));
    assert!(found.contains("- `debug`: `#false`, by default"), "{found}");
}

#[test]
fn a_node_shows_its_layers() {
    let site = small_site();
    let checked = forge_plan::check(&read_site(&site.project()), forge_test::today());
    let shown =
        render::human(&checked.diagnostics, &checked.source_map, render::HumanOptions::default());
    let plan = checked.plan.unwrap_or_else(|| panic!("{shown}"));
    let mut editor = editor(&site, &json!({}));
    editor.open("images.kdl", 1, IMAGES);
    assert!(editor.findings("images.kdl", Some(1)).is_empty());
    let place = ("images.kdl", IMAGES, "base \"tar\" {", 1);
    let found = hover(&mut editor, place);
    assert!(found.contains("- `base tar`: built by the next build\n"), "{found}");
    // As if it had been built: a record of its plan key.
    let node = plan.nodes.iter().find(|node| node.label == "base tar").unwrap();
    let store = Store::open(&site.scratch().join("store")).unwrap();
    let output = store.put_blob(b"what was made").unwrap();
    let record = Record {
        version: Record::VERSION,
        kind: node.action.kind().to_owned(),
        label: node.label.clone(),
        key: plan.key(node.id),
        plan_key: node.key,
        output,
        output_kind: OutputKind::Blob,
        started: 1_795_693_859,
        duration_ms: 1500,
        size: 5 << 20,
        log: None,
    };
    store.commit_record(&record).unwrap();
    let found = hover(&mut editor, place);
    assert!(found.contains("; 5.0 MiB; built 2026-11-26 11:51 UTC in 1.5 s"), "{found}");
    // While it has mistakes, nobody knows what its layers are.
    editor.replace("images.kdl", 2, &IMAGES.replace("from=", "form="));
    editor.findings("images.kdl", Some(2));
    assert!(!hover(&mut editor, place).contains("Layers"));
}
