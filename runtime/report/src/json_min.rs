//! Control results in the form of `InSpec`'s `json-min` reporter: a row for each expectation.

use std::time::Duration;

use forge_model::{CheckResult, ProfileReport, Verdict};
use serde_json::{Value, json};

use crate::inspec_status::{inspec_status, message_of};
use crate::verdicts::settled;

/// The rows, in the order of the controls. What could not be judged is `failed` with an exception,
/// what nobody judged `skipped` with the reason: neither is a pass.
pub fn json_min(profiles: &[ProfileReport], took: Duration) -> String {
    let rows: Vec<Value> = profiles.iter().flat_map(profile_rows).collect();
    let report = json!({
        "controls": rows,
        "statistics": { "duration": took.as_secs_f64() },
        "version": env!("CARGO_PKG_VERSION"),
    });
    format!("{report:#}")
}

fn profile_rows(profile: &ProfileReport) -> Vec<Value> {
    let verdicts: Vec<Verdict> =
        profile.controls.iter().map(|control| control.verdict.clone()).collect();
    settled(&verdicts)
        .flat_map(|verdict| {
            // Every row: what is not known here has no later level outside of a project.
            let results = verdict.results.iter();
            results.map(|result| row(profile, verdict, result)).collect::<Vec<_>>()
        })
        .collect()
}

fn row(profile: &ProfileReport, verdict: &Verdict, result: &CheckResult) -> Value {
    let status = inspec_status(verdict.status, result.status);
    let mut row = json!({
        "id": verdict.control,
        "profile_id": verdict.profile,
        "profile_sha256": profile.sha256,
        "status": status,
        "code_desc": result.text,
    });
    if let Some(said) = message_of(verdict, result).filter(|_| status != "passed") {
        let name = if status == "skipped" { "skip_message" } else { "message" };
        row[name] = said.into();
    }
    if let Some(exception) = result.exception.as_ref().filter(|_| status == "failed") {
        row["exception"] = exception.as_str().into();
        row["backtrace"] = json!([result.origin.to_string()]);
    }
    row
}
