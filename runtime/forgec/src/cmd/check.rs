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
    let mut nothing_mended = false;
    if args.fix {
        let mended = ctx.mend()?;
        nothing_mended = mended.is_empty();
        for (path, count) in mended {
            let plural = if count == 1 { "mistake" } else { "mistakes" };
            ui.note(&format!("{}: {count} {plural} mended", ui.from().path(&path)));
        }
    }
    let project = ctx.compile(ui)?;
    let Some(compiled) = project.plan else {
        if nothing_mended {
            ui.note("nothing is mended: no mistake can be meant in one way only");
        }
        return Ok(Exit::Findings);
    };
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
    // The process ends here: taking a large plan apart is work for nothing.
    std::mem::forget(compiled);
    Ok(exit)
}
