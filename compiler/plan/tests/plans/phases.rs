//! What stands on what.

use std::collections::BTreeSet;

use forge_model::{Action, EdgeRole, NodeId, Plan};
use forge_plan::Graph;
use forge_spec::Phase;

use crate::site::{edited, image, node, plan, sources};

fn labels(plan: &Plan, ids: &[NodeId]) -> Vec<String> {
    ids.iter().map(|id| plan.node(*id).label.clone()).collect()
}

#[test]
fn layers_stand_in_the_order_of_the_phases() {
    let plan = plan(&sources());
    let north = image(&plan, "north-compute");
    let tree = [
        "base bookworm",
        "kernel",
        "clock/packages",
        "scheduler/early-accounts",
        "scheduler/packages",
        "scheduler/accounts",
        "clock/files",
        "scheduler/files",
        "clock/units",
        "scheduler/units",
        "scheduler/run index",
        "scheduler/remove",
    ];
    assert_eq!(labels(&plan, &north.tree), tree);
    let above = [&tree[..], &["secrets", "stamp"]].concat();
    assert_eq!(labels(&plan, &north.layers), above);
    // Each layer stands on the one before it.
    for pair in north.layers.windows(2) {
        assert_eq!(plan.input(pair[1], EdgeRole::Lower), Some(pair[0]));
    }
    assert_eq!(plan.stack_below(north.stamp), north.layers[..north.layers.len() - 1]);
}

/// Every place of a script, in two roles, with all that stands between.
#[test]
fn scripts_and_early_files_stand_where_they_say() {
    let role = |name: &str| {
        let mut text = format!(
            "role \"{name}\" {{\n    exclude-paths \"/{name}/*\"\n    group \"{name}\" before=\"packages\"\n    \
             file \"/etc/{name}\" before=\"packages\" {{ content \"x\"; }}\n    packages \"{name}\"\n    \
             user \"{name}\" group=\"{name}\"\n    source \"{name}\" url=\"https://example.org/{name}.tar\" sha256=\"{}\"\n    \
             unpack \"{name}\" into=\"/opt/{name}\"\n    service \"{name}\" enabled=#true\n    remove \"/tmp/{name}\"\n    \
             run \"{name}-usual\" script=\"index.sh\"\n",
            name.repeat(64).chars().take(64).collect::<String>()
        );
        for phase in Phase::ALL {
            let (before, after) = phase.takes_scripts();
            for (side, may) in [("after", after), ("before", before)] {
                let phase = phase.name();
                if may {
                    text += &format!(
                        "    run \"{name}-{side}-{phase}\" script=\"index.sh\" {side}=\"{phase}\"\n"
                    );
                }
            }
        }
        text + "}\n"
    };
    let mut sources = sources();
    sources.insert("roles/aa.kdl", role("aa"));
    sources.insert("roles/bb.kdl", role("bb"));
    sources.insert(
        "images.kdl",
        "image \"two\" { base \"bookworm\"; role \"aa\"; role \"bb\"; file \"/k\" secret=\"key\"; }\n",
    );
    let plan = plan(&sources);
    let got = labels(&plan, &image(&plan, "two").layers);
    let both = |names: &[&str]| -> Vec<String> {
        let of = |role: &str| {
            names.iter().map(|name| format!("{role}/{}", name.replace('%', role))).collect()
        };
        [of("aa"), of("bb")].into_iter().flat_map(|labels: Vec<String>| labels).collect()
    };
    let mut want = vec!["base bookworm".to_owned()];
    want.extend(both(&[
        "repositories",
        "early-accounts",
        "early-files",
        "run %-before-packages",
        "packages",
        "run %-after-packages",
    ]));
    for phase in ["accounts", "unpack", "files", "units"] {
        let before = Phase::of(phase).unwrap();
        let below = Phase::ALL[Phase::ALL.iter().position(|one| *one == before).unwrap() - 1];
        let own = if phase == "unpack" { "unpack %" } else { phase };
        let after = format!("run %-after-{}", below.name());
        let before = format!("run %-before-{phase}");
        want.extend(if phase == "accounts" { both(&[&before]) } else { both(&[&after, &before]) });
        want.extend(both(&[own]));
    }
    want.extend(both(&["run %-after-units", "run %-before-run"]));
    want.extend(both(&["run %-usual"]));
    want.extend(both(&["run %-after-run", "run %-before-remove"]));
    want.extend(both(&["remove"]));
    want.extend(both(&["run %-after-remove", "run %-before-secrets"]));
    want.extend(["secrets".to_owned(), "stamp".to_owned()]);
    assert_eq!(got, want);

    // A script may not change what is declared by then, and may what is not yet.
    let protected = |label: &str| match &node(&plan, "two", label).action {
        Action::Run(run) => {
            run.protected.iter().map(|one| one.path.to_string()).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let early = |label: &str| -> Vec<String> {
        protected(label).into_iter().filter(|path| !path.contains("dpkg")).collect()
    };
    assert_eq!(early("aa/run aa-before-packages"), ["/etc/aa"]);
    assert_eq!(early("bb/run bb-before-packages"), ["/etc/aa", "/etc/bb"]);
    // The file is made twice: what a package makes of it does not stay.
    let file = |label: &str| match &node(&plan, "two", label).action {
        Action::Changes(changes) => changes.changes.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(file("aa/early-files"), file("aa/files"));
}

#[test]
fn controls_are_judged_below_the_stamp_and_block_the_pack() {
    let plan = plan(&sources());
    let north = image(&plan, "north-compute");
    assert_eq!(labels(&plan, &north.verdicts), ["controls, tree", "controls, booted"]);
    for verdict in &north.verdicts {
        assert_eq!(plan.input(*verdict, EdgeRole::Lower), north.secrets);
    }
    let pack = plan.node(north.pack.expect("an output is declared"));
    let of_role = |role: EdgeRole| {
        let edges = pack.inputs.iter().filter(move |edge| edge.role == role);
        edges.map(|edge| edge.node).collect::<Vec<_>>()
    };
    assert_eq!(of_role(EdgeRole::Verdict), north.verdicts);
    assert_eq!(of_role(EdgeRole::Lower), [north.stamp]);
    assert_eq!(image(&plan, "north-login").pack, None, "no output is declared");
}

#[test]
fn package_lists_stand_on_the_lists_before_them_alone() {
    let plan = plan(&sources());
    let lists = ["base bookworm", "kernel", "clock/packages", "scheduler/packages"];
    let mut before = None;
    for label in lists {
        let list = node(&plan, "north-compute", &format!("{label}, package list"));
        let inputs: Vec<_> = list.inputs.iter().map(|edge| (edge.node, edge.role)).collect();
        let wanted: Vec<_> =
            before.into_iter().map(|before| (before, EdgeRole::Installed)).collect();
        assert_eq!(inputs, wanted, "{label}");
        let layer = node(&plan, "north-compute", label);
        assert_eq!(plan.input(layer.id, EdgeRole::List), Some(list.id));
        before = Some(list.id);
    }
}

#[test]
fn images_share_the_layers_of_their_first_roles() {
    let plan = plan(&sources());
    let (north, login) = (image(&plan, "north-compute"), image(&plan, "north-login"));
    let shared: Vec<_> =
        north.layers.iter().copied().filter(|id| login.layers.contains(id)).collect();
    assert_eq!(labels(&plan, &shared), ["base bookworm", "kernel", "clock/packages"]);
    for id in &shared {
        assert_eq!(plan.node(*id).images, ["north-compute", "north-login"]);
    }
    // A key is one node, whoever uses it.
    let keys: BTreeSet<_> = plan.nodes.iter().map(|node| node.key).collect();
    assert_eq!(keys.len(), plan.nodes.len());
}

#[test]
fn a_later_role_changes_nothing_below_an_earlier_roles_packages() {
    let before = plan(&sources());
    let after = plan(&edited("roles/scheduler.kdl", r#""munge" "slurmd""#, r#""munge""#));
    for label in ["base bookworm", "kernel", "clock/packages", "scheduler/early-accounts"] {
        let key = |plan| node(plan, "north-compute", label).key;
        assert_eq!(key(&before), key(&after), "{label}");
    }
}

#[test]
fn nodes_come_after_what_they_stand_on() {
    let plan = plan(&sources());
    for (index, node) in plan.nodes.iter().enumerate() {
        assert_eq!(node.id.0 as usize, index);
        assert!(node.inputs.iter().all(|edge| edge.node < node.id), "{}", node.label);
    }
}

#[test]
fn dependents_and_requirements_are_each_others_reverse() {
    let plan = plan(&sources());
    let clock = node(&plan, "north-login", "clock/packages");
    let login = image(&plan, "north-login");
    let requirements = labels(&plan, &Graph::requirements(&plan, clock.id));
    let wanted = [
        "base bookworm, package list",
        "base bookworm",
        "kernel, package list",
        "kernel",
        "clock/packages, package list",
    ];
    assert_eq!(requirements, wanted);
    let dependents = Graph::dependents(&plan, clock.id);
    assert!(dependents.contains(&login.stamp) && !dependents.contains(&clock.id));
    for one in plan.nodes.iter().map(|node| node.id) {
        for other in Graph::dependents(&plan, one) {
            assert!(Graph::requirements(&plan, other).contains(&one));
        }
    }
    assert_eq!(Graph::dependents(&plan, login.stamp), []);
}

#[test]
fn a_base_without_sources_cannot_have_packages() {
    let mut sources = sources();
    sources.insert("roles/tree/etc/x", "x");
    sources.insert(
        "images.kdl",
        "base \"tree\" { tree \"roles/tree\"; }\nimage \"a\" { base \"tree\"; role \"clock\"; }\n",
    );
    let spec = forge_spec::compile(&sources).spec.expect("the spec itself has no mistake");
    let errors = forge_plan::lower(&spec, std::collections::BTreeMap::new()).unwrap_err();
    let shown: Vec<_> = errors.iter().map(|e| format!("{}: {}", e.origin, e.message)).collect();
    let wanted = "roles/clock.kdl:3: image `a` asks for packages, but its base `tree` has no \
                  package sources";
    assert_eq!(shown, [wanted]);
}

/// What a role says of packages counts for its own list and for later ones, and for no earlier one.
#[test]
fn repositories_and_pins_count_from_their_part_on() {
    let role = r#"role "site" {
    repository "site" url="https://mirror.example.org/site" suites="x" components="main" unsigned=#true
    pin "less" version="1*" priority=1001
    hold "chrony"
    preseed "less" "less/a" "string" "b"
    exclude-paths "/usr/share/man/*"
}
"#;
    let mut sources =
        edited("images.kdl", "    packages \"less\"", "    role \"site\"\n    packages \"less\"");
    sources.insert("roles/site.kdl", role);
    let plan = plan(&sources);
    let login = image(&plan, "north-login");
    let want = [
        "base bookworm",
        "kernel",
        "clock/packages",
        "site/repositories",
        "site/package settings",
        "north-login/packages",
        "clock/files",
        "north-login/files",
        "clock/units",
    ];
    assert_eq!(labels(&plan, &login.tree), want);
    let lists: Vec<_> = login
        .tree
        .iter()
        .filter_map(|id| plan.input(*id, EdgeRole::List))
        .map(|id| match &plan.node(id).action {
            forge_model::Action::Resolve(list) => {
                (list.repositories.len(), list.pins.len(), list.holds.len())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lists, [(0, 0, 0), (0, 0, 0), (0, 0, 0), (1, 1, 1), (1, 1, 1)]);
    let texts: Vec<_> = plan
        .nodes
        .iter()
        .filter(|node| node.label == "site/repositories")
        .flat_map(|node| match &node.action {
            forge_model::Action::Changes(changes) => changes.changes.clone(),
            _ => Vec::new(),
        })
        .map(|change| match &change.what {
            forge_model::ChangeKind::File {
                path,
                content: forge_model::Content::Text(text),
                ..
            } => {
                format!("{path}\n{text}")
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let want = [
        "/etc/apt/sources.list.d/site.sources\nTypes: deb\nURIs: https://mirror.example.org/site\n\
         Suites: x\nComponents: main\nTrusted: yes\n",
        "/etc/apt/preferences.d/less-1_.pref\nPackage: less\nPin: version 1*\nPin-Priority: 1001\n",
        "/etc/dpkg/dpkg.cfg.d/forge-path-exclude-",
    ];
    assert_eq!(texts.len(), want.len());
    for (text, want) in texts.iter().zip(want) {
        assert!(text.starts_with(want), "{text}");
    }
    assert!(texts[2].ends_with("\npath-exclude=/usr/share/man/*\n"), "{}", texts[2]);
}
