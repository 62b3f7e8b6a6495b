//! Profiles of `InSpec` over an image: first at the tree, and then, where a control needs it, in a
//! container.

use forge_inspec::{Options, ProjectProfile, ReadSource, Waivers};
use forge_judge::{Question, Record, Recording};
use forge_model::{
    CheckResult, Files, InspecProfile, Level, ProfileReport, ProfileStatus, Status, Target,
    Verdict, Verify,
};

use crate::{
    BootedTarget, ContainerTarget, Containers, Image, OUTCOME_VERSION, TreeTarget, VerifyError,
    VerifyOutcome,
};

/// What an image needs to be booted in a container.
const SYSTEMD: &str = "/lib/systemd/systemd";

/// Judges an image by profiles of `InSpec`.
///
/// All controls are judged at the tree. Those that are not known there and that ask programs are
/// judged in containers that are not booted, those that are still not known in one that is booted,
/// if the image can boot: each profile no dearer than its own level. What no target of a profile
/// knows stays not known: Ruby written for nodes asks for more than an image can tell.
pub fn verify_inspec(
    action: &Verify,
    image: Image<'_>,
    containers: Option<Containers<'_>>,
    read: ReadSource<'_>,
) -> Result<VerifyOutcome, VerifyError> {
    let mut record = Record::default();
    let mut open = Vec::new();
    for profile in &action.inspec {
        let mut judging = Judging::new(profile, read);
        record.join(judging.at(&TreeTarget::new(image))?);
        open.push(judging);
    }
    if let Some(containers) = containers {
        let cancelled = || containers.cancel.is_cancelled();
        let target = ContainerTarget::new(TreeTarget::new(image), containers).doubting();
        for judging in open.iter_mut().filter(|judging| judging.wants(Level::Container)) {
            record.join(judging.at(&target)?);
        }
        let boots = TreeTarget::new(image).stat(SYSTEMD, true).is_ok_and(|found| found.is_some());
        let mut left: Vec<_> =
            open.iter_mut().filter(|judging| boots && judging.wants(Level::Booted)).collect();
        if !left.is_empty() && !cancelled() {
            let mounted = (containers.mount)().map_err(VerifyError::Mount)?;
            let tree = TreeTarget::new(image);
            // What keeps an image from booting is found where its boot is asked for: here it only
            // leaves what is not known as it is.
            let target = match BootedTarget::boot(tree, containers, mounted.path(), &[]) {
                Ok(target) => Some(target.doubting()),
                Err(VerifyError::Systemd(_)) => None,
                Err(error) => return Err(error),
            };
            if let Some(target) = target {
                for judging in left.iter_mut().filter(|_| target.is_up()) {
                    record.join(judging.at(&target)?);
                }
                target.finish();
            }
        }
        if cancelled() {
            return Err(VerifyError::Cancelled);
        }
    }
    let verdicts = open.into_iter().flat_map(|judging| judging.verdicts).collect();
    let (image, level) = (action.image.clone(), action.level);
    Ok(VerifyOutcome { version: OUTCOME_VERSION, image, level, verdicts, boot: None, record })
}

/// A profile that is being judged.
struct Judging<'a> {
    source: ProjectProfile<'a>,
    options: Options,
    verdicts: Vec<Verdict>,
    /// The last target was asked what a booted one may know better.
    asks_running: bool,
}

/// What the id of a row begins with that is about a file, and not about a control of it.
const FILE: &str = "(file ";

impl<'a> Judging<'a> {
    fn new(profile: &'a InspecProfile, read: ReadSource<'a>) -> Self {
        let source = ProjectProfile { profile, read };
        let options = source.options();
        Self { source, options, verdicts: Vec::new(), asks_running: false }
    }

    fn open(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.status == Status::NotKnownHere)
    }

    /// Whether something is left that a target of this level may know.
    fn wants(&self, level: Level) -> bool {
        let asked = level < Level::Booted || self.asks_running;
        self.source.profile.level >= level && asked && self.open().next().is_some()
    }

    /// Judges what no earlier target knew. Gives what the target was asked.
    fn at(&mut self, target: &dyn Target) -> Result<Record, VerifyError> {
        let profile = self.source.profile;
        let failed = |why: String| VerifyError::Profile {
            profile: profile.name.clone(),
            why,
            origin: profile.origin.clone(),
        };
        // What a file does outside of controls may decide which controls there are: then all of it
        // is judged anew.
        let whole = self.open().any(|verdict| verdict.control.starts_with(FILE));
        let ids: Vec<_> = self.open().map(|verdict| verdict.control.clone()).collect();
        let first = self.verdicts.is_empty();
        self.options.controls = if whole { Vec::new() } else { ids };
        if whole {
            self.verdicts.clear();
        }
        let recording = Recording::new(target);
        let run = forge_inspec::run(&profile.directory, &self.source, &recording, &self.options);
        let run = run.map_err(failed)?;
        let left = recording.unanswered();
        let record = recording.finish();
        if first {
            self.check_skips(&run.known_controls)?;
        }
        let is_unit = |(question, _): &(Question, _)| matches!(question, Question::Unit(_));
        let is_command = |question: &Question| matches!(question, Question::Command { .. });
        self.asks_running = left.iter().any(is_command) || record.answers.iter().any(is_unit);
        self.take(run.report, target.level());
        Ok(record)
    }

    /// Takes what a run gave in the place of what was not known.
    fn take(&mut self, report: ProfileReport, level: Level) {
        let profile = self.source.profile;
        if let ProfileStatus::Skipped(why) = &report.status {
            self.verdicts = vec![not_for_this_system(profile, why, level)];
        }
        for control in report.controls {
            // The name that the spec knows it by.
            let mut verdict = control.verdict;
            verdict.profile.clone_from(&profile.name);
            match self.verdicts.iter_mut().find(|known| known.control == verdict.control) {
                Some(known) => *known = verdict,
                None => self.verdicts.push(verdict),
            }
        }
    }

    /// A control that is skipped and that is nowhere is a mistyped one.
    fn check_skips(&self, known: &[String]) -> Result<(), VerifyError> {
        let profile = self.source.profile;
        for skip in &profile.skips {
            let id = &skip.control;
            // Some system may have it: the files write it out.
            if known.contains(id) || profile.controls.contains(id) || known.is_empty() {
                continue;
            }
            return Err(VerifyError::Profile {
                profile: profile.name.clone(),
                why: format!("it has no control `{id}`, which is to be skipped"),
                origin: skip.origin.clone(),
            });
        }
        Ok(())
    }
}

/// Gives verdicts of an earlier run what a profile's declaration says now, and is in no key: why a
/// control is skipped, and where the profile stands.
pub(crate) fn reword(verdicts: &mut [Verdict], profile: &InspecProfile) {
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.profile == profile.name) {
        if verdict.status == Status::Waived
            && let Some(skip) = profile.skips.iter().find(|skip| skip.control == verdict.control)
        {
            for result in &mut verdict.results {
                result.message = Some(Waivers::message(&skip.because));
            }
        }
        if verdict.control == OTHER_SYSTEMS {
            verdict.origin.clone_from(&profile.origin);
            for result in &mut verdict.results {
                result.origin.clone_from(&profile.origin);
            }
        }
    }
}

/// The id of the row of a profile that is not for the system.
const OTHER_SYSTEMS: &str = "(profile)";

fn not_for_this_system(profile: &InspecProfile, why: &str, level: Level) -> Verdict {
    let result = CheckResult {
        text: format!("profile {}", profile.name),
        status: Status::NotApplicable,
        message: Some(why.to_owned()),
        evidence: None,
        vacuous: false,
        origin: profile.origin.clone(),
        provenance: None,
        exception: None,
    };
    Verdict {
        control: OTHER_SYSTEMS.to_owned(),
        profile: profile.name.clone(),
        title: "The profile is for other systems".to_owned(),
        impact: 0.0,
        level,
        status: Status::NotApplicable,
        results: vec![result],
        origin: profile.origin.clone(),
        waiver: None,
    }
}
