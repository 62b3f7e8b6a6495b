use std::collections::BTreeMap;

use forge_model::{
    Check, Control, Digest, Entry, Expectation, Manifest, Operator, Origin, Property as P, Scalar,
    Status, Verify, Xattrs,
};

use super::*;
use crate::{VerifyOutcome, verify};

const CLIENT: &str = "/etc/beegfs/beegfs-client.conf";
const MOUNTS: &str = "/etc/beegfs/beegfs-mounts.conf";
const UNIT: &str = "/etc/systemd/system/beegfs-helperd.service";

type Mutation = (&'static str, fn(&mut Layers, &str, &str));

/// Layers in memory, with the bytes that they name.
#[derive(Default)]
struct Layers {
    manifests: Vec<Manifest>,
    bytes: BTreeMap<(usize, ImagePath), Vec<u8>>,
    secret: Option<usize>,
}

impl Layers {
    fn layer(&mut self) -> &mut Self {
        self.manifests.push(Manifest::default());
        self
    }

    fn entry(&mut self, path: &str, kind: EntryKind, mode: u32, owner: u32) -> &mut Self {
        let path = ImagePath::new(path).unwrap();
        let entry = Entry { kind, mode, uid: owner, gid: owner, mtime: 0, xattrs: Xattrs::new() };
        self.manifests.last_mut().unwrap().entries.insert(path, entry);
        self
    }

    fn file(&mut self, path: &str, text: &str, mode: u32, owner: u32) -> &mut Self {
        let at = (self.manifests.len() - 1, ImagePath::new(path).unwrap());
        self.bytes.insert(at, text.as_bytes().to_vec());
        let (size, digest) = (text.len() as u64, Digest::of(text.as_bytes()));
        self.entry(path, EntryKind::File { size, digest, group: None }, mode, owner)
    }

    fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.entry(path, EntryKind::Symlink { target: target.into() }, 0o777, 0)
    }

    fn directory(&mut self, path: &str) -> &mut Self {
        self.entry(path, EntryKind::Directory { opaque: false }, 0o755, 0)
    }

    fn ask<T>(&self, question: impl FnOnce(Image<'_>) -> T) -> T {
        let tree = Tree::merge(&self.manifests);
        let content = |path: &ImagePath, entry: &TreeEntry| {
            let found = self.bytes.get(&(entry.layer, path.clone()));
            found.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        let is_secret = |layer| Some(layer) == self.secret;
        let blame = |_: &ImagePath, entry: &TreeEntry| {
            Some(Provenance { layer: format!("layer {}", entry.layer), origin: None })
        };
        question(Image { tree: &tree, content: &content, is_secret: &is_secret, blame: &blame })
    }
}

fn layers() -> Layers {
    let mut layers = Layers::default();
    layers.layer();
    for directory in ["", "etc", "etc/beegfs", "etc/systemd", "etc/systemd/system", "usr"] {
        layers.directory(directory);
    }
    layers
        .file("etc/passwd", "root:x:0:0::/root:/bin/bash\nbeegfs:x:7:7::/:/bin/false\n", 0o644, 0)
        .file("etc/group", "root:x:0:\nbeegfs:x:7:\n", 0o644, 0)
        .directory("usr/lib")
        .directory("usr/lib/systemd")
        .directory("usr/lib/systemd/system")
        .link("lib", "usr/lib")
        .file("usr/lib/systemd/system/cron.service", "[Unit]\n", 0o644, 0)
        .directory("var")
        .directory("var/lib")
        .directory("var/lib/dpkg")
        .file(
            "var/lib/dpkg/status",
            "Package: cron\nStatus: install ok installed\nVersion: 3.0pl1-162\n",
            0o644,
            0,
        )
        .layer()
        .file(CLIENT, "sysMgmtdHost = 10.225.144.131\nconnUseRDMA = true\n", 0o644, 0)
        .file(MOUNTS, "/beegfs/pl-active /etc/beegfs/beegfs-client.conf beegfs rw\n", 0o644, 0)
        .file(UNIT, "[Unit]\n", 0o644, 0)
        .directory("etc/systemd/system/multi-user.target.wants")
        .link("etc/systemd/system/multi-user.target.wants/beegfs-helperd.service", "../x");
    layers
}

fn is(value: &str) -> Operator {
    Operator::OneOf(vec![Scalar::Text(value.to_owned())])
}

fn includes(value: &str) -> Operator {
    Operator::Includes(Scalar::Text(value.to_owned()))
}

fn control(id: &str, demands: Vec<(Resource, Vec<(P, Operator)>)>) -> Control {
    let origin = Origin::new("p.kdl", 1, 1);
    let expected = |(property, operator)| Expectation {
        property,
        negated: false,
        operator,
        origin: origin.clone(),
    };
    let check = |(resource, demands): (Resource, Vec<_>)| Check::Resource {
        resource,
        expectations: demands.into_iter().map(expected).collect(),
        origin: origin.clone(),
    };
    Control {
        id: id.to_owned(),
        profile: "p".to_owned(),
        impact: 1.0,
        title: String::new(),
        description: String::new(),
        tags: BTreeMap::new(),
        checks: demands.into_iter().map(check).collect(),
        only_if: Vec::new(),
        level: None,
        run: true,
        code: String::new(),
        origin: origin.clone(),
    }
}

fn judged(layers: &Layers, controls: Vec<Control>) -> VerifyOutcome {
    let (image, level) = ("summit-compute".to_owned(), Level::Tree);
    let controls = controls.into_iter().map(Into::into).collect();
    let (inspec, expect_failed) = (Vec::new(), Vec::new());
    let action = Verify { image, level, controls, inspec, expect_failed };
    layers.ask(|image| verify(&action, image, None)).unwrap()
}

fn status(layers: &Layers, resource: Resource, property: P, operator: Operator) -> Status {
    let control = control("c", vec![(resource, vec![(property, operator)])]);
    judged(layers, vec![control]).verdicts[0].status
}

fn at(path: &str) -> Resource {
    Resource::File { path: path.to_owned() }
}

fn seed(id: &str, path: &str, content: &str) -> Control {
    let mut demands = vec![
        (P::Exists, Operator::IsTrue),
        (P::Type, is("file")),
        (P::Owner, is("root")),
        (P::Group, is("root")),
        (P::Mode, is("0644")),
    ];
    if !content.is_empty() {
        demands.push((P::Content, includes(content)));
    }
    let mut all = vec![(at(path), demands)];
    if id == "beegfs-6" {
        let service = Resource::Service { name: "beegfs-helperd".to_owned() };
        all.push((service, vec![(P::Enabled, Operator::IsTrue)]));
    }
    control(id, all)
}

fn seeds() -> Vec<(Control, &'static str)> {
    vec![
        (seed("beegfs-4", CLIENT, "sysMgmtdHost = 10.225.144.131"), CLIENT),
        (
            seed("beegfs-5", MOUNTS, "/beegfs/pl-active /etc/beegfs/beegfs-client.conf beegfs rw"),
            MOUNTS,
        ),
        (seed("beegfs-6", UNIT, "[Unit]"), UNIT),
    ]
}

#[test]
fn every_mutation_of_a_seed_control_is_found_in_the_tree() {
    let mutations: [Mutation; 4] = [
        ("mode", |layers, path, text| {
            layers.layer().file(path, text, 0o664, 0);
        }),
        ("owner", |layers, path, text| {
            layers.layer().file(path, text, 0o644, 7);
        }),
        ("content", |layers, path, _| {
            layers.layer().file(path, "else", 0o644, 0);
        }),
        ("missing", |layers, path, _| {
            layers.layer().entry(path, EntryKind::Whiteout, 0, 0);
        }),
    ];
    for (control, path) in seeds() {
        let whole = judged(&layers(), vec![control.clone()]);
        assert_eq!(whole.verdicts[0].status, Status::Passed, "{:?}", whole.verdicts[0].results);
        assert!(!whole.blocks());
        let text = &layers().bytes[&(1, ImagePath::new(path).unwrap())];
        let text = String::from_utf8(text.clone()).unwrap();
        for (name, mutate) in mutations {
            let mut broken = layers();
            mutate(&mut broken, path, &text);
            let outcome = judged(&broken, vec![control.clone()]);
            let verdict = &outcome.verdicts[0];
            assert_eq!(verdict.status, Status::Failed, "{} {name}", control.id);
            assert!(outcome.blocks() && !outcome.has_errors());
            // Who is to blame is named wherever the path is there.
            let made = verdict.findings().next().unwrap().provenance.clone();
            let want = (name != "missing").then(|| "layer 2".to_owned());
            assert_eq!(made.map(|made| made.layer), want, "{} {name}", control.id);
        }
    }
}

#[test]
fn the_tree_answers_by_the_images_own_files() {
    let mut layers = layers();
    layers
        .link("etc/link", "beegfs/beegfs-client.conf")
        .link("etc/out", "../../../etc/passwd")
        .link("etc/loop", "loop")
        .file("etc/odd", "x", 0o4755, 99)
        .entry("etc/pipe", EntryKind::Fifo, 0o600, 0);
    let cron = || Resource::Package { name: "cron".to_owned() };
    let service = |name: &str| Resource::Service { name: name.to_owned() };
    let yes = || Operator::IsTrue;
    let cases = [
        (at("/lib/systemd/system/cron.service"), P::Exists, yes(), Status::Passed),
        (at("/etc/link"), P::Content, includes("connUseRDMA"), Status::Passed),
        (at("/etc/out"), P::Content, includes("beegfs:x:7"), Status::Passed),
        (at("/etc/loop"), P::Exists, yes(), Status::Failed),
        (at("/etc/pipe"), P::Type, is("pipe"), Status::Passed),
        (at("/etc/odd"), P::Owner, is("99"), Status::Passed),
        (at("/etc/odd"), P::Mode, is("4755"), Status::Passed),
        (at("/"), P::Type, is("directory"), Status::Passed),
        (at("/etc/passwd/x"), P::Exists, yes(), Status::Failed),
        (cron(), P::Installed, yes(), Status::Passed),
        (cron(), P::Version, Operator::Min(Scalar::Text("3.0pl1-100".to_owned())), Status::Passed),
        (service("cron"), P::Installed, yes(), Status::Passed),
        (service("cron"), P::Enabled, yes(), Status::Failed),
        (service("cron"), P::Running, yes(), Status::Error),
        (
            Resource::Command { line: "true".to_owned(), timeout: 1 },
            P::Stdout,
            is(""),
            Status::Error,
        ),
    ];
    for (resource, property, operator, want) in cases {
        let name = format!("{resource} {property}");
        assert_eq!(status(&layers, resource, property, operator), want, "{name}");
    }
}

#[test]
fn a_secret_is_seen_from_outside_alone() {
    let mut layers = layers();
    layers.layer().file("etc/munge.key", "hunter2hunter2", 0o400, 7);
    layers.secret = Some(2);
    let key = || at("/etc/munge.key");
    let cases = [
        (P::Exists, Operator::IsTrue, Status::Passed),
        (P::Mode, is("0400"), Status::Passed),
        (P::Owner, is("beegfs"), Status::Passed),
        (P::Content, includes("hunter2"), Status::Error),
        (P::Size, Operator::Above(Scalar::Integer(0)), Status::Error),
    ];
    for (property, operator, want) in cases {
        assert_eq!(status(&layers, key(), property, operator), want, "{property}");
    }
    let demands = vec![(P::Mode, is("0400")), (P::Content, includes("hunter3"))];
    let outcome = judged(&layers, vec![control("c", vec![(key(), demands)])]);
    let stored = String::from_utf8(outcome.encode()).unwrap();
    let digest = Digest::of(b"hunter2hunter2").to_hex();
    assert!(!stored.contains("hunter2") && !stored.contains(&digest), "{stored}");
}

#[test]
fn an_outcome_is_stored_and_moves_with_its_controls() {
    let controls: Vec<_> = seeds().into_iter().map(|(control, _)| control).collect();
    let outcome = judged(&layers(), controls.clone());
    assert_eq!(VerifyOutcome::decode(&outcome.encode()), Some(outcome.clone()));
    let other = VerifyOutcome { version: 0, ..outcome.clone() };
    assert_eq!(VerifyOutcome::decode(&other.encode()), None);
    assert_eq!(VerifyOutcome::decode(b"{}"), None);
    let mut moved = controls;
    moved[0].origin = Origin::new("p.kdl", 90, 1);
    let action = Verify {
        image: outcome.image.clone(),
        level: Level::Tree,
        controls: moved.into_iter().map(Into::into).collect(),
        inspec: Vec::new(),
        expect_failed: Vec::new(),
    };
    let mut relocated = outcome;
    relocated.relocate(&action);
    assert_eq!(relocated.verdicts[0].origin.line, 90);
}

/// A verdict is kept for as long as what it rests on stays the same, whatever else changes.
#[test]
fn the_record_tells_what_a_verdict_rests_on() {
    let controls: Vec<_> = seeds().into_iter().map(|(control, _)| control).collect();
    let record = judged(&layers(), controls).record;
    let holds = |change: fn(&mut Layers)| {
        let mut changed = layers();
        changed.layer();
        change(&mut changed);
        changed.ask(|image| record.still_holds(&TreeTarget::new(image)))
    };
    assert!(holds(|layers| {
        layers.file("usr/new", "x", 0o644, 0);
    }));
    assert!(!holds(|layers| {
        layers.file(CLIENT, "x", 0o644, 0);
    }));
    assert!(!holds(|layers| {
        layers.link(UNIT, "/dev/null");
    }));
}

/// A profile of Ruby over the layers, with a skip.
fn ruby(layers: &Layers, skip: &str, controls: &str) -> Result<VerifyOutcome, crate::VerifyError> {
    let origin = || Origin::new("site.kdl", 3, 1);
    let texts =
        [("rules/inspec.yml", "name: rules-of-the-site\n"), ("rules/controls/a.rb", controls)];
    let file = |(path, text): &(&str, &str)| forge_model::SourceFile {
        path: (*path).to_owned(),
        digest: Digest::of(text.as_bytes()),
        size: text.len() as u64,
        executable: false,
    };
    let skips = (!skip.is_empty()).then(|| forge_model::InspecSkip {
        control: skip.to_owned(),
        because: "known".to_owned(),
        origin: Origin::new("site.kdl", 5, 5),
    });
    let profile = forge_model::InspecProfile {
        name: "rules".to_owned(),
        directory: "rules".to_owned(),
        files: texts.iter().map(file).collect(),
        inputs: vec![forge_model::InspecInput {
            name: "owner".to_owned(),
            value: serde_json::json!("root"),
            origin: origin(),
        }],
        skips: skips.into_iter().collect(),
        level: Level::Booted,
        interpreter: "1".to_owned(),
        controls: Vec::new(),
        makes_ids: true,
        origin: origin(),
    };
    let action = Verify {
        image: "summit-compute".to_owned(),
        level: Level::Booted,
        controls: Vec::new(),
        inspec: vec![profile.into()],
        expect_failed: Vec::new(),
    };
    let read = |file: &forge_model::SourceFile| {
        let text = texts.iter().find(|(path, _)| *path == file.path).unwrap().1;
        Ok(text.as_bytes().to_vec())
    };
    layers.ask(|image| crate::verify_inspec(&action, image, None, &read))
}

const RULES: &str = "control 'owner' do\n  describe file('/etc/beegfs/beegfs-client.conf') do\n    \
                     it { should be_owned_by input('owner') }\n    its('mode') { should cmp '0600' }\n  \
                     end\nend\ncontrol 'program' do\n  describe command('true') do\n    \
                     its('exit_status') { should eq 0 }\n  end\nend\n";

#[test]
fn a_profile_of_ruby_is_judged_at_the_tree() {
    let layers = layers();
    let outcome = ruby(&layers, "", RULES).unwrap();
    let found: Vec<_> =
        outcome.verdicts.iter().map(|one| (one.control.as_str(), one.status)).collect();
    assert_eq!(found, [("owner", Status::Failed), ("program", Status::NotKnownHere)]);
    let owner = &outcome.verdicts[0];
    assert_eq!(owner.profile, "rules", "the name that the spec knows it by");
    let [passed, failed] = owner.results.as_slice() else { panic!("{:?}", owner.results) };
    assert_eq!((passed.status, failed.status), (Status::Passed, Status::Failed));
    assert_eq!((&*failed.origin.file, failed.origin.line), ("rules/controls/a.rb", 4));
    assert_eq!(failed.provenance.as_ref().unwrap().layer, "layer 1");
    // What is not known blocks nothing; what fails does.
    assert!(outcome.blocks());
    assert!(!outcome.verdicts[1].blocks());
    // It stands until an answer is another: here, no program was run.
    assert!(layers.ask(|image| outcome.record.still_holds(&TreeTarget::new(image))));
    let tree_only = ruby(&layers, "program", RULES).unwrap();
    assert!(layers.ask(|image| tree_only.record.still_holds(&TreeTarget::new(image))));
    let mut other = super::tests::layers();
    other.layer().file("etc/elsewhere", "x", 0o600, 0);
    assert!(other.ask(|image| tree_only.record.still_holds(&TreeTarget::new(image))));
    other.layer().file(CLIENT, "x", 0o600, 0);
    assert!(!other.ask(|image| tree_only.record.still_holds(&TreeTarget::new(image))));
}

/// What is asked about no path names who made the file that the answer rests on.
#[test]
fn a_failure_names_who_made_what_it_rests_on() {
    let rules = "control 'off' do\n  describe service('beegfs-helperd') do\n    \
                 it { should_not be_enabled }\n  end\nend\n";
    let outcome = ruby(&layers(), "", rules).unwrap();
    let result = &outcome.verdicts[0].results[0];
    assert_eq!(result.status, Status::Failed, "{result:?}");
    assert!(result.evidence.as_ref().unwrap().starts_with("/etc/systemd/system/"));
    assert_eq!(result.provenance.as_ref().unwrap().layer, "layer 1");
}

#[test]
fn a_skipped_control_is_waived() {
    let outcome = ruby(&layers(), "owner", RULES).unwrap();
    assert_eq!(outcome.verdicts[0].status, Status::Waived);
    assert!(outcome.verdicts[0].results[0].message.as_ref().unwrap().ends_with("known"));
    assert!(!outcome.blocks());
    let error = ruby(&layers(), "owmer", RULES).unwrap_err();
    assert!(error.to_string().contains("it has no control `owmer`"), "{error}");
}

#[test]
fn a_file_of_ruby_that_cannot_run_blocks() {
    let outcome = ruby(&layers(), "", "raise 'broken'\n").unwrap();
    assert_eq!(outcome.verdicts[0].status, Status::Error, "{outcome:?}");
    assert!(outcome.blocks());
}
