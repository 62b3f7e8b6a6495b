//! Controls in KDL written as a profile of `InSpec`: its Ruby, run by the engine for unchanged profiles,
//! gives the same verdicts over the same tree, control by control.
//!
//! The end of a control's id in `tests/export/controls.kdl` says how it comes out: `passes`, `fails`,
//! `skipped`, `open` (a tree cannot tell), `gap` (`InSpec` has no equal: it fails there), and `command`
//! (there only a program can tell, whatever the tree says here).

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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

/// The tree of the cases here.
fn tree(scratch: &Path) {
    make_tree(&scratch.join("tree"), &of_tests("export/tree.sh"));
}

fn make_tree(tree: &Path, script: &Path) {
    std::fs::create_dir(tree).unwrap();
    let made = Command::new("sh").arg("-eu").arg(script).current_dir(tree).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

fn of_tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Imports a profile, and judges the tree by the KDL: what was said, and the verdicts where there are any.
fn imported(scratch: &Path, profile: &Path) -> (Output, BTreeMap<String, String>) {
    let done = run(scratch, &["import", profile.to_str().unwrap()]);
    assert!(done.status.success(), "{}: {done:?}", profile.display());
    let text = String::from_utf8(done.stdout.clone()).unwrap();
    assert_eq!(formatted(&text), text, "{}", profile.display());
    std::fs::write(scratch.join("imported.kdl"), &text).unwrap();
    if !text.contains("\nprofile ") && !text.starts_with("profile ") {
        return (done, BTreeMap::new());
    }
    let judged = run(scratch, &["run", "--kdl", "imported.kdl", "--tree", "tree", "--all"]);
    (done, statuses(&judged))
}

fn formatted(text: &str) -> String {
    let mut fmt = Command::new(built_binary());
    fmt.args(["fmt", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = fmt.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = text.to_owned();
    let write = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let done = child.wait_with_output().unwrap();
    write.join().unwrap().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

/// Verdicts in KDL that are not those of the Ruby. What raises in Ruby fails in KDL.
fn differences(
    ruby: &BTreeMap<String, String>,
    kdl: &BTreeMap<String, String>,
) -> Vec<(String, String, String)> {
    let same = |word: &str| if word == "error" { "failed" } else { word }.to_owned();
    let pairs = kdl.iter().map(|(id, now)| (id.clone(), same(&ruby[id]), same(now)));
    pairs.filter(|(_, before, now)| before != now).collect()
}

#[test]
fn what_was_exported_comes_back() {
    let scratch = tempfile::tempdir().unwrap();
    tree(scratch.path());
    let kdl = of_tests("export/controls.kdl");
    let kdl = kdl.to_str().unwrap();
    let own = run(scratch.path(), &["run", "--kdl", kdl, "--tree", "tree", "--all"]);
    let own = statuses(&own);
    let exported = run(scratch.path(), &["export", "--kdl", kdl, "--inspec", "profile"]);
    assert!(exported.status.success(), "{exported:?}");
    let (done, back) = imported(scratch.path(), Path::new("profile"));
    let said = String::from_utf8(done.stderr).unwrap();
    for (id, status) in &own {
        // What the export has no equal of does not come back; a pattern that finds the empty text does
        // not, for Ruby knows no line behind the last newline.
        let gone = ["blacklisted-command", "content-2-fails"].contains(&id.as_str());
        assert_eq!(back.contains_key(id), !gone && !id.ends_with("-gap"), "{id}\n{said}");
        let Some(now) = back.get(id) else {
            assert!(said.contains(&format!("\n  {id}: ")), "{id}\n{said}");
            continue;
        };
        // Waivers are no part of a profile of InSpec, nor is `target=`, and a version is asked of dpkg.
        let wanted = match id.as_str() {
            // What nothing sets has no value that KDL could ask for.
            "several-fails" | "value-command" => "failed",
            id if id.ends_with("-command") => "later",
            _ => status,
        };
        assert_eq!(now, wanted, "{id}");
    }
}

#[test]
fn imported_controls_give_the_same_verdicts() {
    let scratch = tempfile::tempdir().unwrap();
    tree(scratch.path());
    let profile = of_tests("import/profile");
    let profile = profile.to_str().unwrap();
    let ruby = run(scratch.path(), &["run", "--inspec", profile, "--tree", "tree", "--all"]);
    let ruby = statuses(&ruby);
    let (done, kdl) = imported(scratch.path(), Path::new(profile));
    for (id, before, now) in differences(&ruby, &kdl) {
        // A link that leads nowhere is not absent in KDL, and a directory's size is not known.
        let link = ["it-0-false-/etc/dangling", "one-/etc/dangling", "expect-1-true-/etc/dangling"]
            .contains(&id.as_str());
        let stricter = link && before == "passed" && now == "failed";
        let size = id.ends_with("/etc/linked") && now == "later";
        let size = size && (id.starts_with("its-size-") || id.starts_with("order-"));
        let unset = id.starts_with("parameter-") && id.ends_with("-kernel.none");
        let unset = unset && before == "later" && now == "failed";
        assert!(stricter || size || unset, "{id}: {before}, imported {now}");
    }
    let text = String::from_utf8(done.stdout).unwrap();
    for (id, status) in &ruby {
        let is_ruby = id.starts_with("ruby-");
        assert!(!is_ruby || !kdl.contains_key(id), "{id}");
        let named = text.contains(&format!("// control \"{id}\" needs Ruby:"));
        assert_eq!(named, !kdl.contains_key(id), "{id} {status}");
    }
    assert!(kdl.len() > 1500, "{}", kdl.len());
    assert!(text.contains("param \"administrators\" type=\"string\" default=\"adm\""), "{text}");
    assert!(text.contains("group \"${administrators}\" {"), "{text}");
    let said = String::from_utf8(done.stderr).unwrap();
    let counted = format!("{} of {} controls imported; ", kdl.len(), ruby.len());
    assert!(said.starts_with(&counted), "{said}");
}

#[test]
fn the_suite_of_ruby_profiles_is_imported_as_far_as_it_goes() {
    let scratch = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut imports = 0;
    for case in std::fs::read_dir(of_tests("inspec")).unwrap() {
        let case = case.unwrap();
        // Fifty thousand files, and loops that only a bound ends, say nothing of an import.
        if case.file_name() == "many" || case.file_name() == "runaway" {
            continue;
        }
        let place = scratch.path().join(case.file_name());
        std::fs::create_dir(&place).unwrap();
        let profile = case.path().join("profile");
        make_tree(&place.join("tree"), &case.path().join("tree.sh"));
        let (_, kdl) = imported(&place, &profile);
        if kdl.is_empty() {
            continue;
        }
        let profile = profile.to_str().unwrap();
        let ruby = run(&place, &["run", "--inspec", profile, "--tree", "tree", "--all"]);
        let wrong = differences(&statuses(&ruby), &kdl);
        assert!(wrong.is_empty(), "{profile}: {wrong:?}");
        imports += kdl.len();
    }
    assert!(imports > 3, "{imports}");
}

#[test]
fn exported_controls_give_the_same_verdicts() {
    let scratch = tempfile::tempdir().unwrap();
    tree(scratch.path());
    let kdl = of_tests("export/controls.kdl");
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
        let by_command = [
            "exit-status",
            "stdout",
            "stderr",
            "blacklisted",
            "running",
            "link-target",
            "listening",
            "protocol",
            "process",
            "address",
        ]
        .contains(&name);
        let no_equal =
            ["configured", "source", "options", "mounted", "user", "free"].contains(&name);
        let both = ends("passes") && ends("fails");
        assert!(by_command || both || no_equal && ends("gap"), "{name}");
    }
}
