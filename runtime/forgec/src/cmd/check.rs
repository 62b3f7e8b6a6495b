//! `forgec check`: every mistake of the project, at once.

use crate::ctx::Ctx;
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Compile the specs and report every mistake.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the mends of mistakes that can be meant in one way only
    #[arg(long)]
    pub(crate) fix: bool,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    if args.fix {
        for (path, count) in ctx.mend()? {
            let plural = if count == 1 { "mistake" } else { "mistakes" };
            ui.note(&format!("{path}: {count} {plural} mended"));
        }
    }
    let project = ctx.compile(ui)?;
    let Some(compiled) = project.plan else { return Ok(Exit::Findings) };
    if ui.json() {
        ui.out(&format!("{:#}", project.findings));
        return Ok(Exit::Done);
    }
    let images = compiled.images.len();
    let plural = if images == 1 { "image" } else { "images" };
    ui.note(&format!("{images} {plural}, {} steps, no mistakes", compiled.nodes.len()));
    Ok(Exit::Done)
}
