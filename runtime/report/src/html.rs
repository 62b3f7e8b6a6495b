//! Control results as one HTML page, which needs nothing else: no file beside it, no network.
//!
//! The page is a template of `MiniJinja`, which escapes whatever is put in. Filtering is done by its
//! style sheet; its few lines of script only search.

use std::collections::BTreeMap;

use forge_model::{CheckResult, Status, Verdict};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::exec_json::rfc3339;
use crate::text::count;
use crate::verdicts::{ImageVerdicts, parts_of, settled, tally, telling, weight};

/// What a page says of a control beside its verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlText {
    /// More than its title.
    pub desc: String,
    /// Tags, `nist: CM-6`.
    pub tags: Vec<String>,
    /// Its own text.
    pub code: String,
}

/// Texts of controls, by profile and id.
pub type ControlTexts = BTreeMap<(String, String), ControlText>;

/// A page that could not be written: a mistake in its template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HtmlError(String);

impl std::fmt::Display for HtmlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the HTML report could not be written: {}", self.0)
    }
}

impl std::error::Error for HtmlError {}

const TEMPLATE: &str = include_str!("controls.html");

/// How the controls of images came out, as a page. `notes` are sentences about all of them; `began` is
/// when they were judged, in seconds since 1970.
pub fn html(
    images: &[ImageVerdicts<'_>],
    texts: &ControlTexts,
    notes: &[String],
    began: u64,
) -> Result<String, HtmlError> {
    let failed = |error: minijinja::Error| HtmlError(format!("{error:#}"));
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("controls.html", TEMPLATE).map_err(failed)?;
    let template = environment.get_template("controls.html").map_err(failed)?;
    let page = Page { notes, ..page(images, texts, began) };
    template.render(Serde(&page)).map_err(failed)
}

#[derive(Serialize)]
struct Page<'a> {
    title: String,
    headline: String,
    said: String,
    notes: &'a [String],
    total: usize,
    summary: Vec<Part>,
    counts: Vec<Part>,
    counts_text: String,
    systems: Vec<System<'a>>,
    version: &'static str,
}

/// A number of controls.
#[derive(Clone, Serialize)]
struct Part {
    class: &'static str,
    word: &'static str,
    number: usize,
}

#[derive(Serialize)]
struct System<'a> {
    name: &'a str,
    summary: Vec<Part>,
    counts: Vec<Part>,
    counts_text: String,
    profiles: Vec<Profile<'a>>,
}

#[derive(Serialize)]
struct Profile<'a> {
    name: &'a str,
    controls: Vec<Control<'a>>,
}

#[derive(Serialize)]
struct Control<'a> {
    class: &'static str,
    word: &'static str,
    open: bool,
    id: &'a str,
    title: &'a str,
    impact: String,
    harmless: bool,
    level: &'static str,
    waiver: Option<String>,
    waiver_place: Option<String>,
    expired: bool,
    desc: &'a str,
    tags: &'a [String],
    code: &'a str,
    place: String,
    results: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    class: &'static str,
    word: &'static str,
    text: &'a str,
    message: Option<&'a str>,
    evidence: Option<&'a str>,
    layer: Option<&'a str>,
    spec: Option<String>,
    vacuous: bool,
    place: String,
}

fn page<'a>(images: &[ImageVerdicts<'a>], texts: &'a ControlTexts, began: u64) -> Page<'a> {
    let systems: Vec<_> = images.iter().map(|image| system(*image, texts)).collect();
    let mut counts: Vec<Part> = Vec::new();
    for part in systems.iter().flat_map(|system| &system.counts) {
        match counts.iter_mut().find(|known| known.word == part.word) {
            Some(known) => known.number += part.number,
            None => counts.push(part.clone()),
        }
    }
    let total = counts.iter().map(|part| part.number).sum();
    let names = match systems.as_slice() {
        [one] => one.name.to_owned(),
        several => count(several.len(), "image"),
    };
    let bad: usize = counts.iter().filter(|part| is_bad(part.class)).map(|part| part.number).sum();
    let headline = match (total, bad) {
        (0, _) => format!("{names}: no control"),
        (_, 0) => format!("{names}: no control fails"),
        (_, 1) => format!("{names}: 1 control fails or could not be judged"),
        (_, bad) => format!("{names}: {bad} controls fail or could not be judged"),
    };
    Page {
        title: names,
        headline,
        said: format!("{}, judged {}", count(total, "control"), rfc3339(began)),
        notes: &[],
        total,
        summary: classes(&counts),
        counts_text: said(&counts),
        counts,
        systems,
        version: env!("CARGO_PKG_VERSION"),
    }
}

fn is_bad(class: &str) -> bool {
    matches!(class, "failed" | "error")
}

fn system<'a>(image: ImageVerdicts<'a>, texts: &'a ControlTexts) -> System<'a> {
    let ImageVerdicts { image: name, verdicts } = image;
    let counts: Vec<_> = parts_of(tally(verdicts))
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, word, status)| Part { class: class(status), word, number })
        .collect();
    let mut profiles: Vec<Profile<'_>> = Vec::new();
    for verdict in settled(verdicts) {
        let control = control(verdicts, verdict, texts);
        match profiles.iter_mut().find(|profile| profile.name == verdict.profile) {
            Some(profile) => profile.controls.push(control),
            None => profiles.push(Profile { name: &verdict.profile, controls: vec![control] }),
        }
    }
    for profile in &mut profiles {
        // What somebody has to do stands first; else the order of the profile.
        profile.controls.sort_by_key(|control| !control.open);
    }
    System { name, summary: classes(&counts), counts_text: said(&counts), counts, profiles }
}

/// What the page filters by: statuses, those that ask nobody for anything as one.
fn classes(counts: &[Part]) -> Vec<Part> {
    let words = [
        ("failed", "failed"),
        ("error", "could not be judged"),
        ("waived", "waived"),
        ("left", "left"),
        ("passed", "passed"),
    ];
    let parts = words.into_iter().map(|(class, word)| {
        let number = counts.iter().filter(|part| part.class == class).map(|part| part.number);
        Part { class, word, number: number.sum() }
    });
    parts.filter(|part| part.number > 0).collect()
}

fn said(counts: &[Part]) -> String {
    let parts = counts.iter().map(|part| format!("{} {}", part.number, part.word));
    parts.collect::<Vec<_>>().join(", ")
}

fn class(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::Error => "error",
        Status::Waived => "waived",
        Status::Skipped
        | Status::NotKnownHere
        | Status::NotReviewed
        | Status::NotApplicable
        | Status::Empty => "left",
    }
}

fn control<'a>(
    verdicts: &'a [Verdict],
    verdict: &'a Verdict,
    texts: &'a ControlTexts,
) -> Control<'a> {
    static NONE: ControlText =
        ControlText { desc: String::new(), tags: Vec::new(), code: String::new() };
    let text = texts.get(&(verdict.profile.clone(), verdict.control.clone())).unwrap_or(&NONE);
    let waiver = verdict.waiver.as_ref();
    let mut results: Vec<_> = telling(verdicts, verdict).collect();
    results.sort_by_key(|result| std::cmp::Reverse(weight(result.status)));
    Control {
        class: class(verdict.status),
        word: if verdict.vacuous() { "passed (vacuous)" } else { verdict.status.name() },
        open: is_bad(class(verdict.status)),
        id: &verdict.control,
        title: &verdict.title,
        impact: verdict.impact.to_string(),
        harmless: is_bad(class(verdict.status)) && !verdict.blocks(),
        level: verdict.level.name(),
        waiver: waiver.map(|waiver| waiver.text()),
        waiver_place: waiver.map(|waiver| waiver.origin.to_string()),
        expired: waiver.is_some_and(|waiver| waiver.expired),
        desc: &text.desc,
        tags: &text.tags,
        code: &text.code,
        place: verdict.origin.to_string(),
        results: results.into_iter().map(row).collect(),
    }
}

fn row(result: &CheckResult) -> Row<'_> {
    let made = result.provenance.as_ref();
    Row {
        class: class(result.status),
        word: result.status.name(),
        text: result.text.trim(),
        message: result.message.as_deref().map(str::trim).filter(|message| !message.is_empty()),
        evidence: result.evidence.as_deref(),
        layer: made.map(|made| made.layer.as_str()),
        spec: made.and_then(|made| Some(made.origin.as_ref()?.to_string())),
        vacuous: result.vacuous,
        place: result.origin.to_string(),
    }
}
