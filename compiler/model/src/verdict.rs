use serde::{Deserialize, Serialize};

use crate::{Level, Origin, Provenance, Waived};

/// How a control, or one expectation of it, came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Everything asked for holds.
    Passed,
    /// Something asked for does not hold.
    Failed,
    /// Its `only-if` does not hold.
    Skipped,
    /// It could not be judged: never a pass, never a fail.
    Error,
    /// This target cannot know; a later one will.
    NotKnownHere,
    /// Somebody has to look: it is manual, or an input has no value.
    NotReviewed,
    /// Somebody has decided not to ask.
    Waived,
    /// It is not for this system.
    NotApplicable,
    /// It asks nothing.
    Empty,
}

/// A control's result at one level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The control's id.
    pub control: String,
    /// Its profile.
    pub profile: String,
    /// Its title.
    pub title: String,
    /// 0.0 to 1.0.
    pub impact: f64,
    /// Where it was judged.
    pub level: Level,
    /// How it came out.
    pub status: Status,
    /// One for each expectation that was judged.
    pub results: Vec<CheckResult>,
    /// Where the control is declared.
    pub origin: Origin,
    /// Its waiver, if it has one. None is kept in the store: whether one has ended is another day's
    /// question.
    #[serde(default)]
    pub waiver: Option<Box<Waived>>,
}

impl Status {
    /// `passed`, `failed`, `skipped`, `error`, `not known here`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Error => "error",
            Self::NotKnownHere => "not known here",
            Self::NotReviewed => "not reviewed",
            Self::Waived => "waived",
            Self::NotApplicable => "not applicable",
            Self::Empty => "empty",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Verdict {
    /// True when it passed and some of it rests on something that is absent.
    pub fn vacuous(&self) -> bool {
        self.status == Status::Passed && self.results.iter().any(|result| result.vacuous)
    }

    /// The results that make it fail or that could not be judged.
    pub fn findings(&self) -> impl Iterator<Item = &CheckResult> {
        self.results.iter().filter(|result| matches!(result.status, Status::Failed | Status::Error))
    }

    /// True when packing must not go on.
    pub fn blocks(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Error) && self.impact > 0.0
    }
}

/// One expectation's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// `file /etc/motd: mode is "0644"`.
    pub text: String,
    /// How it came out.
    pub status: Status,
    /// What was found instead, or why it could not be judged.
    pub message: Option<String>,
    /// What the answer rests on: `/etc/sysctl.d/90-x.conf:3`, `dpkg status`, `unit link`.
    pub evidence: Option<String>,
    /// The pass rests on something that is absent.
    pub vacuous: bool,
    /// The expectation's node.
    pub origin: Origin,
    /// Who made what was looked at.
    pub provenance: Option<Provenance>,
    /// The class of the exception that kept it from being judged, where a profile is a program.
    pub exception: Option<String>,
}
