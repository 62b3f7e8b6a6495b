//! A plan for programs.

use forge_model::Origin;
use serde::Serialize;

use crate::plan::{Basis, ChangeKind, FieldDiff, LayerDiff, NamedChange, Outlook, PlanDiff};

/// Version of the JSON form.
pub const PLAN_JSON_VERSION: u32 = 1;

#[derive(Serialize)]
struct Plan<'a> {
    version: u32,
    /// The revision; absent when compared with the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<&'a str>,
    images: Vec<Image<'a>>,
    unchanged: &'a [String],
}

#[derive(Serialize)]
struct Image<'a> {
    #[serde(rename = "image")]
    name: &'a str,
    change: ChangeKind,
    steps: Vec<Step<'a>>,
    controls: &'a [NamedChange],
    controls_judged_again: usize,
    secrets: &'a [NamedChange],
}

#[derive(Serialize)]
struct Step<'a> {
    #[serde(rename = "step")]
    label: &'a str,
    action: &'a str,
    change: ChangeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    outlook: Option<&'static str>,
    /// The step that decides, or the reason why nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
    origin: Option<&'a Origin>,
    fields: &'a [FieldDiff],
}

/// A plan's changes as JSON, values in full, in the version [`PLAN_JSON_VERSION`].
pub fn plan_json(diff: &PlanDiff) -> String {
    let against = match &diff.basis {
        Basis::Revision(revision) => Some(revision.as_str()),
        Basis::Store => None,
    };
    let images = diff.images.iter().map(|image| Image {
        name: &image.image,
        change: image.change,
        steps: image.layers.iter().map(step).collect(),
        controls: &image.controls,
        controls_judged_again: image.controls_judged_again,
        secrets: &image.secrets,
    });
    pretty(&Plan {
        version: PLAN_JSON_VERSION,
        against,
        images: images.collect(),
        unchanged: &diff.unchanged,
    })
}

fn step(layer: &LayerDiff) -> Step<'_> {
    let (outlook, because) = match &layer.outlook {
        Outlook::Keys => (None, None),
        Outlook::Cached => (Some("cached"), None),
        Outlook::Builds => (Some("builds"), None),
        Outlook::Unless(step) => (Some("unless"), Some(step.as_str())),
        Outlook::Unknown(why) => (Some("unknown"), Some(why.as_str())),
    };
    Step {
        label: &layer.label,
        action: &layer.action,
        change: layer.change,
        outlook,
        because,
        origin: layer.origin.as_ref(),
        fields: &layer.fields,
    }
}

#[derive(Serialize)]
struct Terraform {
    create: usize,
    update: usize,
    delete: usize,
}

/// Largest number that GitLab reads (six digits).
const MOST: usize = 999_999;

/// GitLab's `terraform` report, which shows as "N to add, N to change, N to delete": the images
/// that are new, changed and gone.
pub fn plan_terraform(diff: &PlanDiff) -> String {
    let count = |changes: &[ChangeKind]| {
        diff.images.iter().filter(|image| changes.contains(&image.change)).count().min(MOST)
    };
    pretty(&Terraform {
        create: count(&[ChangeKind::Added]),
        update: count(&[ChangeKind::Changed, ChangeKind::Cascade]),
        delete: count(&[ChangeKind::Removed]),
    })
}

/// Plain data with string keys always has a JSON form.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
