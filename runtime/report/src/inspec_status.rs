//! How statuses stand in the formats of `InSpec`, which know three.

use forge_model::{CheckResult, Status, Verdict};

/// `passed`, `failed` or `skipped`.
pub(crate) fn inspec_status(control: Status, result: Status) -> &'static str {
    match (control, result) {
        // A condition that does not hold is the reason why nothing else was asked.
        (Status::Skipped, Status::Passed | Status::Failed)
        // What is waived is judged, and its findings count for nothing.
        | (Status::Waived, _)
        | (
            _,
            Status::Skipped
            | Status::NotKnownHere
            | Status::NotReviewed
            | Status::Waived
            | Status::NotApplicable
            | Status::Empty,
        ) => "skipped",
        (_, Status::Passed) => "passed",
        (_, Status::Failed | Status::Error) => "failed",
    }
}

/// What a result says, its evidence and doubts included.
pub(crate) fn message_of(verdict: &Verdict, result: &CheckResult) -> Option<String> {
    let mut lines = crate::verdicts::details(result);
    if let Some(waiver) = &verdict.waiver {
        let found = (verdict.status == Status::Waived).then(|| format!("; {}", result.status));
        let found = found.unwrap_or_default();
        lines.insert(0, format!("{}, at {}{found}", waiver.text(), waiver.origin));
    }
    if result.status == Status::NotKnownHere {
        lines.insert(0, "not known here".to_owned());
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
