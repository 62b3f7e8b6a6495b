//! A plan for programs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::{Basis, ChangeKind, ImageDiff, PlanDiff};
use crate::shape::{Named, Step, pretty};

/// Version of the JSON form.
pub const PLAN_JSON_VERSION: u32 = 1;

/// What the next build does, or what a change does: `forgec plan --format json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Plan<'a> {
    /// Version of this form: it rises when a field goes or changes its meaning.
    version: u32,
    /// The revision that the project is compared with; absent when it is the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<&'a str>,
    /// Images that change, are new or are gone, by name.
    images: Vec<Image<'a>>,
    /// Names of the images that stay as they are.
    unchanged: &'a [String],
    /// The work that this means at most, each step counted once.
    work: Work,
}

/// One image that changes.
#[derive(Debug, Serialize, JsonSchema)]
struct Image<'a> {
    /// Its name.
    #[serde(rename = "image")]
    name: &'a str,
    /// New, gone or changed; never a cascade.
    change: ChangeKind,
    /// Its steps that change, from the bottom up.
    steps: Vec<Step<'a>>,
    /// Controls that are new, gone, or demand other things.
    controls: Vec<Named<'a>>,
    /// Number of controls that are judged again because the tree changes.
    controls_judged_again: usize,
    /// Names of the profiles of `InSpec` among them.
    profiles_judged_again: &'a [String],
    /// Secrets whose ciphertext, version or delivery changes; never a value.
    secrets: Vec<Named<'a>>,
}

/// Steps that are to be done, with what earlier builds tell of them.
#[derive(Debug, Serialize, JsonSchema)]
struct Work {
    /// Number of steps.
    steps: usize,
    /// Number of those that no earlier build tells of.
    unknown: usize,
    /// How long the others took, one after the other.
    seconds: f64,
    /// Bytes of what the others gave.
    bytes: u64,
}

/// A plan's changes as JSON, values in full, in the version [`PLAN_JSON_VERSION`].
pub fn plan_json(diff: &PlanDiff) -> String {
    let against = match &diff.basis {
        Basis::Revision(revision) => Some(revision.as_str()),
        Basis::Store => None,
    };
    let crate::plan::Work { steps, unknown, took, bytes } = diff.work;
    pretty(&Plan {
        version: PLAN_JSON_VERSION,
        against,
        images: diff.images.iter().map(image).collect(),
        unchanged: &diff.unchanged,
        work: Work { steps, unknown, seconds: took.as_secs_f64(), bytes },
    })
}

fn image(image: &ImageDiff) -> Image<'_> {
    Image {
        name: &image.image,
        change: image.change,
        steps: image.layers.iter().map(Step::from).collect(),
        controls: image.controls.iter().map(Named::from).collect(),
        controls_judged_again: image.controls_judged_again,
        profiles_judged_again: &image.profiles_judged_again,
        secrets: image.secrets.iter().map(Named::from).collect(),
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
