use forge_judge::Record;
use forge_model::{Level, Status, Verdict, Verify};
use serde::{Deserialize, Serialize};

use crate::BootReport;

/// The format of a stored [`VerifyOutcome`].
pub const OUTCOME_VERSION: u32 = 1;

/// What judging controls at one level gave: the blob that the store keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifyOutcome {
    /// [`OUTCOME_VERSION`].
    pub version: u32,
    /// The image's name.
    pub image: String,
    /// Where the controls were judged.
    pub level: Level,
    /// One for each control, in their order.
    pub verdicts: Vec<Verdict>,
    /// How the boot went, of a booted container.
    pub boot: Option<BootReport>,
    /// What was asked, with digests of the answers.
    pub record: Record,
}

impl VerifyOutcome {
    /// The stored form: JSON, the same bytes for the same outcome.
    pub fn encode(&self) -> Vec<u8> {
        // Plain data with text keys always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`VerifyOutcome::encode`] wrote; none for anything else, and for another
    /// version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let outcome: Self = serde_json::from_slice(bytes).ok()?;
        (outcome.version == OUTCOME_VERSION).then_some(outcome)
    }

    /// Gives the verdicts the places that the controls have now: a control that only moved is
    /// not judged again.
    pub fn relocate(&mut self, action: &Verify) {
        for profile in &action.inspec {
            crate::inspec::reword(&mut self.verdicts, profile);
        }
        for verdict in &mut self.verdicts {
            let same = action.controls.iter().find(|control| {
                control.id == verdict.control && control.profile == verdict.profile
            });
            if let Some(control) = same {
                forge_judge::relocate(verdict, control);
            }
        }
    }

    /// True when packing must not go on: a control that blocks, or a boot that went wrong.
    pub fn blocks(&self) -> bool {
        let boot_failed = self.boot.as_ref().is_some_and(|boot| !boot.failures.is_empty());
        boot_failed || self.verdicts.iter().any(Verdict::blocks)
    }

    /// True when something could not be judged, so that trying again may give another result.
    pub fn has_errors(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.status == Status::Error)
    }
}
