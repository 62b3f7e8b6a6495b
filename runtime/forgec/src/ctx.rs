//! What every command starts from: the project, the store, and where output goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forge_diag::render::{HumanOptions, human, json};
use forge_diag::{Diagnostic, Severity, Sink, SourceMap};
use forge_model::{Image, NodeId, Plan, Sources};
use forge_spec::ResolvedSpec;
use forge_store::Store;
use forge_sys::sources::{DiskSources, GitSources};

use crate::cli::Global;
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// The surroundings of a command.
#[derive(Debug)]
pub struct Ctx {
    global: Global,
}

/// A compiled project.
pub struct Project {
    /// Its root directory.
    pub root: PathBuf,
    /// Its files.
    pub sources: Arc<dyn Sources>,
    /// What it says; none when it has mistakes.
    pub spec: Option<ResolvedSpec>,
    /// What is to be done; none when it has mistakes.
    pub plan: Option<Plan>,
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Project").field("root", &self.root).finish_non_exhaustive()
    }
}

/// A project's root, spec and plan, all of it without mistakes.
pub struct Compiled {
    /// Its root directory.
    pub root: PathBuf,
    /// Its files.
    pub sources: Arc<dyn Sources>,
    /// What it says.
    pub spec: ResolvedSpec,
    /// What is to be done.
    pub plan: Plan,
}

impl Ctx {
    /// From the command line.
    pub fn new(global: Global) -> Self {
        Self { global }
    }

    /// Options of every command.
    pub fn global(&self) -> &Global {
        &self.global
    }

    /// The store's directory.
    pub fn store_dir(&self) -> &Path {
        &self.global.store
    }

    /// Where packed images go: relative to the working directory, absolute here, since a build
    /// changes neither.
    pub fn out_dir(&self) -> PathBuf {
        std::path::absolute(&self.global.out).unwrap_or_else(|_| self.global.out.clone())
    }

    /// How many steps run at the same time.
    pub fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.global.jobs.unwrap_or_else(cores).max(1)
    }

    /// The project's root: the nearest directory upward that has a `forge.kdl`.
    pub fn root(&self) -> Result<PathBuf, CmdError> {
        let start = self.global.project.clone().unwrap_or_else(|| PathBuf::from("."));
        let start = std::path::absolute(&start)
            .map_err(|error| CmdError::usage(format!("`{}`: {error}", start.display())))?;
        let found = start.ancestors().find(|directory| directory.join("forge.kdl").is_file());
        found.map(Path::to_owned).ok_or_else(|| {
            CmdError::usage(format!("no `forge.kdl` in `{}` or above it", start.display()))
                .help("go to a project, or name one with `-C DIR`")
        })
    }

    /// Compiles the project on disk, and prints every mistake.
    pub fn compile(&self, ui: &Ui) -> Result<Project, CmdError> {
        let root = self.root()?;
        let sources: Arc<dyn Sources> = Arc::new(
            DiskSources::open(&root).map_err(|error| CmdError::environment(error.to_string()))?,
        );
        let (spec, plan) = compile(ui, sources.as_ref())?;
        Ok(Project { root, sources, spec, plan })
    }

    /// Compiles the project on disk; mistakes end the command.
    pub fn compiled(&self, ui: &Ui) -> Result<Option<Compiled>, CmdError> {
        let Project { root, sources, spec, plan } = self.compile(ui)?;
        Ok(spec.zip(plan).map(|(spec, plan)| Compiled { root, sources, spec, plan }))
    }

    /// Compiles the project as it is in a revision.
    pub fn compile_revision(&self, ui: &Ui, revision: &str) -> Result<Option<Plan>, CmdError> {
        let root = self.root()?;
        let sources = GitSources::open(&root, revision)
            .map_err(|error| CmdError::user(format!("revision `{revision}`: {error}")))?;
        Ok(compile(ui, &sources)?.1)
    }

    /// The store, for questions; an absent one is an empty one.
    pub fn store_to_read(&self) -> Result<Store, CmdError> {
        Store::open_read(&self.global.store)
            .map_err(|error| CmdError::environment(error.to_string()))
    }
}

/// Compiles sources, printing every mistake and warning.
fn compile(
    ui: &Ui,
    sources: &dyn Sources,
) -> Result<(Option<ResolvedSpec>, Option<Plan>), CmdError> {
    let compiled = forge_spec::compile(sources);
    let (map, mut findings) = (compiled.source_map, compiled.diagnostics);
    let mut plan = None;
    if let Some(spec) = &compiled.spec {
        let mut judged = BTreeMap::new();
        for image in &spec.images {
            let verdicts = forge_plan::judge_spec(image, sources);
            findings.extend(forge_plan::violations(&verdicts, &map));
            judged.insert(image.name.clone(), verdicts);
        }
        findings = once(findings);
        match forge_plan::lower(spec, judged) {
            Ok(lowered) => plan = Some(lowered),
            Err(errors) => {
                findings.extend(errors.iter().map(|error| error.diagnostic(&map)));
            }
        }
    }
    print(ui, &findings, &map);
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    if failed {
        return Ok((None, None));
    }
    Ok((compiled.spec, plan))
}

/// Each finding once, in the order of their places: images that share a role share its mistakes.
fn once(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut sink = Sink::new();
    findings.into_iter().for_each(|finding| sink.push(finding));
    sink.into_sorted()
}

fn print(ui: &Ui, findings: &[Diagnostic], map: &SourceMap) {
    if findings.is_empty() {
        return;
    }
    if ui.json() {
        ui.out(&format!("{:#}", json(findings, map)));
        return;
    }
    ui.err(&human(findings, map, HumanOptions { color: ui.color(), ..HumanOptions::default() }));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if errors > 0 {
        let plural = if errors == 1 { "mistake" } else { "mistakes" };
        ui.err(&format!("{errors} {plural}"));
    }
}

/// The images that a command names; all of them when it names none.
pub fn select<'a>(plan: &'a Plan, names: &[String]) -> Result<Vec<&'a Image>, CmdError> {
    if names.is_empty() {
        return Ok(plan.images.iter().collect());
    }
    names.iter().map(|name| image(plan, name)).collect()
}

/// The image of this name.
pub fn image<'a>(plan: &'a Plan, name: &str) -> Result<&'a Image, CmdError> {
    plan.image(name).ok_or_else(|| {
        let known: Vec<_> = plan.images.iter().map(|image| image.name.as_str()).collect();
        let near = forge_syntax::closest(name, known.iter().copied());
        let help = near.map_or_else(
            || format!("images of this project: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        CmdError::user(format!("no image is called `{name}`")).help(help)
    })
}

/// Everything that is to be done for an image.
pub fn targets(image: &Image) -> Vec<NodeId> {
    let mut ids: Vec<_> = image.verdicts.clone();
    ids.push(image.stamp);
    ids.extend(image.pack);
    ids
}

/// The exit that a step's fault asks for.
pub fn exit_of(fault: forge_exec::Fault) -> Exit {
    match fault {
        forge_exec::Fault::User => Exit::Findings,
        forge_exec::Fault::Environment => Exit::Environment,
        forge_exec::Fault::Bug => Exit::Bug,
        forge_exec::Fault::Interrupted => Exit::Signal(2),
    }
}

