use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::{HostPicture, Scope};

static TURN: Mutex<()> = Mutex::new(());
static WAITING: AtomicUsize = AtomicUsize::new(0);
static BEFORE: OnceLock<HostPicture> = OnceLock::new();

/// How often the host is looked at before a difference counts: a killed run's processes and
/// cgroups take a moment to go. Other tests' own directories do not count.
const TRIES: u32 = 4;

/// A privileged test's turn: one at a time, and the host must look afterwards as it did before
/// the first. Take it before anything else, so that it is given back last.
#[derive(Debug)]
pub struct Turn {
    _guard: MutexGuard<'static, ()>,
}

impl Turn {
    /// Waits for the others.
    ///
    /// # Panics
    ///
    /// When the test does not run as root.
    pub fn take() -> Self {
        let root = std::fs::metadata("/proc/self").expect("/proc is mounted");
        let uid = std::os::unix::fs::MetadataExt::uid(&root);
        assert_eq!(uid, 0, "this test mounts file systems and starts containers: run it as root");
        WAITING.fetch_add(1, Ordering::SeqCst);
        let guard = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        WAITING.fetch_sub(1, Ordering::SeqCst);
        BEFORE.get_or_init(|| HostPicture::take(Scope::Traces));
        Self { _guard: guard }
    }
}

impl Drop for Turn {
    /// Compares when no other test waits: once for all that ran, since the picture takes longer
    /// than many of them.
    fn drop(&mut self) {
        let Some(before) = BEFORE.get() else { return };
        if std::thread::panicking() || WAITING.load(Ordering::SeqCst) > 0 {
            return;
        }
        let mut differences = Vec::new();
        for _ in 0..TRIES {
            differences = before.differences(&HostPicture::take(Scope::Traces));
            differences.retain(|line| !line.contains(" /tmp/forge-test-"));
            if differences.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        panic!("the host is not as it was:\n{}", differences.join("\n"));
    }
}
