//! Exit codes, decided once, by kind.

use std::process::ExitCode;

use forge_model::{Status, Verdict};

/// A control failed: the code of `InSpec`, of `test` and `controls run` alone.
pub(crate) const CONTROLS_FAILED: u8 = 100;
/// No control failed, and one was not judged: the code of `InSpec`.
pub(crate) const NOT_ALL_JUDGED: u8 = 101;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Findings: spec errors, failed steps, failed controls that block.
    Findings,
    /// The command line is wrong.
    Usage,
    /// The host or the environment is in the way.
    Environment,
    /// `plan --exit-code`: something would be rebuilt.
    Changes,
    /// A bug in forge.
    Bug,
    /// Ended by a signal: 128 and its number.
    Signal(u8),
    /// Whatever the program that ran inside gave.
    Passed(u8),
}

impl Exit {
    /// As `InSpec` ends: 100 when a control failed or could not be judged, or a part of one did;
    /// else 101 when one was skipped or left to somebody else.
    pub(crate) fn of_controls<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Self {
        let statuses = verdicts.into_iter().flat_map(|verdict| {
            let bad = |status: &Status| matches!(status, Status::Failed | Status::Error);
            let waived = verdict.status == Status::Waived;
            let parts = verdict.results.iter().map(|result| result.status);
            let parts = parts.filter(bad).filter(move |_| !waived);
            std::iter::once(verdict.status).chain(parts)
        });
        let code = statuses.map(|status| match status {
            Status::Passed => 0,
            Status::Skipped
            | Status::NotKnownHere
            | Status::NotReviewed
            | Status::Waived
            | Status::NotApplicable
            | Status::Empty => 1,
            Status::Failed | Status::Error => 2,
        });
        match code.max().unwrap_or(0) {
            0 => Self::Done,
            1 => Self::Passed(NOT_ALL_JUDGED),
            _ => Self::Passed(CONTROLS_FAILED),
        }
    }

    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Changes => 10,
            Self::Bug => 70,
            Self::Signal(number) => 128 + number,
            Self::Passed(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do its work: the message, how to mend it, and whose turn it is.
#[derive(Debug)]
pub(crate) struct CmdError {
    /// The exit code's kind.
    pub(crate) exit: Exit,
    /// What is wrong, literals in backticks.
    pub(crate) message: String,
    /// How to mend it.
    pub(crate) help: Option<String>,
}

impl CmdError {
    /// The user's input is at fault.
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self { exit: Exit::Findings, message: message.into(), help: None }
    }

    /// The command line is at fault.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), help: None }
    }

    /// The host or the environment is at fault.
    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self { exit: Exit::Environment, message: message.into(), help: None }
    }

    /// forge is at fault.
    pub(crate) fn bug(message: impl Into<String>) -> Self {
        Self { exit: Exit::Bug, message: message.into(), help: None }
    }

    /// Adds how to mend it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for CmdError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CmdError {}
