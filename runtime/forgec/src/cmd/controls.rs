//! `forgec controls`: profiles of controls by themselves, outside of any project.

mod export;
mod import;
mod inspec;
mod kdl;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use forge_model::{Day, ProfileReport, ProfileStatus, Target, Verdict};
use forge_report::{Clock, ImageVerdicts, exec_json, json_min, verdicts_text};
use forge_sys::ssh::Ssh;
use forge_verify::{DirectoryTarget, NodeTarget};

use crate::cli::Format;
use crate::control_reports::{self, OF_IMAGES, OF_PROFILES, ReportFile, report_file};
use crate::exit::{CmdError, Exit, NOT_ALL_JUDGED};
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
    ///
    /// `--format` is one of human, json (`InSpec`'s report, which Heimdall reads), json-min (a row for
    /// each expectation), junit, html (a page) and code-quality (GitLab's).
    Run(RunArgs),

    /// Write controls in KDL as a profile of `InSpec` that gives the same verdicts
    ///
    /// What has no equal there is named, and becomes a check that fails: never one that passes.
    Export(export::ExportArgs),

    /// Print the controls of an `InSpec` profile in KDL
    ///
    /// A control with a part that has no equal in KDL is left out whole, and stands as a comment that
    /// names the place and the reason.
    Import(import::ImportArgs),
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// A file with profiles in KDL
    #[arg(long, value_name = "FILE", required_unless_present = "inspec")]
    kdl: Vec<PathBuf>,

    /// A directory with an `InSpec` profile, as it is
    #[arg(long, value_name = "DIR")]
    inspec: Vec<PathBuf>,

    #[command(flatten)]
    system: System,

    /// Ask the node as root, by `sudo` without a password
    #[arg(long, requires = "node")]
    sudo: bool,

    /// A configuration for `ssh`, in place of the user's own
    #[arg(long, value_name = "FILE", requires = "node")]
    ssh_config: Option<PathBuf>,

    /// A value for a parameter or input of the profiles that declare it
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<String>,

    /// Values for inputs of `InSpec` profiles, in YAML
    #[arg(long, value_name = "FILE", requires = "inspec")]
    input_file: Vec<PathBuf>,

    /// Waivers of controls, in YAML
    #[arg(long, value_name = "FILE")]
    waiver_file: Vec<PathBuf>,

    /// What system `InSpec` profiles are to see, in YAML: name, release, family, arch
    #[arg(long, value_name = "FILE", requires = "inspec")]
    platform_file: Option<PathBuf>,

    /// Judge this control only
    #[arg(long, value_name = "ID")]
    control: Vec<String>,

    /// Show controls that passed, too
    #[arg(long)]
    all: bool,

    /// Write a report beside the text: junit, html, code-quality, json or json-min=FILE
    #[arg(long, value_name = "KIND=FILE")]
    report: Vec<String>,
}

/// What is judged.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct System {
    /// The directory that holds the system: an unpacked image, a mounted disk; nothing in it is
    /// started
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,

    /// A running node, over SSH: a host, user@host, an alias of the configuration, or
    /// ssh://user@host:port
    #[arg(long, value_name = "SSH")]
    node: Option<String>,
}

impl RunArgs {
    /// The system that is judged, and its name.
    fn target(&self) -> Result<(String, Box<dyn Target>), CmdError> {
        if let Some(node) = &self.system.node {
            let config = self.ssh_config.as_deref();
            let ssh = Ssh::connect(node, self.sudo, config)
                .map_err(|error| CmdError::environment(error.to_string()).help(NO_NODE))?;
            return Ok((node.clone(), Box::new(NodeTarget::new(ssh))));
        }
        let directory = self.system.tree.clone().unwrap_or_default();
        let name = directory.display().to_string();
        let target = DirectoryTarget::open(&directory).map_err(|error| {
            CmdError::environment(format!("`{name}` cannot be opened: {error}"))
        })?;
        Ok((name, Box::new(target)))
    }
}

/// How to go on without a connection.
const NO_NODE: &str = "nobody is asked for a password: `ssh -o BatchMode=yes NODE true` must work";

pub(crate) fn run(ui: &Ui, args: &Args) -> Result<Exit, CmdError> {
    let args = match &args.command {
        Command::Run(args) => args,
        Command::Export(args) => return export::run(ui, args),
        Command::Import(args) => return import::run(ui, args),
    };
    let reports = reports(&args.report)?;
    let inputs = inputs(&args.input)?;
    // Parameters of KDL profiles are all declared; inputs of others show when they are loaded.
    let for_kdl = if args.inspec.is_empty() { &inputs } else { &BTreeMap::new() };
    let Some(profiles) = kdl::profiles(ui, &args.kdl, for_kdl)? else {
        return Ok(Exit::Findings);
    };
    let (name, target) = args.target()?;
    let target = &*target;
    let (begun, now) = (Instant::now(), SystemTime::now());
    let began = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let wanted = |id: &str| args.control.is_empty() || args.control.iter().any(|one| one == id);
    let waivers = inspec::waivers(&args.waiver_file, began)?;
    let mut judged: Vec<ProfileReport> = profiles
        .iter()
        .map(|profile| kdl::report(profile, target, &wanted, (&waivers, Day::of_seconds(began))))
        .collect();
    let known = profiles.iter().flat_map(|profile| &profile.controls);
    let mut known: Vec<String> = known.map(|control| control.id.clone()).collect();
    judged.extend(inspec::judge(args, &inputs, waivers, (target, began), &mut known)?);
    check_wanted(&args.control, &known)?;
    let clock = Clock { began, took: begun.elapsed() };
    let verdicts: Vec<Verdict> = judged
        .iter()
        .flat_map(|profile| profile.controls.iter().map(|control| control.verdict.clone()))
        .collect();
    let shown = [ImageVerdicts { image: &name, verdicts: &verdicts }];
    let write = |format: Format| match format {
        Format::Human => Ok(human(&shown, &judged, args.all)),
        Format::Json => Ok(exec_json(&judged, clock)),
        Format::JsonMin => Ok(json_min(&judged, clock.took)),
        Format::Junit | Format::Html | Format::CodeQuality => {
            let texts = control_reports::texts_of_profiles(&judged);
            Ok(control_reports::written(format, &shown, &texts, &notes(&judged), began)?
                .unwrap_or_default())
        }
    };
    ui.out(&write(ui.format())?);
    for ReportFile { format, file } in reports {
        control_reports::write(&file, &write(format)?)?;
    }
    Ok(exit(&verdicts, &judged))
}

fn human(shown: &[ImageVerdicts<'_>], judged: &[ProfileReport], all: bool) -> String {
    let mut text = verdicts_text(shown, all);
    for note in notes(judged) {
        text.push_str(&format!("  {note}\n"));
    }
    text.trim_end().to_owned()
}

/// Profiles that were not judged, and why.
fn notes(judged: &[ProfileReport]) -> Vec<String> {
    let note = |profile: &ProfileReport| match &profile.status {
        ProfileStatus::Skipped(why) => Some(format!("skipped {}: {why}", profile.name)),
        ProfileStatus::Loaded => None,
    };
    judged.iter().filter_map(note).collect()
}

/// A control that is asked for and that no profile has is a slip of the pen.
fn check_wanted(wanted: &[String], known: &[String]) -> Result<(), CmdError> {
    for id in wanted {
        if !known.contains(id) {
            let found = CmdError::usage(format!("no control is called `{id}`"));
            return Err(match forge_syntax::closest(id, known.iter().map(String::as_str)) {
                Some(near) => found.help(format!("did you mean `{near}`?")),
                None => found,
            });
        }
    }
    Ok(())
}

/// A profile that is not for this system was not judged either.
fn exit(verdicts: &[Verdict], judged: &[ProfileReport]) -> Exit {
    let skipped = judged.iter().any(|one| matches!(one.status, ProfileStatus::Skipped(_)));
    match Exit::of_controls(verdicts) {
        Exit::Done if skipped => Exit::Passed(NOT_ALL_JUDGED),
        exit => exit,
    }
}

fn reports(wanted: &[String]) -> Result<Vec<ReportFile>, CmdError> {
    let file = |text: &String| {
        let kinds = OF_IMAGES.into_iter().chain(OF_PROFILES);
        report_file(text, kinds)
            .map_err(|help| CmdError::usage(format!("`{text}` is no report")).help(help))
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
