//! Controls in KDL written as profiles of `InSpec`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use forge_inspec::{Exported, Gap, export};
use forge_model::{Control, Profile};

use super::{inputs, kdl};
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// A directory for the profile; with several profiles, one below it for each. It is made, and
    /// must be absent or empty
    #[arg(long, value_name = "DIR")]
    inspec: PathBuf,

    /// A file with profiles in KDL
    #[arg(long, value_name = "FILE", required = true)]
    kdl: Vec<PathBuf>,

    /// A value for a parameter of the profiles that declare it
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<String>,
}

/// Writes the profiles. What has no equal in `InSpec` is named; it fails there.
pub(super) fn run(ui: &Ui, args: &ExportArgs) -> Result<Exit, CmdError> {
    let inputs: BTreeMap<&str, &str> = inputs(&args.input)?;
    let Some(profiles) = kdl::profiles(ui, &args.kdl, &inputs)? else {
        return Ok(Exit::Findings);
    };
    check_empty(&args.inspec)?;
    for profile in &profiles {
        let directory = match profiles.len() {
            1 => args.inspec.clone(),
            _ => args.inspec.join(&profile.name),
        };
        let exported = export(profile);
        write(&directory, &exported)?;
        ui.out(&told(&directory, profile, &exported));
    }
    Ok(Exit::Done)
}

fn told(directory: &Path, profile: &Profile, exported: &Exported) -> String {
    let controls = profile.controls.len();
    let plural = if controls == 1 { "" } else { "s" };
    let mut text = format!("{}: {controls} control{plural}", directory.display());
    for Gap { control, asked, lacks, origin } in &exported.gaps {
        text.push_str(&format!(
            "\n  {control}: {asked} at {origin}\n    has no equal in InSpec and fails there: {lacks}"
        ));
    }
    for control in profile.controls.iter().filter(|control| control.level.is_some()) {
        let Control { id, level, origin, .. } = &**control;
        let level = level.map_or("", forge_model::Level::name);
        text.push_str(&format!("\n  {id} at {origin}: InSpec has no `target=\"{level}\"`"));
    }
    text
}

fn check_empty(directory: &Path) -> Result<(), CmdError> {
    let Ok(mut entries) = std::fs::read_dir(directory) else { return Ok(()) };
    if entries.next().is_none() {
        return Ok(());
    }
    let found = CmdError::user(format!("`{}` is not empty", directory.display()));
    Err(found.help("name a new directory: controls that are gone would stay in an old one"))
}

fn write(directory: &Path, exported: &Exported) -> Result<(), CmdError> {
    for (name, text) in &exported.files {
        let file = directory.join(name);
        let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&file, text)).map_err(|error| {
            CmdError::environment(format!("`{}` cannot be written: {error}", file.display()))
        })?;
    }
    Ok(())
}
