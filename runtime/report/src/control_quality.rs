//! Control results as GitLab's code quality report.

use std::collections::BTreeMap;

use forge_model::{CheckResult, Digest, Origin, Status, Verdict};

use crate::code_quality::{Issue, Lines, Location};
use crate::shape::pretty;
use crate::verdicts::{ImageVerdicts, settled, telling};

/// One entry for each expectation that fails or could not be judged and is not waived, at the line of
/// the spec that made what was found; where nobody is known to have made it, at the control's. Images
/// that fail alike share an entry.
///
/// A fingerprint rests on the profile, the control, the expectation and the file, and neither on the
/// line nor on the images: a finding that only moved is no new one.
pub fn control_quality(images: &[ImageVerdicts<'_>]) -> String {
    let mut found: Vec<Finding<'_>> = Vec::new();
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for ImageVerdicts { image, verdicts } in images {
        for verdict in settled(verdicts).filter(|verdict| verdict.status != Status::Waived) {
            for result in telling(verdicts, verdict).filter(|result| is_bad(result.status)) {
                let Origin { file, line, .. } = place(result);
                let like = (&verdict.profile, &verdict.control, &result.text, &result.message);
                let same = known.get(&(like, file, line)).and_then(|at| found.get_mut(*at));
                if let Some(same) = same {
                    same.images.push(image);
                } else {
                    known.insert((like, file, line), found.len());
                    found.push(Finding { images: vec![image], verdict, result });
                }
            }
        }
    }
    let mut seen = BTreeMap::new();
    pretty(&found.iter().map(|finding| finding.issue(&mut seen)).collect::<Vec<_>>())
}

fn is_bad(status: Status) -> bool {
    matches!(status, Status::Failed | Status::Error)
}

/// The line of the spec that made what was found, or the control's.
fn place(result: &CheckResult) -> &Origin {
    let made = result.provenance.as_ref().and_then(|made| made.origin.as_ref());
    made.unwrap_or(&result.origin)
}

struct Finding<'a> {
    images: Vec<&'a str>,
    verdict: &'a Verdict,
    result: &'a CheckResult,
}

impl Finding<'_> {
    fn issue(&self, seen: &mut BTreeMap<String, usize>) -> Issue {
        let Self { images, verdict, result } = self;
        let Origin { file, line, .. } = place(result);
        let check_name = format!("{}/{}", verdict.profile, verdict.control);
        let identity = format!("{check_name}\0{}\0{file}", result.text);
        let number = seen.entry(identity.clone()).or_insert(0_usize);
        let fingerprint = Digest::of(format!("{identity}\0{number}").as_bytes()).to_hex();
        *number += 1;
        Issue {
            description: description(images, verdict, result),
            check_name: check_name.into(),
            fingerprint,
            severity: severity(verdict.impact),
            location: Location { path: file.to_string(), lines: Lines { begin: (*line).max(1) } },
        }
    }
}

fn description(images: &[&str], verdict: &Verdict, result: &CheckResult) -> String {
    let state = if result.status == Status::Error { " cannot be judged" } else { "" };
    let mut text = format!(
        "{}: control {}{state}: {}",
        images.join(", "),
        verdict.control,
        result.text.trim()
    );
    let message = result.message.as_deref().map(str::trim).filter(|message| !message.is_empty());
    if let Some(message) = message {
        text.push_str("; ");
        text.push_str(&message.lines().collect::<Vec<_>>().join(" "));
    }
    if let Some(waiver) = &verdict.waiver {
        text.push_str("; ");
        text.push_str(&waiver.text());
    }
    text
}

/// GitLab's words for impacts, at the lower bounds that `InSpec` gives its own.
fn severity(impact: f64) -> &'static str {
    match impact {
        impact if impact >= 0.9 => "blocker",
        impact if impact >= 0.7 => "critical",
        impact if impact >= 0.4 => "major",
        impact if impact > 0.0 => "minor",
        _ => "info",
    }
}
