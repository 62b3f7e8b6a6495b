//! Rules of sudo as forge reads them, against sudo's own parser.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use forge_diag::codes;
use forge_model::MemorySources;

include!("../../compiler/spec/src/sudoers/cases.rs");

const VISUDO: &str = "/usr/sbin/visudo";

/// Whoever runs the tests as root has it (`tests/run`).
#[test]
fn visudo_reads_what_is_read_here() {
    if !Path::new(VISUDO).exists() {
        let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        assert!(!root, "{VISUDO} is not there: install `sudo`");
        return;
    }
    // What is not meant in a rule of its own, and may stand in a file.
    let inside = ["nothing", "comment", "includes", "more than one line"];
    // Stricter than sudo: it edits nothing, and allows it.
    let stricter = "names no file";
    let bad = BAD.into_iter().filter(|(_, why)| !inside.contains(why) && *why != stricter);
    let rules = GOOD.into_iter().chain(bad.map(|(rule, _)| rule));
    let files = FILES.into_iter().map(|(text, _)| text.to_owned());
    for text in rules.map(|rule| format!("{rule}\n")).chain(files) {
        assert_eq!(is_read_here(&text), is_read_by_visudo(&text).unwrap(), "{text:?}");
    }
}

fn is_read_here(text: &str) -> bool {
    let mut sources = MemorySources::new();
    let spec = "base \"b\" { tree \"base\"; }\nimage \"i\" { base \"b\"; \
                file \"/etc/sudoers.d/x\" mode=\"0440\" source=\"rules\"; }\n";
    sources.insert("forge.kdl", spec);
    sources.insert("base/etc/x", "");
    sources.insert("rules", text);
    let found = forge_spec::compile(&sources).diagnostics;
    let other: Vec<_> = found.iter().filter(|one| one.code != codes::SPEC_SUDOERS).collect();
    assert!(other.is_empty(), "{other:?}");
    found.is_empty()
}

fn is_read_by_visudo(text: &str) -> std::io::Result<bool> {
    let mut child = Command::new(VISUDO)
        .args(["-c", "-q", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes())?;
    drop(input);
    Ok(child.wait()?.success())
}
