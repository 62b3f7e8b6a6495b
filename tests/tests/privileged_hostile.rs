//! Images that point at the host, scripts that do not want to end, hosts that lack something: on a
//! small base, as root.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use forge_test::{Run, SmallSite, Turn};

/// A site that writes wherever an image may be a trap.
const EAGER: &str = r#"
base "small" { archive "bases/base.tar"; }
role "eager" {
    file "/etc/written" { content "x"; }
    file "/var/log/written" { content "x"; }
    file "/bin/written" mode="0755" { content "x"; }
    file "/boot/written" { content "x"; }
    file "/opt/written" { content "x"; }
    directory "/var/log/journal"
    link "/root/written" target="/etc/written"
    user "someone" uid=4000 home="/home/someone"
    sysctl "vm.swappiness" 10
    run "write" script="write.sh"
    remove "/var/log/*.old"
    remove "/boot/*.old"
    remove "/opt/*.old"
}
image "test-node" {
    base "small"
    set cluster="test" type="node"
    role "eager"
    output "initramfs" compress="gzip"
}
"#;

const WRITE: &str = "for place in /etc /var/log /tmp /bin /run /dev /root /boot /opt /home; do
    echo x > $place/script || true
    rm -rf $place/*.old || true
    chmod 0700 $place || true
done\n";

/// Paths of an image that are links in a hostile one.
const TRAPS: [&str; 11] =
    ["var/log", "etc", "tmp", "usr/bin", "run", "dev", "root", "boot", "opt", "home", "var"];

fn eager() -> SmallSite {
    SmallSite::with(&[("site.kdl", EAGER), ("write.sh", WRITE)])
}

/// Puts a link in place of a directory of the base.
fn set_trap(lab: &SmallSite, path: &str, target: &Path) {
    let tree = tempfile::tempdir().unwrap();
    let archive = lab.site.project().join("bases/base.tar");
    let tar = |arguments: &[&str]| {
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(tree.path()).args(arguments).arg(&archive);
        let tar = if arguments.contains(&"-cf") { tar.arg(".") } else { &mut tar };
        assert!(tar.status().unwrap().success());
    };
    tar(&["-xf"]);
    let at = tree.path().join(path);
    if at.exists() {
        fs::remove_dir_all(&at).unwrap();
    }
    symlink(target, &at).unwrap();
    tar(&["--mtime=@1600000000", "-cf"]);
}

/// A directory of the host that a trap leads to, and what is in it.
fn bait(lab: &SmallSite) -> (PathBuf, Vec<String>) {
    let bait = lab.site.scratch().join("bait");
    fs::create_dir(&bait).unwrap();
    for name in ["passwd", "group", "shadow", "gshadow", "kept.old"] {
        fs::write(bait.join(name), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    }
    let looks = look(&bait);
    (bait, looks)
}

fn look(directory: &Path) -> Vec<String> {
    let own = fs::metadata(directory).unwrap().permissions().mode();
    let mut lines = vec![format!("{own:o}")];
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode();
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        lines.push(format!("{} {mode:o} {text}", entry.file_name().to_string_lossy()));
    }
    lines.sort();
    lines
}

#[test]
fn a_hostile_image_writes_nothing_on_the_host() {
    let _turn = Turn::take();
    let mut refused = 0;
    for trap in TRAPS {
        for relative in [false, true] {
            let lab = eager();
            let (bait, before) = bait(&lab);
            let inside = bait.strip_prefix("/").unwrap();
            let target = if relative {
                Path::new("../../../../../../..").join(inside)
            } else {
                bait.clone()
            };
            set_trap(&lab, trap, &target);
            let run = lab.forgec.run(&["build"]);
            let context = format!("{trap} -> {}\n{}", target.display(), run.stderr);
            assert_eq!(look(&bait), before, "{context}");
            // Some images are as good as others; the rest is refused, not a crash.
            assert!([0, 1].contains(&run.code), "exit {}: {context}", run.code);
            if run.code == 1 {
                refused += 1;
                assert!(run.stderr.contains("error: "), "{context}");
            }
        }
    }
    assert!(refused > 0, "no trap was noticed");
}

#[test]
fn a_script_leaves_no_process() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    lab.site.write(
        "roles/tool/tool.sh",
        "for each in 1 2 3; do\n    (busybox setsid busybox sleep 98765 > /dev/null 2>&1 &)\ndone\n\
         (trap '' TERM HUP INT; while true; do busybox sleep 98765; done) > /dev/null 2>&1 &\n\
         cat /etc/tool.conf > /usr/lib/tool\n",
    );
    let begun = Instant::now();
    lab.build();
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    let left = fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("98765")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn a_failed_script_tells_all() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    lab.site.write("roles/tool/tool.sh", "echo first words\nls /no/such/place\necho never\n");
    let failed = lab.forgec.run(&["build"]).expect(1);
    let parts = [
        "tool/run tool (test-node) failed",
        "script `roles/tool/tool.sh` ended with status 1",
        "roles/tool/role.kdl:5",
        "run \"tool\" script=\"tool.sh\"",
        "command: /run/forge/script (roles/tool/tool.sh)",
        "| first words",
        "/no/such/place: No such file or directory",
        "whole log: ",
    ];
    for part in parts {
        assert!(failed.stderr.contains(part), "`{part}` is not in\n{}", failed.stderr);
    }
    assert!(!failed.stderr.contains("| never"));
    let log = failed.stderr.lines().find_map(|line| line.trim().strip_prefix("whole log: "));
    assert!(fs::read_to_string(log.unwrap()).unwrap().contains("first words"));
    assert!(lab.artifacts().is_empty());
}

/// Runs a build by way of another program.
fn by(lab: &SmallSite, program: &str, arguments: &[&str]) -> Run {
    let forgec = lab.forgec.command(&["build"]);
    let mut command = Command::new(program);
    command.args(arguments).arg(forgec.get_program()).args(forgec.get_args());
    for (name, value) in forgec.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    Run { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

#[test]
fn a_build_without_root_says_what_it_needs() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    fs::set_permissions(lab.site.scratch(), fs::Permissions::from_mode(0o777)).unwrap();
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let refused = by(&lab, "setpriv", &nobody).expect(3);
    assert!(refused.stderr.contains("error: this needs root"), "{}", refused.stderr);
    assert!(refused.stderr.contains("help: run as root"), "{}", refused.stderr);
}

#[test]
fn a_host_without_containers_says_what_it_lacks() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    let empty = lab.site.scratch().join("empty");
    fs::write(&empty, "").unwrap();
    let hide = format!("mount --bind {} /usr/bin/systemd-nspawn && exec \"$@\"", empty.display());
    let lacking = by(&lab, "unshare", &["-m", "sh", "-c", &hide, "sh"]).expect(3);
    for word in ["systemd-nspawn", "forgec doctor"] {
        assert!(lacking.stderr.contains(word), "`{word}` is not in\n{}", lacking.stderr);
    }
    lab.build();
}

const DEBIAN: &str = r#"
mirror "gone" { url "http://127.0.0.1:9/debian"; }
base "bookworm" { debian suite="bookworm" mirror="gone" updates=#false; }
image "test-node" { base "bookworm"; set cluster="test" type="node"; }
"#;

#[test]
fn a_mirror_that_does_not_answer_is_named() {
    let _turn = Turn::take();
    let lab = SmallSite::with(&[("site.kdl", DEBIAN)]);
    let failed = lab.forgec.run(&["build"]).expect(3);
    for word in ["127.0.0.1", "site.kdl:3"] {
        assert!(failed.stderr.contains(word), "`{word}` is not in\n{}", failed.stderr);
    }
}

/// Without a mirror, by the host's own apt configuration.
const UNKNOWN: &str = r#"
base "bookworm" { debian suite="bookworm"; }
image "test-node" {
    base "bookworm"
    set cluster="test" type="node"
    packages "less" "no-such-package-here"
}
"#;

#[test]
fn an_unknown_package_is_named() {
    let _turn = Turn::take();
    let lab = SmallSite::with(&[("site.kdl", UNKNOWN)]);
    let failed = lab.forgec.run(&["build"]).expect(1);
    for word in ["no package is named `no-such-package-here`", "site.kdl:6"] {
        assert!(failed.stderr.contains(word), "`{word}` is not in\n{}", failed.stderr);
    }
    assert!(!failed.stderr.contains("named `less`"), "{}", failed.stderr);
}
