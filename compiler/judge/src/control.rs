use std::collections::BTreeMap;

use forge_model::{
    Check, CheckResult, Control, Expectation, Level, NoAnswer, Operator, Origin, Property,
    Resource, Status, Target, Verdict,
};

use crate::compare::{self, Found};
use crate::lookup::{Look, Lookup};
use crate::text::describe;

/// Judges one control. Every expectation is judged, so that one run reports all findings.
///
/// The control's status is the gravest of its expectations': error, failed, not known here,
/// passed. Of an `any-of` that holds, the first choice that holds whole is reported; of one that
/// does not, all of them. A control that asks nothing is an error, not a pass. One that says that it
/// is judged at a later target is not known at an earlier one, but for what the spec says of it. One that a
/// waiver leaves out is waived.
pub fn judge(control: &Control, target: &dyn Target) -> Verdict {
    let later = control.level.filter(|level| *level > target.level());
    let (status, results) = match later {
        _ if !control.run => {
            let why = "a waiver keeps it from being judged".to_owned();
            (Status::Waived, vec![whole(control, Status::Waived, why)])
        }
        Some(level) if target.level() != Level::Spec => {
            let why = format!("it is judged at the target `{level}`");
            (Status::NotKnownHere, vec![whole(control, Status::NotKnownHere, why)])
        }
        _ => judge_demands(control, target),
    };
    Verdict {
        control: control.id.clone(),
        profile: control.profile.clone(),
        title: control.title.clone(),
        impact: control.impact,
        level: target.level(),
        status,
        results,
        origin: control.origin.clone(),
        waiver: None,
    }
}

fn judge_demands(control: &Control, target: &dyn Target) -> (Status, Vec<CheckResult>) {
    if let Some((status, mut conditions)) = judge_all(&control.only_if, target) {
        let status = match status {
            Status::Passed => None,
            Status::Failed => Some(Status::Skipped),
            other => Some(other),
        };
        if let Some(status) = status {
            for condition in &mut conditions {
                condition.text = format!("only if {}", condition.text);
                if condition.status == Status::Failed {
                    condition.status = Status::Skipped;
                }
            }
            return (status, conditions);
        }
    }
    judge_all(&control.checks, target).unwrap_or_else(|| {
        let result = whole(control, Status::Error, "it asks nothing".to_owned());
        (Status::Error, vec![result])
    })
}

/// A result of a control that is no expectation's.
fn whole(control: &Control, status: Status, message: String) -> CheckResult {
    CheckResult {
        text: format!("control {}", control.id),
        status,
        message: Some(message),
        evidence: None,
        vacuous: false,
        origin: control.origin.clone(),
        provenance: None,
        exception: None,
    }
}

/// None when nothing is asked.
fn judge_all(checks: &[Check], target: &dyn Target) -> Option<(Status, Vec<CheckResult>)> {
    let mut all = Vec::new();
    let mut worst = None;
    for check in checks {
        let Some((status, results)) = judge_check(check, target) else {
            continue;
        };
        worst = worst.max(Some((gravity(status), status)));
        all.extend(results);
    }
    Some((worst?.1, all))
}

fn judge_check(check: &Check, target: &dyn Target) -> Option<(Status, Vec<CheckResult>)> {
    match check {
        Check::Resource { resource, expectations, origin: _ } => {
            let lookup = Lookup::new(target, resource);
            let results: Vec<_> = expectations
                .iter()
                .map(|expected| judge_expectation(resource, expected, &lookup, target))
                .collect();
            let worst = results.iter().map(|result| result.status).max_by_key(|s| gravity(*s))?;
            Some((worst, results))
        }
        Check::AnyOf { checks, origin: _ } => judge_choice(checks, target),
    }
}

/// A choice holds when one of its checks holds whole. When none does, it is unknown if one might
/// hold, an error if one could not be asked, and failed only if all of them failed.
fn judge_choice(checks: &[Check], target: &dyn Target) -> Option<(Status, Vec<CheckResult>)> {
    let mut all = Vec::new();
    let mut best = None;
    for check in checks {
        let Some((status, results)) = judge_check(check, target) else {
            continue;
        };
        if status == Status::Passed {
            return Some((status, results));
        }
        let hope = match status {
            Status::NotKnownHere => 2,
            Status::Error => 1,
            _ => 0,
        };
        best = best.max(Some((hope, status)));
        all.extend(results);
    }
    Some((best?.1, all))
}

fn gravity(status: Status) -> u8 {
    match status {
        Status::Passed => 0,
        Status::Skipped
        | Status::NotReviewed
        | Status::Waived
        | Status::NotApplicable
        | Status::Empty => 1,
        Status::NotKnownHere => 2,
        Status::Failed => 3,
        Status::Error => 4,
    }
}

struct Finding {
    status: Status,
    message: Option<String>,
    evidence: Option<String>,
    vacuous: bool,
}

fn judge_expectation(
    resource: &Resource,
    expected: &Expectation,
    lookup: &Lookup<'_>,
    target: &dyn Target,
) -> CheckResult {
    let Finding { status, message, evidence, vacuous } = match lookup.look(expected) {
        _ if compares_with_nothing(expected) => {
            unanswered(Status::Error, "the list that it is compared with is empty".to_owned())
        }
        Ok(look) => judge_look(expected, look),
        Err(NoAnswer::Unknown(why)) => unanswered(Status::NotKnownHere, why),
        Err(NoAnswer::Failed(why)) => unanswered(Status::Error, why),
    };
    let provenance = target.provenance(resource, evidence.as_deref());
    CheckResult {
        text: describe(resource, expected),
        status,
        message,
        evidence,
        vacuous,
        origin: expected.origin.clone(),
        provenance,
        exception: None,
    }
}

/// Whether the values are those of a list that has none: nothing is one of them, and anything is not.
fn compares_with_nothing(expected: &Expectation) -> bool {
    match &expected.operator {
        Operator::OneOf(values)
        | Operator::Setting { values, .. }
        | Operator::Document { values, .. } => values.is_empty(),
        Operator::Keyword { values, .. } => {
            values.is_empty() && expected.property != Property::Absent
        }
        _ => false,
    }
}

fn unanswered(status: Status, why: String) -> Finding {
    Finding { status, message: Some(why), evidence: None, vacuous: false }
}

fn judge_look(expected: &Expectation, look: Look) -> Finding {
    let verdict = |holds: bool, message: String, evidence: Option<String>| {
        let passed = holds != expected.negated;
        let status = if passed { Status::Passed } else { Status::Failed };
        Finding { status, message: (!passed).then_some(message), evidence, vacuous: false }
    };
    match look {
        Look::Value { found, evidence } => {
            match compare::holds(expected.property, &expected.operator, &found) {
                Ok(holds) => verdict(holds, found_message(expected.property, &found), evidence),
                Err(why) => unanswered(Status::Error, why),
            }
        }
        Look::Compared { holds, message, evidence } => verdict(holds, message, evidence),
        // "It is not so" holds of what is not there at all, which is rarely what was meant.
        Look::Absent { message } => Finding {
            status: if expected.negated { Status::Passed } else { Status::Failed },
            message: Some(message),
            evidence: None,
            vacuous: expected.negated,
        },
    }
}

fn found_message(property: Property, found: &Found) -> String {
    match found {
        Found::Flag(true) if property == Property::Exists => "it exists".to_owned(),
        Found::Flag(false) if property == Property::Exists => "it does not exist".to_owned(),
        Found::Flag(true) => format!("it is {property}"),
        Found::Flag(false) => format!("it is not {property}"),
        _ => format!("it is {}", compare::show(found)),
    }
}

/// The path whose maker is to blame for what was found: the path that was asked about, or the
/// file that the answer rests on. None for what stands in records that many steps write: the last
/// of them says nothing.
pub fn blamed_path<'a>(resource: &'a Resource, evidence: Option<&'a str>) -> Option<&'a str> {
    match resource {
        Resource::File { path } => Some(path),
        Resource::Service { .. }
        | Resource::KernelParameter { .. }
        | Resource::KernelModule { .. }
        | Resource::SshdConfig { .. }
        | Resource::Mount { .. } => evidence?.split(':').next(),
        Resource::Package { .. }
        | Resource::User { .. }
        | Resource::Group { .. }
        | Resource::Port { .. }
        | Resource::Process { .. }
        | Resource::Filesystem { .. }
        | Resource::Command { .. } => None,
    }
}

/// Gives a stored verdict the places and texts that its control has now: places are in no key,
/// so the control may have moved since it was judged.
pub fn relocate(verdict: &mut Verdict, control: &Control) {
    let mut places = BTreeMap::new();
    for check in control.checks.iter().chain(&control.only_if) {
        collect_places(check, &mut places);
    }
    verdict.origin = control.origin.clone();
    for result in &mut verdict.results {
        let text = result.text.strip_prefix("only if ").unwrap_or(&result.text);
        result.origin = places.get(text).unwrap_or(&control.origin).clone();
    }
}

fn collect_places(check: &Check, places: &mut BTreeMap<String, Origin>) {
    match check {
        Check::Resource { resource, expectations, origin: _ } => {
            for expected in expectations {
                places
                    .entry(describe(resource, expected))
                    .or_insert_with(|| expected.origin.clone());
            }
        }
        Check::AnyOf { checks, origin: _ } => {
            for check in checks {
                collect_places(check, places);
            }
        }
    }
}
