//! `forgec list`: the images of a project.

use std::fmt::Write as _;

use forge_model::{Action, Image, InspecProfile, Plan};

use crate::cmd::show::inspec_line;
use crate::ctx::Ctx;
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// List the images of the project.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(ui: &Ui, ctx: &Ctx, _args: &Args) -> Result<Exit, CmdError> {
    let project = ctx.compile(ui)?;
    let Some(plan) = project.plan else { return Ok(Exit::Findings) };
    if ui.json() {
        let images: Vec<_> = plan
            .images
            .iter()
            .map(|image| {
                serde_json::json!({
                    "name": image.name,
                    "cluster": image.cluster,
                    "type": image.image_type,
                    "architecture": image.arch,
                    "layers": image.layers.len(),
                    "inspec": inspec(&plan, image).map(directory).collect::<Vec<_>>(),
                    "place": image.origin.to_string(),
                })
            })
            .collect();
        ui.out(&format!("{:#}", serde_json::json!({ "version": 1, "images": images })));
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    let width = plan.images.iter().map(|image| image.name.len()).max().unwrap_or(0);
    for image in &plan.images {
        let (layers, arch) = (image.layers.len(), &image.arch);
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "{:width$}  {arch}  {layers:>3} layers  {}", image.name, image.origin);
        for profile in inspec(&plan, image) {
            let _ = writeln!(text, "  {}", inspec_line(profile));
        }
    }
    ui.out(&text);
    Ok(Exit::Done)
}

/// The profiles of `InSpec` that an image is judged by.
fn inspec<'a>(plan: &'a Plan, image: &'a Image) -> impl Iterator<Item = &'a InspecProfile> {
    let judged = image.verdicts.iter().filter_map(|id| match &plan.node(*id).action {
        Action::Verify(verify) => Some(&verify.inspec),
        _ => None,
    });
    judged.flatten().map(|profile| &**profile)
}

fn directory(profile: &InspecProfile) -> serde_json::Value {
    serde_json::json!({ "profile": profile.name, "directory": profile.directory })
}
