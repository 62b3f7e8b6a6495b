use std::time::Duration;

use crate::{Digest, NodeId};

/// What happens while a plan runs. The executor emits these; the command line prints them.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A node was found in the store.
    Hit {
        /// The node.
        node: NodeId,
    },
    /// A node began.
    Started {
        /// The node.
        node: NodeId,
    },
    /// A node reports what it is doing now.
    Progress {
        /// The node.
        node: NodeId,
        /// One line.
        message: String,
    },
    /// A node finished and its result is in the store.
    Finished {
        /// The node.
        node: NodeId,
        /// How long it took.
        duration: Duration,
        /// Its output's digest.
        output: Digest,
        /// True when the output equals that of an earlier run, so what follows may hit.
        unchanged: bool,
    },
    /// A node failed.
    Failed {
        /// The node.
        node: NodeId,
        /// The whole story, several lines.
        message: String,
    },
    /// A warning about a node that did not stop it.
    Warning {
        /// The node.
        node: NodeId,
        /// One line.
        message: String,
    },
}

/// Takes events; called from several threads.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn emit(&self, event: Event);
}
