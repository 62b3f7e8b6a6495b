//! What a plan's keys do not depend on: blanks, comments, the names of files and the order of what
//! they declare.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use forge_model::{MemorySources, Sources};
use forge_stdlib::WithLibrary;
use forge_test::read_site;
use proptest::prelude::*;

/// What stands between two lines of a spec.
const BETWEEN: &[&str] = &[
    "",
    "\n",
    "\n\n",
    "// a comment with { and \"\n",
    "/* one\n * more } */\n",
    "\t\n",
    "/-gone \"x\" { y; }\n",
];
/// What a line begins with.
const BEFORE: &[&str] = &["", " ", "\t", "        ", "/* c */ "];

/// Every step's label and key, and every image's digest.
fn keys(sources: &MemorySources) -> BTreeSet<(String, String)> {
    let compiled = forge_spec::compile(&WithLibrary::new(sources.clone()));
    let found: Vec<_> = compiled.diagnostics.iter().map(|found| &found.headline).collect();
    let spec = compiled.spec.unwrap_or_else(|| panic!("the site has mistakes: {found:#?}"));
    let plan = forge_plan::lower(&spec, BTreeMap::new()).unwrap();
    let steps = plan.nodes.iter().map(|node| (node.label.clone(), node.key.to_string()));
    let images = plan.images.iter();
    let images = images.map(|image| (image.name.clone(), image.plan_digest(&plan).to_string()));
    steps.chain(images).collect()
}

fn sites() -> [MemorySources; 2] {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    [tests.join("golden/site"), tests.parent().unwrap().join("specs")]
        .map(|site| changed(&read_site(&site), |path, text| (path.to_owned(), text.to_owned())))
}

/// The site with every spec changed, and named anew.
fn changed(
    site: &MemorySources,
    mut change: impl FnMut(&str, &str) -> (String, String),
) -> MemorySources {
    let mut out = MemorySources::new();
    let specs: BTreeSet<String> =
        site.specs().unwrap().into_iter().map(|entry| entry.path).collect();
    for path in site.paths() {
        let content = site.read(path).unwrap();
        if specs.contains(path) {
            let (path, text) = change(path, std::str::from_utf8(&content).unwrap());
            out.insert(path, text);
        } else {
            out.insert(path, &content);
        }
    }
    out
}

/// A spec's lines with other blanks and comments around them; what stands in a `"""` text stays.
fn respaced(text: &str, choices: &mut impl Iterator<Item = usize>) -> String {
    let mut out = String::new();
    let (mut quoted, mut continued) = (false, false);
    for line in text.lines() {
        let mut pick = |list: &[&'static str]| list[choices.next().unwrap_or(0) % list.len()];
        if !quoted && !continued {
            out.push_str(pick(BETWEEN));
            out.push_str(pick(BEFORE));
        }
        quoted ^= line.matches("\"\"\"").count() % 2 == 1;
        continued = line.ends_with('\\');
        out.push_str(line);
        if !quoted && !continued && !line.contains("//") {
            out.push_str(["", "   ", " // c", "\t/* c */"][choices.next().unwrap_or(0) % 4]);
        }
        out.push('\n');
    }
    out
}

/// The declarations of a file, each with the comments above it.
fn declarations(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let (mut depth, mut quoted) = (0_usize, false);
    for line in text.lines() {
        let last = out.last_mut().unwrap();
        last.push_str(line);
        last.push('\n');
        let ends = line.matches("\"\"\"").count() % 2 == 1;
        if !quoted && !ends && !line.trim_start().starts_with("//") {
            let code = line.split(" //").next().unwrap();
            depth = depth + code.matches('{').count() - code.matches('}').count();
            if depth == 0 && !code.trim().is_empty() {
                out.push(String::new());
            }
        }
        quoted ^= ends;
    }
    out
}

#[test]
fn keys_hold_without_a_comment_and_in_one_style() {
    for site in sites() {
        let bare = changed(&site, |path, text| {
            let whole = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let whole: Vec<&str> = whole.chain([""]).collect();
            (path.to_owned(), whole.join("\r\n"))
        });
        assert_eq!(keys(&bare), keys(&site));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]

    #[test]
    fn keys_do_not_depend_on_blanks_and_comments(choices in prop::collection::vec(0_usize..28, 200)) {
        for site in sites() {
            let mut choices = choices.iter().copied().cycle();
            let other = changed(&site, |path, text| (path.to_owned(), respaced(text, &mut choices)));
            prop_assert_eq!(keys(&other), keys(&site));
        }
    }

    #[test]
    fn keys_do_not_depend_on_the_order_of_files(names in prop::collection::vec("[a-z]{1,8}", 60)) {
        for site in sites() {
            let mut at = 0;
            // A path is relative to the file that names it: a file stays in its directory.
            let other = changed(&site, |path, text| {
                let (directory, name) = path.rsplit_once('/').map_or(("", path), |(directory, name)| (directory, name));
                at += 1;
                let name = if path == "forge.kdl" { name.to_owned() } else { format!("{}-{at}.kdl", names[at % names.len()]) };
                (if directory.is_empty() { name } else { format!("{directory}/{name}") }, text.to_owned())
            });
            prop_assert_eq!(keys(&other), keys(&site));
        }
    }

    #[test]
    fn keys_do_not_depend_on_the_order_of_declarations(order in prop::collection::vec(any::<u32>(), 40)) {
        for site in sites() {
            let mut moved = 0;
            let other = changed(&site, |path, text| {
                let mut all: Vec<(u32, String)> =
                    declarations(text).into_iter().enumerate().map(|(at, text)| (order[at % order.len()], text)).collect();
                moved += usize::from(all.len() > 2);
                all.sort();
                (path.to_owned(), all.into_iter().map(|(_, text)| text).collect())
            });
            prop_assert!(moved > 0, "no file has two declarations");
            prop_assert_eq!(keys(&other), keys(&site));
        }
    }
}
