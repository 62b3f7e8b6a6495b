//! `forgec show`: what an image consists of, step by step, or what its spec resolves to.

pub(crate) mod resolved;

use std::fmt::Write as _;

use forge_model::{Action, Control, Image, InspecProfile, Node, Plan};
use forge_syntax::closest;

use crate::ctx::{Ctx, image};
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Show the steps of an image, from the bottom up, with what enters their keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// Only this step, by its label, or the steps of this role
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<String>,

    /// What the spec resolves to instead: every value, who gave it and where, and every item
    #[arg(long, conflicts_with = "step")]
    pub(crate) resolved: bool,

    /// Instead of the steps, what the image's items need and only the built image can tell of
    #[arg(long, conflicts_with_all = ["step", "resolved"])]
    pub(crate) requires: bool,
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
    if args.requires {
        requires(ui, plan, image);
        return Ok(Exit::Done);
    }
    let mut steps = steps(plan, image);
    if let Some(label) = &args.step {
        let known: Vec<&str> = steps.iter().map(|node| node.label.as_str()).collect();
        let near = closest(label, known.iter().copied()).map(str::to_owned);
        let of_role = format!("{label}/");
        steps.retain(|node| node.label == *label || node.label.starts_with(&of_role));
        if steps.is_empty() {
            let help = near.map_or_else(
                || format!("`forgec show {}` names them", image.name),
                |near| format!("did you mean `{near}`?"),
            );
            let headline = format!("image `{}` has no step or role `{label}`", image.name);
            return Err(CmdError::user(headline).help(help));
        }
    }
    if ui.json() {
        let steps: Vec<_> = steps.iter().map(|node| with_key(plan, node)).collect();
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
            node.key.short(),
            node.label,
            node.action.kind()
        );
        if let Action::Verify(verify) = &node.action {
            for profile in &verify.inspec {
                let _ = writeln!(text, "      {}", inspec_line(profile));
            }
        }
        if args.step.is_some() || ui.verbose() {
            for field in &plan.key(node.id).fields {
                let place = field.origin.as_ref().map(|at| format!("  {at}")).unwrap_or_default();
                let _ = writeln!(text, "      {}: {}{place}", field.name, field.value);
            }
        }
    }
    ui.out(&text);
    Ok(Exit::Done)
}

/// `profile linux-baseline, InSpec in vendor/linux-baseline: 57 controls`.
pub(crate) fn inspec_line(profile: &InspecProfile) -> String {
    let InspecProfile { name, directory, .. } = profile;
    let more = if profile.makes_ids { " and more" } else { "" };
    let controls = match profile.controls.len() {
        1 => "1 control".to_owned(),
        many => format!("{many} controls"),
    };
    format!("profile {name}, InSpec in {directory}: {controls}{more}  {}", profile.origin)
}

/// A step with the fields of its key.
fn with_key(plan: &Plan, node: &Node) -> serde_json::Value {
    let mut value = serde_json::json!(node);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("key".to_owned(), serde_json::json!(plan.key(node.id)));
    }
    value
}

/// All steps of an image, inputs first.
fn steps<'a>(plan: &'a Plan, image: &Image) -> Vec<&'a Node> {
    let ids = forge_exec::freshness::closure(plan, crate::ctx::targets(image));
    ids.into_iter().map(|id| plan.node(id)).collect()
}

/// What is assumed of packages and scripts, and looked at in the built image before it is packed.
fn requires(ui: &Ui, plan: &Plan, image: &Image) {
    let controls = image.verdicts.iter().filter_map(|id| match &plan.node(*id).action {
        Action::Verify(verify) => Some(verify.needs()),
        _ => None,
    });
    let open: Vec<_> = controls.flatten().collect();
    let layer = |control: &Control| control.tags.get("layer").cloned().unwrap_or_default();
    if ui.json() {
        let open = open.iter().map(|control| {
            serde_json::json!({
                "need": control.title,
                "layer": layer(control),
                "place": control.origin.to_string(),
            })
        });
        let open: Vec<_> = open.collect();
        let value = serde_json::json!({ "version": 1, "image": image.name, "assumed": open });
        ui.out(&format!("{value:#}"));
        return;
    }
    let longest = |text: &dyn Fn(&Control) -> usize| open.iter().map(|one| text(one)).max();
    let title = longest(&|control| control.title.chars().count()).unwrap_or(0);
    let step = longest(&|control| layer(control).len()).unwrap_or(0);
    let mut text = String::new();
    for control in &open {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:title$}  {:step$}  {}",
            control.title,
            layer(control),
            control.origin
        );
    }
    ui.note(&match open.len() {
        0 => format!("{}: the spec makes all that its items need", image.name),
        1 => format!("{}: 1 need that a package or script must meet", image.name),
        many => format!("{}: {many} needs that packages or scripts must meet", image.name),
    });
    ui.out(&text);
}
