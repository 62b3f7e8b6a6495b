//! Compiling beside the conversation, so that an answer never waits for a large project.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use forge_model::Day;
use forge_plan::Checked;

use crate::overlay::Overlay;

/// A state of a project that is to be judged.
pub(crate) struct Job {
    pub(crate) root: String,
    /// Raised with every change; what comes back tells which state it is about.
    pub(crate) generation: u64,
    /// Versions of the open texts, by path in the project.
    pub(crate) versions: BTreeMap<String, i32>,
    pub(crate) sources: Arc<Overlay>,
    /// Which waivers still count.
    pub(crate) today: Day,
}

/// A judged state.
pub(crate) struct Done {
    pub(crate) root: String,
    pub(crate) generation: u64,
    pub(crate) versions: BTreeMap<String, i32>,
    /// None after a bug in the compiler, which is on standard error.
    pub(crate) checked: Option<Checked>,
}

/// Starts the thread. It ends when the sender is dropped.
pub(crate) fn start() -> (Sender<Job>, Receiver<Done>) {
    let (jobs, waiting) = unbounded::<Job>();
    let (finished, done) = unbounded();
    std::thread::spawn(move || {
        for job in waiting {
            let Job { root, generation, versions, sources, today } = job;
            let work = AssertUnwindSafe(|| forge_plan::check(sources.as_ref(), today));
            let checked = catch_unwind(work).ok();
            if finished.send(Done { root, generation, versions, checked }).is_err() {
                return;
            }
        }
    });
    (jobs, done)
}
