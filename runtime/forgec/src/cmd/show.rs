//! `forgec show`: what an image consists of, step by step, or what its spec resolves to.

mod resolved;

use std::fmt::Write as _;

use forge_model::{Image, Node, Plan};

use crate::ctx::{Ctx, image};
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Show the steps of an image, from the bottom up, with what enters their keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// Only this step, by its label
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<String>,

    /// What the spec resolves to instead: every value, who gave it and where, and every item
    #[arg(long, conflicts_with = "step")]
    pub(crate) resolved: bool,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let plan = &compiled.plan;
    let image = image(plan, &args.image)?;
    if args.resolved {
        let spec = forge_spec::compile(compiled.sources.as_ref()).spec;
        let found = spec.iter().flat_map(|spec| &spec.images).find(|one| one.name == image.name);
        let found = found.ok_or_else(|| CmdError::bug("a plan of an image without a spec"))?;
        ui.out(&if ui.json() {
            format!("{:#}", resolved::json(found))
        } else {
            resolved::text(found)
        });
        return Ok(Exit::Done);
    }
    let mut steps = steps(plan, image);
    if let Some(label) = &args.step {
        steps.retain(|node| node.label == *label);
        if steps.is_empty() {
            return Err(CmdError::user(format!("image `{}` has no step `{label}`", image.name))
                .help(format!("`forgec show {}` names them", image.name)));
        }
    }
    if ui.json() {
        let value = serde_json::json!({ "version": 1, "image": image, "steps": steps });
        ui.out(&format!("{value:#}"));
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} ({}, cluster {}, type {}) {}",
        image.name, image.arch, image.cluster, image.image_type, image.origin
    );
    for node in &steps {
        let shared = if node.images.len() > 1 { ", shared" } else { "" };
        let _ = writeln!(
            text,
            "  {}  {} ({}{shared})",
            node.key.digest.short(),
            node.label,
            node.action.kind()
        );
        if args.step.is_some() || ui.verbose() {
            for field in &node.key.fields {
                let place = field.origin.as_ref().map(|at| format!("  {at}")).unwrap_or_default();
                let _ = writeln!(text, "      {}: {}{place}", field.name, field.value);
            }
        }
    }
    ui.out(&text);
    Ok(Exit::Done)
}

/// All steps of an image, inputs first.
fn steps<'a>(plan: &'a Plan, image: &Image) -> Vec<&'a Node> {
    let ids = forge_exec::freshness::closure(plan, crate::ctx::targets(image));
    ids.into_iter().map(|id| plan.node(id)).collect()
}
