use std::collections::BTreeMap;

use forge_diag::{Diagnostic, FileId, Severity, Sink, SourceMap, codes};
use forge_model::{SourceEntry, Sources};
use forge_syntax::Node;

use crate::ResolvedSpec;
use crate::context::Context;
use crate::project::Project;
use crate::resolve;
use crate::value::Scope;

/// What compiling a project gives.
#[derive(Debug)]
pub struct Compiled {
    /// The images; none when there are errors.
    pub spec: Option<ResolvedSpec>,
    /// All findings, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the findings point into: all spec files, and the templates that were read.
    pub source_map: SourceMap,
}

/// Compiles a project. Nothing but `sources` is read, so equal sources give equal results.
pub fn compile(sources: &dyn Sources) -> Compiled {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let (documents, complete) = load(sources, &mut map, &mut sink);
    let mut project = Project::default();
    for nodes in &documents {
        project.add(nodes, &map, &mut sink);
    }
    let mut cx = Context {
        project: &project,
        sources,
        map: &mut map,
        sink: &mut sink,
        scope: Scope::default(),
        files: BTreeMap::new(),
        templates: BTreeMap::new(),
    };
    let images = resolve::images(&mut cx);
    let mut diagnostics = sink.into_sorted();
    if !complete {
        // What an unreadable file declares is not undefined.
        diagnostics.retain(|found| found.code != codes::SPEC_UNDEFINED);
    }
    let failed = diagnostics
        .iter()
        .any(|found| found.severity == Severity::Error);
    let spec = (!failed).then_some(ResolvedSpec { images });
    Compiled {
        spec,
        diagnostics,
        source_map: map,
    }
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
    let files: Vec<Option<FileId>> = entries
        .iter()
        .map(|entry| load_file(sources, entry, map, sink))
        .collect();
    let parsed: Vec<Option<Vec<Node>>> = files
        .into_iter()
        .map(|file| file.and_then(|file| forge_syntax::parse(file, map.text(file), sink)))
        .collect();
    let complete = parsed.iter().all(Option::is_some);
    (parsed.into_iter().flatten().collect(), complete)
}

fn load_file(
    sources: &dyn Sources,
    entry: &SourceEntry,
    map: &mut SourceMap,
    sink: &mut Sink,
) -> Option<FileId> {
    match sources.read(&entry.path) {
        Ok(bytes) => forge_syntax::load(&entry.path, &bytes, map, sink),
        Err(error) => {
            sink.push(Diagnostic::error(
                codes::SPEC_SOURCE,
                format!("`{}`: {error}", entry.path),
            ));
            None
        }
    }
}
