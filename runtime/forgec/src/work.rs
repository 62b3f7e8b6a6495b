//! Steps made: what `build` and `test` have in common.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use forge_artifact::Revision;
use forge_exec::freshness::{State, closure, freshness};
use forge_exec::{
    Context, Executor, Fault, NodeRunner as _, Outputs, StoreFacts, StoreLookup, Surroundings,
    Vault, scheduler,
};
use forge_model::{Event, EventSink, NodeId, Plan};
use forge_secret::Opener;
use forge_store::Store;
use forge_sys::process::Cancel;
use forge_sys::sandbox;
use tokio::sync::watch;

use crate::ctx::{Compiled, Ctx, today};
use crate::exit::CmdError;
use crate::failure::story;
use crate::progress::Progress;
use crate::runner::Runner;
use crate::ui::Ui;
use crate::waivers::Waivers;

/// Said first: without root, the store or the output folder would be in the way, too.
pub(crate) fn require_root() -> Result<(), CmdError> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let error = CmdError::environment(sandbox::SandboxError::NotRoot.to_string());
    Err(error.help("run as root, on a machine or runner that may mount file systems"))
}

/// The private namespaces that every mount and container of a run lives in.
///
/// `written` are further directories that the run writes to on the host; they exist.
pub(crate) fn enter(
    ctx: &Ctx,
    root: &Path,
    written: &[PathBuf],
) -> Result<sandbox::Entered, CmdError> {
    require_root()?;
    let store = std::path::absolute(ctx.store_dir())
        .map_err(|error| CmdError::environment(error.to_string()))?;
    // The store is made by the outer process's user: its work directory is the mount point.
    let opened = Store::open(&store).map_err(|error| {
        CmdError::environment(error.to_string())
            .help("name another store with `--store DIR`, or run as root")
    })?;
    let mut keep = vec![store, root.to_owned()];
    keep.extend_from_slice(written);
    let options = sandbox::Options { work: opened.work_directory(), work_size: work_size(), keep };
    sandbox::enter(&options).map_err(|error| {
        let error = CmdError::environment(error.to_string());
        error.help("run as root, on a machine or runner that may mount file systems")
    })
}

/// Three quarters of the memory: a tmpfs takes only what is written to it.
fn work_size() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: Option<u64> = total.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(4 << 20) * 1024 / 4 * 3
}

/// Steps that a command asks for, with all that they stand on.
pub(crate) struct Work<'a> {
    /// Where it is said.
    pub(crate) ui: &'a Arc<Ui>,
    /// The project's folders.
    pub(crate) ctx: &'a Ctx,
    /// The plan.
    pub(crate) compiled: &'a Compiled,
    /// What is asked for.
    pub(crate) goals: Vec<NodeId>,
    /// Package names are resolved anew.
    pub(crate) refresh: bool,
    /// A file with age identities.
    pub(crate) identity: Option<PathBuf>,
    /// Images of a name that are kept in the output folder.
    pub(crate) keep: usize,
}

/// What came of it.
pub(crate) struct Made {
    /// Outputs of the steps that were made or found.
    pub(crate) outputs: Outputs,
    /// The gravest fault of a step.
    pub(crate) fault: Option<Fault>,
    counts: String,
}

impl Made {
    /// Says how many steps went which way.
    pub(crate) fn note_counts(&self, ui: &Ui) {
        ui.note(&self.counts);
    }
}

impl Work<'_> {
    fn runner(&self, store: &Arc<Store>) -> Runner {
        let revision = forge_sys::sources::git_state(&self.compiled.root)
            .map(|state| Revision { commit: state.revision, dirty: state.dirty });
        Runner {
            out: self.ctx.out_dir(),
            revision,
            keep: self.keep,
            store: store.clone(),
            waivers: Waivers::of(&self.compiled.plan, today()),
        }
    }

    /// The outputs when everything is there: no privilege, no namespaces, no locks.
    pub(crate) fn present(&self) -> Result<Option<(Outputs, Arc<Store>)>, CmdError> {
        let store = Arc::new(self.ctx.store_to_read()?);
        let context = reading_context(&store, self.compiled)?;
        let facts = StoreFacts::new(store.clone());
        let plan = &self.compiled.plan;
        let wanted = closure(plan, self.goals.clone());
        let lookup = StoreLookup::new(&context, &facts);
        let states = freshness(plan, &wanted, &lookup, &facts);
        let runner = self.runner(&store);
        let mut outputs = Outputs::new();
        for (id, state) in &states {
            match state {
                State::Hit(output) if runner.is_current(plan.node(*id), output) => {
                    outputs.insert(*id, *output);
                }
                _ => return Ok(None),
            }
        }
        Ok(Some((outputs, store)))
    }

    /// Makes what is not there. An error is the signal that stopped it.
    pub(crate) fn make(
        &self,
        store: &Arc<Store>,
        inside: &sandbox::Inside,
    ) -> Result<Result<Made, u8>, CmdError> {
        let started = Instant::now();
        let plan = Arc::new(self.compiled.plan.clone());
        let progress = Arc::new(Progress::new(plan.clone(), self.ui.clone()));
        let cancel = Cancel::new().map_err(|error| CmdError::environment(error.to_string()))?;
        let surroundings = Surroundings {
            store: store.clone(),
            sources: self.compiled.sources.clone(),
            work: inside.work.clone(),
            outer: inside.outer,
            cancel: cancel.clone(),
            events: progress.clone(),
        };
        let vault = Vault::new(Opener::new(self.identity.clone()));
        let refresh = self.refresh.then(SystemTime::now);
        let executor = Arc::new(Executor {
            plan: plan.clone(),
            context: Arc::new(Context::new(surroundings, vault, refresh)),
            facts: StoreFacts::new(store.clone()),
            runner: Arc::new(self.runner(store)),
        });
        executor.open_secrets_ahead(&closure(&plan, self.goals.clone()));
        let (outcome, signal) = self.schedule(&executor, &plan, &cancel)?;
        if let Some(signal) = signal {
            self.ui.err("interrupted; finished layers are kept");
            return Ok(Err(signal));
        }
        for (id, error) in &outcome.failures {
            let name = if (id.0 as usize) < plan.nodes.len() {
                let node = plan.node(*id);
                format!("{} ({})", node.label, node.images.join(", "))
            } else {
                "a step".to_owned()
            };
            let message = story(&name, error, &self.compiled.root, self.ui.from());
            progress.emit(Event::Failed { node: *id, message });
        }
        let counts = progress.counts();
        let counts = format!(
            "{} steps done, {} kept, {} failed, {} not tried, in {:.1} s",
            counts.done(),
            counts.hits(),
            outcome.failures.len(),
            outcome.untried.len(),
            started.elapsed().as_secs_f64()
        );
        Ok(Ok(Made { fault: outcome.fault(), outputs: outcome.outputs, counts }))
    }

    fn schedule(
        &self,
        executor: &Arc<Executor>,
        plan: &Arc<Plan>,
        cancel: &Cancel,
    ) -> Result<(scheduler::Outcome, Option<u8>), CmdError> {
        let wanted = closure(plan, self.goals.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(self.ctx.jobs() + 4)
            .enable_all()
            .build()
            .map_err(|error| CmdError::environment(error.to_string()))?;
        let executor = executor.clone();
        let execute: Arc<scheduler::Execute> =
            Arc::new(move |id, inputs| executor.execute(id, inputs));
        let outcome = runtime.block_on(async {
            let (stop, stopped) = watch::channel(false);
            let run = scheduler::run(plan, &wanted, self.ctx.jobs(), execute, stopped);
            tokio::pin!(run);
            tokio::select! {
                outcome = &mut run => Ok((outcome, None)),
                signal = interrupted() => {
                    let signal = signal?;
                    cancel.cancel();
                    let _sent = stop.send(true);
                    Ok((run.await, Some(signal)))
                }
            }
        });
        // Programs under way are killed; nothing is left to wait for.
        runtime.shutdown_background();
        outcome
    }
}

/// The number of the signal that asks to stop.
async fn interrupted() -> Result<u8, CmdError> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| CmdError::environment(error.to_string()));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(2),
        _ = terminate.recv() => Ok(15),
        _ = hangup.recv() => Ok(1),
    }
}

/// A context for questions: nothing is run in it.
pub(crate) fn reading_context(
    store: &Arc<Store>,
    compiled: &Compiled,
) -> Result<Context, CmdError> {
    let cancel = Cancel::new().map_err(|error| CmdError::environment(error.to_string()))?;
    let surroundings = Surroundings {
        store: store.clone(),
        sources: compiled.sources.clone(),
        work: PathBuf::from("/nonexistent"),
        outer: 0,
        cancel,
        events: Arc::new(Silence),
    };
    Ok(Context::new(surroundings, Vault::new(Opener::new(None)), None))
}

struct Silence;

impl EventSink for Silence {
    fn emit(&self, _event: Event) {}
}
