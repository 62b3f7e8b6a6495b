//! Where a secret goes and where it does not: on a small base, as root.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use forge_test::{Built, SmallSite, TOKEN, Turn};

const ROTATED: &str = "another-sesame-20250202";

/// What a value may look like on a disk: as it is, in hex, and in base64 at its three alignments,
/// each without the characters that its neighbors decide.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let hex = value.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let mut forms = vec![value.into(), hex.to_uppercase().into(), hex.into()];
    for shift in 0..3 {
        let shifted = [vec![0; shift], value.as_bytes().to_vec()].concat();
        let whole = base64(&shifted);
        let end = whole.len() - usize::from(shifted.len() % 3 != 0);
        forms.push(whole.as_bytes()[if shift == 0 { 0 } else { 4 }..end].to_vec());
    }
    forms
}

/// Base64 without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..=chunk.len() {
            let letter = (word >> (18 - 6 * index)) & 63;
            text.push(char::from(LETTERS[letter as usize]));
        }
    }
    text
}

/// Files below a directory that hold a value in any form.
fn holders(directory: &Path, value: &str) -> Vec<PathBuf> {
    let forms = forms(value);
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(path) = pending.pop() {
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if meta.is_file() {
            let bytes = fs::read(&path).unwrap();
            let holds =
                |form: &Vec<u8>| bytes.windows(form.len()).any(|window| window == form.as_slice());
            if forms.iter().any(holds) {
                found.push(path.strip_prefix(directory).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_search_knows_every_form() {
    assert_eq!(base64(b"Man"), "TWFu");
    assert_eq!(base64(b"light w"), "bGlnaHQgdw");
    let directory = tempfile::tempdir().unwrap();
    for (index, prefix) in ["", "x", "xy"].iter().enumerate() {
        let text = base64(format!("{prefix}{TOKEN} and more").as_bytes());
        fs::write(directory.path().join(index.to_string()), text).unwrap();
    }
    assert_eq!(holders(directory.path(), TOKEN).len(), 3);
}

#[test]
fn a_value_is_in_its_private_layer_and_nowhere_else() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    let built = lab.build();
    assert_eq!(lab.read("/etc/app.token"), TOKEN);
    // The script printed it: the log and the terminal have its name instead.
    assert!(!format!("{:?}", built.run).contains(TOKEN));
    let logs = lab.forgec.store_dir().join("logs");
    let logs = fs::read_dir(logs).unwrap().map(|log| fs::read_to_string(log.unwrap().path()));
    assert!(logs.flatten().any(|log| log.contains("[secret token]")));
    let holders = holders(lab.forgec.store_dir(), TOKEN);
    assert_eq!(holders.len(), 1, "{holders:?}");
    assert!(holders[0].starts_with("private/layers"), "{holders:?}");
    assert!(holders[0].ends_with("etc/app.token"), "{holders:?}");
    let private = lab.forgec.store_dir().join("private");
    assert_eq!(mode(&private), 0o700);
    for entry in fs::read_dir(lab.forgec.out_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".cpio.gz") {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// What a new value of the small site's secret brings: the layer with its file, the script that
/// asked for it, and the artifact.
fn only_consumers(built: &Built) {
    for done in ["secrets", "tool/run tool", "pack"] {
        assert!(built.done.contains(done), "{done} was kept\n{}", built.run.stderr);
    }
    for kept in ["base small", "app/files", "tool/files", "app/run data", "tool/remove"] {
        assert!(!built.done.contains(kept), "{kept} was done again\n{}", built.run.stderr);
    }
}

#[test]
fn rotation_rebuilds_consumers_alone() {
    let _turn = Turn::take();
    let mut lab = SmallSite::new();
    lab.build();
    lab.forgec = lab.forgec.env("TOKEN", ROTATED);
    lab.edit("site.kdl", "version=1", "version=2");
    only_consumers(&lab.build());
    assert_eq!(lab.read("/etc/app.token"), ROTATED);
    lab.build().expect(&[]);
    assert_eq!(holders(lab.forgec.store_dir(), ROTATED).len(), 1);
}

/// An age identity and its recipient.
fn identity(path: &Path) -> String {
    let output = Command::new("age-keygen").arg("-o").arg(path).output().unwrap();
    assert!(output.status.success());
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("# public key: "));
    line.unwrap().to_owned()
}

fn encrypt(recipient: &str, value: &str, path: &Path) {
    let mut age = Command::new("age");
    age.args(["-r", recipient, "-o"]).arg(path).stdin(Stdio::piped());
    let mut child = age.spawn().unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_new_ciphertext_rebuilds_consumers_alone() {
    let _turn = Turn::take();
    let mut lab = SmallSite::new();
    let key = lab.site.scratch().join("identity");
    let recipient = identity(&key);
    let ciphertext = lab.site.project().join("token.age");
    encrypt(&recipient, TOKEN, &ciphertext);
    lab.edit("site.kdl", "version=1 { env \"TOKEN\"; }", "{ age \"token.age\"; }");
    let closed = lab.forgec.run(&["build"]);
    let closed = closed.expect(3);
    assert!(closed.stderr.contains("token"), "{}", closed.stderr);
    lab.forgec = lab.forgec.env("FORGE_AGE_IDENTITY_FILE", key.to_str().unwrap());
    lab.build();
    encrypt(&recipient, ROTATED, &ciphertext);
    only_consumers(&lab.build());
    assert_eq!(lab.read("/etc/app.token"), ROTATED);
}

#[test]
fn a_script_that_keeps_its_secret_fails_the_build() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    let script = "roles/tool/tool.sh";
    lab.edit(script, "cat /run/forge/secrets/token", "cp /run/forge/secrets/token /etc/kept");
    lab.edit(script, "cp ", "/usr/bin/busybox cp ");
    let failed = lab.forgec.run(&["build"]).expect(1);
    for word in ["`etc/kept`", "`token`", "roles/tool/role.kdl:5"] {
        let known =
            failed.stderr.contains(word) || failed.stderr.contains(&word.replace("`etc", "`/etc"));
        assert!(known, "{word} is not in\n{}", failed.stderr);
    }
    assert!(!failed.stderr.contains(TOKEN));
    assert_eq!(holders(lab.forgec.store_dir(), TOKEN).len(), 0);
    assert!(lab.artifacts().is_empty());
}

#[test]
fn an_output_with_a_secret_is_asked_for() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    lab.edit("site.kdl", " allow-secrets=#true", "");
    let refused = lab.forgec.run(&["build"]).expect(1);
    assert!(refused.stderr.contains("allow-secrets"), "{}", refused.stderr);
    assert!(lab.artifacts().is_empty());
}
