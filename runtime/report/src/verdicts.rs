//! How controls came out, for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use forge_model::{CheckResult, Status, Verdict};

use crate::text::count;

/// The verdicts on one image, over all levels at which its controls were judged.
#[derive(Clone, Copy, Debug)]
pub struct ImageVerdicts<'a> {
    /// The image's name.
    pub image: &'a str,
    /// Its verdicts; a control has one for each level that judged a part of it.
    pub verdicts: &'a [Verdict],
}

/// How many controls came out how; a control counts once, over all levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Everything asked for holds.
    pub passed: usize,
    /// Something does not hold.
    pub failed: usize,
    /// Its `only-if` does not hold.
    pub skipped: usize,
    /// It could not be judged.
    pub errors: usize,
    /// No level that was asked can know.
    pub not_judged: usize,
    /// Somebody has to look.
    pub not_reviewed: usize,
    /// Somebody has decided not to ask.
    pub waived: usize,
    /// They are not for this system.
    pub not_applicable: usize,
    /// They ask nothing.
    pub empty: usize,
}

/// Counts the controls of an image.
pub fn tally(verdicts: &[Verdict]) -> Tally {
    let mut tally = Tally::default();
    for status in by_control(verdicts).values() {
        *match status {
            Status::Passed => &mut tally.passed,
            Status::Failed => &mut tally.failed,
            Status::Skipped => &mut tally.skipped,
            Status::Error => &mut tally.errors,
            Status::NotKnownHere => &mut tally.not_judged,
            Status::NotReviewed => &mut tally.not_reviewed,
            Status::Waived => &mut tally.waived,
            Status::NotApplicable => &mut tally.not_applicable,
            Status::Empty => &mut tally.empty,
        } += 1;
    }
    tally
}

type ControlId<'a> = (&'a str, &'a str);

/// The status of each control over all levels: the gravest one that a level knows of.
fn by_control(verdicts: &[Verdict]) -> BTreeMap<ControlId<'_>, Status> {
    let mut found = BTreeMap::new();
    for verdict in verdicts {
        let status = found.entry(id(verdict)).or_insert(verdict.status);
        if weight(verdict.status) > weight(*status) {
            *status = verdict.status;
        }
    }
    found
}

pub(crate) fn id(verdict: &Verdict) -> ControlId<'_> {
    (&verdict.profile, &verdict.control)
}

pub(crate) fn weight(status: Status) -> u8 {
    match status {
        Status::NotKnownHere => 0,
        Status::Skipped
        | Status::NotReviewed
        | Status::Waived
        | Status::NotApplicable
        | Status::Empty => 1,
        Status::Passed => 2,
        Status::Error => 3,
        Status::Failed => 4,
    }
}

/// Verdicts that stand: one that a level left to a later one falls away when a later one gave it.
pub(crate) fn settled(verdicts: &[Verdict]) -> impl Iterator<Item = &Verdict> {
    verdicts.iter().filter(|verdict| {
        verdict.status != Status::NotKnownHere || !is_taken_over(verdicts, verdict)
    })
}

/// True when a later level judged the control, too.
fn is_taken_over(verdicts: &[Verdict], verdict: &Verdict) -> bool {
    verdicts.iter().any(|other| id(other) == id(verdict) && other.level > verdict.level)
}

/// A verdict's results, but those that a later level takes over.
pub(crate) fn telling<'v>(
    verdicts: &[Verdict],
    verdict: &'v Verdict,
) -> impl Iterator<Item = &'v CheckResult> {
    let taken_over = verdict.status != Status::NotKnownHere && is_taken_over(verdicts, verdict);
    verdict
        .results
        .iter()
        .filter(move |result| result.status != Status::NotKnownHere || !taken_over)
}

/// How the controls of images came out: a line for each image, and every control that did not
/// pass with the expectation, what was found, and who made it. With `all`, passed ones too.
pub fn verdicts_text(images: &[ImageVerdicts<'_>], all: bool) -> String {
    let mut out = String::new();
    for ImageVerdicts { image, verdicts } in images {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{image}: {}", tally_text(tally(verdicts)));
        for verdict in settled(verdicts) {
            if all || verdict.status != Status::Passed {
                write_verdict(&mut out, verdicts, verdict, all);
            }
        }
    }
    out
}

/// Numbers of controls with their words, and a status that stands for each.
pub(crate) fn parts_of(tally: Tally) -> [(usize, &'static str, Status); 9] {
    let Tally {
        passed,
        failed,
        skipped,
        errors,
        not_judged,
        not_reviewed,
        waived,
        not_applicable,
        empty,
    } = tally;
    [
        (passed, "passed", Status::Passed),
        (failed, "failed", Status::Failed),
        (errors, "could not be judged", Status::Error),
        (skipped, "skipped", Status::Skipped),
        (waived, "waived", Status::Waived),
        (not_reviewed, "not reviewed", Status::NotReviewed),
        (not_applicable, "not applicable", Status::NotApplicable),
        (empty, "asked nothing", Status::Empty),
        (not_judged, "left to a later level", Status::NotKnownHere),
    ]
}

fn tally_text(tally: Tally) -> String {
    let parts = parts_of(tally);
    let all: usize = parts.iter().map(|(number, ..)| number).sum();
    let named = parts.iter().filter(|(number, ..)| *number > 0);
    let named: Vec<_> = named.map(|(number, word, _)| format!("{number} {word}")).collect();
    let controls = count(all, "control");
    if named.is_empty() { controls } else { format!("{controls}: {}", named.join(", ")) }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
        Status::Error => "error",
        Status::NotKnownHere => "later",
        Status::NotReviewed => "review",
        Status::Waived => "waived",
        Status::NotApplicable => "n/a",
        Status::Empty => "empty",
    }
}

fn write_verdict(out: &mut String, verdicts: &[Verdict], verdict: &Verdict, all: bool) {
    let Verdict { control, title, impact, level, origin, .. } = verdict;
    let blocks = match verdict.status {
        Status::Failed | Status::Error if !verdict.blocks() => ", does not block",
        _ => "",
    };
    let _ = writeln!(
        out,
        "  {:<7} {control}: {title} ({}, impact {impact}{blocks}, {origin})",
        word(verdict.status),
        level.name(),
    );
    if let Some(waiver) = &verdict.waiver {
        let _ = writeln!(out, "            {}, at {}", waiver.text(), waiver.origin);
        if verdict.results.iter().all(|result| result.status == Status::Passed) {
            let _ = writeln!(out, "            it holds by now: the waiver can go");
        }
    }
    for result in telling(verdicts, verdict) {
        if all || result.status != Status::Passed {
            write_result(out, result);
        }
    }
}

fn write_result(out: &mut String, result: &CheckResult) {
    let _ = writeln!(out, "    {:<7} {} at {}", word(result.status), result.text, result.origin);
    for line in details(result) {
        let _ = writeln!(out, "            {line}");
    }
}

/// What is known of a result beyond its text, a line each.
pub(crate) fn details(result: &CheckResult) -> Vec<String> {
    let mut lines: Vec<String> =
        result.message.iter().flat_map(|message| message.lines().map(str::to_owned)).collect();
    lines.extend(result.evidence.iter().map(|evidence| format!("evidence: {evidence}")));
    if let Some(made) = &result.provenance {
        let place = made.origin.as_ref().map(|origin| format!(" at {origin}")).unwrap_or_default();
        lines.push(format!("made by {}{place}", made.layer));
    }
    if result.vacuous {
        lines.push("holds because something is absent".to_owned());
    }
    lines
}
