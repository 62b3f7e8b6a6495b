//! `forgec controls`: profiles of controls by themselves, outside of any project.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use forge_control::ProfileTemplate;
use forge_diag::{Severity, Sink, SourceMap, Standpoint, codes};
use forge_judge::judge;
use forge_model::{Profile, Status, Verdict};
use forge_param::{ParamDecl, ParamValue};
use forge_report::{ImageVerdicts, json_min, junit, tally, verdicts_text};
use forge_verify::DirectoryTarget;

use crate::ctx::print;
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Judge systems by profiles of controls, outside of any project.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Judge a system by profiles; ends with 100 when a control fails, with 101 when none fails and
    /// one was not judged
    Run(RunArgs),
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// A file with profiles in KDL
    #[arg(long, value_name = "FILE", required = true)]
    kdl: Vec<PathBuf>,

    /// The directory that holds the system: an unpacked image, a mounted disk; nothing in it is
    /// started
    #[arg(long, value_name = "DIR")]
    tree: PathBuf,

    /// A value for a parameter of the profiles that declare it
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<String>,

    /// Judge this control only
    #[arg(long, value_name = "ID")]
    control: Vec<String>,

    /// Show controls that passed, too
    #[arg(long)]
    all: bool,

    /// Write a report beside the text: junit=FILE
    #[arg(long, value_name = "KIND=FILE")]
    report: Vec<String>,
}

pub(crate) fn run(ui: &Ui, args: &Args) -> Result<Exit, CmdError> {
    let Command::Run(args) = &args.command;
    let reports = reports(&args.report)?;
    let inputs = inputs(&args.input)?;
    let Some(profiles) = profiles(ui, &args.kdl, &inputs)? else { return Ok(Exit::Findings) };
    let target = DirectoryTarget::open(&args.tree).map_err(|error| {
        CmdError::environment(format!("`{}` cannot be opened: {error}", args.tree.display()))
    })?;
    let begun = Instant::now();
    let controls = profiles.iter().flat_map(|profile| &profile.controls);
    let wanted = |id: &String| args.control.is_empty() || args.control.contains(id);
    let verdicts: Vec<Verdict> = controls
        .filter(|control| wanted(&control.id))
        .map(|control| judge(control, &target))
        .collect();
    for id in &args.control {
        if !verdicts.iter().any(|verdict| verdict.control == *id) {
            let known = ids(&profiles);
            let found = CmdError::usage(format!("no control is called `{id}`"));
            return Err(match forge_syntax::closest(id, known) {
                Some(near) => found.help(format!("did you mean `{near}`?")),
                None => found,
            });
        }
    }
    let name = args.tree.display().to_string();
    let judged = [ImageVerdicts { image: &name, verdicts: &verdicts }];
    if ui.json() {
        ui.out(&json_min(&verdicts, begun.elapsed()));
    } else {
        ui.out(verdicts_text(&judged, args.all).trim_end());
    }
    for file in reports {
        let text = junit(&judged).map_err(|error| CmdError::bug(error.to_string()))?;
        std::fs::write(&file, text).map_err(|error| {
            CmdError::environment(format!("`{}` cannot be written: {error}", file.display()))
        })?;
    }
    Ok(exit(&verdicts))
}

fn ids(profiles: &[Profile]) -> impl Iterator<Item = &str> {
    profiles.iter().flat_map(|profile| &profile.controls).map(|control| control.id.as_str())
}

/// As `InSpec` ends: what could not be judged is never a pass.
fn exit(verdicts: &[Verdict]) -> Exit {
    const FAILED: u8 = 100;
    const NOT_ALL_JUDGED: u8 = 101;
    let counted = tally(verdicts);
    let failed = verdicts.iter().any(|one| matches!(one.status, Status::Failed | Status::Error));
    match failed {
        true => Exit::Passed(FAILED),
        false if counted.skipped + counted.not_judged > 0 => Exit::Passed(NOT_ALL_JUDGED),
        false => Exit::Done,
    }
}

fn reports(wanted: &[String]) -> Result<Vec<PathBuf>, CmdError> {
    let file = |text: &String| match text.split_once('=') {
        Some(("junit", file)) if !file.is_empty() => Ok(PathBuf::from(file)),
        _ => Err(CmdError::usage(format!("`{text}` is no report")).help("write junit=FILE")),
    };
    wanted.iter().map(file).collect()
}

fn inputs(given: &[String]) -> Result<BTreeMap<&str, &str>, CmdError> {
    let pairs = given.iter().map(|text| {
        text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            CmdError::usage(format!("`{text}` gives no value")).help("write NAME=VALUE")
        })
    });
    pairs.collect()
}

/// The profiles of some files, with values put in; none after reported mistakes.
fn profiles(
    ui: &Ui,
    files: &[PathBuf],
    inputs: &BTreeMap<&str, &str>,
) -> Result<Option<Vec<Profile>>, CmdError> {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let mut templates = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let bytes = std::fs::read(file)
            .map_err(|error| CmdError::user(format!("`{name}` cannot be read: {error}")))?;
        let Some(file) = forge_syntax::load(&name, &bytes, &mut map, &mut sink) else { continue };
        let text = map.text(file).to_owned();
        for node in forge_syntax::parse(file, &text, &mut sink).unwrap_or_default() {
            if node.name.value == "profile" {
                templates.extend(ProfileTemplate::decode(&node, &map, &mut sink));
            } else {
                let headline = format!("`{}` stands in no file of profiles", node.name.value);
                sink.push(
                    forge_diag::Diagnostic::error(codes::SYNTAX_UNKNOWN_NODE, headline)
                        .at(node.head, "only `profile` does"),
                );
            }
        }
    }
    for name in inputs.keys() {
        let known = || templates.iter().flat_map(|template| &template.params);
        if !known().any(|param| param.name.value == *name) {
            let names = known().map(|param| param.name.value.as_str());
            let near = forge_syntax::closest(name, names);
            let found = CmdError::usage(format!("no profile has a parameter `{name}`"));
            return Err(match near {
                Some(near) => found.help(format!("did you mean `{near}`?")),
                None => found,
            });
        }
    }
    let mut profiles = Vec::new();
    for template in templates.iter().filter(|template| template.params_are_whole) {
        let values = values(template, inputs)?;
        profiles.push(template.instantiate(&values, &map, &mut sink));
    }
    let found = sink.into_sorted();
    print(ui, &found, &map, &Standpoint::default());
    let failed = found.iter().any(|one| one.severity == Severity::Error);
    Ok((!failed).then_some(profiles))
}

fn values(
    template: &ProfileTemplate,
    inputs: &BTreeMap<&str, &str>,
) -> Result<BTreeMap<String, ParamValue>, CmdError> {
    let value = |param: &ParamDecl| {
        let name = &param.name.value;
        let value = match (inputs.get(name.as_str()), &param.default) {
            (Some(text), _) => param.ty.of_text(text).ok_or_else(|| {
                let expected = param.ty.expected();
                CmdError::usage(format!("`{name}` must be {expected}, and is given `{text}`"))
            })?,
            (None, Some(default)) => default.value.clone(),
            (None, None) => {
                let profile = &template.name.value;
                let found =
                    CmdError::usage(format!("the profile `{profile}` needs a value for `{name}`"));
                return Err(found.help(format!("give it with `--input {name}=…`")));
            }
        };
        Ok((name.clone(), value))
    };
    template.params.iter().map(value).collect()
}
