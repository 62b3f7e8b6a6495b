//! forge itself: its release binary on a copy of the job's site.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Builder;

/// forge with a site, a store and an output folder of its own.
pub(crate) struct Forge {
    binary: PathBuf,
    site: PathBuf,
    directory: PathBuf,
}

impl Forge {
    /// Copies the job's site into `directory`.
    pub(crate) fn new(directory: &Path) -> Self {
        let forge = Self::beside(directory, directory);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/site");
        std::fs::create_dir_all(directory).unwrap_or_else(|error| panic!("{error}"));
        let copied = Command::new("cp").arg("-rT").arg(source).arg(&forge.site).status();
        assert!(copied.is_ok_and(|status| status.success()), "the site cannot be copied");
        forge
    }

    /// The site of one, the store of another.
    pub(crate) fn beside(site: &Path, directory: &Path) -> Self {
        let beside =
            std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("forgec")));
        let binary = beside
            .filter(|path| path.exists())
            .unwrap_or_else(|| panic!("build `forgec` first: cargo build --release -p forgec"));
        Self { binary, site: site.join("site"), directory: directory.to_owned() }
    }
}

impl Builder for Forge {
    fn name(&self) -> &'static str {
        "forge"
    }

    fn clean(&self) {
        for part in ["store", "out"] {
            drop(std::fs::remove_dir_all(self.directory.join(part)));
        }
    }

    fn build(&self, images: &[&str]) {
        let output = Command::new(&self.binary)
            .arg("-C")
            .arg(&self.site)
            .arg("--store")
            .arg(self.directory.join("store"))
            .arg("--out")
            .arg(self.directory.join("out"))
            .arg("build")
            .args(images)
            .output()
            .unwrap_or_else(|error| panic!("{error}"));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "forgec failed:\n{text}");
    }

    fn edit(&self, line: &str) {
        let text = format!("Welcome to the bench.\n{line}\n");
        std::fs::write(self.site.join("files/motd"), text)
            .unwrap_or_else(|error| panic!("{error}"));
    }
}

/// The packed image that `latest` names.
pub(crate) fn artifact(out: &Path, image: &str) -> Vec<u8> {
    let path = out.join(format!("{image}-latest.cpio.zst"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
