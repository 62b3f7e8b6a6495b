//! What a host has and lacks, for people and for programs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::shape::pretty;

/// What a host was found to have: `forgec doctor --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HostReport {
    /// Version of this form: it rises when a field goes or changes its meaning.
    pub version: u32,
    /// Whether everything that a build needs is there.
    pub ready: bool,
    /// What was looked for.
    pub checks: Vec<HostCheck>,
    /// What is no lack but good to know.
    pub notes: Vec<String>,
}

/// One thing that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HostCheck {
    /// A program's name, or what else is asked of the host.
    pub name: String,
    /// The Debian package that brings it; null for what no package brings.
    pub package: Option<String>,
    /// What it is for.
    pub purpose: String,
    /// Whether a build needs it.
    pub required: bool,
    /// Whether it is there.
    pub present: bool,
}

impl HostReport {
    /// From what was looked for.
    pub fn new(checks: Vec<HostCheck>, notes: Vec<String>) -> Self {
        let ready = checks.iter().all(|check| check.present || !check.required);
        Self { version: 1, ready, checks, notes }
    }

    /// Number of things that a build needs and that are not there.
    pub fn lacks(&self) -> usize {
        self.checks.iter().filter(|check| check.required && !check.present).count()
    }
}

/// The report, for people.
pub fn doctor_text(report: &HostReport) -> String {
    let mut text = String::new();
    for HostCheck { name, package, purpose, required, present } in &report.checks {
        let state = match (present, required) {
            (true, _) => "ok     ",
            (false, true) => "MISSING",
            (false, false) => "absent ",
        };
        let package = package.as_ref().map(|package| format!(" ({package})")).unwrap_or_default();
        text.push_str(&format!("{state}  {name}{package}: {purpose}\n"));
    }
    for note in &report.notes {
        text.push_str(&format!("note     {note}\n"));
    }
    text
}

/// The report as JSON.
pub fn doctor_json(report: &HostReport) -> String {
    pretty(report)
}
