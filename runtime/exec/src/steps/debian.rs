//! Package lists, the Debian base, and package steps, brought into the store.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use forge_model::{
    Action, Base, EdgeRole, Event, Located, NodeId, PackageList, PackageRecord, Packages, Resolve,
    Tree,
};
use forge_store::{LayerContent, OutputKind};
use forge_sys::overlay::Upper;
use forge_sys::tree::{Keep, ScanOptions, scan};

use super::scratch::Scratch;
use super::{leak, native};
use crate::debian::{
    self, BaseRequest, DebianError, ErrorKind, InstallRequest, ResolveRequest, Supplied, Supply,
};
use crate::step::{Made, Step};
use crate::{Fault, StepError};

impl From<DebianError> for StepError {
    fn from(error: DebianError) -> Self {
        let fault = match error.kind() {
            ErrorKind::User => Fault::User,
            ErrorKind::Environment => Fault::Environment,
            ErrorKind::Interrupted => Fault::Interrupted,
        };
        let mut step = Self::new(fault, error.to_string());
        step.origins = error.origins();
        if let DebianError::Failed { command, tail, log, .. } = error {
            step.message = format!("`{command}` failed");
            (step.command, step.tail, step.log) = (Some(command), tail, Some(log));
        }
        step
    }
}

pub(crate) fn context(step: &Step<'_>) -> Result<debian::Context, StepError> {
    let (events, node) = (step.context.events.clone(), step.node.id);
    let progress = move |line: &str| {
        let message = line.trim().to_owned();
        if !message.is_empty() {
            events.emit(Event::Progress { node, message });
        }
    };
    Ok(debian::Context {
        apt: step.context.store.apt_directory(),
        debs: step.context.store.debs_directory(),
        work: step.context.work.clone(),
        log: step.log(),
        host_apt: Path::new("/etc/apt").to_owned(),
        lists_not_before: step.context.refresh,
        progress: Some(Arc::new(progress)),
        masker: Some(Arc::new(step.context.vault.masker()?)),
        cancel: step.context.cancel.clone(),
        outer: step.context.outer,
    })
}

/// Where a list's packages come from; logins are opened.
fn supply<'a>(step: &Step<'_>, resolve: &'a Resolve) -> Result<Supply<'a>, StepError> {
    let mut supply = Supply::debian(&resolve.arch, &resolve.sources);
    for repository in &resolve.repositories {
        let key = repository.key.as_ref().map(|key| native::read_source(step, key)).transpose()?;
        let open = |login| {
            step.context.vault.open(login, step.context.sources.as_ref(), &step.context.store)
        };
        let login = repository.login.as_ref().map(open).transpose()?;
        supply.repositories.push(Supplied { repository, key, login });
    }
    Ok(supply)
}

/// The lists that came before a list, the first one first.
fn earlier_lists(step: &Step<'_>) -> Result<Vec<PackageList>, StepError> {
    earlier_lists_of(step, step.node.id)
}

fn earlier_lists_of(step: &Step<'_>, id: NodeId) -> Result<Vec<PackageList>, StepError> {
    let installed = |id: NodeId| step.plan.input(id, EdgeRole::Installed);
    let chain: Vec<_> = std::iter::successors(installed(id), |id| installed(*id)).collect();
    chain.into_iter().rev().map(|id| read_list(step, id)).collect()
}

fn read_list(step: &Step<'_>, id: NodeId) -> Result<PackageList, StepError> {
    let missing = || StepError::bug("a step began before its package list was there");
    let digest = step.inputs.get(&id).ok_or_else(missing)?;
    let bytes = step.context.store.read_blob(digest)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| StepError::bug(format!("a package list cannot be read: {error}")))
}

/// Names to an exact list, kept as a blob.
pub(crate) fn resolve(step: &Step<'_>, resolve: &Resolve) -> Result<Made, StepError> {
    let supply = supply(step, resolve)?;
    let context = context(step)?;
    let mut files = Vec::new();
    for file in &resolve.files {
        let bytes = native::read_source(step, &file.value)?;
        files.push(debian::package_file(&context, &resolve.arch, file, &bytes)?);
    }
    // What an earlier list was resolved with was looked at then.
    let earlier = step.plan.input(step.node.id, EdgeRole::Installed);
    let earlier = earlier.and_then(|id| match &step.plan.node(id).action {
        Action::Resolve(earlier) => Some(earlier),
        _ => None,
    });
    let new_pins: Vec<_> = resolve
        .pins
        .iter()
        .filter(|pin| !earlier.is_some_and(|earlier| earlier.pins.contains(pin)))
        .collect();
    let new_holds: Vec<_> = resolve
        .holds
        .iter()
        .filter(|held| !earlier.is_some_and(|earlier| earlier.holds.contains(held)))
        .collect();
    let request = ResolveRequest {
        action: resolve,
        supply: &supply,
        files: &files,
        installed: &earlier_lists(step)?,
        new_pins: &new_pins,
        new_holds: &new_holds,
    };
    let list = debian::resolve(&context, &request)?;
    let bytes = serde_json::to_vec(&list)
        .map_err(|error| StepError::bug(format!("a package list cannot be written: {error}")))?;
    let output = step.context.store.put_blob(&bytes)?;
    Ok(Made::new(output, OutputKind::Blob, bytes.len() as u64))
}

/// The step's own list, its files fetched.
fn fetched(step: &Step<'_>) -> Result<PackageList, StepError> {
    let id = step.plan.input(step.node.id, EdgeRole::List);
    let id = id.ok_or_else(|| StepError::bug("a package step without a list"))?;
    let list = read_list(step, id)?;
    let Action::Resolve(resolve) = &step.plan.node(id).action else {
        return Err(StepError::bug("a package list that was not resolved"));
    };
    let supply = supply(step, resolve)?;
    let context = context(step)?;
    restore_files(step, &context, resolve, &list.packages)?;
    step.progress(format!("fetching {} packages", list.packages.len()));
    debian::fetch(&context, &supply, &list.packages)?;
    Ok(list)
}

/// Brings files of the project into the store again, from which they may have been collected.
fn restore_files(
    step: &Step<'_>,
    context: &debian::Context,
    resolve: &Resolve,
    packages: &[PackageRecord],
) -> Result<(), StepError> {
    if debian::missing_files(context, packages).is_empty() {
        return Ok(());
    }
    for file in &resolve.files {
        let bytes = native::read_source(step, &file.value)?;
        debian::package_file(context, &resolve.arch, file, &bytes)?;
    }
    Ok(())
}

/// The Debian base.
pub(crate) fn base(step: &Step<'_>, base: &Base) -> Result<Made, StepError> {
    let Base::Debian { arch, sources, exclude_paths } = base else {
        return Err(StepError::bug("not a Debian base"));
    };
    let list = fetched(step)?;
    let scratch = Scratch::new(&step.context.work)?;
    let target = scratch.path().join("base");
    let request = BaseRequest { arch, sources, exclude_paths, packages: &list.packages };
    debian::build_base(&context(step)?, &request, &target)?;
    let mut made = keep(step, &target, None, scratch.begun, &debian::scrub)?;
    if sources.mirror.is_none() {
        made.notes.push(
            "the base names no `mirror`: packages came by the host's own apt configuration, and \
             the image's `sources.list` is empty"
                .to_owned(),
        );
    }
    Ok(made)
}

/// A package step in the sandbox.
pub(crate) fn packages(step: &Step<'_>, packages: &Packages) -> Result<Made, StepError> {
    let list = fetched(step)?;
    let stack = step.stack()?;
    let scratch = Scratch::new(&step.context.work)?;
    let upper = upper(scratch.path())?;
    let lowers = stack.lowers(&scratch.path().join("lowers"))?;
    // Files were asked for too, by the names that they turned out to have.
    let files = list.packages.iter().filter(|record| record.mirror == debian::PROJECT);
    let origin = step.node.origins.first();
    let files = files.filter_map(|file| Some(Located::new(file.name.clone(), origin?.clone())));
    let names: Vec<_> = packages.names.iter().cloned().chain(files).collect();
    let request = InstallRequest {
        names: &names,
        packages: &list.packages,
        answers: &packages.answers,
        holds: &packages.holds,
        lowers: &lowers,
        upper: &upper,
    };
    debian::install(&context(step)?, &request)?;
    let mut made = keep(step, &upper.upper, Some(&stack.tree), scratch.begun, &debian::scrub)?;
    made.notes.extend(late_answers(step, packages, &list)?);
    Ok(made)
}

/// Answers to packages that were configured before they were given.
fn late_answers(
    step: &Step<'_>,
    packages: &Packages,
    list: &PackageList,
) -> Result<Vec<String>, StepError> {
    if packages.answers.is_empty() {
        return Ok(Vec::new());
    }
    let id = step.plan.input(step.node.id, EdgeRole::List);
    let id = id.ok_or_else(|| StepError::bug("a package step without a list"))?;
    let has = |list: &PackageList, name: &str| list.packages.iter().any(|one| one.name == name);
    let earlier = earlier_lists_of(step, id)?;
    let late = packages.answers.iter().filter(|answer| {
        !has(list, &answer.owner) && earlier.iter().any(|list| has(list, &answer.owner))
    });
    let note = |answer: &forge_model::Preseed| {
        format!(
            "{}: the answer to `{}` comes late: an earlier layer has configured `{}`",
            answer.origin, answer.question, answer.owner
        )
    };
    Ok(late.map(note).collect())
}

/// Upper and work directory of an overlay.
pub(crate) fn upper(scratch: &Path) -> Result<Upper, StepError> {
    let upper = Upper { upper: scratch.join("upper"), work: scratch.join("work") };
    for directory in [&upper.upper, &upper.work] {
        // The upper's own mode is that of `/` in the layer, whatever the umask of the builder is.
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)))
            .map_err(|error| StepError::environment(format!("no scratch directory: {error}")))?;
    }
    Ok(upper)
}

/// Scans what a step wrote, and brings it into the store as a layer.
pub(crate) fn keep(
    step: &Step<'_>,
    directory: &Path,
    below: Option<&Tree>,
    started: i64,
    rule: &(dyn Fn(&forge_model::ImagePath) -> Keep + Sync),
) -> Result<Made, StepError> {
    step.progress("reading what changed");
    let options = ScanOptions { below, keep: rule, started };
    let found =
        scan(directory, &options).map_err(|error| StepError::environment(error.to_string()))?;
    let mut notes =
        leak::search(step.context, &found.manifest, &leak::Bytes::Directory(directory))?;
    for (path, name) in &found.lost_xattrs {
        notes.push(format!("`{path}`: the extended attribute `{name}` is not kept"));
    }
    step.progress("writing the layer");
    let store = &step.context.store;
    let transaction = store.begin()?;
    let content = LayerContent::Directory(directory);
    let output = store.commit_layer(&transaction, &found.manifest, content, false)?;
    let mut made = Made::new(output, OutputKind::Layer, found.manifest.content_size());
    made.notes = notes;
    Ok(made)
}
