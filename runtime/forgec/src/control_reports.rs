//! Reports of controls in the formats that other programs read.

use std::path::{Path, PathBuf};

use forge_model::{Control, Plan, ProfileReport, Verify};
use forge_report::{ControlText, ControlTexts, ImageVerdicts, control_quality, html, junit};

use crate::cli::Format;
use crate::exit::CmdError;

/// A report that is written to a file.
#[derive(Clone, Debug)]
pub(crate) struct ReportFile {
    /// Its format.
    pub(crate) format: Format,
    /// Where to.
    pub(crate) file: PathBuf,
}

/// Reports of the controls of images, as the command line names them.
pub(crate) const OF_IMAGES: [(&str, Format); 3] =
    [("junit", Format::Junit), ("html", Format::Html), ("code-quality", Format::CodeQuality)];

/// Those of profiles outside of a project, too.
pub(crate) const OF_PROFILES: [(&str, Format); 2] =
    [("json", Format::Json), ("json-min", Format::JsonMin)];

/// `KIND=FILE` of one of these kinds.
pub(crate) fn report_file(
    text: &str,
    kinds: impl IntoIterator<Item = (&'static str, Format)>,
) -> Result<ReportFile, String> {
    let (kind, file) = text.split_once('=').unwrap_or((text, ""));
    let mut names = Vec::new();
    for (name, format) in kinds {
        if name == kind && !file.is_empty() {
            return Ok(ReportFile { format, file: PathBuf::from(file) });
        }
        names.push(format!("{name}=FILE"));
    }
    let last = names.pop().unwrap_or_default();
    Err(format!("write {} or {last}", names.join(", ")))
}

/// `KIND=FILE` for the controls of images.
pub(crate) fn of_images(text: &str) -> Result<ReportFile, String> {
    report_file(text, OF_IMAGES)
}

/// The text of a report of verdicts, with sentences about all of them where it has a place for such;
/// none in a format that says more than these.
pub(crate) fn written(
    format: Format,
    shown: &[ImageVerdicts<'_>],
    texts: &ControlTexts,
    notes: &[String],
    began: u64,
) -> Result<Option<String>, CmdError> {
    let bug = |error: &dyn std::fmt::Display| CmdError::bug(error.to_string());
    match format {
        Format::Junit => junit(shown).map(Some).map_err(|error| bug(&error)),
        Format::Html => html(shown, texts, notes, began).map(Some).map_err(|error| bug(&error)),
        Format::CodeQuality => Ok(Some(control_quality(shown))),
        Format::Human | Format::Json | Format::JsonMin => Ok(None),
    }
}

/// Writes a report to its file.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), CmdError> {
    std::fs::write(file, text).map_err(|error| {
        CmdError::environment(format!("`{}` cannot be written: {error}", file.display()))
    })
}

/// What a plan says of its controls.
pub(crate) fn texts_of_plan(plan: &Plan) -> ControlTexts {
    let actions = plan.nodes.iter().filter_map(|node| match &node.action {
        forge_model::Action::Verify(verify) => Some(&**verify),
        _ => None,
    });
    let controls = actions.flat_map(Verify::written);
    controls
        .map(|control| {
            let Control { description, tags, code, .. } = &**control;
            let tags = tags.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let text = ControlText { desc: description.clone(), tags, code: code.clone() };
            ((control.profile.clone(), control.id.clone()), text)
        })
        .collect()
}

/// What profiles say of their controls.
pub(crate) fn texts_of_profiles(profiles: &[ProfileReport]) -> ControlTexts {
    let controls = profiles.iter().flat_map(|profile| &profile.controls);
    controls
        .map(|control| {
            let tag = |(name, value): &(String, serde_json::Value)| match value {
                serde_json::Value::String(text) => format!("{name}: {text}"),
                serde_json::Value::Null => name.clone(),
                other => format!("{name}: {other}"),
            };
            let text = ControlText {
                desc: control.desc.clone().unwrap_or_default(),
                tags: control.tags.iter().map(tag).collect(),
                code: control.code.clone(),
            };
            let verdict = &control.verdict;
            ((verdict.profile.clone(), verdict.control.clone()), text)
        })
        .collect()
}
