//! What plan says is what the next build does: on a small base, as root.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use forge_test::{Built, SmallSite, Turn, shaped};
use serde_json::Value;

const SITE: &str = "site.kdl";
const APP: &str = "roles/app/role.kdl";
const TOOL: &str = "roles/tool/role.kdl";

/// A change of the project.
enum Change {
    /// A text in a file, and another in its place.
    Edit(&'static str, &'static str, &'static str),
    /// A file as a whole.
    Write(&'static str, &'static str),
    /// A file goes.
    Remove(&'static str),
}

use Change::{Edit, Remove, Write};

/// What a change is called, and its edits; each stands on the changes before it.
const CHANGES: &[(&str, &[Change])] = &[
    ("the content of a file", &[Edit(APP, "\"one\"", "\"two\"")]),
    ("the mode of a file", &[Edit(TOOL, "\"/etc/tool.conf\"", "\"/etc/tool.conf\" mode=\"0600\"")]),
    (
        "a new role",
        &[
            Write(
                "roles/new/role.kdl",
                "role \"new\" {\n    file \"/etc/new\" { content \"x\"; }\n}\n",
            ),
            Edit(SITE, "    role \"app\"\n", "    role \"app\"\n    role \"new\"\n"),
        ],
    ),
    ("a comment alone", &[Edit(APP, "role \"app\"", "// A comment.\nrole \"app\"")]),
    (
        "a script",
        &[Edit(
            "roles/app/data.sh",
            ": > /usr/lib/data.tmp",
            ": > /usr/lib/data.tmp\n: > /usr/lib/more",
        )],
    ),
    ("a script that does the same", &[Edit("roles/app/data.sh", ": >", "# The same.\n: >")]),
    ("an input of a script", &[Edit("roles/app/data.txt", "data", "other")]),
    ("a parameter", &[Edit(SITE, "greeting=\"hello\"", "greeting=\"hello you\"")]),
    ("the version of a secret", &[Edit(SITE, "version=1", "version=2")]),
    ("a control at the tree", &[Edit("policy.kdl", "exists; mode max=\"0644\"", "exists")]),
    (
        "a control in the container",
        &[Edit("policy.kdl", "\"cat /usr/lib/tool\"", "\"cat /usr/lib/tool #\"")],
    ),
    ("the level of the output", &[Edit(SITE, "compress=\"gzip\"", "compress=\"gzip\" level=2")]),
    (
        "a file in another line",
        &[Edit(
            APP,
            "    file \"/etc/app.conf\" { content \"two\"; }\n",
            "\n\n    file \"/etc/app.conf\" { content \"two\"; }\n",
        )],
    ),
    (
        "another image",
        &[Write(
            "gpu.kdl",
            "image \"test-gpu\" from=\"test-node\" {\n    set type=\"gpu\"\n    \
             file \"/etc/gpu\" { content \"4\"; }\n}\n",
        )],
    ),
    ("a file that two images share", &[Edit(APP, "\"two\"", "\"three\"")]),
    ("an image less", &[Remove("gpu.kdl")]),
    ("a role less", &[Edit(SITE, "    role \"new\"\n", ""), Remove("roles/new/role.kdl")]),
    ("nothing", &[]),
];

fn apply(lab: &SmallSite, changes: &[Change]) {
    for change in changes {
        match change {
            Edit(file, old, new) => lab.edit(file, old, new),
            Write(file, text) => lab.site.write(file, text),
            Remove(file) => fs::remove_file(lab.site.project().join(file)).unwrap(),
        }
    }
}

fn plan(lab: &SmallSite, arguments: &[&str]) -> Value {
    let arguments = [&["plan", "--format", "json"], arguments].concat();
    shaped("plan", &lab.forgec.run(&arguments).expect(0).stdout)
}

/// Labels of the steps of a plan, with a word about each.
fn steps(plan: &Value, word: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for image in plan["images"].as_array().unwrap() {
        for step in image["steps"].as_array().unwrap() {
            let label = step["step"].as_str().unwrap().to_owned();
            // Of a step that is gone nothing is done.
            let Some(word) = step[word].as_str() else { continue };
            found.entry(label).or_default().insert(word.to_owned());
        }
    }
    found
}

/// Compares what the preview against the store said with what was done.
fn compare_with_store(name: &str, preview: &Value, built: &Built) {
    let said = steps(preview, "outlook");
    for (label, outlooks) in &said {
        if outlooks.contains("builds") {
            assert!(
                built.done.contains(label),
                "{name}: `{label}` was to be done\n{preview:#}\n{built:#?}"
            );
        }
    }
    for label in &built.done {
        assert!(
            said.contains_key(label),
            "{name}: nothing was said of `{label}`\n{preview:#}\n{built:#?}"
        );
    }
}

/// Compares what the preview against the last revision said with what was done.
fn compare_with_revision(name: &str, preview: &Value, built: &Built) {
    let said = steps(preview, "change");
    let outside = |label: &&String| !said.contains_key(*label);
    let unsaid: Vec<_> = built.done.iter().filter(outside).collect();
    assert!(unsaid.is_empty(), "{name}: nothing was said of {unsaid:?}\n{preview:#}\n{built:#?}");
    // A store that remembers an older state may have some of what changes, but not all of it.
    let changed: Vec<_> = said
        .iter()
        .filter(|(_, kinds)| kinds.contains("changed"))
        .map(|(label, _)| label)
        .collect();
    let some = changed.iter().any(|label| built.done.contains(*label));
    assert!(some || changed.is_empty(), "{name}: {changed:?} were kept\n{built:#?}");
    let unchanged = preview["images"].as_array().unwrap().is_empty();
    assert!(!unchanged || built.done.is_empty(), "{name}: {built:#?}");
}

#[test]
fn plan_says_what_the_next_build_does() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    let first = plan(&lab, &[]);
    let built = lab.build();
    compare_with_store("from nothing", &first, &built);
    for (name, changes) in CHANGES {
        apply(&lab, changes);
        let of_store = plan(&lab, &[]);
        let of_revision = plan(&lab, &["--against", "HEAD"]);
        let built = lab.build();
        compare_with_store(name, &of_store, &built);
        compare_with_revision(name, &of_revision, &built);
        let after = plan(&lab, &[]);
        assert_eq!(after["images"], Value::Array(Vec::new()), "{name}: not all was done");
        lab.site.commit(name);
        lab.build().expect(&[]);
    }
}

/// A step of a plan, by its label.
fn step<'a>(plan: &'a Value, label: &str) -> &'a Value {
    let steps = plan["images"][0]["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == label).unwrap_or_else(|| panic!("{label}: {plan:#}"))
}

/// Root cause and cascade are told apart, with old value, new value and place; earlier builds tell
/// how long things take.
#[test]
fn plan_and_why_name_the_cause() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    let first = plan(&lab, &[]);
    assert_eq!(first["work"]["steps"], first["work"]["unknown"]);
    lab.build();
    lab.edit(APP, "\"one\"", "\"two\"");
    lab.edit("policy.kdl", "exists; mode max=\"0644\"", "exists; mode max=\"0664\"");
    let changed = plan(&lab, &[]);
    assert_eq!(changed["work"]["unknown"], 0, "{changed:#}");
    let file = step(&changed, "app/files");
    let place = serde_json::json!({ "file": APP, "line": 3, "column": 5 });
    assert_eq!((&file["change"], &file["outlook"]), (&"changed".into(), &"builds".into()));
    let content = serde_json::json!([{
        "name": "content of /etc/app.conf",
        "old": forge_model::Digest::of(b"one\n").to_hex(),
        "new": forge_model::Digest::of(b"two\n").to_hex(),
        "origin": place,
        "lines": "@@ -1 +1 @@\n-one\n+two\n",
    }]);
    assert_eq!(file["fields"], content);
    assert_eq!((&file["last"]["same"], &file["last"]["bytes"]), (&false.into(), &4.into()));
    let stamp = step(&changed, "stamp");
    assert_eq!(stamp["change"], "cascade", "{stamp:#}");
    assert_eq!(stamp["follows"][0], "app/files");
    assert!(step(&changed, "pack")["last"]["bytes"].as_u64().unwrap() > 100_000, "{changed:#}");
    assert_eq!(changed["images"][0]["controls"][0]["name"], "tree-1");
    let fields = &step(&changed, "controls, tree")["fields"];
    assert_eq!(fields[0]["name"], "control policy/tree-1", "{fields:#}");
    assert_eq!(fields[0]["new"], "file /usr/lib/data: mode stays within \"0664\"");
    assert_eq!(fields[0]["origin"]["line"], 5);
    let why = |arguments: &[&str]| {
        let arguments = [&["why", "test-node", "--format", "json"], arguments].concat();
        shaped("why", &lab.forgec.run(&arguments).expect(0).stdout)
    };
    assert_eq!(why(&["app/files"])["steps"][0]["fields"], file["fields"]);
    assert_eq!(why(&["base small"])["steps"][0]["outlook"], "cached");
    lab.build();
    assert_eq!(why(&[])["steps"], Value::Array(Vec::new()));
    // Back again: the very step was done before, and its result is still there.
    lab.edit(APP, "\"two\"", "\"one\"");
    lab.build();
    // A control of another file judges the same tree: nothing else is a cause.
    lab.edit("policy.kdl", "exists; mode max=\"0664\"", "exists; mode max=\"0660\"");
    let text = lab.forgec.run(&["why", "test-node"]).expect(0).stdout;
    assert!(text.contains("0664") && text.contains("0660"), "{text}");
    assert!(!text.contains('{'), "{text}");
}

/// Previews neither open secrets nor write anything.
#[test]
fn plan_leaves_no_trace() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    plan(&lab, &[]);
    plan(&lab, &["--against", "HEAD"]);
    assert!(!lab.forgec.store_dir().exists());
    assert!(!lab.forgec.out_dir().exists());
}

#[test]
fn a_gate_in_a_pipeline_sees_changes() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    let code =
        |arguments: &[&str]| lab.forgec.run(&[&["plan", "--exit-code"], arguments].concat()).code;
    assert_eq!(code(&["--against", "HEAD"]), 0);
    assert_eq!(code(&[]), 10);
    lab.build();
    assert_eq!(code(&[]), 0);
    lab.edit(APP, "\"one\"", "\"two\"");
    assert_eq!((code(&[]), code(&["--against", "HEAD"])), (10, 10));
}

/// What made a path, what it hides, and what took one away.
#[test]
fn blame_says_what_is_hidden() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    let more = "    file \"/etc/os-release\" { content \"one\"; }\n    file \"/etc/app.conf\"";
    lab.edit(APP, "    file \"/etc/app.conf\"", more);
    lab.build();
    let blame = |paths: &[&str], code| {
        let arguments = [&["blame", "test-node", "--format", "json"], paths].concat();
        shaped("blame", &lab.forgec.run(&arguments).expect(code).stdout)
    };
    let found = blame(&["/etc/os-release", "/usr/lib/data.tmp", "/never"], 1);
    assert_eq!(found["missing"], serde_json::json!(["/never"]));
    let (file, gone) = (&found["paths"][0], &found["paths"][1]);
    assert_eq!(
        (&file["by"]["layer"], &file["by"]["kind"]),
        (&"app/files".into(), &"declared".into())
    );
    assert_eq!(
        (&file["by"]["origins"][0]["line"], &file["by"]["entry"]["bytes"]),
        (&3.into(), &4.into())
    );
    let below = &file["shadows"][0];
    assert_eq!(
        (&below["layer"], &below["names"][0]),
        (&"base small".into(), &"bases/base.tar".into())
    );
    let os = forge_model::Digest::of(b"ID=test\nNAME=test\nVERSION_ID=1\n").to_hex();
    assert_eq!(below["entry"]["digest"], os);
    assert_eq!((&gone["present"], &gone["by"]["layer"]), (&false.into(), &"tool/remove".into()));
    assert_eq!(gone["shadows"][0]["layer"], "app/run data");
    let text = lab.forgec.run(&["blame", "test-node", "/etc/os-release"]).expect(0).stdout;
    let hidden = "  hides file 0644 0:0, 31 bytes, ";
    assert!(text.starts_with("/etc/os-release: app/files, roles/app/role.kdl:3\n"), "{text}");
    assert!(text.contains(hidden) && text.contains(": base small, bases/base.tar\n"), "{text}");
    let all = blame(&["--all"], 0);
    assert!(all["paths"].as_array().unwrap().len() > 30);
}
