//! A node that is asked over SSH, by the system's `ssh` with the user's own configuration.
//!
//! One connection carries everything. A shell at its other end answers questions about files, one
//! after the other; commands run in sessions of their own over the same connection. Nothing is
//! installed on the node and nothing is written there.

use std::cell::RefCell;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use tempfile::TempDir;

use crate::process::{Command, Output, ProcessError, Running, quote};

/// Time from the start of `ssh` to the first answer.
const CONNECT: Duration = Duration::from_secs(30);
/// Time for one answer of the shell: a file system behind a network that is gone never answers.
const ANSWER: Duration = Duration::from_mins(1);
/// What one answer may hold: the largest file that is read, in base64, and some more.
const MOST: usize = 96 << 20;
/// Time that a command's session may take beyond the command's own limit, which the node keeps.
const GRACE: Duration = Duration::from_secs(15);

/// Why a node gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// `ssh` could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The directory of the connection's socket could not be made.
    #[error("no place for the connection's socket: {0}")]
    Directory(std::io::Error),
    /// There is no connection.
    #[error("`{destination}` cannot be reached: {why}")]
    Connect {
        /// The node.
        destination: String,
        /// What `ssh` said last.
        why: String,
    },
    /// The connection is gone.
    #[error("the connection to `{destination}` has ended: {why}")]
    Ended {
        /// The node.
        destination: String,
        /// What `ssh` said last.
        why: String,
    },
    /// The node did not answer in time; the connection is given up.
    #[error("`{destination}` did not answer within {} s", after.as_secs())]
    Silent {
        /// The node.
        destination: String,
        /// The limit.
        after: Duration,
    },
}

/// A connection to a node. It ends when this is dropped, and with the calling thread.
#[derive(Debug)]
pub struct Ssh {
    destination: String,
    /// Questions are put as root, by `sudo`.
    sudo: bool,
    /// `ssh` with the configuration and the socket of this connection.
    program: Command,
    /// Holds the socket that sessions of commands go through.
    _directory: TempDir,
    shell: RefCell<Shell>,
}

#[derive(Debug)]
struct Shell {
    child: Running,
    /// What was read behind the last answer.
    rest: Vec<u8>,
    /// A line that ends an answer. Nobody on the node can know it beforehand.
    end: String,
    /// Why there are no further answers.
    over: Option<String>,
}

impl Ssh {
    /// Connects to `destination`, as `ssh` takes it: a host, `user@host`, an alias of the
    /// configuration or `ssh://user@host:port`. The configuration is the user's own unless a file is
    /// named. Nobody is asked for a password: keys and agents are what it says.
    pub fn connect(
        destination: &str,
        sudo: bool,
        configuration: Option<&Path>,
    ) -> Result<Self, SshError> {
        let directory = tempfile::Builder::new().prefix("forge-ssh-").tempdir();
        let directory = directory.map_err(SshError::Directory)?;
        let mut ssh = ssh(&directory);
        if let Some(configuration) = configuration {
            // A child stands in `/`.
            let configuration = std::path::absolute(configuration).map_err(SshError::Directory)?;
            ssh = ssh.arg("-F").arg(configuration);
        }
        let mut command = ssh.clone().args(["-T", "-o", "ControlMaster=yes"]);
        command = command.args(["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]);
        command = command.args(["-o", &format!("ConnectTimeout={}", CONNECT.as_secs() / 2)]);
        let words = if sudo { "sudo -n /bin/sh" } else { "/bin/sh" };
        let child = command.args(["--", destination, words]).start_to_speak()?;
        let nonce = directory.path().file_name().unwrap_or_default().to_string_lossy();
        let shell = Shell {
            child,
            rest: Vec::new(),
            end: format!("{nonce}-{}", std::process::id()),
            over: None,
        };
        let destination = destination.to_owned();
        let shell = RefCell::new(shell);
        let connection = Self { destination, sudo, program: ssh, _directory: directory, shell };
        // Whatever the login's start files print comes before this.
        match connection.ask_within("LC_ALL=C; export LC_ALL", CONNECT) {
            Ok(_) => Ok(connection),
            Err(SshError::Ended { destination, why }) => {
                Err(SshError::Connect { destination, why })
            }
            Err(other) => Err(other),
        }
    }

    /// What lines of a POSIX shell print on the node.
    pub fn ask(&self, script: &str) -> Result<Vec<u8>, SshError> {
        self.ask_within(script, ANSWER)
    }

    fn ask_within(&self, script: &str, limit: Duration) -> Result<Vec<u8>, SshError> {
        let mut shell = self.shell.borrow_mut();
        let destination = self.destination.clone();
        if let Some(why) = shell.over.clone() {
            return Err(SshError::Ended { destination, why });
        }
        shell.put(script, limit).map_err(|over| {
            let why = match &over {
                Over::Ended => shell.last_words(),
                Over::Silent => "it did not answer before".to_owned(),
            };
            shell.child.kill();
            shell.over = Some(why.clone());
            match over {
                Over::Ended => SshError::Ended { destination, why },
                Over::Silent => SshError::Silent { destination, after: limit },
            }
        })
    }

    /// Runs a command line on the node, by its `/bin/sh`. After the limit the node itself stops it,
    /// by `timeout` of its coreutils, with all that stayed in its process group.
    pub fn run(&self, line: &str, limit: Duration) -> Result<Output, SshError> {
        let destination = self.destination.clone();
        if let Some(why) = &self.shell.borrow().over {
            return Err(SshError::Ended { destination, why: why.clone() });
        }
        let sudo = if self.sudo { "sudo -n " } else { "" };
        let seconds = limit.as_secs().max(1);
        let line = format!("{sudo}timeout -k 5 {seconds} /bin/sh -c {}", quote(line));
        let command = self.program.clone().args(["-T", "-o", "ControlMaster=no"]);
        let command = command.args(["--", &destination, &line]).timeout(limit + GRACE).bounded();
        let begun = Instant::now();
        let output = command.run()?;
        // It is the command's own unless the connection is gone.
        if output.status == 255 {
            self.ask(":")?;
        }
        // How `timeout` says that it stopped the command, or had to kill it; before the limit it is the
        // command's own.
        if matches!(output.status, 124 | 137) && begun.elapsed() >= limit {
            let (program, tail) = ("the command".to_owned(), output.tail);
            return Err(ProcessError::TimedOut { program, after: limit, tail }.into());
        }
        Ok(output)
    }
}

/// `ssh` over the socket in a directory.
fn ssh(directory: &TempDir) -> Command {
    let socket = format!("ControlPath={}", directory.path().join("socket").display());
    Command::new("ssh").inherit_env(&["HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK"]).args([
        "-o",
        "BatchMode=yes",
        "-o",
        &socket,
    ])
}

/// Why a shell gives no answer.
enum Over {
    Ended,
    Silent,
}

impl Shell {
    fn put(&mut self, script: &str, limit: Duration) -> Result<Vec<u8>, Over> {
        // An answer may end within a line.
        let lines = format!("{{ {script}\n}} </dev/null\nprintf '\\n%s\\n' {}\n", self.end);
        let stdin = self.child.0.stdin.as_mut().ok_or(Over::Ended)?;
        stdin.write_all(lines.as_bytes()).and_then(|()| stdin.flush()).map_err(|_| Over::Ended)?;
        let end = format!("\n{}\n", self.end);
        let (begun, mut searched) = (Instant::now(), 0);
        loop {
            if let Some(at) = find(self.rest.get(searched..).unwrap_or_default(), end.as_bytes()) {
                let behind = self.rest.split_off(searched + at + end.len());
                let mut answer = std::mem::replace(&mut self.rest, behind);
                answer.truncate(searched + at);
                return Ok(answer);
            }
            searched = self.rest.len().saturating_sub(end.len());
            if self.rest.len() > MOST {
                return Err(Over::Ended);
            }
            let left = limit.checked_sub(begun.elapsed()).ok_or(Over::Silent)?;
            self.read_some(left)?;
        }
    }

    fn read_some(&mut self, limit: Duration) -> Result<(), Over> {
        let stdout = self.child.0.stdout.as_ref().ok_or(Over::Ended)?;
        let mut ready = [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::IN)];
        let limit = Timespec::try_from(limit).map_err(|_| Over::Silent)?;
        match rustix::event::poll(&mut ready, Some(&limit)) {
            Ok(0) => return Err(Over::Silent),
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(_) => return Err(Over::Ended),
            Ok(_) => {}
        }
        let mut buffer = [0; 16 << 10];
        match rustix::io::read(stdout, &mut buffer) {
            Ok(0) | Err(_) => Err(Over::Ended),
            Ok(count) => {
                self.rest.extend_from_slice(buffer.get(..count).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// What `ssh` said last, of a connection that has ended.
    fn last_words(&mut self) -> String {
        let mut said = Vec::new();
        // It has nothing more to say: its other output has ended.
        if let Some(stderr) = &self.child.0.stderr {
            let _ = rustix::fs::fcntl_setfl(stderr, rustix::fs::OFlags::NONBLOCK);
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = rustix::io::read(stderr, &mut buffer) {
                said.extend_from_slice(buffer.get(..count).unwrap_or_default());
            }
        }
        let said = String::from_utf8_lossy(&said);
        let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.next_back().unwrap_or("`ssh` said nothing").to_owned()
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}
