//! Child processes.
//!
//! A child sees exactly the environment that it was given, stands in a process group of its own,
//! and dies with the thread that waits for it. Its output goes, line by line, through a filter
//! (which masks secrets) into a log file, and, bounded, into memory.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal};

use crate::watch::Watcher;

/// Takes a line of output without its end, gives back what goes into the log. Called from the
/// thread that runs the child.
pub type LineFilter = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// The search path of children, unless said otherwise.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Bytes of a stream kept in memory unless said otherwise.
const DEFAULT_LIMIT: usize = 1 << 20;

/// Why a child could not be run to its end. A status other than zero is no error here.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program is not installed.
    #[error("`{program}` is not installed")]
    NotInstalled {
        /// The program.
        program: String,
    },
    /// The child could not be started.
    #[error("`{program}` could not be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The child ran longer than it may and was killed.
    #[error("`{program}` was stopped after {} s", after.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// The limit.
        after: Duration,
        /// The end of its output.
        tail: Vec<String>,
    },
    /// The child printed more than it may and was killed.
    #[error("`{program}` printed more than {limit} bytes and was stopped")]
    TooMuch {
        /// The program.
        program: String,
        /// Bytes that a stream may have.
        limit: usize,
    },
    /// The child was stopped because the run was.
    #[error("`{program}` was interrupted")]
    Cancelled {
        /// The program.
        program: String,
    },
    /// The log could not be written.
    #[error("log `{}` could not be written: {source}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The child could not be watched.
    #[error("`{program}` could not be watched: {source}")]
    Watch {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Stops all children that were started with it.
#[derive(Clone, Debug)]
pub struct Cancel(pub(crate) Arc<OwnedFd>);

impl Cancel {
    /// A token that is not yet cancelled.
    pub fn new() -> Result<Self, std::io::Error> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(Arc::new(rustix::event::eventfd(0, flags)?)))
    }

    /// Stops them: SIGTERM, then SIGKILL.
    pub fn cancel(&self) {
        // The only failure is a full counter, which is cancelled too.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// True after [`Cancel::cancel`].
    pub fn is_cancelled(&self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(rustix::event::poll(&mut fds, Some(&Timespec::default())), Ok(1))
    }
}

/// What a child may share with its parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Everything of the machine.
    #[default]
    Shared,
    /// Own mounts and processes; what it leaves running dies with it.
    Private,
    /// As [`Isolation::Private`], and no network at all.
    Offline,
}

impl Isolation {
    /// The words to put before a command line.
    fn prefix(self) -> &'static [&'static str] {
        match self {
            Self::Shared => &[],
            Self::Private => {
                &["unshare", "-m", "-p", "--fork", "--kill-child=SIGKILL", "--mount-proc", "--"]
            }
            Self::Offline => &[
                "unshare",
                "-m",
                "-p",
                "-n",
                "--fork",
                "--kill-child=SIGKILL",
                "--mount-proc",
                "--",
            ],
        }
    }
}

/// What a child left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Exit status; 128 and the signal's number when it was killed.
    pub status: i32,
    /// Standard output, up to the limit. Not filtered.
    pub stdout: Vec<u8>,
    /// Standard error, up to the limit. Not filtered.
    pub stderr: Vec<u8>,
    /// Some output went over the limit and is in the log alone.
    pub truncated: bool,
    /// The last lines of both streams, filtered.
    pub tail: Vec<String>,
}

impl Output {
    /// True for status 0.
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// Standard output as text, without spaces at its end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}

/// A child to be started.
#[derive(Clone)]
#[must_use]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    directory: Option<PathBuf>,
    pub(crate) input: Vec<u8>,
    pub(crate) log: Option<PathBuf>,
    pub(crate) filter: Option<LineFilter>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) limit: usize,
    pub(crate) until: Option<String>,
    pub(crate) bounded: bool,
    isolation: Isolation,
    terminal: bool,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) cgroups: Vec<PathBuf>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command").field("line", &self.line()).finish_non_exhaustive()
    }
}

impl Command {
    /// A child with nothing in its environment but `PATH` and `LC_ALL=C.UTF-8`, no input, in `/`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let fixed = [("PATH", PATH), ("LC_ALL", "C.UTF-8")];
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: fixed.map(|(name, value)| (name.into(), value.into())).into(),
            directory: None,
            input: Vec::new(),
            log: None,
            filter: None,
            timeout: None,
            limit: DEFAULT_LIMIT,
            until: None,
            bounded: false,
            isolation: Isolation::default(),
            terminal: false,
            cancel: None,
            cgroups: Vec::new(),
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the child's environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Passes variables of this process on, those that are set.
    pub fn inherit_env(mut self, names: &[&str]) -> Self {
        for name in names {
            if let Some(value) = std::env::var_os(name) {
                self.environment.insert((*name).into(), value);
            }
        }
        self
    }

    /// Sets the working directory.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Feeds bytes to standard input, which is empty otherwise.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Appends both streams to a file, through the filter.
    pub fn log(mut self, path: impl AsRef<Path>) -> Self {
        self.log = Some(path.as_ref().to_owned());
        self
    }

    /// Sees each line of output, and says what the log gets.
    pub fn filter(mut self, filter: LineFilter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Kills the child when it takes longer.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Bytes of each stream that are kept in memory; 1 MiB unless set.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Stops the child when a stream goes over the limit: its begin alone would be no answer.
    pub fn bounded(mut self) -> Self {
        self.bounded = true;
        self
    }

    /// Stops the child when it has printed a whole line with this text: nothing more is wanted of it,
    /// and how it ends does not count.
    pub fn until(mut self, text: impl Into<String>) -> Self {
        self.until = Some(text.into());
        self
    }

    /// What the child shares with this process.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Hands the terminal to the child: nothing is captured or logged.
    pub fn terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Stops the child when the token is cancelled.
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// The command line as a shell would take it, for messages.
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| quote(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    /// Runs the child to its end.
    pub fn run(&self) -> Result<Output, ProcessError> {
        let mut child = self.start()?;
        if self.terminal {
            let ended = child.0.wait().map_err(|source| self.watch_error(source))?;
            return Ok(Output { status: status_of(ended), ..Output::default() });
        }
        Watcher::new(self, &mut child.0)?.watch(&mut child)
    }

    /// Starts the child and gives it over to the caller, who reaps it. It is killed when the
    /// returned value is dropped, and when the calling thread ends.
    pub(crate) fn start(&self) -> Result<Running, ProcessError> {
        Self::spawn(self.prepare())
    }

    /// As [`Command::start`], for a child that is spoken to while it runs.
    pub(crate) fn start_to_speak(&self) -> Result<Running, ProcessError> {
        let mut command = self.prepare();
        command.stdin(Stdio::piped());
        Self::spawn(command)
    }

    fn spawn(mut command: std::process::Command) -> Result<Running, ProcessError> {
        match command.spawn() {
            Ok(child) => Ok(Running(child)),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                let program = command.get_program().to_string_lossy().into_owned();
                Err(ProcessError::NotInstalled { program })
            }
            Err(source) => {
                let program = command.get_program().to_string_lossy().into_owned();
                Err(ProcessError::Start { program, source })
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this module is the wrapper")]
    fn prepare(&self) -> std::process::Command {
        let words: Vec<&OsStr> = self
            .isolation
            .prefix()
            .iter()
            .map(OsStr::new)
            .chain([self.program.as_os_str()])
            .chain(self.arguments.iter().map(OsString::as_os_str))
            .collect();
        let mut command = std::process::Command::new(words[0]);
        command.args(&words[1..]).env_clear().envs(&self.environment);
        command.current_dir(self.directory.as_deref().unwrap_or(Path::new("/")));
        if self.terminal {
            command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        } else {
            let stdin = if self.input.is_empty() { Stdio::null() } else { Stdio::piped() };
            command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        }
        let cgroups: Vec<PathBuf> =
            self.cgroups.iter().map(|directory| directory.join("cgroup.procs")).collect();
        let parent = rustix::process::getpid();
        let prepare_child = move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have gone before the call above; 0 stands for a parent that this
            // PID namespace cannot see.
            if rustix::process::getppid().is_some_and(|now| now != parent) {
                return Err(std::io::Error::from_raw_os_error(
                    rustix::io::Errno::SRCH.raw_os_error(),
                ));
            }
            for procs in &cgroups {
                let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
                let procs = rustix::fs::open(procs, flags, rustix::fs::Mode::empty())?;
                rustix::io::write(&procs, b"0")?;
            }
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes system calls alone; the paths were
        // allocated before and fit the stack buffer that `open` copies them to.
        #[expect(unsafe_code, reason = "pre_exec is the only way to set PDEATHSIG")]
        unsafe {
            command.pre_exec(prepare_child);
        }
        command
    }

    pub(crate) fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    pub(crate) fn watch_error(&self, source: std::io::Error) -> ProcessError {
        ProcessError::Watch { program: self.name(), source }
    }
}

/// A started child, killed with its process group when dropped before its end.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Kills the child and its process group, and reaps it.
    pub(crate) fn kill(&mut self) {
        // Both fail when it is gone already, which is what is wanted.
        let _ = rustix::process::kill_process_group(self.pid(), Signal::KILL);
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

pub(crate) fn status_of(status: std::process::ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// A word as a POSIX shell takes it.
pub fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+=./:,@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Reads at most `limit` bytes of the end of a log.
pub fn log_tail(path: &Path, limit: u64) -> std::io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(size.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let cut = usize::from(size > limit);
    Ok(text.lines().skip(cut).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    #[test]
    fn status_and_streams_come_back() {
        let cases = [
            ("echo out; echo err >&2; exit 3", 3, "out\n", "err\n"),
            ("kill -9 $$", 137, "", ""),
            (
                "env",
                0,
                "LC_ALL=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\n",
                "",
            ),
        ];
        for (script, status, stdout, stderr) in cases {
            let script = format!("{script} | LC_ALL=C sort");
            let script = if script.starts_with("env") {
                script
            } else {
                script.replace(" | LC_ALL=C sort", "")
            };
            let output = shell(&script).run().unwrap();
            let got = (output.status, output.stdout, output.stderr);
            assert_eq!(got, (status, stdout.into(), stderr.into()), "{script}");
        }
    }

    #[test]
    fn input_larger_than_a_pipe_is_fed() {
        let input = vec![b'x'; 300_000];
        let output = Command::new("cat").input(input.clone()).run().unwrap();
        assert_eq!(output.stdout, input);
        assert!(Command::new("true").input(input).run().unwrap().success());
    }

    #[test]
    fn a_log_gets_filtered_lines_and_memory_a_bounded_part() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let filter: LineFilter =
            Arc::new(|line| if line == b"secret" { b"***".to_vec() } else { line.to_vec() });
        let command = shell("echo a; echo secret; printf last");
        let output = command.log(&log).filter(filter).limit(4).run().unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "a\n***\nlast\n");
        assert_eq!(output.tail, ["a", "***", "last"]);
        assert_eq!((output.stdout.as_slice(), output.truncated), (&b"a\nse"[..], true));
    }

    #[test]
    fn a_child_that_said_enough_is_stopped() {
        let started = Instant::now();
        let script = "echo one; echo 'it is done'; trap '' TERM; sleep 60";
        let output = shell(script).until("is done").run().unwrap();
        assert_eq!(output.text(), "one\nit is done");
        assert!(started.elapsed() < Duration::from_secs(20));
        let whole = shell("echo one; printf two").until("three").run().unwrap();
        assert!(whole.success());
    }

    #[test]
    fn one_that_never_falls_silent_is_stopped() {
        let started = Instant::now();
        for script in ["yes", "yes & yes >&2", "setsid yes & sleep 60"] {
            let timed = shell(script).timeout(Duration::from_millis(200)).run();
            assert!(matches!(timed, Err(ProcessError::TimedOut { .. })), "{script}: {timed:?}");
            let loud = shell(script).timeout(Duration::from_mins(1)).bounded().run();
            assert!(matches!(loud, Err(ProcessError::TooMuch { .. })), "{script}: {loud:?}");
        }
        assert!(started.elapsed() < Duration::from_secs(30));
        let quiet = shell("echo out").bounded().run().unwrap();
        assert_eq!((quiet.text().as_str(), quiet.truncated), ("out", false));
    }

    #[test]
    fn a_child_is_stopped_with_what_it_started() {
        let started = Instant::now();
        let slow = shell("sleep 60 & sleep 60");
        let timed = slow.clone().timeout(Duration::from_millis(50)).run();
        assert!(matches!(timed, Err(ProcessError::TimedOut { .. })), "{timed:?}");
        let cancel = Cancel::new().unwrap();
        cancel.cancel();
        let cancelled = slow.cancel(&cancel).run();
        assert!(matches!(cancelled, Err(ProcessError::Cancelled { .. })), "{cancelled:?}");
        assert!(started.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn a_daemon_that_holds_the_pipe_does_not_hold_the_step() {
        let started = Instant::now();
        let output = shell("sleep 60 & echo done").run().unwrap();
        assert_eq!(output.text(), "done");
        assert!(started.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn a_missing_program_is_named() {
        let missing = Command::new("no-such-program").run();
        assert_eq!(missing.unwrap_err().to_string(), "`no-such-program` is not installed");
    }

    #[test]
    fn lines_can_be_pasted_into_a_shell() {
        let command = Command::new("a").args(["b c", "d'e", "", "--x=/y"]);
        assert_eq!(command.line(), r"a 'b c' 'd'\''e' '' --x=/y");
    }
}
