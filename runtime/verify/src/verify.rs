use forge_judge::{Record, Recording};
use forge_model::{Control, Level, Origin, Shared, Status, Target, Verdict, Verify};
use forge_sys::nspawn::NspawnError;

use crate::{
    BootedTarget, ContainerTarget, Containers, Image, OUTCOME_VERSION, TreeTarget, VerifyOutcome,
};

/// Why controls could not be judged at all. What a control or an image does wrong is no error:
/// it stands in the outcome.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The image's layers could not be mounted.
    #[error("the image cannot be mounted: {0}")]
    Mount(String),
    /// The host refused a container.
    #[error(transparent)]
    Container(#[from] NspawnError),
    /// The booted image's systemd does not answer.
    #[error("systemd of the booted image does not answer: {0}")]
    Systemd(String),
    /// Controls of this level were given no containers to run in.
    #[error("controls of level `{0}` need containers")]
    NoContainers(Level),
    /// No image is judged at this level.
    #[error("controls of level `{0}` are judged on nodes, by `forgec controls run --node`")]
    OnNodes(Level),
    /// A profile of `InSpec` cannot be run.
    #[error("the profile `{profile}` cannot be judged by: {why}")]
    Profile {
        /// Its name.
        profile: String,
        /// Why.
        why: String,
        /// Where that is said.
        origin: Origin,
    },
    /// The run was stopped.
    #[error("the run was stopped")]
    Cancelled,
}

/// Judges the controls of one level.
///
/// This is the last target that they have, so what it does not know is an error: never a pass,
/// and never a failure either. `containers` may be none for [`Level::Tree`].
pub fn verify(
    action: &Verify,
    image: Image<'_>,
    containers: Option<Containers<'_>>,
) -> Result<VerifyOutcome, VerifyError> {
    let tree = TreeTarget::new(image);
    let needed = || containers.ok_or(VerifyError::NoContainers(action.level));
    let (verdicts, record, boot) = match action.level {
        Level::Spec | Level::Tree => {
            let (verdicts, record) = judge_all(action, &tree);
            (verdicts, record, None)
        }
        Level::Node => return Err(VerifyError::OnNodes(action.level)),
        Level::Container => {
            let target = ContainerTarget::new(tree, needed()?);
            let (verdicts, record) = judge_all(action, &target);
            (verdicts, record, None)
        }
        Level::Booted => {
            let containers = needed()?;
            let mounted = (containers.mount)().map_err(VerifyError::Mount)?;
            let expected = &action.expect_failed;
            let target = BootedTarget::boot(tree, containers, mounted.path(), expected)?;
            let (verdicts, record) = judge_all(action, &target);
            (verdicts, record, Some(target.finish()))
        }
    };
    // A command that was stopped looks like one that failed to run: that must not be kept.
    if containers.is_some_and(|containers| containers.cancel.is_cancelled()) {
        return Err(VerifyError::Cancelled);
    }
    let (image, level) = (action.image.clone(), action.level);
    Ok(VerifyOutcome { version: OUTCOME_VERSION, image, level, verdicts, boot, record })
}

fn judge_all(action: &Verify, target: &dyn Target) -> (Vec<Verdict>, Record) {
    let recording = Recording::new(target);
    let judge = |control: &Shared<Control>| settle(forge_judge::judge(control, &recording));
    let verdicts = action.controls.iter().map(judge).collect();
    (verdicts, recording.finish())
}

/// No later target will know what this one does not.
fn settle(mut verdict: Verdict) -> Verdict {
    let settled = |status| match status {
        Status::NotKnownHere => Status::Error,
        other => other,
    };
    verdict.status = settled(verdict.status);
    for result in &mut verdict.results {
        result.status = settled(result.status);
    }
    verdict
}
