//! `forgec plan`: what the next build does, or what a change does against another revision.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use forge_exec::freshness::{State, closure, freshness};
use forge_exec::{StoreFacts, StoreLookup};
use forge_model::{Image, NodeId, Plan};
use forge_plan::{FieldChange, ImageChange, LayerChange, LayerChangeKind, PlanChanges};
use forge_report::{
    Basis, ChangeKind, FieldDiff, ImageDiff, LayerDiff, NamedChange, Outlook, PlanDiff,
};

use crate::ctx::{Compiled, Ctx, select, targets};
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Say what the next build does, or what a change does against another revision.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Images to look at; all of the project when none is named
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<String>,

    /// Compare with this revision of the project instead of with the store
    #[arg(long, value_name = "REV")]
    pub(crate) against: Option<String>,

    /// Exit with 10 when something would be rebuilt
    #[arg(long)]
    pub(crate) exit_code: bool,

    /// Write a report beside the text: markdown=FILE, json=FILE or terraform=FILE
    #[arg(long, value_name = "KIND=FILE")]
    pub(crate) report: Vec<String>,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let reports = reports(&args.report)?;
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let diff = match &args.against {
        Some(revision) => {
            let Some(old) = ctx.compile_revision(ui, revision)? else {
                return Err(CmdError::user(format!(
                    "revision `{revision}` has mistakes of its own"
                ))
                .help("compare with a revision that compiles"));
            };
            against(&old, &compiled.plan, revision, &args.images)?
        }
        None => next_build(ctx, &compiled, &args.images)?,
    };
    for (kind, file) in reports {
        let text = match kind {
            ReportKind::Markdown => forge_report::plan_markdown(&diff),
            ReportKind::Json => forge_report::plan_json(&diff),
            ReportKind::Terraform => forge_report::plan_terraform(&diff),
        };
        std::fs::write(&file, text).map_err(|error| {
            CmdError::environment(format!("`{}` cannot be written: {error}", file.display()))
        })?;
    }
    if ui.json() {
        ui.out(&forge_report::plan_json(&diff));
    } else {
        ui.out(&forge_report::plan_text(&diff));
    }
    let changes = args.exit_code && !diff.images.is_empty();
    Ok(if changes { Exit::Changes } else { Exit::Done })
}

#[derive(Clone, Copy)]
enum ReportKind {
    Markdown,
    Json,
    Terraform,
}

fn reports(wanted: &[String]) -> Result<Vec<(ReportKind, PathBuf)>, CmdError> {
    wanted
        .iter()
        .map(|text| {
            let (kind, file) = text.split_once('=').unwrap_or((text, ""));
            let kind = match kind {
                "markdown" => ReportKind::Markdown,
                "json" => ReportKind::Json,
                "terraform" => ReportKind::Terraform,
                _ => {
                    return Err(CmdError::usage(format!("`{text}` is no report"))
                        .help("write markdown=FILE, json=FILE or terraform=FILE"));
                }
            };
            if file.is_empty() {
                return Err(CmdError::usage(format!("report `{text}` names no file"))
                    .help(format!("write `{text}=FILE`")));
            }
            Ok((kind, PathBuf::from(file)))
        })
        .collect()
}

fn kind(kind: LayerChangeKind) -> ChangeKind {
    match kind {
        LayerChangeKind::Added => ChangeKind::Added,
        LayerChangeKind::Removed => ChangeKind::Removed,
        LayerChangeKind::Changed => ChangeKind::Changed,
        LayerChangeKind::Cascade => ChangeKind::Cascade,
    }
}

/// Two revisions, by their plan keys alone: no store, no privilege.
fn against(old: &Plan, new: &Plan, revision: &str, names: &[String]) -> Result<PlanDiff, CmdError> {
    for name in names {
        // An image that is gone can be asked for, too.
        if old.image(name).is_none() {
            select(new, std::slice::from_ref(name))?;
        }
    }
    let wanted = |name: &String| names.is_empty() || names.contains(name);
    let PlanChanges { mut images, mut unchanged } = forge_plan::diff(old, new);
    images.retain(|change| wanted(&change.image));
    unchanged.retain(wanted);
    let images = images.into_iter().map(image_diff).collect();
    Ok(PlanDiff { basis: Basis::Revision(revision.to_owned()), images, unchanged })
}

fn image_diff(change: ImageChange) -> ImageDiff {
    let named = |list: Vec<(String, LayerChangeKind)>| {
        list.into_iter().map(|(name, change)| NamedChange { name, change: kind(change) }).collect()
    };
    ImageDiff {
        image: change.image,
        change: kind(change.kind),
        layers: change.layers.into_iter().map(layer_diff).collect(),
        controls: named(change.controls),
        controls_judged_again: change.controls_judged_again,
        secrets: named(change.secrets),
    }
}

fn layer_diff(change: LayerChange) -> LayerDiff {
    let LayerChange { label, action, kind: changed, fields, origin } = change;
    let fields = fields
        .into_iter()
        .map(|FieldChange { name, old, new, origin }| FieldDiff { name, old, new, origin })
        .collect();
    let (action, change) = (action.to_owned(), kind(changed));
    LayerDiff { label, action, change, fields, origin, outlook: Outlook::Keys }
}

/// The store, asked as the build will ask it.
fn next_build(ctx: &Ctx, compiled: &Compiled, names: &[String]) -> Result<PlanDiff, CmdError> {
    let plan = &compiled.plan;
    let store = Arc::new(ctx.store_to_read()?);
    let context = super::build::reading_context(&store, compiled)?;
    let facts = StoreFacts::new(store.clone());
    let lookup = StoreLookup::new(&context, &facts);
    let images = select(plan, names)?;
    let wanted = closure(plan, images.iter().flat_map(|image| targets(image)));
    let states = freshness(plan, &wanted, &lookup, &facts);
    let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
    for image in images {
        match image_outlook(plan, image, &states, &store) {
            Some(diff) => changed.push(diff),
            None => unchanged.push(image.name.clone()),
        }
    }
    Ok(PlanDiff { basis: Basis::Store, images: changed, unchanged })
}

fn image_outlook(
    plan: &Plan,
    image: &Image,
    states: &BTreeMap<NodeId, State>,
    store: &forge_store::Store,
) -> Option<ImageDiff> {
    let ids = closure(plan, targets(image));
    let mut layers = Vec::new();
    let (mut secrets, mut judged_again) = (Vec::new(), 0);
    let built = crate::state::ImageState::read(store, &image.name).is_some();
    for id in ids {
        let node = plan.node(id);
        let (change, outlook) = match states.get(&id)? {
            State::Hit(_) => continue,
            State::Builds if built => (ChangeKind::Changed, Outlook::Builds),
            State::Builds => (ChangeKind::Added, Outlook::Builds),
            State::Unless(inputs) => {
                let labels: Vec<_> = inputs.iter().map(|id| plan.node(*id).label.clone()).collect();
                (ChangeKind::Cascade, Outlook::Unless(labels.join(", ")))
            }
            State::Unopened(unopened) => {
                let change = ChangeKind::Changed;
                secrets.extend(
                    unopened.iter().map(|one| NamedChange { name: one.name.clone(), change }),
                );
                (change, Outlook::Unknown("a secret was never opened here".to_owned()))
            }
        };
        if let forge_model::Action::Verify(verify) = &node.action {
            judged_again += verify.written().count();
        }
        layers.push(LayerDiff {
            label: node.label.clone(),
            action: node.action.kind().to_owned(),
            change,
            fields: Vec::new(),
            origin: node.origins.first().cloned(),
            outlook,
        });
    }
    if layers.is_empty() {
        return None;
    }
    Some(ImageDiff {
        image: image.name.clone(),
        change: if built { ChangeKind::Changed } else { ChangeKind::Added },
        layers,
        controls: Vec::new(),
        controls_judged_again: judged_again,
        secrets,
    })
}
