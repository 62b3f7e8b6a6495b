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
use std::path::Path;

use forge_diag::{Diagnostic, SourceMap, codes, render};
use forge_model::MemorySources;
use forge_plan::{Checked, check};
use forge_stdlib::WithLibrary;
use forge_test::{Case, Wanted, split_mark, suite_cases, suite_directory};

fn compile_case(case: &Case) -> Checked {
    let mut sources = MemorySources::new();
    for (path, text) in case.project() {
        sources.insert(path, text);
    }
    check(&WithLibrary::new(sources), forge_test::today())
}

fn finding(diagnostic: &Diagnostic, map: &SourceMap) -> Wanted {
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
fn bless(text: &str, case: &Case, found: &[Wanted]) -> String {
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
    for path in suite_cases() {
        let text = fs::read_to_string(&path).unwrap();
        let case = Case::read(&text);
        let compiled = compile_case(&case);
        let mut found: Vec<Wanted> = compiled
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
            let name = path.strip_prefix(suite_directory()).unwrap().display().to_string();
            wrong.push(format!("{name}\nwanted {:#?}\nfound {found:#?}\n{human}", case.wanted));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

#[test]
fn every_code_has_a_case() {
    let mut seen = BTreeSet::new();
    for path in suite_cases() {
        let text = fs::read_to_string(&path).unwrap();
        for (_, _, wanted) in Case::read(&text).wanted {
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
    for path in suite_cases() {
        let text = fs::read_to_string(&path).unwrap();
        let compiled = compile_case(&Case::read(&text));
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
