//! A plan's changes gathered over images: what several images share is said once.

use std::time::Duration;

use forge_model::{Bytes, Took};

use crate::plan::{Basis, ChangeKind, ImageDiff, LayerDiff, NamedChange, Outlook, PlanDiff, Work};
use crate::text::count;

/// Something that changes, and the images in which it does.
#[derive(Debug)]
pub(crate) struct Shared<'a, T> {
    pub(crate) what: &'a T,
    pub(crate) images: Vec<&'a str>,
}

/// Steps of changed images, by what they are; new and dropped images stand for their own steps.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    /// Steps that are themselves other than before, new or gone.
    pub(crate) causes: Vec<Shared<'a, LayerDiff>>,
    /// Steps that only stand on them.
    pub(crate) cascades: Vec<Shared<'a, LayerDiff>>,
    pub(crate) controls: Vec<Shared<'a, NamedChange>>,
    pub(crate) secrets: Vec<Shared<'a, NamedChange>>,
}

impl<'a> Summary<'a> {
    pub(crate) fn of(diff: &'a PlanDiff) -> Self {
        let changed = || diff.images.iter().filter(|image| image.change == ChangeKind::Changed);
        let layers = |cascade: bool| {
            let of = move |image: &'a ImageDiff| {
                let keep =
                    move |layer: &&LayerDiff| (layer.change == ChangeKind::Cascade) == cascade;
                image.layers.iter().filter(keep)
            };
            // What follows is shown by its label alone.
            let same = move |a: &LayerDiff, b: &LayerDiff| {
                a.reads_as(b) || (cascade && a.label == b.label && a.outlook == b.outlook)
            };
            let all = changed().flat_map(move |image| of(image).map(move |layer| (image, layer)));
            gather(all, same)
        };
        let controls = changed().flat_map(|image| image.controls.iter().map(move |it| (image, it)));
        let secrets =
            diff.images.iter().flat_map(|image| image.secrets.iter().map(move |it| (image, it)));
        Self {
            causes: layers(false),
            cascades: layers(true),
            controls: gather(controls, NamedChange::eq),
            secrets: gather(secrets, NamedChange::eq),
        }
    }
}

fn gather<'a, T>(
    all: impl Iterator<Item = (&'a ImageDiff, &'a T)>,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<Shared<'a, T>> {
    let mut gathered: Vec<Shared<'a, T>> = Vec::new();
    for (image, what) in all {
        match gathered.iter_mut().find(|shared| same(shared.what, what)) {
            Some(shared) => shared.images.push(&image.image),
            None => gathered.push(Shared { what, images: vec![&image.image] }),
        }
    }
    gathered
}

/// What new images are made of: those that are made of the same share one list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Made<'a> {
    /// The images' names.
    pub(crate) images: Vec<&'a str>,
    /// Their steps from the bottom up, gathered by phase: `packages: clock, scheduler`.
    pub(crate) lines: Vec<String>,
}

/// Lists of steps of new images that are shown; the rest are counted.
const MADE: usize = 8;

/// What new images are made of, and how many more images there are than are shown.
pub(crate) fn made(diff: &PlanDiff) -> (Vec<Made<'_>>, usize) {
    let (mut all, mut more): (Vec<Made<'_>>, usize) = (Vec::new(), 0);
    for image in diff.images.iter().filter(|image| image.change == ChangeKind::Added) {
        let lines = phases(image);
        if let Some(made) = all.iter_mut().find(|made| made.lines == lines) {
            made.images.push(&image.image);
        } else if all.len() < MADE {
            all.push(Made { images: vec![&image.image], lines });
        } else {
            more += 1;
        }
    }
    (all, more)
}

/// The steps of an image by phase, each phase where its first step stands. A step of the image's own
/// part is `its own`; what belongs to no part stands under its own name, and a list of packages with
/// the step that it is for.
fn phases(image: &ImageDiff) -> Vec<String> {
    let mut phases: Vec<(&str, Vec<&str>)> = Vec::new();
    for layer in &image.layers {
        let (part, phase) = layer.label.rsplit_once('/').unwrap_or(("", &layer.label));
        let part = if part == image.image { "its own" } else { part };
        match phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, parts)) => parts.push(part),
            None => phases.push((phase, vec![part])),
        }
    }
    let of = |name: &str| {
        let found = phases.iter().find(|(phase, _)| *phase == name);
        found.map(|(_, parts)| parts)
    };
    let mut lines: Vec<String> = Vec::new();
    let mut alone = false;
    for (phase, parts) in &phases {
        if phase.strip_suffix(LIST).and_then(of) == Some(parts) {
            continue;
        }
        let listed = of(&format!("{phase}{LIST}")) == Some(parts);
        let with = if listed { " (with package list)" } else { "" };
        match (parts.as_slice(), lines.last_mut().filter(|_| alone)) {
            ([""], Some(last)) => last.push_str(&format!("; {phase}{with}")),
            ([""], None) => lines.push(format!("{phase}{with}")),
            (parts, _) => lines.push(format!("{phase}{with}: {}", parts.join(", "))),
        }
        alone = parts.as_slice() == [""];
    }
    lines
}

/// The end of the label of a step that lists the packages of another one.
const LIST: &str = ", package list";

/// `2 of 4 images change`.
pub(crate) fn headline(diff: &PlanDiff) -> String {
    let (changed, all) = (diff.images.len(), diff.images.len() + diff.unchanged.len());
    match changed {
        0 => "no image changes".to_owned(),
        1 if all == 1 => "the image changes".to_owned(),
        _ if changed == all => format!("all {} change", count(all, "image")),
        1 => format!("1 of {} changes", count(all, "image")),
        _ => format!("{changed} of {} change", count(all, "image")),
    }
}

/// What the plan is compared with.
pub(crate) fn basis(basis: &Basis, code: impl Fn(&str) -> String) -> String {
    match basis {
        Basis::Revision(revision) => code(revision),
        Basis::Store => "the store".to_owned(),
    }
}

/// `3 steps change, 2 follow; 24 controls judged again`.
pub(crate) fn image_line(image: &ImageDiff, code: impl Fn(&str) -> String) -> String {
    let steps = count(image.layers.len(), "step");
    let follow = image.layers.iter().filter(|layer| layer.change == ChangeKind::Cascade).count();
    let mut line = match image.change {
        ChangeKind::Added => format!("new, {steps}"),
        ChangeKind::Removed => format!("gone, with {steps}"),
        ChangeKind::Changed | ChangeKind::Cascade => {
            let own = image.layers.len() - follow;
            let verb = if own == 1 { "changes" } else { "change" };
            let follows = if follow == 1 { "follows" } else { "follow" };
            format!("{} {verb}, {follow} {follows}", count(own, "step"))
        }
    };
    if image.controls_judged_again > 0 {
        line.push_str("; ");
        line.push_str(&count(image.controls_judged_again, "control"));
        line.push_str(match image.change {
            ChangeKind::Added => " judged",
            ChangeKind::Changed | ChangeKind::Removed | ChangeKind::Cascade => " judged again",
        });
        if !image.profiles_judged_again.is_empty() {
            let profiles: Vec<_> =
                image.profiles_judged_again.iter().map(|one| code(one)).collect();
            line.push_str(&format!(", those of {} among them", profiles.join(", ")));
        }
    }
    line
}

/// What earlier builds tell of a step, as an addition to a line; empty for one that is gone, and
/// where nothing is known of any.
pub(crate) fn last(diff: &PlanDiff, layer: &LayerDiff) -> String {
    let nothing = diff.work.unknown == diff.work.steps;
    match layer.last {
        _ if nothing || layer.change == ChangeKind::Removed => String::new(),
        None => " (time and size not known)".to_owned(),
        Some(last) => format!(" (last time {})", figures(last.took, last.bytes)),
    }
}

fn figures(took: Duration, bytes: Option<u64>) -> String {
    let bytes = bytes.map(|bytes| format!(", {}", Bytes(bytes))).unwrap_or_default();
    format!("{}{bytes}", Took(took))
}

/// The work of the whole plan; none when nothing is to be done.
pub(crate) fn work(work: &Work) -> Option<String> {
    let Work { steps, unknown, took, bytes } = *work;
    let known = match (steps, unknown) {
        (0, _) => return None,
        (steps, unknown) if steps == unknown => "times and sizes are not known yet".to_owned(),
        (_, 0) => format!("last time {}", figures(took, Some(bytes))),
        (_, unknown) => {
            format!("last time {}, not known of {unknown}", figures(took, Some(bytes)))
        }
    };
    Some(format!("at most {} to be done: {known}", count(steps, "step")))
}

/// What the next build does, as an addition to a line; empty when only keys are known.
pub(crate) fn outlook(outlook: &Outlook, code: impl Fn(&str) -> String) -> String {
    match outlook {
        Outlook::Keys => String::new(),
        Outlook::Cached => ": in the store".to_owned(),
        Outlook::Builds => ": to be done".to_owned(),
        Outlook::Lost => ": to be done, since the store has lost its result".to_owned(),
        Outlook::Unless(steps) => {
            let steps: Vec<_> = steps.iter().map(|step| code(step)).collect();
            format!(": to be done unless {} comes out the same", steps.join(", "))
        }
        Outlook::Unknown(why) => format!(": unknown, {why}"),
    }
}
