use forge_test::Editor;
use serde_json::{Value, json};

use crate::{IMAGES, ROLE, TEMPLATE, editor, position, small_site};

/// Labels that are offered at `|` of a text, with what is written.
fn offers(editor: &mut Editor, path: &str, version: i32, marked: &str) -> Vec<(String, String)> {
    let text = marked.replace('|', "");
    if version == 1 {
        editor.open(path, version, &text);
    } else {
        editor.replace(path, version, &text);
    }
    let params = json!({ "textDocument": { "uri": editor.uri(path) },
                         "position": position(marked, "|", 0) });
    let found = editor.request("textDocument/completion", params);
    let string = |value: &Value| value.as_str().unwrap().to_owned();
    let items = found["items"].as_array().cloned().unwrap_or_default();
    items
        .iter()
        .map(|item| (string(&item["label"]), string(&item["textEdit"]["newText"])))
        .collect()
}

/// A text with its cursor, what must be offered (label and text), what must not.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

const CASES: [Case; 21] = [
    ("|", &[("role", "role"), ("image", "image"), ("profile", "profile")], &["file"]),
    ("ro|", &[("role", "role")], &["file"]),
    (
        "role \"r\" {\n    |\n}",
        &[("file", "file"), ("param", "param"), ("packages", "packages")],
        &["image", "kernel"],
    ),
    (
        "image \"i\" {\n    |",
        &[("base", "base"), ("kernel", "kernel"), ("role", "role")],
        &["param"],
    ),
    ("image \"i\" { base \"|", &[("tar", "tar\"")], &[]),
    ("image \"i\" { base \"|\" }", &[("tar", "tar")], &[]),
    ("image \"i\" { base |", &[("tar", "\"tar\"")], &[]),
    ("image \"i\" from=|", &[("north-a", "\"north-a\"")], &[]),
    ("image \"i\" { role \"s|", &[("sched", "sched\"")], &["north-a"]),
    (
        "image \"i\" { role \"std/|\" }",
        &[("std/ssh-hardened", "std/ssh-hardened"), ("std/chrony", "std/chrony")],
        &[],
    ),
    (
        "image \"i\" { role \"sched\" |",
        &[("controller", "controller="), ("debug", "debug="), ("override", "override=")],
        &["packages"],
    ),
    ("image \"i\" { role \"sched\" controller=\"c\" de|", &[("debug", "debug=")], &["controller"]),
    ("image \"i\" { role \"sched\" debug=|", &[("#true", "#true")], &["tar"]),
    ("image \"i\" { role \"sched\" mode=\"|", &[("fast", "fast\""), ("safe", "safe\"")], &[]),
    (
        "role \"r\" { packages \"slu|\" }",
        &[("slurmd", "slurmd"), ("slurm-client", "slurm-client")],
        &[],
    ),
    ("role \"r\" { file \"/x\" owner=\"|\" }", &[("root", "root"), ("sched", "sched")], &[]),
    (
        "role \"r\" { file \"/x\" secret=#true sou|",
        &[("source", "source="), ("mode", "mode=")],
        &["secret"],
    ),
    (
        "role \"r\" { file \"/x\" source=\"|\" }",
        &[("sched.conf.j2", "sched.conf.j2"), ("init.sh", "init.sh")],
        &["sched.kdl"],
    ),
    (
        "role \"r\" { param \"size\" type=\"int\"; file \"/x\" { content \"${|\"; }; }",
        &[("size", "size"), ("site", "site"), ("cluster", "cluster")],
        &["controller"],
    ),
    (
        "image \"i\" { output \"initramfs\" compress=\"|\" }",
        &[("gzip", "gzip"), ("zstd", "zstd")],
        &[],
    ),
    ("profile \"p\" { control \"c\" { |", &[("file", "file"), ("title", "title")], &["packages"]),
];

#[test]
fn what_may_stand_at_the_cursor_is_offered() {
    let site = small_site();
    // What an earlier run found in its package lists.
    site.write("../store/version", "forge-store 1\n");
    site.write("../store/apt/0123456789abcdef/names", "slurmd\nslurm-client\nstrace\n");
    let mut editor = editor(&site, &json!({}));
    for (version, (text, want, not)) in (1..).zip(CASES) {
        let found = offers(&mut editor, "roles/new.kdl", version, text);
        for (label, written) in want {
            let one = (label.to_string(), written.to_string());
            assert!(found.contains(&one), "{text}: {one:?} is not in {found:?}");
        }
        for label in not {
            assert!(found.iter().all(|(one, _)| one != label), "{text}: `{label}` is offered");
        }
    }
    assert!(offers(&mut editor, "roles/new.kdl", 100, "// ro|").is_empty());
}

#[test]
fn templates_offer_what_they_may_read() {
    let site = small_site();
    let mut editor = editor(&site, &json!({}));
    editor.open("roles/sched.kdl", 1, ROLE);
    editor.open("images.kdl", 1, IMAGES);
    let marked = format!("{TEMPLATE}{{{{ con|");
    let found = offers(&mut editor, "roles/sched.conf.j2", 1, &marked);
    let labels: Vec<&str> = found.iter().map(|(label, _)| label.as_str()).collect();
    assert!(labels.contains(&"controller") && labels.contains(&"site"), "{labels:?}");
    assert!(offers(&mut editor, "roles/sched.conf.j2", 2, "plain te|xt").is_empty());
}
