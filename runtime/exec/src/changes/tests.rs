use forge_model::{BUILD_EPOCH, ChangeKind, Content, Digest, SourceFile};

use super::testing::*;
use super::*;
use crate::Fault;

const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/bash\nmunge:x:110:115::/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nadm:x:4:\nmunge:x:115:\n";

fn image() -> Image {
    Image::new(&[
        ("bin", Node::Link("usr/bin")),
        ("lib", Node::Link("usr/lib")),
        ("usr/bin", Node::Dir),
        ("usr/lib/x", Node::File("x")),
        ("etc", Node::DirMode(0o750, 0, 4)),
        ("etc/passwd", Node::File(PASSWD)),
        ("etc/group", Node::File(GROUP)),
        ("etc/file", Node::File("old")),
        ("etc/to-file", Node::Link("file")),
        ("etc/to-dir", Node::Link("/usr/lib")),
        ("etc/dangling", Node::Link("../run/nothing")),
        ("etc/conf.d/10", Node::File("10")),
        ("etc/conf.d/20", Node::File("20")),
        ("etc/conf.d/.hidden", Node::File("h")),
        ("etc/pipe", Node::Fifo),
        ("home/munge", Node::DirMode(0o2750, 110, 115)),
    ])
}

/// Name, input, and what comes of it.
type Case<'a> = (&'a str, Vec<ChangeKind>, &'a [&'a str]);

#[test]
fn paths_become_entries() {
    let cases: &[Case<'_>] = &[
        ("a file", vec![file("/etc/new", "x")], &["file 0644 0:0 /etc/new"]),
        ("over a file", vec![file("/etc/file", "x")], &["file 0644 0:0 /etc/file"]),
        ("over a link to a file", vec![file("/etc/to-file", "x")], &["file 0644 0:0 /etc/to-file"]),
        (
            "over a dangling link",
            vec![file("/etc/dangling", "x")],
            &["file 0644 0:0 /etc/dangling"],
        ),
        (
            "through a merged /usr",
            vec![file("/lib/a/b", "x")],
            &["directory 0755 0:0 /usr/lib/a", "file 0644 0:0 /usr/lib/a/b"],
        ),
        ("through another link", vec![file("/etc/to-dir/n", "x")], &["file 0644 0:0 /usr/lib/n"]),
        (
            "owner by name",
            vec![owned_file("/etc/k", "x", "munge", "adm")],
            &["file 0644 110:4 /etc/k"],
        ),
        ("owner by number", vec![owned_file("/etc/k", "x", "7", "8")], &["file 0644 7:8 /etc/k"]),
        (
            "a new directory",
            vec![directory("/srv/a", 0o1777)],
            &["directory 0755 0:0 /srv", "directory 1777 0:0 /srv/a"],
        ),
        (
            "a directory again",
            vec![directory("/home/munge", 0o700)],
            &["directory 0700 0:0 /home/munge"],
        ),
        (
            "a kept directory",
            vec![kept("/srv/a", 0o700), kept("/etc/conf.d", 0o700), kept("/lib", 0o700)],
            &["directory 0755 0:0 /srv", "directory 0700 0:0 /srv/a"],
        ),
        (
            "a parent declared later",
            vec![file("/srv/a/f", ""), directory("/srv/a", 0o700)],
            &["directory 0755 0:0 /srv", "directory 0700 0:0 /srv/a", "file 0644 0:0 /srv/a/f"],
        ),
        ("a link", vec![link("/etc/l", "../x y")], &["link /etc/l -> ../x y"]),
        (
            "a link over one to a directory, the same",
            vec![link("/etc/to-dir", "/usr/lib")],
            &["link /etc/to-dir -> /usr/lib"],
        ),
        (
            "twice the same",
            vec![file("/etc/a", "x"), file("/etc/a", "x")],
            &["file 0644 0:0 /etc/a"],
        ),
    ];
    for (name, changes, want) in cases {
        let draft = image().apply(changes).unwrap();
        assert_eq!(listing(&draft), *want, "{name}");
        assert!(draft.manifest.entries.values().all(|entry| entry.mtime == BUILD_EPOCH), "{name}");
        assert_eq!(draft.touched.len(), want.len(), "{name}");
    }
}

#[test]
fn removals_become_whiteouts() {
    let cases: &[(&str, &[&str])] = &[
        ("/etc/file", &["whiteout /etc/file"]),
        ("/etc/conf.d", &["whiteout /etc/conf.d"]),
        (
            "/etc/conf.d/*",
            &["whiteout /etc/conf.d/.hidden", "whiteout /etc/conf.d/10", "whiteout /etc/conf.d/20"],
        ),
        ("/etc/conf.d/[12]0", &["whiteout /etc/conf.d/10", "whiteout /etc/conf.d/20"]),
        ("/*/conf.d/1?", &["whiteout /etc/conf.d/10"]),
        ("/lib/x", &["whiteout /usr/lib/x"]),
        ("/etc/to-dir", &["whiteout /etc/to-dir"]),
        ("/etc/to-dir/*", &["whiteout /usr/lib/x"]),
        ("/etc/nothing*", &[]),
        ("/etc/file/below", &[]),
    ];
    for (pattern, want) in cases {
        let draft = image().apply(&[remove(pattern)]).unwrap();
        assert_eq!(listing(&draft), *want, "{pattern}");
        assert_eq!(draft.notes.is_empty(), !want.is_empty(), "{pattern}");
    }
}

#[test]
fn a_directory_made_anew_is_empty() {
    let changes =
        [remove("/etc/conf.d"), directory("/etc/conf.d", 0o755), file("/etc/conf.d/20", "n")];
    let draft = image().apply(&changes).unwrap();
    assert_eq!(
        listing(&draft),
        [
            "directory 0755 0:0 /etc/conf.d",
            "whiteout /etc/conf.d/.hidden",
            "whiteout /etc/conf.d/10",
            "file 0644 0:0 /etc/conf.d/20",
        ]
    );
    let merged = image().with(&draft);
    let below: Vec<_> =
        merged.tree.below(&path("/etc/conf.d")).map(|(at, _)| at.to_string()).collect();
    assert_eq!(below, ["/etc/conf.d/20"]);
    // A file where a directory was, and a directory where a file was.
    let changes = [
        remove("/etc/conf.d"),
        file("/etc/conf.d", ""),
        remove("/etc/file"),
        directory("/etc/file", 0o755),
    ];
    let draft = image().apply(&changes).unwrap();
    assert_eq!(listing(&draft), ["file 0644 0:0 /etc/conf.d", "directory 0755 0:0 /etc/file"]);
}

#[test]
fn edits_keep_the_rest_of_the_file() {
    let below = Image::new(&[
        ("etc/passwd", Node::File(PASSWD)),
        ("etc/app.conf", Node::FileMode("a=1\n#b=2\n", 0o640, 0, 115)),
        ("etc/to-app", Node::Link("app.conf")),
        ("lib", Node::Link("usr/lib")),
        ("usr/lib/other", Node::File("x\n")),
    ]);
    let changes = [
        setting("/etc/app.conf", None, "b", "3"),
        line("/etc/to-app", Some("^a="), "a=0"),
        line("/lib/other", None, "y"),
        line("/lib/other", None, "x"),
    ];
    let draft = below.apply(&changes).unwrap();
    assert_eq!(listing(&draft), ["file 0640 0:115 /etc/app.conf", "file 0644 0:0 /usr/lib/other"]);
    let touched: Vec<_> =
        draft.touched.iter().map(|(at, origin)| format!("{at} {}", origin.line)).collect();
    // The last edit finds its line there.
    assert_eq!(touched, ["/etc/app.conf 1", "/etc/app.conf 2", "/usr/lib/other 3"]);
    assert_eq!(draft.declared, []);
    let merged = below.with(&draft);
    assert_eq!(merged.text("etc/app.conf"), "a=0\n#b=2\nb=3\n");
    assert_eq!(merged.text("usr/lib/other"), "x\ny\n");
    // Over that, nothing is left to do.
    let again = merged.apply(&changes).unwrap();
    assert_eq!((listing(&again), again.edited.len()), (Vec::new(), 0));
}

#[test]
fn an_edit_reads_its_file_and_no_other() {
    let selector = |nodes: &[(&str, Node<'_>)]| {
        let changes = [line("/etc/app.conf", Some("^a="), "a=0")];
        Image::new(nodes).apply(&changes).unwrap().selector
    };
    let first = selector(&[("etc/app.conf", Node::File("a=1\n"))]);
    let beside = [("etc/app.conf", Node::File("a=1\n")), ("etc/other", Node::File("x"))];
    assert_eq!(selector(&beside), first);
    let different: &[(&str, Node<'_>)] = &[
        ("content", Node::File("a=1\nb=2\n")),
        ("mode", Node::FileMode("a=1\n", 0o600, 0, 0)),
        ("owner", Node::FileMode("a=1\n", 0o644, 1, 0)),
    ];
    for (name, node) in different {
        assert_ne!(selector(&[("etc/app.conf", node.clone())]), first, "{name}");
    }
}

#[test]
fn misfits_are_errors() {
    let cases: &[(&str, ChangeKind, &str)] = &[
        ("file over directory", file("/etc/conf.d", ""), "is a directory in the image"),
        ("file over pipe's child", file("/etc/pipe/x", ""), "is no directory"),
        (
            "file over a link to a directory",
            file("/etc/to-dir", ""),
            "is a link to the directory `/usr/lib`",
        ),
        ("merged /usr replaced", link("/lib", "/opt/lib"), "is a link to the directory `/usr/lib`"),
        ("merged /usr removed", remove("/li*"), "a link of a merged /usr"),
        ("directory over file", directory("/etc/file", 0o755), "is a file in the image"),
        ("kept directory over file", kept("/etc/file", 0o755), "is a file in the image"),
        ("directory over link", directory("/etc/to-dir", 0o755), "is a link in the image"),
        ("unknown owner", owned_file("/etc/x", "", "slurm", "root"), "no user `slurm`"),
        ("unknown group", owned_file("/etc/x", "", "root", "slurm"), "no group `slurm`"),
        ("edit of nothing", line("/etc/none", None, "x"), "it is not in the image"),
        ("edit of a directory", line("/etc/conf.d", None, "x"), "it is a directory"),
        ("edit behind a link to a directory", line("/etc/to-dir", None, "x"), "it is a directory"),
        ("edit behind a dangling link", line("/etc/dangling", None, "x"), "it is not in the image"),
        ("edit of a pipe", line("/etc/pipe", None, "x"), "it is no regular file"),
        ("edit that matches nothing", line("/etc/file", Some("^x"), "x"), "no line matches `^x`"),
        ("the whole image", remove("/*"), "whole image"),
        ("the root", remove("//."), "whole image"),
        ("out of the image", remove("/etc/../../x"), "leaves"),
        ("not absolute", remove("etc"), "no absolute path"),
        ("empty target", link("/etc/x", ""), "no target"),
        ("the root as a file", file("/", ""), "directory"),
    ];
    for (name, change, want) in cases {
        let errors = image().apply(std::slice::from_ref(change)).unwrap_err();
        assert_eq!(errors.len(), 1, "{name}");
        assert!(errors[0].message.contains(want), "{name}: {}", errors[0].message);
        assert_eq!(errors[0].fault, Fault::User, "{name}");
    }
}

#[test]
fn all_errors_of_a_list_come_at_once_by_place() {
    let changes = [
        directory("/etc/file", 0o755),
        user_with("ann", None, false, (None, &["no-such"])),
        file("/etc/fine", ""),
        owned_file("/etc/x", "", "nobody-there", "root"),
        file("/etc/fine", "else"),
        ChangeKind::Enable { unit: "no.service".to_owned() },
    ];
    let errors = image().apply(&changes).unwrap_err();
    let lines: Vec<_> = errors.iter().map(|error| error.origin.line).collect();
    assert_eq!(lines, [1, 2, 4, 5, 6]);
    assert!(errors[3].message.contains("says otherwise than `/etc/fine` at role.kdl:3"));
}

#[test]
fn a_removal_of_what_the_list_declares_is_an_error() {
    let errors = image().apply(&[file("/etc/conf.d/30", ""), remove("/etc/conf.d/*")]).unwrap_err();
    assert!(errors[0].message.contains("`/etc/conf.d/30`, declared at role.kdl:1"), "{errors:?}");
}

#[test]
fn sources_are_copied_by_the_executor() {
    let source = SourceFile {
        path: "files/x".to_owned(),
        digest: Digest::of(b"abc"),
        size: 3,
        executable: true,
    };
    let content = Content::Source(source.clone());
    let root = || "root".to_owned();
    let change = ChangeKind::File {
        path: path("/etc/x"),
        content,
        mode: 0o755,
        owner: root(),
        group: root(),
    };
    let draft = image().apply(&[change]).unwrap();
    assert_eq!(draft.contents[&path("/etc/x")], DraftContent::Source(source));
    assert_eq!(draft.manifest.content_size(), 3);
}

#[test]
fn parents_come_as_they_are_below() {
    let draft = image().apply(&[file("/etc/new", ""), file("/home/munge/x", "")]).unwrap();
    let parents: Vec<_> = draft
        .parents
        .iter()
        .map(|(at, entry)| format!("{:04o} {}:{} {at}", entry.mode, entry.uid, entry.gid))
        .collect();
    assert_eq!(parents, ["0750 0:4 /etc", "0755 0:0 /home", "2750 110:115 /home/munge"]);
}

#[test]
fn the_selector_follows_what_is_read_and_nothing_else() {
    let changes = [owned_file("/etc/new/f", "x", "munge", "adm"), remove("/etc/conf.d/*")];
    let base: Vec<(&str, Node<'_>)> = vec![
        ("etc/passwd", Node::File(PASSWD)),
        ("etc/group", Node::File(GROUP)),
        ("etc/conf.d/10", Node::File("10")),
        ("usr/bin/tool", Node::File("1")),
    ];
    let selector = |extra: &[(&'static str, Node<'static>)]| {
        let mut nodes = base.clone();
        nodes.extend_from_slice(extra);
        Image::new(&nodes).apply(&changes).map(|draft| draft.selector)
    };
    let first = selector(&[]).unwrap();
    let other_users = "new:x:900:900::/:/bin/sh\nmunge:x:110:115::/elsewhere:/bin/sh\n";
    let same: &[(&str, (&'static str, Node<'static>))] = &[
        ("another file", ("usr/bin/other", Node::File("2"))),
        ("another content", ("usr/bin/tool", Node::File("3"))),
        ("another account", ("etc/passwd", Node::File(other_users))),
        ("a removed file's content", ("etc/conf.d/10", Node::File("11"))),
        ("beside the target", ("etc/other", Node::File(""))),
    ];
    for (name, extra) in same {
        assert_eq!(selector(std::slice::from_ref(extra)).unwrap(), first, "{name}");
    }
    let different: &[(&str, (&'static str, Node<'static>))] = &[
        ("the parent's mode", ("etc", Node::DirMode(0o700, 0, 0))),
        ("the parent's group", ("etc", Node::DirMode(0o755, 0, 4))),
        ("the parent exists", ("etc/new", Node::Dir)),
        ("the target exists", ("etc/new/f", Node::File(""))),
        ("another name to remove", ("etc/conf.d/20", Node::File(""))),
        ("the owner's id", ("etc/passwd", Node::File("munge:x:111:115::/:/bin/sh\n"))),
        ("the group's id", ("etc/group", Node::File("root:x:0:\nadm:x:5:\n"))),
    ];
    for (name, extra) in different {
        assert_ne!(selector(std::slice::from_ref(extra)).unwrap(), first, "{name}");
    }
}

#[test]
fn hostile_trees_keep_everything_inside() {
    let image = Image::new(&[
        ("etc", Node::Link("../../../../host/etc")),
        ("var/log", Node::Link("/../../host/log")),
        ("tmp", Node::Link("loop")),
        ("loop", Node::Link("tmp")),
        ("bin", Node::Link("/proc/self/root/bin")),
    ]);
    let changes = [file("/etc/x", ""), file("/var/log/y", ""), file("/bin/z", "")];
    let draft = image.apply(&changes).unwrap();
    let files: Vec<_> = draft.contents.keys().map(ToString::to_string).collect();
    assert_eq!(files, ["/host/etc/x", "/host/log/y", "/proc/self/root/bin/z"]);
    let errors = image.apply(&[file("/tmp/x", "")]).unwrap_err();
    assert!(errors[0].message.contains("round in circles"), "{errors:?}");
}

#[test]
fn what_is_mounted_over_is_noted() {
    let draft = image().apply(&[file("/run/x", ""), file("/etc/x", "")]).unwrap();
    let notes: Vec<_> = draft.notes.iter().map(|note| note.origin.line).collect();
    assert_eq!(notes, [1]);
}

#[test]
fn an_unreadable_layer_is_no_mistake_of_the_spec() {
    let mut image = image();
    image.contents.clear();
    let errors = image.apply(&[owned_file("/etc/x", "", "munge", "root")]).unwrap_err();
    assert_eq!(errors[0].fault, Fault::Environment);
}
