//! What the store remembers of steps: what they were made of, how long they took, how much they gave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use forge_exec::freshness::{State, closure, freshness};
use forge_exec::{StoreFacts, StoreLookup, keys};
use forge_model::{Action, Digest, EntryKind, ImagePath, Node, NodeId, Plan};
use forge_plan::{FieldChange, contents, own_changes};
use forge_report::{ChangeKind, FieldDiff, Last, LayerDiff, Outlook};
use forge_store::{Record, Store};

use crate::contents::{MAX_TEXT, lines, text};
use crate::ctx::Compiled;
use crate::exit::CmdError;
use crate::runner::PackBlob;
use crate::state::ImageState;

/// What an image's steps were when it was last built.
#[derive(Debug)]
pub(crate) struct History<'a> {
    store: &'a Store,
    last: Option<ImageState>,
}

/// What a step of this label was when its image was last built.
#[derive(Debug)]
pub(crate) enum Before {
    /// There was none.
    Nothing,
    /// There was one, but the store has no result of it any more.
    Lost,
    /// It was done.
    Done(Box<Record>),
}

impl<'a> History<'a> {
    /// The history of an image.
    pub(crate) fn of(store: &'a Store, image: &str) -> Self {
        Self { store, last: ImageState::read(store, image) }
    }

    /// Whether the image was built with this store.
    pub(crate) fn was_built(&self) -> bool {
        self.last.is_some()
    }

    /// Labels and kinds of the steps that the image had.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (&str, &str)> {
        let steps = self.last.iter().flat_map(|last| &last.steps);
        steps.map(|step| (step.label.as_str(), step.kind.as_str()))
    }

    /// What the step of this label was.
    pub(crate) fn before(&self, node: &Node) -> Before {
        let steps = self.last.iter().flat_map(|last| &last.steps);
        let Some(step) = steps.into_iter().find(|step| step.label == node.label) else {
            return Before::Nothing;
        };
        let keys = self.store.action_keys(&step.plan_key);
        let mut records = keys.iter().filter_map(|key| self.store.record(&step.kind, key));
        let found = records.find(|record| record.output == step.output);
        found.map_or(Before::Lost, |record| Before::Done(Box::new(record)))
    }

    /// What earlier builds tell of a step: of this very one, else of the one of its label.
    pub(crate) fn last(&self, node: &Node) -> Option<Last> {
        let kind = node.action.kind();
        let of = |key: Digest| {
            let keys = self.store.action_keys(&key);
            keys.iter().find_map(|key| self.store.record(kind, key))
        };
        let same = of(node.key).or_else(|| of(node.own));
        let is_same = same.is_some();
        let record = same.or_else(|| match self.before(node) {
            Before::Done(record) if record.kind == kind => Some(*record),
            Before::Done(_) | Before::Lost | Before::Nothing => None,
        })?;
        let took = Duration::from_millis(record.duration_ms);
        Some(Last { took, bytes: self.bytes(&node.action, &record), same: is_same })
    }

    fn bytes(&self, action: &Action, record: &Record) -> Option<u64> {
        match action {
            Action::Resolve(_) | Action::Verify(_) => None,
            Action::Pack(_) => PackBlob::read(self.store, &record.output)?.size,
            Action::Base(_)
            | Action::Packages(_)
            | Action::Fetch(_)
            | Action::Unpack(_)
            | Action::Changes(_)
            | Action::Run(_)
            | Action::Secrets(_)
            | Action::Stamp(_) => Some(record.size),
        }
    }
}

/// What a build would do with the steps of a plan, and why.
#[derive(Debug)]
pub(crate) struct Preview<'a> {
    store: Arc<Store>,
    compiled: &'a Compiled,
    plan: &'a Plan,
    facts: StoreFacts,
    /// The state of each step that was asked for.
    pub(crate) states: BTreeMap<NodeId, State>,
}

impl<'a> Preview<'a> {
    /// Asks the store about these steps and what they stand on.
    pub(crate) fn of(
        store: &Arc<Store>,
        compiled: &'a Compiled,
        targets: impl IntoIterator<Item = NodeId>,
    ) -> Result<Self, CmdError> {
        let plan = &compiled.plan;
        let context = crate::work::reading_context(store, compiled)?;
        let facts = StoreFacts::new(store.clone());
        let lookup = StoreLookup::new(&context, &facts);
        let states = freshness(plan, &closure(plan, targets), &lookup, &facts);
        Ok(Self { store: store.clone(), compiled, plan, facts, states })
    }

    /// What a build would do with a step, and why; none when it does nothing.
    pub(crate) fn step(&self, history: &History<'_>, id: NodeId) -> Option<LayerDiff> {
        let node = self.plan.node(id);
        let outlook = match self.states.get(&id)? {
            State::Hit(_) => return None,
            State::Builds => Outlook::Builds,
            State::Unless(inputs) => {
                let labels = inputs.iter().map(|id| self.plan.node(*id).label.clone());
                Outlook::Unless(labels.collect())
            }
            State::Unopened(secrets) => {
                let names: Vec<_> = secrets.iter().map(|secret| secret.name.as_str()).collect();
                Outlook::Unknown(format!("secret {} was never opened here", names.join(", ")))
            }
        };
        let (change, fields, outlook) = match history.before(node) {
            Before::Nothing => (ChangeKind::Added, Vec::new(), outlook),
            Before::Lost if outlook == Outlook::Builds => {
                (ChangeKind::Changed, Vec::new(), Outlook::Lost)
            }
            Before::Lost => (ChangeKind::Changed, Vec::new(), outlook),
            Before::Done(record) => {
                let (then, now) = keys::comparable(&record.key.fields, &node.action, &self.facts);
                let fields = own_changes(&then, node, &now);
                let unknown = matches!(outlook, Outlook::Unknown(_));
                let cascade = fields.is_empty() && !unknown;
                let change = if cascade { ChangeKind::Cascade } else { ChangeKind::Changed };
                (change, self.in_lines(&record, node, fields), outlook)
            }
        };
        Some(LayerDiff {
            label: node.label.clone(),
            action: node.action.kind().to_owned(),
            change,
            fields,
            origin: node.origins.first().cloned(),
            outlook,
            follows: Vec::new(),
            last: history.last(node),
        })
    }
}

impl Preview<'_> {
    /// Changed fields as reports show them: of texts that the step's layer has, the lines.
    fn in_lines(&self, record: &Record, node: &Node, fields: Vec<FieldChange>) -> Vec<FieldDiff> {
        let new = contents(node);
        let lines = |field: &FieldChange| {
            let path = ImagePath::new(field.name.strip_prefix("content of ")?)?;
            let is = text(new.get(&field.name)?, &*self.compiled.sources)?;
            let layer = self.store.layer(&record.output).ok()?;
            let EntryKind::File { size, digest, .. } = layer.manifest().entries.get(&path)?.kind
            else {
                return None;
            };
            // A later edit of the same layer may have changed it.
            let same = field.old.as_ref().is_some_and(|old| *old == digest.to_string());
            let was = (same && size <= MAX_TEXT).then(|| layer.read(&path).ok())??;
            lines(std::str::from_utf8(&was).ok()?, &is)
        };
        let shown = |field: FieldChange| FieldDiff { lines: lines(&field), ..field_diff(field) };
        fields.into_iter().map(shown).collect()
    }
}

/// Says of each cascade what it follows from: the root causes that it stands on.
pub(crate) fn follow(plan: &Plan, steps: &mut BTreeMap<NodeId, LayerDiff>) {
    let cascade = |step: &LayerDiff| step.change == ChangeKind::Cascade;
    let roots: BTreeMap<NodeId, String> = steps
        .iter()
        .filter(|(_, step)| !cascade(step))
        .map(|(id, step)| (*id, step.label.clone()))
        .collect();
    for (id, step) in steps.iter_mut().filter(|(_, step)| cascade(step)) {
        let below = closure(plan, [*id]);
        step.follows = below.iter().filter_map(|id| roots.get(id).cloned()).collect();
    }
}

/// A changed field, as reports show it.
pub(crate) fn field_diff(change: FieldChange) -> FieldDiff {
    let FieldChange { name, old, new, origin, contents: _ } = change;
    FieldDiff { name, old, new, origin, lines: None }
}
