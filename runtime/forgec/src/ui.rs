//! The only place that prints.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use forge_diag::Standpoint;
use forge_model::LIBRARY;

use crate::cli::{Color, Format, Global};
use crate::ctx::root_above;
use crate::exit::CmdError;

/// Standard output and error, with the user's wishes about them.
///
/// Everything that prints takes it, so that what a function can print is seen in its signature.
#[derive(Debug)]
pub(crate) struct Ui {
    color: bool,
    quiet: bool,
    verbose: bool,
    format: Format,
    from: Standpoint,
}

/// Where the user stands, to the project that the command line names. Without one, nothing is named.
fn standpoint(global: &Global) -> Option<Standpoint> {
    let here = std::env::current_dir().ok()?;
    let start = std::path::absolute(global.project.as_deref().unwrap_or(Path::new("."))).ok()?;
    Some(Standpoint::new(&here, root_above(&start)?).apart(LIBRARY))
}

#[expect(clippy::unused_self, reason = "who prints holds the right to, wish or not")]
impl Ui {
    /// The wishes of the command line; `NO_COLOR` counts (no-color.org).
    pub(crate) fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        let Global { quiet, verbose, format, .. } = *global;
        Self { color, quiet, verbose, format, from: standpoint(global).unwrap_or_default() }
    }

    /// Where the user stands: messages name files of the project from there, so that terminals and
    /// editors find them. Reports, which others read too, name them from the project's root.
    pub(crate) fn from(&self) -> &Standpoint {
        &self.from
    }

    /// Whether to use colors.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// Whether to say more.
    pub(crate) fn verbose(&self) -> bool {
        self.verbose
    }

    /// Whether results go to a program.
    pub(crate) fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// How results are written.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether a person watches progress.
    pub(crate) fn interactive(&self) -> bool {
        io::stderr().is_terminal() && !self.quiet
    }

    /// A result, on standard output. A reader that went away is no error.
    pub(crate) fn out(&self, text: &str) {
        let mut out = io::stdout().lock();
        let newline = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        let _written = write!(out, "{text}{newline}").and_then(|()| out.flush());
    }

    /// A word about what happens, on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.err(text);
        }
    }

    /// A question, on standard error: the answer follows on the same line.
    pub(crate) fn ask(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _written = write!(err, "{text}").and_then(|()| err.flush());
    }

    /// On standard error, whatever the user wishes.
    pub(crate) fn err(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _written = writeln!(err, "{}", text.trim_end_matches('\n'));
    }

    /// An error with its mend.
    pub(crate) fn error(&self, error: &CmdError) {
        let (red, plain) = if self.color { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
        self.err(&format!("{red}error{plain}: {}", error.message));
        if let Some(help) = &error.help {
            self.err(&format!("  help: {help}"));
        }
    }
}
