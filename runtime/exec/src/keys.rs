//! Action keys: what the executor looks a node up by.
//!
//! A plan key has the plan keys of the inputs; an action key has their *output* digests instead,
//! so that an input that was rebuilt and came out the same rebuilds nothing after it. Kinds that
//! read little of the layers below have a second, narrower key (see [`narrow_key`]): the digest
//! of what they read there.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{
    Action, Digest, EdgeRole, Key, KeyBuilder, KeyField, NodeId, Plan, SecretReference,
};

/// Digests of outputs, by node, as far as they are known.
pub type Outputs = BTreeMap<NodeId, Digest>;

/// Facts of the host and of the secrets that enter keys.
pub trait Facts {
    /// The version of mmdebstrap.
    fn bootstrap_version(&self) -> String;

    /// The keyed MAC of a secret, when it was opened before.
    fn mac(&self, secret: &SecretReference) -> Option<Digest>;
}

/// What stands between a node and its action key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// These inputs have no output yet.
    Inputs(Vec<NodeId>),
    /// These secrets were never opened here.
    Secrets(Vec<SecretReference>),
}

/// The digest over a stack of layers, from the bottom up.
pub fn stack_digest(layers: &[Digest]) -> Digest {
    let mut bytes = Vec::with_capacity(layers.len() * 32);
    for layer in layers {
        bytes.extend_from_slice(layer.as_bytes());
    }
    Digest::of(&bytes)
}

/// The outputs of the layers below a node, from the bottom up.
pub fn stack_outputs(plan: &Plan, node: NodeId, outputs: &Outputs) -> Result<Vec<Digest>, Missing> {
    let stack = plan.stack_below(node);
    // A stamp's digest names the tree, whatever secrets lie between.
    let skip_secrets = matches!(plan.node(node).action, Action::Stamp(_));
    let counted = stack
        .into_iter()
        .filter(|id| !(skip_secrets && matches!(plan.node(*id).action, Action::Secrets(_))));
    collect(counted, outputs)
}

fn collect(nodes: impl Iterator<Item = NodeId>, outputs: &Outputs) -> Result<Vec<Digest>, Missing> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for node in nodes {
        match outputs.get(&node) {
            Some(output) => found.push(*output),
            None => missing.push(node),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(Missing::Inputs(missing)) }
}

/// The key that a node is first looked up by: its own fields, the output digests of all inputs,
/// the tools that decide bytes, and the MACs of secrets.
pub fn action_key(
    plan: &Plan,
    node: NodeId,
    outputs: &Outputs,
    facts: &dyn Facts,
) -> Result<Key, Missing> {
    let step = plan.node(node);
    // The fields last: most nodes of an image that was never built miss an input.
    let mut inputs = Vec::new();
    for (role, name) in [
        (EdgeRole::List, "input: the package list"),
        (EdgeRole::Installed, "input: the packages installed before"),
        (EdgeRole::Source, "input: a fetched file"),
        (EdgeRole::Verdict, "input: a verdict"),
    ] {
        let nodes = step.inputs.iter().filter(|edge| edge.role == role);
        let found = collect(nodes.map(|edge| edge.node), outputs)?;
        inputs.extend(found.into_iter().map(|digest| (name, digest)));
    }
    let stack = stack_outputs(plan, node, outputs)?;
    let mut key = step.action.key_builder();
    for (name, digest) in &inputs {
        key.digest(name, digest);
    }
    if !stack.is_empty() {
        key.digest("input: the layers below", &stack_digest(&stack));
    }
    tool_fields(&step.action, facts, &mut key);
    secret_fields(&step.action, facts, &mut key)?;
    Ok(key.finish())
}

/// The key of a node that reads only part of the layers below: its own fields, the MACs, and the
/// digest of what it reads there.
pub fn narrow_key(action: &Action, selector: &Digest, facts: &dyn Facts) -> Result<Key, Missing> {
    let mut key = action.key_builder();
    key.digest(READ_BELOW, selector);
    secret_fields(action, facts, &mut key)?;
    Ok(key.finish())
}

/// The key of a node that names the tree below it: its own fields, and the tree's digest.
pub fn tree_key(action: &Action, tree: &Digest) -> Key {
    let mut key = action.key_builder();
    key.digest(TREE_BELOW, tree);
    key.finish()
}

/// What can be compared of a key's fields with the step as it is now, both without inputs: its own
/// fields, the tools that decide bytes, and the MACs of those secrets that were opened here before.
pub fn comparable(
    before: &[KeyField],
    action: &Action,
    facts: &dyn Facts,
) -> (Vec<KeyField>, Vec<KeyField>) {
    let mut now = action.key_builder();
    tool_fields(action, facts, &mut now);
    let mut unopened = BTreeSet::new();
    for secret in secrets_of(action) {
        match facts.mac(secret) {
            Some(mac) => {
                now.digest(mac_field(secret), &mac);
            }
            None => {
                unopened.insert(mac_field(secret));
            }
        }
    }
    let input =
        |name: &str| name.starts_with("input: ") || [READ_BELOW, TREE_BELOW].contains(&name);
    let kept = |field: &&KeyField| !input(&field.name) && !unopened.contains(&field.name);
    (before.iter().filter(kept).cloned().collect(), now.finish().fields)
}

/// The field of what is read of the layers below.
const READ_BELOW: &str = "what is read of the layers below";

/// The field of the tree that a stamp names.
const TREE_BELOW: &str = "tree";

/// The field of an opened secret.
fn mac_field(secret: &SecretReference) -> String {
    format!("MAC of secret {}", secret.name)
}

/// Tools that decide bytes. Package and script steps use nothing of the host: the image's own
/// dpkg is in the inputs, apt's choice is in the package list.
fn tool_fields(action: &Action, facts: &dyn Facts, key: &mut KeyBuilder) {
    match action {
        Action::Base(base) if matches!(**base, forge_model::Base::Debian { .. }) => {
            key.field("tool: mmdebstrap", facts.bootstrap_version());
        }
        Action::Base(_)
        | Action::Resolve(_)
        | Action::Packages(_)
        | Action::Fetch(_)
        | Action::Unpack(_)
        | Action::Changes(_)
        | Action::Run(_)
        | Action::Secrets(_)
        | Action::Stamp(_)
        | Action::Verify(_)
        | Action::Pack(_) => {}
    }
}

/// Secrets whose value a node's output depends on.
pub fn secrets_of(action: &Action) -> Vec<&SecretReference> {
    match action {
        Action::Run(run) => run.secrets.iter().collect(),
        Action::Secrets(secrets) => secrets.files.iter().map(|file| &file.secret).collect(),
        // The stamp names secrets by reference alone: their values are in no artifact's name.
        Action::Stamp(_)
        | Action::Resolve(_)
        | Action::Base(_)
        | Action::Packages(_)
        | Action::Fetch(_)
        | Action::Unpack(_)
        | Action::Changes(_)
        | Action::Verify(_)
        | Action::Pack(_) => Vec::new(),
    }
}

fn secret_fields(action: &Action, facts: &dyn Facts, key: &mut KeyBuilder) -> Result<(), Missing> {
    let mut unopened = Vec::new();
    for secret in secrets_of(action) {
        match facts.mac(secret) {
            Some(mac) => {
                key.digest(mac_field(secret), &mac);
            }
            None => unopened.push(secret.clone()),
        }
    }
    if unopened.is_empty() { Ok(()) } else { Err(Missing::Secrets(unopened)) }
}

#[cfg(test)]
mod tests;
