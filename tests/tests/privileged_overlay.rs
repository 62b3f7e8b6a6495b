//! A store that lies on overlayfs, as in many a CI runner's container: on a small base, as root.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use forge_model::Digest;
use forge_test::{Built, Forgec, Run, SmallSite, Turn, artifacts};

/// What a node boots: the manifest beside it names the layer of secrets by a digest that depends on
/// the store's own key.
fn booted(forgec: &Forgec) -> BTreeMap<String, Digest> {
    let mut found = artifacts(forgec.out_dir());
    found.retain(|name, _| !name.ends_with(".json"));
    assert!(found.len() >= 4, "{found:?}");
    found
}

/// Runs a call where the store is an overlayfs: in a mount namespace that ends with it.
fn on_overlay(lab: &SmallSite, forgec: &Forgec, arguments: &[&str]) -> Run {
    let ground = lab.site.scratch().join("ground");
    for name in ["lower", "upper", "work"] {
        fs::create_dir_all(ground.join(name)).unwrap();
    }
    fs::create_dir_all(forgec.store_dir()).unwrap();
    let call = forgec.command(arguments);
    let mount = "cd \"$1\" && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work \
        \"$2\" && shift 2 && cd / && exec \"$@\"";
    let mut wrapped = Command::new("unshare");
    wrapped.args(["-m", "sh", "-c", mount, "sh"]).arg(&ground).arg(forgec.store_dir());
    wrapped.arg(call.get_program()).args(call.get_args());
    for (name, value) in call.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    let output = wrapped.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    Run { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn a_store_on_overlayfs_gives_the_same_bytes() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    lab.build();
    let scratch = lab.site.scratch();
    let forgec = Forgec::new(&lab.site.project(), scratch)
        .store(&scratch.join("merged"))
        .out(&scratch.join("out-overlay"))
        .env("TOKEN", forge_test::TOKEN);
    let first = Built::of(on_overlay(&lab, &forgec, &["build"]).expect(0));
    assert!(first.done.contains("tool/run tool"), "{first:?}");
    assert_eq!(booted(&forgec), booted(&lab.forgec));
    // What was removed stays so in a container, though whiteouts cannot lie in this store.
    let script = "! [ -e /usr/lib/data.tmp ] && echo trace > /usr/lib/data && cat /etc/app.conf";
    let shell = ["shell", "test-node", "--", "/bin/sh", "-c", script];
    assert_eq!(on_overlay(&lab, &forgec, &shell).expect(0).stdout.trim(), "one");
    let shell = ["shell", "test-node", "--", "/bin/cat", "/usr/lib/data"];
    assert_eq!(on_overlay(&lab, &forgec, &shell).expect(0).stdout, "data\n");

    lab.edit("roles/app/role.kdl", "one", "two");
    let changed = Built::of(on_overlay(&lab, &forgec, &["build"]).expect(0));
    assert!(!changed.done.contains("base small"), "{changed:?}");
    lab.build();
    assert_eq!(booted(&forgec), booted(&lab.forgec));
    let kept = Built::of(on_overlay(&lab, &forgec, &["build"]).expect(0));
    kept.expect(&[]);
    assert!(fs::read_dir(forgec.store_dir()).unwrap().next().is_none(), "the mount is outside");
    assert!(scratch.join("ground/upper/layers").is_dir(), "the store was elsewhere");
}
