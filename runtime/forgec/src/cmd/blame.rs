//! `forgec blame`: which layer put that line into that file.

use forge_exec::blame::{Blame, BlameLayer, Blamer, Maker};
use forge_exec::changes::ReadContent;
use forge_model::{Entry, ImagePath, TreeEntry};
use forge_report::{BlameReport, Blamed, Line, Made, blame_json, blame_text};
use forge_store::{Layer, Store};

use crate::ctx::Ctx;
use crate::exit::{CmdError, Exit};
use crate::state::{BuiltLayer, ImageState};
use crate::ui::Ui;

/// Name the layer and the spec line, or the package, that made a path of an image as last built.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The image, built before
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// Paths in the image; `PATH:LINE` names the edit that wrote a line
    #[arg(value_name = "PATH", required_unless_present = "all")]
    pub(crate) paths: Vec<String>,

    /// Every path of the image
    #[arg(long, conflicts_with = "paths")]
    pub(crate) all: bool,
}

impl Args {
    /// The image first, where it and one path are named the other way round, as `why-not` has them.
    fn in_order(&self) -> Self {
        let Self { image, paths, all } = self.clone();
        match paths.as_slice() {
            [one] if image.starts_with('/') && !one.starts_with('/') => {
                Self { image: one.clone(), paths: vec![image], all }
            }
            _ => Self { image, paths, all },
        }
    }
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let args = &args.in_order();
    let store = ctx.store_to_read()?;
    let built = ImageState::read(&store, &args.image).and_then(|state| state.layers);
    let built = built.ok_or_else(|| ImageState::unbuilt(&args.image))?;
    let report = with_blamer(&store, &built, |blamer, read| report(blamer, read, args))??;
    ui.out(&if ui.json() { blame_json(&report) } else { blame_text(&report) });
    for path in &report.missing {
        ui.err(&format!("`{path}` is not in image `{}`", args.image));
    }
    Ok(if report.missing.is_empty() { Exit::Done } else { Exit::Findings })
}

/// Asks about an image as it was last built; none when it was not, or cannot be read.
pub(crate) fn last_built<T>(
    store: &Store,
    image: &str,
    ask: impl FnOnce(&Blamer<'_>) -> T,
) -> Option<T> {
    let built = ImageState::read(store, image).and_then(|state| state.layers)?;
    with_blamer(store, &built, |blamer, _| ask(blamer)).ok()
}

fn with_blamer<T>(
    store: &Store,
    built: &[BuiltLayer],
    ask: impl FnOnce(&Blamer<'_>, &ReadContent<'_>) -> T,
) -> Result<T, CmdError> {
    let failed = |error: &dyn std::fmt::Display| CmdError::environment(error.to_string());
    let layers = built
        .iter()
        .map(|layer| store.layer(&layer.digest))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(&error))?;
    let blamed = built.iter().zip(&layers).map(|(built, layer)| BlameLayer {
        label: &built.label,
        action: &built.action,
        manifest: layer.manifest(),
    });
    let read = |path: &ImagePath, entry: &TreeEntry| read(&layers, path, entry);
    let blamer = Blamer::new(blamed, &read).map_err(|error| failed(&error))?;
    Ok(ask(&blamer, &read))
}

fn report(
    blamer: &Blamer<'_>,
    read: &ReadContent<'_>,
    args: &Args,
) -> Result<BlameReport, CmdError> {
    let mut report =
        BlameReport { image: args.image.clone(), paths: Vec::new(), missing: Vec::new() };
    if args.all {
        report.paths.extend(blamer.all().map(|blame| Blamed {
            path: blame.path.to_string(),
            by: made(&blame, blamer.entry(&blame)),
            line: None,
            edits: edits(&blame),
            shadows: Vec::new(),
        }));
    }
    for path in &args.paths {
        let found = match one(blamer, path)? {
            None => line(blamer, read, path)?,
            found => found,
        };
        match found {
            Some(found) => report.paths.push(found),
            None => report.missing.push(path.clone()),
        }
    }
    Ok(report)
}

fn read(
    layers: &[std::sync::Arc<Layer>],
    path: &ImagePath,
    entry: &TreeEntry,
) -> std::io::Result<Vec<u8>> {
    match layers.get(entry.layer) {
        Some(layer) => layer.read(path),
        None => Err(std::io::ErrorKind::NotFound.into()),
    }
}

fn one(blamer: &Blamer<'_>, path: &str) -> Result<Option<Blamed>, CmdError> {
    let wanted = ImagePath::new(path)
        .ok_or_else(|| CmdError::usage(format!("`{path}` is no path of an image")))?;
    let Some(blame) = blamer.blame(&wanted).or_else(|| blamer.removal(&wanted)) else {
        return Ok(None);
    };
    // What took a directory away took its paths, too.
    let at = blamer.blame(&wanted).map_or(wanted, |blame| blame.path);
    let hidden = Blame { path: at.clone(), ..blame.clone() };
    let shadows = blamer.shadowed(&hidden);
    let shadows = shadows.iter().map(|(blame, entry)| made(blame, Some(entry))).collect();
    let entry = blamer.entry(&hidden);
    Ok(Some(Blamed {
        path: at.to_string(),
        by: made(&blame, entry),
        line: None,
        edits: edits(&blame),
        shadows,
    }))
}

/// `PATH:LINE`; none where it names no path of the image.
fn line(
    blamer: &Blamer<'_>,
    read: &ReadContent<'_>,
    asked: &str,
) -> Result<Option<Blamed>, CmdError> {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse());
    let split = asked.rsplit_once(':').and_then(|(path, line)| Some((path, number(line)?)));
    let Some((path, Ok(number))) = split else { return Ok(None) };
    let Some(blame) = ImagePath::new(path)
        .and_then(|path| blamer.tree().resolve(&path, true))
        .and_then(|path| blamer.blame(&path))
    else {
        return Ok(None);
    };
    let found = blamer.line(&blame, number, read);
    let found = found.map_err(|error| CmdError::environment(format!("{path}: {error}")))?;
    let found = found.ok_or_else(|| CmdError::usage(format!("`{path}` has no line {number}")))?;
    let line = Some(Line { number, text: found.text });
    Ok(Some(Blamed {
        path: blame.path.to_string(),
        by: made(&found.by, blamer.entry(&found.by)),
        line,
        edits: Vec::new(),
        shadows: Vec::new(),
    }))
}

/// What the path was made from by edits, the last one first.
fn edits(blame: &Blame) -> Vec<Made> {
    let chain = std::iter::successors(blame.edited.as_deref(), |edited| edited.edited.as_deref());
    chain.map(|edited| made(edited, None)).collect()
}

fn made(blame: &Blame, entry: Option<&Entry>) -> Made {
    let (kind, names, origins) = match &blame.maker {
        Maker::Packages(names) => {
            ("packages", names.iter().map(ToString::to_string).collect(), Vec::new())
        }
        Maker::PackageRecord(name) => ("package-record", vec![name.to_string()], Vec::new()),
        Maker::MaintainerScript => ("maintainer-script", Vec::new(), Vec::new()),
        Maker::Declared(origins) => ("declared", Vec::new(), origins.clone()),
        Maker::Script { name, origin } => ("script", vec![name.clone()], vec![origin.clone()]),
        Maker::Secret(origin) => ("secret", Vec::new(), vec![origin.clone()]),
        Maker::Stamp(origin) => ("stamp", Vec::new(), vec![origin.clone()]),
        Maker::Source(path) => ("source", vec![path.clone()], Vec::new()),
    };
    Made {
        layer: blame.label.clone(),
        kind,
        names,
        origins,
        words: blame.maker.to_string(),
        entry: entry.cloned(),
    }
}
