//! What a change of the site does to its plan.

use std::fmt::Write as _;

use forge_model::{Digest, Plan};
use forge_plan::{LayerChangeKind, PlanChanges, diff};

use crate::site::{FILES, edited, plan, sources};

/// The keys of an image's steps.
fn keys(plan: &Plan, image: &str) -> Vec<(String, Digest)> {
    let uses = |names: &[String]| names.iter().any(|name| name == image);
    let nodes = plan.nodes.iter().filter(|node| uses(&node.images));
    nodes.map(|node| (node.label.clone(), node.key)).collect()
}

#[test]
fn what_does_not_count_changes_no_key() {
    let before = plan(&sources());
    let mut renamed = forge_model::MemorySources::new();
    for (path, text) in FILES {
        // The specs in another order; what they name stays beside them.
        let path = match *path {
            "images.kdl" => "a-images.kdl",
            "roles/clock.kdl" => "roles/z-clock.kdl",
            "profiles.kdl" => "roles/profiles.kdl",
            other => other,
        };
        renamed.insert(path, text);
    }
    let roles = "roles/scheduler.kdl";
    let cases = [
        ("renamed specs", renamed),
        ("a comment", edited(roles, "role \"s", "// why\nrole \"s")),
        ("white space", edited(roles, "    packages ", "\n\n  packages   ")),
        ("another notation", edited(roles, "210 group", "0xd2 group")),
        (
            "a description",
            edited(roles, "    group \"munge\"", "    doc \"why\"\n    group \"munge\""),
        ),
        ("a node left out", edited("images.kdl", "    role", "    /-role \"none\"\n    role")),
        (
            "another image",
            edited(
                "images.kdl",
                "image \"north-login\"",
                "image \"x\" { base \"bookworm\"; }\nimage \"north-login\"",
            ),
        ),
        (
            "another role that nothing uses",
            edited(
                "roles/clock.kdl",
                "role \"c",
                "role \"b\" { packages \"xz-utils\"; }\nrole \"c",
            ),
        ),
        (
            "the place of a control",
            edited("profiles.kdl", "control \"time-1\"", "\n    control \"time-1\""),
        ),
        (
            "a default in the place of the same value",
            edited("images.kdl", "role \"clock\"", "role \"clock\" server=\"ntp1.example.org\""),
        ),
        ("a file's text in the place of its source", {
            let mut sources = edited(roles, "source=\"slurm.conf\"", "source=\"other.conf\"");
            sources.insert("roles/other.conf", "ClusterName=north\n");
            sources
        }),
    ];
    for (what, sources) in cases {
        let after = plan(&sources);
        for image in ["north-compute", "north-login"] {
            assert_eq!(keys(&before, image), keys(&after, image), "{what}");
        }
        assert_eq!(diff(&before, &after).unchanged, ["north-compute", "north-login"], "{what}");
    }
}

#[test]
fn the_address_of_a_mirror_counts_only_where_it_stands_in_the_image() {
    let before = plan(&sources());
    let after = plan(&edited("forge.kdl", "mirror.example.org", "cache.example.org"));
    let changed = diff(&before, &after);
    let causes: Vec<_> = changed.images[0]
        .layers
        .iter()
        .filter(|layer| layer.kind == LayerChangeKind::Changed)
        .map(|layer| (layer.label.as_str(), layer.action))
        .collect();
    assert_eq!(causes, [("base bookworm", "base")]);
    let lists = |plan: &Plan| {
        let lists = plan.nodes.iter().filter(|node| node.action.kind() == "resolve");
        lists.map(|node| node.key).collect::<Vec<_>>()
    };
    assert_eq!(lists(&before), lists(&after));
}

/// Root causes with their fields, what follows as a count; digests shortened.
fn story(changes: &PlanChanges) -> String {
    let short = |value: &Option<String>| match value {
        Some(text) if text.len() == 64 => "DIGEST".to_owned(),
        Some(text) => text.clone(),
        None => "-".to_owned(),
    };
    let mut text = String::new();
    for image in &changes.images {
        writeln!(text, "{} {:?}", image.image, image.kind).unwrap();
        let mut follow = 0;
        for layer in &image.layers {
            if layer.kind == LayerChangeKind::Cascade {
                assert!(layer.fields.is_empty(), "{}: what follows has no fields", layer.label);
                follow += 1;
                continue;
            }
            writeln!(text, "  {:?} {} ({})", layer.kind, layer.label, layer.action).unwrap();
            for field in &layer.fields {
                let place = field.origin.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
                let (old, new) = (short(&field.old), short(&field.new));
                writeln!(text, "    {}: {old} -> {new}{place}", field.name).unwrap();
            }
        }
        writeln!(text, "  {follow} follow, {} judged again", image.controls_judged_again).unwrap();
        for (name, kind) in &image.controls {
            writeln!(text, "  control {name} {kind:?}").unwrap();
        }
        for (name, kind) in &image.secrets {
            writeln!(text, "  secret {name} {kind:?}").unwrap();
        }
    }
    writeln!(text, "unchanged: {}", changes.unchanged.join(" ")).unwrap();
    text
}

/// What is changed, the file, a text in it, and what stands in its place.
#[rustfmt::skip]
const CASES: &[[&str; 4]] = &[
    ["a file's content", "roles/slurm.conf", "north", "south"],
    ["a mode", "roles/scheduler.kdl", "0640", "0600"],
    ["a package more", "roles/scheduler.kdl", "\"munge\" \"slurmd\"", "\"munge\" \"slurmd\" \"lua5.4\""],
    ["packages in another order", "roles/scheduler.kdl", "\"munge\" \"slurmd\"", "\"slurmd\" \"munge\""],
    ["another package", "roles/clock.kdl", "\"chrony\"", "\"ntpsec\""],
    ["a parameter", "images.kdl", "role \"clock\"", "role \"clock\" server=\"ntp9.example.org\""],
    ["a unit", "roles/clock.kdl", "enabled=#true", "enabled=#false"],
    ["a user's id", "roles/scheduler.kdl", "uid=2000", "uid=2001"],
    ["a script", "roles/index.sh", "true", "false"],
    ["a script's environment", "roles/scheduler.kdl", "\"full\"", "\"fast\""],
    ["a removal less", "roles/scheduler.kdl", "    remove \"/var/log/*\"\n", ""],
    ["a secret's version", "forge.kdl", "version=1", "version=2"],
    ["a control's demand", "profiles.kdl", "0644", "0600"],
    ["a secret's mode", "roles/scheduler.kdl", "0400", "0440"],
    ["a control more", "profiles.kdl", "profile \"policy\" {", "profile \"policy\" {\n    control \"new-1\" { file \"/x\" { exists; }; }"],
    ["the kernel's command line", "images.kdl", "quiet", "debug"],
    ["the output", "images.kdl", "gzip", "zstd"],
    ["an image's own role", "images.kdl", "    role \"scheduler\"\n", ""],
    ["an image gone", "images.kdl", "image \"north-login\" {", "/-image \"north-login\" {"],
    ["the suite", "forge.kdl", "suite=\"bookworm\"", "suite=\"trixie\""],
];

#[test]
fn a_change_is_told_with_cause_values_and_place() {
    let before = plan(&sources());
    let mut found = String::new();
    for [what, file, old, new] in CASES {
        let told = story(&diff(&before, &plan(&edited(file, old, new))));
        write!(found, "=== {what}\n{told}").unwrap();
    }
    assert_eq!(found.trim(), include_str!("changes.txt").trim(), "changes.txt should be:\n{found}");
}

#[test]
fn a_change_and_its_reverse_name_the_same_steps() {
    let before = plan(&sources());
    for [what, file, old, new] in CASES {
        let after = plan(&edited(file, old, new));
        let steps = |changes: PlanChanges| {
            let mut steps: Vec<_> = changes
                .images
                .into_iter()
                .flat_map(|image| {
                    image.layers.into_iter().map(move |l| (image.image.clone(), l.label))
                })
                .collect();
            steps.sort_unstable();
            steps
        };
        assert_eq!(steps(diff(&before, &after)), steps(diff(&after, &before)), "{what}");
        assert_eq!(diff(&after, &after).images, [], "{what}");
    }
}
