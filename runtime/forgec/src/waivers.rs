//! Waivers of the images of a plan, on the day of the run.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{Day, Plan, Status, Verdict, Waiver};

/// A control, by its profile and id.
pub(crate) type ControlId = (String, String);

/// Waivers by image.
#[derive(Debug)]
pub(crate) struct Waivers {
    today: Day,
    by_image: BTreeMap<String, Vec<Waiver>>,
}

impl Waivers {
    /// Those of a plan's images.
    pub(crate) fn of(plan: &Plan, today: Day) -> Self {
        let images = plan.images.iter().filter(|image| !image.waivers.is_empty());
        let by_image = images.map(|image| (image.name.clone(), image.waivers.clone())).collect();
        Self { today, by_image }
    }

    fn own(&self, image: &str) -> &[Waiver] {
        self.by_image.get(image).map_or(&[], Vec::as_slice)
    }

    /// Says of verdicts what the waivers of an image mean; gives the controls that would block
    /// without them, and those that they keep from being judged.
    pub(crate) fn apply(&self, image: &str, verdicts: &mut [Verdict]) -> BTreeSet<ControlId> {
        let left_out = |verdict: &Verdict| {
            let mut own = self.own(image).iter().filter(|waiver| !waiver.run);
            own.any(|one| one.profile == verdict.profile && one.control == verdict.control)
        };
        let blocking = |verdict: &&Verdict| verdict.blocks() || left_out(verdict);
        let ids: Vec<_> = verdicts.iter().filter(blocking).map(id).collect();
        forge_judge::waive(verdicts, self.own(image), self.today);
        let waived = verdicts.iter().filter(|verdict| verdict.status == Status::Waived).map(id);
        waived.filter(|waived| ids.contains(waived)).collect()
    }

    /// Whether all of these controls are still waived for an image.
    pub(crate) fn still_hold(&self, image: &str, needed: &BTreeSet<ControlId>) -> bool {
        needed.iter().all(|(profile, control)| {
            let mut own = self.own(image).iter();
            own.any(|waiver| {
                waiver.profile == *profile
                    && waiver.control == *control
                    && waiver.holds_on(self.today)
            })
        })
    }

    /// Waivers of some profiles for an image that are of none of the controls that were judged: files
    /// of Ruby may make ids that nobody could check before.
    pub(crate) fn idle<'a>(
        &'a self,
        image: &str,
        profiles: &'a BTreeSet<String>,
        judged: &'a BTreeSet<ControlId>,
    ) -> impl Iterator<Item = &'a Waiver> {
        let own = self.own(image).iter().filter(|waiver| profiles.contains(&waiver.profile));
        own.filter(|waiver| !judged.contains(&(waiver.profile.clone(), waiver.control.clone())))
    }
}

/// What names a verdict's control.
pub(crate) fn id(verdict: &Verdict) -> ControlId {
    (verdict.profile.clone(), verdict.control.clone())
}
