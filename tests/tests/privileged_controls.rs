//! The example site's BeeGFS controls, each broken in every way at every level: on a small base,
//! as root.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::Path;

use forge_test::{SmallSite, Turn};

/// The example site's own role and profile on the small base.
fn site(profile: impl Fn(&str) -> String) -> SmallSite {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    let read = |path: &str| fs::read_to_string(specs.join(path)).unwrap();
    let role = "roles/beegfs-client";
    let names =
        ["role.kdl", "beegfs-client.conf.j2", "beegfs-mounts.conf.j2", "beegfs-helperd.service"];
    let mut files: Vec<(String, String)> = names
        .iter()
        .map(|name| (format!("{role}/{name}"), read(&format!("{role}/{name}"))))
        .collect();
    files.push(("beegfs.kdl".to_owned(), profile(&read("profiles/beegfs.kdl"))));
    files.push(("site.kdl".to_owned(), SITE.to_owned()));
    files.push(("roles/breaks/role.kdl".to_owned(), BREAKS.to_owned()));
    files.push(("roles/breaks/break.sh".to_owned(), "true\n".to_owned()));
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    SmallSite::with(&files)
}

const SITE: &str = r#"
base "small" { archive "bases/base.tar"; }
image "test-node" {
    base "small"
    set cluster="test" type="node"
    role "beegfs-client" mgmtd="192.0.2.10"
    role "breaks"
    file "/opt/beegfs/sbin/beegfs-helperd" mode="0755" { content "a program"; }
    controls "beegfs" mgmtd="192.0.2.10"
    output "initramfs" compress="gzip"
}
"#;

/// The spec cannot know what a script does, and the script may do it.
const BREAKS: &str = r#"
role "breaks" {
    run "break" script="break.sh" override=#true
}
"#;

const CLIENT: &str = "/etc/beegfs/beegfs-client.conf";
const MOUNTS: &str = "/etc/beegfs/beegfs-mounts.conf";
const HELPER: &str = "/etc/systemd/system/beegfs-helperd.service";

/// A control, the role's line that declares its file, and the file.
const CONTROLS: [(&str, &str, &str); 3] = [
    ("beegfs-4", "role.kdl:10", CLIENT),
    ("beegfs-5", "role.kdl:11", MOUNTS),
    ("beegfs-6", "role.kdl:13", HELPER),
];

/// Ways to break a file from a script.
fn scripts(path: &str) -> Vec<String> {
    let mut ways = vec![
        format!("chmod 0640 {path}\n"),
        format!("busybox chown 65534 {path}\n"),
        format!("rm {path}\n"),
    ];
    // The unit's content is not the control's business; whether it starts at boot is.
    ways.push(match path {
        HELPER => {
            "rm /etc/systemd/system/multi-user.target.wants/beegfs-helperd.service\n".to_owned()
        }
        _ => format!("echo nothing > {path}\n"),
    });
    ways
}

/// Breaks each control by script in each way: it and no other fails, the layer and the line that
/// wrote the path are named, and nothing is packed.
fn each_is_found(lab: &SmallSite) {
    lab.build();
    let whole = lab.artifacts();
    for (control, line, path) in CONTROLS {
        for script in scripts(path) {
            lab.site.write("roles/breaks/break.sh", &script);
            let failed = lab.forgec.run(&["build"]).expect(1);
            let said = format!("{}{}", failed.stdout, failed.stderr);
            let blocked = format!("controls fail: `{control}`");
            for word in [blocked.as_str(), path] {
                assert!(said.contains(word), "`{word}` is not in what {script:?} gave:\n{said}");
            }
            // What the script wrote is the script's; what it took away leaves no layer to name.
            let named =
                said.contains("breaks/run break") && said.contains("roles/breaks/role.kdl:3");
            assert!(named || script.starts_with("rm "), "{line}: {script:?}\n{said}");
            assert_eq!(lab.artifacts(), whole, "{script:?}");
        }
    }
    lab.site.write("roles/breaks/break.sh", "true\n");
    lab.build();
}

#[test]
fn what_a_script_breaks_is_found_at_the_tree() {
    let _turn = Turn::take();
    let lab = site(str::to_owned);
    let shown = lab.forgec.run(&["show", "test-node"]).expect(0).stdout;
    assert!(shown.contains("controls, tree"), "{shown}");
    each_is_found(&lab);
}

#[test]
fn what_a_script_breaks_is_found_in_the_container() {
    let _turn = Turn::take();
    let lab = site(|profile| {
        let stated = profile.replace("conf\" {", "conf\" target=\"container\" {");
        stated
            .replace("service\" {", "service\" target=\"container\" {")
            .replace("\"beegfs-helperd\" {", "\"beegfs-helperd\" target=\"container\" {")
    });
    let shown = lab.forgec.run(&["show", "test-node"]).expect(0).stdout;
    assert!(shown.contains("controls, container"), "{shown}");
    assert!(!shown.contains("controls, tree"), "{shown}");
    each_is_found(&lab);
}

/// What the spec itself says is an error of `check`, with both places.
#[test]
fn what_the_spec_breaks_is_found_without_a_build() {
    let role = "roles/beegfs-client/role.kdl";
    let client = r#""/etc/beegfs/beegfs-client.conf" mode="0644""#;
    let mounts = r#""/etc/beegfs/beegfs-mounts.conf" mode="0644""#;
    let unit = r#"unit "beegfs-helperd.service" source="beegfs-helperd.service" enabled=#true"#;
    let gone = |path: &str| format!("remove \"{path}\"");
    let whole = |declared: &str, template: &str| format!("file {declared} template=\"{template}\"");
    let mutations = [
        ("beegfs-4", client.to_owned(), client.replace("0644", "0600")),
        ("beegfs-4", client.to_owned(), format!("{client} owner=\"nobody\"")),
        ("beegfs-4", "default=8192".to_owned(), "default=4096".to_owned()),
        ("beegfs-4", whole(client, "beegfs-client.conf.j2"), gone(CLIENT)),
        ("beegfs-5", mounts.to_owned(), mounts.replace("0644", "0666")),
        ("beegfs-5", mounts.to_owned(), format!("{mounts} group=\"adm\"")),
        ("beegfs-5", "default=\"/beegfs/pl-active\"".to_owned(), "default=\"/beegfs\"".to_owned()),
        ("beegfs-5", whole(mounts, "beegfs-mounts.conf.j2"), gone(MOUNTS)),
        ("beegfs-6", unit.to_owned(), unit.replace("#true", "#false")),
        ("beegfs-6", unit.to_owned(), gone(HELPER)),
    ];
    for (control, old, new) in mutations {
        let lab = site(str::to_owned);
        // With a script that may change what others declare, the spec alone tells nothing.
        lab.edit("site.kdl", "    role \"breaks\"\n", "");
        lab.edit(role, &old, &new);
        let found = lab.forgec.run(&["check"]);
        assert_eq!(found.code, 1, "{old} -> {new}\n{}", found.stderr);
        for word in [control, role, "beegfs.kdl"] {
            assert!(found.stderr.contains(word), "{word}: {old} -> {new}\n{}", found.stderr);
        }
    }
}

/// `test` packs nothing, and ends by what the controls say.
#[test]
fn controls_are_judged_alone() {
    let _turn = Turn::take();
    let lab = site(str::to_owned);
    let all = lab.forgec.run(&["test", "--all"]).expect(0);
    for (control, ..) in CONTROLS {
        assert!(all.stdout.contains(&format!("passed  {control}")), "{}", all.stdout);
    }
    assert!(lab.artifacts().is_empty());
    let broken = format!("chmod 0640 {CLIENT}\n");
    lab.edit("roles/breaks/break.sh", "true\n", &broken);
    let failed = lab.forgec.run(&["test", "test-node"]).expect(100);
    assert!(failed.stdout.contains("failed  beegfs-4"), "{}", failed.stdout);
    assert!(failed.stdout.contains("breaks/role.kdl:3"), "{}", failed.stdout);
    // Nothing is judged again, and no other control is asked for.
    let other = lab.forgec.run(&["test", "--control", "beegfs-5"]).expect(0);
    assert!(!other.stdout.contains("beegfs-4"), "{}", other.stdout);
    assert!(!other.stderr.contains("steps done"), "{}", other.stderr);
    lab.forgec.run(&["test", "--target", "tree", "--control", "beegfs-4"]).expect(100);
    let typo = lab.forgec.run(&["test", "--control", "beegfs-44"]).expect(2);
    assert!(typo.stderr.contains("did you mean"), "{}", typo.stderr);
    assert!(lab.artifacts().is_empty());
}
