//! Unchanged Ruby profiles over hostile trees.
//!
//! A case is a directory below `tests/inspec/`: `tree.sh` makes the tree in which it is started,
//! `profile/` is judged over it, and `expected.txt` is the exit code and everything that is said.
//!
//! `FORGE_BLESS=1 cargo test -p forge-test --test inspec` writes what is expected anew, to be read
//! before it is committed.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use forge_test::built_binary;

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("inspec");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// What `forgec controls run` says of a case, the tree's path masked.
fn judge(case: &Path) -> String {
    // Fifty thousand files are made at once where no disk is in the way.
    let scratch = match tempfile::tempdir_in("/dev/shm") {
        Ok(scratch) => scratch,
        Err(_) => tempfile::tempdir().unwrap(),
    };
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let script = case.join("tree.sh");
    let made = Command::new("sh").args(["-eu"]).arg(&script).current_dir(&tree).output().unwrap();
    assert!(made.status.success(), "{}: {made:?}", script.display());
    let run = Command::new(built_binary())
        .args(["controls", "run", "--all", "--inspec", "profile", "--tree"])
        .arg(&tree)
        .current_dir(case)
        .output()
        .unwrap();
    let said = format!(
        "exit {}\n{}{}",
        run.status.code().unwrap(),
        String::from_utf8(run.stdout).unwrap(),
        String::from_utf8(run.stderr).unwrap()
    );
    said.replace(&tree.display().to_string(), "TREE")
}

#[test]
fn every_case_gives_its_verdicts() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (expected, said) = (case.join("expected.txt"), judge(&case));
        if std::env::var_os("FORGE_BLESS").is_some() {
            fs::write(&expected, said).unwrap();
            continue;
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if wanted != said {
            wrong.push(format!("{}\n--- wanted\n{wanted}\n--- said\n{said}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
