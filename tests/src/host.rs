use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use forge_model::Digest;

/// A picture of the host, to be taken before and after: paths with their metadata (and content,
/// below `/etc`), mounts, cgroups, processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPicture {
    paths: BTreeMap<PathBuf, String>,
    mounts: Vec<String>,
    cgroups: Vec<PathBuf>,
    processes: BTreeMap<u32, String>,
}

/// What no build writes, however it fails. `/proc`, `/sys` and `/dev` are the kernel's.
const WATCHED: &[&str] = &[
    "/bin", "/boot", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/root", "/run",
    "/sbin", "/srv", "/tmp", "/usr", "/var",
];

/// Places that other programs of the machine write to at any time: there only new and changed
/// paths count that a build's tools would make.
const SHARED: &[&str] = &["/home", "/root", "/run", "/tmp", "/var/log", "/var/tmp"];

/// How the names of what a build's tools leave behind begin.
const OURS: &[&str] =
    &["apt", "container", "dpkg", "forge", "journal", "mmdebstrap", "nspawn", "systemd"];

/// Whether a difference at this path speaks against a build.
fn counts(path: &Path) -> bool {
    !SHARED.iter().any(|shared| path.starts_with(shared))
        || path.iter().any(|name| is_ours(&name.to_string_lossy()))
}

fn is_ours(name: &str) -> bool {
    let name = name.trim_start_matches(['.', '#']).to_lowercase();
    OURS.iter().any(|word| name.starts_with(word))
}

impl HostPicture {
    /// Takes the picture; `except` and what lies below is left out.
    pub fn take(except: &[&Path]) -> Self {
        let mut paths = BTreeMap::new();
        // The checkout that the tests run from may lie anywhere, its build directory too.
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let except: Vec<_> = except.iter().copied().chain(checkout).collect();
        for root in WATCHED {
            walk(Path::new(root), &except, &mut paths);
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut cgroups = Vec::new();
        directories(Path::new("/sys/fs/cgroup"), &mut cgroups);
        Self {
            paths,
            mounts: mounts.lines().map(str::to_owned).collect(),
            cgroups,
            processes: processes(),
        }
    }

    /// What differs, a line each; empty when the host is untouched. Processes that ended count
    /// as untouched: others may stop while a test runs.
    pub fn differences(&self, after: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, entry) in after.paths.iter().filter(|(path, _)| counts(path)) {
            match self.paths.get(path) {
                None => lines.push(format!("new path {}: {entry}", path.display())),
                Some(before) if before != entry => {
                    lines.push(format!("changed {}: {before} -> {entry}", path.display()));
                }
                Some(_) => {}
            }
        }
        let gone =
            self.paths.keys().filter(|path| counts(path) && !after.paths.contains_key(*path));
        lines.extend(gone.map(|path| format!("gone {}", path.display())));
        let new_mounts = after.mounts.iter().filter(|mount| !self.mounts.contains(mount));
        lines.extend(new_mounts.map(|mount| format!("new mount {mount}")));
        let new_cgroups = after.cgroups.iter().filter(|path| !self.cgroups.contains(path));
        lines.extend(new_cgroups.map(|path| format!("new cgroup {}", path.display())));
        for (pid, name) in &after.processes {
            if !self.processes.contains_key(pid) {
                lines.push(format!("new process {pid} {name}"));
            }
        }
        lines
    }
}

fn walk(path: &Path, except: &[&Path], found: &mut BTreeMap<PathBuf, String>) {
    if except.contains(&path) {
        return;
    }
    let Ok(meta) = path.symlink_metadata() else { return };
    // A directory's times change when a neighbour of the test adds a file that is left out.
    let times = if meta.is_dir() { 0 } else { meta.mtime() };
    let mut entry =
        format!("{:o} {}:{} {} {times}", meta.mode(), meta.uid(), meta.gid(), size(&meta));
    if meta.is_file() && path.starts_with("/etc") {
        let content = fs::read(path).unwrap_or_default();
        entry += &format!(" {}", Digest::of(&content).short());
    }
    if let Ok(target) = fs::read_link(path) {
        entry += &format!(" -> {}", target.display());
    }
    found.insert(path.to_owned(), entry);
    if meta.is_dir() {
        let Ok(entries) = fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            walk(&entry.path(), except, found);
        }
    }
}

fn size(meta: &fs::Metadata) -> u64 {
    if meta.is_file() { meta.size() } else { 0 }
}

fn directories(path: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
            directories(&entry.path(), found);
        }
    }
}

/// Processes of a build's programs.
fn processes() -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir("/proc") else { return found };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = std::str::from_utf8(name.as_bytes()).ok().and_then(|n| n.parse().ok())
        else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        // The program, or the script that an interpreter runs.
        let words = line.split_whitespace().take(2);
        let mut names = words.filter_map(|word| word.rsplit('/').next());
        if names.any(is_ours) {
            found.insert(pid, line);
        }
    }
    found
}
