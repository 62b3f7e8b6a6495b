//! The site of these tests, in memory.

use std::collections::BTreeMap;

use forge_model::{Image, MemorySources, Node, Plan};
use forge_spec::compile;

/// Two images that share a base, a kernel and their first roles.
pub(crate) const FILES: &[(&str, &str)] = &[
    (
        "forge.kdl",
        r#"mirror "debian" { url "https://mirror.example.org/debian"; }
base "bookworm" {
    debian suite="bookworm" mirror="debian" { include "systemd-sysv"; }
}
secret "key" version=1 { env "SITE_KEY"; }
"#,
    ),
    (
        "roles/clock.kdl",
        r#"role "clock" {
    param "server" type="name" default="ntp1.example.org"
    packages "chrony"
    file "/etc/chrony.conf" { content "server ${server}"; }
    service "chrony.service" enabled=#true
}
"#,
    ),
    (
        "roles/scheduler.kdl",
        r#"role "scheduler" {
    group "munge" gid=210 system=#true before="packages"
    user "munge" uid=210 group="munge" system=#true before="packages"
    packages "munge" "slurmd"
    user "operator" uid=2000
    file "/etc/slurm.conf" source="slurm.conf" mode="0640"
    file "/etc/key" secret="key" mode="0400"
    service "slurmd.service" enabled=#true
    run "index" script="index.sh" { env "MODE" "full"; }
    remove "/var/log/*"
}
"#,
    ),
    ("roles/slurm.conf", "ClusterName=north\n"),
    ("roles/index.sh", "true\n"),
    (
        "profiles.kdl",
        r#"profile "policy" {
    control "time-1" impact=1.0 { file "/etc/chrony.conf" { mode "0644"; }; }
    control "time-2" impact=0.5 { service "chrony.service" { running; }; }
}
"#,
    ),
    (
        "images.kdl",
        r#"image "north-compute" {
    base "bookworm"
    kernel "linux-image-cloud-amd64" { cmdline "quiet"; }
    role "clock"
    role "scheduler"
    controls "policy"
    output "initramfs" compress="gzip" allow-secrets=#true
}
image "north-login" {
    base "bookworm"
    kernel "linux-image-cloud-amd64" { cmdline "quiet"; }
    role "clock"
    packages "less"
    file "/etc/motd" { content "login"; }
}
"#,
    ),
];

/// The site's files.
pub(crate) fn sources() -> MemorySources {
    let mut sources = MemorySources::new();
    for (path, text) in FILES {
        sources.insert(*path, text);
    }
    sources
}

/// The site with one edit.
pub(crate) fn edited(file: &str, old: &str, new: &str) -> MemorySources {
    let (_, text) = FILES.iter().find(|(path, _)| *path == file).expect("a file of the site");
    assert!(text.contains(old), "{file} does not hold {old}");
    let mut sources = sources();
    sources.insert(file, text.replacen(old, new, 1));
    sources
}

/// The plan of a site without mistakes.
pub(crate) fn plan(sources: &MemorySources) -> Plan {
    let compiled = compile(sources);
    let found: Vec<_> = compiled.diagnostics.iter().map(|found| &found.headline).collect();
    let spec = compiled.spec.unwrap_or_else(|| panic!("mistakes: {found:#?}"));
    forge_plan::lower(&spec, BTreeMap::new()).expect("the site lowers")
}

/// The image of this name.
pub(crate) fn image<'a>(plan: &'a Plan, name: &str) -> &'a Image {
    plan.image(name).expect("the image is there")
}

/// The node of this label that `image` uses.
pub(crate) fn node<'a>(plan: &'a Plan, image: &str, label: &str) -> &'a Node {
    let uses = |node: &&Node| node.label == label && node.images.iter().any(|one| one == image);
    plan.nodes
        .iter()
        .map(AsRef::as_ref)
        .find(uses)
        .unwrap_or_else(|| panic!("no step {label} in {image}"))
}
