use std::collections::BTreeMap;

use forge_diag::{Diagnostic, SourceMap};
use forge_model::{
    Beside, Check, Content, Control, Digest, Expectation, ImagePath, MemorySources, Operator,
    Origin, Profile, Property as P, Resource, Scalar, SecretReference, SecretSource, SourceFile,
    Status, User, Verdict,
};
use forge_spec::{
    BaseKind, Item, ItemKind, Part, PartPackages, ResolvedBase, ResolvedImage, StepPlace,
};

use super::{SpecTarget, violations};

const CLIENT: &str = "/etc/beegfs/beegfs-client.conf";
const MOUNTS: &str = "/etc/beegfs/beegfs-mounts.conf";
const UNIT: &str = "/etc/systemd/system/beegfs-helperd.service";

fn at(line: u32) -> Origin {
    Origin::new("roles/beegfs/role.kdl", line, 5)
}

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap()
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

fn source(digest_of: &str) -> SourceFile {
    let (digest, size) = (Digest::of(digest_of.as_bytes()), digest_of.len() as u64);
    SourceFile { path: "roles/beegfs/helperd.service".to_owned(), digest, size, executable: false }
}

fn file(at_path: &str, content: Content, mode: u32, owner: &str) -> ItemKind {
    ItemKind::File {
        path: path(at_path),
        content,
        mode,
        owner: owner.to_owned(),
        group: "root".to_owned(),
    }
}

fn plain(at_path: &str, content: &str) -> ItemKind {
    file(at_path, Content::Text(content.to_owned()), 0o644, "root")
}

fn user(name: &str) -> ItemKind {
    let user = User {
        name: name.to_owned(),
        uid: Some(2001),
        group: Some("hpc".to_owned()),
        groups: vec!["sudo".to_owned()],
        ..User::default()
    };
    ItemKind::User { user, early: false }
}

fn run(overrides: bool) -> (bool, ItemKind) {
    let kind = ItemKind::Run {
        name: "tune".to_owned(),
        script: source("x"),
        inputs: Vec::new(),
        fetched: Vec::new(),
        environment: BTreeMap::new(),
        secrets: Vec::new(),
        place: StepPlace::Usual,
    };
    (overrides, kind)
}

fn items() -> Vec<ItemKind> {
    let secret = SecretReference {
        name: "key".to_owned(),
        source: SecretSource::Age(source("k")),
        origin: at(1),
    };
    vec![
        plain(CLIENT, "sysMgmtdHost = 10.225.144.131\nconnUseRDMA = true\n"),
        plain(MOUNTS, "/beegfs/pl-active /etc/beegfs/beegfs-client.conf beegfs rw\n"),
        ItemKind::Unit {
            unit: "beegfs-helperd.service".to_owned(),
            content: Some(Content::Source(source("[Unit]\n"))),
            drop_ins: Vec::new(),
            enabled: Some(true),
            masked: false,
        },
        ItemKind::Link { path: path("/etc/link"), target: "beegfs/beegfs-client.conf".to_owned() },
        ItemKind::SecretFile {
            path: path("/etc/munge/munge.key"),
            secret,
            mode: 0o400,
            owner: "munge".to_owned(),
            group: "munge".to_owned(),
        },
        user("ann"),
        ItemKind::Group { name: "hpc".to_owned(), gid: None, system: false, early: false },
        ItemKind::Service { unit: "apt-daily.timer".to_owned(), enabled: None, masked: true },
        ItemKind::Sysctl { name: "vm.swappiness".to_owned(), value: "10".to_owned() },
        ItemKind::Directory {
            path: path("/beegfs"),
            mode: 0o755,
            owner: "root".to_owned(),
            group: "root".to_owned(),
        },
    ]
}

fn image(items: Vec<(bool, ItemKind)>, checks: Vec<Check>) -> ResolvedImage {
    let items = items
        .into_iter()
        .zip(10..)
        .map(|((overrides, kind), line)| Item {
            origin: at(line),
            overrides,
            early: false,
            kind,
            beside: Beside::default(),
        })
        .map(std::sync::Arc::new)
        .collect();
    let names = vec![forge_model::Located::new("munge".to_owned(), at(5))];
    let part = Part {
        name: "beegfs".to_owned(),
        origin: at(1),
        declared: at(1),
        parameters: Vec::new(),
        packages: vec![PartPackages { names, files: Vec::new(), recommends: false }],
        items,
    };
    ResolvedImage {
        waivers: Vec::new(),
        name: "summit-compute".to_owned(),
        origin: at(1),
        cluster: "summit".to_owned(),
        image_type: "compute".to_owned(),
        set: Vec::new(),
        base: ResolvedBase {
            name: "b".to_owned(),
            origin: at(1),
            arch: "amd64".to_owned(),
            kind: BaseKind::Archive { source: source("base") },
        },
        kernel: None,
        parts: vec![part],
        profiles: vec![Profile {
            waivers: Vec::new(),
            name: "p".to_owned(),
            title: String::new(),
            controls: vec![control("c-1", checks).into()],
            origin: at(1),
        }],
        inspec: Vec::new(),
        output: None,
        expect_failed: Vec::new(),
    }
}

fn control(id: &str, checks: Vec<Check>) -> Control {
    Control {
        id: id.to_owned(),
        profile: "p".to_owned(),
        impact: 1.0,
        title: String::new(),
        description: String::new(),
        tags: BTreeMap::new(),
        checks,
        only_if: Vec::new(),
        level: None,
        run: true,
        code: String::new(),
        origin: Origin::new("profiles/p.kdl", 2, 5),
    }
}

fn check(resource: Resource, expected: Vec<(P, Operator)>) -> Check {
    let origin = Origin::new("profiles/p.kdl", 3, 9);
    let expectations = expected
        .into_iter()
        .map(|(property, operator)| Expectation {
            property,
            negated: false,
            operator,
            origin: origin.clone(),
        })
        .collect();
    Check::Resource { resource, expectations, origin }
}

fn is(value: &str) -> Operator {
    Operator::OneOf(vec![text(value)])
}

fn includes(value: &str) -> Operator {
    Operator::Includes(text(value))
}

fn judge(items: Vec<(bool, ItemKind)>, checks: Vec<Check>) -> Verdict {
    let mut sources = MemorySources::new();
    sources.insert("roles/beegfs/helperd.service", "[Unit]\n");
    let image = image(items, checks);
    super::judge_spec(&image, &SpecTarget::new(&image, &crate::ImageChanges::of(&image), &sources))
        .remove(0)
}

fn declared() -> Vec<(bool, ItemKind)> {
    items().into_iter().map(|kind| (false, kind)).collect()
}

fn path_resource(path: &str) -> Resource {
    Resource::File { path: path.to_owned() }
}

fn service(name: &str) -> Resource {
    Resource::Service { name: name.to_owned() }
}

fn account(name: &str) -> Resource {
    Resource::User { name: name.to_owned() }
}

fn known() -> Vec<(Resource, P, Operator, Status)> {
    use Status::{Failed, NotKnownHere as Unknown, Passed};
    let package = |name: &str| Resource::Package { name: name.to_owned() };
    let group = |name: &str| Resource::Group { name: name.to_owned() };
    let parameter = |name: &str| Resource::KernelParameter { name: name.to_owned() };
    let key = || path_resource("/etc/munge/munge.key");
    let yes = || Operator::IsTrue;
    let number = |n| Operator::OneOf(vec![Scalar::Integer(n)]);
    vec![
        (path_resource("/etc/link"), P::Exists, yes(), Passed),
        (path_resource("/etc/link"), P::Type, is("symlink"), Passed),
        (path_resource("/etc/link"), P::Mode, is("0600"), Failed),
        (path_resource("/etc/link"), P::Content, includes("connUseRDMA"), Passed),
        (path_resource("/beegfs"), P::Type, is("file"), Failed),
        (path_resource("/etc/passwd"), P::Exists, yes(), Unknown),
        (path_resource(UNIT), P::Content, includes("[Unit]"), Passed),
        (key(), P::Mode, is("0400"), Passed),
        (key(), P::Owner, is("root"), Failed),
        (key(), P::Content, includes("x"), Unknown),
        (key(), P::Size, number(0), Unknown),
        (package("munge"), P::Installed, yes(), Passed),
        (package("munge"), P::Version, Operator::Min(text("1")), Unknown),
        (package("telnetd"), P::Installed, yes(), Unknown),
        (account("ann"), P::Exists, yes(), Passed),
        (account("ann"), P::Uid, number(2002), Failed),
        (account("ann"), P::Groups, includes("sudo"), Passed),
        (account("ann"), P::Shell, is("/bin/sh"), Unknown),
        (account("root"), P::Exists, yes(), Unknown),
        (group("hpc"), P::Exists, yes(), Passed),
        (group("hpc"), P::Gid, number(1), Unknown),
        (service("beegfs-helperd"), P::Installed, yes(), Passed),
        (service("beegfs-helperd"), P::Enabled, yes(), Passed),
        (service("beegfs-helperd"), P::Masked, yes(), Failed),
        (service("beegfs-helperd"), P::Running, yes(), Unknown),
        (service("apt-daily.timer"), P::Masked, yes(), Passed),
        (service("apt-daily.timer"), P::Enabled, yes(), Failed),
        (service("ssh"), P::Enabled, yes(), Unknown),
        (parameter("vm.swappiness"), P::Value, number(10), Passed),
        (parameter("vm.swappiness"), P::Value, number(60), Failed),
        (parameter("vm.overcommit_memory"), P::Value, number(1), Unknown),
        (Resource::Command { line: "x".to_owned(), timeout: 1 }, P::ExitStatus, number(0), Unknown),
    ]
}

#[test]
fn the_spec_knows_what_it_declares_and_nothing_else() {
    for (resource, property, operator, want) in known() {
        let name = format!("{resource} {property} {operator:?}");
        let verdict = judge(declared(), vec![check(resource, vec![(property, operator)])]);
        assert_eq!(verdict.status, want, "{name}: {:?}", verdict.results);
    }
}

/// Nothing is known after a step that overrides, and all of it is unknown, not failed.
#[test]
fn a_step_that_overrides_makes_all_unknown() {
    for (overrides, want) in [(false, Status::Failed), (true, Status::NotKnownHere)] {
        let mut items = declared();
        items.push(run(overrides));
        let checks = vec![check(path_resource(CLIENT), vec![(P::Mode, is("0600"))])];
        assert_eq!(judge(items, checks).status, want);
    }
}

#[test]
fn what_is_removed_is_known_to_be_absent() {
    let cases = [
        ("/etc/beegfs/*", Status::Failed),
        ("/etc/beegfs", Status::Failed),
        ("/etc/beegfs/beegfs-client.c?nf", Status::Failed),
        ("/etc/bee*fs", Status::Failed),
        ("/etc/beegfs/*.txt", Status::Passed),
        ("/var/log/*", Status::Passed),
        ("/etc/beegf", Status::Passed),
    ];
    for (pattern, want) in cases {
        let mut items = declared();
        items.push((true, ItemKind::Remove { pattern: pattern.to_owned() }));
        let checks = vec![check(path_resource(CLIENT), vec![(P::Exists, Operator::IsTrue)])];
        assert_eq!(judge(items, checks).status, want, "{pattern}");
    }
}

fn seed(path: &str) -> Vec<Check> {
    let mut expected = vec![
        (P::Exists, Operator::IsTrue),
        (P::Type, is("file")),
        (P::Owner, is("root")),
        (P::Group, is("root")),
        (P::Mode, is("0644")),
    ];
    match path {
        CLIENT => expected.push((
            P::Setting,
            Operator::Setting {
                key: "sysMgmtdHost".to_owned(),
                values: vec![text("10.225.144.131")],
                separator: "=".to_owned(),
                section: None,
            },
        )),
        MOUNTS => expected.push((P::Content, includes("/beegfs/pl-active "))),
        _ => expected.push((P::Content, includes("[Unit]"))),
    }
    vec![check(path_resource(path), expected)]
}

/// The three controls that sites start with, each broken in every way by the spec itself.
#[test]
fn every_mutation_of_a_seed_control_is_found() {
    for subject in [CLIENT, MOUNTS, UNIT] {
        assert_eq!(judge(declared(), seed(subject)).status, Status::Passed, "{subject}");
        let good = "sysMgmtdHost = 10.225.144.131\n/beegfs/pl-active \n[Unit]\n";
        let content = |text: &str| Content::Text(text.to_owned());
        let mutations = [
            ("mode", file(subject, content(good), 0o664, "root")),
            ("owner", file(subject, content(good), 0o644, "daemon")),
            ("content", file(subject, content("else\n"), 0o644, "root")),
            ("missing", ItemKind::Remove { pattern: subject.to_owned() }),
        ];
        for (name, mutation) in mutations {
            // Units come after files, so the unit's own text has to give way.
            let mut items = items();
            items.retain(|item| !matches!(item, ItemKind::Unit { .. }));
            items.push(mutation);
            let items = items.into_iter().map(|kind| (true, kind)).collect();
            let verdict = judge(items, seed(subject));
            assert_eq!(verdict.status, Status::Failed, "{subject} {name}: {:?}", verdict.results);
            assert_eq!(verdict.findings().count() > 0, verdict.blocks());
        }
    }
}

#[test]
fn a_violation_names_both_places() {
    let mut map = SourceMap::new();
    let role = format!("{}    file \"x\" mode=\"0664\" {{\n", "\n".repeat(9));
    map.add("roles/beegfs/role.kdl", role);
    map.add("profiles/p.kdl", "\n    control \"c-1\" {\n        mode \"0644\"\n    }\n");
    let broken = file(CLIENT, Content::Text("x".to_owned()), 0o664, "root");
    let checks = vec![check(path_resource(CLIENT), vec![(P::Mode, is("0644"))])];
    let mut verdicts = vec![judge(vec![(false, broken)], checks)];
    let found = violations(&verdicts, &map);
    let [Diagnostic { headline, labels, .. }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        headline,
        "control `c-1` fails: file /etc/beegfs/beegfs-client.conf: mode is \"0644\""
    );
    let shown: Vec<_> =
        labels.iter().map(|label| (map.slice(label.span), label.text.as_str())).collect();
    let want = [("file \"x\" mode=\"0664\"", "it is 0664"), ("mode \"0644\"", "this is asked for")];
    assert_eq!(shown, want);
    // An impact of nothing blocks nothing.
    verdicts[0].impact = 0.0;
    assert!(violations(&verdicts, &map).is_empty());
}
