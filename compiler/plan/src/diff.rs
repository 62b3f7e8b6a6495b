//! Two plans compared: which images and layers change, and why.
//!
//! A layer whose own fields differ is a root cause; one that differs only because something below
//! it does is a cascade, and is rebuilt unless what it reads of the layers below comes out the same.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{
    Action, ChangeKind, Content, Control, Image, KeyField, Node, NodeId, Origin, Plan, SecretFile,
    SecretReference, SecretSource, Shared,
};

use crate::demands::{self, in_words};

/// What changes from one plan to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanChanges {
    /// Images that change, are new or are gone, by name.
    pub images: Vec<ImageChange>,
    /// Images that stay as they are.
    pub unchanged: Vec<String>,
}

/// Whether something is new, gone, or other than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerChangeKind {
    /// It was not there.
    Added,
    /// It is no longer there.
    Removed,
    /// Its own fields differ.
    Changed,
    /// Only what it stands on differs.
    Cascade,
}

/// One image that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageChange {
    /// Its name.
    pub image: String,
    /// New, gone, or changed; never a cascade.
    pub kind: LayerChangeKind,
    /// Its steps that change, from the bottom up.
    pub layers: Vec<LayerChange>,
    /// Ids of controls that are new, gone, or demand other things.
    pub controls: Vec<(String, LayerChangeKind)>,
    /// Ids of controls that are judged again because the tree changes.
    pub controls_judged_again: usize,
    /// Names of the profiles of `InSpec` among them.
    pub profiles_judged_again: Vec<String>,
    /// Names of secrets whose ciphertext, version or delivery changes.
    pub secrets: Vec<(String, LayerChangeKind)>,
}

/// One step that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerChange {
    /// Its label.
    pub label: String,
    /// What it does: `packages`, `changes`, …
    pub action: &'static str,
    /// Root cause or cascade.
    pub kind: LayerChangeKind,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
    /// Where the step is declared.
    pub origin: Option<Origin>,
}

/// One field with its old and its new value.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// The field's name.
    pub name: String,
    /// The value before; none when the field is new.
    pub old: Option<String>,
    /// The value now; none when the field is gone.
    pub new: Option<String>,
    /// Where the new value is written, or the old one was.
    pub origin: Option<Origin>,
    /// What the digests stand for, where both plans have it: the content before, and now.
    pub contents: Option<(Content, Content)>,
}

/// Compares `old` with `new`, image by image.
pub fn diff(old: &Plan, new: &Plan) -> PlanChanges {
    let names: BTreeSet<&str> =
        old.images.iter().chain(&new.images).map(|image| image.name.as_str()).collect();
    let mut changes = PlanChanges::default();
    for name in names {
        match (old.image(name), new.image(name)) {
            (Some(before), Some(after)) => {
                let change = changed_image((old, before), (new, after));
                if change.layers.is_empty() && change.controls.is_empty() {
                    changes.unchanged.push(name.to_owned());
                } else {
                    changes.images.push(change);
                }
            }
            (None, Some(image)) => {
                changes.images.push(whole_image(new, image, LayerChangeKind::Added));
            }
            (Some(image), None) => {
                changes.images.push(whole_image(old, image, LayerChangeKind::Removed));
            }
            (None, None) => {}
        }
    }
    changes
}

fn steps<'a>(plan: &'a Plan, image: &Image) -> Vec<&'a Node> {
    let mut ids: BTreeSet<NodeId> = image.layers.iter().chain(&image.verdicts).copied().collect();
    ids.extend(image.pack);
    // Package lists are steps of their own, and inputs of layers.
    let lists: Vec<_> =
        ids.iter().filter_map(|id| plan.input(*id, forge_model::EdgeRole::List)).collect();
    ids.extend(lists);
    ids.iter().map(|id| plan.node(*id)).collect()
}

fn whole_image(plan: &Plan, image: &Image, kind: LayerChangeKind) -> ImageChange {
    let layers = steps(plan, image).into_iter().map(|node| whole_step(node, kind)).collect();
    let controls = controls(plan, image).into_keys().map(|id| (id.to_owned(), kind)).collect();
    let secrets = secrets(plan, image).into_keys().map(|name| (name, kind)).collect();
    ImageChange {
        image: image.name.clone(),
        kind,
        layers,
        controls,
        controls_judged_again: 0,
        profiles_judged_again: Vec::new(),
        secrets,
    }
}

/// A step that is new or gone: it has no fields to compare.
fn whole_step(node: &Node, kind: LayerChangeKind) -> LayerChange {
    LayerChange {
        label: node.label.clone(),
        action: node.action.kind(),
        kind,
        fields: Vec::new(),
        origin: node.origins.first().cloned(),
    }
}

fn changed_image(old: (&Plan, &Image), new: (&Plan, &Image)) -> ImageChange {
    let old_steps = steps(old.0, old.1);
    let before: BTreeMap<&str, &Node> =
        old_steps.iter().map(|node| (node.label.as_str(), *node)).collect();
    let mut layers = Vec::new();
    let mut seen = BTreeSet::new();
    let (mut judged_again, mut profiles) = (0, Vec::new());
    for node in steps(new.0, new.1) {
        seen.insert(node.label.as_str());
        let change = match before.get(node.label.as_str()) {
            Some(earlier) if earlier.key == node.key => continue,
            Some(earlier) => step_change(earlier, node),
            None => whole_step(node, LayerChangeKind::Added),
        };
        if let Action::Verify(verify) = &node.action {
            judged_again += verify.ids().count();
            profiles.extend(verify.inspec.iter().map(|profile| profile.name.clone()));
        }
        layers.push(change);
    }
    let gone = old_steps.iter().filter(|node| !seen.contains(node.label.as_str()));
    layers.extend(gone.map(|node| whole_step(node, LayerChangeKind::Removed)));
    ImageChange {
        image: new.1.name.clone(),
        kind: LayerChangeKind::Changed,
        controls: compare(&controls(old.0, old.1), &controls(new.0, new.1), |a, b| {
            same_demands(*a, *b)
        }),
        controls_judged_again: judged_again,
        profiles_judged_again: profiles,
        secrets: compare(&secrets(old.0, old.1), &secrets(new.0, new.1), |a, b| a == b),
        layers,
    }
}

fn compare<K: Ord + ToString, V>(
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
    same: impl Fn(&V, &V) -> bool,
) -> Vec<(String, LayerChangeKind)> {
    let mut changes = Vec::new();
    for (name, value) in new {
        match old.get(name) {
            None => changes.push((name.to_string(), LayerChangeKind::Added)),
            Some(before) if !same(before, value) => {
                changes.push((name.to_string(), LayerChangeKind::Changed));
            }
            Some(_) => {}
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    changes.extend(gone.map(|name| (name.to_string(), LayerChangeKind::Removed)));
    changes
}

/// Controls by their ids; of those of Ruby no more is known than the id.
fn controls<'a>(plan: &'a Plan, image: &Image) -> BTreeMap<&'a str, Option<&'a Shared<Control>>> {
    let mut found = BTreeMap::new();
    for id in &image.verdicts {
        let Action::Verify(verify) = &plan.node(*id).action else { continue };
        found.extend(verify.ids().map(|id| (id, None)));
        found.extend(verify.written().map(|control| (control.id.as_str(), Some(control))));
    }
    found
}

fn same_demands(a: Option<&Shared<Control>>, b: Option<&Shared<Control>>) -> bool {
    a.map(Shared::digest) == b.map(Shared::digest)
}

/// Secrets of an image: name to what identifies source and delivery, never a value.
fn secrets(plan: &Plan, image: &Image) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |secret: &SecretReference, how: String| {
        found.entry(secret.name.clone()).or_default().push(how);
    };
    for id in &image.layers {
        match &plan.node(*id).action {
            Action::Secrets(secrets) => {
                for SecretFile { path, mode, owner, group, secret, origin: _ } in &secrets.files {
                    let source = source_text(&secret.source);
                    add(secret, format!("{source} in {path} {mode:04o} {owner}:{group}"));
                }
            }
            Action::Run(run) => {
                for secret in &run.secrets {
                    add(secret, format!("{} for step {}", source_text(&secret.source), run.name));
                }
            }
            // The stamp names those of the secrets layer.
            Action::Stamp(_)
            | Action::Resolve(_)
            | Action::Base(_)
            | Action::Packages(_)
            | Action::Fetch(_)
            | Action::Unpack(_)
            | Action::Changes(_)
            | Action::Verify(_)
            | Action::Pack(_) => {}
        }
    }
    found
}

fn source_text(source: &SecretSource) -> String {
    match source {
        SecretSource::Age(file) => format!("age {}", file.digest),
        SecretSource::Environment { variable, version } => format!("env {variable} {version}"),
        SecretSource::File { path, version } => format!("file {path} {version}"),
    }
}

fn step_change(old: &Node, new: &Node) -> LayerChange {
    let own = |node: &Node| node.action.key_builder().finish();
    let (before, after) = (own(old), own(new));
    let kind = if before.digest == after.digest {
        LayerChangeKind::Cascade
    } else {
        LayerChangeKind::Changed
    };
    let mut fields = in_words(
        demands::controls(old),
        demands::controls(new),
        field_changes(&before.fields, &after.fields),
    );
    let (was, is) = (contents(old), contents(new));
    for field in &mut fields {
        field.contents = was.get(&field.name).cloned().zip(is.get(&field.name).cloned());
    }
    let origin = new.origins.first().cloned();
    LayerChange { label: new.label.clone(), action: new.action.kind(), kind, fields, origin }
}

/// The contents that fields of a step's key are digests of, each by its field's name. A path that
/// is written twice has two, so neither is known.
pub fn contents(node: &Node) -> BTreeMap<String, Content> {
    let mut found = BTreeMap::new();
    let mut twice = BTreeSet::new();
    let mut add = |name: String, content: Content| {
        if found.insert(name.clone(), content).is_some() {
            twice.insert(name);
        }
    };
    match &node.action {
        Action::Changes(changes) => {
            for change in &changes.changes {
                if let ChangeKind::File { path, content, .. } = &change.what {
                    add(format!("content of {path}"), content.clone());
                }
            }
        }
        Action::Run(run) => {
            add("script".to_owned(), Content::Source(run.script.clone()));
            for (path, file) in &run.inputs {
                add(format!("input {path}"), Content::Source(file.clone()));
            }
        }
        Action::Verify(verify) => {
            for profile in &verify.inspec {
                for file in &profile.files {
                    let name = format!("profile {}, file {}", profile.name, file.path);
                    add(name, Content::Source(file.clone()));
                }
            }
        }
        _ => {}
    }
    found.retain(|name, _| !twice.contains(name));
    found
}

/// The fields that differ between two keys. Fields of one name (packages, excluded paths) are
/// compared as sets.
pub(crate) fn field_changes(old: &[KeyField], new: &[KeyField]) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let names: BTreeSet<&str> = old.iter().chain(new).map(|field| field.name.as_str()).collect();
    for name in names {
        let of = |fields: &'_ [KeyField]| -> Vec<KeyField> {
            fields.iter().filter(|field| field.name == name).cloned().collect()
        };
        let (before, after) = (of(old), of(new));
        let missing_in = |list: &[KeyField], value: &str| list.iter().all(|f| f.value != value);
        let mut gone = before.iter().filter(|field| missing_in(&after, &field.value));
        let mut come = after.iter().filter(|field| missing_in(&before, &field.value));
        loop {
            let (old_field, new_field) = (gone.next(), come.next());
            if old_field.is_none() && new_field.is_none() {
                break;
            }
            let origin = new_field.or(old_field).and_then(|field| field.origin.clone());
            changes.push(FieldChange {
                name: name.to_owned(),
                old: old_field.map(|field| field.value.clone()),
                new: new_field.map(|field| field.value.clone()),
                origin,
                contents: None,
            });
        }
    }
    if changes.is_empty() {
        changes.extend(order_change(old, new));
    }
    changes
}

/// The first place at which the same fields stand in another order.
fn order_change(old: &[KeyField], new: &[KeyField]) -> Option<FieldChange> {
    let same = |a: &KeyField, b: &KeyField| a.name == b.name && a.value == b.value;
    let at = (0..old.len().max(new.len())).find(|at| match (old.get(*at), new.get(*at)) {
        (Some(a), Some(b)) => !same(a, b),
        _ => true,
    })?;
    let shown = |field: Option<&KeyField>| field.map(|f| format!("{} {}", f.name, f.value));
    Some(FieldChange {
        name: "order".to_owned(),
        old: shown(old.get(at)),
        new: shown(new.get(at)),
        origin: new.get(at).or(old.get(at)).and_then(|field| field.origin.clone()),
        contents: None,
    })
}
