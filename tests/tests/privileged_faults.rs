//! Builds that are killed, stopped, starved of space, and doubled: on a base of a few packages from
//! an archive of this host, as root.
//!
//! `FORGE_TEST_FULL=1` kills at thirty moments instead of five; `FORGE_TEST_SEED` repeats a sample.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use forge_model::Digest;
use forge_test::{Built, Forgec, LocalDebian, SmallSite, TOKEN, Turn, artifacts};

/// Numbers for the choice of moments (Knuth's MMIX generator).
struct Sample(u64);

impl Sample {
    fn new() -> Self {
        let given = std::env::var("FORGE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Self(given.unwrap_or(now))
    }

    /// A number from 0 to below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The processes below one, each after its parent.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for task in tasks {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
            found.push(child);
            found.extend(descendants(child));
        }
    }
    found
}

fn signal(name: &str, pid: u32) {
    // It fails for a process that has just ended.
    let _sent = Command::new("kill").args([name, &pid.to_string()]).output().unwrap();
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Waits for a process that has every reason to end soon.
#[track_caller]
fn end(child: &mut Child) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return code(status);
        }
        if begun.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Which process of a build is killed.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// The user's process.
    Outer,
    /// Process 1 of the private namespace.
    Init,
    /// The process that does the work.
    Inner,
}

impl Victim {
    fn pid(self, outer: u32) -> u32 {
        let below = descendants(outer);
        let index = match self {
            Self::Outer => return outer,
            Self::Init => 0,
            Self::Inner => 1,
        };
        below.get(index).copied().unwrap_or(outer)
    }
}

/// Calls for the same project with a store and an output folder of their own.
fn beside(lab: &SmallSite, archive: &LocalDebian, scratch: &Path) -> Forgec {
    Forgec::new(&lab.site.project(), scratch).env("TOKEN", TOKEN).apt(archive.etc_apt())
}

#[test]
fn a_killed_build_harms_no_later_one() {
    let _turn = Turn::take();
    let archive = LocalDebian::new();
    let lab = SmallSite::packaged(&archive);
    let begun = Instant::now();
    lab.build();
    let took = u64::try_from(begun.elapsed().as_micros()).unwrap();
    let whole = without_manifests(lab.artifacts());
    let full = std::env::var_os("FORGE_TEST_FULL").is_some();
    let moments: u64 = if full { 30 } else { 5 };
    let mut sample = Sample::new();
    for moment in 0..moments {
        let victim = match sample.below(3) {
            0 => Victim::Outer,
            1 => Victim::Init,
            _ => Victim::Inner,
        };
        // One in each of equal parts of the build, so that all of it is tried.
        let part = took / moments;
        let after = Duration::from_micros(moment * part + sample.below(part.max(1)));
        let context = format!("{victim:?} killed after {after:?}; FORGE_TEST_SEED={}", sample.0);
        let scratch = lab.site.scratch().join(format!("killed-{moment}"));
        let forgec = beside(&lab, &archive, &scratch);
        let mut child = forgec.start(&["build"]);
        std::thread::sleep(after);
        signal("-KILL", victim.pid(child.id()));
        let ended = end(&mut child);
        assert!(ended == 137 || ended == 0, "{context}: exit {ended}");
        let again = forgec.run(&["build"]);
        assert_eq!(again.code, 0, "{context}\n{}", again.stderr);
        assert_eq!(without_manifests(artifacts(forgec.out_dir())), whole, "{context}");
        let quiet = Built::of(forgec.run(&["build"]).expect(0));
        assert!(quiet.done.is_empty(), "{context}: {:?}", quiet.done);
        fs::remove_dir_all(&scratch).unwrap();
    }
}

/// A build whose second script says that it is there and then waits.
fn waiting(archive: &LocalDebian) -> SmallSite {
    let lab = SmallSite::packaged(archive);
    lab.site.write("roles/tool/tool.sh", "echo the script is there\nsleep 300\n");
    lab
}

/// Starts a build of one image and comes back when its script waits.
fn start_and_wait(lab: &SmallSite) -> Child {
    let child = lab.forgec.start(&["build", "packaged"]);
    let begun = Instant::now();
    let there = || {
        let logs =
            fs::read_dir(lab.forgec.store_dir().join("logs")).into_iter().flatten().flatten();
        let mut texts = logs.filter_map(|log| fs::read_to_string(log.path()).ok());
        texts.any(|text| text.contains("the script is there"))
    };
    while !there() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the script does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn a_stopped_build_keeps_what_it_finished() {
    let _turn = Turn::take();
    let archive = LocalDebian::new();
    for (name, expected) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let lab = waiting(&archive);
        let mut child = start_and_wait(&lab);
        let begun = Instant::now();
        signal(name, child.id());
        assert_eq!(end(&mut child), expected, "{name}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{name} took {:?}", begun.elapsed());
        lab.site.write("roles/tool/tool.sh", "echo hello > /usr/lib/tool\n");
        let built = Built::of(lab.forgec.run(&["build", "packaged"]).expect(0));
        for kept in ["base small", "service/packages", "tool/files", "app/run data"] {
            assert!(!built.done.contains(kept), "{name}: {kept} was done again");
        }
    }
}

#[test]
fn a_script_waits_for_a_builder_of_the_same_step() {
    let _turn = Turn::take();
    let archive = LocalDebian::new();
    let lab = SmallSite::packaged(&archive);
    let beside =
        beside(&lab, &archive, &lab.site.scratch().join("other")).store(lab.forgec.store_dir());
    let mut first = lab.forgec.start(&["build"]);
    let mut second = beside.start(&["build"]);
    assert_eq!((end(&mut first), end(&mut second)), (0, 0));
    assert_eq!(lab.artifacts(), artifacts(beside.out_dir()));
    lab.build().expect(&[]);
    // Each script of each image ran once: its log says so.
    let logs = fs::read_dir(lab.forgec.store_dir().join("logs")).unwrap().flatten();
    let scripts = logs.filter(|log| log.file_name().to_string_lossy().starts_with("run"));
    assert_eq!(scripts.count(), 4);
}

#[test]
fn two_builders_may_share_an_output_folder() {
    let _turn = Turn::take();
    let archive = LocalDebian::new();
    let lab = SmallSite::packaged(&archive);
    lab.build();
    let whole = without_manifests(lab.artifacts());
    fs::remove_dir_all(lab.forgec.out_dir()).unwrap();
    let beside =
        beside(&lab, &archive, &lab.site.scratch().join("third")).out(lab.forgec.out_dir());
    let mut first = lab.forgec.start(&["build"]);
    let mut second = beside.start(&["build"]);
    assert_eq!((end(&mut first), end(&mut second)), (0, 0));
    assert_eq!(without_manifests(lab.artifacts()), whole);
}

/// A tmpfs of a few megabytes on a directory, taken away again when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, mib: u32) -> Self {
        fs::create_dir_all(path).unwrap();
        let options = format!("size={mib}m,mode=0755");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "forge-test"]).arg(path);
        assert!(mount.status().unwrap().success());
        Self(path.to_owned())
    }

    fn grow(&self) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,size=256m"]).arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// What a small disk is for, and its size in MiB: too small for anything, for the packages, for
/// the base that they make (each about 18 MiB), for what is made of it; for an archive (about
/// 8 MiB).
const DISKS: [(&str, u32); 6] =
    [("store", 1), ("store", 8), ("store", 28), ("store", 38), ("out", 1), ("out", 4)];

#[test]
fn a_full_disk_is_said_and_overcome() {
    let _turn = Turn::take();
    let archive = LocalDebian::new();
    let fresh = SmallSite::packaged(&archive);
    fresh.build();
    let whole = without_manifests(fresh.artifacts());
    for (place, mib) in DISKS {
        let lab = SmallSite::packaged(&archive);
        let disk = SmallDisk::mount(&lab.site.scratch().join(place), mib);
        let failed = lab.forgec.run(&["build"]);
        assert_eq!(failed.code, 3, "{place} of {mib} MiB\n{}", failed.stderr);
        let said = failed.stderr.to_lowercase();
        assert!(said.contains("space"), "{place} of {mib} MiB\n{said}");
        disk.grow();
        lab.build();
        lab.build().expect(&[]);
        assert_eq!(without_manifests(lab.artifacts()), whole, "{place} of {mib} MiB");
    }
}

/// Artifacts without their JSON manifests: these name the revision, and the layer of secrets by a
/// digest that is keyed in each store.
fn without_manifests(mut files: BTreeMap<String, Digest>) -> BTreeMap<String, Digest> {
    files.retain(|name, _| !name.ends_with(".json"));
    files
}
