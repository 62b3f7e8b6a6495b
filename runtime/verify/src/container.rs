use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use forge_model::{
    Account, Answer, CommandOutput, FileStat, Files, GroupRecord, InstalledPackage, KernelSetting,
    Level, ModuleState, NoAnswer, Provenance, Resource, Target, UnitState,
};
use forge_sys::nspawn::{self, Bind, NspawnError, Payload, Sandbox};
use forge_sys::overlay::Mounted;
use forge_sys::process::{Cancel, Output, ProcessError};

use crate::{TreeTarget, doubt};

/// What containers of an image need of the run that they are part of.
#[derive(Clone, Copy)]
pub struct Containers<'a> {
    /// Mounts the image's layers, secrets included. Called for each command that is not run in a
    /// booted container, so that none sees what another wrote.
    pub mount: &'a dyn Fn() -> Result<Mounted, String>,
    /// The mount takes no writes, so containers get a volatile overlay on top of it. False where
    /// the mount has an upper of its own that is thrown away: overlays nest only so deep.
    pub volatile: bool,
    /// The image's name, for the container's host name.
    pub hostname: &'a str,
    /// Process id of the outer process.
    pub outer: u32,
    /// An empty directory on a tmpfs of the run.
    pub scratch: &'a Path,
    /// Takes what a booted container's console says.
    pub log: &'a Path,
    /// Stops all of it.
    pub cancel: &'a Cancel,
    /// Takes opened secrets out of a text.
    pub mask: &'a dyn Fn(&str) -> String,
}

impl std::fmt::Debug for Containers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Containers").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

impl Containers<'_> {
    /// A container of what is mounted at `root`.
    pub(crate) fn sandbox(&self, root: &Path, payload: Payload) -> Sandbox {
        Sandbox {
            hostname: self.hostname.to_owned(),
            environment: vec![("LC_ALL".into(), "C.UTF-8".into())],
            volatile: self.volatile,
            ..Sandbox::new(root, payload)
        }
    }

    pub(crate) fn masked(&self, output: &Output) -> CommandOutput {
        let text = |bytes: &[u8]| (self.mask)(&String::from_utf8_lossy(bytes));
        CommandOutput {
            status: output.status,
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// The image in containers that are not booted: one for each command.
#[derive(Debug)]
pub struct ContainerTarget<'a> {
    tree: TreeTarget<'a>,
    containers: Containers<'a>,
    commands: AtomicU32,
    doubts: bool,
}

/// Where a payload says that it started. Without it, a failure of nspawn could not be told from
/// the command's own.
const STARTED: &str = "/run/forge-started";
const START: &str = ": >/run/forge-started/yes && exec /bin/sh -c \"$1\"";

impl<'a> ContainerTarget<'a> {
    /// Containers of the image whose files `tree` shows.
    pub fn new(tree: TreeTarget<'a>, containers: Containers<'a>) -> Self {
        Self { tree, containers, commands: AtomicU32::new(0), doubts: false }
    }

    /// One that does not know what only a booted system, or a node's kernel, could answer.
    #[must_use]
    pub fn doubting(self) -> Self {
        Self { doubts: true, ..self }
    }

    fn run(&self, line: &str, timeout: u32) -> Result<CommandOutput, String> {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let started = self.containers.scratch.join(format!("command-{number}"));
        std::fs::create_dir_all(&started).map_err(|error| error.to_string())?;
        let mounted = (self.containers.mount)()?;
        let words = ["/bin/sh", "-c", START, "sh", line].map(Into::into);
        let mut sandbox = self.containers.sandbox(mounted.path(), Payload::Run(words.into()));
        sandbox.binds.push(Bind {
            host: started.clone(),
            container: STARTED.into(),
            writable: true,
        });
        let limit = Duration::from_secs(timeout.into());
        let output = nspawn::run(&sandbox, self.containers.outer, |command| {
            command.timeout(limit).bounded().cancel(self.containers.cancel)
        });
        let ran = started.join("yes").exists();
        let output = output.map_err(|error| why_not(&error, timeout))?;
        if !ran {
            let said = self.containers.masked(&output).stderr;
            let last = said.trim_end().lines().last().unwrap_or("it said nothing");
            return Err(format!("the container did not start: {last}"));
        }
        Ok(self.containers.masked(&output))
    }
}

/// The same of a process, wherever it ran.
pub(crate) fn why_no_output(error: &ProcessError, timeout: u32) -> String {
    match error {
        ProcessError::TimedOut { .. } => format!("it took longer than {timeout} s"),
        ProcessError::TooMuch { limit, .. } => {
            format!("it printed more than {} MiB and was stopped", limit >> 20)
        }
        other => other.to_string(),
    }
}

pub(crate) fn why_not(error: &NspawnError, timeout: u32) -> String {
    match error {
        NspawnError::Process(error) => why_no_output(error, timeout),
        other => other.to_string(),
    }
}

impl Files for ContainerTarget<'_> {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        self.tree.stat(path, follow)
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        self.tree.read(path)
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        self.tree.list(path)
    }
}

impl Target for ContainerTarget<'_> {
    fn level(&self) -> Level {
        Level::Container
    }

    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>> {
        self.tree.package(name)
    }

    fn user(&self, name: &str) -> Answer<Option<Account>> {
        self.tree.user(name)
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        self.tree.group(name)
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        self.tree.unit(name)
    }

    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>> {
        self.tree.kernel_parameter(name)
    }

    fn kernel_module(&self, name: &str) -> Answer<ModuleState> {
        self.tree.kernel_module(name)
    }

    fn command(&self, line: &str, timeout: u32) -> Answer<CommandOutput> {
        if self.doubts {
            doubt::check(line, false)?;
        }
        if self.tree.stat("/bin/sh", true)?.is_none() {
            return Err(NoAnswer::Failed("the image has no `/bin/sh`".to_owned()));
        }
        self.run(line, timeout).map_err(NoAnswer::Failed)
    }

    fn provenance(&self, resource: &Resource, evidence: Option<&str>) -> Option<Provenance> {
        self.tree.provenance(resource, evidence)
    }
}
