//! Why a path is not in images, for people and for programs.

use std::fmt::Write as _;

use forge_model::Origin;
use schemars::JsonSchema;
use serde::Serialize;

use crate::shape::{Place, pretty};

/// Why a path is not in images, or who puts it there: `forgec why-not --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyNotReport {
    /// Version of this form: it rises when a field goes or changes its meaning.
    pub version: u32,
    /// The path, as it was asked for.
    pub path: String,
    /// The answers; images that have the same one share it.
    pub answers: Vec<WhyNotAnswer>,
}

/// Whether a path is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// It is.
    Present,
    /// It is, and no running node sees it: something is mounted over it.
    Hidden,
    /// It is not.
    Absent,
    /// The spec does not tell, and the image is not built.
    Unknown,
}

/// The answer for some images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyNotAnswer {
    /// The images.
    pub images: Vec<String>,
    /// Whether the path is there.
    pub presence: Presence,
    /// Why, what decides first.
    pub reasons: Vec<WhyNotReason>,
}

/// One thing that has to do with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct WhyNotReason {
    /// What kind of thing: `declared`, `edited`, `overridden`, `base`, `may` (an item may put it
    /// there), `undeclared`, `removed`, `mounted`, `excluded`, `link`, `when`, `dropped`,
    /// `unused`, `other-image`, `near`, `scrubbed` or `built` (what the image had when it was last
    /// built).
    pub kind: String,
    /// The same in words.
    pub words: String,
    /// Where the spec says so: first the item, then what keeps it away.
    #[schemars(with = "Vec<Place<'static>>")]
    pub origins: Vec<Origin>,
}

/// The answers as JSON.
pub fn why_not_json(report: &WhyNotReport) -> String {
    pretty(report)
}

/// The answers, for people.
pub fn why_not_text(report: &WhyNotReport) -> String {
    let WhyNotReport { version: _, path, answers } = report;
    let mut out = String::new();
    for (index, WhyNotAnswer { images, presence, reasons }) in answers.iter().enumerate() {
        let said = match presence {
            Presence::Present => "is there",
            Presence::Hidden => "is there, and hidden",
            Presence::Absent => "is not there",
            Presence::Unknown => "may be there",
        };
        // Writing to a String cannot fail.
        if index > 0 {
            out.push('\n');
        }
        let _ = writeln!(out, "`{path}` {said}: {}", images.join(", "));
        for WhyNotReason { kind: _, words, origins } in reasons {
            let _ = writeln!(out, "  {words}");
            let mut places: Vec<String> = origins.iter().map(ToString::to_string).collect();
            places.dedup();
            if !places.is_empty() {
                let _ = writeln!(out, "      {}", places.join(", "));
            }
        }
    }
    out
}
