//! `forgec lsp`: the language server, on standard input and output.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forge_exec::freshness::{State, closure, freshness};
use forge_exec::{StoreFacts, StoreLookup};
use forge_lsp::{Host, LayerState};
use forge_model::{NodeId, Plan, Sources};
use forge_stdlib::{Nothing, WithLibrary};
use forge_store::{Record, Store};
use forge_sys::sources::DiskSources;

use crate::cache::cache_directory;
use crate::ctx::{Compiled, Ctx, root_above};
use crate::exit::{CmdError, Exit};

/// Talk with an editor, in the language server protocol.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Standard input and output, which is also what is used without it; editors pass it
    #[arg(long)]
    pub(crate) stdio: bool,
}

pub(crate) fn run(ctx: &Ctx, _args: &Args) -> Result<Exit, CmdError> {
    let host = Arc::new(Machine { store: ctx.store_dir().to_owned() });
    let (connection, threads) = lsp_server::Connection::stdio();
    let broken = |error: &dyn std::fmt::Display| {
        CmdError::environment(format!("the conversation with the editor broke off: {error}"))
    };
    forge_lsp::serve(&connection, host, env!("CARGO_PKG_VERSION"))
        .map_err(|error| broken(&error))?;
    // The thread that writes ends when nobody can send to it any more.
    drop(connection);
    threads.join().map_err(|error| broken(&error))?;
    Ok(Exit::Done)
}

/// The disk and the store.
struct Machine {
    store: PathBuf,
}

impl Machine {
    fn state(&self, root: &str, plan: &Plan, node: NodeId) -> Result<LayerState, CmdError> {
        let store = Store::open_read(&self.store);
        let store = Arc::new(store.map_err(|error| CmdError::environment(error.to_string()))?);
        let sources = self.sources(root).map_err(CmdError::environment)?;
        let compiled = Compiled { root: root.into(), sources, plan: plan.clone() };
        let context = crate::work::reading_context(&store, &compiled)?;
        let facts = StoreFacts::new(store.clone());
        let lookup = StoreLookup::new(&context, &facts);
        let states = freshness(plan, &closure(plan, [node]), &lookup, &facts);
        let state = states.get(&node).unwrap_or(&State::Builds);
        let record = record(&store, plan, node, state);
        Ok(LayerState {
            outlook: outlook(plan, state),
            built: record.as_ref().map(|record| record.started + record.duration_ms / 1000),
            duration_ms: record.as_ref().map(|record| record.duration_ms),
            size: record.as_ref().map(|record| record.size),
        })
    }
}

/// What `plan` says of the state.
fn outlook(plan: &Plan, state: &State) -> String {
    match state {
        State::Hit(_) => "kept: the store has it".to_owned(),
        State::Builds => "built by the next build".to_owned(),
        State::Unless(inputs) => {
            let labels: Vec<_> =
                inputs.iter().map(|id| format!("`{}`", plan.node(*id).label)).collect();
            format!("built by the next build, unless {} comes out the same", labels.join(", "))
        }
        State::Unopened(_) => "not known before a secret is opened".to_owned(),
    }
}

/// What the step gave: the result that counts now, else the last one of the same text.
fn record(store: &Store, plan: &Plan, node: NodeId, state: &State) -> Option<Record> {
    let node = plan.node(node);
    let keys = store.action_keys(&node.key);
    let records: Vec<Record> =
        keys.iter().filter_map(|key| store.record(node.action.kind(), key)).collect();
    let current = match state {
        State::Hit(output) => records.iter().find(|record| record.output == *output),
        State::Builds | State::Unless(_) | State::Unopened(_) => None,
    };
    current.or_else(|| records.first()).cloned()
}

impl Host for Machine {
    fn root(&self, path: &str) -> Option<String> {
        root_above(Path::new(path))?.to_str().map(str::to_owned)
    }

    fn today(&self) -> forge_model::Day {
        crate::ctx::today()
    }

    fn sources(&self, root: &str) -> Result<Arc<dyn Sources>, String> {
        let opened = DiskSources::open(Path::new(root)).map_err(|error| error.to_string())?;
        Ok(Arc::new(WithLibrary::new(opened)))
    }

    fn layer(&self, root: &str, plan: &Plan, node: NodeId) -> Option<LayerState> {
        self.state(root, plan, node).ok()
    }

    fn library_file(&self, path: &str) -> Option<String> {
        let content = WithLibrary::new(Nothing).read(path).ok()?;
        let copy = cache_directory()?.join(env!("CARGO_PKG_VERSION")).join(path);
        // An editor may hold the file open: it is written where it is missing or other.
        if std::fs::read(&copy).is_ok_and(|known| *known == *content) {
            return copy.to_str().map(str::to_owned);
        }
        write_copy(&copy, &content).ok()?;
        copy.to_str().map(str::to_owned)
    }

    fn packages(&self) -> Arc<[String]> {
        let names = Store::open_read(&self.store)
            .map(|store| forge_exec::debian::known_packages(&store.apt_directory()));
        let names: BTreeSet<String> = names.unwrap_or_default();
        names.into_iter().collect()
    }
}

/// Writes a file that nobody is meant to change, whole or not at all.
fn write_copy(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o444))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
