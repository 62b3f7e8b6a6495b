use std::collections::BTreeSet;
use std::sync::Arc;

use forge_diag::{Diagnostic, FileId, Levels, Severity, Sink, SourceMap, codes};
use forge_model::{
    Digest, KeyHasher, LIBRARY, SourceEntry, SourceError, Sources, on_all_processors,
};
use forge_syntax::Node;

use crate::ResolvedSpec;
use crate::budget::Budget;
use crate::levels;
use crate::library;
use crate::project::Project;
use crate::record::{Files, Record};
use crate::resolve;

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
    /// What the files declare.
    pub leftovers: Leftovers,
}

/// What the files of a project declare, which nobody needs once it is resolved.
#[derive(Debug, Default)]
pub struct Leftovers(#[expect(dead_code, reason = "it is only dropped")] Project);

/// What compiling a project gives that was compiled before.
#[derive(Debug)]
pub struct Again {
    /// The project, without the images that are as they were.
    pub compiled: Compiled,
    /// Names of those images: nothing is to be said of them.
    pub unchanged: BTreeSet<String>,
    /// What all images were made from; none of a project that something is to be said of.
    pub record: Option<Record>,
}

/// Compiles a project. Nothing but `sources` is read, so equal sources give equal results.
pub fn compile(sources: &dyn Sources) -> Compiled {
    compile_again(sources, None).compiled
}

/// Compiles what has changed of a project since an earlier run of this program. Everything that this
/// run asked of the sources, other than for spec files, has to have the same answer now.
pub fn compile_again(sources: &dyn Sources, before: Option<&Record>) -> Again {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let (project, complete) = read_project(sources, &mut map, &mut sink);
    let files = Files::of(&project, &map);
    // With findings all images are looked at.
    let before = before.filter(|_| sink.is_empty());
    let traces = before.map(|before| before.unchanged(&project, &files)).unwrap_or_default();
    let before = before.filter(|_| !traces.is_empty());
    let unchanged: BTreeSet<String> = traces.keys().cloned().collect();
    let budget = before.map(|before| Budget::after(before.spent())).unwrap_or_default();
    let (spec, traces) = resolve::all(&project, sources, (traces, &budget), &mut map, &mut sink);
    if before.is_some() && budget.is_spent() {
        // What was made anew counts twice there: whether it is too much is not known.
        return compile_again(sources, None);
    }
    let mut diagnostics = sink.into_sorted();
    if !complete {
        // What an unreadable file declares is not undefined.
        let follows = [codes::SPEC_UNDEFINED, codes::SPEC_DROP_ROLE];
        diagnostics.retain(|found| !follows.contains(&found.code));
    }
    let failed = diagnostics.iter().any(|found| found.severity == Severity::Error);
    let spec = (!failed).then_some(spec);
    let levels = project.levels.clone();
    let record = diagnostics
        .is_empty()
        .then(|| Record::new((&project, &files), &traces, (before, &unchanged), &budget));
    let leftovers = Leftovers(project);
    let compiled = Compiled { spec, diagnostics, levels, source_map: map, leftovers };
    Again { compiled, unchanged, record }
}

/// What the project's files declare, with what they name of the library, and whether every file
/// could be read.
pub(crate) fn read_project(
    sources: &dyn Sources,
    map: &mut SourceMap,
    sink: &mut Sink,
) -> (Project, bool) {
    let (parts, complete) = load(sources, map, sink);
    let (mut project, mut wanted) = (Project::default(), BTreeSet::new());
    for Part { declared, named } in parts {
        project.merge(declared, sink);
        wanted.extend(named);
    }
    library::load(&mut project, wanted, sources, map, sink);
    project.check_bases(sink);
    (project, complete)
}

/// What one file declares, and the directories of the library that it names.
struct Part {
    declared: Project,
    named: BTreeSet<String>,
}

impl Part {
    /// The nodes end here: on the processor that made them.
    fn of(mut nodes: Vec<Node>, map: &SourceMap, sink: &mut Sink) -> Self {
        let mut declared = Project::default();
        levels::take_allows(&mut nodes, &mut declared.levels, sink);
        declared.add(&nodes, map, sink);
        Self { declared, named: library::named(&nodes) }
    }
}

/// All spec files, and whether every file could be read.
fn load(sources: &dyn Sources, map: &mut SourceMap, sink: &mut Sink) -> (Vec<Part>, bool) {
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
    let own: Vec<&SourceEntry> =
        entries.iter().filter(|entry| !entry.path.starts_with(&library)).collect();
    let read = on_all_processors(&own, |entry| read_file(sources, entry));
    let files: Vec<Option<FileId>> =
        own.iter().zip(read).map(|(entry, read)| load_file(entry, read, map, sink)).collect();
    let parsed = parse(&files, sources, map, sink);
    let complete = parsed.iter().all(Option::is_some);
    (parsed.into_iter().flatten().collect(), complete)
}

/// Parses and decodes files on all processors: parsing is most of the time that compiling takes.
/// Results and findings come in the order of the files, whoever was faster.
fn parse(
    files: &[Option<FileId>],
    sources: &dyn Sources,
    map: &SourceMap,
    sink: &mut Sink,
) -> Vec<Option<Part>> {
    let mut order: Vec<(usize, FileId)> =
        files.iter().enumerate().filter_map(|(index, file)| Some((index, (*file)?))).collect();
    // The largest first, so that none of them is begun last.
    order.sort_by_key(|(_, file)| std::cmp::Reverse(map.text(*file).len()));
    let mut done = on_all_processors(&order, |(index, file)| {
        let mut found = Sink::new();
        let nodes = read(*file, map.text(*file), sources, &mut found);
        (*index, nodes.map(|nodes| Part::of(nodes, map, &mut found)), found)
    });
    let mut parsed: Vec<Option<Part>> = files.iter().map(|_| None).collect();
    // Findings come in the order of the files too: which of very many are kept must not depend on
    // who was faster.
    done.sort_by_key(|(index, _, _)| *index);
    for (index, part, found) in done {
        sink.append(found);
        if let Some(slot) = parsed.get_mut(index) {
            *slot = part;
        }
    }
    parsed
}

/// The nodes of a text: those of the last time, if there was one. What has a finding is read anew
/// each time.
fn read(file: FileId, text: &str, sources: &dyn Sources, found: &mut Sink) -> Option<Vec<Node>> {
    let mut key = KeyHasher::new("nodes", forge_syntax::KEPT_VERSION);
    key.digest("text", &Digest::of(text.as_bytes()));
    let key = key.finish();
    let known = sources.recall(&key).and_then(|bytes| forge_syntax::recall(file, &bytes));
    if known.is_some() {
        return known;
    }
    let nodes = forge_syntax::parse(file, text, found)?;
    if found.is_empty()
        && let Some(bytes) = forge_syntax::keep(&nodes)
    {
        sources.remember(&key, bytes);
    }
    Some(nodes)
}

/// A spec file's text.
pub(crate) fn read_file(
    sources: &dyn Sources,
    entry: &SourceEntry,
) -> Result<Arc<[u8]>, SourceError> {
    sources.read_at_most(&entry.path, forge_syntax::MAX_SIZE as u64)
}

/// A file in the map; none after a reported mistake.
pub(crate) fn load_file(
    entry: &SourceEntry,
    read: Result<Arc<[u8]>, SourceError>,
    map: &mut SourceMap,
    sink: &mut Sink,
) -> Option<FileId> {
    match read {
        Ok(bytes) => forge_syntax::load(&entry.path, &bytes, map, sink),
        Err(error) => {
            let path = &entry.path;
            sink.push(match error {
                SourceError::TooLarge(_) => forge_syntax::too_large(path, map),
                SourceError::NotFound
                | SourceError::Outside
                | SourceError::NotAFile
                | SourceError::Unreadable(_) => {
                    Diagnostic::error(codes::SPEC_SOURCE, format!("`{path}`: {error}"))
                }
            });
            None
        }
    }
}
