use forge_model::{MemorySources, REQUIREMENTS};

use crate::check;

/// A site whose image `i` holds `body` on a base.
fn site(base: &str, body: &str) -> MemorySources {
    let mut sources = MemorySources::new();
    sources.insert("forge.kdl", format!("{base}\nimage \"i\" {{ base \"b\"; {body} }}"));
    sources.insert("tree/etc/passwd", "root:x:0:0::/:/bin/sh\n");
    sources.insert("x.service", "[Service]\nExecStart=/usr/sbin/x\n");
    sources
}

const DEBIAN: &str = r#"base "b" { debian suite="bookworm" { include "dbus"; }; }"#;
const TREE: &str = r#"base "b" { tree "tree"; }"#;
const BODY: &str = r#"
    file "/etc/a" owner="ann" { content "a"; }
    service "chrony" enabled=#true
    unit "x.service" source="x.service"
"#;

/// Titles of the needs that the plan looks at in the built tree.
fn open(sources: &MemorySources) -> Vec<String> {
    let plan = check(sources, forge_model::Day::of_seconds(0)).plan.expect("no mistakes");
    let mut titles = Vec::new();
    for id in &plan.images[0].verdicts {
        if let forge_model::Action::Verify(verify) = &plan.node(*id).action {
            assert!(verify.controls.iter().all(|control| control.profile == REQUIREMENTS));
            titles.extend(verify.controls.iter().map(|control| control.title.clone()));
        }
    }
    titles
}

#[test]
fn what_packages_may_bring_stays_open_and_is_missing_where_nothing_else_can() {
    let want = [
        "`/etc/a` belongs to the user `ann`",
        "`chrony.service` is enabled",
        "`x.service` runs `/usr/sbin/x`",
    ];
    assert_eq!(open(&site(DEBIAN, BODY)), want);
    let found = check(&site(TREE, BODY), forge_model::Day::of_seconds(0)).diagnostics;
    assert_eq!(found.len(), want.len());
    for (title, found) in want.iter().zip(found) {
        assert!(found.headline.starts_with(title), "{title}: {}", found.headline);
    }
}

#[test]
fn the_accounts_of_debian_alone_are_known() {
    let bare = r#"base "b" { debian suite="bookworm"; }"#;
    let body = r#"
        file "/etc/a" owner="ann" group="ann" { content "a"; }
        file "/etc/b" owner="www-data" group="hpc" { content "b"; }
        unit "y.service" { content "[Service]\nUser=bob\nExecStart=/bin/true"; }
        user "ann" uid=2001 groups="video,hpd"
    "#;
    let told = |body: &str| {
        let found = check(&site(bare, body), forge_model::Day::of_seconds(0)).diagnostics;
        found.into_iter().map(|found| found.headline).collect::<Vec<_>>()
    };
    let want = [
        "`/etc/b` belongs to the group `hpc`, which nothing in the image makes",
        "`y.service` runs as the user `bob`, which nothing in the image makes",
        "the user `ann` is in the group `hpd`, which nothing in the image makes",
    ];
    assert_eq!(told(body), want);
    // A package may make any of them.
    assert_eq!(told(&format!("packages \"munge\"\n{body}")), Vec::<String>::new());
}

#[test]
fn what_the_spec_makes_needs_nothing_more() {
    let made = r#"
        user "ann" uid=2001
        unit "chrony.service" { content "[Service]\nExecStart=chronyd"; }
        file "/usr/sbin/x" mode="0755" { content "x"; }
    "#;
    assert_eq!(open(&site(DEBIAN, &format!("{BODY}{made}"))), Vec::<String>::new());
    assert_eq!(open(&site(TREE, &format!("{BODY}{made}"))), Vec::<String>::new());
}

#[test]
fn a_need_that_moved_is_the_same_need() {
    let moved = format!("\n\n{DEBIAN}");
    let key = |sources: &MemorySources| {
        let plan = check(sources, forge_model::Day::of_seconds(0)).plan.expect("no mistakes");
        plan.node(plan.images[0].verdicts[0]).key
    };
    assert_eq!(key(&site(DEBIAN, BODY)), key(&site(&moved, BODY)));
}

#[test]
fn facts_of_the_system_need_what_they_name() {
    let body = r#"
        timezone "Europe/Berlin"
        locale "de_DE.UTF-8"
        limit "@hpc" "hard" "nofile" 4096
        limit "*" "hard" "memlock" "unlimited"
    "#;
    let want = [
        "the time zone is `/usr/share/zoneinfo/Europe/Berlin`",
        "the locale is `de_DE.UTF-8`",
        "a limit of `nofile` is for the group `hpc`",
    ];
    assert_eq!(open(&site(DEBIAN, body)), want);
    let found = check(&site(TREE, body), forge_model::Day::of_seconds(0)).diagnostics;
    let shown: Vec<_> = found.iter().map(|found| found.headline.as_str()).collect();
    assert_eq!(shown.len(), want.len(), "{shown:?}");
    let made = r#"locale "C.UTF-8"; group "hpc"; limit "@hpc" "hard" "nofile" 4096"#;
    assert_eq!(open(&site(DEBIAN, made)), Vec::<String>::new());
}

#[test]
fn a_program_that_an_item_needs_by_its_kind_is_named_with_its_package() {
    let body = r#"mount "/home" what="nfs1.example.org:/home" type="nfs4""#;
    let found = check(&site(TREE, body), forge_model::Day::of_seconds(0)).diagnostics;
    let found = found.first().expect("a finding");
    assert!(found.headline.contains("`/sbin/mount.nfs`"), "{}", found.headline);
    assert!(found.help.as_deref() == Some("add `packages \"nfs-common\"`"), "{:?}", found.help);
}
