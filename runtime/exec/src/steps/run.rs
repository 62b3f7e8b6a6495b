//! Scripts in the sandbox.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use forge_model::{BUILD_EPOCH, Event, ImagePath, Run};
use forge_secret::{Masker, SecretValue};
use forge_sys::nspawn::{self, Bind, NspawnError, Payload, Sandbox};
use forge_sys::process::{Command, ProcessError};

use super::scratch::Scratch;
use super::{debian, native, unpack};
use crate::step::{Made, Step};
use crate::{Fault, StepError};

/// Where the container sees script, inputs and secrets, all read-only.
const INSIDE: &str = "/run/forge";

/// Runs a script over the layers below; what it changes becomes the layer.
pub(crate) fn run(step: &Step<'_>, run: &Run) -> Result<Made, StepError> {
    let stack = step.stack()?;
    let scratch = Scratch::new(&step.context.work)?;
    let inside = scratch.path().join("inside");
    let secrets = prepare(step, run, &inside)?;
    let upper = debian::upper(scratch.path())?;
    let target = scratch.path().join("root");
    let failed = |error: std::io::Error| StepError::environment(error.to_string());
    std::fs::create_dir_all(&target).map_err(failed)?;
    let lowers = scratch.path().join("lowers");
    let mounted = stack.mount(&lowers, &[], Some(upper.clone()), &target)?;
    let sandbox = sandbox(run, mounted.path(), &inside);
    let log = step.log();
    let masker = Masker::new(secrets.iter().map(|(name, value)| (name.as_str(), &**value)))
        .map_err(|error| StepError::bug(error.to_string()))?;
    let output =
        nspawn::run(&sandbox, step.context.outer, |command| shape(command, step, &log, masker));
    let unmounted = mounted.unmount();
    let output = output.map_err(nspawn_error)?;
    unmounted.map_err(|error| StepError::environment(error.to_string()))?;
    if !output.success() {
        let message = format!("script `{}` ended with status {}", run.script.path, output.status);
        let mut error = StepError::user(message).at(&run.origin);
        error.command = Some(format!("{INSIDE}/script ({})", run.script.path));
        (error.tail, error.log) = (output.tail, Some(log));
        return Err(error);
    }
    let made =
        debian::keep(step, &upper.upper, Some(&stack.tree), scratch.begun, &crate::debian::scrub)?;
    let layer = step.context.store.layer(&made.output)?;
    native::check_binding(&stack, &run.protected, layer.manifest())?;
    Ok(made)
}

/// Writes script, inputs and secrets where the container sees them; gives the secrets' values.
fn prepare(
    step: &Step<'_>,
    run: &Run,
    inside: &Path,
) -> Result<Vec<(String, Arc<SecretValue>)>, StepError> {
    let write = |path: &Path, bytes: &[u8], mode: u32| {
        let parent = path.parent().unwrap_or(path);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(path, bytes))
            .and_then(|()| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)))
            .map_err(|error| StepError::environment(error.to_string()))
    };
    let mut script = native::read_source(step, &run.script)?;
    if !script.starts_with(b"#!") {
        script.splice(0..0, *b"#!/bin/sh -e\n");
    }
    write(&inside.join("script"), &script, 0o755)?;
    for (name, file) in &run.inputs {
        let Some(path) = ImagePath::new(name) else {
            return Err(StepError::user(format!("input `{name}` leaves its directory")));
        };
        let relative = String::from_utf8_lossy(path.as_bytes()).into_owned();
        let mode = if file.executable { 0o755 } else { 0o644 };
        write(&inside.join("input").join(relative), &native::read_source(step, file)?, mode)?;
    }
    for (name, id) in run.fetched.iter().zip(step.plan.sources(step.node.id)) {
        let (from, to) = (unpack::fetched(step, id)?, inside.join("input").join(name));
        std::fs::create_dir_all(inside.join("input"))
            .and_then(|()| std::fs::copy(&from, &to))
            .map_err(|error| StepError::environment(error.to_string()))?;
    }
    let mut values = Vec::new();
    for secret in &run.secrets {
        let sources = step.context.sources.as_ref();
        let value = step.context.vault.open(secret, sources, &step.context.store)?;
        // The run's work directory is a tmpfs of its own.
        write(&inside.join("secrets").join(&secret.name), value.expose(), 0o400)?;
        values.push((secret.name.clone(), value));
    }
    Ok(values)
}

fn sandbox(run: &Run, root: &Path, inside: &Path) -> Sandbox {
    let payload = Payload::Run(vec![format!("{INSIDE}/script").into()]);
    let mut sandbox = Sandbox::new(root, payload);
    let epoch = BUILD_EPOCH.to_string();
    let fixed = [
        ("LC_ALL", "C.UTF-8"),
        ("PATH", forge_sys::process::PATH),
        ("HOME", "/root"),
        ("SOURCE_DATE_EPOCH", &epoch),
    ];
    sandbox.environment = fixed
        .into_iter()
        .chain(run.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    sandbox.binds =
        vec![Bind { host: inside.to_owned(), container: INSIDE.into(), writable: false }];
    sandbox
}

/// Log, masking, progress and cancelling.
fn shape(command: Command, step: &Step<'_>, log: &Path, masker: Masker) -> Command {
    let (events, node) = (step.context.events.clone(), step.node.id);
    let filter = move |line: &[u8]| {
        let masked = masker.mask(line);
        let message = String::from_utf8_lossy(&masked).trim().to_owned();
        if !message.is_empty() {
            events.emit(Event::Progress { node, message });
        }
        masked
    };
    command.log(log).filter(Arc::new(filter)).cancel(&step.context.cancel)
}

pub(crate) fn nspawn_error(error: NspawnError) -> StepError {
    match error {
        NspawnError::Process(ProcessError::Cancelled { .. }) => {
            StepError::new(Fault::Interrupted, "interrupted")
        }
        NspawnError::NotReady { tail, .. } => {
            let mut step = StepError::user("the container did not start");
            step.tail = tail;
            step
        }
        // The image is as the specs made it.
        error @ NspawnError::Unsafe { .. } => StepError::user(error.to_string()),
        error @ NspawnError::Process(ProcessError::Start { .. }) => {
            StepError::environment(error.to_string())
                .help("run `forgec doctor`: it says what the host lacks")
        }
        other => StepError::environment(other.to_string()),
    }
}
