//! Controls in KDL written as a profile of `InSpec`: its Ruby, run by the engine for unchanged profiles,
//! gives the same verdicts over the same tree, control by control.
//!
//! The end of a control's id in `tests/export/controls.kdl` says how it comes out: `passes`, `fails`,
//! `skipped`, `open` (a tree cannot tell), `gap` (`InSpec` has no equal: it fails there), and `command`
//! (there only a program can tell, whatever the tree says here).

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use forge_model::Property;
use forge_test::built_binary;

/// The words of the report for a control.
fn statuses(run: &Output) -> BTreeMap<String, String> {
    let text = String::from_utf8(run.stdout.clone()).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let found: BTreeMap<_, _> = lines
        .map(|line| {
            let (word, rest) = line.trim_start().split_once(' ').unwrap();
            let id = rest.trim_start().split_once(':').unwrap().0;
            (id.to_owned(), word.to_owned())
        })
        .collect();
    assert!(!found.is_empty(), "{run:?}");
    found
}

fn run(directory: &Path, args: &[&str]) -> Output {
    Command::new(built_binary()).arg("controls").args(args).current_dir(directory).output().unwrap()
}

#[test]
fn exported_controls_give_the_same_verdicts() {
    let scratch = tempfile::tempdir().unwrap();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("export");
    let tree = scratch.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    let script = case.join("tree.sh");
    let made = Command::new("sh").arg("-eu").arg(&script).current_dir(&tree).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let kdl = case.join("controls.kdl");
    let kdl = kdl.to_str().unwrap();

    let own = run(scratch.path(), &["run", "--kdl", kdl, "--tree", "tree", "--all"]);
    let exported = run(scratch.path(), &["export", "--kdl", kdl, "--inspec", "profile"]);
    assert!(exported.status.success(), "{exported:?}");
    let there = [
        "run",
        "--inspec",
        "profile",
        "--waiver-file",
        "profile/waivers.yml",
        "--tree",
        "tree",
        "--all",
    ];
    let theirs = run(scratch.path(), &there);
    let said = String::from_utf8_lossy(&theirs.stdout).into_owned();
    let (own, theirs) = (statuses(&own), statuses(&theirs));
    assert!(own.keys().eq(theirs.keys()), "{own:?}\n{theirs:?}");

    let told = String::from_utf8(exported.stdout).unwrap();
    let mut wrong = Vec::new();
    for (id, status) in &own {
        let wanted = match id.rsplit('-').next().unwrap() {
            "passes" => ["passed", "passed"],
            "fails" if id == "several-fails" => ["waived", "waived"],
            "fails" => ["failed", "failed"],
            "skipped" => ["skipped", "skipped"],
            "open" => ["later", "later"],
            "command" => [status, "later"],
            "gap" => [status, "failed"],
            other => panic!("{other}"),
        };
        if [status, &theirs[id]] != wanted {
            wrong.push(format!("{id}: {status}, exported {}", theirs[id]));
        }
        let is_named = told.lines().any(|line| line.starts_with(&format!("  {id}:")));
        assert_eq!(id.ends_with("gap"), is_named, "{id}\n{told}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}\n{said}");
    // Every word of controls is among them, in both ways wherever a tree can tell.
    for property in Property::ALL {
        let name = property.name();
        let ends = |end: &str| own.keys().any(|id| id.starts_with(name) && id.ends_with(end));
        let by_command =
            ["exit-status", "stdout", "stderr", "blacklisted", "running", "link-target"]
                .contains(&name);
        let no_equal = ["configured", "source", "options", "mounted"].contains(&name);
        let both = ends("passes") && ends("fails");
        assert!(by_command || both || no_equal && ends("gap"), "{name}");
    }
}
