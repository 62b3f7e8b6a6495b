use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use forge_model::ChangeKind;

use super::super::testing::*;
use super::super::{ChangeError, Draft};
use super::*;

/// Units of the image, below `/usr/lib/systemd/system` unless the path is absolute.
const UNITS: [(&str, &str); 30] = [
    ("ssh.service", "[Service]\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n"),
    ("static.service", "[Service]\nExecStart=/bin/true\n"),
    ("multi-user.target", ""),
    ("sockets.target", "[Unit]\n"),
    ("timers.target", "[Unit]\n"),
    ("real.target", "[Unit]\n"),
    ("tmpl@.target", "[Unit]\n"),
    ("two.service", "[Install]\nWantedBy=real.target sockets.target\nRequiredBy=timers.target\n"),
    ("pair.service", "[Install]\nAlso=pair.socket pair-helper.service\nWantedBy=real.target\n"),
    ("pair.socket", "[Socket]\n[Install]\nWantedBy=sockets.target\n"),
    ("pair-helper.service", "[Install]\nWantedBy=real.target\nAlso=pair.service\n"),
    ("half.service", "[Install]\nAlso=absent.socket\nWantedBy=real.target\n"),
    ("getty@.service", "[Install]\nWantedBy=real.target\nDefaultInstance=tty1\n"),
    ("plain@.service", "[Install]\nWantedBy=real.target\n"),
    ("inst@.service", "[Install]\nWantedBy=tmpl@%i.target\nAlias=other@.service\n"),
    ("bad-alias@.service", "[Install]\nAlias=other-%i.service\n"),
    ("kind-alias.service", "[Install]\nAlias=other.socket\n"),
    ("fixed@.service", "[Install]\nAlias=other@one.service\n"),
    ("drop.service", "[Install]\nWantedBy=real.target\n"),
    ("drop.service.d/10.conf", "[Install]\nWantedBy=\nWantedBy=sockets.target\n"),
    ("/etc/systemd/system/drop.service.d/20.conf", "[Install]\nRequiredBy=timers.target\n"),
    ("shadowed.service", "[Install]\nWantedBy=real.target\n"),
    ("/etc/systemd/system/shadowed.service", "[Install]\nWantedBy=sockets.target\n"),
    ("/usr/local/lib/systemd/system/local.service", "[Install]\nWantedBy=real.target\n"),
    ("spec-a-b@.service", "[Install]\nWantedBy=%p.target real.target\nAlias=%j@%i.service\n"),
    ("wantdir.service", "[Install]\nAlias=real.target.wants/wantdir.service\n"),
    ("vendor-on.service", "[Install]\nWantedBy=real.target\n"),
    ("away.service", "[Install]\nWantedBy=nowhere.target\n"),
    ("empty.service", ""),
    ("x.timer", "[Install]\nWantedBy=timers.target\n"),
];

const LINKS: [(&str, &str); 8] = [
    ("lib", "usr/lib"),
    ("etc/systemd/system/masked.service", "/dev/null"),
    (
        "etc/systemd/system/real.target.wants/vendor-on.service",
        "/lib/systemd/system/vendor-on.service",
    ),
    ("etc/systemd/system/vendor-alias.service", "/lib/systemd/system/vendor-on.service"),
    (
        "etc/systemd/system/sockets.target.wants/tool@a.service",
        "/lib/systemd/system/plain@.service",
    ),
    ("usr/lib/systemd/system/dbus-org.example.x.service", "two.service"),
    ("usr/lib/systemd/system/dangling.service", "nowhere.service"),
    ("usr/lib/systemd/system/default.target", "real.target"),
];

fn at(unit: &str) -> String {
    match unit.strip_prefix('/') {
        Some(path) => path.to_owned(),
        None => format!("usr/lib/systemd/system/{unit}"),
    }
}

fn image() -> Image {
    let units = UNITS.map(|(unit, text)| (at(unit), Node::File(text)));
    let mut nodes: Vec<_> = units.iter().map(|(at, node)| (at.as_str(), node.clone())).collect();
    nodes.extend(LINKS.map(|(at, target)| (at, Node::Link(target))));
    nodes.push(("etc/init.d/old", Node::File("#!/bin/sh\n")));
    Image::new(&nodes)
}

fn change(verb: &str, unit: &str) -> ChangeKind {
    let unit = unit.to_owned();
    match verb {
        "enable" => ChangeKind::Enable { unit },
        "disable" => ChangeKind::Disable { unit },
        _ => ChangeKind::Mask { unit },
    }
}

fn apply(steps: &[(&str, &str)]) -> Result<Draft, Vec<ChangeError>> {
    let changes: Vec<_> = steps.iter().map(|(verb, unit)| change(verb, unit)).collect();
    image().apply(&changes)
}

/// Name, input, and what comes of it.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn units_become_links() {
    let cases: &[Case<'_>] = &[
        (
            &[("enable", "x.timer")],
            &[
                "directory 0755 0:0 /etc/systemd/system/timers.target.wants",
                "link /etc/systemd/system/timers.target.wants/x.timer -> /usr/lib/systemd/system/x.timer",
            ],
        ),
        (&[("mask", "x.timer")], &["link /etc/systemd/system/x.timer -> /dev/null"]),
        (&[("mask", "masked.service")], &[]),
        (&[("enable", "vendor-on.service")], &[]),
        (&[("enable", "vendor-alias.service")], &[]),
        (&[("enable", "static.service")], &[]),
        (
            &[("disable", "vendor-on.service")],
            &[
                "whiteout /etc/systemd/system/real.target.wants",
                "whiteout /etc/systemd/system/vendor-alias.service",
            ],
        ),
        (&[("disable", "x.timer")], &[]),
        (&[("enable", "x.timer"), ("disable", "x.timer")], &[]),
    ];
    for (steps, want) in cases {
        assert_eq!(listing(&apply(steps).unwrap()), *want, "{steps:?}");
    }
}

#[test]
fn misfits_are_errors_with_a_mend() {
    let cases = [
        (
            "enable",
            "masked.service",
            "is masked by `/etc/systemd/system/masked.service`",
            "remove \"/etc",
        ),
        ("enable", "empty.service", "is masked", "its package masks it"),
        (
            "enable",
            "shh.service",
            "`shh.service` is not in the image",
            "did you mean `ssh.service`",
        ),
        ("enable", "zzzzz.service", "is not in the image", "name the package"),
        ("enable", "old.service", "is not in the image", "SysV script `/etc/init.d/old`"),
        ("enable", "dangling.service", "is not in the image", ""),
        ("enable", "ssh", "is no name of a unit", "`ssh.service`"),
        ("enable", "../x.service", "is no name of a unit", ""),
        ("enable", "plain@.service", "template without default instance", "`plain@NAME.service`"),
        ("disable", "nope.service", "is not in the image", ""),
        ("mask", "shadowed.service", "cannot be masked", "remove \"/etc"),
        ("mask", "vendor-alias.service", "cannot be masked", "remove \"/etc"),
    ];
    for (verb, unit, message, help) in cases {
        let errors = apply(&[(verb, unit)]).unwrap_err();
        assert!(errors[0].message.contains(message), "{verb} {unit}: {}", errors[0].message);
        let mend = errors[0].help.clone().unwrap_or_default();
        assert!(mend.contains(help), "{verb} {unit}: {mend}");
    }
}

#[test]
fn what_changes_nothing_is_noted() {
    for (unit, want) in [
        ("static.service", "no `[Install]` section"),
        ("half.service", "`absent.socket` in `Also=`"),
        ("away.service", "`nowhere.target`, which is not in the image"),
    ] {
        let draft = apply(&[("enable", unit)]).unwrap();
        assert!(draft.notes.iter().any(|note| note.message.contains(want)), "{:?}", draft.notes);
    }
}

#[test]
fn a_unit_of_the_same_list_is_found() {
    let changes = [
        change("enable", "own.service"),
        file("/etc/systemd/system/own.service", "[Install]\nWantedBy=real.target\n"),
    ];
    let draft = image().apply(&changes).unwrap();
    assert!(
        draft
            .manifest
            .entries
            .contains_key(&path("etc/systemd/system/real.target.wants/own.service"))
    );
}

#[test]
fn the_selector_follows_units_and_their_absence() {
    let changes = [change("enable", "x.timer")];
    let first = image().apply(&changes).unwrap().selector;
    let mut nodes: Vec<(&str, Node<'_>)> =
        vec![("usr/lib/systemd/system/ssh.service", Node::File("[Install]\n"))];
    let with = |nodes: &[(&str, Node<'_>)]| {
        let mut image = image();
        let over = Image::new(nodes);
        let manifest =
            over.tree.iter().map(|(at, found)| (at.clone(), found.entry.clone())).collect();
        image.tree.push(&forge_model::Manifest { entries: manifest });
        image.contents.extend(over.contents);
        image.apply(&changes).map(|draft| draft.selector)
    };
    assert_eq!(with(&nodes).unwrap(), first, "another unit");
    for (at, node) in [
        ("etc/systemd/system/x.timer", Node::File("[Install]\nWantedBy=real.target\n")),
        ("usr/lib/systemd/system/x.timer.d/1.conf", Node::File("")),
        ("usr/lib/systemd/system/x.timer", Node::File("[Install]\nWantedBy=timers.target \n")),
        ("etc/systemd/system/timers.target.wants", Node::Dir),
    ] {
        nodes = vec![(at, node)];
        assert_ne!(with(&nodes).unwrap(), first, "{at}");
    }
}

/// Links below `/etc/systemd/system`, with where they lead.
type Links = BTreeMap<String, String>;

fn merged_usr(target: &str) -> String {
    match target.strip_prefix("/lib/") {
        Some(rest) => format!("/usr/lib/{rest}"),
        None => target.to_owned(),
    }
}

fn links_of(image: &Image) -> Links {
    let config = config_dir();
    let below = image.tree.below(&config).filter_map(|(at, found)| match &found.entry.kind {
        EntryKind::Symlink { target } => {
            Some((at.to_string(), merged_usr(std::str::from_utf8(target).unwrap())))
        }
        _ => None,
    });
    below.collect()
}

fn links_on_disk(root: &Path, dir: &Path, links: &mut Links) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            let target = std::fs::read_link(&path).unwrap();
            // A relative target counts from the link's directory.
            let target = if target.is_absolute() {
                target.to_str().unwrap().to_owned()
            } else {
                let whole = path.parent().unwrap().strip_prefix(root).unwrap().join(target);
                let mut parts: Vec<String> = Vec::new();
                for part in whole.components().map(|part| part.as_os_str().to_str().unwrap()) {
                    match part {
                        ".." => drop(parts.pop()),
                        part => parts.push(part.to_owned()),
                    }
                }
                format!("/{}", parts.join("/"))
            };
            let at = format!("/{}", path.strip_prefix(root).unwrap().display());
            links.insert(at, merged_usr(&target));
        } else if path.is_dir() {
            links_on_disk(root, &path, links);
        }
    }
}

fn write_image(root: &Path) {
    for (at, text) in UNITS.map(|(unit, text)| (at(unit), text)) {
        let at = root.join(at);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, text).unwrap();
    }
    for (at, target) in LINKS {
        let at = root.join(at);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, at).unwrap();
    }
}

/// The same links as `systemctl --root` makes, where this machine has it.
#[test]
#[expect(clippy::disallowed_methods, reason = "the program itself is compared with")]
fn links_are_those_of_systemctl() {
    let tables: &[&[(&str, &str)]] = &[
        &[("enable", "ssh.service")],
        &[("enable", "two.service")],
        &[("enable", "dbus-org.example.x.service")],
        &[("enable", "pair.service")],
        &[("enable", "pair.service"), ("disable", "pair.socket")],
        &[("enable", "half.service")],
        &[("enable", "getty@.service")],
        &[("enable", "getty@tty2.service")],
        &[
            ("enable", "getty@tty2.service"),
            ("enable", "getty@.service"),
            ("disable", "getty@tty2.service"),
        ],
        &[
            ("enable", "getty@tty2.service"),
            ("enable", "getty@.service"),
            ("disable", "getty@.service"),
        ],
        &[("enable", "plain@one.service")],
        &[("enable", "inst@one.service")],
        &[("enable", "inst@.service")],
        &[("enable", "bad-alias@one.service")],
        &[("enable", "kind-alias.service")],
        &[("enable", "fixed@.service")],
        &[("enable", "fixed@one.service")],
        &[("enable", "fixed@two.service")],
        &[("enable", "spec-a-b@q.service")],
        &[("enable", "drop.service")],
        &[("enable", "shadowed.service")],
        &[("enable", "local.service")],
        &[("enable", "wantdir.service")],
        &[("enable", "away.service")],
        &[("enable", "vendor-on.service")],
        &[("disable", "vendor-on.service")],
        &[("disable", "plain@.service")],
        &[("disable", "masked.service")],
        &[("enable", "static.service")],
        &[("mask", "ssh.service")],
        &[("enable", "ssh.service"), ("mask", "ssh.service")],
        &[("mask", "absent.service")],
        &[("mask", "masked.service")],
        &[("enable", "masked.service")],
        &[("enable", "absent.service")],
        &[("enable", "plain@.service")],
        &[("enable", "empty.service")],
        &[("enable", "dangling.service")],
        &[("mask", "shadowed.service")],
        &[("enable", "ssh.service"), ("disable", "ssh.service")],
        &[("enable", "ssh.service"), ("enable", "two.service"), ("disable", "two.service")],
    ];
    let mut different = Vec::new();
    for steps in tables {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write_image(root);
        let mut refused = Vec::new();
        for (verb, unit) in *steps {
            let mut command = Command::new("systemctl");
            command.env_clear().env("PATH", "/usr/bin:/bin").arg("--root").arg(root);
            let Ok(output) = command.args(["--quiet", verb, unit]).output() else {
                return;
            };
            if !output.status.success() {
                refused.push(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        let ours = apply(steps).map(|draft| links_of(&image().with(&draft)));
        let mut theirs = Links::new();
        links_on_disk(root, &root.join("etc/systemd/system"), &mut theirs);
        let same = match &ours {
            Ok(links) => refused.is_empty() && *links == theirs,
            Err(_) => !refused.is_empty(),
        };
        if !same {
            different.push(format!("{steps:?}\n ours {ours:#?}\n theirs {theirs:#?} {refused:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// The name of a unit for a path is that of `systemd-escape`, where this machine has it.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test compares with the program itself")]
fn path_names_are_those_of_systemd_escape() {
    for at in ["/", "/a-b/c d", "/.x/.y", "/ü/\\/@", "//a//b/", "/a:b_c.d"] {
        let mut command = Command::new("systemd-escape");
        command.args(["--path", "--suffix=mount", "--", at]);
        let Ok(output) = command.output() else { return };
        let theirs = String::from_utf8(output.stdout).unwrap();
        assert_eq!(forge_model::unit_name_for_path(&path(at), ".mount"), theirs.trim_end(), "{at}");
    }
}
