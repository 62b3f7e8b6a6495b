//! What holds for every tree and every list of changes.

use std::collections::BTreeMap;

use forge_model::{ChangeKind, EntryKind, User};
use proptest::prelude::*;

use super::testing::*;

/// A node with all that it needs, so that trees can be made and shrunk freely.
#[derive(Clone, Debug)]
enum Part {
    Dir(u32),
    File(String),
    Link(String),
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "etc", "usr", "x.service", "systemd", "system"])
        .prop_map(str::to_owned)
}

fn place() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..4).prop_map(|parts| parts.join("/"))
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        place(),
        place().prop_map(|path| format!("/{path}")),
        place().prop_map(|path| format!("../../../{path}")),
        Just("/dev/null".to_owned()),
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("/".to_owned()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "[Install]\nWantedBy=x.service\n",
        "[Install]\nAlias=y.service\n",
        "root:x:0:0::/root:/bin/sh\nann:x:7:7::/a:/bin/sh\n",
        "root:x:0:\nann:x:7:\n",
    ])
    .prop_map(str::to_owned)
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        prop::sample::select(vec![0o755, 0o700, 0o2775]).prop_map(Part::Dir),
        text().prop_map(Part::File),
        target().prop_map(Part::Link),
    ]
}

fn parts() -> impl Strategy<Value = Vec<(String, Part)>> {
    let base = vec![
        (
            "etc/passwd".to_owned(),
            Part::File("root:x:0:0::/:/bin/sh\nann:x:7:7::/a:/bin/sh\n".to_owned()),
        ),
        ("etc/group".to_owned(), Part::File("root:x:0:\nann:x:7:\n".to_owned())),
        (
            "usr/lib/systemd/system/x.service".to_owned(),
            Part::File("[Install]\nWantedBy=a.target\n".to_owned()),
        ),
    ];
    prop::collection::vec((place(), part()), 0..10).prop_map(move |mut more| {
        more.extend(base.clone());
        more
    })
}

/// The tree of these parts: what lies below a file or link, or is there already, is left out.
fn image(parts: &[(String, Part)]) -> Image {
    let mut kept: BTreeMap<&str, &Part> = BTreeMap::new();
    for (at, part) in parts {
        let ancestors = at.match_indices('/').map(|(cut, _)| &at[..cut]);
        let open = ancestors.clone().all(|dir| matches!(kept.get(dir), None | Some(Part::Dir(_))));
        let below = format!("{at}/");
        let has_children = kept.keys().any(|other| other.starts_with(&below));
        if open
            && !kept.contains_key(at.as_str())
            && (!has_children || matches!(part, Part::Dir(_)))
        {
            kept.insert(at, part);
        }
    }
    let nodes: Vec<_> = kept.iter().map(|(at, part)| (*at, node(part))).collect();
    Image::new(&nodes)
}

fn node(part: &Part) -> Node<'_> {
    match part {
        Part::Dir(mode) => Node::DirMode(*mode, 0, 0),
        Part::File(text) => Node::File(text),
        Part::Link(target) => Node::Link(target),
    }
}

fn change() -> impl Strategy<Value = ChangeKind> {
    let owner = || prop::sample::select(vec!["root", "ann", "bob", "42"]);
    let unit = || prop::sample::select(vec!["x.service", "y.service"]).prop_map(str::to_owned);
    prop_oneof![
        (place(), text(), owner(), owner())
            .prop_map(|(at, text, user, group)| owned_file(&at, &text, user, group)),
        (place(), 0..0o10000_u32).prop_map(|(at, mode)| directory(&at, mode)),
        (place(), target()).prop_map(|(at, target)| link(&at, &target)),
        place().prop_map(|at| line(&at, None, "ann:x:8:8::/a:/bin/sh")),
        place().prop_map(|at| setting(&at, Some("Install"), "WantedBy", "y.service")),
        place().prop_map(|at| remove(&format!("/{at}"))),
        place().prop_map(|at| remove(&format!("/{at}/*"))),
        Just(user("bob", None, false)),
        Just(group("hpc", None, true)),
        unit().prop_map(|unit| ChangeKind::Enable { unit }),
        unit().prop_map(|unit| ChangeKind::Disable { unit }),
        unit().prop_map(|unit| ChangeKind::Mask { unit }),
    ]
}

fn changes() -> impl Strategy<Value = Vec<ChangeKind>> {
    prop::collection::vec(change(), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_again_gives_the_same(parts in parts(), changes in changes()) {
        prop_assert_eq!(image(&parts).apply(&changes), image(&parts).apply(&changes));
    }

    /// Two trees that answer the same give the same layer.
    #[test]
    fn equal_selectors_mean_equal_layers(
        parts in parts(),
        more in prop::collection::vec((place(), part()), 0..3),
        changes in changes(),
    ) {
        let mut other = more;
        other.extend(parts.clone());
        if let (Ok(first), Ok(second)) = (image(&parts).apply(&changes), image(&other).apply(&changes))
            && first.selector == second.selector
        {
            prop_assert_eq!(first, second);
        }
    }

    /// Over any tree, links out of the image and in circles among them, the layer merges into a
    /// tree whose every path lies in a directory, and every declared path is as declared.
    #[test]
    fn layers_fit_the_tree_below(parts in parts(), changes in changes()) {
        let below = image(&parts);
        if let Ok(draft) = below.apply(&changes) {
            let merged = below.with(&draft);
            for (at, found) in merged.tree.iter() {
                let parent = at.parent().filter(|dir| !dir.is_root());
                let kind = parent.as_ref().map(|dir| merged.tree.get(dir).map(|dir| dir.entry.kind.is_directory()));
                prop_assert!(kind.is_none_or(|is| is == Some(true)), "{} {:?}", at, found);
            }
            for (at, entry) in &draft.manifest.entries {
                let there = merged.tree.get(at);
                prop_assert_eq!(entry.kind == EntryKind::Whiteout, there.is_none(), "{}", at);
            }
            for parent in draft.parents.keys() {
                prop_assert!(!draft.manifest.entries.contains_key(parent));
            }
            for declared in &draft.declared {
                let real = merged.tree.resolve(&declared.written, false);
                prop_assert_eq!(real.as_ref(), Some(&declared.path));
            }
        }
    }

    /// Hostile bytes in the account files are errors or lines, never more than one line each.
    #[test]
    fn account_files_gain_one_line_for_each_account(name in "[ -~\n]{0,12}", comment in "[ -~\n]{0,12}") {
        let image = image(&[
            ("etc/passwd".to_owned(), Part::File("root:x:0:0::/:/bin/sh\n".to_owned())),
        ]);
        let user = ChangeKind::User(User { name, comment, system: true, ..User::default() });
        if let Ok(draft) = image.apply(&[user]) {
            let text = image.with(&draft).text("etc/passwd");
            prop_assert_eq!(text.lines().count(), 2);
            prop_assert!(text.lines().all(|line| line.split(':').count() == 7));
        }
    }
}
