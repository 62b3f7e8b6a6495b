//! `forgec fmt`: spec files in the one style.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use forge_diag::render::json;
use forge_diag::{Sink, SourceMap, Standpoint};
use forge_model::Sources as _;
use forge_sys::sources::DiskSources;

use crate::ctx::{Ctx, print};
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Write spec files in the one style.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Spec files, or directories of them; all of the project when none is named; `-` reads the
    /// standard input and writes to the standard output
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Change nothing; name the files that would change and exit with 1 (with -v: how)
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        if args.paths.len() > 1 {
            return Err(CmdError::usage("`-` stands alone: it reads the standard input"));
        }
        return stream(ui, args.check);
    }
    let root = ctx.root()?;
    let sources =
        DiskSources::open(&root).map_err(|error| CmdError::environment(error.to_string()))?;
    let files = files(&root, &sources, &args.paths)?;
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let mut changed = Vec::new();
    for path in &files {
        let bytes = sources
            .read(path)
            .map_err(|error| CmdError::environment(format!("`{path}`: {error}")))?;
        let Some((old, new)) = formatted(path, &bytes, &mut map, &mut sink) else { continue };
        if old == new {
            continue;
        }
        if !args.check {
            sources.replace(path, new.as_bytes()).map_err(|error| {
                CmdError::environment(format!("`{path}` cannot be written: {error}"))
            })?;
        }
        if ui.verbose() && !ui.json() {
            ui.out(&difference(&ui.from().path(path), &old, &new));
        }
        changed.push(path.clone());
    }
    let broken = sink.has_errors();
    let findings = sink.into_sorted();
    if ui.json() {
        let mut report = json(&findings, &map);
        report["changed"] = changed.clone().into();
        ui.out(&format!("{report:#}"));
    } else {
        print(ui, &findings, &map, ui.from());
        if args.check && !ui.verbose() {
            let seen: Vec<String> = changed.iter().map(|path| ui.from().path(path)).collect();
            ui.out(&seen.join("\n"));
        }
        let verb = if args.check { "would change" } else { "changed" };
        ui.note(&format!("{} of {} files {verb}", changed.len(), files.len()));
    }
    let refused = args.check && !changed.is_empty();
    Ok(if broken || refused { Exit::Findings } else { Exit::Done })
}

/// The standard input in the one style.
fn stream(ui: &Ui, check: bool) -> Result<Exit, CmdError> {
    let mut bytes = Vec::new();
    // One byte more than a spec may have is enough for the guard to refuse it.
    std::io::stdin()
        .take(forge_syntax::MAX_SIZE as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CmdError::environment(format!("the standard input: {error}")))?;
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let done = formatted("-", &bytes, &mut map, &mut sink);
    print(ui, &sink.into_sorted(), &map, &Standpoint::default());
    let Some((old, new)) = done else { return Ok(Exit::Findings) };
    if !check {
        ui.out(&new);
        return Ok(Exit::Done);
    }
    if ui.verbose() {
        ui.out(&difference("-", &old, &new));
    }
    Ok(if old == new { Exit::Done } else { Exit::Findings })
}

/// A file's text before and after; none when it cannot be formatted.
fn formatted(
    path: &str,
    bytes: &[u8],
    map: &mut SourceMap,
    sink: &mut Sink,
) -> Option<(String, String)> {
    let file = forge_syntax::load(path, bytes, map, sink)?;
    let old = map.text(file).to_owned();
    let new = forge_syntax::format(file, &old, sink)?;
    Some((old, new))
}

/// The spec files of the project that the arguments name, or that lie below them.
fn files(root: &Path, sources: &DiskSources, named: &[PathBuf]) -> Result<Vec<String>, CmdError> {
    let specs = sources
        .specs()
        .map_err(|error| CmdError::environment(format!("the project cannot be listed: {error}")))?;
    let specs: Vec<String> = specs.into_iter().map(|entry| entry.path).collect();
    if named.is_empty() {
        return Ok(specs);
    }
    let mut wanted = std::collections::BTreeSet::new();
    for path in named {
        let inside = inside(root, path)?;
        let below = |spec: &&String| Path::new(spec).starts_with(&inside);
        let before = wanted.len();
        wanted.extend(specs.iter().filter(below).cloned());
        if wanted.len() == before && !specs.iter().any(|spec| below(&spec)) {
            return Err(CmdError::usage(format!(
                "`{}` is no spec of this project",
                path.display()
            ))
            .help("specs end in `.kdl` and are neither hidden nor ignored by git"));
        }
    }
    Ok(wanted.into_iter().collect())
}

/// A path as seen from the root of the project.
fn inside(root: &Path, path: &Path) -> Result<PathBuf, CmdError> {
    let absolute = std::path::absolute(path)
        .map_err(|error| CmdError::usage(format!("`{}`: {error}", path.display())))?;
    plain(&absolute).strip_prefix(plain(root)).map(Path::to_owned).map_err(|_| {
        CmdError::usage(format!("`{}` lies outside of the project", path.display()))
            .help(format!("the project is `{}`", root.display()))
    })
}

/// A path without `..`, worked out as text.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

fn difference(path: &str, old: &str, new: &str) -> String {
    let difference = similar::TextDiff::from_lines(old, new);
    difference.unified_diff().header(path, path).to_string()
}
