//! `forgec plan`: what the next build does, or what a change does against another revision.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use forge_exec::freshness::{State, closure};
use forge_model::{Action, Image, Node, NodeId, Plan, on_all_processors};
use forge_plan::{FieldChange, ImageChange, LayerChange, LayerChangeKind, PlanChanges};
use forge_report::{
    Basis, ChangeKind, FieldDiff, ImageDiff, Last, LayerDiff, NamedChange, Outlook, PlanDiff, Work,
};
use forge_store::Store;

use crate::contents::{lines, text};
use crate::ctx::{Compiled, Ctx, select, targets};
use crate::exit::{CmdError, Exit};
use crate::history::{History, Preview, field_diff, follow};
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
                return Err(crate::ctx::broken_revision(revision));
            };
            // Keys need no store; one that is there tells how long things took.
            let store = ctx.store_to_read().ok();
            against(&old, &compiled, revision, &args.images, store.as_ref())?
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
    // The process ends here: taking a large plan apart is work for nothing. The sources are dropped,
    // which keeps what they learnt for the next run.
    std::mem::forget((compiled.plan, diff));
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

/// Two revisions, by their plan keys alone: no store needed, no privilege.
fn against(
    before: &Compiled,
    after: &Compiled,
    revision: &str,
    names: &[String],
    store: Option<&Store>,
) -> Result<PlanDiff, CmdError> {
    let (old, new) = (&before.plan, &after.plan);
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
    let mut work = Counted::default();
    let field = |change: FieldChange| {
        let lines = change.contents.as_ref().and_then(|(was, is)| {
            let texts = (text(was, &*before.sources)?, text(is, &*after.sources)?);
            lines(&texts.0, &texts.1)
        });
        FieldDiff { lines, ..field_diff(change) }
    };
    let images = images.into_iter().map(|change| image_diff(new, change, store, &mut work, &field));
    let images = images.collect();
    let basis = Basis::Revision(revision.to_owned());
    Ok(PlanDiff { basis, images, unchanged, work: work.total })
}

fn image_diff(
    plan: &Plan,
    change: ImageChange,
    store: Option<&Store>,
    work: &mut Counted,
    field: &dyn Fn(FieldChange) -> FieldDiff,
) -> ImageDiff {
    let named = |list: Vec<(String, LayerChangeKind)>| {
        list.into_iter().map(|(name, change)| NamedChange { name, change: kind(change) }).collect()
    };
    let history = store.map(|store| History::of(store, &change.image));
    let nodes: BTreeMap<&str, &Node> = plan
        .image(&change.image)
        .map(|image| closure(plan, targets(image)))
        .into_iter()
        .flatten()
        .map(|id| (plan.node(id).label.as_str(), plan.node(id)))
        .collect();
    let (mut layers, mut gone) = (BTreeMap::new(), Vec::new());
    for layer in change.layers {
        let node = nodes.get(layer.label.as_str()).copied();
        let mut layer = layer_diff(layer, field);
        match node {
            Some(node) if layer.change != ChangeKind::Removed => {
                layer.last = history.as_ref().and_then(|history| history.last(node));
                work.add(node.id, layer.last);
                layers.insert(node.id, layer);
            }
            _ => gone.push(layer),
        }
    }
    follow(plan, &mut layers);
    ImageDiff {
        image: change.image,
        change: kind(change.kind),
        layers: layers.into_values().chain(gone).collect(),
        controls: named(change.controls),
        controls_judged_again: change.controls_judged_again,
        profiles_judged_again: change.profiles_judged_again,
        secrets: named(change.secrets),
    }
}

fn layer_diff(change: LayerChange, field: &dyn Fn(FieldChange) -> FieldDiff) -> LayerDiff {
    let LayerChange { label, action, kind: changed, fields, origin } = change;
    LayerDiff {
        label,
        action: action.to_owned(),
        change: kind(changed),
        fields: fields.into_iter().map(field).collect(),
        origin,
        outlook: Outlook::Keys,
        follows: Vec::new(),
        last: None,
    }
}

/// Work, each step counted once however many images share it.
#[derive(Default)]
struct Counted {
    seen: BTreeSet<NodeId>,
    total: Work,
}

impl Counted {
    fn add(&mut self, id: NodeId, last: Option<Last>) {
        if self.seen.insert(id) {
            self.total.add(last);
        }
    }
}

/// The store, asked as the build will ask it.
fn next_build(ctx: &Ctx, compiled: &Compiled, names: &[String]) -> Result<PlanDiff, CmdError> {
    let store = Arc::new(ctx.store_to_read()?);
    store.list_plan_keys();
    let images = select(&compiled.plan, names)?;
    let preview = Preview::of(&store, compiled, images.iter().flat_map(|image| targets(image)))?;
    let outlooks = on_all_processors(&images, |image| {
        let history = History::of(&store, &image.name);
        image_outlook(&compiled.plan, image, &preview, &history)
    });
    let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
    let mut work = Counted::default();
    for (image, outlook) in images.into_iter().zip(outlooks) {
        let Some((diff, steps)) = outlook else {
            unchanged.push(image.name.clone());
            continue;
        };
        for (id, last) in steps {
            work.add(id, last);
        }
        changed.push(diff);
    }
    Ok(PlanDiff { basis: Basis::Store, images: changed, unchanged, work: work.total })
}

/// How long each step took when it was last done.
type Steps = Vec<(NodeId, Option<Last>)>;

/// What a build does with an image, and how long each of its steps took; none when it does nothing.
fn image_outlook(
    plan: &Plan,
    image: &Image,
    preview: &Preview<'_>,
    history: &History<'_>,
) -> Option<(ImageDiff, Steps)> {
    let ids = closure(plan, targets(image));
    let (mut layers, mut secrets) = (BTreeMap::new(), BTreeSet::new());
    let (mut controls, mut judged_again, mut steps) = (Vec::new(), 0, Vec::new());
    let mut profiles = Vec::new();
    for id in &ids {
        let Some(layer) = preview.step(history, *id) else { continue };
        steps.push((*id, layer.last));
        let node = plan.node(*id);
        if let Some(State::Unopened(unopened)) = preview.states.get(id) {
            secrets.extend(unopened.iter().map(|secret| secret.name.clone()));
        }
        if let Action::Verify(verify) = &node.action {
            judged_again += verify.ids().count();
            profiles.extend(verify.inspec.iter().map(|profile| profile.name.clone()));
            controls.extend(named_controls(&layer.fields));
        }
        layers.insert(*id, layer);
    }
    if layers.is_empty() {
        return None;
    }
    follow(plan, &mut layers);
    controls.sort_unstable();
    controls.dedup();
    let change = ChangeKind::Changed;
    let labels: BTreeSet<_> = ids.iter().map(|id| plan.node(*id).label.as_str()).collect();
    let gone = history.steps().filter(|(label, _)| !labels.contains(label)).map(gone_step);
    let diff = ImageDiff {
        image: image.name.clone(),
        change: if history.was_built() { change } else { ChangeKind::Added },
        layers: layers.into_values().chain(gone).collect(),
        controls,
        controls_judged_again: judged_again,
        profiles_judged_again: profiles,
        secrets: secrets.into_iter().map(|name| NamedChange { name, change }).collect(),
    };
    Some((diff, steps))
}

/// The controls that changed fields of a verdict's key are about: `control PROFILE/ID`, or
/// `control PROFILE/ID, PART`.
fn named_controls(fields: &[FieldDiff]) -> Vec<NamedChange> {
    let mut found: BTreeMap<&str, Vec<&FieldDiff>> = BTreeMap::new();
    for field in fields {
        let Some(rest) = field.name.strip_prefix("control ") else { continue };
        let Some((_, rest)) = rest.split_once('/') else { continue };
        let id = rest.split_once(", ").map_or(rest, |(id, _)| id);
        found.entry(id).or_default().push(field);
    }
    let change = |fields: &[&FieldDiff]| match fields {
        _ if fields.iter().all(|field| field.old.is_none()) => ChangeKind::Added,
        _ if fields.iter().all(|field| field.new.is_none()) => ChangeKind::Removed,
        _ => ChangeKind::Changed,
    };
    let named = found
        .iter()
        .map(|(id, about)| NamedChange { name: (*id).to_owned(), change: change(about) });
    named.collect()
}

/// A step that the image had when it was last built.
fn gone_step((label, action): (&str, &str)) -> LayerDiff {
    LayerDiff {
        label: label.to_owned(),
        action: action.to_owned(),
        change: ChangeKind::Removed,
        fields: Vec::new(),
        origin: None,
        outlook: Outlook::Keys,
        follows: Vec::new(),
        last: None,
    }
}
