//! Containers: systemd-nspawn over a mounted tree.
//!
//! [`Sandbox`] is plain data, [`arguments`] turns it into a command line, and nothing else adds to
//! that. Each container stands in a control group of its own. What nspawn would leave in the image
//! or on the host, and which option avoids it, is said at the option.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal as _, Read};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use forge_model::ImagePath;
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal};

use crate::cgroup::Cgroup;
use crate::process::{Command, Output, PATH, ProcessError, Running, log_tail};
use crate::root::Root;

/// Time that a container gets to stop in good order.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a console log that an error shows the end of.
const TAIL_BYTES: u64 = 8 << 10;

/// Why a container could not be used. A command's status other than zero is no error here.
#[derive(Debug, thiserror::Error)]
pub enum NspawnError {
    /// The container's process could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The container ended, or said nothing, before it had started.
    #[error("container `{machine}` did not start: {why}")]
    NotReady {
        /// Its name.
        machine: String,
        /// What happened instead.
        why: String,
        /// The end of its console.
        tail: Vec<String>,
    },
    /// The image has something else where a container needs a directory. systemd-nspawn would
    /// follow a link there, and mount and write on the host.
    #[error("no container can be started in this image: its `/{path}` is not a directory")]
    Unsafe {
        /// The path in the image.
        path: &'static str,
    },
    /// The host refused something that the container needs.
    #[error("{what}: {source}")]
    Host {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// A path of the host that a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// On the host.
    pub host: PathBuf,
    /// In the container; nspawn makes it when absent, so it should lie on a tmpfs such as `/run`.
    pub container: PathBuf,
    /// May be written to.
    pub writable: bool,
}

/// What runs in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The image's own init, with arguments.
    Boot(Vec<OsString>),
    /// A program and its arguments, below a stub init that reaps.
    Run(Vec<OsString>),
}

/// Everything that a container is, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// The mounted tree.
    pub root: PathBuf,
    /// Host name in the container; letters, digits and `-`.
    pub hostname: String,
    /// Environment of the payload.
    pub environment: Vec<(OsString, OsString)>,
    /// Paths of the host.
    pub binds: Vec<Bind>,
    /// Further tmpfs, by path in the container; `/run` and `/tmp` always are.
    pub tmpfs: Vec<PathBuf>,
    /// Writes go to an overlay of nspawn's own, and are gone afterwards.
    pub volatile: bool,
    /// Nothing of the tree can be written to.
    pub read_only: bool,
    /// What runs.
    pub payload: Payload,
}

impl Sandbox {
    /// A container that runs one program and keeps what it writes.
    pub fn new(root: impl Into<PathBuf>, payload: Payload) -> Self {
        Self {
            root: root.into(),
            hostname: "forge".to_owned(),
            environment: Vec::new(),
            binds: Vec::new(),
            tmpfs: Vec::new(),
            volatile: false,
            read_only: false,
            payload,
        }
    }
}

/// The options of systemd-nspawn for a sandbox, `machine` being unique on the host.
pub fn arguments(sandbox: &Sandbox, machine: &str) -> Vec<OsString> {
    let Sandbox { root, hostname, environment, binds, tmpfs, volatile, read_only, payload } =
        sandbox;
    let mut out: Vec<OsString> = [
        "--quiet",
        // There may be no D-Bus and no machined, and the unit is none of ours to change.
        "--register=no",
        "--keep-unit",
        // Otherwise it follows the image's /var/log link and makes a directory on the host.
        "--link-journal=no",
        // Otherwise it writes /etc/resolv.conf and /etc/localtime into the image.
        "--resolv-conf=off",
        "--timezone=off",
        // Everything that a step needs is in the store before it starts.
        "--private-network",
        // No settings file of the host counts.
        "--settings=no",
    ]
    .map(OsString::from)
    .into();
    let mut option = |name: &str, value: &OsStr| {
        let mut text = OsString::from(name);
        text.push(value);
        out.push(text);
    };
    option("--directory=", root.as_os_str());
    option("--machine=", OsStr::new(machine));
    option("--hostname=", OsStr::new(hostname));
    for (name, value) in environment {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(value);
        option("--setenv=", &pair);
    }
    for Bind { host, container, writable } in binds {
        let mut pair = escape_colon(host.as_os_str());
        pair.push(":");
        pair.push(escape_colon(container.as_os_str()));
        option(if *writable { "--bind=" } else { "--bind-ro=" }, &pair);
    }
    for path in tmpfs {
        option("--tmpfs=", &escape_colon(path.as_os_str()));
    }
    if *volatile {
        option("--volatile=", OsStr::new("overlay"));
    }
    if *read_only {
        option("--read-only", OsStr::new(""));
    }
    let words = match payload {
        Payload::Boot(words) => {
            option("--boot", OsStr::new(""));
            option("--notify-ready=", OsStr::new("yes"));
            option("--console=", OsStr::new("read-only"));
            words
        }
        Payload::Run(words) => {
            option("--as-pid2", OsStr::new(""));
            words
        }
    };
    out.push("--".into());
    out.extend(words.iter().cloned());
    out
}

/// nspawn splits bind and tmpfs arguments at `:`, which a backslash keeps.
fn escape_colon(path: &OsStr) -> OsString {
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path);
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if matches!(byte, b':' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    std::os::unix::ffi::OsStringExt::from_vec(out)
}

/// Runs a container to its end. `shape` adds log, filter, timeout and cancelling.
pub fn run(
    sandbox: &Sandbox,
    outer: u32,
    shape: impl FnOnce(Command) -> Command,
) -> Result<Output, NspawnError> {
    check_mount_points(sandbox)?;
    let group = new_group(outer)?;
    let command = base_command(sandbox, &group, Some("--console=pipe"));
    Ok(shape(command).run()?)
}

/// Runs a container on the caller's terminal; where that is none, on the caller's streams as they
/// are, since a pseudo-terminal would end every line of a pipe with CR LF.
pub fn run_on_terminal(sandbox: &Sandbox, outer: u32) -> Result<i32, NspawnError> {
    check_mount_points(sandbox)?;
    let group = new_group(outer)?;
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let console = if terminal { "--console=interactive" } else { "--console=pipe" };
    let command = base_command(sandbox, &group, Some(console));
    Ok(command.inherit_env(&["TERM"]).terminal().run()?.status)
}

/// Directories of an image that systemd-nspawn mounts on or writes to. It resolves most paths in
/// the image, but not these: with a link at `/dev` it makes its device nodes on the host.
const MOUNT_POINTS: [&str; 9] = ["dev", "proc", "sys", "run", "tmp", "etc", "usr", "var", "root"];

fn check_mount_points(sandbox: &Sandbox) -> Result<(), NspawnError> {
    let host = |source| NspawnError::Host {
        what: format!("`{}` could not be opened", sandbox.root.display()),
        source,
    };
    let root = Root::open(&sandbox.root).map_err(host)?;
    for path in MOUNT_POINTS {
        let Some(at) = ImagePath::new(path) else {
            continue;
        };
        match root.open_exact(&at, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(NspawnError::Unsafe { path });
            }
            _ => {}
        }
    }
    Ok(())
}

fn new_group(outer: u32) -> Result<Cgroup, NspawnError> {
    Cgroup::create(outer).map_err(|source| NspawnError::Host {
        what: "a control group could not be made".to_owned(),
        source,
    })
}

fn base_command(sandbox: &Sandbox, group: &Cgroup, console: Option<&str>) -> Command {
    let mut command = Command::new("systemd-nspawn")
        .args(console)
        .args(arguments(sandbox, &group.name))
        // Otherwise it leaves `.#NAME.lck` beside the tree.
        .env("SYSTEMD_NSPAWN_LOCK", "0");
    command.cgroups.clone_from(&group.directories);
    command
}

/// A booted container; it is stopped when dropped.
#[derive(Debug)]
#[must_use]
pub struct Booted {
    leader: Pid,
    nspawn: Running,
    log: PathBuf,
    /// Time from the start to `READY=1`.
    pub ready_after: Duration,
    /// Dropped last: by then its processes are gone.
    group: Cgroup,
}

/// Boots a container and waits until its init says that it is ready. The console goes to `log`;
/// `scratch` is a directory for a socket, on the host.
pub fn boot(
    sandbox: &Sandbox,
    outer: u32,
    log: &Path,
    scratch: &Path,
    timeout: Duration,
) -> Result<Booted, NspawnError> {
    let host = |what: &str| {
        let what = what.to_owned();
        move |source: std::io::Error| NspawnError::Host { what, source }
    };
    let started = Instant::now();
    check_mount_points(sandbox)?;
    let group = new_group(outer)?;
    let socket_path = scratch.join(format!("{}.notify", group.name));
    let socket = UnixDatagram::bind(&socket_path).map_err(host("a socket could not be made"))?;
    let command = base_command(sandbox, &group, None).env("NOTIFY_SOCKET", &socket_path);
    let nspawn = start_from_lasting_thread(command)?;
    let mut starting = Starting { nspawn, socket, log, machine: group.name.clone() };
    starting.copy_console()?;
    let waited = starting.wait_ready(started + timeout);
    std::fs::remove_file(&socket_path).ok();
    let leader = waited?;
    let Starting { nspawn, .. } = starting;
    Ok(Booted { leader, nspawn, log: log.to_owned(), ready_after: started.elapsed(), group })
}

/// PDEATHSIG fires when the *thread* that started a child ends, and a booted container outlives
/// the call that boots it: one thread, which stays, starts them all.
fn start_from_lasting_thread(command: Command) -> Result<Running, ProcessError> {
    type Job = (Command, mpsc::Sender<Result<Running, ProcessError>>);
    static STARTER: std::sync::OnceLock<mpsc::Sender<Job>> = std::sync::OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (command, answer) in jobs {
                // The asker waits; if it is gone, dropping the child kills it.
                answer.send(command.start()).ok();
            }
        });
        sender
    });
    let program = "systemd-nspawn".to_owned();
    let lost = |_| std::io::Error::other("the starting thread is gone");
    let (answer, child) = mpsc::channel();
    starter
        .send((command, answer))
        .map_err(|_| std::io::Error::other("the starting thread is gone"))
        .and_then(|()| child.recv().map_err(lost))
        .map_err(|source| ProcessError::Start { program, source })?
}

/// A container between its start and its readiness.
struct Starting<'a> {
    nspawn: Running,
    socket: UnixDatagram,
    log: &'a Path,
    machine: String,
}

impl Starting<'_> {
    /// Copies the console to the log for as long as there is one.
    fn copy_console(&mut self) -> Result<(), NspawnError> {
        let open = std::fs::OpenOptions::new().create(true).append(true).open(self.log);
        let log = open.map_err(|source| ProcessError::Log { path: self.log.to_owned(), source })?;
        let copy = |pipe: Option<Box<dyn Read + Send>>| -> Result<(), NspawnError> {
            let Some(mut pipe) = pipe else { return Ok(()) };
            let mut log = log
                .try_clone()
                .map_err(|source| ProcessError::Log { path: self.log.to_owned(), source })?;
            std::thread::spawn(move || {
                // The pipe breaks with the container; a full disk ends the log alone.
                std::io::copy(&mut pipe, &mut log).ok();
            });
            Ok(())
        };
        let child = &mut self.nspawn.0;
        copy(child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>))?;
        copy(child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>))
    }

    fn wait_ready(&mut self, deadline: Instant) -> Result<Pid, NspawnError> {
        let mut leader = None;
        let mut buffer = [0_u8; 4096];
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Err(self.not_ready("it was not ready in time".to_owned()));
            }
            // Short waits, to see it end without a word.
            let step = rest.min(Duration::from_millis(100));
            self.socket.set_read_timeout(Some(step)).map_err(|source| NspawnError::Host {
                what: "a socket could not be set up".to_owned(),
                source,
            })?;
            let Ok(read) = self.socket.recv(&mut buffer) else {
                if let Ok(Some(status)) = self.nspawn.0.try_wait() {
                    return Err(self.not_ready(format!("it ended at once, {status}")));
                }
                continue;
            };
            let message = String::from_utf8_lossy(&buffer[..read]);
            for line in message.lines() {
                if let Some(pid) = line.strip_prefix("X_NSPAWN_LEADER_PID=") {
                    leader = pid.parse().ok().and_then(Pid::from_raw);
                }
                if let ("READY=1", Some(leader)) = (line, leader) {
                    return Ok(leader);
                }
            }
        }
    }

    fn not_ready(&self, why: String) -> NspawnError {
        let tail = log_tail(self.log, TAIL_BYTES).unwrap_or_default();
        NspawnError::NotReady { machine: self.machine.clone(), why, tail }
    }
}

impl Booted {
    /// Process id of the container's init.
    pub fn leader(&self) -> i32 {
        self.leader.as_raw_nonzero().get()
    }

    /// A command inside the container, with an environment of its own. `shape` decides on log and
    /// timeout.
    pub fn exec(
        &self,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
        shape: impl FnOnce(Command) -> Command,
    ) -> Result<Output, NspawnError> {
        Ok(shape(self.enter_command().args(words)).run()?)
    }

    /// A command inside the container, on the caller's terminal.
    pub fn exec_on_terminal(
        &self,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<i32, NspawnError> {
        Ok(self.enter_command().args(words).terminal().run()?.status)
    }

    fn enter_command(&self) -> Command {
        // `env -i`: nsenter would hand on this side's environment.
        Command::new("nsenter")
            .args(["--all", "--target"])
            .arg(self.leader().to_string())
            .args(["env", "-i"])
            .arg(format!("PATH={PATH}"))
            .args(["LC_ALL=C.UTF-8", "TERM=dumb", "HOME=/root"])
    }

    /// What the console said last.
    pub fn console_tail(&self) -> Vec<String> {
        log_tail(&self.log, TAIL_BYTES).unwrap_or_default()
    }

    /// Powers the container off and waits for its end; kills it when that takes too long.
    pub fn stop(mut self) {
        self.power_off();
    }

    fn power_off(&mut self) {
        if matches!(self.nspawn.0.try_wait(), Ok(Some(_))) {
            return;
        }
        // SIGRTMIN+4 is systemd's order to power off (systemd(1)); libc's SIGRTMIN is 34.
        let order = nix::libc::SIGRTMIN() + 4;
        // SAFETY: kill has no memory effects; the leader is alive for as long as nspawn is, which
        // was just seen to run and has not been reaped.
        #[expect(unsafe_code, reason = "the signal wrappers know no real-time signals")]
        unsafe {
            nix::libc::kill(self.leader(), order);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if !matches!(self.nspawn.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // nspawn's own death leaves the leader alive.
        rustix::process::kill_process(self.leader, Signal::KILL).ok();
        self.nspawn.kill();
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        self.power_off();
        tracing::debug!(group = %self.group.name, "container stopped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sandbox: &Sandbox) -> Vec<String> {
        let all = arguments(sandbox, "forge-1-0");
        all.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn every_part_of_a_sandbox_is_an_option() {
        let sandbox = Sandbox {
            root: "/x/root".into(),
            hostname: "node".into(),
            environment: vec![("A".into(), "b c".into())],
            binds: vec![
                Bind { host: "/h:1".into(), container: "/run/in".into(), writable: false },
                Bind { host: "/o".into(), container: "/run/out".into(), writable: true },
            ],
            tmpfs: vec!["/run/forge/secrets".into()],
            volatile: true,
            read_only: true,
            payload: Payload::Run(vec!["/bin/sh".into(), "-e".into()]),
        };
        let want = "--quiet --register=no --keep-unit --link-journal=no --resolv-conf=off \
            --timezone=off --private-network --settings=no --directory=/x/root \
            --machine=forge-1-0 --hostname=node --setenv=A=b_c --bind-ro=/h\\:1:/run/in \
            --bind=/o:/run/out --tmpfs=/run/forge/secrets --volatile=overlay --read-only --as-pid2 \
            -- /bin/sh -e";
        let got: Vec<_> = words(&sandbox).iter().map(|word| word.replace(' ', "_")).collect();
        assert_eq!(got.join(" "), want);
    }

    #[test]
    fn a_boot_tells_when_it_is_ready() {
        let sandbox = Sandbox::new("/r", Payload::Boot(vec!["systemd.firstboot=off".into()]));
        let got = words(&sandbox).join(" ");
        let end = "--boot --notify-ready=yes --console=read-only -- systemd.firstboot=off";
        assert!(got.ends_with(end), "{got}");
    }
}
