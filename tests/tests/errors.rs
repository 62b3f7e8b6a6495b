//! The pages of the codes: the wrong example gives that code and no other, the mended one nothing.
//!
//! A fenced block ```` ```kdl,fails ```` is the `forge.kdl` of a wrong project, `kdl,mended` that of
//! a mended one; `file=PATH` makes it another file of it, and `times=N` repeats its text. A
//! `<U+XXXX>` stands for that character.

use std::collections::BTreeSet;

use forge_diag::{Code, codes, render};
use forge_model::MemorySources;
use forge_plan::{Checked, check};
use forge_test::{page_project, today};

/// The blocks of a page that say `kind`, as a project.
fn project(code: &Code, kind: &str) -> MemorySources {
    let mut sources = MemorySources::new();
    for (path, text) in page_project(code.page, code.name, kind) {
        sources.insert(path, text);
    }
    sources
}

fn shown(checked: &Checked) -> String {
    render::human(&checked.diagnostics, &checked.source_map, render::HumanOptions::default())
}

#[test]
fn wrong_examples_give_their_code_alone() {
    let mut wrong = Vec::new();
    for code in codes::ALL {
        let checked = check(&project(code, "fails"), today());
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
        let checked = check(&project(code, "mended"), today());
        if !checked.diagnostics.is_empty() {
            wrong.push(format!("{}\n{}", code.name, shown(&checked)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

#[test]
fn findings_weigh_what_their_code_does() {
    for code in codes::ALL {
        for found in check(&project(code, "fails"), today()).diagnostics {
            assert_eq!(found.severity, code.severity, "{}: {}", code.name, found.headline);
        }
    }
}

/// The example of a profile of Ruby in a project compiles.
#[test]
fn the_example_of_a_profile_of_ruby_compiles() {
    let page = include_str!("../../book/src/inspec.md");
    let mut sources = MemorySources::new();
    for (path, text) in page_project(page, "inspec.md", "site") {
        sources.insert(path, text);
    }
    let checked = check(&sources, today());
    assert!(checked.diagnostics.is_empty(), "{}", shown(&checked));
    let plan = checked.plan.expect("a plan");
    assert!(plan.nodes.iter().any(|node| node.label == "controls, inspec"));
}
