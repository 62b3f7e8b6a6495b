//! `forgec build`: images built, proven and packed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use forge_artifact::DEFAULT_KEEP;
use forge_exec::Outputs;
use forge_store::Store;
use forge_sys::sandbox;

use crate::control_reports::{ReportFile, of_images};
use crate::ctx::{Compiled, Ctx, exit_of, select, targets};
use crate::exit::{CmdError, Exit};
use crate::state::ImageState;
use crate::ui::Ui;
use crate::work::{Work, enter, require_root};
use crate::{cmd, summary};

/// Build images, prove them, and pack them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Images to build; all of the project when none is named
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<String>,

    /// Resolve package names anew, from fresh package indexes
    #[arg(long)]
    pub(crate) refresh: bool,

    /// A file with age identities that open the project's secrets
    #[arg(long, value_name = "FILE", env = "FORGE_AGE_IDENTITY_FILE")]
    pub(crate) identity: Option<PathBuf>,

    /// Images of a name that are kept in the output folder
    #[arg(long, value_name = "N", default_value_t = DEFAULT_KEEP)]
    pub(crate) keep: usize,

    /// Write a report of the controls beside the text: junit=FILE, html=FILE or code-quality=FILE
    #[arg(long, value_name = "KIND=FILE", value_parser = of_images)]
    pub(crate) report: Vec<ReportFile>,

    /// Get what the host lacks first, as `forgec doctor --install` does
    #[arg(long)]
    pub(crate) install: bool,

    /// Boot each image in a container afterwards
    #[arg(long)]
    pub(crate) boot: bool,

    /// Boot this packed image in QEMU afterwards, by software emulation
    #[arg(long, value_name = "IMAGE")]
    pub(crate) qemu: Option<String>,
}

pub(crate) fn run(ui: &Arc<Ui>, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    if args.install && !sandbox::is_inner() {
        cmd::doctor::run(ui, ctx, &cmd::doctor::Args { install: true })?;
    }
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let images = select(&compiled.plan, &args.images)?;
    let work = Work {
        ui,
        ctx,
        compiled: &compiled,
        goals: images.into_iter().flat_map(targets).collect(),
        refresh: args.refresh,
        identity: args.identity.clone(),
        keep: args.keep,
    };
    let request = Request { ui, ctx, args, compiled: &compiled };
    if !sandbox::is_inner()
        && let Some(exit) = request.nothing_to_do(&work)?
    {
        return Ok(exit);
    }
    require_root()?;
    let inside = match enter(ctx, &compiled.root, &written(ctx, &args.report)?)? {
        sandbox::Entered::Outside(code) => return Ok(Exit::Passed(code)),
        sandbox::Entered::Inside(inside) => inside,
    };
    let exit = request.build(&work, &inside)?;
    if exit == Exit::Done {
        return request.boot(&inside);
    }
    Ok(exit)
}

/// Directories outside of the store that a build writes to, made when absent: the private
/// namespaces show a tmpfs in place of `/tmp` and `/run`, but for what is named.
pub(crate) fn written(ctx: &Ctx, reports: &[ReportFile]) -> Result<Vec<PathBuf>, CmdError> {
    let mut directories = vec![ctx.out_dir()];
    for report in reports {
        let file = std::path::absolute(&report.file)
            .map_err(|error| CmdError::usage(error.to_string()))?;
        directories.extend(file.parent().map(Path::to_owned));
    }
    for directory in &directories {
        std::fs::create_dir_all(directory).map_err(|error| {
            CmdError::environment(format!("`{}` cannot be made: {error}", directory.display()))
        })?;
    }
    Ok(directories)
}

struct Request<'a> {
    ui: &'a Arc<Ui>,
    ctx: &'a Ctx,
    args: &'a Args,
    compiled: &'a Compiled,
}

impl Request<'_> {
    fn nothing_to_do(&self, work: &Work<'_>) -> Result<Option<Exit>, CmdError> {
        if self.args.refresh || self.args.boot || self.args.qemu.is_some() {
            return Ok(None);
        }
        let Some((outputs, store)) = work.present()? else { return Ok(None) };
        // `boot`, `blame` and collection go by what was built last; after a return to an older
        // state that must be said anew.
        let plan = &self.compiled.plan;
        for image in select(plan, &self.args.images)? {
            let known = ImageState::read(&store, &image.name);
            if known.as_ref() != Some(&ImageState::of(image, plan, &outputs, None)) {
                return Ok(None);
            }
        }
        self.report(&outputs, &store).map(Some)
    }

    /// Verdicts and artifacts, on the terminal and in the report that was asked for.
    fn report(&self, outputs: &Outputs, store: &Store) -> Result<Exit, CmdError> {
        let names = &self.args.images;
        let reports = &self.args.report;
        if !reports.is_empty() {
            let judged = summary::judged(self.compiled, names, outputs, store, &|_| true)?;
            summary::write_reports(reports, &judged, &self.compiled.plan)?;
        }
        summary::print(self.ui, self.ctx, self.compiled, names, outputs, store)
    }

    fn build(&self, work: &Work<'_>, inside: &sandbox::Inside) -> Result<Exit, CmdError> {
        let store = Store::open(self.ctx.store_dir())
            .map_err(|error| CmdError::environment(error.to_string()))?;
        let store = Arc::new(store);
        let _lock =
            store.lock_shared().map_err(|error| CmdError::environment(error.to_string()))?;
        let made = match work.make(&store, inside)? {
            Ok(made) => made,
            Err(signal) => return Ok(Exit::Signal(signal)),
        };
        let plan = &self.compiled.plan;
        for image in select(plan, &self.args.images)? {
            let before = ImageState::read(&store, &image.name);
            ImageState::of(image, plan, &made.outputs, before.as_ref()).write(&store)?;
        }
        let exit = self.report(&made.outputs, &store)?;
        made.note_counts(self.ui);
        Ok(made.fault.map_or(exit, exit_of))
    }

    fn boot(&self, inside: &sandbox::Inside) -> Result<Exit, CmdError> {
        if self.args.boot {
            for image in select(&self.compiled.plan, &self.args.images)? {
                let exit = cmd::boot::container(self.ui, self.ctx, self.compiled, image, inside)?;
                if exit != Exit::Done {
                    return Ok(exit);
                }
            }
        }
        match &self.args.qemu {
            Some(name) => {
                let image = crate::ctx::image(&self.compiled.plan, name)?;
                cmd::boot::qemu(self.ui, self.ctx, image, inside, &cmd::boot::Machine::default())
            }
            None => Ok(Exit::Done),
        }
    }
}
