//! Does one node: looks it up, and makes what is missing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use forge_model::{Action, Digest, Event, Key, Node, NodeId, Plan};
use forge_store::{OutputKind, Record};

use crate::context::Context;
use crate::error::StepError;
use crate::freshness::freshness;
use crate::keys::{self, Missing, Outputs};
use crate::lookup::{StoreFacts, StoreLookup, find_record};
use crate::stack::Stack;
use crate::step::{Made, Step};
use crate::steps;

/// Does the nodes that this crate knows nothing about: verdicts and artifacts.
pub trait NodeRunner: Send + Sync {
    /// Does a node, or finds that an earlier output of it stands.
    fn run(&self, request: &NodeRequest<'_>) -> Result<Ran, StepError>;

    /// True when what a found output stands for is still there outside of the store.
    fn is_current(&self, node: &Node, output: &Digest) -> bool;
}

/// What came of running a node.
#[derive(Debug)]
pub enum Ran {
    /// The bytes that the store keeps as its output.
    Made(Vec<u8>),
    /// What the record under this action key holds is what the node would give.
    Stands(Digest),
}

/// What a [`NodeRunner`] gets.
#[derive(Debug)]
pub struct NodeRequest<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The node.
    pub node: &'a Node,
    /// The layers below it, with their nodes.
    pub stack: Stack,
    /// The nodes of these layers, from the bottom up.
    pub layers: Vec<NodeId>,
    /// Outputs of all its inputs.
    pub inputs: &'a Outputs,
    /// What all steps share.
    pub context: &'a Context,
    /// Where its output goes.
    pub log: PathBuf,
}

/// Does nodes of one plan.
pub struct Executor {
    /// The plan.
    pub plan: Arc<Plan>,
    /// What all steps share.
    pub context: Arc<Context>,
    /// What enters keys.
    pub facts: StoreFacts,
    /// Does verdicts and artifacts.
    pub runner: Arc<dyn NodeRunner>,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("context", &self.context).finish_non_exhaustive()
    }
}

impl Executor {
    /// Opens the secrets of the wanted nodes when some layer will be made, so that every new
    /// layer is searched for their values. One that cannot be opened is reported by the step
    /// that needs it.
    pub fn open_secrets_ahead(&self, wanted: &std::collections::BTreeSet<NodeId>) {
        let lookup = StoreLookup::new(&self.context, &self.facts);
        let states = freshness(&self.plan, wanted, &lookup, &self.facts);
        let makes = |id: &NodeId| self.plan.node(*id).action.makes_layer();
        if states.iter().all(|(id, state)| state.is_hit() || !makes(id)) {
            return;
        }
        let actions = wanted.iter().map(|id| &self.plan.node(*id).action);
        for secret in actions.flat_map(keys::secrets_of) {
            let sources = self.context.sources.as_ref();
            let opened = self.context.vault.open(secret, sources, &self.context.store);
            if let Err(error) = opened {
                tracing::debug!("secret {} stays closed: {error}", secret.name);
            }
        }
    }

    /// Does one node: a hit, or the step of its kind and its record.
    pub fn execute(&self, id: NodeId, inputs: &Outputs) -> Result<Digest, StepError> {
        let node = self.plan.node(id);
        self.try_execute(node, inputs).map_err(|mut error| {
            if error.origins.is_empty() {
                error.origins = node.places().into_iter().cloned().collect();
            }
            error
        })
    }

    fn try_execute(&self, node: &Node, inputs: &Outputs) -> Result<Digest, StepError> {
        let key = self.key(node, inputs)?;
        let store = &self.context.store;
        if let Some(output) = self.hit(node, &key) {
            return Ok(output);
        }
        // One builder for each key: a second run waits here and then finds the result.
        let lock = store.lock_key_unless(&key.digest, &self.context.cancel)?;
        if let Some(output) = self.hit(node, &key) {
            return Ok(output);
        }
        if lock.is_none() || self.context.cancel.is_cancelled() {
            return Err(StepError::new(crate::Fault::Interrupted, "interrupted"));
        }
        let (start, began) = (Instant::now(), SystemTime::now());
        self.context.events.emit(Event::Started { node: node.id });
        let step = Step {
            plan: &self.plan,
            node,
            inputs,
            context: &self.context,
            facts: &self.facts,
            key: &key,
        };
        let known: Vec<_> = store.action_keys(&node.own);
        let made = self.make(&step)?;
        for message in &made.notes {
            let message = message.clone();
            self.context.events.emit(Event::Warning { node: node.id, message });
        }
        let earlier = known.iter().filter_map(|key| store.record(node.action.kind(), key));
        let unchanged = earlier.into_iter().any(|record| record.output == made.output);
        self.commit(&step, &made, start.elapsed(), began)?;
        if made.reused {
            self.context.events.emit(Event::Hit { node: node.id });
        } else {
            let duration = start.elapsed();
            let output = made.output;
            self.context.events.emit(Event::Finished {
                node: node.id,
                duration,
                output,
                unchanged,
            });
        }
        Ok(made.output)
    }

    /// The action key; secrets that were never opened here are opened now.
    fn key(&self, node: &Node, inputs: &Outputs) -> Result<Key, StepError> {
        match keys::action_key(&self.plan, node.id, inputs, &self.facts) {
            Ok(key) => return Ok(key),
            Err(Missing::Inputs(_)) => {
                return Err(StepError::bug("a step began before its inputs were there"));
            }
            Err(Missing::Secrets(secrets)) => {
                for secret in &secrets {
                    let sources = self.context.sources.as_ref();
                    self.context.vault.open(secret, sources, &self.context.store)?;
                }
            }
        }
        keys::action_key(&self.plan, node.id, inputs, &self.facts)
            .map_err(|_| StepError::bug("an opened secret has no MAC"))
    }

    fn hit(&self, node: &Node, key: &Key) -> Option<Digest> {
        let record = find_record(&self.context.store, node.action.kind(), &key.digest)?;
        if self.is_stale(node, &record) || !self.runner.is_current(node, &record.output) {
            return None;
        }
        // Another plan key may have led here: collection and `why` go by plan keys.
        let noted = self.context.store.note_action_key(&node.key, &record.key.digest);
        if let Err(error) = noted {
            tracing::debug!("the plan key of {} is not noted: {error}", node.label);
        }
        self.context.events.emit(Event::Hit { node: node.id });
        Some(record.output)
    }

    /// A package list is used until it is refreshed.
    fn is_stale(&self, node: &Node, record: &Record) -> bool {
        let resolved = matches!(node.action, Action::Resolve(_));
        let refresh = self.context.refresh.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        resolved && refresh.is_some_and(|time| record.started < time.as_secs())
    }

    fn make(&self, step: &Step<'_>) -> Result<Made, StepError> {
        match &step.node.action {
            Action::Resolve(resolve) => steps::debian::resolve(step, resolve),
            Action::Base(base) => steps::base::base(step, base),
            Action::Packages(packages) => steps::debian::packages(step, packages),
            Action::Fetch(fetch) => steps::fetch::fetch(step, fetch),
            Action::Unpack(unpack) => steps::unpack::unpack(step, unpack),
            Action::Changes(changes) => steps::native::changes(step, changes),
            Action::Run(run) => steps::run::run(step, run),
            Action::Secrets(secrets) => steps::native::secrets(step, secrets),
            Action::Stamp(stamp) => steps::native::stamp(step, stamp),
            Action::Verify(_) | Action::Pack(_) => {
                let request = NodeRequest {
                    plan: step.plan,
                    node: step.node,
                    stack: step.stack()?,
                    layers: step.plan.stack_below(step.node.id),
                    inputs: step.inputs,
                    context: step.context,
                    log: step.log(),
                };
                match self.runner.run(&request)? {
                    Ran::Made(bytes) => {
                        let output = step.context.store.put_blob(&bytes)?;
                        Ok(Made::new(output, OutputKind::Blob, bytes.len() as u64))
                    }
                    Ran::Stands(key) => stands(step, &key),
                }
            }
        }
    }

    fn commit(
        &self,
        step: &Step<'_>,
        made: &Made,
        took: Duration,
        began: SystemTime,
    ) -> Result<(), StepError> {
        let store = &self.context.store;
        let kind = step.node.action.kind();
        let key = made.narrow.as_ref().unwrap_or(step.key);
        if !made.reused {
            let log = step.log();
            let record = Record {
                version: Record::VERSION,
                kind: kind.to_owned(),
                label: step.node.label.clone(),
                key: key.clone(),
                plan_key: step.node.key,
                output: made.output,
                output_kind: made.kind,
                started: began.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
                duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                size: made.size,
                log: log.exists().then_some(log),
            };
            store.commit_record(&record)?;
        }
        store.note_action_key(&step.node.key, &key.digest)?;
        store.note_action_key(&step.node.own, &key.digest)?;
        if key.digest != step.key.digest {
            store.commit_alias(kind, &step.key.digest, &key.digest)?;
        }
        Ok(())
    }
}

/// The output of an earlier record, which stands for this step too.
fn stands(step: &Step<'_>, key: &Digest) -> Result<Made, StepError> {
    let record = step.context.store.record(step.node.action.kind(), key);
    let gone = || StepError::environment("the record of an earlier outcome went away meanwhile");
    let record = record.ok_or_else(gone)?;
    let made = Made::new(record.output, record.output_kind, record.size);
    Ok(Made { narrow: Some(record.key), reused: true, ..made })
}
