//! Control results in the form of `InSpec`'s `json` reporter, which Heimdall and other readers of
//! STIG results take.
//!
//! A control that could not be judged is `failed` with an exception there; what nobody judged is
//! `skipped` with its reason. Neither is a pass.

use std::time::Duration;

use forge_model::{CheckResult, ControlReport, Day, ProfileReport, ProfileStatus, Verdict};
use serde_json::{Map, Value, json};

use crate::inspec_status::{inspec_status, message_of};

/// When and how long the controls were judged.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Seconds since 1970 when it began.
    pub began: u64,
    /// How long it took.
    pub took: Duration,
}

/// The report.
pub fn exec_json(profiles: &[ProfileReport], clock: Clock) -> String {
    let (name, release) = profiles.first().map(|one| one.platform.clone()).unwrap_or_default();
    let report = json!({
        "platform": { "name": name, "release": release, "target_id": null },
        "profiles": profiles.iter().map(|one| profile(one, clock)).collect::<Vec<_>>(),
        "statistics": { "duration": clock.took.as_secs_f64() },
        "version": env!("CARGO_PKG_VERSION"),
    });
    format!("{:#}", without_nulls(report))
}

fn profile(profile: &ProfileReport, clock: Clock) -> Value {
    let (status, why) = match &profile.status {
        ProfileStatus::Loaded => ("loaded", None),
        ProfileStatus::Skipped(why) => ("skipped", Some(why)),
    };
    let groups = profile
        .groups
        .iter()
        .map(|group| json!({ "id": group.id, "title": group.title, "controls": group.controls }));
    json!({
        "name": profile.name,
        "title": profile.title,
        "version": profile.version,
        "summary": profile.summary,
        "maintainer": profile.maintainer,
        "copyright": profile.copyright,
        "copyright_email": profile.copyright_email,
        "license": profile.license,
        "sha256": profile.sha256,
        "supports": profile.supports,
        "attributes": profile.inputs,
        "groups": groups.collect::<Vec<_>>(),
        "controls": profile.controls.iter().map(|one| control(one, clock)).collect::<Vec<_>>(),
        "status": status,
        "status_message": why,
        "skip_message": why,
    })
}

fn control(control: &ControlReport, clock: Clock) -> Value {
    let verdict = &control.verdict;
    let descriptions =
        control.descriptions.iter().map(|(label, data)| json!({ "label": label, "data": data }));
    let tags: Map<String, Value> = control.tags.iter().cloned().collect();
    let mut value = json!({
        "id": verdict.control,
        "title": verdict.title,
        "desc": control.desc,
        "descriptions": descriptions.collect::<Vec<_>>(),
        "impact": verdict.impact,
        "refs": control.refs,
        "code": control.code,
        "source_location": { "ref": &*verdict.origin.file, "line": verdict.origin.line },
        "waiver_data": waiver_data(control),
        "results": results(control, clock),
    });
    // A tag without a value has none in Ruby, too, and is kept.
    value["tags"] = Value::Object(tags);
    value
}

/// A waiver of a spec in the fields of `InSpec`'s, whose `expiration_date` is the first day on which it
/// counts no longer, too. That the control was judged all the same is in its results' messages.
fn waiver_data(control: &ControlReport) -> Value {
    let own = control.verdict.waiver.as_ref().map(|waiver| {
        let message = if waiver.expired { waiver.text() } else { String::new() };
        json!({
            "justification": format!("{} (by {})", waiver.because, waiver.by),
            "expiration_date": waiver.until.to_string(),
            "run": waiver.expired,
            "skipped_due_to_waiver": !waiver.expired,
            "message": message,
        })
    });
    own.or_else(|| control.waiver.clone()).unwrap_or_else(|| json!({}))
}

fn results(control: &ControlReport, clock: Clock) -> Vec<Value> {
    let verdict = &control.verdict;
    let results = verdict.results.iter().map(|result| row(verdict, result, clock));
    let mut rows: Vec<Value> = results.collect();
    if rows.is_empty() {
        // A reader leaves out a control without results, and with it that it asks nothing.
        rows.push(json!({
            "status": "skipped",
            "code_desc": "No-op",
            "skip_message": "the control asks nothing",
            "run_time": 0.0,
            "start_time": rfc3339(clock.began),
        }));
    }
    rows
}

fn row(verdict: &Verdict, result: &CheckResult, clock: Clock) -> Value {
    let status = inspec_status(verdict.status, result.status);
    let message = message_of(verdict, result);
    let failed = status == "failed";
    json!({
        "status": status,
        "code_desc": result.text,
        "run_time": 0.0,
        "start_time": rfc3339(clock.began),
        "message": message.as_ref().filter(|_| failed),
        "skip_message": message.as_ref().filter(|_| status == "skipped"),
        "exception": result.exception.as_ref().filter(|_| failed),
        "backtrace": result.exception.as_ref().filter(|_| failed).map(|_| vec![result.origin.to_string()]),
    })
}

/// Entries without a value are left out, except in tags.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            let kept = kept.map(|(key, value)| {
                let value = if key == "tags" { value } else { without_nulls(value) };
                (key, value)
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// A time of the clock, as RFC 3339 has it.
pub fn rfc3339(seconds: u64) -> String {
    let (year, month, day) = civil_day(seconds);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

/// Year, month and day of a time.
pub fn civil_day(seconds: u64) -> (i32, u32, u32) {
    Day::of_seconds(seconds).parts()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_by_the_calendar() {
        for (seconds, want) in [
            (0, "1970-01-01T00:00:00+00:00"),
            (951_826_332, "2000-02-29T12:12:12+00:00"),
            (1_798_761_599, "2026-12-31T23:59:59+00:00"),
            (4_107_542_400, "2100-03-01T00:00:00+00:00"),
        ] {
            assert_eq!(rfc3339(seconds), want);
        }
    }
}
