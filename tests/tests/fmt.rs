//! The formatter on every spec of the repository, and every spec of the repository by it.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

use forge_diag::{Sink, SourceMap};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All spec files below a directory of the repository, that may not exist yet.
fn specs(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(directory)];
    while let Some(directory) = pending.pop() {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|end| end == "kdl") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The text in the one style; none when it has mistakes of syntax.
fn formatted(bytes: &[u8]) -> Option<String> {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let file = forge_syntax::load("a.kdl", bytes, &mut map, &mut sink)?;
    let text = map.text(file).to_owned();
    let out = forge_syntax::format(file, &text, &mut sink);
    // The formatter compares what it read with what it wrote, and says so when they differ.
    let found = sink.into_sorted();
    let refused = found.iter().find(|found| found.headline.contains("without a change"));
    assert_eq!(refused, None, "{text}");
    out
}

#[test]
fn specs_are_in_the_one_style() {
    let mut files = 0;
    let mut wrong = Vec::new();
    for directory in ["specs", "stdlib", "tests/golden", "tests/bench"] {
        for path in specs(directory) {
            files += 1;
            let text = fs::read_to_string(&path).unwrap();
            if formatted(text.as_bytes()).is_none_or(|out| out != text) {
                wrong.push(path.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    }
    assert!(files > 20, "only {files} files were found");
    let wrong = wrong.join("\n");
    assert!(wrong.is_empty(), "`forgec -C DIR fmt` would change:\n{wrong}");
}

#[test]
fn formatting_twice_is_formatting_once() {
    let mut files = 0;
    for directory in ["specs", "stdlib", "tests"] {
        for path in specs(directory) {
            let Some(once) = formatted(&fs::read(&path).unwrap()) else { continue };
            files += 1;
            assert_eq!(formatted(once.as_bytes()), Some(once), "{}", path.display());
        }
    }
    assert!(files > 60, "only {files} files could be formatted");
}
