//! The command line as it is typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cmd;

/// Compiles image specs and builds the operating-system images of a cluster.
#[derive(Debug, Parser)]
#[command(name = "forgec", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The project: a directory with a forge.kdl, or one below it
    #[arg(short = 'C', long = "project", value_name = "DIR", global = true)]
    pub(crate) project: Option<PathBuf>,

    /// Where layers and records are kept
    #[arg(
        long,
        value_name = "DIR",
        env = "FORGE_STORE",
        default_value = "/var/lib/forge",
        global = true
    )]
    pub(crate) store: PathBuf,

    /// Where packed images go
    #[arg(long, value_name = "DIR", env = "FORGE_OUT", default_value = "out", global = true)]
    pub(crate) out: PathBuf,

    /// Steps that run at the same time [default: number of cores]
    #[arg(short, long, value_name = "N", env = "FORGE_JOBS", global = true)]
    pub(crate) jobs: Option<usize>,

    /// When to use colors
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto, global = true)]
    pub(crate) color: Color,

    /// How results are written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Human, global = true)]
    pub(crate) format: Format,

    /// Say less
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Say more
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// When to use colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
    /// A row for each expectation of a control
    #[value(hide = true)]
    JsonMin,
    /// For CI
    #[value(hide = true)]
    Junit,
    /// A page
    #[value(hide = true)]
    Html,
    /// For GitLab's code quality
    #[value(hide = true)]
    CodeQuality,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a project to begin with
    Init(cmd::init::Args),
    /// Compile the specs and report every mistake
    Check(cmd::check::Args),
    /// Write spec files in the one style
    Fmt(cmd::fmt::Args),
    /// Explain a code of a finding, with an example of the mistake and its mend
    Explain(cmd::explain::Args),
    /// Say what the next build does, or what a change does against another revision
    Plan(cmd::plan::Args),
    /// Show what an image, role part or step resolves to
    Show(cmd::show::Args),
    /// List the images of the project
    List(cmd::list::Args),
    /// List and show what the shipped library has
    Std(cmd::std::Args),
    /// Say why a layer would be rebuilt
    Why(cmd::why::Args),
    /// Say why a path is not in an image, or who puts it there
    WhyNot(cmd::why_not::Args),
    /// Say what one image says otherwise than another, or than in another revision
    Diff(cmd::diff::Args),
    /// Name the layer and the spec line, or the package, that made a path
    Blame(cmd::blame::Args),
    /// Build images, prove them, and pack them
    Build(cmd::build::Args),
    /// Judge the controls of images, and build what they stand on
    Test(cmd::test::Args),
    /// Judge systems by profiles of controls, outside of any project
    Controls(cmd::controls::Args),
    /// Open a shell in a volatile container of an image
    Shell(cmd::shell::Args),
    /// Boot an image in a volatile container
    Boot(cmd::boot::Args),
    /// Say what the host lacks
    Doctor(cmd::doctor::Args),
    /// Talk with an editor: mistakes, completion and more while a spec is written
    Lsp(cmd::lsp::Args),
    /// Remove what no image needs any more
    Gc(cmd::gc::Args),
    /// Print the completions of a shell
    Completions(cmd::completions::Args),
    /// Draw the steps of images and what stands on what
    Graph(cmd::graph::Args),
    /// Write the manual pages, one for each command
    Man(cmd::man::Args),
}
