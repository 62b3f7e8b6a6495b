use std::collections::BTreeMap;

use forge_test::{Editor, Site};
use serde_json::{Value, json};

use crate::{IMAGES, ROLE, TEMPLATE, at, editor, example, slice, small_site};

/// `path: text` of each place, in their order.
fn places(editor: &Editor, found: &Value, texts: &[(&str, &str)]) -> Vec<String> {
    let place = |one: &Value| {
        let uri = one["uri"].as_str().unwrap();
        let (path, text) = texts
            .iter()
            .find(|(path, _)| editor.uri(path) == uri)
            .unwrap_or_else(|| panic!("{uri}"));
        let line = one["range"]["start"]["line"].as_u64().unwrap() + 1;
        format!("{path}:{line} {}", slice(text, &one["range"]))
    };
    found.as_array().unwrap().iter().map(place).collect()
}

const TEXTS: [(&str, &str); 4] = [
    ("roles/sched.kdl", ROLE),
    ("images.kdl", IMAGES),
    ("roles/sched.conf.j2", TEMPLATE),
    ("roles/init.sh", "#!/bin/sh\n"),
];

#[test]
fn names_lead_to_where_they_are_declared() {
    let site = small_site();
    let mut editor = editor(&site, &json!({}));
    let role = "roles/sched.kdl";
    let cases: [(&str, &str, &str, usize, &[&str]); 13] = [
        ("images.kdl", IMAGES, "role \"sched\"", 7, &["roles/sched.kdl:1 sched"]),
        ("images.kdl", IMAGES, "controller=", 3, &["roles/sched.kdl:3 controller"]),
        ("images.kdl", IMAGES, "from=\"north-a\"", 8, &["images.kdl:6 north-a"]),
        ("images.kdl", IMAGES, "base \"tar\"\n", 7, &["images.kdl:1 tar"]),
        ("images.kdl", IMAGES, "level=\"ctl\"", 0, &["images.kdl:3 level"]),
        ("images.kdl", IMAGES, "controls \"policy\"", 12, &["images.kdl:2 policy"]),
        // In a control, too, and behind letters of two units.
        ("images.kdl", IMAGES, "owner \"sched\"", 8, &["roles/sched.kdl:6 sched"]),
        (role, ROLE, "${controller}", 4, &["roles/sched.kdl:3 controller"]),
        (role, ROLE, "${site}", 3, &["images.kdl:8 site"]),
        (role, ROLE, "owner=\"sched\"", 8, &["roles/sched.kdl:6 sched"]),
        (role, ROLE, "when \"debug\"", 7, &["roles/sched.kdl:4 debug"]),
        (role, ROLE, "init.sh", 1, &["roles/init.sh:1 "]),
        ("roles/sched.conf.j2", TEMPLATE, "{{ mode", 4, &["roles/sched.kdl:5 mode"]),
    ];
    for (path, text, part, offset, want) in cases {
        let params = at(&editor, path, text, part, offset);
        let found = editor.request("textDocument/definition", params);
        assert_eq!(places(&editor, &found, &TEXTS), want, "{part}");
    }
    let params = at(&editor, role, ROLE, "doc \"The", 1);
    assert_eq!(editor.request("textDocument/definition", params), json!([]));
}

#[test]
fn all_places_that_speak_of_a_name_are_found() {
    let site = small_site();
    let mut editor = editor(&site, &json!({}));
    let mut ask = |all: bool| {
        let mut params = at(&editor, "roles/sched.kdl", ROLE, "param \"controller\"", 8);
        params["context"] = json!({ "includeDeclaration": all });
        let found = editor.request("textDocument/references", params);
        places(&editor, &found, &TEXTS)
    };
    let uses = [
        "images.kdl:9 controller",
        "roles/sched.conf.j2:1 controller",
        "roles/sched.kdl:7 controller",
        "roles/sched.kdl:10 controller",
    ];
    assert_eq!(ask(false), uses);
    assert_eq!(ask(true).len(), uses.len() + 1);
    let params = at(&editor, "roles/sched.kdl", ROLE, "user \"sched\"", 7);
    let found = editor.request("textDocument/documentHighlight", params);
    assert_eq!(found.as_array().unwrap().len(), 2);
}

/// The texts after a rename, by path.
fn renamed(
    editor: &mut Editor,
    (path, text, part, offset): (&str, &str, &str, usize),
    name: &str,
) -> Result<BTreeMap<String, String>, String> {
    let mut params = at(editor, path, text, part, offset);
    params["newName"] = json!(name);
    let edit = editor
        .ask("textDocument/rename", params)
        .map_err(|error| error["message"].as_str().unwrap().to_owned())?;
    let mut texts = BTreeMap::new();
    for (path, text) in TEXTS {
        let Some(edits) = edit["changes"].get(editor.uri(path)) else { continue };
        let mut edits = edits.as_array().unwrap().clone();
        // From the end, so that places stay.
        edits.sort_by_key(|edit| {
            let start = &edit["range"]["start"];
            (start["line"].as_u64(), start["character"].as_u64())
        });
        let mut new = text.to_owned();
        for edit in edits.iter().rev() {
            let old = slice(text, &edit["range"]);
            let start = old.as_ptr() as usize - text.as_ptr() as usize;
            new.replace_range(start..start + old.len(), edit["newText"].as_str().unwrap());
        }
        texts.insert(path.to_owned(), new);
    }
    Ok(texts)
}

#[test]
fn a_name_is_changed_in_all_files_and_the_site_stays_whole() {
    let role = "roles/sched.kdl";
    let cases = [
        (("images.kdl", IMAGES, "role \"sched\"", 7), "scheduler", 2),
        ((role, ROLE, "param \"controller\"", 8), "head-node", 3),
        ((role, ROLE, "${controller}", 3), "head-node", 3),
        (("images.kdl", IMAGES, "image \"north-a\"", 8), "north-z", 1),
        ((role, ROLE, "owner=\"sched\"", 8), "slurm", 2),
        (("images.kdl", IMAGES, "set site", 5), "place", 2),
        (("roles/sched.conf.j2", TEMPLATE, "controller", 2), "head-node", 3),
    ];
    for (place, name, files) in cases {
        let site = small_site();
        let mut editor = editor(&site, &json!({}));
        let texts = renamed(&mut editor, place, name).unwrap();
        assert_eq!(texts.len(), files, "{name}: {texts:#?}");
        for (version, (path, text)) in (1..).zip(&texts) {
            assert_ne!(text, TEXTS.iter().find(|(known, _)| known == path).unwrap().1);
            editor.open(path, version, text);
        }
        // Unsaved, in several texts: still without a mistake.
        let (path, _) = texts.last_key_value().unwrap();
        let found = editor.findings(path, Some(i32::try_from(texts.len()).unwrap()));
        assert!(found.is_empty(), "{name}: {found:#?}\n{texts:#?}");
        if name == "head-node" {
            let template = &texts["roles/sched.conf.j2"];
            assert!(template.contains("{{ head_node }}"), "{template}");
        }
    }
}

#[test]
fn names_that_cannot_be_changed_are_refused_with_the_reason() {
    let site = small_site();
    let mut editor = editor(&site, &json!({}));
    let role = "roles/sched.kdl";
    let cases = [
        (
            (role, ROLE, "param \"controller\"", 8),
            "debug",
            "`debug` of the role `sched` is there already",
        ),
        ((role, ROLE, "param \"controller\"", 8), "1x", "`1x` is no name"),
        (("images.kdl", IMAGES, "role \"sched\"", 7), "a b", "`a b` is no name"),
        ((role, ROLE, "init.sh", 2), "other.sh", "rename the file itself"),
        (("images.kdl", IMAGES, "set type", 5), "kind", ""),
        ((role, ROLE, "doc \"The", 1), "x", "nothing here has a name"),
        (
            ("images.kdl", IMAGES, "image \"north-a\"", 8),
            "north-b",
            "the image `north-b` is there already",
        ),
    ];
    for (place, name, why) in cases {
        match renamed(&mut editor, place, name) {
            Ok(_) => assert_eq!(why, "", "{place:?}"),
            Err(error) => assert!(!why.is_empty() && error.contains(why), "{place:?}: {error}"),
        }
    }
    let params = at(&editor, role, ROLE, "${mode}", 3);
    let found = editor.request("textDocument/prepareRename", params);
    assert_eq!(
        (found["placeholder"].as_str(), slice(ROLE, &found["range"])),
        (Some("mode"), "mode")
    );
}

#[test]
fn what_images_set_for_a_parameter_is_not_renamed_by_halves() {
    let site = example();
    let path = "roles/slurm-client/role.kdl";
    let text = std::fs::read_to_string(site.project().join(path)).unwrap();
    let mut editor = editor(&site, &json!({}));
    let mut params = at(&editor, path, &text, "param \"cluster\"", 8);
    params["newName"] = json!("site");
    let error = editor.ask("textDocument/rename", params).unwrap_err();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("both set by images and a parameter"), "{message}");
}

#[test]
fn a_file_and_the_projects_have_their_symbols() {
    let site = small_site();
    let mut editor = editor(&site, &json!({}));
    let uri = editor.uri("roles/sched.kdl");
    let params = json!({ "textDocument": { "uri": uri } });
    let found = editor.request("textDocument/documentSymbol", params);
    assert_eq!(found[0]["name"], "role sched");
    assert_eq!(slice(ROLE, &found[0]["range"]), ROLE.trim_end());
    let below: Vec<&str> = found[0]["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(below.contains(&"param debug") && below.contains(&"file /etc/é🦀"), "{below:?}");
    let names = |found: Value| -> Vec<String> {
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let found = editor.request("workspace/symbol", json!({ "query": "NTHB" }));
    assert_eq!(names(found), ["north-b"]);
    let found = editor.request("workspace/symbol", json!({ "query": "ctrlr" }));
    assert_eq!(names(found), ["controller", "controllers"]);
}

#[test]
fn a_half_written_text_keeps_its_names() {
    let site = small_site();
    let mut editor = editor(&site, &json!({}));
    // The block is not closed, and a text is not either.
    let broken =
        IMAGES.replace("from=\"north-a\" {", "from=\"north-a\" { role \"sched\" controller=\"");
    editor.open("images.kdl", 1, &broken);
    assert_eq!(editor.findings("images.kdl", Some(1))[0]["code"], "forge::syntax::unclosed");
    let params = at(&editor, "images.kdl", &broken, "{ role \"sched\" controller=\"", 9);
    let found = editor.request("textDocument/definition", params);
    assert_eq!(places(&editor, &found, &TEXTS), ["roles/sched.kdl:1 sched"]);
}

#[test]
fn a_text_is_written_in_the_one_style() {
    let text = "role \"é\"   {\n      packages   \"a\"\n}\n// last\n";
    let site = Site::new(&[("a.kdl", text)]);
    let mut editor = editor(&site, &json!({}));
    let params = json!({ "textDocument": { "uri": editor.uri("a.kdl") },
                         "options": { "tabSize": 2, "insertSpaces": true } });
    let found = editor.request("textDocument/formatting", params.clone());
    let edits = found.as_array().unwrap();
    assert_eq!(edits.len(), 1);
    let old = slice(text, &edits[0]["range"]);
    let new = text.replace(old, edits[0]["newText"].as_str().unwrap());
    assert_eq!(new, "role \"é\" {\n    packages \"a\"\n}\n// last\n");
    editor.open("a.kdl", 1, &new);
    assert_eq!(editor.request("textDocument/formatting", params.clone()), json!([]));
    editor.replace("a.kdl", 2, "role {");
    let error = editor.ask("textDocument/formatting", params).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("`{` is never closed"), "{error}");
}

const MATRIX: &str = "base \"tar\" { archive \"b.tar\"; }
images \"${site}-${kind}\" {
    axis \"site\" \"north\" \"south\"
    axis \"kind\" \"a\" \"b\"
    base \"tar\"
    cell kind=\"b\" { set port=7; }
}
image \"south-c\" from=\"south-b\" { file \"/x\" { content \"${kind}${port}\"; }; }
image \"south-d\" from=\"\"
";

#[test]
fn names_that_a_matrix_makes_are_names() {
    let site = Site::new(&[("images.kdl", MATRIX)]);
    site.write("b.tar", "");
    let mut editor = editor(&site, &json!({}));
    let texts = [("images.kdl", MATRIX)];
    let pattern = "images.kdl:2 \"${site}-${kind}\"";
    let cases: [(&str, usize, &[&str]); 3] = [
        ("from=\"south-b\"", 8, &[pattern]),
        ("content \"${kind}", 12, &["images.kdl:4 kind"]),
        ("${port}", 3, &["images.kdl:6 port"]),
    ];
    for (part, offset, want) in cases {
        let params = at(&editor, "images.kdl", MATRIX, part, offset);
        let found = editor.request("textDocument/definition", params);
        assert_eq!(places(&editor, &found, &texts), want, "{part}");
    }
    let mut params = at(&editor, "images.kdl", MATRIX, "images \"${site}-", 8);
    params["context"] = json!({ "includeDeclaration": false });
    let found = editor.request("textDocument/references", params);
    assert_eq!(places(&editor, &found, &texts), ["images.kdl:8 south-b"]);
    let found = editor
        .request("textDocument/completion", at(&editor, "images.kdl", MATRIX, "from=\"\"", 6));
    let items = found["items"].as_array().or_else(|| found.as_array()).unwrap();
    let labels: Vec<&str> = items.iter().map(|item| item["label"].as_str().unwrap()).collect();
    for name in ["north-a", "north-b", "south-a", "south-b", "south-c"] {
        assert!(labels.contains(&name), "{name}: {labels:?}");
    }
    let mut params = at(&editor, "images.kdl", MATRIX, "from=\"south-b\"", 8);
    params["newName"] = json!("south-x");
    let refused = editor.ask("textDocument/rename", params).unwrap_err();
    assert!(refused["message"].as_str().unwrap().contains("is made by a matrix"), "{refused}");
}

#[test]
fn names_of_the_library_lead_to_a_copy_of_it() {
    let text = "base \"tar\" { archive \"b.tar\"; }
image \"a-b\" { base \"tar\"; role \"std/chrony\"; }
";
    let site = Site::new(&[("images.kdl", text)]);
    site.write("b.tar", "");
    let cache = site.scratch().join("cache");
    let forgec = forge_test::Forgec::new(&site.project(), site.scratch())
        .env("XDG_CACHE_HOME", cache.to_str().unwrap());
    let mut editor = Editor::start(&forgec, &site.project(), &json!({}));
    // A copy that somebody changed is no copy.
    for round in 0..2 {
        let params = at(&editor, "images.kdl", text, "std/chrony", 5);
        let found = editor.request("textDocument/definition", params);
        let uri = found[0]["uri"].as_str().unwrap();
        let path = uri.strip_prefix("file://").unwrap();
        assert!(path.starts_with(cache.to_str().unwrap()), "{path}");
        let copy = std::fs::read_to_string(path).unwrap();
        let declared = slice(&copy, &found[0]["range"]);
        assert_eq!(declared, "std/chrony", "round {round}");
        let permissions = std::fs::metadata(path).unwrap().permissions();
        assert!(permissions.readonly(), "{permissions:?}");
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, "changed").unwrap();
    }
}
