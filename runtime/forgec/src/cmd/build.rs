//! `forgec build`: images built, proven and packed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use forge_artifact::{DEFAULT_KEEP, Revision};
use forge_exec::freshness::{State, closure, freshness};
use forge_exec::{
    Context, Executor, NodeRunner as _, Outputs, StoreFacts, StoreLookup, Surroundings, Vault,
    scheduler,
};
use forge_model::{Event, EventSink, NodeId, Plan};
use forge_secret::Opener;
use forge_store::Store;
use forge_sys::process::Cancel;
use forge_sys::sandbox;
use tokio::sync::watch;

use crate::ctx::{Compiled, Ctx, exit_of, select, targets};
use crate::exit::{CmdError, Exit};
use crate::failure::story;
use crate::progress::Progress;
use crate::runner::Runner;
use crate::state::ImageState;
use crate::ui::Ui;
use crate::{cmd, summary};

/// Build images, prove them, and pack them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Images to build; all of the project when none is named
    #[arg(value_name = "IMAGE")]
    pub(crate) images: Vec<String>,

    /// Resolve package names anew, from fresh package indexes
    #[arg(long)]
    pub(crate) refresh: bool,

    /// A file with age identities that open the project's secrets
    #[arg(long, value_name = "FILE", env = "FORGE_AGE_IDENTITY_FILE")]
    pub(crate) identity: Option<PathBuf>,

    /// Images of a name that are kept in the output folder
    #[arg(long, value_name = "N", default_value_t = DEFAULT_KEEP)]
    pub(crate) keep: usize,

    /// Write a report of the controls beside the text: junit=FILE
    #[arg(long, value_name = "KIND=FILE", value_parser = junit_file)]
    pub(crate) report: Option<PathBuf>,

    /// Get what the host lacks first, as `forgec doctor --install` does
    #[arg(long)]
    pub(crate) install: bool,

    /// Boot each image in a container afterwards
    #[arg(long)]
    pub(crate) boot: bool,

    /// Boot this packed image in QEMU afterwards, by software emulation
    #[arg(long, value_name = "IMAGE")]
    pub(crate) qemu: Option<String>,
}

pub(crate) fn run(ui: &Arc<Ui>, ctx: &Ctx, args: &Args) -> Result<Exit, CmdError> {
    if args.install && !sandbox::is_inner() {
        cmd::doctor::run(ui, ctx, &cmd::doctor::Args { install: true })?;
    }
    let Some(compiled) = ctx.compiled(ui)? else { return Ok(Exit::Findings) };
    let revision = forge_sys::sources::git_state(&compiled.root)
        .map(|state| Revision { commit: state.revision, dirty: state.dirty });
    let request = Request { ui, ctx, args, compiled: &compiled, revision };
    if !sandbox::is_inner()
        && let Some(exit) = request.nothing_to_do()?
    {
        return Ok(exit);
    }
    require_root()?;
    let inside = match enter(ctx, &compiled.root, &written(ctx, args)?)? {
        sandbox::Entered::Outside(code) => return Ok(Exit::Passed(code)),
        sandbox::Entered::Inside(inside) => inside,
    };
    let exit = request.build(&inside)?;
    if exit == Exit::Done {
        return request.boot(&inside);
    }
    Ok(exit)
}

fn junit_file(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("junit=") {
        Some(file) if !file.is_empty() => Ok(PathBuf::from(file)),
        _ => Err("write junit=FILE".to_owned()),
    }
}

/// Directories outside of the store that a build writes to, made when absent: the private
/// namespaces show a tmpfs in place of `/tmp` and `/run`, but for what is named.
fn written(ctx: &Ctx, args: &Args) -> Result<Vec<PathBuf>, CmdError> {
    let mut directories = vec![ctx.out_dir()];
    if let Some(file) = &args.report {
        let file = std::path::absolute(file).map_err(|error| CmdError::usage(error.to_string()))?;
        directories.extend(file.parent().map(Path::to_owned));
    }
    for directory in &directories {
        std::fs::create_dir_all(directory).map_err(|error| {
            CmdError::environment(format!("`{}` cannot be made: {error}", directory.display()))
        })?;
    }
    Ok(directories)
}

/// Said first: without root, the store or the output folder would be in the way, too.
fn require_root() -> Result<(), CmdError> {
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

struct Request<'a> {
    ui: &'a Arc<Ui>,
    ctx: &'a Ctx,
    args: &'a Args,
    compiled: &'a Compiled,
    revision: Option<Revision>,
}

impl Request<'_> {
    fn wanted(&self) -> Result<Vec<NodeId>, CmdError> {
        let images = select(&self.compiled.plan, &self.args.images)?;
        Ok(images.into_iter().flat_map(targets).collect())
    }

    fn runner(&self, store: &Arc<Store>) -> Runner {
        Runner {
            out: self.ctx.out_dir(),
            revision: self.revision.clone(),
            keep: self.args.keep,
            store: store.clone(),
        }
    }

    /// The preview says that everything is there: no privilege, no namespaces, no locks.
    fn nothing_to_do(&self) -> Result<Option<Exit>, CmdError> {
        if self.args.refresh || self.args.boot || self.args.qemu.is_some() {
            return Ok(None);
        }
        let store = Arc::new(self.ctx.store_to_read()?);
        let context = reading_context(&store, self.compiled)?;
        let facts = StoreFacts::new(store.clone());
        let plan = &self.compiled.plan;
        let wanted = closure(plan, self.wanted()?);
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
        // `boot`, `blame` and collection go by what was built last; after a return to an older
        // state that must be said anew.
        for image in select(plan, &self.args.images)? {
            let known = ImageState::read(&store, &image.name);
            if known.as_ref() != Some(&ImageState::of(image, plan, &outputs, None)) {
                return Ok(None);
            }
        }
        self.report(&outputs, &store).map(Some)
    }

    /// Verdicts and artifacts, on the terminal and in the report that was asked for.
    fn report(&self, outputs: &Outputs, store: &Store) -> Result<Exit, CmdError> {
        let names = &self.args.images;
        if let Some(file) = &self.args.report {
            summary::junit(file, self.compiled, names, outputs, store)?;
        }
        summary::print(self.ui, self.ctx, self.compiled, names, outputs, store)
    }

    fn build(&self, inside: &sandbox::Inside) -> Result<Exit, CmdError> {
        let store = Store::open(self.ctx.store_dir())
            .map_err(|error| CmdError::environment(error.to_string()))?;
        let store = Arc::new(store);
        let _lock =
            store.lock_shared().map_err(|error| CmdError::environment(error.to_string()))?;
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
        let vault = Vault::new(Opener::new(self.args.identity.clone()));
        let refresh = self.args.refresh.then(SystemTime::now);
        let facts = StoreFacts::new(store.clone());
        let executor = Arc::new(Executor {
            plan: plan.clone(),
            context: Arc::new(Context::new(surroundings, vault, refresh)),
            facts,
            runner: Arc::new(self.runner(&store)),
        });
        executor.open_secrets_ahead(&closure(&plan, self.wanted()?));
        let (outcome, signal) = self.schedule(&executor, &plan, &cancel)?;
        if let Some(signal) = signal {
            self.ui.err("interrupted; finished layers are kept");
            return Ok(Exit::Signal(signal));
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
        let images = select(&self.compiled.plan, &self.args.images)?;
        for image in &images {
            let before = ImageState::read(&store, &image.name);
            ImageState::of(image, &plan, &outcome.outputs, before.as_ref()).write(&store)?;
        }
        let exit = self.report(&outcome.outputs, &store)?;
        let counts = progress.counts();
        self.ui.note(&format!(
            "{} steps done, {} kept, {} failed, {} not tried, in {:.1} s",
            counts.done(),
            counts.hits(),
            outcome.failures.len(),
            outcome.untried.len(),
            started.elapsed().as_secs_f64()
        ));
        Ok(outcome.fault().map_or(exit, exit_of))
    }

    fn schedule(
        &self,
        executor: &Arc<Executor>,
        plan: &Arc<Plan>,
        cancel: &Cancel,
    ) -> Result<(scheduler::Outcome, Option<u8>), CmdError> {
        let wanted = closure(plan, self.wanted()?);
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

    fn boot(&self, inside: &sandbox::Inside) -> Result<Exit, CmdError> {
        if self.args.boot {
            for image in select(&self.compiled.plan, &self.args.images)? {
                let exit = cmd::boot::container(self.ui, self.ctx, self.compiled, image, inside)?;
                if exit != Exit::Done {
                    return Ok(exit);
                }
            }
        }
        match &self.args.qemu {
            Some(name) => {
                let image = crate::ctx::image(&self.compiled.plan, name)?;
                cmd::boot::qemu(self.ui, self.ctx, image, inside, &cmd::boot::Machine::default())
            }
            None => Ok(Exit::Done),
        }
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
