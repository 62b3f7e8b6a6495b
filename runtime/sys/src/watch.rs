//! Watches a child: feeds it, reads from it, and stops it in time.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, ChildStdin};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::process::{Command, LineFilter, Output, ProcessError, Running, status_of};

/// Lines kept of the end of a child's output.
const TAIL_LINES: usize = 40;
/// Bytes after which a line without an end is passed on.
const LONGEST_LINE: usize = 64 << 10;
/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// One of a child's two streams.
struct Stream {
    pipe: Option<OwnedFd>,
    kept: Vec<u8>,
    line: Vec<u8>,
}

impl Stream {
    fn new(pipe: Option<OwnedFd>) -> std::io::Result<Self> {
        if let Some(pipe) = &pipe {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(Self { pipe, kept: Vec::new(), line: Vec::new() })
    }
}

/// Reads of one stream in a row.
const READS: usize = 64;

/// Where filtered lines go.
struct Sink {
    log: Option<(PathBuf, File)>,
    filter: Option<LineFilter>,
    tail: VecDeque<String>,
    limit: usize,
    truncated: bool,
    until: Option<String>,
    /// The child has said what it was to say.
    said: bool,
}

impl Sink {
    fn line(&mut self, line: &[u8]) -> Result<(), ProcessError> {
        let filtered = self.filter.as_ref().map_or_else(|| line.to_vec(), |filter| filter(line));
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        let text = String::from_utf8_lossy(&filtered).into_owned();
        self.said |= self.until.as_ref().is_some_and(|until| text.contains(until));
        self.tail.push_back(text);
        if let Some((path, log)) = &mut self.log {
            let mut bytes = filtered;
            bytes.push(b'\n');
            log.write_all(&bytes)
                .map_err(|source| ProcessError::Log { path: path.clone(), source })?;
        }
        Ok(())
    }

    /// Reads what is there; closes the stream at its end.
    fn pump(&mut self, stream: &mut Stream) -> Result<(), ProcessError> {
        let mut buffer = [0_u8; 16 << 10];
        // A child may write faster than this reads, and there are other things to see to.
        for _ in 0..READS {
            let Some(pipe) = &stream.pipe else { break };
            let read = match rustix::io::read(pipe, &mut buffer) {
                Ok(0) => {
                    stream.pipe = None;
                    return self.flush(stream);
                }
                Ok(read) => read,
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(_) => {
                    stream.pipe = None;
                    return self.flush(stream);
                }
            };
            let room = self.limit.saturating_sub(stream.kept.len());
            stream.kept.extend_from_slice(&buffer[..read.min(room)]);
            self.truncated |= read > room;
            for piece in buffer[..read].split_inclusive(|byte| *byte == b'\n') {
                stream.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") || stream.line.len() > LONGEST_LINE {
                    self.flush(stream)?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self, stream: &mut Stream) -> Result<(), ProcessError> {
        if stream.line.is_empty() {
            return Ok(());
        }
        let mut line = std::mem::take(&mut stream.line);
        while line.last().is_some_and(|byte| b"\r\n".contains(byte)) {
            line.pop();
        }
        self.line(&line)
    }
}

/// Feeds a child and reads from it until it ends.
pub(crate) struct Watcher<'a> {
    command: &'a Command,
    ended: OwnedFd,
    stdin: Option<ChildStdin>,
    fed: usize,
    streams: [Stream; 2],
    sink: Sink,
}

/// Why the watching stopped.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Ended,
    TimedOut,
    Cancelled,
    Said,
    TooMuch,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(command: &'a Command, child: &mut Child) -> Result<Self, ProcessError> {
        let failed = |source: std::io::Error| command.watch_error(source);
        let log = match &command.log {
            Some(path) => {
                let opened = OpenOptions::new().create(true).append(true).open(path);
                let opened =
                    opened.map_err(|source| ProcessError::Log { path: path.clone(), source })?;
                Some((path.clone(), opened))
            }
            None => None,
        };
        let ended = rustix::process::pidfd_open(Pid::from_child(child), PidfdFlags::empty())
            .map_err(|errno| failed(errno.into()))?;
        let stdin = child.stdin.take();
        if let Some(stdin) = &stdin {
            rustix::io::ioctl_fionbio(stdin, true).map_err(|errno| failed(errno.into()))?;
        }
        let stdout = Stream::new(child.stdout.take().map(OwnedFd::from)).map_err(failed)?;
        let stderr = Stream::new(child.stderr.take().map(OwnedFd::from)).map_err(failed)?;
        let sink = Sink {
            log,
            filter: command.filter.clone(),
            tail: VecDeque::new(),
            limit: command.limit,
            truncated: false,
            until: command.until.clone(),
            said: false,
        };
        Ok(Self { command, ended, stdin, fed: 0, streams: [stdout, stderr], sink })
    }

    pub(crate) fn watch(mut self, child: &mut Running) -> Result<Output, ProcessError> {
        let started = Instant::now();
        let mut deadline = self.command.timeout.map(|limit| started + limit);
        let mut stopping = None;
        loop {
            let stop = self.wait(deadline, stopping.is_none())?;
            match (stop, stopping) {
                (Some(Stop::Ended), _) => break,
                (Some(why), None) => {
                    stopping = Some(why);
                    deadline = Some(Instant::now() + GRACE);
                    // It fails when the group is gone; then the end is seen next.
                    let _ = rustix::process::kill_process_group(child.pid(), Signal::TERM);
                }
                (Some(_), Some(_)) => {
                    child.kill();
                    break;
                }
                (None, _) => {}
            }
        }
        let ended = child.0.wait().map_err(|source| self.command.watch_error(source))?;
        // What the child left running would hold the pipes open for ever.
        let _ = rustix::process::kill_process_group(child.pid(), Signal::KILL);
        for stream in &mut self.streams {
            self.sink.pump(stream)?;
            self.sink.flush(stream)?;
        }
        let program = self.command.name();
        let tail: Vec<String> = self.sink.tail.into();
        match stopping {
            Some(Stop::TimedOut) => {
                let after = started.elapsed();
                return Err(ProcessError::TimedOut { program, after, tail });
            }
            Some(Stop::Cancelled) => return Err(ProcessError::Cancelled { program }),
            Some(Stop::TooMuch) => {
                return Err(ProcessError::TooMuch { program, limit: self.command.limit });
            }
            Some(Stop::Ended | Stop::Said) | None => {}
        }
        if self.command.bounded && self.sink.truncated {
            return Err(ProcessError::TooMuch { program, limit: self.command.limit });
        }
        let [stdout, stderr] = self.streams;
        Ok(Output {
            status: status_of(ended),
            stdout: stdout.kept,
            stderr: stderr.kept,
            truncated: self.sink.truncated,
            tail,
        })
    }

    /// Waits for the next thing to happen and deals with input and output.
    fn wait(
        &mut self,
        deadline: Option<Instant>,
        watching: bool,
    ) -> Result<Option<Stop>, ProcessError> {
        let rest = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        let timeout = rest.and_then(|rest| Timespec::try_from(rest).ok());
        let cancel = self.command.cancel.as_ref().filter(|_| watching);
        let [stdout, stderr] = &self.streams;
        let watched = [
            (Some(self.ended.as_fd()), PollFlags::IN),
            (cancel.map(|cancel| cancel.0.as_fd()), PollFlags::IN),
            (stdout.pipe.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (stderr.pipe.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.stdin.as_ref().map(AsFd::as_fd), PollFlags::OUT),
        ];
        let mut fds = Vec::with_capacity(watched.len());
        let mut names = Vec::with_capacity(watched.len());
        for (name, (fd, flags)) in watched.into_iter().enumerate() {
            if let Some(fd) = fd {
                fds.push(PollFd::from_borrowed_fd(fd, flags));
                names.push(name);
            }
        }
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Ok(Some(Stop::TimedOut)),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(None),
            Err(errno) => return Err(self.command.watch_error(errno.into())),
        }
        let mut ready = [false; 5];
        for (fd, name) in fds.iter().zip(names) {
            ready[name] = !fd.revents().is_empty();
        }
        let [ended, cancelled, out, err, input] = ready;
        for (at, ready) in [out, err].into_iter().enumerate() {
            if ready {
                self.sink.pump(&mut self.streams[at])?;
            }
        }
        if input {
            self.feed();
        }
        Ok(match (ended, cancelled) {
            (true, _) => Some(Stop::Ended),
            (false, true) => Some(Stop::Cancelled),
            (false, false) if watching && self.sink.said => Some(Stop::Said),
            (false, false) if watching && self.command.bounded && self.sink.truncated => {
                Some(Stop::TooMuch)
            }
            // Of a child that never falls silent, poll says no more than that it speaks.
            (false, false) => {
                deadline.is_some_and(|end| Instant::now() >= end).then_some(Stop::TimedOut)
            }
        })
    }

    /// Writes what the pipe takes; closes it at the end, and when the child does not read.
    fn feed(&mut self) {
        let Some(stdin) = &self.stdin else { return };
        match rustix::io::write(stdin, &self.command.input[self.fed..]) {
            Ok(written) => self.fed += written,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return,
            Err(_) => self.fed = self.command.input.len(),
        }
        if self.fed == self.command.input.len() {
            self.stdin = None;
        }
    }
}
