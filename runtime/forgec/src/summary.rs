//! What a build came to: verdicts and artifacts, image by image.

use std::time::SystemTime;

use forge_exec::Outputs;
use forge_model::{Image, Plan, Verdict};
use forge_report::{ControlTexts, ImageVerdicts, verdicts_text};
use forge_store::Store;

use crate::cli::Format;
use crate::control_reports::{self, ReportFile};
use crate::ctx::{Compiled, Ctx, select, today};
use crate::exit::{CONTROLS_FAILED, CmdError, Exit};
use crate::runner::PackBlob;
use crate::ui::Ui;
use crate::verdicts;

/// Prints verdicts and artifacts of the images that were asked for. Findings when a control or a
/// boot keeps one of them from being packed.
pub(crate) fn print(
    ui: &Ui,
    ctx: &Ctx,
    compiled: &Compiled,
    names: &[String],
    outputs: &Outputs,
    store: &Store,
) -> Result<Exit, CmdError> {
    let mut exit = Exit::Done;
    let mut images = Vec::new();
    for image in select(&compiled.plan, names)? {
        let judged = verdicts_of(image, outputs, store);
        let complete = image.verdicts.iter().all(|id| outputs.contains_key(id));
        if complete && !judged.is_empty() && !ui.json() {
            let shown = [ImageVerdicts { image: &image.name, verdicts: &judged }];
            ui.note(verdicts_text(&shown, ui.verbose()).trim_end());
        }
        let boot = boot_failures(image, outputs, store);
        for failure in &boot {
            ui.err(&format!("{}: {failure}", image.name));
        }
        if !boot.is_empty() || judged.iter().any(Verdict::blocks) {
            exit = Exit::Findings;
        }
        let packed = image.pack.and_then(|id| PackBlob::read(store, outputs.get(&id)?));
        match &packed {
            Some(blob) if !ui.json() => {
                let file = format!("{}.cpio.{}", blob.name, blob.compression.extension());
                ui.out(&ctx.out_dir().join(file).display().to_string());
            }
            _ => {}
        }
        images.push(serde_json::json!({
            "image": image.name,
            "packed": packed,
            "verdicts": judged,
            "boot_failures": boot,
        }));
    }
    if ui.json() {
        ui.out(&format!("{:#}", serde_json::json!({ "version": 1, "images": images })));
    }
    Ok(exit)
}

/// All verdicts of an image, each control's latest: what the built image gave replaces what the
/// spec alone gave.
pub(crate) fn verdicts_of(image: &Image, outputs: &Outputs, store: &Store) -> Vec<Verdict> {
    let outcomes = image.verdicts.iter().filter_map(|id| verdicts::read(store, outputs.get(id)?));
    let judged: Vec<_> = outcomes.flat_map(|outcome| outcome.verdicts).collect();
    let settled = |verdict: &&Verdict| {
        let same =
            |one: &Verdict| (&one.control, &one.profile) == (&verdict.control, &verdict.profile);
        !judged.iter().any(same)
    };
    let mut found: Vec<_> = image.spec_verdicts.iter().filter(settled).cloned().collect();
    found.extend(judged);
    forge_judge::waive(&mut found, &image.waivers, today());
    found
}

fn boot_failures(image: &Image, outputs: &Outputs, store: &Store) -> Vec<String> {
    let outcomes = image.verdicts.iter().filter_map(|id| verdicts::read(store, outputs.get(id)?));
    let boots = outcomes.filter_map(|outcome| outcome.boot);
    let failures = boots.flat_map(|boot| boot.failures).map(|failure| {
        let mut text = failure.message;
        for line in failure.log.iter().rev().take(8).rev() {
            text.push_str("\n    | ");
            text.push_str(line);
        }
        text
    });
    failures.collect()
}

/// An image with what is to be said of it.
pub(crate) struct Judged<'a> {
    image: &'a str,
    verdicts: Vec<Verdict>,
    boot: Vec<String>,
}

/// Images with those of their verdicts that are wanted.
pub(crate) fn judged<'a>(
    compiled: &'a Compiled,
    names: &[String],
    outputs: &Outputs,
    store: &Store,
    is_wanted: &dyn Fn(&Verdict) -> bool,
) -> Result<Vec<Judged<'a>>, CmdError> {
    let judged = |image: &'a Image| {
        let mut verdicts = verdicts_of(image, outputs, store);
        verdicts.retain(is_wanted);
        Judged { image: &image.name, verdicts, boot: boot_failures(image, outputs, store) }
    };
    Ok(select(&compiled.plan, names)?.into_iter().map(judged).collect())
}

/// Prints verdicts alone, in the format that was asked for. Ends as [`Exit::of_controls`], a failed boot
/// as a failed control.
pub(crate) fn print_judged(
    ui: &Ui,
    judged: &[Judged<'_>],
    plan: &Plan,
    all: bool,
) -> Result<Exit, CmdError> {
    let written = written(ui.format(), judged, plan)?;
    if let Some(text) = written {
        ui.out(&text);
    } else if ui.json() {
        let images: Vec<_> = judged
            .iter()
            .map(|one| {
                let Judged { image, verdicts, boot } = one;
                serde_json::json!({ "image": image, "verdicts": verdicts, "boot_failures": boot })
            })
            .collect();
        ui.out(&format!("{:#}", serde_json::json!({ "version": 1, "images": images })));
    } else {
        ui.out(verdicts_text(&shown(judged), all).trim_end());
    }
    let mut exit = Exit::of_controls(judged.iter().flat_map(|one| &one.verdicts));
    for one in judged {
        for failure in &one.boot {
            exit = Exit::Passed(CONTROLS_FAILED);
            ui.err(&format!("{}: {failure}", one.image));
        }
    }
    Ok(exit)
}

fn shown<'a>(judged: &'a [Judged<'_>]) -> Vec<ImageVerdicts<'a>> {
    let shown = |one: &'a Judged<'_>| ImageVerdicts { image: one.image, verdicts: &one.verdicts };
    judged.iter().map(shown).collect()
}

fn written(format: Format, judged: &[Judged<'_>], plan: &Plan) -> Result<Option<String>, CmdError> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    let texts = match format {
        Format::Html => control_reports::texts_of_plan(plan),
        _ => ControlTexts::new(),
    };
    control_reports::written(format, &shown(judged), &texts, &[], now)
}

/// Writes verdicts to the files that were asked for.
pub(crate) fn write_reports(
    reports: &[ReportFile],
    judged: &[Judged<'_>],
    plan: &Plan,
) -> Result<(), CmdError> {
    for ReportFile { format, file } in reports {
        let text = written(*format, judged, plan)?
            .ok_or_else(|| CmdError::bug("a report of images in a format of profiles"))?;
        control_reports::write(file, &text)?;
    }
    Ok(())
}
