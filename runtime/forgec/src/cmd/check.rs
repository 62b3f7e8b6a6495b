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

    /// Take warnings for mistakes, whatever their level; for pipelines
    #[arg(long)]
    pub(crate) deny_warnings: bool,
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
    let denied = args.deny_warnings && project.warnings > 0;
    let exit = if denied { Exit::Findings } else { Exit::Done };
    if ui.json() {
        ui.out(&format!("{:#}", project.findings));
        return Ok(exit);
    }
    if denied {
        let plural = if project.warnings == 1 { "warning" } else { "warnings" };
        ui.err(&format!("{} {plural}, denied by `--deny-warnings`", project.warnings));
        return Ok(exit);
    }
    let images = compiled.images.len();
    let plural = if images == 1 { "image" } else { "images" };
    ui.note(&format!("{images} {plural}, {} steps, no mistakes", compiled.nodes.len()));
    Ok(exit)
}
