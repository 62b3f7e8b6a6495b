//! A step under way, and what it makes.

use std::path::PathBuf;

use forge_model::{Digest, Event, Key, Node, Plan};
use forge_store::OutputKind;

use crate::StepError;
use crate::context::Context;
use crate::keys::{self, Outputs};
use crate::lookup::StoreFacts;
use crate::stack::Stack;

/// What a step made.
#[derive(Debug)]
pub(crate) struct Made {
    /// The output's digest.
    pub output: Digest,
    /// What it is.
    pub kind: OutputKind,
    /// Its size in bytes.
    pub size: u64,
    /// A narrower key that the output is kept under, when what it reads below is known.
    pub narrow: Option<Key>,
    /// The output was in the store under the narrower key.
    pub reused: bool,
    /// Warnings, a line each.
    pub notes: Vec<String>,
}

impl Made {
    pub(crate) fn new(output: Digest, kind: OutputKind, size: u64) -> Self {
        Self { output, kind, size, narrow: None, reused: false, notes: Vec::new() }
    }
}

/// A step under way.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub plan: &'a Plan,
    pub node: &'a Node,
    pub inputs: &'a Outputs,
    pub context: &'a Context,
    pub facts: &'a StoreFacts,
    /// The action key that it is looked up by.
    pub key: &'a Key,
}

impl Step<'_> {
    /// The layers below, with their merged view.
    pub(crate) fn stack(&self) -> Result<Stack, StepError> {
        let digests = keys::stack_outputs(self.plan, self.node.id, self.inputs)
            .map_err(|_| StepError::bug("a step began before the layers below it were there"))?;
        self.context.stack(&digests)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.context.store.log_path(self.node.action.kind(), &self.key.digest)
    }

    pub(crate) fn progress(&self, message: impl Into<String>) {
        let event = Event::Progress { node: self.node.id, message: message.into() };
        self.context.events.emit(event);
    }
}
