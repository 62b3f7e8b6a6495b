//! Controls over trees that a program reads otherwise than it looks: what the program makes of each
//! was asked of the program itself (sshd -T, `systemctl --root`, modprobe, dpkg-query, getent).

use std::fs;
use std::os::unix::fs::symlink;

use forge_test::{Forgec, Site};

/// A path and its text; `-> target` is a link.
type Tree = &'static [(&'static str, &'static str)];
/// A name, the files of a tree, what is demanded, and its status.
type Probe = (&'static str, Tree, &'static str, &'static str);

const SSHD: &str = "/etc/ssh/sshd_config";
const UNITS: &str = "[Unit]\n";

const PROBES: &[Probe] = &[
    (
        "one-of-two-lines-sets-it",
        &[("/etc/x", "gpgcheck=0\n[b]\ngpgcheck=1\n")],
        r#"file "/etc/x" { not { setting "gpgcheck" "0"; }; }"#,
        "failed",
    ),
    (
        "a-section-with-a-comment",
        &[("/etc/x", "[main]\na=1\n[other] ; comment\nb=2\n")],
        r#"file "/etc/x" { setting "b" "2" section="main"; }"#,
        "failed",
    ),
    (
        "one-of-two-ports",
        &[(SSHD, "Port 22\nPort 2222\n")],
        r#"sshd-config { not { set "Port" "22"; }; }"#,
        "failed",
    ),
    (
        "both-ports",
        &[(SSHD, "Port 22\nPort 2222\n")],
        r#"sshd-config { set "Port" "22" "2222"; }"#,
        "passed",
    ),
    (
        "a-match-of-all-counts-more",
        &[(
            SSHD,
            "PermitRootLogin no\nMatch User x\nX11Forwarding no\nMatch all\nPermitRootLogin yes\n",
        )],
        r#"sshd-config { set "PermitRootLogin" "no"; }"#,
        "failed",
    ),
    (
        "a-match-of-some-does-not",
        &[(SSHD, "PermitRootLogin no\nMatch User x\nPermitRootLogin yes\n")],
        r#"sshd-config { set "PermitRootLogin" "no"; }"#,
        "passed",
    ),
    (
        "the-old-name-of-a-keyword",
        &[(SSHD, "ChallengeResponseAuthentication yes\nKbdInteractiveAuthentication no\n")],
        r#"sshd-config { set "KbdInteractiveAuthentication" "no"; }"#,
        "failed",
    ),
    (
        "a-keyword-in-quotes",
        &[(SSHD, "\"PermitRootLogin\" yes\nPermitRootLogin no\n")],
        r#"sshd-config { set "PermitRootLogin" "no"; }"#,
        "failed",
    ),
    (
        "a-path-in-another-case",
        &[(SSHD, "Banner /etc/Issue\n")],
        r#"sshd-config { set "Banner" "/etc/issue"; }"#,
        "failed",
    ),
    (
        "the-old-word-of-a-value",
        &[(SSHD, "PermitRootLogin without-password\n")],
        r#"sshd-config { set "PermitRootLogin" "prohibit-password"; }"#,
        "passed",
    ),
    (
        "a-shell-runs-the-line",
        &[("/etc/modprobe.d/x.conf", "install cramfs /bin/false || /sbin/modprobe -i cramfs\n")],
        r#"kernel-module "cramfs" { disabled; }"#,
        "failed",
    ),
    (
        "a-hidden-file-of-modprobe",
        &[("/etc/modprobe.d/.x.conf", "install cramfs /bin/false\n")],
        r#"kernel-module "cramfs" { disabled; }"#,
        "failed",
    ),
    (
        "a-carriage-return-is-part-of-a-name",
        &[("/etc/modprobe.d/x.conf", "blacklist cramfs\r\n")],
        r#"kernel-module "cramfs" { blacklisted; }"#,
        "failed",
    ),
    (
        "a-mask-by-a-way-around",
        &[
            ("/usr/lib/systemd/system/x.service", UNITS),
            ("/etc/systemd/system/x.service", "-> ../../../dev/null"),
        ],
        r#"service "x" { masked; }"#,
        "passed",
    ),
    (
        "a-mask-in-system-control",
        &[
            ("/usr/lib/systemd/system/x.service", UNITS),
            (
                "/etc/systemd/system/multi-user.target.wants/x.service",
                "-> /usr/lib/systemd/system/x.service",
            ),
            ("/etc/systemd/system.control/x.service", "-> /dev/null"),
        ],
        r#"service "x" { not { enabled; }; masked; }"#,
        "passed",
    ),
    (
        "a-link-to-an-empty-file",
        &[("/opt/x.service", ""), ("/etc/systemd/system/x.service", "-> /opt/x.service")],
        r#"service "x" { masked; }"#,
        "passed",
    ),
    (
        "a-file-among-links",
        &[
            ("/usr/lib/systemd/system/x.service", UNITS),
            ("/etc/systemd/system/multi-user.target.wants/x.service", UNITS),
        ],
        r#"service "x" { enabled; }"#,
        "failed",
    ),
    (
        "a-later-option-takes-it-away",
        &[("/etc/fstab", "tmpfs /data tmpfs nosuid,suid 0 0\n")],
        r#"mount "/data" { options includes="nosuid"; }"#,
        "failed",
    ),
    (
        "a-drop-in-of-a-mount",
        &[
            ("/etc/fstab", "tmpfs /data tmpfs nosuid 0 0\n"),
            ("/etc/systemd/system/data.mount.d/o.conf", "[Mount]\nOptions=defaults\n"),
        ],
        r#"mount "/data" { options includes="nosuid"; }"#,
        "failed",
    ),
    (
        "a-line-that-goes-on",
        &[(
            "/etc/systemd/system/data.mount",
            "[Mount]\nWhat=tmpfs\nWhere=/data\nOptions=nosuid,\\\nsuid\n",
        )],
        r#"mount "/data" { options includes="nosuid"; }"#,
        "failed",
    ),
    (
        "swap-is-mounted-nowhere",
        &[("/etc/fstab", "UUID=1 swap swap defaults 0 0\n")],
        r#"mount "/swap" { configured; }"#,
        "failed",
    ),
    (
        "a-package-with-triggers-to-run",
        &[(
            "/var/lib/dpkg/status",
            "Package: telnetd\nStatus: install ok triggers-pending\nVersion: 1\n",
        )],
        r#"packages-absent "telnetd""#,
        "failed",
    ),
    (
        "the-second-line-of-a-group",
        &[("/etc/passwd", "eve:x:7:7::/:/bin/sh\n"), ("/etc/group", "sudo:x:27:\nsudo:x:27:eve\n")],
        r#"user "eve" { not { groups includes="sudo"; }; }"#,
        "failed",
    ),
    (
        "a-line-behind-a-comment",
        &[("/etc/passwd", "#old:x:0:0::/:/bin/false\n"), ("/etc/group", "#old:x:0:\n")],
        r##"user "#old" { exists; }"##,
        "failed",
    ),
    (
        "an-empty-list-asks-nothing",
        &[("/etc/x", "")],
        r#"param "gs" type="list" of="path" { default; }; for-each "f" "${gs}" { file "${f}" { exists; owner "root"; }; }"#,
        "error",
    ),
    (
        "nothing-is-compared-with-an-empty-list",
        &[(SSHD, "Port 22\n")],
        r#"param "gs" type="list" { default; }; sshd-config { not { set "AllowGroups" "${gs}"; }; }"#,
        "error",
    ),
];

#[test]
fn programs_decide() {
    let mut wrong = Vec::new();
    let site = Site::new(&[]);
    let forgec = Forgec::new(&site.project(), site.scratch());
    for (name, tree, demand, status) in PROBES {
        let root = site.scratch().join(name);
        for (path, text) in *tree {
            let path = root.join(&path[1..]);
            fs::create_dir_all(path.parent().expect("a path in the tree")).expect("a directory");
            match text.strip_prefix("-> ") {
                Some(target) => symlink(target, &path).expect("a link"),
                None => fs::write(&path, text).expect("a file"),
            }
        }
        // A parameter is the profile's.
        let (params, demand) = match demand.strip_prefix("param ") {
            Some(_) => demand.split_once("}; ").map(|(param, rest)| (format!("{param}}}"), rest)),
            None => Some((String::new(), *demand)),
        }
        .expect("a parameter and a demand");
        let text =
            format!("profile \"p\" {{\n    {params}\n    control \"c\" {{ {demand}; }}\n}}\n");
        let kdl = site.scratch().join(format!("{name}.kdl"));
        fs::write(&kdl, text).expect("a profile");
        let (kdl, root) = (kdl.display().to_string(), root.display().to_string());
        let run = forgec.run(&["controls", "run", "--kdl", &kdl, "--tree", &root, "--all"]);
        let said = run.stdout.lines().find_map(|line| line.trim_start().split_once("  c:"));
        let got = said.map(|(status, _)| status.trim());
        if got.is_none_or(|got| !got.starts_with(status)) {
            wrong.push(format!("{name}: {status}\n{}{}", run.stdout, run.stderr));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
