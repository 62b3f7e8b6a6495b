use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use forge_diag::{Diagnostic, Severity, Sink, SourceMap, Span};
use forge_model::{Day, Plan, Sources, Verdict, on_all_processors};
use forge_spec::{Again, Compiled, Record, ResolvedImage};

use crate::builder::{LastPlan, PlanBuilder};
use crate::graph::Placed;
use crate::inspec::{self, Profiles, SpecRuns};
use crate::items::ImageChanges;
use crate::last::{Asked, Last, LastImages};
use crate::lower::{ImageSteps, image_steps};
use crate::requirement::NearUnit;
use crate::waivers;
use crate::{Known, LowerError, SpecTarget, judge_spec, misfits, mistyped, needs, violations};

/// What a project comes to.
#[derive(Debug)]
pub struct Checked {
    /// What is to be done; none when there are errors.
    pub plan: Option<Plan>,
    /// All findings, each once, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the findings point into.
    pub source_map: SourceMap,
    /// How many images were taken over from an earlier run.
    pub taken: usize,
}

/// Compiles a project, judges it by its own controls, and lowers it to a plan: all that can be
/// known of it without building. The command line and the language server ask here, so an editor
/// shows what `forgec check` says.
///
/// A project of which nothing has changed since an earlier run, and of which nothing was to be said
/// then, is not compiled again.
///
/// `today` decides which waivers still count, and nothing else: the plan is the same on any day. A plan
/// with waivers is never kept: what is to be said of them changes by itself.
pub fn check(sources: &dyn Sources, today: Day) -> Checked {
    if !sources.keeps_plan() {
        return check_all(sources, today).0;
    }
    let asked = Asked::new(sources);
    let before = match asked.last() {
        Last::Same(plan) => {
            let (diagnostics, source_map, taken) =
                (Vec::new(), SourceMap::new(), plan.images.len());
            return Checked { plan: Some(plan), diagnostics, source_map, taken };
        }
        Last::Images(images) => check_again(&asked, images, today),
        Last::Nothing => None,
    };
    let (checked, made) = before.unwrap_or_else(|| check_all(&asked, today));
    if let Some(plan) = &checked.plan
        && checked.diagnostics.is_empty()
        && plan.images.iter().all(|image| image.waivers.is_empty())
    {
        asked.keep_plan(plan, made.record, made.placed);
    }
    checked
}

/// Checks a project of which some images are as they were. None where their plan is gone, and where
/// something is to be said: which findings there are, and in which order, is known of the whole alone.
fn check_again(asked: &Asked<'_>, images: LastImages, today: Day) -> Option<(Checked, Made)> {
    let again = forge_spec::compile_again(asked, Some(&images.record));
    if !again.compiled.diagnostics.is_empty() {
        return None;
    }
    let (checked, made) = check_compiled(asked, again, || asked.plan_of_images(&images), today);
    (made.whole && made.record.is_some()).then_some((checked, made))
}

fn check_all(sources: &dyn Sources, today: Day) -> (Checked, Made) {
    let again = forge_spec::compile_again(sources, None);
    check_compiled(sources, again, || Some(LastPlan::default()), today)
}

/// What the next run may take over by images.
struct Made {
    record: Option<Record>,
    placed: Vec<Placed>,
    /// All images are there that were to be taken over.
    whole: bool,
}

fn check_compiled<'a>(
    sources: &dyn Sources,
    again: Again,
    last: impl FnOnce() -> Option<LastPlan<'a>> + Send,
    today: Day,
) -> (Checked, Made) {
    let Again { compiled, unchanged, record } = again;
    let Compiled { spec, diagnostics: mut findings, levels, source_map: mut map, leftovers } =
        compiled;
    let (mut plan, mut placed, mut whole) = (None, Vec::new(), true);
    if let Some(spec) = spec {
        // A large plan is not read before there is room for it.
        let last = || {
            drop(leftovers);
            if unchanged.is_empty() { Some(LastPlan::default()) } else { last() }
        };
        let (last, mut lowered) = beside(last, || {
            let (profiles, found) = inspec::load_all(&spec.inspec, sources, &map);
            findings.extend(found);
            let ruby = &SpecRuns::new(sources);
            let around = Around { profiles: &profiles, ruby, sources, map: &map, today };
            lower_all(spec.images, around)
        });
        let broken = lowered.iter_mut().flat_map(|image| std::mem::take(&mut image.broken));
        findings.extend(inspec::violations(broken.collect(), sources, &mut map));
        let near = lowered.iter().flat_map(|image| &image.near);
        findings.extend(near.map(|near| near.diagnostic(sources, &mut map)));
        match last.and_then(|last| build(lowered, (&unchanged, last), &mut findings)) {
            Some(Ok(built)) => {
                plan = Some(built.0);
                placed = built.1;
            }
            Some(Err(errors)) => {
                findings.extend(errors.iter().map(|error| error.diagnostic(&map)));
            }
            None => whole = false,
        }
    }
    // What a project allows may be said of images that would be taken over.
    let mut record = record.filter(|_| findings.is_empty());
    if let Some(record) = &mut record {
        record.follow(placed.iter().map(|image| &image.after));
    }
    let findings = once(levels.apply(once(findings)));
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    let plan = plan.filter(|_| !failed);
    let taken = unchanged.len();
    let checked = Checked { plan, diagnostics: findings, source_map: map, taken };
    (checked, Made { record, placed, whole })
}

/// Does a job while another thread does another one.
fn beside<O: Send, R>(other: impl FnOnce() -> O + Send, job: impl FnOnce() -> R) -> (O, R) {
    std::thread::scope(|scope| {
        let other = scope.spawn(other);
        let done = job();
        (other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), done)
    })
}

/// A plan, with where the steps of each of its images are in it.
type Built = (Plan, Vec<Placed>);

/// The plan of all images, with where their steps are in it. None where the last plan does not have an
/// image that is to be taken over.
fn build(
    lowered: Vec<Lowered>,
    (unchanged, mut last): (&BTreeSet<String>, LastPlan<'_>),
    findings: &mut Vec<Diagnostic>,
) -> Option<Result<Built, Vec<LowerError>>> {
    let mut builder = PlanBuilder::default();
    let mut unchanged = unchanged.iter().peekable();
    for Lowered { name, found, near: _, broken: _, steps } in lowered {
        while let Some(before) = unchanged.next_if(|before| **before < name) {
            builder.add_again(before, &mut last)?;
        }
        findings.extend(found);
        builder.add(steps);
    }
    for before in unchanged {
        builder.add_again(before, &mut last)?;
    }
    Some(builder.finish())
}

/// What images are judged and lowered with.
#[derive(Clone, Copy)]
struct Around<'a> {
    profiles: &'a Profiles,
    ruby: &'a SpecRuns<'a>,
    sources: &'a dyn Sources,
    map: &'a SourceMap,
    today: Day,
}

/// One image, judged and lowered.
struct Lowered {
    name: String,
    found: Vec<Diagnostic>,
    near: Vec<NearUnit>,
    /// Controls of Ruby that the spec breaks.
    broken: Vec<Verdict>,
    steps: Result<ImageSteps, LowerError>,
}

/// Judges and lowers images, in their order. They are shared out among all processors: none knows
/// of another. Each ends when it is lowered, so that they do not all stay to the end.
fn lower_all(images: Vec<ResolvedImage>, around: Around<'_>) -> Vec<Lowered> {
    let images: Vec<_> = images.into_iter().map(|image| Mutex::new(Some(image))).collect();
    let lowered = on_all_processors(&images, |image| {
        let image = image.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(lower_image(&image, around))
    });
    lowered.into_iter().flatten().collect()
}

fn lower_image(image: &ResolvedImage, around: Around<'_>) -> Lowered {
    let Around { profiles, ruby, sources, map, today } = around;
    let changes = ImageChanges::of(image);
    let target = SpecTarget::new(image, &changes, sources);
    let verdicts = judge_spec(image, &target);
    let mut shown = verdicts.clone();
    forge_judge::waive(&mut shown, &image.waivers, today);
    let mut found = violations(&shown, map);
    found.extend(waivers::findings(image, profiles, map, today));
    found.extend(misfits(&target, map));
    found.extend(mistyped(image, &target, map));
    let needs = needs(image, sources, &target, map);
    found.extend(needs.found);
    // One that cannot be read is reported.
    let read = image.inspec.iter().filter_map(|name| profiles.get(name));
    let inspec: Vec<_> =
        read.map(|profile| inspec::without_waived(profile, &image.waivers)).collect();
    let ran = inspec.iter().flat_map(|profile| ruby.broken(profile, image, &target));
    let mut broken: Vec<_> = ran.collect();
    forge_judge::waive(&mut broken, &image.waivers, today);
    let known = Known { verdicts, open: needs.open, inspec };
    drop(target);
    let steps = image_steps(image, changes, known);
    Lowered { name: image.name.clone(), found, near: needs.near, broken, steps }
}

/// The whole of a file of the project, which joins the map for a finding in it.
pub(crate) fn joined(path: &str, sources: &dyn Sources, map: &mut SourceMap) -> Option<Span> {
    let known = map.files().find(|file| &*map.path(*file) == path);
    let file = if let Some(file) = known {
        file
    } else {
        let bytes = sources.read(path).ok()?;
        map.add(path, String::from_utf8(bytes.to_vec()).ok()?)
    };
    Some(Span::new(file, 0, map.text(file).len()))
}

/// Each finding once, in the order of places: images that share a role share its mistakes.
fn once(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut sink = Sink::new();
    sink.extend(findings);
    sink.into_sorted()
}
