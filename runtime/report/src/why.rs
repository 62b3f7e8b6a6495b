//! Why steps would be done again, for people and for programs.

use std::fmt::Write as _;

use forge_model::{Digest, Took};
use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::{ChangeKind, FieldDiff, LayerDiff, Outlook};
use crate::shape::{Step, pretty};
use crate::text::{lines_below, values};

/// What was asked about one image.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyReport {
    /// The image.
    pub image: String,
    /// The steps that were asked for, inputs first.
    pub steps: Vec<WhyStep>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyStep {
    /// The step: [`Outlook::Cached`] when it is kept.
    pub step: LayerDiff,
    /// Its result, when the store has it.
    pub output: Option<Digest>,
    /// Number of steps that stand on it.
    pub above: usize,
}

/// The answer, for people.
pub fn why_text(report: &WhyReport) -> String {
    if report.steps.is_empty() {
        return format!("{}: nothing would be rebuilt\n", report.image);
    }
    report.steps.iter().map(told).collect()
}

fn told(WhyStep { step, output, above }: &WhyStep) -> String {
    let place = step.origin.as_ref().map(|origin| format!("  {origin}")).unwrap_or_default();
    let mut text = format!("{}{place}\n", step.label);
    let unless =
        |labels: &[String]| format!("done again unless {} comes out the same", quoted(labels));
    let said = match (&step.outlook, step.change) {
        (Outlook::Cached, _) => {
            let output = output.as_ref().map(Digest::short).unwrap_or_default();
            let made = step.last.map(|last| format!(", made in {}", Took(last.took)));
            format!("kept: {output} is in the store{}", made.unwrap_or_default())
        }
        (Outlook::Unknown(why), _) => format!("unknown: {why}"),
        (Outlook::Lost, _) => "root cause: the store has lost its result".to_owned(),
        (Outlook::Unless(labels), ChangeKind::Cascade) => format!("cascade: {}", unless(labels)),
        (_, ChangeKind::Cascade) => {
            format!("cascade: it follows from {}", quoted(&step.follows))
        }
        (Outlook::Unless(labels), ChangeKind::Changed) if step.fields.is_empty() => unless(labels),
        (Outlook::Unless(labels), ChangeKind::Changed) => {
            format!("root cause: what it is made of changed; {}", unless(labels))
        }
        (_, ChangeKind::Changed) => "root cause: what it is made of changed".to_owned(),
        (_, ChangeKind::Added | ChangeKind::Removed) => {
            "root cause: never built with this store".to_owned()
        }
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {said}");
    if *above > 0 && step.outlook != Outlook::Cached {
        let steps = if *above == 1 { "step stands" } else { "steps stand" };
        let _ = writeln!(text, "  {above} {steps} on it");
    }
    for field in &step.fields {
        text.push_str(&field_line(field));
    }
    text
}

fn quoted(labels: &[String]) -> String {
    labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
}

fn field_line(field: &FieldDiff) -> String {
    let name = &field.name;
    let place = field.origin.as_ref().map(|origin| format!("  ({origin})")).unwrap_or_default();
    if let Some(lines) = &field.lines {
        return format!("    {name}{place}\n{}", lines_below(lines));
    }
    match values(field) {
        (Some(old), Some(new)) => format!("    {name}: {old} -> {new}{place}\n"),
        (None, Some(new)) => format!("    {name}: new, {new}{place}\n"),
        (Some(old), None) => format!("    {name}: gone, was {old}{place}\n"),
        (None, None) => String::new(),
    }
}

/// Why steps of an image would be done again: `forgec why --format json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Why<'a> {
    /// Version of this form: it rises when a field goes or changes its meaning.
    version: u32,
    /// The image.
    image: &'a str,
    /// The steps that were asked for, inputs first: the one named, else all that would be done.
    steps: Vec<Told<'a>>,
}

/// One step.
#[derive(Debug, Serialize, JsonSchema)]
struct Told<'a> {
    #[serde(flatten)]
    step: Step<'a>,
    /// The digest of its result; null when the store has none.
    output: Option<String>,
    /// Number of steps that stand on it.
    above: usize,
}

/// The answer as JSON.
pub fn why_json(report: &WhyReport) -> String {
    let steps = report.steps.iter().map(|WhyStep { step, output, above }| Told {
        step: Step::from(step),
        output: output.map(|output| output.to_hex()),
        above: *above,
    });
    pretty(&Why { version: 1, image: &report.image, steps: steps.collect() })
}
