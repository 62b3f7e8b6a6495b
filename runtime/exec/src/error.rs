//! Why a step failed, by whose turn it is.

use forge_model::Origin;

/// Whose turn it is to mend a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The specs, scripts or packages asked for: exit 1.
    User,
    /// The host, the network, the disk: exit 3.
    Environment,
    /// forge: exit 70.
    Bug,
    /// The run was interrupted.
    Interrupted,
}

/// A failed step: what, where in the spec, the end of its output, and where all of it is.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    /// Whose turn it is.
    pub fault: Fault,
    /// One or a few lines.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Where in the spec.
    pub origins: Vec<Origin>,
    /// The command that failed, to run by hand.
    pub command: Option<String>,
    /// The last lines of its output.
    pub tail: Vec<String>,
    /// The whole output.
    pub log: Option<std::path::PathBuf>,
}

impl StepError {
    /// A failure of this kind.
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self {
            fault,
            message: message.into(),
            help: None,
            origins: Vec::new(),
            command: None,
            tail: Vec::new(),
            log: None,
        }
    }

    /// The specs are at fault.
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(Fault::User, message)
    }

    /// The host is at fault.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Fault::Environment, message)
    }

    /// forge is at fault.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Fault::Bug, message)
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, origin: &Origin) -> Self {
        self.origins.push(origin.clone());
        self
    }
}

impl From<forge_store::StoreError> for StepError {
    fn from(error: forge_store::StoreError) -> Self {
        let full = matches!(error, forge_store::StoreError::Full { .. });
        let step = Self::environment(error.to_string());
        if full {
            return step.help("free some space, or run `forgec gc`; what was finished is kept");
        }
        step
    }
}
