//! `forgec completions`: what a shell completes, from the definition of the command line.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::exit::Exit;
use crate::ui::Ui;

/// Print the completions of a shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

pub(crate) fn run(ui: &Ui, args: &Args) -> Exit {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "forgec", &mut script);
    ui.out(&String::from_utf8_lossy(&script));
    Exit::Done
}
