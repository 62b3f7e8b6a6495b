use forge_model::{Day, Status, Verdict, Waived, Waiver};

/// Says of verdicts what the waivers mean on a day.
///
/// A waived control is judged all the same, and keeps its results: a verdict that is kept in a store
/// knows no waiver, so none outlives its day there. While a waiver holds, the control is
/// [`Status::Waived`], whatever was found. One that has ended changes nothing but that reports say so;
/// a control that it kept from being judged is an error then.
pub fn waive(verdicts: &mut [Verdict], waivers: &[Waiver], today: Day) {
    for verdict in verdicts {
        let own = |waiver: &&Waiver| {
            waiver.control == verdict.control && waiver.profile == verdict.profile
        };
        let Some(waiver) = waivers.iter().find(own) else { continue };
        let Waiver { by, because, until, run, origin, .. } = waiver.clone();
        let expired = !waiver.holds_on(today);
        if !expired {
            verdict.status = Status::Waived;
        } else if !run && verdict.status == Status::Waived {
            // Nobody knows whether it holds.
            verdict.status = Status::Error;
            for result in &mut verdict.results {
                result.status = Status::Error;
            }
        }
        verdict.waiver = Some(Box::new(Waived { by, because, until, expired, origin }));
    }
}
