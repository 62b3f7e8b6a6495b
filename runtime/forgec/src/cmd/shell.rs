//! `forgec shell`: a shell in a volatile container of an image.

use std::sync::Arc;

use forge_sys::nspawn::{self, Payload};
use forge_sys::sandbox::Entered;

use crate::container::Ground;
use crate::ctx::{Compiled, Ctx, image};
use crate::exit::{CmdError, Exit};
use crate::state::ImageState;
use crate::ui::Ui;

/// Open a shell in a volatile container of an image: what it writes is gone afterwards.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image, built before
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// Only the layers up to this one, by its label
    #[arg(long, value_name = "LAYER")]
    pub(crate) at: Option<String>,

    /// A command to run instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let inside = match crate::work::enter(ctx, &compiled.root, &[])? {
        Entered::Outside(code) => return Ok(Exit::Passed(code)),
        Entered::Inside(inside) => inside,
    };
    let store = Arc::new(ctx.store_to_read()?);
    let digests = layers(&compiled, &store, args)?;
    let context = crate::work::reading_context(&store, &compiled)?;
    let stack = context.stack(&digests).map_err(|error| CmdError::environment(error.message))?;
    let ground = Ground::mount(&stack, &inside.work)?;
    let mut words: Vec<std::ffi::OsString> = args.command.iter().map(Into::into).collect();
    if words.is_empty() {
        let bash = ["bin/bash", "usr/bin/bash"].iter().any(|path| {
            forge_model::ImagePath::new(path)
                .and_then(|path| stack.tree.resolve(&path, true))
                .is_some_and(|path| stack.tree.get(&path).is_some())
        });
        words.push(if bash { "/bin/bash" } else { "/bin/sh" }.into());
    }
    let mut sandbox = ground.sandbox(Payload::Run(words));
    sandbox.hostname.clone_from(&args.image);
    sandbox.environment = [("PATH", forge_sys::process::PATH), ("HOME", "/root")]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
    let status = nspawn::run_on_terminal(&sandbox, inside.outer)
        .map_err(|error| CmdError::environment(error.to_string()))?;
    Ok(Exit::Passed(u8::try_from(status).unwrap_or(1)))
}

/// The layers of the image as last built, up to the one that is asked for.
fn layers(
    compiled: &Compiled,
    store: &forge_store::Store,
    args: &Args,
) -> Result<Vec<forge_model::Digest>, CmdError> {
    let name = &image(&compiled.plan, &args.image)?.name;
    let Some(at) = &args.at else { return ImageState::digests(store, name) };
    let state = ImageState::read(store, name).ok_or_else(|| ImageState::unbuilt(name))?;
    let makes_layer = |kind: &str| !matches!(kind, "resolve" | "verify" | "pack");
    let steps: Vec<_> = state.steps.iter().filter(|step| makes_layer(&step.kind)).collect();
    let end = steps.iter().position(|step| step.label == *at).ok_or_else(|| {
        let labels: Vec<_> = steps.iter().map(|step| format!("`{}`", step.label)).collect();
        CmdError::user(format!("image `{name}` has no layer `{at}`"))
            .help(format!("its layers: {}", labels.join(", ")))
    })?;
    Ok(steps[..=end].iter().map(|step| step.output).collect())
}
