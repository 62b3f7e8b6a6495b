//! What the parser knows of nodes without their tables.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use forge_diag::{apply_fixes, sure_fixes};
use forge_model::MemorySources;
use forge_spec::compile;
use forge_syntax::reference::NODES;

#[test]
fn every_node_of_a_body_may_stand_behind_another() {
    for kind in forge_spec::reference::body() {
        assert!(NODES.contains(&kind.name), "{}", kind.name);
    }
}

/// The text after all mends that are sure.
fn mended(text: &str) -> String {
    let mut sources = MemorySources::new();
    sources.insert("forge.kdl", text);
    let found = compile(&sources);
    let file = found.source_map.files().next().unwrap();
    apply_fixes(text, &sure_fixes(&found.diagnostics, file))
}

#[test]
fn only_what_can_be_meant_in_one_way_is_mended() {
    let begin = "base \"b\" { debian suite=\"bookworm\"; }\nimage \"a\" {\n    base \"b\"\n    ";
    let cases = [
        ("package \"vim\"", "packages \"vim\""),
        ("dir \"/x\"", "directory \"/x\""),
        ("user \"a\" system=true", "user \"a\" system=#true"),
        ("packages \"vim\" file \"/x\" source=\"y\"", "packages \"vim\"; file \"/x\" source=\"y\""),
        ("file \"etc/x\" { content \"\"; }", "file \"/etc/x\" { content \"\"; }"),
        ("directory \"/x\" owner=0", "directory \"/x\" owner=0"),
        ("directory \"~/x\"", "directory \"~/x\""),
        ("user \"a\" uid=2000 shell=\"bash\"", "user \"a\" uid=2000 shell=\"bash\""),
        ("line \"A 027\" \"/etc/login.defs\"", "line \"A 027\" \"/etc/login.defs\""),
        (
            "role \"r\" p=300\n}\nrole \"r\" {\n    param \"p\" type=\"duration\"",
            "role \"r\" p=300\n}\nrole \"r\" {\n    param \"p\" type=\"duration\"",
        ),
    ];
    for (text, want) in cases {
        let got = mended(&format!("{begin}{text}\n}}\n"));
        assert_eq!(got, format!("{begin}{want}\n}}\n"), "{text}");
    }
}
