//! Directories of the project that are copied into an image.

use forge_model::{Action, ChangeKind, MemorySources};
use forge_plan::{Checked, check};

fn checked(node: &str) -> Checked {
    let mut sources = MemorySources::new();
    let base = "base \"b\" { debian suite=\"bookworm\"; }";
    sources.insert("forge.kdl", format!("{base}\nimage \"i\" {{ base \"b\"; {node}; }}"));
    sources.insert_executable("site/bin/tool", "#!/bin/sh");
    sources.insert("site/lib/.hidden", "h").insert("site/lib/libx.so.1", "x");
    sources.insert_link("site/lib/libx.so", "libx.so.1").insert_link("site/etc", "/etc");
    sources.insert_link("links/only", "nowhere");
    sources.insert("odd/a\nb", "x");
    check(&sources, forge_model::Day::of_seconds(0))
}

fn made(node: &str) -> Vec<String> {
    let checked = checked(node);
    let plan = checked.plan.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let changes = plan.nodes.iter().filter_map(|node| match &node.action {
        Action::Changes(changes) => Some(&changes.changes),
        _ => None,
    });
    changes.flatten().map(|change| shown(&change.what)).collect()
}

fn shown(change: &ChangeKind) -> String {
    match change {
        ChangeKind::File { path, mode, owner, group, .. } => {
            format!("{path} {mode:04o} {owner}:{group}")
        }
        ChangeKind::Directory { path, mode, owner, group, keep } => {
            let kept = if *keep { " unless it is there" } else { "" };
            format!("{path}/ {mode:04o} {owner}:{group}{kept}")
        }
        ChangeKind::Link { path, target } => format!("{path} -> {target}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn everything_below_is_copied_with_the_bits_that_git_knows() {
    let want = [
        "/opt/x/ 0755 root:root",
        "/opt/x/bin/ 0755 root:root unless it is there",
        "/opt/x/bin/tool 0755 root:root",
        "/opt/x/etc -> /etc",
        "/opt/x/lib/ 0755 root:root unless it is there",
        "/opt/x/lib/.hidden 0644 root:root",
        "/opt/x/lib/libx.so -> libx.so.1",
        "/opt/x/lib/libx.so.1 0644 root:root",
    ];
    assert_eq!(made("directory \"/opt/x\" source=\"site\""), want);
    // A slash at the end of a directory's name means nothing.
    assert_eq!(made("directory \"/opt/x/\" source=\"site/\""), want);
}

#[test]
fn bits_and_owners_that_are_said_hold_for_all() {
    let node = "directory \"/opt/x\" source=\"site/lib\" mode=\"0700\" file-mode=\"0640\" \
                dir-mode=\"0750\" owner=\"daemon\" group=\"adm\"";
    let want = [
        "/opt/x/ 0700 daemon:adm",
        "/opt/x/.hidden 0640 daemon:adm",
        "/opt/x/libx.so -> libx.so.1",
        "/opt/x/libx.so.1 0640 daemon:adm",
    ];
    assert_eq!(made(node), want);
    let node = "directory \"/opt/x\" source=\"site\" dir-mode=\"0750\"";
    assert!(made(node).contains(&"/opt/x/lib/ 0750 root:root".to_owned()));
    assert_eq!(
        made("directory \"/opt/x\" source=\"links\""),
        ["/opt/x/ 0755 root:root", "/opt/x/only -> nowhere"]
    );
}

#[test]
fn a_name_that_no_terminal_should_see_is_refused() {
    let found = checked("directory \"/opt/x\" source=\"odd\"").diagnostics;
    let headlines: Vec<_> = found.iter().map(|one| one.headline.as_str()).collect();
    assert_eq!(headlines, ["`odd/a\\nb` has a control character in its name"]);
}
