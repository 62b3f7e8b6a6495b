//! Controls judged for one build, and their outcomes read again.

use std::path::Path;

use forge_artifact::ControlCounts;
use forge_exec::{NodeRequest, Ran, Stack, StepError};
use forge_model::{
    Action, Digest, ImagePath, InspecProfile, Level, Node, NodeId, Plan, Provenance, REQUIREMENTS,
    SourceFile, Status, TreeEntry, Verdict, Verify,
};
use forge_store::Store;
use forge_sys::overlay::Mounted;
use forge_verify::{
    BootReport, Containers, Image, TreeTarget, VerifyError, VerifyOutcome, verify, verify_inspec,
};

use crate::container::Ground;

/// Judges the controls of a node. At the tree, an earlier outcome whose answers are all still the
/// same stands: a control is keyed by what it asked, not by the whole image.
pub(crate) fn verdicts(request: &NodeRequest<'_>, action: &Verify) -> Result<Ran, StepError> {
    let content = |path: &ImagePath, entry: &TreeEntry| request.stack.read(path, entry);
    let is_secret = |layer: usize| is_secret(request.plan, &request.layers, layer);
    let blame = |path: &ImagePath, entry: &TreeEntry| {
        provenance(request.plan, &request.layers, path, entry)
    };
    let image = Image {
        tree: &request.stack.tree,
        content: &content,
        is_secret: &is_secret,
        blame: &blame,
    };
    let inspec = !action.inspec.is_empty();
    let known = if action.level == Level::Tree || inspec {
        earlier(request, action, &TreeTarget::new(image))
    } else {
        None
    };
    let (outcome, record) = match known {
        Some(known) => known,
        None if action.level == Level::Tree && !inspec => {
            (verify(action, image, None).map_err(step_error)?, None)
        }
        None => (in_containers(request, action, image)?, None),
    };
    check_needs(&outcome, action)?;
    Ok(record.map_or_else(|| Ran::Made(outcome.encode()), Ran::Stands))
}

/// An earlier outcome of the same controls that would come out the same, with the places that
/// they have now; and the action key of its record, when it is word for word what that one holds.
fn earlier(
    request: &NodeRequest<'_>,
    action: &Verify,
    target: &TreeTarget<'_>,
) -> Option<(VerifyOutcome, Option<Digest>)> {
    let store = &request.context.store;
    let own = request.node.own;
    let records = store
        .action_keys(&own)
        .into_iter()
        .filter_map(|key| store.record(request.node.action.kind(), &key));
    let mut outcomes =
        records.filter_map(|record| Some((read_all(store, &record.output)?, record)));
    let (mut outcome, record) = outcomes
        .find(|(outcome, _)| !outcome.has_errors() && outcome.record.still_holds(target))?;
    outcome.relocate(action);
    let same = Digest::of(&outcome.encode()) == record.output;
    Some((outcome, same.then_some(record.key.digest)))
}

fn in_containers(
    request: &NodeRequest<'_>,
    action: &Verify,
    image: Image<'_>,
) -> Result<VerifyOutcome, StepError> {
    let context = request.context;
    let failed = |error: std::io::Error| StepError::environment(error.to_string());
    let scratch =
        tempfile::Builder::new().prefix("controls-").tempdir_in(&context.work).map_err(failed)?;
    let masker = context.vault.masker()?;
    let mask = |text: &str| String::from_utf8_lossy(&masker.mask(text.as_bytes())).into_owned();
    let mount = || mount(&request.stack, scratch.path());
    let containers = Containers {
        mount: &mount,
        volatile: Ground::can_be_volatile(&request.stack),
        hostname: &action.image,
        outer: context.outer,
        scratch: scratch.path(),
        log: &request.log,
        cancel: &context.cancel,
        mask: &mask,
    };
    let outcome = if action.inspec.is_empty() {
        verify(action, image, Some(containers))
    } else {
        let read = |file: &SourceFile| {
            context.read_source(file).map(|bytes| bytes.to_vec()).map_err(|why| why.message)
        };
        verify_inspec(action, image, Some(containers), &read)
    };
    outcome.map_err(step_error)
}

/// Boots an image without any control, for the report of its units.
pub(crate) fn boot(
    stack: &Stack,
    image: &forge_model::Image,
    context: &forge_exec::Context,
    inside: &forge_sys::sandbox::Inside,
    log: &Path,
) -> Result<BootReport, StepError> {
    let failed = |error: std::io::Error| StepError::environment(error.to_string());
    let scratch =
        tempfile::Builder::new().prefix("boot-").tempdir_in(&inside.work).map_err(failed)?;
    let action = Verify {
        image: image.name.clone(),
        level: Level::Booted,
        controls: Vec::new(),
        inspec: Vec::new(),
        expect_failed: image.expect_failed.clone(),
    };
    let content = |path: &ImagePath, entry: &TreeEntry| stack.read(path, entry);
    let target =
        Image { tree: &stack.tree, content: &content, is_secret: &|_| false, blame: &|_, _| None };
    let mount = || mount(stack, scratch.path());
    let containers = Containers {
        mount: &mount,
        volatile: Ground::can_be_volatile(stack),
        hostname: &image.name,
        outer: inside.outer,
        scratch: scratch.path(),
        log,
        cancel: &context.cancel,
        mask: &str::to_owned,
    };
    let outcome = verify(&action, target, Some(containers)).map_err(step_error)?;
    outcome.boot.ok_or_else(|| StepError::bug("a booted container without a boot report"))
}

fn mount(stack: &Stack, scratch: &Path) -> Result<Mounted, String> {
    let ground = tempfile::Builder::new()
        .prefix("root-")
        .tempdir_in(scratch)
        .map_err(|error| error.to_string())?
        .keep();
    Ground::mount_in(stack, &ground).map_err(|error| error.message)
}

fn step_error(error: VerifyError) -> StepError {
    let message = error.to_string();
    match error {
        VerifyError::Cancelled => StepError::new(forge_exec::Fault::Interrupted, message),
        VerifyError::Systemd(_) => StepError::user(message),
        VerifyError::NoContainers(_) | VerifyError::OnNodes(_) => StepError::bug(message),
        VerifyError::Profile { origin, .. } => StepError::user(message).at(&origin),
        VerifyError::Mount(_) | VerifyError::Container(_) => StepError::environment(message),
    }
}

/// True for a layer that holds secrets.
fn is_secret(plan: &Plan, layers: &[NodeId], layer: usize) -> bool {
    let node = layers.get(layer).map(|id| plan.node(*id));
    node.is_some_and(|node| matches!(node.action, Action::Secrets(_)))
}

/// The layer that a path comes from, and the line of the spec that asked for it there.
fn provenance(
    plan: &Plan,
    layers: &[NodeId],
    path: &ImagePath,
    entry: &TreeEntry,
) -> Option<Provenance> {
    let node = plan.node(*layers.get(entry.layer)?);
    Some(Provenance { layer: node.label.clone(), origin: origin(node, path) })
}

fn origin(node: &Node, path: &ImagePath) -> Option<forge_model::Origin> {
    let declared = match &node.action {
        Action::Changes(changes) => changes
            .changes
            .iter()
            .find(|change| change.what.path() == Some(path))
            .map(|change| &change.origin),
        Action::Secrets(secrets) => {
            secrets.files.iter().find(|file| file.path == *path).map(|file| &file.origin)
        }
        Action::Resolve(_)
        | Action::Base(_)
        | Action::Packages(_)
        | Action::Fetch(_)
        | Action::Unpack(_)
        | Action::Run(_)
        | Action::Stamp(_)
        | Action::Verify(_)
        | Action::Pack(_) => None,
    };
    declared.or(node.origins.first()).cloned()
}

/// What the items of an image need and the built image does not have: an error at the lines of the
/// spec that need it. It ends the build before anything is packed.
fn check_needs(outcome: &VerifyOutcome, action: &Verify) -> Result<(), StepError> {
    let mut lines = Vec::new();
    let mut places = Vec::new();
    for verdict in outcome.verdicts.iter().filter(|one| one.profile == REQUIREMENTS) {
        if !verdict.blocks() {
            continue;
        }
        let need = action.controls.iter().find(|control| control.id == verdict.control);
        let layer = need.and_then(|control| control.tags.get("layer"));
        let layer = layer.map(|layer| format!(", in `{layer}`")).unwrap_or_default();
        let why = verdict.findings().find_map(|result| result.message.clone());
        let why = why.unwrap_or_else(|| "it is absent".to_owned());
        lines.push(format!("{}: {why} (needed at {}{layer})", verdict.title, verdict.origin));
        places.push(&verdict.origin);
    }
    if lines.is_empty() {
        return Ok(());
    }
    let message = format!("the image lacks what its spec needs:\n{}", lines.join("\n"));
    let error = StepError::user(message).help(
        "add the package, file or account that brings it, or take away what forbids it; `forgec explain requires::program`",
    );
    Err(places.into_iter().fold(error, StepError::at))
}

/// The outcome of controls that a verdict node gave. What items need is no control that anybody
/// wrote, and is in no report.
pub(crate) fn read(store: &Store, output: &Digest) -> Option<VerifyOutcome> {
    let mut outcome = read_all(store, output)?;
    outcome.verdicts.retain(|verdict| verdict.profile != REQUIREMENTS);
    Some(outcome)
}

/// The outcome that a verdict node gave.
fn read_all(store: &Store, output: &Digest) -> Option<VerifyOutcome> {
    VerifyOutcome::decode(&store.read_blob(output).ok()?)
}

/// Adds a verdict to the counts.
pub(crate) fn count(verdict: &Verdict, counts: &mut ControlCounts) {
    match verdict.status {
        Status::Passed => counts.passed += 1,
        Status::Failed => counts.failed += 1,
        Status::Skipped
        | Status::NotReviewed
        | Status::Waived
        | Status::NotApplicable
        | Status::NotKnownHere
        | Status::Empty => counts.skipped += 1,
        Status::Error => counts.errors += 1,
    }
}

/// What keeps an image from being packed: ids of controls, and units that are not as they should.
pub(crate) fn blocking(outcome: &VerifyOutcome, action: &Verify) -> Vec<String> {
    let name = |verdict: &Verdict| {
        let name = match inspec_of(action, verdict) {
            Some(profile) => format!("`{}` of profile `{}`", verdict.control, profile.name),
            None => format!("`{}`", verdict.control),
        };
        match &verdict.waiver {
            Some(waiver) => format!("{name} ({}, at {})", waiver.text(), waiver.origin),
            None => name,
        }
    };
    let controls = outcome.verdicts.iter().filter(|verdict| verdict.blocks());
    let mut names: Vec<_> = controls.map(name).collect();
    let boot = outcome.boot.iter().flat_map(|boot| &boot.failures);
    names.extend(boot.map(|failure| format!("boot: {}", failure.message)));
    names
}

/// Profiles of `InSpec` whose files make ids of controls, and that were run whole.
pub(crate) fn making_ids(outcome: &VerifyOutcome, action: &Verify) -> Vec<String> {
    let whole = |profile: &&InspecProfile| {
        let mut own = outcome.verdicts.iter().filter(|one| one.profile == profile.name);
        own.all(|verdict| !verdict.control.starts_with('('))
    };
    let profiles = action.inspec.iter().map(|profile| &**profile);
    let making = profiles.filter(|profile| profile.makes_ids).filter(whole);
    making.map(|profile| profile.name.clone()).collect()
}

/// The profile of `InSpec` that a verdict is of.
fn inspec_of<'a>(action: &'a Verify, verdict: &Verdict) -> Option<&'a InspecProfile> {
    let mut profiles = action.inspec.iter().map(|profile| &**profile);
    profiles.find(|profile| profile.name == verdict.profile)
}

/// How to leave a control out that nobody here can mend: the Ruby of a profile stays as it is.
pub(crate) fn way_out(outcome: &VerifyOutcome, action: &Verify) -> Option<String> {
    // What stands in parentheses is no control, but a file that cannot be run.
    let control = |verdict: &&Verdict| verdict.blocks() && !verdict.control.starts_with('(');
    let mut blocking = outcome.verdicts.iter().filter(control);
    let (verdict, profile) =
        blocking.find_map(|verdict| Some((verdict, inspec_of(action, verdict)?)))?;
    let (id, place) = (&verdict.control, &profile.origin);
    Some(format!(
        "`waive \"{id}\" by=\"…\" because=\"…\" until=\"…\"` in the profile at {place} lets one fail until a day"
    ))
}
