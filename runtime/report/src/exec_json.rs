//! Control results in the form of `InSpec`'s `json` reporter, which Heimdall and other readers of
//! STIG results take.
//!
//! A control that could not be judged is `failed` with an exception there; what nobody judged is
//! `skipped` with its reason. Neither is a pass.

use std::time::Duration;

use forge_model::{CheckResult, ControlReport, ProfileReport, ProfileStatus, Status};
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
        "waiver_data": control.waiver.clone().unwrap_or_else(|| json!({})),
        "results": results(control, clock),
    });
    // A tag without a value has none in Ruby, too, and is kept.
    value["tags"] = Value::Object(tags);
    value
}

fn results(control: &ControlReport, clock: Clock) -> Vec<Value> {
    let verdict = &control.verdict;
    let results = verdict.results.iter().map(|result| row(verdict.status, result, clock));
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

fn row(control: Status, result: &CheckResult, clock: Clock) -> Value {
    let status = inspec_status(control, result.status);
    let message = message_of(result);
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

/// Year, month and day of a time, by the proleptic Gregorian calendar (Howard Hinnant's
/// `civil_from_days`).
pub fn civil_day(seconds: u64) -> (i32, u32, u32) {
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let small = |value: u64| u32::try_from(value).unwrap_or(0);
    (i32::try_from(year).unwrap_or(i32::MAX), small(month), small(day))
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
