//! Runs nodes as soon as their inputs are there, a few at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forge_model::{Digest, NodeId, Plan};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::{Fault, StepError};
use crate::keys::Outputs;

/// Does one node, given the outputs of all that is done, which holds those it stands on, however
/// deep. Blocking; called from many threads.
pub type Execute = dyn Fn(NodeId, &Outputs) -> Result<Digest, StepError> + Send + Sync;

/// How a run ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Outputs of all nodes that are done.
    pub outputs: Outputs,
    /// Nodes that failed.
    pub failures: BTreeMap<NodeId, StepError>,
    /// Nodes that were not tried, since something they stand on failed.
    pub untried: Vec<NodeId>,
    /// The run was stopped from outside.
    pub interrupted: bool,
}

impl Outcome {
    /// Whose turn it is, when something failed: the gravest fault.
    pub fn fault(&self) -> Option<Fault> {
        self.failures.values().map(|error| error.fault).max()
    }
}

struct Run<'a> {
    wanted: &'a BTreeSet<NodeId>,
    /// Inputs that are still missing, by node.
    waiting: BTreeMap<NodeId, BTreeSet<NodeId>>,
    ready: BTreeSet<NodeId>,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(plan: &Plan, wanted: &'a BTreeSet<NodeId>) -> Self {
        let mut waiting: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        let mut ready = BTreeSet::new();
        for id in wanted {
            let mut inputs: BTreeSet<_> =
                plan.node(*id).inputs.iter().map(|edge| edge.node).collect();
            // A step looks at the whole stack below it, not only at the layer it stands on.
            inputs.extend(plan.stack_below(*id));
            if inputs.is_empty() {
                ready.insert(*id);
            } else {
                waiting.insert(*id, inputs);
            }
        }
        Self { wanted, waiting, ready, outcome: Outcome::default() }
    }

    fn done(&mut self, id: NodeId, output: Digest) {
        self.outcome.outputs.insert(id, output);
        let mut freed = Vec::new();
        for (waiting, inputs) in &mut self.waiting {
            if inputs.remove(&id) && inputs.is_empty() {
                freed.push(*waiting);
            }
        }
        for id in freed {
            self.waiting.remove(&id);
            self.ready.insert(id);
        }
    }

    fn finish(mut self) -> Outcome {
        let known = |id: &NodeId| {
            self.outcome.outputs.contains_key(id) || self.outcome.failures.contains_key(id)
        };
        self.outcome.untried = self.wanted.iter().filter(|id| !known(id)).copied().collect();
        self.outcome
    }
}

/// Runs the wanted nodes. After a failure, everything that does not stand on it still runs. When
/// `stop` turns true, nothing new is begun and the run ends at once; steps under way are killed
/// by their own cancel token.
pub async fn run(
    plan: &Plan,
    wanted: &BTreeSet<NodeId>,
    jobs: usize,
    execute: Arc<Execute>,
    mut stop: watch::Receiver<bool>,
) -> Outcome {
    let mut run = Run::new(plan, wanted);
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < jobs.max(1) {
            let Some(id) = run.ready.pop_first() else { break };
            let (execute, inputs) = (execute.clone(), run.outcome.outputs.clone());
            tasks.spawn_blocking(move || (id, execute(id, &inputs)));
        }
        let finished = tokio::select! {
            finished = tasks.join_next() => finished,
            _ = stop.wait_for(|stop| *stop) => {
                run.outcome.interrupted = true;
                // Steps under way end by their cancel token; what they had finished is in the
                // store already.
                while tasks.join_next().await.is_some() {}
                break;
            }
        };
        match finished {
            None => break,
            Some(Ok((id, Ok(output)))) => run.done(id, output),
            Some(Ok((id, Err(error)))) => {
                run.outcome.failures.insert(id, error);
            }
            Some(Err(panicked)) => {
                tracing::error!("a step panicked: {panicked}");
                run.outcome.failures.insert(
                    NodeId(u32::MAX),
                    StepError::bug(format!("a step ended by panic: {panicked}")),
                );
            }
        }
    }
    run.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use forge_model::{Action, Changes, Edge, EdgeRole, Node};

    use super::*;

    /// A chain 0 <- 1 <- 2 and a lone 3.
    fn plan() -> Plan {
        let node = |id: u32, below: Option<u32>| {
            let action =
                Action::Changes(Changes { changes: Vec::new(), protected: Vec::new().into() });
            let edge = |node| Edge { node: NodeId(node), role: EdgeRole::Lower };
            Node {
                id: NodeId(id),
                label: format!("n{id}"),
                key: action.key_hasher().finish(),
                own: action.key_hasher().finish(),
                action,
                inputs: below.map(edge).into_iter().collect(),
                origins: Vec::new(),
                images: Vec::new(),
            }
        };
        let nodes = vec![node(0, None), node(1, Some(0)), node(2, Some(1)), node(3, None)];
        Plan { nodes: nodes.into_iter().map(Box::new).collect(), images: Vec::new() }
    }

    fn run_with(execute: Arc<Execute>, stop: bool) -> Outcome {
        let wanted = (0..4).map(NodeId).collect();
        let (_sender, receiver) = watch::channel(stop);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(&plan(), &wanted, 2, execute, receiver))
    }

    #[test]
    fn inputs_come_first() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let seen = order.clone();
        let outcome = run_with(
            Arc::new(move |id, inputs| {
                let below = inputs.keys().filter(|input| **input < id).count();
                assert!(id.0 == 3 || below == id.0 as usize);
                seen.lock().unwrap().push(id.0);
                Ok(Digest::of(&id.0.to_le_bytes()))
            }),
            false,
        );
        assert_eq!(outcome.outputs.len(), 4);
        let order: Vec<_> = order.lock().unwrap().iter().filter(|id| **id < 3).copied().collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn a_failure_stops_only_what_stands_on_it() {
        let outcome = run_with(
            Arc::new(|id, _| match id.0 {
                1 => Err(StepError::user("no")),
                _ => Ok(Digest::of(b"x")),
            }),
            false,
        );
        assert_eq!(outcome.outputs.keys().map(|id| id.0).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(outcome.untried, [NodeId(2)]);
        assert_eq!(outcome.fault(), Some(Fault::User));
    }

    #[test]
    fn a_stopped_run_begins_nothing_more() {
        let outcome = run_with(Arc::new(|_, _| Ok(Digest::of(b"x"))), true);
        assert!(outcome.interrupted);
        assert!(outcome.outputs.len() < 4);
    }
}
