//! Every mend that a finding offers does what it says: written into its file, the finding is gone.
//!
//! Asked of the cases of `tests/suite` and of the wrong examples of the book's pages on codes.

use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Fix, SourceMap, apply_fixes, codes, sure_fixes};
use forge_model::MemorySources;
use forge_plan::{Checked, check};
use forge_stdlib::WithLibrary;
use forge_test::{page_project, suite_projects};

/// Bytes of a project that is compiled once for each of its mends.
const MOST: usize = 100_000;

/// A project by its name: paths and texts.
type Project = (String, BTreeMap<String, String>);

fn projects() -> Vec<Project> {
    let pages = codes::ALL.iter().map(|code| {
        (code.name.to_owned(), page_project(code.page, code.name, "fails").into_iter().collect())
    });
    let all = suite_projects().into_iter().chain(pages);
    all.filter(|(_, files)| files.values().map(String::len).sum::<usize>() < MOST).collect()
}

fn compiled(files: &BTreeMap<String, String>) -> Checked {
    let mut sources = MemorySources::new();
    for (path, text) in files {
        sources.insert(path.as_str(), text.as_str());
    }
    check(&WithLibrary::new(sources), forge_test::today())
}

/// How often a finding is told that says the same of the same text, at the place that a mend leaves it
/// at.
fn times(checked: &Checked, wanted: &Diagnostic, map: &SourceMap, mend: Option<&Fix>) -> usize {
    let told = |one: &Diagnostic, map: &SourceMap, mend: Option<&Fix>| {
        let place = one.span().map(|span| {
            let moved = mend.filter(|fix| fix.span.file == span.file && fix.span.end <= span.start);
            let start = span.start as usize;
            let start = moved.map_or(start, |fix| start + fix.text.len() - fix.span.len());
            (map.path(span.file), map.slice(span).to_owned(), start)
        });
        (one.code, one.headline.clone(), place)
    };
    let wanted = told(wanted, map, mend);
    let all = checked.diagnostics.iter();
    all.filter(|one| told(one, &checked.source_map, None) == wanted).count()
}

fn mended(
    files: &BTreeMap<String, String>,
    checked: &Checked,
    fixes: &[Fix],
) -> Option<BTreeMap<String, String>> {
    let path = checked.source_map.path(fixes.first()?.span.file);
    let mut files = files.clone();
    let text = files.get_mut(&*path)?;
    *text = apply_fixes(checked.source_map.text(fixes.first()?.span.file), fixes);
    Some(files)
}

#[test]
fn a_finding_is_gone_when_its_mend_is_written() {
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (name, files) in projects() {
        let checked = compiled(&files);
        for finding in &checked.diagnostics {
            for fix in &finding.fixes {
                let Some(after) = mended(&files, &checked, std::slice::from_ref(fix)) else {
                    panic!("{name}: the mend of `{}` is of no file", finding.headline);
                };
                tried += 1;
                let before = times(&checked, finding, &checked.source_map, None);
                if times(&compiled(&after), finding, &checked.source_map, Some(fix)) >= before {
                    let written = checked.source_map.slice(fix.span);
                    let (code, headline) = (finding.code.short(), &finding.headline);
                    wrong.push(format!("{name}: {code} {headline}: {written:?} -> {:?}", fix.text));
                }
            }
        }
    }
    assert!(tried > 150, "{tried} mends");
    assert!(wrong.is_empty(), "{} of {tried}\n{}", wrong.len(), wrong.join("\n"));
}

/// `check --fix` comes to an end, and what it wrote has no more that is sure.
#[test]
fn what_is_sure_is_mended_in_a_few_rounds() {
    const ROUNDS: usize = 4;
    for (name, mut files) in projects() {
        let mut left = Vec::new();
        for _ in 0..=ROUNDS {
            let checked = compiled(&files);
            let map = &checked.source_map;
            let sure = map.files().map(|file| sure_fixes(&checked.diagnostics, file));
            let sure: Vec<Vec<Fix>> = sure.filter(|fixes| !fixes.is_empty()).collect();
            left = sure.iter().flatten().map(|fix| fix.text.clone()).collect();
            for fixes in sure {
                files = mended(&files, &checked, &fixes).unwrap();
            }
            if left.is_empty() {
                break;
            }
        }
        assert!(left.is_empty(), "{name}: {left:?}");
    }
}

/// Whoever reads `did you mean` can have it written.
#[test]
fn what_is_meant_is_offered_as_a_change() {
    let mut without = BTreeMap::new();
    for (name, files) in projects() {
        let checked = compiled(&files);
        for finding in checked.diagnostics.iter().filter(|finding| finding.fixes.is_empty()) {
            let Some(help) = &finding.help else { continue };
            // A child node takes more than a word.
            let meant = help.starts_with("did you mean") && !help.contains("child node");
            let typed = finding.headline == "`param` lacks `type`";
            if meant || typed || help.starts_with("declare the parameter with") {
                without.insert((name.clone(), finding.headline.clone()), help.clone());
            }
        }
    }
    assert!(without.is_empty(), "{without:#?}");
}
