//! What every command starts from: the project, the store, and where output goes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forge_diag::render::{HumanOptions, human, json};
use forge_diag::{Diagnostic, FileId, Severity, SourceMap, Standpoint, apply_fixes, sure_fixes};
use forge_model::{Day, Image, NodeId, Plan, Sources};
use forge_plan::Checked;
use forge_stdlib::{WithLibrary, is_library};
use forge_store::Store;
use forge_sys::sources::{DiskSources, GitSources, SourcesError};

use crate::cache::cache_directory;
use crate::cli::Global;
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// The surroundings of a command.
#[derive(Debug)]
pub(crate) struct Ctx {
    global: Global,
}

/// A compiled project.
pub(crate) struct Project {
    /// Its root directory.
    pub(crate) root: PathBuf,
    /// Its files.
    pub(crate) sources: Arc<dyn Sources>,
    /// What is to be done; none when it has mistakes.
    pub(crate) plan: Option<Plan>,
    /// How many warnings were found.
    pub(crate) warnings: usize,
    /// What was found, as JSON.
    pub(crate) findings: serde_json::Value,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("root", &self.root).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Project").field("root", &self.root).finish_non_exhaustive()
    }
}

/// A project's root, spec and plan, all of it without mistakes.
pub(crate) struct Compiled {
    /// Its root directory.
    pub(crate) root: PathBuf,
    /// Its files.
    pub(crate) sources: Arc<dyn Sources>,
    /// What is to be done.
    pub(crate) plan: Plan,
}

impl Ctx {
    /// From the command line. The store is absolute from here on: apt, mmdebstrap and nspawn would
    /// take a relative path for one of their own.
    pub(crate) fn new(mut global: Global) -> Self {
        if let Ok(store) = std::path::absolute(&global.store) {
            global.store = store;
        }
        Self { global }
    }

    /// The store's directory.
    pub(crate) fn store_dir(&self) -> &Path {
        &self.global.store
    }

    /// Where packed images go: relative to the working directory, absolute here, since a build
    /// changes neither.
    pub(crate) fn out_dir(&self) -> PathBuf {
        std::path::absolute(&self.global.out).unwrap_or_else(|_| self.global.out.clone())
    }

    /// How many steps run at the same time.
    pub(crate) fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.global.jobs.unwrap_or_else(cores).max(1)
    }

    /// The directory that the command line names, else the working directory.
    pub(crate) fn start(&self) -> PathBuf {
        self.global.project.clone().unwrap_or_else(|| PathBuf::from("."))
    }

    /// The project's root: the nearest directory upward that has a `forge.kdl`.
    pub(crate) fn root(&self) -> Result<PathBuf, CmdError> {
        let start = self.start();
        let start = std::path::absolute(&start)
            .map_err(|error| CmdError::usage(format!("`{}`: {error}", start.display())))?;
        root_above(&start).map(Path::to_owned).ok_or_else(|| {
            CmdError::usage(format!("no `forge.kdl` in `{}` or above it", start.display()))
                .help("go to a project, or name one with `-C DIR`")
        })
    }

    /// Compiles the project on disk, and prints every mistake and warning.
    pub(crate) fn compile(&self, ui: &Ui) -> Result<Project, CmdError> {
        self.compile_with(ui, Warnings::Shown)
    }

    fn compile_with(&self, ui: &Ui, shown: Warnings) -> Result<Project, CmdError> {
        let (root, sources) = (self.root()?, self.sources(None)?);
        let Checked { plan, diagnostics, source_map, .. } = compile(ui, sources.as_ref(), shown);
        let warns = |found: &&Diagnostic| found.severity == Severity::Warning;
        let warnings = diagnostics.iter().filter(warns).count();
        let findings = json(&diagnostics, &source_map);
        Ok(Project { root, sources, plan, warnings, findings })
    }

    /// Writes the mends of all mistakes that can be meant in one way only; gives the paths of the
    /// files that changed, with the number of mends in each. A mend may bring the next mistake to
    /// light, so this goes on until none is left.
    pub(crate) fn mend(&self) -> Result<BTreeMap<String, usize>, CmdError> {
        /// A mend that calls for itself again would go on for ever.
        const ROUNDS: usize = 4;
        let root = self.root()?;
        let mut mended: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let sources = DiskSources::open(&root)
                .map_err(|error| CmdError::environment(error.to_string()))?;
            let found = forge_plan::check(&WithLibrary::new(sources), today());
            let mut any = false;
            let own = |file: &FileId| !is_library(&found.source_map.path(*file));
            for file in found.source_map.files().filter(own) {
                let fixes = sure_fixes(&found.diagnostics, file);
                if fixes.is_empty() {
                    continue;
                }
                let path = found.source_map.path(file);
                let text = apply_fixes(found.source_map.text(file), &fixes);
                write_source(&root.join(&*path), &text)?;
                *mended.entry(path.to_string()).or_default() += fixes.len();
                any = true;
            }
            if !any {
                break;
            }
        }
        Ok(mended)
    }

    /// Compiles the project on disk; mistakes end the command.
    pub(crate) fn compiled(&self, ui: &Ui) -> Result<Option<Compiled>, CmdError> {
        let Project { root, sources, plan, .. } = self.compile_with(ui, Warnings::Counted)?;
        Ok(plan.map(|plan| Compiled { root, sources, plan }))
    }

    /// Compiles the project as it is in a revision.
    pub(crate) fn compile_revision(
        &self,
        ui: &Ui,
        revision: &str,
    ) -> Result<Option<Compiled>, CmdError> {
        let (root, sources) = (self.root()?, self.sources(Some(revision))?);
        let plan = compile(ui, sources.as_ref(), Warnings::Counted).plan;
        Ok(plan.map(|plan| Compiled { root, sources, plan }))
    }

    /// The project's files with the shipped library: on disk, or as they are in a revision.
    pub(crate) fn sources(&self, revision: Option<&str>) -> Result<Arc<dyn Sources>, CmdError> {
        let root = self.root()?;
        let Some(revision) = revision else {
            let disk = DiskSources::open(&root)
                .map_err(|error| CmdError::environment(error.to_string()))?;
            let disk = match cache_directory() {
                Some(cache) => disk.with_cache(&cache.join("projects")),
                None => disk,
            };
            return Ok(Arc::new(WithLibrary::new(disk)));
        };
        let sources = GitSources::open(&root, revision).map_err(|error| match error {
            SourcesError::Revision { .. } => CmdError::user(error.to_string())
                .help("a shallow clone may lack it: `git fetch` gets it"),
            other => CmdError::user(format!("revision `{revision}`: {other}")),
        })?;
        Ok(Arc::new(WithLibrary::new(sources)))
    }

    /// The store, for questions; an absent one is an empty one.
    pub(crate) fn store_to_read(&self) -> Result<Store, CmdError> {
        Store::open_read(&self.global.store)
            .map_err(|error| CmdError::environment(error.to_string()))
    }
}

/// The root of the project that a path belongs to: the nearest directory upward that has a
/// `forge.kdl`.
pub(crate) fn root_above(path: &Path) -> Option<&Path> {
    path.ancestors().find(|directory| directory.join("forge.kdl").is_file())
}

/// What day it is, by this machine's clock: which waivers still count.
pub(crate) fn today() -> Day {
    let now = std::time::SystemTime::now();
    Day::of_seconds(now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// What is printed of warnings where there are no mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warnings {
    /// Each of them.
    Shown,
    /// That there are some: the command was asked for something else.
    Counted,
}

/// Compiles sources, printing every mistake.
pub(crate) fn compile(ui: &Ui, sources: &dyn Sources, warnings: Warnings) -> Checked {
    let checked = forge_plan::check(sources, today());
    let found = &checked.diagnostics;
    let failed = found.iter().any(|finding| finding.severity == Severity::Error);
    if failed || warnings == Warnings::Shown {
        print(ui, found, &checked.source_map, ui.from());
    } else if !found.is_empty() {
        let plural = if found.len() == 1 { "warning" } else { "warnings" };
        ui.note(&format!("{} {plural}: `forgec check` shows them", found.len()));
    }
    checked
}

/// Replaces a file of the project by a new text, whole or not at all.
fn write_source(path: &Path, text: &str) -> Result<(), CmdError> {
    let write = || -> std::io::Result<()> {
        // A link is written through, not replaced.
        let path = std::fs::read_link(path).map_or_else(
            |_| path.to_owned(),
            |target| path.parent().unwrap_or(Path::new("")).join(target),
        );
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| {
        CmdError::environment(format!("`{}` cannot be written: {error}", path.display()))
    })
}

/// Prints what was found, for people, who stand at `from`, or as JSON.
pub(crate) fn print(ui: &Ui, findings: &[Diagnostic], map: &SourceMap, from: &Standpoint) {
    if findings.is_empty() {
        return;
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    // Mistakes end a command, so they are its one result; beside a result, warnings are for people.
    if ui.json() && errors > 0 {
        ui.out(&format!("{:#}", json(findings, map)));
        return;
    }
    let (color, from) = (ui.color(), Some(from));
    ui.err(&human(findings, map, HumanOptions { color, from, ..HumanOptions::default() }));
    let plural = if errors == 1 { "mistake" } else { "mistakes" };
    let counted = if errors > 0 { format!("{errors} {plural}; ") } else { String::new() };
    let worst = findings.iter().min_by_key(|finding| finding.severity);
    let code = worst.map_or("", |finding| finding.code.short());
    ui.err(&format!("{counted}`forgec explain {code}` says more"));
}

/// The images that a command names; all of them when it names none.
pub(crate) fn select<'a>(plan: &'a Plan, names: &[String]) -> Result<Vec<&'a Image>, CmdError> {
    if names.is_empty() {
        return Ok(plan.images.iter().collect());
    }
    names.iter().map(|name| image(plan, name)).collect()
}

/// The image of this name.
pub(crate) fn image<'a>(plan: &'a Plan, name: &str) -> Result<&'a Image, CmdError> {
    let known = || plan.images.iter().map(|image| image.name.as_str());
    plan.image(name).ok_or_else(|| no_image(name, known()))
}

/// That no image has this name, with the one that may be meant.
pub(crate) fn no_image<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> CmdError {
    let known: Vec<&str> = known.collect();
    if name.starts_with('/') {
        // `blame` and `why` name the image first, `why-not` the path.
        return CmdError::usage(format!("`{name}` is a path, and no image"))
            .help("the other way round: see `--help` of this command");
    }
    let help = forge_syntax::closest(name, known.iter().copied()).map_or_else(
        || format!("images of this project: {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    CmdError::user(format!("no image is called `{name}`")).help(help)
}

/// That a revision to compare with does not compile.
pub(crate) fn broken_revision(revision: &str) -> CmdError {
    CmdError::user(format!("revision `{revision}` has mistakes of its own"))
        .help("compare with a revision that compiles")
}

/// Everything that is to be done for an image.
pub(crate) fn targets(image: &Image) -> Vec<NodeId> {
    let mut ids: Vec<_> = image.verdicts.clone();
    ids.push(image.stamp);
    ids.extend(image.pack);
    ids
}

/// The exit that a step's fault asks for.
pub(crate) fn exit_of(fault: forge_exec::Fault) -> Exit {
    match fault {
        forge_exec::Fault::User => Exit::Findings,
        forge_exec::Fault::Environment => Exit::Environment,
        forge_exec::Fault::Bug => Exit::Bug,
        forge_exec::Fault::Interrupted => Exit::Signal(2),
    }
}
