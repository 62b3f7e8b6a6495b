use std::fmt;

use forge_model::Origin;

use crate::{Fault, StepError};

/// A change that cannot be made, with the place that asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeError {
    /// [`Fault::User`] for a declaration that does not fit the image, [`Fault::Environment`]
    /// when the image's bytes could not be read.
    pub fault: Fault,
    /// The node of the spec.
    pub origin: Origin,
    /// One line.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

impl std::error::Error for ChangeError {}

impl From<ChangeError> for StepError {
    fn from(error: ChangeError) -> Self {
        let ChangeError { fault, origin, message, help } = error;
        let step = Self::new(fault, message).at(&origin);
        match help {
            Some(help) => step.help(help),
            None => step,
        }
    }
}

/// Something that was done and that its author may not have meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The node of the spec.
    pub origin: Origin,
    /// One line.
    pub message: String,
}

/// A problem whose place is not known yet: helpers return it, and the change that called them
/// adds where it stands.
#[derive(Debug)]
pub(super) struct Problem {
    fault: Fault,
    message: String,
    help: Option<String>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { fault: Fault::User, message: message.into(), help: None }
    }

    pub(super) fn unreadable(path: &forge_model::ImagePath, error: &std::io::Error) -> Self {
        let message = format!("cannot read `{path}` of the layers below: {error}");
        Self { fault: Fault::Environment, message, help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(self, origin: &Origin) -> ChangeError {
        let Self { fault, message, help } = self;
        ChangeError { fault, origin: origin.clone(), message, help }
    }
}
