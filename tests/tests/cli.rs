//! The command line, as a person meets it: shell sessions with their output.
//!
//! Each file below `tests/cli/` is one session in a copy of `tests/golden/site` under git. A line
//! `$ COMMAND` is run by `sh` in the project's root; its standard output follows, then its
//! standard error behind `! `, then `? CODE` unless it was 0. Keys and digests stand as `[KEY]` and
//! `[DIGEST]`, temporary paths as `[ROOT]`. No session needs privilege, a network or a store.
//!
//! `SNAPSHOTS=overwrite cargo test -p forge-test --test cli` writes what follows the commands
//! anew, to be read before it is committed.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use forge_test::{Site, built_binary};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A copy of the golden site, committed.
fn site() -> Site {
    let site = Site::new(&[]);
    let golden = tests().join("golden/site");
    let mut pending = vec![golden.clone()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(&golden).unwrap().to_str().unwrap().to_owned();
                site.write(&name, fs::read(&path).unwrap());
            }
        }
    }
    site.commit("first");
    site
}

/// Runs a command of a session and says what it did.
fn told(site: &Site, command: &str) -> String {
    let programs = built_binary().parent().unwrap().display().to_string();
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(site.project())
        .env_clear()
        .env("PATH", format!("{programs}:/usr/bin:/bin"))
        .env("FORGE_STORE", "../store")
        .env("FORGE_OUT", "../out")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        writeln!(text, "{}", format!("! {line}").trim_end()).unwrap();
    }
    match output.status.code() {
        Some(0) => {}
        code => writeln!(text, "? {}", code.unwrap()).unwrap(),
    }
    let root = fs::canonicalize(site.scratch()).unwrap().display().to_string();
    without_keys(&text.replace(&root, "[ROOT]"))
}

/// Keys change with every release; the golden file pins them.
fn without_keys(text: &str) -> String {
    let mut out = String::new();
    let word = |character: char| character.is_ascii_alphanumeric();
    for piece in text.split_inclusive(|character| !word(character)) {
        let end = piece.trim_end_matches(word).trim_start_matches(word);
        let hex = &piece[..piece.len() - end.len()];
        let digits = hex.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
        match hex.len() {
            8 if digits => out.push_str("[KEY]"),
            64 if digits => out.push_str("[DIGEST]"),
            _ => out.push_str(hex),
        }
        out.push_str(end);
    }
    out
}

#[test]
fn sessions_read_as_written() {
    let mut sessions: Vec<_> =
        fs::read_dir(tests().join("cli")).unwrap().map(|entry| entry.unwrap().path()).collect();
    sessions.sort();
    assert!(sessions.len() >= 5, "only {} sessions", sessions.len());
    let mut failed = Vec::new();
    for path in sessions {
        let site = site();
        let mut transcript = String::new();
        for line in fs::read_to_string(&path).unwrap().lines() {
            // The head of a session says what it is about.
            if line.starts_with("# ") {
                writeln!(transcript, "{line}").unwrap();
            }
            if let Some(command) = line.strip_prefix("$ ") {
                write!(transcript, "\n{line}\n{}", told(&site, command)).unwrap();
            }
        }
        let wanted = snapbox::Data::read_from(&path, None);
        let action = snapbox::Assert::new().action_env("SNAPSHOTS").normalize_paths(false);
        if let Err(difference) = action.try_eq(Some(&path.display()), transcript.into(), wanted) {
            failed.push(difference.to_string());
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
