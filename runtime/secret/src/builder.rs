use std::ffi::OsString;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

/// What an opener may ask of the machine that builds.
pub trait Builder: Send + Sync {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The content of a file.
    fn read(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>>;
}

/// The machine that forgec runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostBuilder;

impl Builder for HostBuilder {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn read(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        std::fs::read(path).map(Zeroizing::new)
    }
}
