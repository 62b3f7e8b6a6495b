//! `forgec graph`: the steps of images, drawn.

use forge_exec::freshness::closure;

use crate::ctx::{Ctx, select, targets};
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Draw the steps of images and what stands on what; a step that images share stands there once.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Images to draw; all of the project when none is named
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<String>,

    /// The language of the drawing
    #[arg(long = "as", value_enum, value_name = "LANGUAGE", default_value_t = Language::Dot)]
    pub(crate) language: Language,
}

/// A language for graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Graphviz
    Dot,
    /// Mermaid, which GitLab draws
    Mermaid,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let plan = &compiled.plan;
    let images = select(plan, &args.images)?;
    let steps = closure(plan, images.iter().flat_map(|image| targets(image)));
    ui.out(&match args.language {
        Language::Dot => forge_report::graph_dot(plan, &steps),
        Language::Mermaid => forge_report::graph_mermaid(plan, &steps),
    });
    Ok(Exit::Done)
}
