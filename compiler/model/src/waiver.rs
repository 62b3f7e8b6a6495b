use serde::{Deserialize, Serialize};

use crate::{Day, Origin};

/// Somebody's word that a control may fail, until a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The control's profile.
    pub profile: String,
    /// The control's id.
    pub control: String,
    /// Who answers for it.
    pub by: String,
    /// Why it is right.
    pub because: String,
    /// The first day on which it counts no longer.
    pub until: Day,
    /// Else the control is not judged at all, for as long as the waiver stands there.
    pub run: bool,
    /// Where it is said.
    pub origin: Origin,
}

impl Waiver {
    /// True on days before it ends.
    pub fn holds_on(&self, today: Day) -> bool {
        today < self.until
    }
}

/// What a waiver means for a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waived {
    /// Who answers for it.
    pub by: String,
    /// Why it is right.
    pub because: String,
    /// The first day on which it counts no longer.
    pub until: Day,
    /// It has ended: the verdict is what was found.
    pub expired: bool,
    /// Where it is said.
    pub origin: Origin,
}

impl Waived {
    /// One line for reports: `waived by ops until 2027-01-31: bastion image`.
    pub fn text(&self) -> String {
        let Self { by, because, until, expired, origin: _ } = self;
        if *expired {
            format!("the waiver by {by} expired on {until}: {because}")
        } else {
            format!("waived by {by} until {until}: {because}")
        }
    }
}
