//! Spec texts with the findings that they must give, line by line.
//!
//! A case is a file below `tests/suite/`. `//- PATH` begins a file of the case's project; without
//! one the case is its `forge.kdl`. An empty `forge.kdl` is added unless a case says
//! `//! no-project`. `//~ error[CODE] TEXT` at the end of a line asks for a finding whose primary
//! place begins in that line, whose code is CODE and whose headline is TEXT; before the first
//! `//-` it asks for one without a place. In a template the mark stands in a `{# … #}` comment.
//! `<U+XXXX>` stands for that character, and `//- PATH times=N` repeats a file's text. Every finding must be asked for.
//!
//! `FORGE_BLESS=1 cargo test -p forge-test --test suite` writes the marks anew, to be read before
//! they are committed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use forge_diag::{Diagnostic, SourceMap, codes, render};
use forge_model::MemorySources;
use forge_plan::{Checked, check};
use forge_stdlib::WithLibrary;
use forge_test::unescape;

/// A finding, wanted or found: file (empty without a place), line in it, and `error[CODE] TEXT`.
type Finding = (String, usize, String);

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("suite")
}

fn cases() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![directory()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).expect("a directory of cases") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                assert!(path.extension().is_some_and(|end| end == "kdl"), "{}", path.display());
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// One file of a case: its path, the line of the case on which it begins, its text without marks.
struct File {
    path: String,
    first_line: usize,
    text: String,
    /// How often its text stands in the project.
    times: usize,
}

struct Case {
    files: Vec<File>,
    wanted: Vec<Finding>,
}

/// The text of a line and what its mark asks for.
fn split_mark(line: &str) -> (&str, Option<&str>) {
    match line.split_once("//~") {
        None => (line, None),
        Some((text, mark)) => {
            let text = text.strip_suffix("{# ").unwrap_or(text).trim_end();
            (text, Some(mark.trim_end().trim_end_matches("#}").trim()))
        }
    }
}

fn read(text: &str) -> Case {
    let (mut files, mut wanted): (Vec<File>, Vec<Finding>) = (Vec::new(), Vec::new());
    let multiple = text.lines().any(|line| line.starts_with("//- "));
    if !multiple {
        let path = "forge.kdl".to_owned();
        files.push(File { path, first_line: 0, text: String::new(), times: 1 });
    }
    let mut line_of_file = 0;
    for (index, line) in text.lines().enumerate() {
        if let Some(path) = line.strip_prefix("//- ") {
            let (path, times) = path.split_once(" times=").unwrap_or((path, "1"));
            let (path, times) = (path.trim().to_owned(), times.parse().expect("a number"));
            files.push(File { path, first_line: index + 1, text: String::new(), times });
            line_of_file = 0;
            continue;
        }
        let (shown, mark) = split_mark(line);
        line_of_file += 1;
        let file = files.last_mut();
        if let Some(mark) = mark {
            let place = match &file {
                Some(file) => (file.path.clone(), line_of_file),
                _ => (String::new(), 0),
            };
            for one in mark.split(" ;; ") {
                wanted.push((place.0.clone(), place.1, one.to_owned()));
            }
        }
        if let Some(file) = file {
            file.text.push_str(shown);
            file.text.push('\n');
        }
    }
    wanted.sort();
    Case { files, wanted }
}

fn compile_case(case: &Case, text: &str) -> Checked {
    let mut sources = MemorySources::new();
    if !text.contains("//! no-project") {
        sources.insert("forge.kdl", "");
    }
    for file in &case.files {
        sources.insert(file.path.as_str(), unescape(&file.text).repeat(file.times));
    }
    check(&WithLibrary::new(sources))
}

fn finding(diagnostic: &Diagnostic, map: &SourceMap) -> Finding {
    let text =
        format!("{}[{}] {}", diagnostic.severity.name(), diagnostic.code.name, diagnostic.headline);
    match diagnostic.span() {
        Some(span) => {
            let place = map.place(span);
            (place.file.to_string(), place.line as usize, text)
        }
        None => (String::new(), 0, text),
    }
}

/// The case's text with marks for what was found.
fn bless(text: &str, case: &Case, found: &[Finding]) -> String {
    let mut lines: Vec<String> = text.lines().map(|line| split_mark(line).0.to_owned()).collect();
    for (path, line, finding) in found {
        let Some(file) = case.files.iter().find(|file| file.path == *path) else {
            lines[0] = format!("{} //~ {finding}", lines[0]);
            continue;
        };
        let shown = &mut lines[file.first_line + line - 1];
        let template = Path::new(path).extension().is_some_and(|end| end == "j2");
        *shown = match (shown.contains("//~"), template) {
            (true, true) => format!("{} ;; {finding} #}}", shown.trim_end_matches(" #}")),
            (true, false) => format!("{shown} ;; {finding}"),
            (false, true) => format!("{shown}{{# //~ {finding} #}}"),
            (false, false) => format!("{shown} //~ {finding}"),
        };
    }
    lines.join("\n") + "\n"
}

#[test]
fn every_case_gives_its_findings_and_no_others() {
    let mut wrong = Vec::new();
    for path in cases() {
        let text = fs::read_to_string(&path).unwrap();
        let case = read(&text);
        let compiled = compile_case(&case, &text);
        let mut found: Vec<Finding> = compiled
            .diagnostics
            .iter()
            .map(|diagnostic| finding(diagnostic, &compiled.source_map))
            .collect();
        found.sort();
        if std::env::var_os("FORGE_BLESS").is_some() {
            fs::write(&path, bless(&text, &case, &found)).unwrap();
            continue;
        }
        let failed = found.iter().any(|(_, _, text)| text.starts_with("error["));
        assert_eq!(compiled.plan.is_none(), failed, "{}", path.display());
        if found != case.wanted {
            let options = render::HumanOptions::default();
            let human = render::human(&compiled.diagnostics, &compiled.source_map, options);
            let name = path.strip_prefix(directory()).unwrap().display().to_string();
            wrong.push(format!("{name}\nwanted {:#?}\nfound {found:#?}\n{human}", case.wanted));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

#[test]
fn every_code_has_a_case() {
    let mut seen = BTreeSet::new();
    for path in cases() {
        let text = fs::read_to_string(&path).unwrap();
        for (_, _, wanted) in read(&text).wanted {
            let code = wanted.split(['[', ']']).nth(1).expect("a code in brackets").to_owned();
            assert!(codes::find(&code).is_some(), "{}: no code `{code}`", path.display());
            seen.insert(code);
        }
    }
    let missing: Vec<&str> =
        codes::ALL.iter().map(|code| code.name).filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "no case gives {missing:?}");
}

#[test]
fn renderers_take_every_finding() {
    for path in cases() {
        let text = fs::read_to_string(&path).unwrap();
        let compiled = compile_case(&read(&text), &text);
        let (found, map) = (&compiled.diagnostics, &compiled.source_map);
        let human = render::human(found, map, render::HumanOptions::default());
        let json = render::json(found, map);
        let listed = json["diagnostics"].as_array().map_or(0, Vec::len);
        assert_eq!(listed, found.len(), "{}", path.display());
        for diagnostic in found {
            assert!(human.contains(diagnostic.code.name), "{}", path.display());
            assert!(!diagnostic.headline.ends_with('.'), "{}", diagnostic.headline);
        }
    }
}
