//! The forge command line: the composition root. Commands return values; [`ui::Ui`] prints.

mod cache;
mod cli;
mod cmd;
mod container;
mod contents;
mod control_reports;
mod ctx;
mod exit;
mod failure;
mod history;
mod progress;
mod runner;
mod state;
mod summary;
mod ui;
mod verdicts;
mod waivers;
mod work;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;

use crate::cli::{Cli, Command, Format};
use crate::ctx::Ctx;
use crate::exit::{CmdError, Exit};
use crate::ui::Ui;

/// Compiling makes and drops very many small texts, on all processors: a fifth of its time with the
/// allocator of the C library.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Arc::new(Ui::new(&cli.global));
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("FORGE_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let exit = run(&ui, cli).unwrap_or_else(|error| {
        ui.error(&error);
        error.exit
    });
    exit.into()
}

fn run(ui: &Arc<Ui>, cli: Cli) -> Result<Exit, CmdError> {
    let fits = match cli.global.format {
        Format::Human | Format::Json => true,
        Format::JsonMin => matches!(cli.command, Command::Controls(_)),
        Format::Junit | Format::Html | Format::CodeQuality => {
            matches!(cli.command, Command::Controls(_) | Command::Test(_))
        }
    };
    if !fits {
        let error = CmdError::usage("this format is one of reports of controls");
        return Err(error.help("write `--format human` or `--format json`"));
    }
    let ctx = Ctx::new(cli.global);
    match cli.command {
        Command::Init(args) => cmd::init::run(ui, &ctx, &args),
        Command::Check(args) => cmd::check::run(ui, &ctx, &args),
        Command::Fmt(args) => cmd::fmt::run(ui, &ctx, &args),
        Command::Explain(args) => cmd::explain::run(ui, &args),
        Command::Plan(args) => cmd::plan::run(ui, &ctx, &args),
        Command::Show(args) => cmd::show::run(ui, &ctx, &args),
        Command::List(args) => cmd::list::run(ui, &ctx, &args),
        Command::Std(args) => cmd::std::run(ui, &args),
        Command::Controls(args) => cmd::controls::run(ui, &args),
        Command::Why(args) => cmd::why::run(ui, &ctx, &args),
        Command::WhyNot(args) => cmd::why_not::run(ui, &ctx, &args),
        Command::Diff(args) => cmd::diff::run(ui, &ctx, &args),
        Command::Blame(args) => cmd::blame::run(ui, &ctx, &args),
        Command::Build(args) => cmd::build::run(ui, &ctx, &args),
        Command::Test(args) => cmd::test::run(ui, &ctx, &args),
        Command::Shell(args) => cmd::shell::run(ui, &ctx, &args),
        Command::Boot(args) => cmd::boot::run(ui, &ctx, &args),
        Command::Doctor(args) => cmd::doctor::run(ui, &ctx, &args),
        Command::Lsp(args) => cmd::lsp::run(&ctx, &args),
        Command::Gc(args) => cmd::gc::run(ui, &ctx, &args),
        Command::Completions(args) => Ok(cmd::completions::run(ui, &args)),
        Command::Graph(args) => cmd::graph::run(ui, &ctx, &args),
        Command::Man(args) => cmd::man::run(ui, &args),
    }
}
