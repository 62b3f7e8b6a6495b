//! `forgec why-not`: why a path is not in an image, or who puts it there.

use forge_exec::debian::{Treatment, rule};
use forge_model::ImagePath;
use forge_plan::{Presence, Reason};
use forge_report::{
    Presence as Shown, WhyNotAnswer, WhyNotReason, WhyNotReport, why_not_json, why_not_text,
};
use forge_store::Store;

use crate::ctx::{Ctx, no_image};
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Say why a path is not in an image, or not as expected; or who puts it there after all.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The path in the image
    #[arg(value_name = "PATH")]
    pub(crate) path: String,

    /// Images to look at; all of the project when none is named
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
}

impl Args {
    /// The path first, where an image and its path are named the other way round, as `blame` has them.
    fn in_order(&self) -> Self {
        let Self { path, images } = self.clone();
        match images.as_slice() {
            [one] if one.starts_with('/') && !path.starts_with('/') => {
                Self { path: one.clone(), images: vec![path] }
            }
            _ => Self { path, images },
        }
    }
}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    let Args { path: written, images } = args.in_order();
    let path = ImagePath::new(&written).filter(|path| !path.is_root()).ok_or_else(|| {
        CmdError::usage(format!("`{written}` is no path of an image"))
            .help("write it from the image's root on: `/etc/motd`")
    })?;
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let spec = forge_spec::compile(compiled.sources.as_ref()).spec;
    let spec = spec.ok_or_else(|| CmdError::bug("a plan without a spec"))?;
    let known = || spec.images.iter().map(|image| image.name.as_str());
    if let Some(name) = images.iter().find(|name| !known().any(|known| known == *name)) {
        return Err(no_image(name, known()));
    }
    let absent = forge_spec::absent(compiled.sources.as_ref());
    // The spec answers without a store; one that is there tells what packages brought.
    let store = ctx.store_to_read().ok();
    let mut answers: Vec<WhyNotAnswer> = Vec::new();
    for image in &spec.images {
        if !images.is_empty() && !images.contains(&image.name) {
            continue;
        }
        let found = forge_plan::why_not(&path, image, &absent);
        let mut presence = shown(found.presence);
        let mut reasons: Vec<WhyNotReason> = found.reasons.into_iter().map(told).collect();
        if presence == Shown::Unknown {
            let built = store.as_ref().and_then(|store| built(store, &image.name, &path));
            reasons.splice(0..0, scrubbed(&path));
            if let Some((there, reason)) = built {
                presence = there;
                reasons.insert(0, reason);
            }
        }
        match answers.iter_mut().find(|one| one.presence == presence && one.reasons == reasons) {
            Some(same) => same.images.push(image.name.clone()),
            None => {
                answers.push(WhyNotAnswer { images: vec![image.name.clone()], presence, reasons });
            }
        }
    }
    answers.sort_by_key(|answer| answer.presence);
    let report = WhyNotReport { version: 1, path: format!("{path}"), answers };
    ui.out(&if ui.json() { why_not_json(&report) } else { why_not_text(&report) });
    Ok(Exit::Done)
}

fn shown(presence: Presence) -> Shown {
    match presence {
        Presence::Present => Shown::Present,
        Presence::Hidden => Shown::Hidden,
        Presence::Absent => Shown::Absent,
        Presence::Unknown => Shown::Unknown,
    }
}

fn told(reason: Reason) -> WhyNotReason {
    let Reason { kind, words, origins } = reason;
    WhyNotReason { kind: kind.to_owned(), words, origins }
}

/// What is taken out of every layer that packages or scripts make.
fn scrubbed(path: &ImagePath) -> Option<WhyNotReason> {
    let rule = rule(path)?;
    let what = match rule.treatment {
        Treatment::Remove => "left out of every layer of packages and scripts",
        Treatment::Empty => "emptied in every layer of packages and scripts",
    };
    let words = format!("{what}: {}", rule.reason);
    Some(WhyNotReason { kind: "scrubbed".to_owned(), words, origins: Vec::new() })
}

/// What the image had there when it was last built.
fn built(store: &Store, image: &str, path: &ImagePath) -> Option<(Shown, WhyNotReason)> {
    let (blamed, removed) = super::blame::last_built(store, image, |blamer| {
        let removed = blamer.removal(path);
        (blamer.blame(path), removed)
    })?;
    let (there, words) = match (blamed, removed) {
        (Some(blame), _) => {
            (Shown::Present, format!("as last built, {} has it: {}", blame.label, blame.maker))
        }
        (None, Some(blame)) => {
            let words = format!("as last built, {} took it away: {}", blame.label, blame.maker);
            (Shown::Absent, words)
        }
        (None, None) => (Shown::Absent, "the image as last built lacks it".to_owned()),
    };
    Some((there, WhyNotReason { kind: "built".to_owned(), words, origins: Vec::new() }))
}
