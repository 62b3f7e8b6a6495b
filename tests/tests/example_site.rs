//! The example site compiles, and its controls find what they are there to find.
//!
//! Each mutation is one edit of one file; what it breaks is known from the spec alone.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

use forge_diag::Diagnostic;
use forge_model::{MemorySources, Sources};
use forge_plan::{ImageChanges, SpecTarget, judge_spec, violations};
use forge_spec::compile;
use forge_stdlib::WithLibrary;

fn site() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs")
}

/// All files of the example site.
fn sources() -> MemorySources {
    let mut sources = MemorySources::new();
    let mut pending = vec![site()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(site()).unwrap().to_str().unwrap().to_owned();
                sources.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    sources
}

/// What compiling the site and judging the spec find.
fn findings(sources: &MemorySources) -> Vec<Diagnostic> {
    let sources = &WithLibrary::new(sources.clone());
    let compiled = compile(sources);
    let mut found = compiled.diagnostics;
    for image in compiled.spec.iter().flat_map(|spec| &spec.images) {
        found.extend(violations(
            &judge_spec(image, &SpecTarget::new(image, &ImageChanges::of(image), sources)),
            &compiled.source_map,
        ));
    }
    found
}

#[test]
fn it_compiles_without_a_finding() {
    let sources = sources();
    assert_eq!(findings(&sources), Vec::new());
    let spec = compile(&WithLibrary::new(sources)).spec.unwrap();
    let names: Vec<_> = spec.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["blanca-bhpc", "blanca-compute", "summit-compute", "summit-gpu"]);
    for image in &spec.images {
        let controls: usize = image.profiles.iter().map(|profile| profile.controls.len()).sum();
        assert!(controls >= 23, "{} has only {controls} controls", image.name);
        assert!(image.output.as_ref().is_some_and(|output| output.value.allow_secrets));
    }
    let failing = spec.images.iter().map(|image| image.expect_failed.len()).sum::<usize>();
    assert_eq!(failing, 1, "units that are expected to fail");
}

const BEEGFS: &str = "roles/beegfs-client/role.kdl";
const CLIENT: &str = r#""/etc/beegfs/beegfs-client.conf" mode="0644""#;
const MOUNTS: &str = r#""/etc/beegfs/beegfs-mounts.conf" mode="0644""#;

/// A control, a file of the site, a text in it, and what breaks the control in its place.
#[rustfmt::skip]
const MUTATIONS: &[[&str; 4]] = &[
    ["beegfs-4", BEEGFS, CLIENT, r#""/etc/beegfs/beegfs-client.conf" mode="0640""#],
    ["beegfs-4", BEEGFS, CLIENT, r#""/etc/beegfs/beegfs-client.conf" owner="munge""#],
    ["beegfs-4", BEEGFS, CLIENT, r#""/etc/beegfs/beegfs-client.conf" group="munge""#],
    ["beegfs-4", BEEGFS, "default=8192", "default=4096"],
    ["beegfs-4", BEEGFS, r#"type="bool" default=#true"#, r#"type="bool" default=#false"#],
    ["beegfs-4", "roles/beegfs-client/beegfs-client.conf.j2", "sysMgmtdHost ", "sysMgmtdHosts "],
    ["beegfs-4", "images/summit.kdl", r#"mgmtd="10.225.144.131""#, r#"mgmtd="10.225.144.132""#],
    ["beegfs-5", BEEGFS, MOUNTS, r#""/etc/beegfs/beegfs-mounts.conf" mode="0664""#],
    ["beegfs-5", BEEGFS, MOUNTS, r#""/etc/beegfs/beegfs-mounts.conf" owner="munge""#],
    ["beegfs-5", "roles/beegfs-client/beegfs-mounts.conf.j2", "beegfs rw", "beegfs ro"],
    ["beegfs-6", BEEGFS, "enabled=#true", "enabled=#false"],
    ["kernel-1", "roles/node-base/role.kdl", r#"ip_forward" 0"#, r#"ip_forward" 1"#],
    ["log-1", "roles/common/role.kdl", r#"size="64M""#, r#"size="128M""#],
    ["ssh-1", "roles/ssh/sshd-site.conf", "PasswordAuthentication no", "PasswordAuthentication yes"],
    ["account-3", "roles/munge/role.kdl", "uid=210", "uid=211"],
    ["munge-1", "roles/munge/role.kdl", r#"mode="0400""#, r#"mode="0440""#],
];

#[test]
fn what_breaks_policy_is_found_in_the_spec() {
    for [control, file, old, new] in MUTATIONS {
        let mut sources = sources();
        let text = String::from_utf8(sources.read(file).unwrap().to_vec()).unwrap();
        assert!(text.contains(old), "{file} no longer holds {old}");
        sources.insert(*file, text.replacen(old, new, 1));
        let found = findings(&sources);
        assert!(
            found.iter().any(|found| found.headline.contains(control)),
            "{control} does not see {old} -> {new} in {file}: {found:#?}"
        );
    }
}
