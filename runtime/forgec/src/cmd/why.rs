//! `forgec why`: root cause or cascade, old value and new, and where in the spec.

use std::collections::BTreeMap;
use std::sync::Arc;

use forge_exec::freshness::State;
use forge_model::{NodeId, Plan};
use forge_plan::Graph;
use forge_report::{ChangeKind, LayerDiff, Outlook, WhyReport, WhyStep, why_json, why_text};

use crate::ctx::{Ctx, image, targets};
use crate::exit::{CmdError, Exit};
use crate::history::{History, Preview, follow};
use crate::ui::Ui;

/// Say why a layer would be rebuilt, or that it would not.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// The step, by its label; all that a build would do when none is named
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<String>,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let plan = &compiled.plan;
    let image = image(plan, &args.image)?;
    let store = Arc::new(ctx.store_to_read()?);
    let preview = Preview::of(&store, &compiled, targets(image))?;
    let history = History::of(&store, &image.name);
    let done = preview.states.keys().filter_map(|id| Some((*id, preview.step(&history, *id)?)));
    let mut done: BTreeMap<NodeId, LayerDiff> = done.collect();
    follow(plan, &mut done);
    let asked = |id: &NodeId| match &args.step {
        Some(label) => plan.node(*id).label == *label,
        None => done.contains_key(id),
    };
    let asked: Vec<NodeId> = preview.states.keys().copied().filter(|id| asked(id)).collect();
    if let (Some(label), true) = (&args.step, asked.is_empty()) {
        return Err(CmdError::user(format!("image `{}` has no step `{label}`", image.name))
            .help(unknown_step(plan, &preview, &image.name, label)));
    }
    let steps = asked.into_iter().map(|id| WhyStep {
        above: Graph::dependents(plan, id).len(),
        output: match preview.states.get(&id) {
            Some(State::Hit(output)) => Some(*output),
            Some(State::Builds | State::Unless(_) | State::Unopened(_)) | None => None,
        },
        step: done.remove(&id).unwrap_or_else(|| kept(plan, &history, id)),
    });
    let report = WhyReport { steps: steps.collect(), image: image.name.clone() };
    ui.out(&if ui.json() { why_json(&report) } else { why_text(&report) });
    Ok(Exit::Done)
}

fn unknown_step(plan: &Plan, preview: &Preview<'_>, image: &str, label: &str) -> String {
    let labels = preview.states.keys().map(|id| plan.node(*id).label.as_str());
    forge_syntax::closest(label, labels).map_or_else(
        || format!("`forgec show {image}` names them"),
        |near| format!("did you mean `{near}`?"),
    )
}

fn kept(plan: &Plan, history: &History<'_>, id: NodeId) -> LayerDiff {
    let node = plan.node(id);
    LayerDiff {
        label: node.label.clone(),
        action: node.action.kind().to_owned(),
        change: ChangeKind::Cascade,
        fields: Vec::new(),
        origin: node.origins.first().cloned(),
        outlook: Outlook::Cached,
        follows: Vec::new(),
        last: history.last(node),
    }
}
