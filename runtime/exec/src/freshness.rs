//! What a build would do, asked without doing it. `plan` and `build` both ask here, so a preview
//! cannot lie.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{Digest, NodeId, Plan, SecretReference};

use crate::keys::{Facts, Missing, Outputs, action_key};

/// What the store knows.
pub trait Lookup {
    /// The output of a node that was done before, by action key.
    fn output(&self, kind: &str, key: &Digest) -> Option<Digest>;

    /// True when a node with exactly these own fields was done before, on whatever inputs.
    fn seen(&self, own_fields: &Digest) -> bool;

    /// The output of a node that reads only part of the layers below, when what it reads there
    /// has been seen before. Asked after [`Lookup::output`] found nothing.
    fn narrow(&self, plan: &Plan, node: NodeId, outputs: &Outputs) -> Option<Digest>;

    /// The output that a node will have once it is done, where that can be known before: what
    /// stands on it is then looked up as if it were there.
    fn predict(&self, plan: &Plan, node: NodeId, outputs: &Outputs) -> Option<Digest> {
        let _ = (plan, node, outputs);
        None
    }
}

/// What a build would do with a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The store has its result.
    Hit(Digest),
    /// It is done.
    Builds,
    /// It is done unless these inputs, which are done again, come out as before.
    Unless(Vec<NodeId>),
    /// It cannot be said before these secrets are opened.
    Unopened(Vec<SecretReference>),
}

impl State {
    /// True when a build certainly does nothing for the node.
    pub fn is_hit(&self) -> bool {
        matches!(self, Self::Hit(_))
    }
}

/// The state of each wanted node.
pub fn freshness(
    plan: &Plan,
    wanted: &BTreeSet<NodeId>,
    lookup: &dyn Lookup,
    facts: &dyn Facts,
) -> BTreeMap<NodeId, State> {
    let mut states = BTreeMap::new();
    let mut outputs = Outputs::new();
    for id in wanted {
        let node = plan.node(*id);
        let state = match action_key(plan, *id, &outputs, facts) {
            Ok(key) => lookup
                .output(node.action.kind(), &key.digest)
                .or_else(|| lookup.narrow(plan, *id, &outputs))
                .map_or(State::Builds, State::Hit),
            Err(Missing::Secrets(secrets)) => State::Unopened(secrets),
            Err(Missing::Inputs(_)) if !lookup.seen(&node.own) => State::Builds,
            Err(Missing::Inputs(inputs)) => State::Unless(rebuilt(&inputs, &states)),
        };
        let output = match &state {
            State::Hit(output) => Some(*output),
            State::Builds => lookup.predict(plan, *id, &outputs),
            State::Unless(_) | State::Unopened(_) => None,
        };
        outputs.extend(output.map(|output| (*id, output)));
        states.insert(*id, state);
    }
    states
}

/// The nodes that are done for certain among those that `inputs` wait for.
fn rebuilt(inputs: &[NodeId], states: &BTreeMap<NodeId, State>) -> Vec<NodeId> {
    let mut roots = BTreeSet::new();
    for input in inputs {
        match states.get(input) {
            Some(State::Unless(deeper)) => roots.extend(deeper.iter().copied()),
            Some(State::Hit(_)) => {}
            Some(State::Builds | State::Unopened(_)) | None => {
                roots.insert(*input);
            }
        }
    }
    roots.into_iter().collect()
}

/// All nodes that the given ones stand on, and they themselves.
pub fn closure(plan: &Plan, targets: impl IntoIterator<Item = NodeId>) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    let mut pending: Vec<_> = targets.into_iter().collect();
    while let Some(id) = pending.pop() {
        if found.insert(id) {
            pending.extend(plan.node(id).inputs.iter().map(|edge| edge.node));
        }
    }
    found
}
