//! Lines and settings of files that the base brings, edited by several roles: built, asked about,
//! changed again. As root.

use forge_test::{SmallSite, Turn};

const SITE: &str = r#"
base "small" { archive "bases/base.tar"; }
image "test-node" {
    base "small"
    role "names"
    role "ranges"
    role "more"
    output "initramfs"
}
"#;

const NAMES: &str = r#"role "names" {
    line "/etc/os-release" match="^NAME=" "NAME=site"
}
"#;

const RANGES: &str = r#"role "ranges" {
    setting "/etc/login.defs" key="UID_MAX" sep=" " 50000
}
"#;

const MORE: &str = r#"role "more" {
    line "/etc/os-release" match="^VERSION_ID" "VERSION_ID=2"
    line "/etc/os-release" match="^VARIANT" append=#true "VARIANT=node"
}
"#;

fn site() -> SmallSite {
    SmallSite::with(&[
        ("site.kdl", SITE),
        ("roles/names.kdl", NAMES),
        ("roles/ranges.kdl", RANGES),
        ("roles/more.kdl", MORE),
    ])
}

#[test]
fn edits_of_several_roles_meet_in_one_file() {
    let _turn = Turn::take();
    let lab = site();
    lab.build();
    assert_eq!(lab.read("/etc/os-release"), "ID=test\nNAME=site\nVERSION_ID=2\nVARIANT=node\n");
    let ranges = lab.read("/etc/login.defs");
    assert!(ranges.starts_with("UID_MIN 1000\nUID_MAX 50000\nSYS_UID_MIN 100\n"), "{ranges}");
    let blamed = lab.forgec.run(&["blame", "test-node", "/etc/os-release"]).expect(0).stdout;
    let mut lines = blamed.lines();
    assert_eq!(
        lines.next().unwrap(),
        "/etc/os-release: more/files, roles/more.kdl:2, roles/more.kdl:3; an edit of \
         names/files, roles/names.kdl:2; an edit of base small, bases/base.tar"
    );
    let hidden: Vec<_> = lines.map(|line| line.rsplit_once(": ").unwrap().1).collect();
    assert_eq!(hidden, ["names/files, roles/names.kdl:2", "base small, bases/base.tar"]);

    // Each line has its edit, or who made the file.
    for (line, want) in [
        (1, "base small, bases/base.tar\n  ID=test\n"),
        (2, "names/files, roles/names.kdl:2\n  NAME=site\n"),
        (3, "more/files, roles/more.kdl:2\n  VERSION_ID=2\n"),
        (4, "more/files, roles/more.kdl:3\n  VARIANT=node\n"),
    ] {
        let asked = format!("/etc/os-release:{line}");
        let told = lab.forgec.run(&["blame", "test-node", &asked]).expect(0).stdout;
        assert_eq!(told, format!("{asked}: {want}"));
    }
    let beyond = lab.forgec.run(&["blame", "test-node", "/etc/os-release:5"]);
    assert!(beyond.stderr.contains("`/etc/os-release` has no line 5"), "{beyond:?}");

    // Another value: its own layer and those that read the file, as the plan says beforehand.
    lab.edit("roles/names.kdl", "NAME=site", "NAME=other");
    let plan = lab.forgec.run(&["plan"]).expect(0).stdout;
    assert!(plan.contains("roles/names.kdl:2"), "{plan}");
    let built = lab.build();
    for (layer, done) in [("names/files", true), ("more/files", true), ("ranges/files", false)] {
        assert_eq!(built.done.contains(layer), done, "{layer}\n{}", built.run.stderr);
    }
    lab.build().expect(&[]);
}

#[test]
fn an_edit_that_does_not_fit_fails_the_build_at_its_line() {
    let _turn = Turn::take();
    let lab = site();
    lab.build();
    let whole = lab.artifacts();
    let broken = [
        ("match=\"^NAME=\"", "match=\"^NAM_=\"", "no line matches `^NAM_=`"),
        ("/etc/os-release", "/etc/os-releas", "it is not in the image"),
        ("match=\"^NAME=\"", "match=\"^\"", "lines 1, 2, 3 match `^`"),
    ];
    for (old, new, why) in broken {
        lab.site.write("roles/names.kdl", NAMES);
        lab.edit("roles/names.kdl", old, new);
        let failed = lab.forgec.run(&["build"]).expect(1);
        for word in [why, "roles/names.kdl:2", "help: "] {
            assert!(failed.stderr.contains(word), "`{word}` is not in\n{}", failed.stderr);
        }
        assert_eq!(lab.artifacts(), whole, "{new}");
    }
}
