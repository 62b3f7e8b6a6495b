//! `forgec man`: manual pages, from the definition of the command line.

use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Write the manual pages, one for each command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to; made when it is not there
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

pub(crate) fn run(ui: &Ui, args: &Args) -> Result<Exit, CmdError> {
    let directory = &args.directory;
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
        .map_err(|error| {
            CmdError::environment(format!("`{}` cannot be written: {error}", directory.display()))
        })?;
    ui.note(&format!("manual pages are in {}", directory.display()));
    Ok(Exit::Done)
}
