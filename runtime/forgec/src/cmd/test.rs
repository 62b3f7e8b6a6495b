//! `forgec test`: the controls of images, judged.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use forge_artifact::DEFAULT_KEEP;
use forge_exec::Outputs;
use forge_model::{Action, Image, InspecProfile, Level, NodeId, Plan, REQUIREMENTS, Verdict};
use forge_store::Store;
use forge_sys::sandbox;

use crate::cmd::build::written;
use crate::control_reports::{ReportFile, of_images};
use crate::ctx::{Compiled, Ctx, exit_of, select};
use crate::exit::{CmdError, Exit};
use crate::summary;
use crate::ui::Ui;
use crate::work::{Work, enter, require_root};

/// Judge the controls of images, and build what they stand on; nothing is packed. Ends with 100 when
/// a control fails, with 101 when none fails and one was not judged. `--format` is one of human, json,
/// junit, html (a page) and code-quality (GitLab's).
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Images to judge; all of the project when none is named
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,

    /// Judge only what is judged here: by the spec, the built tree, a container of it that is not
    /// booted, a booted one
    #[arg(long, value_enum, value_name = "TARGET")]
    target: Vec<Target>,

    /// Judge this control only
    #[arg(long, value_name = "ID")]
    control: Vec<String>,

    /// Show controls that passed, too
    #[arg(long)]
    all: bool,

    /// A file with age identities that open the project's secrets
    #[arg(long, value_name = "FILE", env = "FORGE_AGE_IDENTITY_FILE")]
    identity: Option<PathBuf>,

    /// Write a report of the controls beside the text: junit=FILE, html=FILE or code-quality=FILE
    #[arg(long, value_name = "KIND=FILE", value_parser = of_images)]
    report: Vec<ReportFile>,
}

/// Where controls are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Target {
    Spec,
    Tree,
    Container,
    Booted,
}

impl Target {
    /// No image is judged on a node.
    fn of(level: Level) -> Option<Self> {
        match level {
            Level::Spec => Some(Self::Spec),
            Level::Tree => Some(Self::Tree),
            Level::Container => Some(Self::Container),
            Level::Booted => Some(Self::Booted),
            Level::Node => None,
        }
    }
}

pub(crate) fn run(ui: &Arc<Ui>, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let images = select(&compiled.plan, &args.images)?;
    args.check_controls(&compiled.plan, &images)?;
    let work = Work {
        ui,
        ctx,
        compiled: &compiled,
        goals: images.iter().flat_map(|image| args.goals(&compiled.plan, image)).collect(),
        refresh: false,
        identity: args.identity.clone(),
        keep: DEFAULT_KEEP,
    };
    if !sandbox::is_inner()
        && let Some((outputs, store)) = work.present()?
    {
        return args.report(ui, &compiled, &outputs, &store);
    }
    require_root()?;
    let inside = match enter(ctx, &compiled.root, &written(ctx, &args.report)?)? {
        sandbox::Entered::Outside(code) => return Ok(Exit::Passed(code)),
        sandbox::Entered::Inside(inside) => inside,
    };
    let store =
        Store::open(ctx.store_dir()).map_err(|error| CmdError::environment(error.to_string()))?;
    let store = Arc::new(store);
    let _lock = store.lock_shared().map_err(|error| CmdError::environment(error.to_string()))?;
    let made = match work.make(&store, &inside)? {
        Ok(made) => made,
        Err(signal) => return Ok(Exit::Signal(signal)),
    };
    let exit = args.report(ui, &compiled, &made.outputs, &store)?;
    made.note_counts(ui);
    Ok(made.fault.map_or(exit, exit_of))
}

impl Args {
    fn is_wanted(&self, control: &str, level: Level) -> bool {
        let asked = self.control.is_empty() || self.control.iter().any(|wanted| wanted == control);
        asked && self.is_at(level)
    }

    fn is_at(&self, level: Level) -> bool {
        let named = || Target::of(level).is_some_and(|level| self.target.contains(&level));
        self.target.is_empty() || named()
    }

    /// Whether a profile of `InSpec` may have a control that is asked for: each is judged at the
    /// cheapest target that can tell.
    fn wants(&self, profile: &InspecProfile) -> bool {
        let mut levels = [Level::Tree, Level::Container, Level::Booted].into_iter();
        let is_asked = |id: &String| self.control.is_empty() || self.control.contains(id);
        levels.any(|level| level <= profile.level && self.is_at(level))
            && (profile.makes_ids || profile.controls.iter().any(is_asked))
    }

    /// The steps that judge what is asked for.
    fn goals(&self, plan: &Plan, image: &Image) -> Vec<NodeId> {
        let is_wanted = |id: &&NodeId| match &plan.node(**id).action {
            Action::Verify(verify) => {
                // A booted image is proven by its units, whatever controls it has.
                let all = self.control.is_empty() && self.is_wanted("", verify.level);
                all || verify.written().any(|control| self.is_wanted(&control.id, verify.level))
                    || verify.inspec.iter().any(|profile| self.wants(profile))
            }
            _ => false,
        };
        image.verdicts.iter().filter(is_wanted).copied().collect()
    }

    /// A control that no image has is a mistyped one.
    fn check_controls(&self, plan: &Plan, images: &[&Image]) -> Result<(), CmdError> {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        // Ids that a profile of Ruby makes are known when it is run.
        let mut makes_ids = false;
        for image in images {
            known.extend(image.spec_verdicts.iter().map(|verdict| verdict.control.as_str()));
            for id in &image.verdicts {
                if let Action::Verify(verify) = &plan.node(*id).action {
                    known.extend(verify.ids());
                    makes_ids |= verify.inspec.iter().any(|profile| profile.makes_ids);
                }
            }
        }
        for id in &self.control {
            if !known.contains(id.as_str()) && !makes_ids {
                let error = CmdError::usage(format!("no control of these images is called `{id}`"));
                return Err(match forge_syntax::closest(id, known.iter().copied()) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error,
                });
            }
        }
        Ok(())
    }

    fn report(
        &self,
        ui: &Ui,
        compiled: &Compiled,
        outputs: &Outputs,
        store: &Store,
    ) -> Result<Exit, CmdError> {
        let is_wanted = |verdict: &Verdict| {
            verdict.profile != REQUIREMENTS && self.is_wanted(&verdict.control, verdict.level)
        };
        let judged = summary::judged(compiled, &self.images, outputs, store, &is_wanted)?;
        summary::write_reports(&self.report, &judged, &compiled.plan)?;
        summary::print_judged(ui, &judged, &compiled.plan, self.all || ui.verbose())
    }
}
