use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use forge_diag::{Diagnostic, FileId, Levels, Severity, Sink, SourceMap, codes};
use forge_model::{LIBRARY, SourceEntry, Sources};
use forge_syntax::Node;

use crate::ResolvedSpec;
use crate::context::Context;
use crate::levels;
use crate::library;
use crate::project::Project;
use crate::resolve;
use crate::value::Scope;

/// What compiling a project gives.
#[derive(Debug)]
pub struct Compiled {
    /// The images; none when there are errors.
    pub spec: Option<ResolvedSpec>,
    /// All findings, in the order of their places, whatever `levels` makes of them.
    pub diagnostics: Vec<Diagnostic>,
    /// What the project says of warnings.
    pub levels: Levels,
    /// The texts that the findings point into: all spec files, and the templates that were read.
    pub source_map: SourceMap,
}

/// Compiles a project. Nothing but `sources` is read, so equal sources give equal results.
pub fn compile(sources: &dyn Sources) -> Compiled {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let (mut documents, complete) = load(sources, &mut map, &mut sink);
    let mut project = Project::default();
    for nodes in &mut documents {
        levels::take_allows(nodes, &mut project.levels, &mut sink);
    }
    for nodes in &documents {
        project.add(nodes, &map, &mut sink);
    }
    library::load(&mut project, &documents, sources, &mut map, &mut sink);
    let mut cx = Context {
        project: &project,
        sources,
        map: &mut map,
        sink: &mut sink,
        scope: Scope::default(),
        files: BTreeMap::new(),
        templates: BTreeMap::new(),
        own_sources: BTreeMap::new(),
        overrides: BTreeMap::new(),
        exploring: false,
    };
    let images = resolve::images(&mut cx);
    let mut diagnostics = sink.into_sorted();
    if !complete {
        // What an unreadable file declares is not undefined.
        let follows = [codes::SPEC_UNDEFINED, codes::SPEC_DROP_ROLE];
        diagnostics.retain(|found| !follows.contains(&found.code));
    }
    let failed = diagnostics.iter().any(|found| found.severity == Severity::Error);
    let spec = (!failed).then_some(ResolvedSpec { images });
    Compiled { spec, diagnostics, levels: project.levels, source_map: map }
}

/// All spec files as nodes, and whether every file could be read.
fn load(sources: &dyn Sources, map: &mut SourceMap, sink: &mut Sink) -> (Vec<Vec<Node>>, bool) {
    let entries = match sources.specs() {
        Ok(entries) => entries,
        Err(error) => {
            sink.push(Diagnostic::error(
                codes::SPEC_PROJECT,
                format!("the project cannot be listed: {error}"),
            ));
            return (Vec::new(), false);
        }
    };
    if !entries.iter().any(|entry| entry.path == "forge.kdl") {
        sink.push(
            Diagnostic::error(codes::SPEC_PROJECT, "there is no `forge.kdl` here")
                .help("run forge in the root of a project, or begin one with an empty `forge.kdl`"),
        );
    }
    let library = format!("{LIBRARY}/");
    if let Some(entry) = entries.iter().find(|entry| entry.path.starts_with(&library)) {
        let headline = format!("a project has no directory `{LIBRARY}`");
        sink.push(
            Diagnostic::error(codes::SPEC_PROJECT, headline)
                .help("the shipped library stands there: give the directory another name")
                .note(format!("found `{}`", entry.path)),
        );
    }
    let files: Vec<Option<FileId>> = entries
        .iter()
        .filter(|entry| !entry.path.starts_with(&library))
        .map(|entry| load_file(sources, entry, map, sink))
        .collect();
    let parsed = parse(&files, map, sink);
    let complete = parsed.iter().all(Option::is_some);
    (parsed.into_iter().flatten().collect(), complete)
}

/// Parses files on all processors: parsing is most of the time that compiling takes. Results and
/// findings come in the order of the files, whoever was faster.
fn parse(files: &[Option<FileId>], map: &SourceMap, sink: &mut Sink) -> Vec<Option<Vec<Node>>> {
    /// More threads than this only wait for the largest file.
    const MOST: usize = 8;
    let mut order: Vec<(usize, FileId)> =
        files.iter().enumerate().filter_map(|(index, file)| Some((index, (*file)?))).collect();
    // The largest first, so that none of them is begun last.
    order.sort_by_key(|(_, file)| std::cmp::Reverse(map.text(*file).len()));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((index, file)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut found = Sink::new();
            let nodes = forge_syntax::parse(*file, map.text(*file), &mut found);
            done.push((*index, nodes, found));
        }
        done
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let helpers = processors.min(MOST).min(order.len()).saturating_sub(1);
    let done = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for handle in handles {
            match handle.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    let mut parsed: Vec<Option<Vec<Node>>> = files.iter().map(|_| None).collect();
    for (index, nodes, found) in done {
        sink.append(found);
        if let Some(slot) = parsed.get_mut(index) {
            *slot = nodes;
        }
    }
    parsed
}

pub(crate) fn load_file(
    sources: &dyn Sources,
    entry: &SourceEntry,
    map: &mut SourceMap,
    sink: &mut Sink,
) -> Option<FileId> {
    match sources.read(&entry.path) {
        Ok(bytes) => forge_syntax::load(&entry.path, &bytes, map, sink),
        Err(error) => {
            sink.push(Diagnostic::error(codes::SPEC_SOURCE, format!("`{}`: {error}", entry.path)));
            None
        }
    }
}
