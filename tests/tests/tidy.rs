//! Rules of the house, checked from the sources and from `cargo metadata`.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Who may import whom. `book/src/architecture.md` prints the same table; a test compares them.
const IMPORTS: &[(&str, &[&str])] = &[
    ("diag", &[]),
    ("model", &[]),
    ("syntax", &["diag"]),
    ("judge", &["diag", "model"]),
    ("inspec", &["diag", "model", "judge"]),
    ("stdlib", &["model"]),
    ("param", &["diag", "model", "syntax"]),
    ("control", &["diag", "model", "syntax", "param"]),
    ("spec", &["diag", "model", "syntax", "param", "control"]),
    ("plan", &["diag", "model", "spec", "judge", "inspec"]),
    ("lsp", &["diag", "model", "syntax", "spec", "control", "plan"]),
    ("sys", &["model"]),
    ("store", &["model", "sys"]),
    ("secret", &["model", "sys"]),
    ("exec", &["model", "store", "secret", "sys"]),
    ("artifact", &["model", "store", "sys"]),
    ("verify", &["model", "judge", "inspec", "store", "sys"]),
    ("report", &["diag", "model"]),
];

/// Crates that may import every other: the composition root, and the tests.
const ROOTS: &[&str] = &["forgec", "forge-test"];

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        IMPORTS.iter().map(|(name, list)| (*name, list.iter().copied().collect())).collect();
    let mut seen = BTreeSet::new();
    for package in metadata()["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if ROOTS.contains(&name) {
            continue;
        }
        let short = name.strip_prefix("forge-").unwrap();
        let allowed = allowed.get(short).unwrap_or_else(|| panic!("`{name}` is not in the table"));
        seen.insert(short.to_owned());
        for dependency in package["dependencies"].as_array().unwrap() {
            let dependency_name = dependency["name"].as_str().unwrap();
            let Some(other) = dependency_name.strip_prefix("forge-") else { continue };
            if dependency["kind"].as_str() == Some("dev") {
                continue;
            }
            assert!(allowed.contains(other), "`{name}` may not import `{dependency_name}`");
        }
    }
    let listed: BTreeSet<_> = IMPORTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(seen, listed, "the table names crates that do not exist");
}

#[test]
fn the_book_prints_the_import_table() {
    let page = fs::read_to_string(root().join("book/src/architecture.md")).unwrap();
    for (name, list) in IMPORTS {
        let list = if list.is_empty() { "-".to_owned() } else { list.join(", ") };
        let row = format!("| {name} | {list} |");
        assert!(page.contains(&row), "book/src/architecture.md lacks the row `{row}`");
    }
}

/// All tracked Rust files.
fn rust_files() -> Vec<PathBuf> {
    files("*.rs")
}

/// Files that git tracks.
fn files(pattern: &str) -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", pattern]).current_dir(root()).output();
    let listing = String::from_utf8(output.unwrap().stdout).unwrap();
    let files: Vec<_> = listing.lines().map(|line| root().join(line)).collect();
    assert!(files.len() > 50, "`git ls-files` found only {} files", files.len());
    files.into_iter().filter(|file| file.exists()).collect()
}

#[test]
fn files_stay_within_their_budget() {
    let mut over = Vec::new();
    for file in rust_files() {
        let name = file.file_name().unwrap().to_string_lossy();
        if name == "tests.rs" || name.ends_with("_tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        if code > 600 {
            over.push(format!("{}: {code} lines", file.display()));
        }
    }
    assert!(over.is_empty(), "over 600 lines without tests:\n{}", over.join("\n"));
}

#[test]
fn unsafe_code_lives_in_one_crate() {
    for file in rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        let inside = file.starts_with(root().join("runtime/sys"));
        let word = concat!("unsafe", " {");
        for (index, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let place = format!("{}:{}", file.display(), index + 1);
            assert!(inside || !code.contains(word), "{place}: unsafe outside of runtime/sys");
        }
    }
}

#[test]
fn nothing_is_left_unfinished_or_ignored() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ign", "ore")];
    for file in rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        for word in words {
            assert!(!text.contains(word), "{} holds `{word}`", file.display());
        }
    }
}

/// What somebody copies from an example must not ask a public archive on their behalf.
#[test]
fn examples_name_no_public_archive() {
    let hosts = [
        concat!("debian", ".org"),
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("python", "hosted"),
        concat!("npm", "js"),
    ];
    for file in files("*") {
        // Cargo itself writes where a crate came from.
        if file.ends_with("Cargo.lock") {
            continue;
        }
        let bytes = fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        for host in hosts {
            assert!(!text.contains(host), "{} names `{host}`", file.display());
        }
    }
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let source = root().join("book/src");
    let summary = fs::read_to_string(source.join("SUMMARY.md")).unwrap();
    let mut pages = Vec::new();
    let mut pending = vec![source.clone()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                pages.push(path.strip_prefix(&source).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    assert!(pages.len() > 5, "the book has only {} pages", pages.len());
    for page in pages.iter().filter(|page| *page != "SUMMARY.md") {
        assert!(summary.contains(&format!("({page})")), "SUMMARY.md lacks `{page}`");
    }
}
