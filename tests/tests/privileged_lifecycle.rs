//! What a build does again, and what it leaves alone: on a small base, as root.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use forge_test::{SmallSite, Turn};

const EVERYTHING: &[&str] = &[
    "base small",
    "app/files",
    "tool/files",
    "app/run data",
    "tool/run tool",
    "tool/remove",
    "secrets",
    "controls, tree",
    "controls, container",
    "stamp",
    "pack",
];

/// The names of the archives in an output folder.
fn archives(lab: &SmallSite) -> Vec<String> {
    let names = lab.artifacts().into_keys();
    names.filter(|name| name.ends_with(".cpio.gz") && !name.contains("latest")).collect()
}

fn manifest(lab: &SmallSite) -> serde_json::Value {
    let text = fs::read_to_string(lab.forgec.out_dir().join("test-node-latest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Inode and times of every file of the output folder: what a rewrite would change.
fn stamps(out: &Path) -> BTreeMap<String, (u64, i64, i64)> {
    let entries = fs::read_dir(out).unwrap().flatten();
    let one = |entry: fs::DirEntry| {
        let meta = entry.path().symlink_metadata().unwrap();
        (
            entry.file_name().to_string_lossy().into_owned(),
            (meta.ino(), meta.mtime_nsec(), meta.ctime_nsec()),
        )
    };
    entries.map(one).collect()
}

#[test]
fn a_second_build_touches_nothing() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    let first = lab.build().expect(EVERYTHING);
    assert!(first.run.stdout.contains("test-node-"), "{}", first.run.stdout);
    let before = stamps(lab.forgec.out_dir());
    let second = lab.build().expect(&[]);
    assert_eq!(second.run.stdout, first.run.stdout);
    assert_eq!(stamps(lab.forgec.out_dir()), before);
}

#[test]
fn an_empty_commit_changes_no_byte() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    lab.build();
    let before = lab.artifacts();
    let revision = lab.site.commit("nothing");
    lab.build().expect(&[]);
    let after = lab.artifacts();
    let changed = after.iter().filter(|(name, digest)| before.get(*name) != Some(digest));
    let changed: Vec<_> = changed.map(|(name, _)| name.as_str()).collect();
    assert!(matches!(changed.as_slice(), [name] if name.ends_with(".json")), "{changed:?}");
    let revisions = manifest(&lab)["revisions"].clone();
    let commits: Vec<_> = revisions.as_array().unwrap().iter().map(|one| &one["commit"]).collect();
    assert_eq!(commits.len(), 2, "{commits:?}");
    assert_eq!(commits[1].as_str(), Some(revision.as_str()));
}

#[test]
fn a_change_is_done_once_and_back_again_costs_nothing() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    lab.build();
    let first = lab.artifacts();
    let name = archives(&lab);
    // No script looks at the file, but scripts see the whole tree: the first runs again, comes
    // out as before, and everything after it that reads nothing else is kept.
    lab.edit("roles/app/role.kdl", "\"one\"", "\"two\"");
    let built = lab.build();
    for kept in ["base small", "tool/files", "tool/remove", "secrets"] {
        assert!(!built.done.contains(kept), "{kept} was done again\n{}", built.run.stderr);
    }
    for done in ["app/files", "stamp", "pack"] {
        assert!(built.done.contains(done), "{done} was kept\n{}", built.run.stderr);
    }
    assert_eq!(lab.read("/etc/app.conf"), "two\n");
    assert_eq!(archives(&lab).len(), 2, "another tree has another name");
    lab.edit("roles/app/role.kdl", "\"two\"", "\"one\"");
    lab.build().expect(&[]);
    let back = lab.artifacts();
    for (file, digest) in first.iter().filter(|(file, _)| !file.ends_with(".json")) {
        assert_eq!(back.get(file), Some(digest), "{file}");
    }
    assert!(name.iter().all(|name| back.contains_key(name)));
}

/// An image of files alone.
const FILES: &str = r#"
base "small" { archive "bases/base.tar"; }
role "one" { file "/etc/one" { content "1"; }; }
role "two" { file "/etc/two" { content "2"; }; }
role "three" { file "/etc/three" { content "3"; }; }
profile "policy" {
    control "c-1" impact=1.0 { file "/etc/two" target="tree" { exists; size above=0; }; }
    control "c-2" impact=1.0 { file "/etc/three" target="tree" { exists; size above=0; }; }
}
image "test-node" {
    base "small"
    set cluster="test" type="node"
    role "one"
    role "two"
    role "three"
    controls "policy"
    output "initramfs" compress="zstd"
}
"#;

#[test]
fn one_changed_file_is_one_layer() {
    let _turn = Turn::take();
    let lab = SmallSite::with(&[("site.kdl", FILES)]);
    lab.build();
    lab.edit("site.kdl", "content \"1\"", "content \"one\"");
    let built = lab.build();
    // No control asked for the file: all answers are the same, so the verdict stands.
    built.expect(&["one/files", "stamp", "pack"]);
}

#[test]
fn the_second_build_needs_no_privilege() {
    let _turn = Turn::take();
    let lab = SmallSite::with(&[("site.kdl", FILES)]);
    lab.build();
    fs::set_permissions(lab.site.scratch(), fs::Permissions::from_mode(0o755)).unwrap();
    let command = lab.forgec.command(&["build"]);
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    nobody.arg(command.get_program()).args(command.get_args()).env_remove("HOME");
    let output = nobody.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    assert!(!errors.contains(" s test-node"), "{errors}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("test-node-"));
}

#[test]
fn layers_that_read_nothing_else_outlive_what_lies_below() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    lab.build();
    // A comment in the script: it runs again and comes out the same; nothing after it is done.
    lab.edit("roles/app/data.sh", "cat ", "# no other effect\ncat ");
    lab.build().expect(&["app/run data"]);
    // Another result: the script above and the name follow, the file layers do not.
    lab.edit("roles/app/data.txt", "data", "other data");
    let built = lab.build();
    assert!(built.done.contains("tool/run tool"), "{}", built.run.stderr);
    for kept in ["app/files", "tool/files", "tool/remove", "secrets"] {
        assert!(!built.done.contains(kept), "{kept} was done again\n{}", built.run.stderr);
    }
    assert_eq!(lab.read("/usr/lib/data"), "other data\n");
}

#[test]
fn what_is_collected_is_not_missed() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    lab.build();
    let layers = || fs::read_dir(lab.forgec.store_dir().join("layers")).unwrap().count();
    let needed = layers();
    lab.edit("roles/tool/role.kdl", "${greeting}", "${greeting}, you");
    lab.build();
    lab.edit("roles/tool/role.kdl", "${greeting}, you", "${greeting}");
    lab.build().expect(&[]);
    assert!(layers() > needed);
    let said = lab.forgec.run(&["gc"]).expect(0).stdout;
    assert!(said.contains("gone:"), "{said}");
    assert!(layers() <= needed, "{said}");
    lab.build().expect(&[]);
    assert_eq!(lab.read("/etc/tool.conf"), "hello\n");
    // With the output gone, packing is all that is left to do.
    fs::remove_dir_all(lab.forgec.out_dir()).unwrap();
    lab.build().expect(&["pack"]);
    // With the archive alone gone, the kernel stays, and nothing else is left beside it.
    let whole = lab.artifacts();
    fs::remove_file(lab.forgec.out_dir().join(&archives(&lab)[0])).unwrap();
    lab.build().expect(&["pack"]);
    assert_eq!(lab.artifacts(), whole);
}

#[test]
fn an_archive_is_the_same_whenever_it_is_unpacked() {
    let _turn = Turn::take();
    let lab = SmallSite::with(&[("site.kdl", FILES)]);
    // Times of this very second, and of a clock that is ahead; `opt` is only implied.
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("opt/fresh")).unwrap();
    fs::write(tree.path().join("opt/fresh/now"), "").unwrap();
    let ahead = fs::File::create(tree.path().join("opt/fresh/ahead")).unwrap();
    ahead.set_modified(SystemTime::now() + Duration::from_secs(3)).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(tree.path()).arg("-rf").arg(lab.site.project().join("bases/base.tar"));
    assert!(tar.arg("opt/fresh").status().unwrap().success());
    lab.build();
    let first = lab.artifacts();
    std::thread::sleep(Duration::from_secs(4));
    for place in [lab.forgec.store_dir(), lab.forgec.out_dir()] {
        fs::remove_dir_all(place).unwrap();
    }
    lab.build();
    assert_eq!(lab.artifacts(), first);
}
