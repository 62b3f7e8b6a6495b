//! `forgec blame`: which layer put that line into that file.

use forge_exec::blame::{Blame, BlameLayer, Blamer};
use forge_model::{ImagePath, TreeEntry};
use forge_store::Layer;

use crate::ctx::Ctx;
use crate::exit::{CmdError, Exit};
use crate::state::ImageState;
use crate::ui::Ui;

/// Name the layer and the spec line, or the package, that made a path of an image as last built.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image, built before
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// Paths in the image
    #[arg(value_name = "PATH", required_unless_present = "all")]
    pub(crate) paths: Vec<String>,

    /// Every path of the image
    #[arg(long, conflicts_with = "paths")]
    pub(crate) all: bool,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let store = ctx.store_to_read()?;
    let state = ImageState::read(&store, &args.image).and_then(|state| state.layers);
    let built = state.ok_or_else(|| ImageState::unbuilt(&args.image))?;
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
    let mut text = String::new();
    let mut exit = Exit::Done;
    if args.all {
        for blame in blamer.all() {
            text.push_str(&line(&blame));
        }
    }
    for path in &args.paths {
        if let Some(found) = one(&blamer, path)? {
            text.push_str(&found);
        } else {
            ui.err(&format!("`{path}` is not in image `{}`", args.image));
            exit = Exit::Findings;
        }
    }
    ui.out(&text);
    Ok(exit)
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

fn one(blamer: &Blamer<'_>, path: &str) -> Result<Option<String>, CmdError> {
    let wanted = ImagePath::new(path)
        .ok_or_else(|| CmdError::usage(format!("`{path}` is no path of an image")))?;
    if let Some(blame) = blamer.blame(&wanted) {
        return Ok(Some(line(&blame)));
    }
    let removal = blamer.removal(&wanted);
    Ok(removal.map(|blame| format!("{wanted}: removed by {}, {}\n", blame.label, blame.maker)))
}

fn line(blame: &Blame) -> String {
    format!("{}: {}, {}\n", blame.path, blame.label, blame.maker)
}
