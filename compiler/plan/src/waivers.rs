//! Waivers of an image: that their controls are there, and that they have not ended.

use forge_diag::{Diagnostic, SourceMap, codes};
use forge_model::{Day, Waiver};
use forge_spec::ResolvedImage;

use crate::inspec::{Profiles, unknown};

/// Days before its end from which on a waiver is spoken of.
const AHEAD: i64 = 30;

/// What is to be said of an image's waivers on a day.
pub(crate) fn findings(
    image: &ResolvedImage,
    profiles: &Profiles,
    map: &SourceMap,
    today: Day,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for waiver in &image.waivers {
        let profile = profiles.get(&waiver.profile);
        let mistake =
            profile.and_then(|profile| unknown(waiver, &profile.controls, profile.makes_ids, map));
        match mistake {
            Some(mistake) => found.push(mistake),
            None => found.extend(ends(waiver, map, today)),
        }
    }
    found
}

fn ends(waiver: &Waiver, map: &SourceMap, today: Day) -> Option<Diagnostic> {
    let Waiver { control, by, until, run, origin, .. } = waiver;
    let left = today.days_to(*until);
    let (headline, help) = if left <= 0 {
        let headline = format!("the waiver of `{control}` by {by} expired on {until}");
        (headline, "it counts no longer: take it away, or ask its owner for another day")
    } else if left <= AHEAD {
        let plural = if left == 1 { "day" } else { "days" };
        let headline =
            format!("the waiver of `{control}` by {by} ends in {left} {plural}, on {until}");
        (headline, "from that day on, the control blocks where it fails")
    } else {
        return None;
    };
    // A control that is not judged would be left out for ever.
    let found = if left <= 0 && !run {
        Diagnostic::error(codes::CONTROL_EXPIRED, headline).help(help).note("it is not judged")
    } else {
        Diagnostic::warning(codes::CONTROL_EXPIRED, headline).help(help)
    };
    Some(match map.span_at(&origin.file, origin.line, origin.column) {
        Some(span) => found.at(span, "waived here"),
        None => found,
    })
}
