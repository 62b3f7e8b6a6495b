//! The shipped library: what a project names of it is read, and nothing else.
//!
//! What is called `std/NAME` stands in the spec files of the directory `std/NAME`, so that a name
//! is found without an index and a project that names nothing of the library pays nothing.

use std::collections::BTreeSet;

use forge_diag::{Diagnostic, Sink, SourceMap, Spanned, codes};
use forge_model::{LIBRARY, Sources};
use forge_syntax::{Node, Value};

use crate::compile::{load_file, read_file};
use crate::project::Project;

/// Whether a name is one of the library.
pub(crate) fn is_library(name: &str) -> bool {
    name.strip_prefix(LIBRARY).is_some_and(|rest| rest.starts_with('/'))
}

/// The directories of the library that nodes name.
pub(crate) fn named(nodes: &[Node]) -> BTreeSet<String> {
    let mut wanted = BTreeSet::new();
    for node in nodes {
        name(node, &mut wanted);
    }
    wanted
}

/// Adds to a project what it names of the library, and what that names in turn.
pub(crate) fn load(
    project: &mut Project,
    mut wanted: BTreeSet<String>,
    sources: &dyn Sources,
    map: &mut SourceMap,
    sink: &mut Sink,
) {
    let mut done: BTreeSet<String> = BTreeSet::new();
    while let Some(directory) = wanted.pop_first() {
        if !done.insert(directory.clone()) {
            continue;
        }
        for nodes in read(&directory, sources, map, sink) {
            for node in &nodes {
                name(node, &mut wanted);
            }
            project.add_library(&directory, &nodes, map, sink);
        }
    }
    project.library = names(sources);
}

/// Everything that the library declares, for `forgec std`.
pub(crate) fn load_all(
    project: &mut Project,
    sources: &dyn Sources,
    map: &mut SourceMap,
    sink: &mut Sink,
) {
    for directory in names(sources) {
        for nodes in read(&directory, sources, map, sink) {
            project.add_library(&directory, &nodes, map, sink);
        }
    }
}

/// The names of the library's directories: `std/chrony`.
fn names(sources: &dyn Sources) -> BTreeSet<String> {
    let files = sources.list(LIBRARY).unwrap_or_default();
    files.iter().filter_map(|file| directory(&file.path)).collect()
}

/// `std/NAME` of what is called `std/NAME` or lies below it.
fn directory(name: &str) -> Option<String> {
    let rest = name.strip_prefix(LIBRARY)?.strip_prefix('/')?;
    let first = rest.split('/').next().filter(|first| !first.is_empty())?;
    Some(format!("{LIBRARY}/{first}"))
}

/// The directories of the library that texts of a node name.
fn name(node: &Node, wanted: &mut BTreeSet<String>) {
    for entry in &node.entries {
        if let Value::Text(text) = &entry.value
            && is_library(&text.value)
        {
            wanted.extend(directory(&text.value));
        }
    }
    for child in &node.children {
        name(child, wanted);
    }
}

/// The spec files of a directory of the library; none for one that does not exist.
fn read(
    directory: &str,
    sources: &dyn Sources,
    map: &mut SourceMap,
    sink: &mut Sink,
) -> Vec<Vec<Node>> {
    let files = sources.list(directory).unwrap_or_default();
    let specs =
        files.iter().filter(|file| file.path.rsplit_once('.').is_some_and(|(_, end)| end == "kdl"));
    let mut parsed = Vec::new();
    for entry in specs {
        let Some(file) = load_file(entry, read_file(sources, entry), map, sink) else {
            continue;
        };
        parsed.extend(forge_syntax::parse(file, map.text(file), sink));
    }
    parsed
}

/// Reports a name that its file may not declare.
pub(crate) fn check_name(library: Option<&str>, name: &Spanned<String>, sink: &mut Sink) -> bool {
    let good = match library {
        None => !is_library(&name.value),
        Some(directory) => name
            .value
            .strip_prefix(directory)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    };
    if good {
        return true;
    }
    let found = match library {
        None => Diagnostic::error(
            codes::SPEC_NAME,
            format!("`{}` can only be declared by forge's own library", name.value),
        )
        .at(name.span, "names that begin with `std/` are shipped")
        .help("choose another name; `forgec std cat NAME` prints what is shipped, to begin with"),
        Some(directory) => Diagnostic::error(
            codes::SPEC_NAME,
            format!("a file of `{directory}` cannot declare `{}`", name.value),
        )
        .at(name.span, "nobody would find it here"),
    };
    sink.push(found);
    false
}
