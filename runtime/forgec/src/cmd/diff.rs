//! `forgec diff`: what one resolved image says otherwise than another.

mod compare;
mod said;

use std::collections::BTreeMap;
use std::sync::Arc;

use forge_model::{Action, Plan, Sources};
use forge_report::{Side, spec_diff_json, spec_diff_text};
use forge_spec::ResolvedImage;

use self::compare::Compared;
use crate::ctx::{Ctx, Warnings};
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Say what one image says otherwise than another, or than in another revision.
///
/// An image is that of the files on disk, or with `REV:` before its name the one of a git revision.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first image
    #[arg(value_name = "[REV:]IMAGE")]
    pub(crate) old: String,

    /// The second image; the first as it is on disk when left out
    #[arg(value_name = "[REV:]IMAGE")]
    pub(crate) new: Option<String>,

    /// Exit with 10 when they differ
    #[arg(long)]
    pub(crate) exit_code: bool,
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let old = side(&args.old)?;
    let new = match &args.new {
        Some(new) => side(new)?,
        None if old.revision.is_none() => {
            return Err(CmdError::usage(format!("`{old}` is compared with nothing"))
                .help(format!("name another image, or this one in a revision: `HEAD:{old}`")));
        }
        None => Side { image: old.image.clone(), revision: None },
    };
    let Some(was) = Tree::of(ui, ctx, old.revision.as_deref())? else {
        return Ok(Exit::Findings);
    };
    // Two images of one tree: what is wrong with it is said once.
    let other = if new.revision == old.revision {
        None
    } else {
        let Some(tree) = Tree::of(ui, ctx, new.revision.as_deref())? else {
            return Ok(Exit::Findings);
        };
        Some(tree)
    };
    let is = other.as_ref().unwrap_or(&was);
    let (before, after) = (was.compared(&old)?, is.compared(&new)?);
    let diff = compare::images((old, &before), (new, &after));
    ui.out(&if ui.json() { spec_diff_json(&diff) } else { spec_diff_text(&diff) });
    Ok(if args.exit_code && !diff.is_empty() { Exit::Changes } else { Exit::Done })
}

/// `IMAGE` or `REV:IMAGE`. A revision may hold `:` itself (`HEAD^{/fix: it}`), an image's name may
/// not.
fn side(text: &str) -> Result<Side, CmdError> {
    let (revision, image) = match text.rsplit_once(':') {
        Some((revision, image)) => (Some(revision.to_owned()), image),
        None => (None, text),
    };
    if image.is_empty() || revision.as_deref() == Some("") {
        let found = CmdError::usage(format!("`{text}` names no image"));
        return Err(found.help("write `IMAGE` or `REV:IMAGE`"));
    }
    Ok(Side { image: image.to_owned(), revision })
}

/// A project, as it is on disk or in a revision.
struct Tree {
    sources: Arc<dyn Sources>,
    images: Vec<ResolvedImage>,
    plan: Plan,
}

impl Tree {
    /// None after mistakes, which are printed.
    fn of(ui: &Ui, ctx: &Ctx, revision: Option<&str>) -> Result<Option<Self>, CmdError> {
        let sources = ctx.sources(revision)?;
        let Some(plan) = crate::ctx::compile(ui, sources.as_ref(), Warnings::Counted).plan else {
            return match revision {
                Some(revision) => Err(crate::ctx::broken_revision(revision)),
                None => Ok(None),
            };
        };
        let spec = forge_spec::compile(sources.as_ref()).spec;
        let spec = spec.ok_or_else(|| CmdError::bug("a plan without a spec"))?;
        Ok(Some(Self { sources, images: spec.images, plan }))
    }

    fn compared(&self, side: &Side) -> Result<Compared<'_>, CmdError> {
        let image = self.image(side)?;
        let planned = self.plan.images.iter().filter(|planned| planned.name == image.name);
        let mut inspec = BTreeMap::new();
        for id in planned.flat_map(|planned| &planned.verdicts) {
            if let Action::Verify(verify) = &self.plan.node(*id).action {
                inspec.extend(verify.inspec.iter().map(|one| (one.name.as_str(), &**one)));
            }
        }
        Ok(Compared { image, inspec, sources: self.sources.as_ref() })
    }

    fn image(&self, side: &Side) -> Result<&ResolvedImage, CmdError> {
        let known = || self.images.iter().map(|image| image.name.as_str());
        self.images.iter().find(|image| image.name == side.image).ok_or_else(|| {
            let found = crate::ctx::no_image(&side.image, known());
            match &side.revision {
                Some(revision) => CmdError {
                    message: format!("{} in revision `{revision}`", found.message),
                    ..found
                },
                None => found,
            }
        })
    }
}
