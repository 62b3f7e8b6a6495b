//! The pages of the codes: the wrong example gives that code and no other, the mended one nothing.
//!
//! A fenced block ```` ```kdl,fails ```` is the `forge.kdl` of a wrong project, `kdl,mended` that of
//! a mended one; `file=PATH` makes it another file of it, and `times=N` repeats its text. A
//! `<U+XXXX>` stands for that character.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeSet;

use forge_diag::{Code, codes, render};
use forge_model::MemorySources;
use forge_plan::{Checked, check};
use forge_test::unescape;

/// The blocks of a page that say `kind`, as a project.
fn project(code: &Code, kind: &str) -> MemorySources {
    let mut sources = MemorySources::new();
    let mut files = 0;
    let mut block: Option<(String, usize, String)> = None;
    for line in code.page.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let (language, rest) = info.split_once(',').unwrap_or((info, ""));
                assert!(!language.is_empty(), "{}: a block without a language", code.name);
                let mut words = rest.split(' ');
                if words.next() != Some(kind) {
                    // Some other example: read over.
                    block = Some((String::new(), 0, String::new()));
                    continue;
                }
                let (mut path, mut times) = ("forge.kdl", 1);
                for word in words {
                    match word.split_once('=').unwrap() {
                        ("file", value) => path = value,
                        ("times", value) => times = value.parse().unwrap(),
                        other => panic!("{}: {other:?} means nothing", code.name),
                    }
                }
                block = Some((path.to_owned(), times, String::new()));
            }
            (Some(_), Some(_)) => {
                let (path, times, text) = block.take().unwrap();
                if times > 0 {
                    sources.insert(path.as_str(), unescape(&text).repeat(times));
                    files += 1;
                }
            }
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(files > 0, "{}: no block says `{kind}`", code.name);
    sources
}

fn shown(checked: &Checked) -> String {
    render::human(&checked.diagnostics, &checked.source_map, render::HumanOptions::default())
}

#[test]
fn wrong_examples_give_their_code_alone() {
    let mut wrong = Vec::new();
    for code in codes::ALL {
        let checked = check(&project(code, "fails"));
        let found: BTreeSet<_> = checked.diagnostics.iter().map(|found| found.code.name).collect();
        if found != BTreeSet::from([code.name]) {
            wrong.push(format!("{}: {found:?}\n{}", code.name, shown(&checked)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

#[test]
fn mended_examples_are_without_findings() {
    let mut wrong = Vec::new();
    for code in codes::ALL {
        let checked = check(&project(code, "mended"));
        if !checked.diagnostics.is_empty() {
            wrong.push(format!("{}\n{}", code.name, shown(&checked)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

#[test]
fn findings_weigh_what_their_code_does() {
    for code in codes::ALL {
        for found in check(&project(code, "fails")).diagnostics {
            assert_eq!(found.severity, code.severity, "{}: {}", code.name, found.headline);
        }
    }
}
