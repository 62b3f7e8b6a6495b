//! Private namespaces, from outside. Needs root.
//!
//! [`enter`] starts this very program again, so this is a program of its own: without arguments it
//! runs the tests, with them it is what a test looks at.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that is its own program, without the harness that clippy knows"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use forge_sys::nspawn::{self, NspawnError, Payload, Sandbox};
use forge_sys::process::Command;
use forge_sys::sandbox::{Entered, Inside, Options, enter};

/// A test, given a directory of its own.
type Test = (&'static str, fn(&Path));

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, part, directory] = arguments.as_slice()
        && part.starts_with("part-")
    {
        std::process::exit(i32::from(play(part, Path::new(directory))));
    }
    assert!(rustix::process::geteuid().is_root(), "this test needs root");
    let tests: &[Test] = &[
        ("status_and_output_pass_through", status_and_output_pass_through),
        ("writes_stay_inside_but_for_kept_directories", writes_stay_inside),
        ("a_signal_reaches_the_inner_process", a_signal_reaches_the_inner_process),
        ("kill_of_the_outer_process_leaves_nothing", kill_of_the_outer_process_leaves_nothing),
        ("kill_of_process_1_leaves_nothing", kill_of_process_1_leaves_nothing),
        ("orphans_are_reaped", orphans_are_reaped),
        ("a_container_runs_a_command", a_container_runs_a_command),
        ("a_hostile_image_reaches_nothing", a_hostile_image_reaches_nothing),
    ];
    let before = host();
    for (name, test) in tests {
        let directory = tempfile::tempdir().unwrap();
        test(directory.path());
        println!("test {name} ... ok");
        wait_until(|| host() == before, || format!("{name}: {:#?}\nbefore: {before:#?}", host()));
    }
}

// --- the parts that are played inside ---

fn play(part: &str, directory: &Path) -> u8 {
    let options = Options {
        work: directory.join("work"),
        work_size: 64 << 20,
        keep: vec![directory.to_owned()],
    };
    match enter(&options).unwrap() {
        Entered::Outside(status) => status,
        Entered::Inside(inside) => play_inside(part, directory, &inside),
    }
}

fn play_inside(part: &str, directory: &Path, inside: &Inside) -> u8 {
    match part {
        "part-status" => {
            println!("pid {}", std::process::id());
            println!("work {}", rustix::fs::statfs(&inside.work).unwrap().f_type == 0x0102_1994);
            println!("marker {}", std::env::vars().any(|(name, _)| name.starts_with("FORGE")));
            7
        }
        "part-write" => {
            std::fs::write("/run/forge-test-file", "x").unwrap();
            std::fs::write("/tmp/forge-test-file", "x").unwrap();
            std::fs::create_dir("/run/systemd/nspawn/forge-test").unwrap();
            std::fs::write(directory.join("kept"), "x").unwrap();
            std::fs::write(inside.work.join("scratch"), "x").unwrap();
            0
        }
        "part-signal" => {
            let mut signals = nix::sys::signal::SigSet::empty();
            signals.add(nix::sys::signal::Signal::SIGTERM);
            signals.thread_block().unwrap();
            println!("ready");
            143 * u8::from(signals.wait().unwrap() == nix::sys::signal::Signal::SIGTERM)
        }
        "part-linger" => {
            println!("ready");
            // A child and its daemon, which would outlive any ordinary kill.
            let script = "setsid sleep 54321 & sleep 54321";
            Command::new("sh").args(["-c", script]).run().unwrap();
            1
        }
        "part-orphans" => {
            let script = "for n in 1 2 3; do setsid sh -c '(true &)'; done";
            Command::new("sh").args(["-c", script]).run().unwrap();
            std::thread::sleep(Duration::from_millis(100));
            let is_zombie = |pid: &str| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                stat.contains(") Z ")
            };
            let processes = std::fs::read_dir("/proc").unwrap().flatten();
            let names = processes.map(|entry| entry.file_name().to_string_lossy().into_owned());
            u8::try_from(names.filter(|name| is_zombie(name)).count()).unwrap()
        }
        "part-container" => container(inside),
        "part-hostile" => hostile(directory, inside),
        other => panic!("there is no part `{other}`"),
    }
}

/// An image with the host's programs and nothing else.
fn image(root: &Path) {
    for name in ["usr", "etc", "dev", "proc", "sys", "run", "tmp", "var/log", "root"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name)).unwrap();
    }
    std::fs::write(root.join("etc/os-release"), "ID=test\n").unwrap();
}

fn programs() -> nspawn::Bind {
    nspawn::Bind { host: "/usr".into(), container: "/usr".into(), writable: false }
}

/// Each of these places in turn leads to a directory of the host.
fn hostile(directory: &Path, inside: &Inside) -> u8 {
    let outside = directory.join("outside");
    for name in ["var/log", "bin", "etc", "tmp", "run", "root", "var", "dev", "proc", "sys", "usr"]
    {
        let root = inside.work.join(name.replace('/', "-"));
        image(&root);
        std::fs::remove_dir_all(root.join(name))
            .or_else(|_| std::fs::remove_file(root.join(name)))
            .unwrap();
        std::os::unix::fs::symlink(&outside, root.join(name)).unwrap();
        let words = ["/usr/bin/touch", "/var/log/x", "/etc/x", "/tmp/x", "/run/x", "/root/x"];
        let mut sandbox = Sandbox::new(&root, Payload::Run(words.map(Into::into).into()));
        sandbox.binds.push(programs());
        let refused = nspawn::run(&sandbox, inside.outer, |command| command);
        let is_unsafe = matches!(refused, Err(NspawnError::Unsafe { .. }));
        assert_eq!(is_unsafe, !matches!(name, "var/log" | "bin"), "{name}: {refused:?}");
    }
    0
}

fn container(inside: &Inside) -> u8 {
    let root = inside.work.join("root");
    image(&root);
    let script = "echo $0 $A; ls /sys/class/net; touch /made; exit 3";
    let words = ["/bin/sh", "-c", script, "hello"].map(Into::into).into();
    let mut sandbox = Sandbox::new(&root, Payload::Run(words));
    sandbox.environment.push(("A".into(), "b c".into()));
    sandbox.binds.push(programs());
    let output = nspawn::run(&sandbox, inside.outer, |command| command).unwrap();
    let said = (output.status, output.text());
    assert_eq!(said, (3, "hello b c\nlo".to_owned()), "{output:?}");
    assert!(root.join("made").exists());
    assert!(!root.join("etc/resolv.conf").exists() && !root.join("var/log/journal").exists());
    sandbox.volatile = true;
    sandbox.payload = Payload::Run(["/bin/touch".into(), "/again".into()].into());
    let output = nspawn::run(&sandbox, inside.outer, |command| command).unwrap();
    assert!(output.success(), "{output:?}");
    assert!(!root.join("again").exists());
    0
}

// --- the tests ---

#[expect(clippy::disallowed_methods, reason = "a test starts the outer process as a shell would")]
fn start(part: &str, directory: &Path) -> Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args([Path::new(part), directory])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn status_and_output_pass_through(directory: &Path) {
    let output = start("part-status", directory).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "pid 2\nwork true\nmarker false\n");
}

fn writes_stay_inside(directory: &Path) {
    let output = start("part-write", directory).wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(directory.join("kept").exists());
    let outside =
        [Path::new("/run/forge-test-file"), Path::new("/tmp/forge-test-file")].map(Path::exists);
    assert_eq!(outside, [false, false]);
    assert!(!directory.join("work/scratch").exists());
}

fn a_signal_reaches_the_inner_process(directory: &Path) {
    let mut outer = ready("part-signal", directory);
    signal(&outer, rustix::process::Signal::TERM);
    assert_eq!(outer.wait().unwrap().code(), Some(143));
}

fn kill_of_the_outer_process_leaves_nothing(directory: &Path) {
    // A run that was killed may have left some.
    let before = sleepers();
    let told = || format!("{} sleepers, {before} before", sleepers());
    let mut outer = ready("part-linger", directory);
    wait_until(|| sleepers() == before + 2, told);
    signal(&outer, rustix::process::Signal::KILL);
    outer.wait().unwrap();
    wait_until(|| sleepers() == before, told);
}

fn kill_of_process_1_leaves_nothing(directory: &Path) {
    let mut outer = ready("part-linger", directory);
    wait_until(|| sleepers() == 2, || format!("{} sleepers", sleepers()));
    let children = format!("/proc/{0}/task", outer.id());
    let tasks = std::fs::read_dir(children).unwrap().flatten();
    let child = tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .find_map(|text| text.split_whitespace().next()?.parse().ok())
        .and_then(rustix::process::Pid::from_raw)
        .unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
    assert_eq!(outer.wait().unwrap().code(), Some(137));
    assert_eq!(sleepers(), 0);
}

fn orphans_are_reaped(directory: &Path) {
    let status = start("part-orphans", directory).wait().unwrap();
    assert_eq!(status.code(), Some(0), "zombies are left");
}

fn a_container_runs_a_command(directory: &Path) {
    let output = start("part-container", directory).wait_with_output().unwrap();
    assert!(output.status.success());
}

fn a_hostile_image_reaches_nothing(directory: &Path) {
    let outside = directory.join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("os-release"), "ID=test\n").unwrap();
    let output = start("part-hostile", directory).wait_with_output().unwrap();
    assert!(output.status.success());
    let found: Vec<_> = std::fs::read_dir(outside).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
}

/// Starts a part and waits for its first line.
fn ready(part: &str, directory: &Path) -> Child {
    let mut child = start(part, directory);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

fn sleepers() -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.starts_with(b"sleep\x0054321")).count()
}

/// True for the group of a run that is over; other runs of this machine may be on.
fn is_stale(group: &str) -> bool {
    let outer = group.strip_prefix("forge-").and_then(|rest| rest.split('-').next());
    outer.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
}

/// What of the host a run could leave something in.
fn host() -> (Vec<String>, Vec<PathBuf>) {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let own = mounts.lines().filter(|line| line.contains(" forge ")).map(str::to_owned).collect();
    let mut groups: Vec<PathBuf> = ["", "unified", "systemd"]
        .iter()
        .filter_map(|name| std::fs::read_dir(Path::new("/sys/fs/cgroup").join(name)).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| is_stale(&path.file_name().unwrap().to_string_lossy()))
        .collect();
    groups.sort();
    (own, groups)
}

fn wait_until(done: impl Fn() -> bool, found: impl Fn() -> String) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !done() {
        assert!(Instant::now() < deadline, "{}", found());
        std::thread::sleep(Duration::from_millis(10));
    }
}
