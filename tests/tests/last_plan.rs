//! A plan is taken over from the last run when nothing has changed, and only then.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use forge_model::{Digest, Plan, SourceEntry, SourceError, SourceNode, SourceStat, Sources};
use forge_plan::Checked;
use forge_stdlib::WithLibrary;
use forge_sys::sources::DiskSources;
use forge_test::Site;

/// Sources that count how many files are read.
struct Counting {
    sources: WithLibrary<DiskSources>,
    read: AtomicUsize,
}

impl Sources for Counting {
    fn specs(&self) -> Result<Vec<SourceEntry>, SourceError> {
        self.sources.specs()
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, SourceError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.sources.read(path)
    }

    fn stat(&self, path: &str) -> Result<SourceStat, SourceError> {
        self.sources.stat(path)
    }

    fn list(&self, directory: &str) -> Result<Vec<SourceEntry>, SourceError> {
        self.sources.list(directory)
    }

    fn tree(&self, directory: &str) -> Result<Vec<SourceNode>, SourceError> {
        self.sources.tree(directory)
    }

    fn recall(&self, of: &Digest) -> Option<Vec<u8>> {
        self.sources.recall(of)
    }

    fn remember(&self, of: &Digest, made: Vec<u8>) {
        self.sources.remember(of, made);
    }

    fn keeps_plan(&self) -> bool {
        self.sources.keeps_plan()
    }

    fn last_plan(&self) -> Option<Vec<u8>> {
        self.sources.last_plan()
    }

    fn keep_plan(&self, write: &dyn Fn(&mut dyn Write) -> io::Result<()>) {
        self.sources.keep_plan(write);
    }
}

/// A project and what is kept of it between runs.
struct Kept {
    site: Site,
}

impl Kept {
    fn new(site: Site) -> Self {
        Self { site }
    }

    /// What a run finds, and how many files it read.
    fn run(&self) -> (Checked, usize) {
        let disk = DiskSources::open(&self.site.project()).unwrap();
        let disk = disk.with_cache(&self.site.scratch().join("cache"));
        let sources = Counting { sources: WithLibrary::new(disk), read: AtomicUsize::new(0) };
        (forge_plan::check(&sources, forge_test::today()), sources.read.into_inner())
    }

    /// What a run finds that remembers nothing.
    fn anew(&self) -> Checked {
        let disk = DiskSources::open(&self.site.project()).unwrap();
        forge_plan::check(&WithLibrary::new(disk), forge_test::today())
    }

    /// A run after something has changed: it finds what a run that remembers nothing finds.
    fn agrees(&self, what: &str) {
        let (kept, anew) = (self.run().0, self.anew());
        let told = |checked: &Checked| {
            checked.diagnostics.iter().map(|one| one.headline.clone()).collect::<Vec<_>>()
        };
        assert_eq!(told(&kept), told(&anew), "{what}");
        same(kept.plan.as_ref(), anew.plan.as_ref(), what);
    }
}

fn same(one: Option<&Plan>, other: Option<&Plan>, what: &str) {
    // Written out by `assert_eq!`, a plan of this size would help nobody.
    assert!(one == other, "{what}: another plan than without a cache");
}

fn example_site() -> Kept {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    Kept::new(Site::copy_of(&specs))
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files_below(&path) } else { vec![path] };
    entries.flat_map(below).collect()
}

#[test]
fn nothing_is_read_where_nothing_has_changed() {
    let kept = example_site();
    let (first, read) = kept.run();
    assert!(read > 10, "{read}");
    let (second, read) = kept.run();
    assert_eq!(read, 0);
    assert!(first.plan.is_some());
    same(second.plan.as_ref(), first.plan.as_ref(), "nothing changed");
}

#[test]
fn a_change_of_any_file_is_seen() {
    let kept = example_site();
    let files = files_below(&kept.site.project());
    assert!(files.len() > 20, "{}", files.len());
    for (index, path) in files.iter().enumerate() {
        let before = std::fs::read(path).unwrap();
        std::fs::write(path, [&before[..], b"\n# changed\n"].concat()).unwrap();
        kept.agrees(&format!("`{}` changed", path.display()));
        // What goes for one file goes for its neighbours.
        if index % 4 == 0 {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
            kept.agrees(&format!("`{}` executable", path.display()));
            std::fs::remove_file(path).unwrap();
            kept.agrees(&format!("`{}` gone", path.display()));
        }
        std::fs::write(path, before).unwrap();
    }
    kept.agrees("as it was");
}

#[test]
fn what_comes_and_goes_is_seen() {
    let base = "base \"b\" {\n  tree \"base\"\n}\nimage \"a\" {\n  base \"b\"\n  \
                directory \"/opt/x\" source=\"files/x\"\n}\n";
    let files = [("site.kdl", base), ("base/etc/passwd", ""), ("files/x/one", "1")];
    let kept = Kept::new(Site::new(&files));
    kept.agrees("first");
    assert_eq!(kept.run().1, 0);
    let more: &[(&str, &str)] = &[
        ("more.kdl", "image \"c\" {\n  base \"b\"\n}\n"),
        ("files/x/two", "2"),
        ("files/x/.three", "3"),
        (".gitignore", "more.kdl\nfiles/x/one\n"),
        ("files/forge.kdl", ""),
    ];
    for (path, text) in more {
        kept.site.write(path, text);
        kept.agrees(path);
        assert_eq!(kept.run().1, 0, "{path}: kept anew");
    }
    for (path, _) in more.iter().rev() {
        std::fs::remove_file(kept.site.project().join(path)).unwrap();
        kept.agrees(&format!("without {path}"));
    }
    std::os::unix::fs::symlink("one", kept.site.project().join("files/x/link")).unwrap();
    kept.agrees("a link");
}

#[test]
fn what_is_to_be_said_is_said_each_time() {
    let site = Site::new(&[("site.kdl", "role \"r\" {\n  file \"/etc/x\" \"x\"\n}\n")]);
    let kept = Kept::new(site);
    for round in 0..2 {
        let (checked, _) = kept.run();
        assert!(!checked.diagnostics.is_empty(), "{round}");
    }
}
