//! Control results in the form of `InSpec`'s `json-min` reporter: a row for each expectation.

use std::time::Duration;

use forge_model::{CheckResult, Status, Verdict};
use serde_json::{Value, json};

use crate::verdicts::{details, says_something, settled};

/// The rows, in the order of the controls. What could not be judged is `error`, what nobody judged
/// `skipped` with the reason: neither is a pass.
pub fn json_min(verdicts: &[Verdict], took: Duration) -> String {
    let rows: Vec<Value> = settled(verdicts).flat_map(rows).collect();
    let report = json!({
        "controls": rows,
        "statistics": { "duration": took.as_secs_f64() },
        "version": env!("CARGO_PKG_VERSION"),
    });
    format!("{report:#}")
}

fn rows(verdict: &Verdict) -> impl Iterator<Item = Value> + '_ {
    let results = verdict.results.iter().filter(|result| says_something(verdict, result));
    results.map(move |result| row(verdict, result))
}

fn row(verdict: &Verdict, result: &CheckResult) -> Value {
    let status = match (verdict.status, result.status) {
        // A condition that does not hold is the reason why nothing else was asked.
        (Status::Skipped, _) | (_, Status::Skipped | Status::NotKnownHere) => "skipped",
        (_, Status::Passed) => "passed",
        (_, Status::Failed) => "failed",
        (_, Status::Error) => "error",
    };
    let mut row = json!({
        "id": verdict.control,
        "profile_id": verdict.profile,
        "status": status,
        "code_desc": result.text,
    });
    let said = details(result).join("\n");
    if status != "passed" && !said.is_empty() {
        let name = if status == "skipped" { "skip_message" } else { "message" };
        row[name] = said.into();
    }
    row
}
