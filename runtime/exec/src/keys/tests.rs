use std::collections::{BTreeMap, BTreeSet};

use forge_model::{
    Action, Base, Change, ChangeKind, Changes, Compression, Digest, Edge, EdgeRole, Image,
    ImagePath, KeyBuilder, Node, NodeId, Origin, OutputSettings, Pack, PackageSources, Packages,
    Plan, Resolve, SecretFile, SecretReference, SecretSource, Secrets, SourceFile, Stamp,
};

use super::{Facts, Missing, Outputs, action_key, narrow_key, stack_outputs};
use crate::freshness::{Lookup, State, closure, freshness};

struct Host {
    bootstrap: &'static str,
    macs: BTreeMap<&'static str, Digest>,
}

impl Facts for Host {
    fn bootstrap_version(&self) -> String {
        self.bootstrap.to_owned()
    }

    fn mac(&self, secret: &SecretReference) -> Option<Digest> {
        self.macs.get(secret.name.as_str()).copied()
    }
}

fn host(mac: &str) -> Host {
    Host { bootstrap: "1.3", macs: BTreeMap::from([("key", digest(mac))]) }
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn origin() -> Origin {
    Origin::new("forge.kdl", 1, 1)
}

fn secret() -> SecretReference {
    let source = SecretSource::Environment { variable: "KEY".to_owned(), version: 1 };
    SecretReference { name: "key".to_owned(), source, origin: origin() }
}

fn sources() -> PackageSources {
    PackageSources {
        suite: "bookworm".to_owned(),
        components: vec!["main".to_owned()],
        updates: true,
        mirror: None,
        security: None,
    }
}

fn output() -> OutputSettings {
    OutputSettings {
        format: "initramfs".to_owned(),
        compression: Compression::Gzip,
        level: 6,
        allow_secrets: true,
    }
}

const LIST: NodeId = NodeId(0);
const BASE: NodeId = NodeId(1);
const MORE: NodeId = NodeId(2);
const PACKAGES: NodeId = NodeId(3);
const FILES: NodeId = NodeId(4);
const SECRETS: NodeId = NodeId(5);
const STAMP: NodeId = NodeId(6);
const PACK: NodeId = NodeId(7);

fn packages(arch: &str) -> Packages {
    let arch = arch.to_owned();
    Packages { arch, names: Vec::new(), answers: Vec::new(), holds: Vec::new() }
}

fn resolve(base: bool) -> Action {
    let (arch, names) = ("amd64".to_owned(), Vec::new());
    Action::Resolve(Box::new(Resolve {
        arch,
        sources: sources(),
        repositories: Vec::new(),
        pins: Vec::new(),
        holds: Vec::new(),
        base,
        names,
        files: Vec::new(),
        recommends: false,
    }))
}

/// Label, action and inputs.
type Step = (&'static str, Action, &'static [(NodeId, EdgeRole)]);

fn actions() -> [Step; 8] {
    use EdgeRole::{Installed, List, Lower};
    let text = str::to_owned;
    let base = Base::Debian { arch: text("amd64"), sources: sources(), exclude_paths: Vec::new() };
    let enable = ChangeKind::Enable { unit: text("ssh.service") };
    let changes = vec![Change::at(&origin(), enable)];
    let file = SecretFile {
        path: ImagePath::new("/etc/key").unwrap(),
        mode: 0o400,
        owner: text("root"),
        group: text("root"),
        secret: secret(),
        origin: origin(),
    };
    let stamp = Stamp {
        image: text("a-b"),
        cluster: text("a"),
        image_type: text("b"),
        cmdline: None,
        output: Some(output()),
        secrets: vec![secret()],
        origin: origin(),
    };
    let pack = Pack {
        image: text("a-b"),
        cluster: text("a"),
        image_type: text("b"),
        arch: text("amd64"),
        output: output(),
        holds_secrets: true,
        origin: origin(),
    };
    let packages = packages("amd64");
    [
        ("base, package list", resolve(true), &[]),
        ("base", Action::Base(Box::new(base)), &[(LIST, List)]),
        ("packages, package list", resolve(false), &[(LIST, Installed)]),
        ("packages", Action::Packages(Box::new(packages)), &[(MORE, List), (BASE, Lower)]),
        (
            "files",
            Action::Changes(Changes { changes, protected: Vec::new().into() }),
            &[(PACKAGES, Lower)],
        ),
        ("secrets", Action::Secrets(Secrets { files: vec![file] }), &[(FILES, Lower)]),
        ("stamp", Action::Stamp(Box::new(stamp)), &[(SECRETS, Lower)]),
        ("pack", Action::Pack(Box::new(pack)), &[(STAMP, Lower)]),
    ]
}

fn plan() -> Plan {
    let nodes = actions().into_iter().enumerate().map(|(index, (label, action, inputs))| Node {
        id: NodeId(u32::try_from(index).unwrap()),
        label: label.to_owned(),
        key: action.key_hasher().finish(),
        own: action.key_hasher().finish(),
        action,
        inputs: inputs.iter().map(|(node, role)| Edge { node: *node, role: *role }).collect(),
        origins: vec![origin()],
        images: vec!["a-b".to_owned()],
    });
    Plan { nodes: nodes.map(Box::new).collect(), images: Vec::<Image>::new() }
}

/// Another action in the place of a node's.
fn put(plan: &mut Plan, id: NodeId, action: Action) {
    let node = &mut plan.nodes[id.0 as usize];
    (node.own, node.action) = (action.key_hasher().finish(), action);
}

/// Each node's output is named after it.
fn outputs(plan: &Plan) -> Outputs {
    plan.nodes.iter().map(|node| (node.id, digest(&node.label))).collect()
}

fn key(plan: &Plan, node: NodeId, outputs: &Outputs, facts: &Host) -> Digest {
    action_key(plan, node, outputs, facts).unwrap().digest
}

#[test]
fn the_output_of_every_input_counts_and_nothing_else_does() {
    let plan = plan();
    let before = outputs(&plan);
    for node in &plan.nodes {
        let mut counts: BTreeSet<_> = plan.stack_below(node.id).into_iter().collect();
        counts.extend(node.inputs.iter().map(|edge| edge.node));
        if node.id == STAMP {
            // The stamp names the tree, whatever secrets lie between.
            counts.remove(&SECRETS);
        }
        for other in &plan.nodes {
            let mut after = before.clone();
            after.insert(other.id, digest("another output"));
            let same =
                key(&plan, node.id, &before, &host("m")) == key(&plan, node.id, &after, &host("m"));
            assert_eq!(same, !counts.contains(&other.id), "{} by {}", node.label, other.label);
        }
    }
}

#[test]
fn an_input_that_comes_out_the_same_changes_no_key() {
    let old = plan();
    let mut new = plan();
    // The base is asked for otherwise, so that every plan key above it differs.
    new.nodes[BASE.0 as usize].action = match actions().into_iter().nth(1).unwrap().1 {
        Action::Base(mut base) => {
            let Base::Debian { exclude_paths, .. } = base.as_mut() else { unreachable!() };
            exclude_paths.push("/usr/share/doc/*".to_owned());
            Action::Base(base)
        }
        other => other,
    };
    let (outputs, host) = (outputs(&old), host("m"));
    assert_ne!(key(&old, BASE, &outputs, &host), key(&new, BASE, &outputs, &host));
    for node in [PACKAGES, FILES, SECRETS, STAMP, PACK] {
        assert_eq!(key(&old, node, &outputs, &host), key(&new, node, &outputs, &host));
    }
}

#[test]
fn layers_in_another_order_are_another_input() {
    let plan = plan();
    let before = outputs(&plan);
    let mut after = before.clone();
    after.insert(BASE, before[&PACKAGES]);
    after.insert(PACKAGES, before[&BASE]);
    assert_ne!(key(&plan, FILES, &before, &host("m")), key(&plan, FILES, &after, &host("m")));
}

#[test]
fn rotation_changes_the_consumers_alone() {
    let plan = plan();
    let outputs = outputs(&plan);
    for node in &plan.nodes {
        let same = key(&plan, node.id, &outputs, &host("old"))
            == key(&plan, node.id, &outputs, &host("new"));
        assert_eq!(same, node.id != SECRETS, "{}", node.label);
    }
    // A secret whose ciphertext alone changes keeps its MAC and its layer, and gets a new name.
    let narrow = |mac| narrow_key(&plan.node(SECRETS).action, &digest("read"), &host(mac)).unwrap();
    assert_ne!(narrow("old").digest, narrow("new").digest);
}

#[test]
fn only_the_base_counts_a_tool_of_the_host() {
    let plan = plan();
    let outputs = outputs(&plan);
    let newer = Host { bootstrap: "1.4", ..host("m") };
    for node in &plan.nodes {
        let same =
            key(&plan, node.id, &outputs, &host("m")) == key(&plan, node.id, &outputs, &newer);
        assert_eq!(same, node.id != BASE, "{}", node.label);
    }
}

#[test]
fn what_is_missing_is_named() {
    let plan = plan();
    let mut outputs = outputs(&plan);
    outputs.remove(&BASE);
    let missing = action_key(&plan, FILES, &outputs, &host("m")).unwrap_err();
    assert_eq!(missing, Missing::Inputs(vec![BASE]));
    outputs.insert(BASE, digest("base"));
    let unopened = Host { bootstrap: "1.3", macs: BTreeMap::new() };
    let missing = action_key(&plan, SECRETS, &outputs, &unopened).unwrap_err();
    assert_eq!(missing, Missing::Secrets(vec![secret()]));
    assert!(action_key(&plan, STAMP, &outputs, &unopened).is_ok(), "the stamp opens nothing");
}

#[test]
fn a_narrow_key_rests_on_what_is_read_below() {
    let action = &plan().nodes[FILES.0 as usize].action;
    let narrow = |read: &str| narrow_key(action, &digest(read), &host("m")).unwrap().digest;
    assert_eq!(narrow("passwd"), narrow("passwd"));
    assert_ne!(narrow("passwd"), narrow("other passwd"));
    let mut other = plan();
    let what = ChangeKind::Disable { unit: "ssh.service".to_owned() };
    let changes = vec![Change::at(&origin(), what)];
    other.nodes[0].action = Action::Changes(Changes { changes, protected: Vec::new().into() });
    let changed = narrow_key(&other.nodes[0].action, &digest("passwd"), &host("m")).unwrap();
    assert_ne!(narrow("passwd"), changed.digest, "the change list counts");
}

#[test]
fn a_stamp_stands_on_the_tree() {
    let plan = plan();
    let outputs = outputs(&plan);
    let below = |node| stack_outputs(&plan, node, &outputs).unwrap();
    assert_eq!(below(STAMP), ["base", "packages", "files"].map(digest));
    assert_eq!(below(PACK), ["base", "packages", "files", "secrets", "stamp"].map(digest));
}

/// A store that knows these nodes by their action keys, and these by their own fields.
#[derive(Default)]
struct Known {
    outputs: BTreeMap<Digest, Digest>,
    seen: BTreeSet<Digest>,
    narrow: BTreeMap<NodeId, Digest>,
}

impl Lookup for Known {
    fn output(&self, _: &str, key: &Digest) -> Option<Digest> {
        self.outputs.get(key).copied()
    }

    fn seen(&self, own_fields: &Digest) -> bool {
        self.seen.contains(own_fields)
    }

    fn narrow(&self, plan: &Plan, node: NodeId, outputs: &Outputs) -> Option<Digest> {
        // As the real one: what lies below has to be known before it can be read.
        stack_outputs(plan, node, outputs).ok()?;
        self.narrow.get(&node).copied()
    }
}

/// The store after a whole build.
fn built(plan: &Plan) -> Known {
    let outputs = outputs(plan);
    let mut known = Known::default();
    for node in &plan.nodes {
        known.outputs.insert(key(plan, node.id, &outputs, &host("m")), outputs[&node.id]);
        known.seen.insert(node.own);
    }
    known
}

fn states(plan: &Plan, known: &Known, facts: &Host) -> BTreeMap<NodeId, State> {
    freshness(plan, &closure(plan, [PACK]), known, facts)
}

#[test]
fn after_a_build_nothing_is_done() {
    let plan = plan();
    let states = states(&plan, &built(&plan), &host("m"));
    assert!(states.values().all(State::is_hit), "{states:?}");
    assert_eq!(states.len(), plan.nodes.len());
}

#[test]
fn a_changed_step_is_done_and_what_stands_on_it_unless_it_comes_out_the_same() {
    let before = plan();
    let known = built(&before);
    let mut after = plan();
    let more = packages("arm64");
    put(&mut after, PACKAGES, Action::Packages(Box::new(more)));
    let states = states(&after, &known, &host("m"));
    for node in [LIST, BASE, MORE] {
        assert!(states[&node].is_hit(), "{node:?}");
    }
    assert_eq!(states[&PACKAGES], State::Builds);
    for node in [FILES, SECRETS, STAMP, PACK] {
        assert_eq!(states[&node], State::Unless(vec![PACKAGES]), "{node:?}");
    }
}

#[test]
fn a_new_step_above_a_changed_one_is_done_in_any_case() {
    let before = plan();
    let known = built(&before);
    let mut after = plan();
    let more = packages("arm64");
    put(&mut after, PACKAGES, Action::Packages(Box::new(more)));
    let what = ChangeKind::Mask { unit: "ssh.service".to_owned() };
    let changes = vec![Change::at(&origin(), what)];
    put(&mut after, FILES, Action::Changes(Changes { changes, protected: Vec::new().into() }));
    let states = states(&after, &known, &host("m"));
    assert_eq!(states[&FILES], State::Builds);
    assert_eq!(states[&PACK], State::Unless(vec![PACKAGES, FILES]));
}

#[test]
fn a_file_layer_whose_reads_are_known_is_a_hit_on_other_layers() {
    let plan = plan();
    let mut known = built(&plan);
    let mut outputs = outputs(&plan);
    // The packages came out otherwise, and the file layer reads nothing of what is new.
    let packages = key(&plan, PACKAGES, &outputs, &host("m"));
    known.outputs.insert(packages, digest("other packages"));
    known.narrow.insert(FILES, digest("files"));
    let states = states(&plan, &known, &host("m"));
    assert_eq!(states[&FILES], State::Hit(digest("files")));
    outputs.insert(PACKAGES, digest("other packages"));
    assert_eq!(states[&PACK], State::Unless(vec![SECRETS, STAMP]));
}

#[test]
fn a_secret_that_was_never_opened_is_said_to_be_unknown() {
    let plan = plan();
    let unopened = Host { bootstrap: "1.3", macs: BTreeMap::new() };
    let states = states(&plan, &built(&plan), &unopened);
    assert_eq!(states[&SECRETS], State::Unopened(vec![secret()]));
    assert!(states[&STAMP].is_hit(), "the name does not rest on the value");
    assert_eq!(states[&PACK], State::Unless(vec![SECRETS]));
}

#[test]
fn fields_are_told_apart_from_their_neighbors() {
    let key = |fields: &[(&str, &str)]| {
        let mut key = KeyBuilder::new("run", 1);
        for (name, value) in fields {
            key.field(*name, *value);
        }
        key.finish().digest
    };
    let keys = [
        key(&[("ab", "c")]),
        key(&[("a", "bc")]),
        key(&[("a", "b"), ("c", "")]),
        key(&[("a", ""), ("b", "c")]),
    ];
    assert_eq!(BTreeSet::from(keys).len(), keys.len());
    let file = SourceFile { path: "x".to_owned(), digest: digest("x"), size: 1, executable: true };
    let base = |arch: &str| {
        let (arch, source) = (arch.to_owned(), file.clone());
        Action::Base(Box::new(Base::Archive { arch, source })).key_builder().finish().digest
    };
    assert_ne!(base("amd64"), base("arm64"));
}
