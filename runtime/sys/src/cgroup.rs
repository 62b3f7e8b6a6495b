//! A control group for each container.
//!
//! systemd-nspawn puts a container below the group that it was started in; containers that share
//! one disturb each other. The groups are directories of the host that outlive a killed process,
//! so their names carry the id of the outer process, and the next run sweeps what is stale.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const ROOT: &str = "/sys/fs/cgroup";
const PREFIX: &str = "forge-";
/// Time that a killed process may take to leave its group.
const PATIENCE: Duration = Duration::from_secs(2);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The hierarchies that systemd uses: one on a unified host, two on a hybrid one.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        return vec![root.to_owned()];
    }
    let candidates = ["unified", "systemd"].map(|name| root.join(name));
    candidates.into_iter().filter(|path| path.join("cgroup.procs").exists()).collect()
}

/// The groups of one container, removed with what is in them when dropped.
#[derive(Debug)]
pub(crate) struct Cgroup {
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) name: String,
}

impl Cgroup {
    /// Makes groups named `forge-OUTER-N`.
    pub(crate) fn create(outer: u32) -> std::io::Result<Self> {
        let name = format!("{PREFIX}{outer}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut group = Self { directories: Vec::new(), name };
        for hierarchy in hierarchies() {
            let directory = hierarchy.join(&group.name);
            std::fs::create_dir(&directory)?;
            group.directories.push(directory);
        }
        Ok(group)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for directory in &self.directories {
            if let Err(error) = remove(directory) {
                tracing::warn!(cgroup = %directory.display(), %error, "a control group is left");
            }
        }
    }
}

/// Removes the groups of runs whose outer process is gone.
pub(crate) fn sweep() {
    sweep_where(|pid| !is_alive(pid));
}

/// Removes the groups of one run, whose processes have ended.
pub(crate) fn sweep_of(outer: u32) {
    sweep_where(|pid| pid == outer);
}

fn sweep_where(stale: impl Fn(u32) -> bool) {
    for hierarchy in hierarchies() {
        let Ok(entries) = std::fs::read_dir(&hierarchy) else {
            continue;
        };
        for entry in entries.flatten() {
            if owner(&entry.file_name().to_string_lossy()).is_some_and(&stale) {
                remove(&entry.path()).ok();
            }
        }
    }
}

/// The outer process that a group's name carries.
fn owner(name: &str) -> Option<u32> {
    let (pid, number) = name.strip_prefix(PREFIX)?.split_once('-')?;
    number.parse::<u32>().ok()?;
    pid.parse().ok()
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Kills what is in a group, and removes it with the groups below.
fn remove(directory: &Path) -> std::io::Result<()> {
    kill(directory);
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        match std::fs::remove_dir(directory) {
            Err(error)
                if error.kind() == std::io::ErrorKind::ResourceBusy
                    && Instant::now() < deadline =>
            {
                kill(directory);
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => return other,
        }
    }
}

fn kill(directory: &Path) {
    // cgroup.kill came with Linux 5.14 and is in the unified hierarchy only.
    if std::fs::write(directory.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let processes = std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| line.parse().ok()) {
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_swept() {
        let cases = [
            ("forge-12-0", Some(12)),
            ("forge-12", None),
            ("forge-a-0", None),
            ("forge-12-x", None),
            ("system.slice", None),
        ];
        for (name, want) in cases {
            assert_eq!(owner(name), want, "{name}");
        }
    }
}
