//! Profiles of `InSpec` as controls in KDL.

use std::path::PathBuf;

use forge_control::ProfileTemplate;
use forge_diag::{Severity, Sink, SourceMap, Standpoint};
use forge_inspec::{Imported, LeftOut, Options, Platform, import};

use super::{inputs, inspec};
use crate::ctx::print;
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The directory of the profile's `inspec.yml`
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// A value for an input of the profile
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<String>,

    /// Values for its inputs, in YAML
    #[arg(long, value_name = "FILE")]
    input_file: Vec<PathBuf>,

    /// What system the profile is for, in YAML: name, release, family, arch; without it, what asks for
    /// that needs Ruby
    #[arg(long, value_name = "FILE")]
    platform_file: Option<PathBuf>,
}

/// Parts that the summary names; the KDL has all of them.
const SHOWN: usize = 20;

/// Prints the KDL, and on standard error what is not in it.
pub(super) fn run(ui: &Ui, args: &ImportArgs) -> Result<Exit, CmdError> {
    let given = inputs(&args.input)?;
    let mut options = Options {
        inputs: given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..Options::default()
    };
    for file in &args.input_file {
        options.input_files.push(inspec::read(file)?);
    }
    if let Some(file) = &args.platform_file {
        let platform = Platform::default()
            .with_file(&inspec::read(file)?)
            .map_err(|why| CmdError::user(format!("`{}`: {why}", file.display())))?;
        options.platform = Some(platform);
    }
    let name = args.directory.display().to_string();
    let imported = import(&name, &inspec::Disk, &options).map_err(CmdError::user)?;
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let text = compiled(&imported.text, &mut map, &mut sink);
    let found = sink.into_sorted();
    let failed = found.iter().any(|one| one.severity == Severity::Error);
    print(ui, &found, &map, &Standpoint::default());
    let Some(text) = text.filter(|_| !failed) else { return Ok(Exit::Findings) };
    ui.out(&text);
    ui.err(&summary(&imported));
    Ok(Exit::Done)
}

/// The text in the one style, if it is a profile without mistakes.
fn compiled(text: &str, map: &mut SourceMap, sink: &mut Sink) -> Option<String> {
    let file = forge_syntax::load("(imported)", text.as_bytes(), map, sink)?;
    let text = forge_syntax::format(file, text, sink)?;
    let file = forge_syntax::load("(imported)", text.as_bytes(), map, sink)?;
    for node in forge_syntax::parse(file, &text, sink)? {
        ProfileTemplate::decode(&node, map, sink);
    }
    Some(text)
}

/// `62 of 78 controls imported; 16 need Ruby`, and where.
fn summary(imported: &Imported) -> String {
    let (done, all) = (imported.imported(), imported.controls);
    let plural = if all == 1 { "" } else { "s" };
    let mut text = format!("{done} of {all} control{plural} imported");
    let need = all - done;
    let outside = imported.left_out.len() - need;
    if need > 0 {
        let verb = if need == 1 { "needs" } else { "need" };
        text.push_str(&format!("; {need} {verb} Ruby"));
    }
    if outside > 0 {
        let plural = if outside == 1 { "place" } else { "places" };
        text.push_str(&format!("; {outside} {plural} outside of controls"));
    }
    for LeftOut { control, why } in imported.left_out.iter().take(SHOWN) {
        let what = control.as_deref().unwrap_or("outside of controls");
        let first = why.first().map(|(place, why)| format!("{why} ({place})")).unwrap_or_default();
        let more = match why.len() {
            0 | 1 => String::new(),
            more => format!(", and {} more", more - 1),
        };
        text.push_str(&format!("\n  {what}: {first}{more}"));
    }
    let rest = imported.left_out.len().saturating_sub(SHOWN);
    if rest > 0 {
        text.push_str(&format!("\n  and {rest} more, in comments of the KDL"));
    }
    text
}
