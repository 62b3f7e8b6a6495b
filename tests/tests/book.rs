//! The book says what the code says: generated pages are up to date, and examples are real.
//!
//! `FORGE_BLESS=1 cargo test -p forge-test --test book` writes the generated pages anew.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use forge_diag::{Code, Sink, SourceMap, codes};
use forge_syntax::reference::{Child, Default, Field, NodeKind};

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
    assert!(found == expected, "book/src/{name} is out of date; run `{command}`");
}

#[test]
fn the_catalogue_of_diagnostics_is_printed() {
    let mut page = String::from(
        "# Diagnostics\n\n\
         Each finding has a code. A code keeps its name; its message says what is wrong here, its \
         labels\nwhere, its help what to write instead. All findings of a run are reported \
         together.\n`forgec explain CODE` shows the page of a code.\n\n\
         | code | is | means |\n|---|---|---|\n",
    );
    for code in codes::ALL {
        let weight = code.severity.name();
        writeln!(page, "| [`{}`]({}) | {weight} | {} |", code.name, place(code), code.meaning)
            .unwrap();
    }
    assert_page("reference/diagnostics.md", &page);
}

/// A code's page, as seen from `reference/`.
fn place(code: &Code) -> String {
    format!("../errors/{}.md", code.short().replace("::", "/"))
}

#[test]
fn the_summary_lists_the_pages_of_all_codes() {
    let summary = fs::read_to_string(source().join("SUMMARY.md")).unwrap();
    let mut wanted = String::new();
    for line in summary.lines().filter(|line| !line.contains("](errors/")) {
        writeln!(wanted, "{line}").unwrap();
        if line.contains("](reference/diagnostics.md)") {
            for code in codes::ALL {
                let page = place(code).replace("../", "");
                writeln!(wanted, "  - [{}]({page})", code.name).unwrap();
            }
        }
    }
    assert_page("SUMMARY.md", &wanted);
}

#[test]
fn every_page_of_a_code_belongs_to_one() {
    let mut pages = 0;
    for group in fs::read_dir(source().join("errors")).unwrap() {
        for page in fs::read_dir(group.unwrap().path()).unwrap() {
            let path = page.unwrap().path();
            let known =
                codes::ALL.iter().any(|code| path.ends_with(place(code).replace("../", "")));
            assert!(known, "{} explains no code", path.display());
            pages += 1;
        }
    }
    assert_eq!(pages, codes::ALL.len());
}

#[test]
fn what_never_enters_a_layer_is_printed() {
    let mut page = String::from(
        "# What never enters a layer\n\n\
         Installers and maintainer scripts leave things behind that differ from build to build, or \
         that make\none machine's identity. They are taken out of every layer that packages, \
         scripts or an archive make,\nso that two builds give the same bytes and no two nodes \
         the same identity.\n\n\
         | path | what happens | why |\n|---|---|---|\n",
    );
    for rule in forge_exec::debian::RULES {
        let treatment = match rule.treatment {
            forge_exec::debian::Treatment::Remove => "left out",
            forge_exec::debian::Treatment::Empty => "emptied",
        };
        writeln!(page, "| `{}` | {treatment} | {} |", rule.glob, rule.reason).unwrap();
    }
    assert_page("reference/scrub.md", &page);
}

const INTRODUCTION: &str = r##"# The spec language

Specs are [KDL 2](https://kdl.dev) files. A project is a directory with a `forge.kdl`, usually the
root of a git repository. Every `*.kdl` file below it is read, but for hidden directories, what git
ignores, and directories with a `forge.kdl` of their own. The order of files and of declarations
makes no difference. Paths are relative to the file that names them and may not leave the project.

Names, versions, hashes, modes and paths are texts in quotes. In a text, `${name}` puts a
parameter's value in; `$${` is a literal `${`; in a raw text (`#"…"#`) nothing is put in. Neither
the environment nor the clock can be read.

A parameter gets its value from, the strongest first: the node that uses the role, the image's
`set`, the `set` of the image named by `from`, the role's default.

This page is written from the tables that the decoder itself reads.
"##;

#[test]
fn the_language_is_described_as_it_is_decoded() {
    use forge_control::reference::NODE_KINDS;
    use forge_spec::reference::{body, inner, top_level};

    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## At the top of a file\n");
    for kind in top_level() {
        describe(&mut page, "", kind);
    }
    page.push_str("\n## In roles and images\n");
    for kind in body() {
        describe(&mut page, "", kind);
    }
    page.push_str("\n## In one declaration alone\n");
    for (owner, kind) in inner() {
        describe(&mut page, &format!(" in `{owner}`"), kind);
    }
    page.push_str("\n## Profiles and controls\n");
    for kind in NODE_KINDS {
        describe(&mut page, "", kind);
    }
    assert_page("reference/language.md", &page);
}

fn describe(page: &mut String, place: &str, kind: &NodeKind) {
    write!(page, "\n### `{}`{place}\n\n{}\n", kind.name, kind.doc).unwrap();
    table(page, "argument", "", kind.args);
    table(page, "property", "=", kind.props);
    if !kind.children.is_empty() {
        page.push_str("\n| child | |\n|---|---|\n");
    }
    for Child { name, doc, takes: _ } in kind.children {
        writeln!(page, "| `{name}` | {} |", cell(doc)).unwrap();
    }
    if !kind.example.is_empty() {
        write!(page, "\n```kdl\n{}\n```\n", kind.example).unwrap();
    }
}

fn table(page: &mut String, what: &str, mark: &str, fields: &[Field]) {
    if fields.is_empty() {
        return;
    }
    write!(page, "\n| {what} | is | without it | |\n|---|---|---|---|\n").unwrap();
    for Field { name, ty, default, doc } in fields {
        let name = if mark.is_empty() { (*name).to_owned() } else { format!("`{name}{mark}`") };
        let without = match default {
            Default::Required => "an error".to_owned(),
            Default::None => String::new(),
            Default::Is(value) => format!("`{value}`"),
        };
        writeln!(page, "| {name} | {} | {without} | {} |", cell(ty), cell(doc)).unwrap();
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// All fenced KDL texts of the book and the README, with the page and line where they begin.
fn examples() -> Vec<(String, String)> {
    let mut pages = vec![source().join("../../README.md")];
    let mut pending = vec![source()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { pending.push(path) } else { pages.push(path) }
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
    assert!(examples.len() > 5, "only {} examples were found", examples.len());
    for (place, text) in examples {
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let file = map.add(place.as_str(), text.as_str());
        forge_syntax::parse(file, &text, &mut sink);
        let found: Vec<_> = sink.into_sorted().into_iter().map(|found| found.headline).collect();
        assert!(found.is_empty(), "{place}: {found:?}\n{text}");
    }
}
