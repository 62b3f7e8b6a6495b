//! `forgec graph`: the steps of images, drawn.

use std::sync::Arc;

use forge_exec::freshness::{State, closure};
use forge_report::{StepState, StepStates, graph_dot, graph_mermaid, graph_svg};

use crate::ctx::{Ctx, select, targets};
use crate::exit::{CmdError, Exit};
use crate::history::Preview;
use crate::ui::Ui;

/// Draw the steps of images, what stands on what, and what the store has of them; a step that
/// images share stands there once.
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
    /// SVG, which browsers draw
    Svg,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let plan = &compiled.plan;
    let images = select(plan, &args.images)?;
    let steps = closure(plan, images.iter().flat_map(|image| targets(image)));
    let store = Arc::new(ctx.store_to_read()?);
    let preview = Preview::of(&store, &compiled, steps.iter().copied())?;
    let states: StepStates = preview.states.iter().map(|(id, found)| (*id, state(found))).collect();
    ui.out(&match args.language {
        Language::Dot => graph_dot(plan, &steps, &states),
        Language::Mermaid => graph_mermaid(plan, &steps, &states),
        Language::Svg => graph_svg(plan, &steps, &states),
    });
    Ok(Exit::Done)
}

fn state(found: &State) -> StepState {
    match found {
        State::Hit(_) => StepState::Kept,
        State::Builds => StepState::Done,
        State::Unless(_) => StepState::Unless,
        State::Unopened(_) => StepState::Unknown,
    }
}
