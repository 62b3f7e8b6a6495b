//! The plan keys of a small fixed site, pinned: a key that changes by accident would rebuild every
//! image of every site after an update of forge.
//!
//! `FORGE_BLESS=1 cargo test -p forge-test --test golden` writes the file anew. Do so only when
//! what a step does has changed, and raise that kind's version in `Action::version` with it.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use forge_model::{MemorySources, Plan};
use forge_test::read_site;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn plan(sources: &MemorySources) -> Plan {
    let compiled = forge_spec::compile(sources);
    let found: Vec<_> = compiled.diagnostics.iter().map(|found| &found.headline).collect();
    let spec = compiled.spec.unwrap_or_else(|| panic!("the site has mistakes: {found:#?}"));
    forge_plan::lower(&spec, BTreeMap::new()).unwrap()
}

fn listing(plan: &Plan) -> String {
    let mut text = "# plan key, kind and version, step, images\n".to_owned();
    for node in &plan.nodes {
        let (key, kind, version) = (node.key, node.action.kind(), node.action.version());
        let images = node.images.join(" ");
        writeln!(text, "{key} {kind}-{version} [{}] {images}", node.label).unwrap();
    }
    for image in &plan.images {
        writeln!(text, "{} image [{}]", image.plan_digest(plan), image.name).unwrap();
    }
    text
}

#[test]
fn plan_keys_are_pinned() {
    let path = golden().join("plan-keys.txt");
    let got = listing(&plan(&read_site(&golden().join("site"))));
    if std::env::var_os("FORGE_BLESS").is_some() {
        fs::write(&path, &got).unwrap();
    }
    let want = fs::read_to_string(&path).unwrap();
    let (got, want): (Vec<_>, Vec<_>) = (got.lines().collect(), want.lines().collect());
    assert_eq!(got, want, "if this is meant, see the head of this test");
}

#[test]
fn the_site_has_every_kind_of_step() {
    let plan = plan(&read_site(&golden().join("site")));
    let mut kinds: Vec<_> = plan.nodes.iter().map(|node| node.action.kind()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let all = [
        "base", "changes", "fetch", "pack", "packages", "resolve", "run", "secrets", "stamp",
        "unpack", "verify",
    ];
    assert_eq!(kinds, all);
}

#[test]
fn the_same_sources_give_the_same_plan() {
    let site = read_site(&golden().join("site"));
    let text = |plan: &Plan| serde_json::to_string(plan).unwrap();
    assert_eq!(text(&plan(&site)), text(&plan(&site)));
}
