use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use forge_model::Digest;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A picture of the host, to be taken before and after: paths with their metadata and content,
/// mounts, cgroups, processes. Names are escaped as Rust escapes bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPicture {
    paths: BTreeMap<String, String>,
    mounts: Vec<String>,
    cgroups: Vec<String>,
    processes: BTreeMap<u32, String>,
}

/// How much of the host a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What a build that went wrong leaves first, in a moment: settings with their content, what
    /// stands right in the directories for temporary files, state, mounts, processes. For a picture
    /// around some tests.
    Traces,
    /// All paths, and the content of all files: some seconds, for a picture around the whole suite.
    Everything,
}

impl Scope {
    fn includes_content(self, path: &Path) -> bool {
        self == Self::Everything || path.starts_with("/etc")
    }

    /// Whether the picture goes into a directory.
    fn enters(self, directory: &Path) -> bool {
        let large = ["/home", "/root", "/tmp", "/usr", "/var/tmp"];
        self == Self::Everything
            || !large.iter().any(|large| directory.parent() == Some(Path::new(large)))
    }
}

/// What no build writes, however it fails. `/proc`, `/sys` and `/dev` are the kernel's.
const WATCHED: &[&str] = &[
    "/bin", "/boot", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/root", "/run",
    "/sbin", "/srv", "/tmp", "/usr", "/var",
];

/// Places that other programs of the machine write to at any time: there only new and changed
/// paths count that a build's tools would make.
const SHARED: &[&str] = &["/home", "/root", "/run", "/tmp", "/var/log", "/var/tmp"];

/// A checkout beside the one under test, in which somebody works at the same time.
fn is_other_checkout(path: &Path) -> bool {
    SHARED.iter().any(|shared| path.starts_with(shared)) && path.join(".git").exists()
}

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

/// How the names of control groups begin that containers have: systemd-nspawn's own, and those that
/// it makes in its own for the processes inside and for itself (`nspawn-cgroup.c`).
const OF_CONTAINERS: &[&str] = &["machine", "payload", "supervisor"];

/// Whether a control group is one that a build makes: whoever else works on the machine has his own.
fn is_cgroup_of_a_build(path: &Path) -> bool {
    path.iter().any(|name| {
        let name = name.to_string_lossy();
        is_ours(&name) || OF_CONTAINERS.iter().any(|word| name.starts_with(word))
    })
}

impl HostPicture {
    /// Takes the picture.
    pub fn take(scope: Scope) -> Self {
        // The checkout that the tests run from may lie anywhere, its build directory too.
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
        let mut found = Vec::new();
        for root in WATCHED {
            walk(Path::new(root), scope, checkout, &mut found);
        }
        let paths = found.into_par_iter().map(|(path, meta)| {
            let entry = describe(&path, &meta, scope.includes_content(&path));
            (escaped(&path), entry)
        });
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut cgroups = Vec::new();
        directories(Path::new("/sys/fs/cgroup"), &mut cgroups);
        Self {
            paths: paths.collect(),
            mounts: mounts.lines().map(str::to_owned).collect(),
            cgroups: cgroups
                .iter()
                .filter(|path| is_cgroup_of_a_build(path))
                .map(|path| escaped(path))
                .collect(),
            processes: processes(),
        }
    }

    /// What differs, a line each; empty when the host is untouched. Processes that ended count
    /// as untouched: others may stop while a test runs.
    pub fn differences(&self, after: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, entry) in &after.paths {
            match self.paths.get(path) {
                None => lines.push(format!("new path {path}: {entry}")),
                Some(before) if before != entry => {
                    lines.push(format!("changed {path}: {before} -> {entry}"));
                }
                Some(_) => {}
            }
        }
        let gone = self.paths.keys().filter(|path| !after.paths.contains_key(*path));
        lines.extend(gone.map(|path| format!("gone {path}")));
        let new_mounts = after.mounts.iter().filter(|mount| !self.mounts.contains(mount));
        lines.extend(new_mounts.map(|mount| format!("new mount {mount}")));
        let new_cgroups = after.cgroups.iter().filter(|path| !self.cgroups.contains(path));
        lines.extend(new_cgroups.map(|path| format!("new cgroup {path}")));
        for (pid, name) in &after.processes {
            if !self.processes.contains_key(pid) {
                lines.push(format!("new process {pid} {name}"));
            }
        }
        lines
    }
}

/// The paths that count, below one and with it.
fn walk(path: &Path, scope: Scope, except: &Path, found: &mut Vec<(PathBuf, fs::Metadata)>) {
    let Ok(meta) = path.symlink_metadata() else { return };
    if path == except || (meta.is_dir() && is_other_checkout(path)) {
        return;
    }
    let entered = meta.is_dir() && scope.enters(path);
    let entries = entered.then(|| fs::read_dir(path).ok()).flatten();
    if counts(path) {
        found.push((path.to_owned(), meta));
    }
    for entry in entries.into_iter().flatten().flatten() {
        walk(&entry.path(), scope, except, found);
    }
}

fn escaped(path: &Path) -> String {
    path.as_os_str().as_bytes().escape_ascii().to_string()
}

fn describe(path: &Path, meta: &fs::Metadata, with_content: bool) -> String {
    // A directory's times change when a neighbour of the test adds a file that is left out.
    let times = if meta.is_dir() { 0 } else { meta.mtime() };
    let mut entry =
        format!("{:o} {}:{} {} {times}", meta.mode(), meta.uid(), meta.gid(), size(meta));
    if meta.is_file() && with_content {
        let content = fs::read(path).unwrap_or_default();
        entry += &format!(" {}", Digest::of(&content).short());
    }
    if let Ok(target) = fs::read_link(path) {
        entry += &format!(" -> {}", escaped(&target));
    }
    entry
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_groups_of_others_do_not_count() {
        for (path, want) in [
            ("/sys/fs/cgroup/memory/forge-12-0", true),
            ("/sys/fs/cgroup/forge-12-0/payload/init.scope", true),
            ("/sys/fs/cgroup/machine.slice/machine-x.scope", true),
            ("/sys/fs/cgroup/systemd/supervisor", true),
            ("/sys/fs/cgroup/memory/user.slice/session-1", false),
            ("/sys/fs/cgroup/memory/runner/c007", false),
        ] {
            assert_eq!(is_cgroup_of_a_build(Path::new(path)), want, "{path}");
        }
    }
}
