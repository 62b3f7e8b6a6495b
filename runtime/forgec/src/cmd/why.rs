//! `forgec why`: root cause or cascade, old value and new, and where in the spec.

use std::fmt::Write as _;
use std::sync::Arc;

use forge_exec::freshness::{State, closure, freshness};
use forge_exec::{Outputs, StoreFacts, StoreLookup};
use forge_model::{KeyField, Node, Plan};
use forge_plan::{FieldChange, Graph, field_changes};
use forge_store::{Record, Store};

use crate::ctx::{Ctx, image, targets};
use crate::exit::{CmdError, Exit};
use crate::state::ImageState;
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
    let context = super::build::reading_context(&store, &compiled)?;
    let facts = StoreFacts::new(store.clone());
    let wanted = closure(plan, targets(image));
    let lookup = StoreLookup::new(&context, &facts);
    let states = freshness(plan, &wanted, &lookup, &facts);
    let outputs: Outputs = states
        .iter()
        .filter_map(|(id, state)| match state {
            State::Hit(output) => Some((*id, *output)),
            State::Builds | State::Unless(_) | State::Unopened(_) => None,
        })
        .collect();
    let last = ImageState::read(&store, &image.name);
    let mut text = String::new();
    for (id, state) in &states {
        let node = plan.node(*id);
        let asked = args.step.as_ref().is_none_or(|label| node.label == *label);
        let shown = args.step.is_some() || !state.is_hit();
        if !asked || !shown {
            continue;
        }
        let before = last.as_ref().and_then(|last| earlier(last, node, &store));
        let key = lookup.key(plan, *id, &outputs);
        let fields = key.map_or_else(|| node.key.fields.clone(), |key| key.fields);
        text.push_str(&explain(plan, node, state, before.as_ref(), &fields));
    }
    if text.is_empty() {
        match &args.step {
            Some(label) => {
                return Err(CmdError::user(format!(
                    "image `{}` has no step `{label}`",
                    image.name
                ))
                .help(format!("`forgec show {}` names them", image.name)));
            }
            None => text = format!("{}: nothing would be rebuilt\n", image.name),
        }
    }
    ui.out(&text);
    Ok(Exit::Done)
}

/// The record of the step of this label when the image was last built.
fn earlier(last: &ImageState, node: &Node, store: &Store) -> Option<Record> {
    let step = last.steps.iter().find(|step| step.label == node.label)?;
    let keys = store.action_keys(&step.plan_key);
    let mut records = keys.iter().filter_map(|key| store.record(&step.kind, key));
    records.find(|record| record.output == step.output)
}

fn explain(
    plan: &Plan,
    node: &Node,
    state: &State,
    before: Option<&Record>,
    fields: &[KeyField],
) -> String {
    let place = node.origins.first().map(|origin| format!("  {origin}")).unwrap_or_default();
    let mut text = format!("{}{place}\n", node.label);
    // Writing to a String cannot fail.
    let _ = match (state, before) {
        (State::Hit(output), Some(record)) => writeln!(
            text,
            "  kept: {} is in the store, made in {:.1} s",
            output.short(),
            std::time::Duration::from_millis(record.duration_ms).as_secs_f64()
        ),
        (State::Hit(output), None) => writeln!(text, "  kept: {} is in the store", output.short()),
        (State::Unless(inputs), _) => {
            let labels: Vec<_> =
                inputs.iter().map(|id| format!("`{}`", plan.node(*id).label)).collect();
            writeln!(text, "  cascade: done again unless {} comes out the same", labels.join(", "))
        }
        (State::Unopened(secrets), _) => {
            let names: Vec<_> = secrets.iter().map(|one| format!("`{}`", one.name)).collect();
            writeln!(text, "  unknown until the secret is opened: {}", names.join(", "))
        }
        (State::Builds, None) => writeln!(text, "  root cause: never built with this store"),
        (State::Builds, Some(_)) => writeln!(text, "  root cause: what it is made of changed"),
    };
    let above = Graph::dependents(plan, node.id).len();
    if above > 0 && !state.is_hit() {
        let steps = if above == 1 { "step stands" } else { "steps stand" };
        let _ = writeln!(text, "  {above} {steps} on it");
    }
    if let (false, Some(record)) = (state.is_hit(), before) {
        let comparable = |fields: &[KeyField]| -> Vec<KeyField> {
            let inputs =
                |name: &str| name.starts_with("input: ") || name.starts_with("what is read of");
            fields.iter().filter(|field| !inputs(&field.name)).cloned().collect()
        };
        for change in field_changes(&comparable(&record.key.fields), &comparable(fields)) {
            text.push_str(&field_line(&change));
        }
    }
    text
}

fn field_line(change: &FieldChange) -> String {
    let FieldChange { name, old, new, origin } = change;
    let place = origin.as_ref().map(|origin| format!("  ({origin})")).unwrap_or_default();
    match (old, new) {
        (Some(old), Some(new)) => format!("    {name}: {old} -> {new}{place}\n"),
        (None, Some(new)) => format!("    {name}: new, {new}{place}\n"),
        (Some(old), None) => format!("    {name}: gone, was {old}{place}\n"),
        (None, None) => String::new(),
    }
}
