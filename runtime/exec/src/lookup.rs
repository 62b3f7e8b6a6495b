//! The store, asked for results.

use std::sync::Arc;

use forge_model::{Digest, Key, NodeId, Plan, SecretReference};
use forge_store::{OutputKind, Record, Store};

use crate::context::Context;
use crate::freshness::Lookup;
use crate::keys::{self, Facts, Outputs};
use crate::sight::{Drafts, Sight};
use crate::steps;
use crate::vault::source_digest;

/// What enters keys from the host and the store.
#[derive(Clone, Debug)]
pub struct StoreFacts {
    store: Arc<Store>,
    bootstrap: String,
}

impl StoreFacts {
    /// Facts of this host; mmdebstrap's version is read from the program itself, which costs less
    /// than starting it.
    pub fn new(store: Arc<Store>) -> Self {
        let program = forge_sys::host::find_program("mmdebstrap");
        let text = program.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let version = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("our $VERSION = '")?.split('\'').next());
        let bootstrap = version.unwrap_or("not installed").to_owned();
        Self { store, bootstrap }
    }
}

impl Facts for StoreFacts {
    fn bootstrap_version(&self) -> String {
        self.bootstrap.clone()
    }

    fn mac(&self, secret: &SecretReference) -> Option<Digest> {
        self.store.known_mac(&source_digest(secret))
    }
}

/// The output of an action key whose result is really there.
pub(crate) fn find_record(store: &Store, kind: &str, key: &Digest) -> Option<Record> {
    let record = store.record(kind, key)?;
    let present = match record.output_kind {
        OutputKind::Layer | OutputKind::PrivateLayer => store.has_layer(&record.output),
        OutputKind::Blob => store.has_blob(&record.output),
    };
    present.then_some(record)
}

/// The store as `plan` asks it.
#[derive(Debug)]
pub struct StoreLookup<'a> {
    context: &'a Context,
    facts: &'a StoreFacts,
    drafts: Drafts,
}

impl<'a> StoreLookup<'a> {
    /// Asks the store of `context`; for a preview without a run, one whose scratch places are not
    /// used.
    pub fn new(context: &'a Context, facts: &'a StoreFacts) -> Self {
        Self { context, facts, drafts: Drafts::default() }
    }

    fn sight(&self, plan: &Plan, node: NodeId, outputs: &Outputs) -> Option<Sight> {
        let digests = keys::stack_outputs(plan, node, outputs).ok()?;
        Sight::of(self.context, &self.drafts, &digests)
    }

    /// The key that a node's result is, or would be, kept under; none while an input is missing.
    pub fn key(&self, plan: &Plan, node: NodeId, outputs: &Outputs) -> Option<Key> {
        let key = keys::action_key(plan, node, outputs, self.facts).ok()?;
        let sight = self.sight(plan, node, outputs)?;
        Some(steps::narrow_key_of(&plan.node(node).action, &sight, self.facts).unwrap_or(key))
    }
}

impl Lookup for StoreLookup<'_> {
    fn output(&self, kind: &str, key: &Digest) -> Option<Digest> {
        find_record(&self.context.store, kind, key).map(|record| record.output)
    }

    fn seen(&self, own_fields: &Digest) -> bool {
        !self.context.store.action_keys(own_fields).is_empty()
    }

    fn narrow(&self, plan: &Plan, node: NodeId, outputs: &Outputs) -> Option<Digest> {
        let action = &plan.node(node).action;
        if !steps::reads_part(action) {
            return None;
        }
        let sight = self.sight(plan, node, outputs)?;
        let key = steps::narrow_key_of(action, &sight, self.facts)?;
        self.output(action.kind(), &key.digest)
    }

    fn predict(&self, plan: &Plan, node: NodeId, outputs: &Outputs) -> Option<Digest> {
        let action = &plan.node(node).action;
        if !steps::reads_part(action) {
            return None;
        }
        let draft = steps::predicted(action, &self.sight(plan, node, outputs)?)?;
        Some(self.drafts.keep(draft))
    }
}
