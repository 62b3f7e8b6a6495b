//! Private namespaces: everything that a build mounts or starts dies with it.
//!
//! ```text
//! forgec (outer)  the user's process: forwards signals, hands on the exit status
//!   forgec (init)   process 1 of a new PID namespace, in a new mount namespace: mounts, reaps
//!     forgec (inner)  does the work; its children are in the same namespaces
//! ```
//!
//! The kernel kills all processes of a PID namespace with its process 1, and that one dies with
//! the outer process (PDEATHSIG). The last process takes the mounts with it. What the host sees
//! afterwards is the store, and what the inner process was told to write.

use std::ffi::{CString, OsString};
use std::fs::DirBuilder;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::ForkResult;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::CWD;
use rustix::mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags};
use rustix::process::PidfdFlags;

use crate::cgroup;
use crate::overlay::{Overlay, OverlayError, Upper};

/// Set by the outer process for process 1: `PID MOUNT-NAMESPACE PID-NAMESPACE FD` of its own.
const MARKER: &str = "FORGE_OUTER";

/// What the private namespaces are to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// A tmpfs is mounted here, for upper directories and other things that die with the run;
    /// the directory is made when absent.
    pub work: PathBuf,
    /// The most that the tmpfs may hold, in bytes.
    pub work_size: u64,
    /// Directories that stay as they are although they lie below `/run` or `/tmp`, where writes
    /// otherwise go to the tmpfs: store, project, output.
    pub keep: Vec<PathBuf>,
}

/// Why the private namespaces could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Namespaces and mounts are root's.
    #[error("this needs root: it mounts file systems and starts containers")]
    NotRoot,
    /// The environment carries the marker of an outer process that is not there.
    #[error("`{MARKER}` is set, but this process is in no private namespace; unset it")]
    StrayMarker,
    /// A call failed.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A mount failed.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
}

/// Where the calling process stands after [`enter`].
#[derive(Debug)]
pub enum Entered {
    /// Inside: do the work.
    Inside(Inside),
    /// Outside, after the inner process has ended: exit with this status.
    Outside(u8),
}

/// The inner side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The tmpfs.
    pub work: PathBuf,
    /// Process id of the outer process on the host, for unique names.
    pub outer: u32,
}

/// True in a process that [`enter`] started; its main function calls `enter` at once.
pub fn is_inner() -> bool {
    std::env::var_os(MARKER).is_some()
}

/// Runs this very program again, with the same arguments, in private namespaces.
///
/// The outer process stays in this call until the inner one ends. In the inner process, which
/// comes to the same call by the same way, it returns [`Entered::Inside`]; it must get there
/// before it starts a thread. SIGINT and SIGTERM sent to the outer process reach the inner one.
pub fn enter(options: &Options) -> Result<Entered, SandboxError> {
    if !rustix::process::geteuid().is_root() {
        return Err(SandboxError::NotRoot);
    }
    match std::env::var(MARKER) {
        Ok(marker) => become_init(&marker, options),
        Err(_) => run_outer(),
    }
}

fn failed<E: Into<std::io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> SandboxError {
    let what = what.into();
    move |error| SandboxError::System { what, source: error.into() }
}

// --- outer ---

/// Process 1, for the signal handler.
static INIT: AtomicI32 = AtomicI32::new(0);

fn namespace(name: &str) -> Result<String, SandboxError> {
    let link = std::fs::read_link(Path::new("/proc/self/ns").join(name))
        .map_err(failed(format!("the {name} namespace cannot be read from /proc")))?;
    Ok(link.to_string_lossy().into_owned())
}

fn run_outer() -> Result<Entered, SandboxError> {
    cgroup::sweep();
    let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
        .map_err(failed("pidfd_open"))?;
    let pid = std::process::id();
    let marker = format!("{pid} {} {} {}", namespace("mnt")?, namespace("pid")?, own.as_raw_fd());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let action =
            SigAction::new(SigHandler::SigAction(forward), SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: the handler reads an atomic and calls kill, which signal-safety(7) allows.
        #[expect(unsafe_code, reason = "a handler is the only way that reaches every thread")]
        unsafe { nix::sys::signal::sigaction(signal, &action) }
            .map_err(failed("a signal handler could not be set"))?;
    }
    // PDEATHSIG follows the thread that forks, and unsharing the PID namespace forbids a thread
    // to start others: this one does nothing else and stays to the end.
    let thread = std::thread::spawn(move || start_and_wait(&marker, &own));
    thread.join().unwrap_or_else(|_| {
        let source = std::io::Error::other("the waiting thread panicked");
        Err(SandboxError::System { what: "process 1 was lost".to_owned(), source })
    })
}

/// Hands a signal on. One that a terminal sent has reached the inner process already.
extern "C" fn forward(
    signal: i32,
    info: *mut nix::libc::siginfo_t,
    _context: *mut nix::libc::c_void,
) {
    let init = INIT.load(Ordering::SeqCst);
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo_t.
    #[expect(unsafe_code, reason = "reads what the kernel passed")]
    let code = unsafe { (*info).si_code };
    if init > 0 && code != nix::libc::SI_KERNEL {
        // SAFETY: kill has no memory effects.
        #[expect(unsafe_code, reason = "kill from a handler")]
        unsafe {
            nix::libc::kill(init, signal);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "process 1 is this program itself")]
fn start_and_wait(marker: &str, own: &OwnedFd) -> Result<Entered, SandboxError> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWPID)
        .map_err(failed("a PID namespace could not be made"))?;
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env(MARKER, marker);
    let inherited = own.as_raw_fd();
    let prepare_child = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)?;
        // SAFETY: the descriptor is open in the parent for as long as it waits; clearing its
        // close-on-exec flag touches this process alone.
        #[expect(unsafe_code, reason = "the descriptor must survive exec")]
        if unsafe { nix::libc::fcntl(inherited, nix::libc::F_SETFD, 0) } < 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls alone.
    #[expect(unsafe_code, reason = "namespaces are made between fork and exec")]
    unsafe {
        command.pre_exec(prepare_child);
    }
    let mut child = command.spawn().map_err(failed("process 1 could not be started"))?;
    INIT.store(child.id().cast_signed(), Ordering::SeqCst);
    let status = child.wait().map_err(failed("process 1 was lost"))?;
    INIT.store(0, Ordering::SeqCst);
    cgroup::sweep_of(std::process::id());
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Ok(Entered::Outside(u8::try_from(code).unwrap_or(u8::MAX)))
}

// --- process 1 ---

/// A thread that was joined is still there for a moment: the kernel wakes who waits for it before it
/// takes it away (`mm_release` in `kernel/fork.c`).
fn wait_until_alone() -> Result<(), SandboxError> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let tasks = || std::fs::read_dir("/proc/self/task").map_err(failed("/proc/self/task"));
    let deadline = Instant::now() + PATIENCE;
    while tasks()?.count() != 1 {
        if Instant::now() >= deadline {
            let source = std::io::Error::other("the program has started threads");
            return Err(SandboxError::System { what: "cannot fork".to_owned(), source });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn become_init(marker: &str, options: &Options) -> Result<Entered, SandboxError> {
    let outer = check_marker(marker)?;
    let signals =
        SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD]);
    nix::sys::signal::sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signals), None)
        .map_err(failed("signals could not be blocked"))?;
    mount_all(options)?;
    wait_until_alone()?;
    // SAFETY: there is one thread (checked above), so no lock is held by another.
    #[expect(unsafe_code, reason = "process 1 must stay apart from the work, to reap orphans")]
    let forked = unsafe { nix::unistd::fork() }.map_err(failed("fork"))?;
    match forked {
        ForkResult::Child => {
            nix::sys::signal::sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&signals), None)
                .map_err(failed("signals could not be unblocked"))?;
            // SAFETY: one thread, so nothing else reads the environment.
            #[expect(unsafe_code, reason = "the marker is for this process alone")]
            unsafe {
                std::env::remove_var(MARKER);
            }
            Ok(Entered::Inside(Inside { work: options.work.clone(), outer }))
        }
        ForkResult::Parent { child } => {
            let code = reap(&signals, child).unwrap_or(70);
            // SAFETY: ends this process without running what the inner one has registered.
            #[expect(unsafe_code, reason = "exit handlers belong to the inner process")]
            unsafe {
                nix::libc::_exit(code)
            }
        }
    }
}

/// Makes sure that this is the process which the outer one started, and that it is still there.
fn check_marker(marker: &str) -> Result<u32, SandboxError> {
    let mut words = marker.split(' ');
    let mut next = || words.next().ok_or(SandboxError::StrayMarker);
    let outer: u32 = next()?.parse().map_err(|_| SandboxError::StrayMarker)?;
    let (mount, pid) = (next()?, next()?);
    let same = mount == namespace("mnt")? || pid == namespace("pid")?;
    let fd: i32 = next()?.parse().map_err(|_| SandboxError::StrayMarker)?;
    if same || fd < 3 || rustix::process::getpid().as_raw_nonzero().get() != 1 {
        return Err(SandboxError::StrayMarker);
    }
    // SAFETY: the marker is right, so the descriptor is the one that was handed down, and nothing
    // else in this process knows of it.
    #[expect(unsafe_code, reason = "takes over an inherited descriptor")]
    let pidfd: OwnedFd = unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) };
    // PDEATHSIG does not fire for a parent that had died before it was set.
    let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
    match rustix::event::poll(&mut fds, Some(&Timespec::default())) {
        Ok(0) => Ok(outer),
        _ => Err(SandboxError::StrayMarker),
    }
}

/// Reaps orphans and hands signals on until the inner process ends; gives its status.
fn reap(signals: &SigSet, inner: nix::unistd::Pid) -> nix::Result<i32> {
    let incoming = SignalFd::new(signals)?;
    loop {
        let Some(info) = incoming.read_signal()? else {
            continue;
        };
        if info.ssi_signo.cast_signed() != nix::libc::SIGCHLD {
            if info.ssi_code != nix::libc::SI_KERNEL {
                let signal = Signal::try_from(info.ssi_signo.cast_signed())?;
                // It fails when the inner process has just ended; SIGCHLD follows.
                nix::sys::signal::kill(inner, signal).ok();
            }
            continue;
        }
        // One SIGCHLD may stand for several children.
        loop {
            match nix::sys::wait::waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == inner => return Ok(code),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == inner => {
                    return Ok(128 + signal as i32);
                }
                Ok(WaitStatus::StillAlive) | Err(nix::errno::Errno::ECHILD) => break,
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

fn mount_all(options: &Options) -> Result<(), SandboxError> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)
        .map_err(failed("mounts could not be made private"))?;
    let hidden = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("proc", "/proc", "proc", hidden, None)
        .map_err(failed("/proc could not be mounted"))?;
    make_private_directory(&options.work)?;
    let size = CString::new(format!("mode=0700,size={}", options.work_size))
        .map_err(|error| failed("tmpfs options")(std::io::Error::from(error)))?;
    let work = &options.work;
    // Uppers hold set-id files and device nodes.
    rustix::mount::mount("forge", work, "tmpfs", MountFlags::empty(), Some(size.as_c_str()))
        .map_err(failed(format!("a tmpfs on `{}`", work.display())))?;
    for name in ["run", "tmp"] {
        cover(name, options)?;
    }
    let nspawn = Path::new("/run/systemd/nspawn");
    std::fs::create_dir_all(nspawn).map_err(failed(nspawn.display().to_string()))?;
    rustix::mount::mount("forge", nspawn, "tmpfs", hidden, Some(c"mode=0755"))
        .map_err(failed("a tmpfs on /run/systemd/nspawn"))
}

fn make_private_directory(path: &Path) -> Result<(), SandboxError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(path).map_err(failed(format!("`{}` could not be made", path.display())))
}

/// Lets writes below `/NAME` go to the tmpfs, but for kept directories and what is mounted there.
fn cover(name: &str, options: &Options) -> Result<(), SandboxError> {
    let target = Path::new("/").join(name);
    let mut kept: Vec<PathBuf> = mounts_below(&target)?;
    kept.extend(
        options.keep.iter().chain([&options.work]).filter(|p| p.starts_with(&target)).cloned(),
    );
    kept.sort();
    let mut saved: Vec<(PathBuf, OwnedFd)> = Vec::new();
    for path in kept {
        let inside = saved.iter().any(|(outer, _)| path.starts_with(outer));
        if inside || path == target || !path.exists() {
            continue;
        }
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE;
        let tree = rustix::mount::open_tree(CWD, &path, flags)
            .map_err(failed(format!("`{}` could not be kept", path.display())))?;
        saved.push((path, tree));
    }
    let scratch = options.work.join(format!(".{name}"));
    let upper = Upper { upper: scratch.join("upper"), work: scratch.join("work") };
    for directory in [&upper.upper, &upper.work] {
        make_private_directory(directory)?;
    }
    copy_attributes(&target, &upper.upper).map_err(failed(target.display().to_string()))?;
    let lowers = vec![target.clone()];
    let mounted = Overlay { lowers, upper: Some(upper), target: target.clone() }.mount()?;
    mounted.keep();
    for (path, tree) in saved {
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        rustix::mount::move_mount(&tree, "", CWD, &path, flags)
            .map_err(failed(format!("`{}` could not be kept", path.display())))?;
    }
    Ok(())
}

fn copy_attributes(from: &Path, to: &Path) -> std::io::Result<()> {
    let stat = rustix::fs::lstat(from)?;
    let (uid, gid) = (stat.st_uid, stat.st_gid);
    std::os::unix::fs::chown(to, Some(uid), Some(gid))?;
    Ok(rustix::fs::chmod(to, rustix::fs::Mode::from_raw_mode(stat.st_mode))?)
}

/// Mount points strictly below a directory.
fn mounts_below(directory: &Path) -> Result<Vec<PathBuf>, SandboxError> {
    let text =
        std::fs::read_to_string("/proc/self/mountinfo").map_err(failed("/proc/self/mountinfo"))?;
    let points = text.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape_mount);
    Ok(points.filter(|point| point.starts_with(directory) && point != directory).collect())
}

/// The kernel writes space, tab, newline and backslash of a mount point in octal.
fn unescape_mount(text: &str) -> PathBuf {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_unescaped() {
        let cases = [("/a/b", "/a/b"), ("/a\\040b\\134", "/a b\\"), ("/a\\9", "/a\\9")];
        for (text, want) in cases {
            assert_eq!(unescape_mount(text), Path::new(want), "{text}");
        }
    }

    #[test]
    fn a_marker_from_elsewhere_is_refused() {
        for marker in ["", "1", "1 mnt:[1] pid:[1] 9", "x mnt:[1] pid:[1] 9"] {
            let checked = check_marker(marker);
            assert!(matches!(checked, Err(SandboxError::StrayMarker)), "{marker}: {checked:?}");
        }
    }
}
