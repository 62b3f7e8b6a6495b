//! The book says what the code says: generated pages are up to date, and examples are real.
//!
//! `FORGE_BLESS=1 cargo test -p forge-test --test book` writes the generated pages anew.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use forge_diag::{Sink, SourceMap, codes};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src")
}

/// Compares a generated page with what is in the book, or writes it when asked to.
fn assert_page(name: &str, expected: &str) {
    let path = source().join(name);
    if std::env::var_os("FORGE_BLESS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    let command = "FORGE_BLESS=1 cargo test -p forge-test --test book";
    assert!(
        found == expected,
        "book/src/{name} is out of date; run `{command}`"
    );
}

#[test]
fn the_catalogue_of_diagnostics_is_printed() {
    let mut page = String::from(
        "# Diagnostics\n\n\
         Each finding has a code. A code keeps its name; its message says what is wrong here, its \
         labels\nwhere, its help what to write instead. All findings of a run are reported \
         together.\n\n\
         | code | means |\n|---|---|\n",
    );
    for code in codes::ALL {
        writeln!(page, "| `{}` | {} |", code.name, code.meaning).unwrap();
    }
    assert_page("reference/diagnostics.md", &page);
}

/// All fenced KDL texts of the book and the README, with the page and line where they begin.
fn examples() -> Vec<(String, String)> {
    let mut pages = vec![source().join("../../README.md")];
    let mut pending = vec![source()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path)
            } else {
                pages.push(path)
            }
        }
    }
    let mut found = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let mut block: Option<(usize, String)> = None;
        for (index, line) in text.lines().enumerate() {
            match (&mut block, line) {
                (None, "```kdl") => block = Some((index + 2, String::new())),
                (Some(_), "```") => {
                    found.extend(
                        block
                            .take()
                            .map(|(line, text)| (format!("{}:{line}", page.display()), text)),
                    );
                }
                (Some((_, text)), line) => {
                    text.push_str(line);
                    text.push('\n');
                }
                (None, _) => {}
            }
        }
    }
    found
}

#[test]
fn examples_are_kdl() {
    let examples = examples();
    assert!(
        examples.len() > 5,
        "only {} examples were found",
        examples.len()
    );
    for (place, text) in examples {
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let file = map.add(place.as_str(), text.as_str());
        forge_syntax::parse(file, &text, &mut sink);
        let found: Vec<_> = sink
            .into_sorted()
            .into_iter()
            .map(|found| found.headline)
            .collect();
        assert!(found.is_empty(), "{place}: {found:?}\n{text}");
    }
}
