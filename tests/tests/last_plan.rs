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
    fn agrees(&self, what: &str) -> Checked {
        let (kept, anew) = (self.run().0, self.anew());
        let told = |checked: &Checked| {
            checked.diagnostics.iter().map(|one| one.headline.clone()).collect::<Vec<_>>()
        };
        assert_eq!(told(&kept), told(&anew), "{what}");
        same(kept.plan.as_ref(), anew.plan.as_ref(), what);
        kept
    }
}

fn same(one: Option<&Plan>, other: Option<&Plan>, what: &str) {
    // Written out by `assert_eq!`, a plan of this size would help nobody.
    let written = |plan: Option<&Plan>| serde_json::to_string(&plan).unwrap();
    assert!(
        one == other && written(one) == written(other),
        "{what}: another plan than without a cache"
    );
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

#[test]
fn what_is_said_of_an_image_may_hang_on_roles_that_it_does_not_use() {
    let base = "base \"b\" {\n  tree \"base\"\n}\n";
    let given = "role \"given\" {\n  param \"p\" type=\"string\"\n  file \"/etc/p\" {\n    content \"${p}\"\n  }\n}\n";
    let reads = "role \"reads\" {\n  file \"/etc/q\" {\n    content \"${p}\"\n  }\n}\n";
    let images = "image \"a-node\" {\n  base \"b\"\n  set p=\"1\"\n  role \"given\" p=\"2\"\n}\n\
                  image \"b-node\" {\n  base \"b\"\n  set p=\"1\"\n  role \"reads\"\n}\n\
                  image \"c-node\" {\n  base \"b\"\n}\n";
    let files =
        [("base.kdl", base), ("base/etc/passwd", ""), ("given.kdl", given), ("reads.kdl", reads)];
    let kept = Kept::new(Site::new(&files));
    kept.site.write("images.kdl", images);
    let checked = kept.agrees("first");
    assert!(checked.plan.is_some() && checked.diagnostics.is_empty(), "{:?}", checked.diagnostics);
    // Nothing reads what the first image sets now, of which no file has changed.
    kept.site
        .write("reads.kdl", "role \"reads\" {\n  file \"/etc/q\" {\n    content \"\"\n  }\n}\n");
    let checked = kept.agrees("reads.kdl");
    assert!(checked.diagnostics.iter().any(|one| one.headline.contains("changes nothing")));
}

#[test]
fn a_spec_file_may_be_a_template_too() {
    let base = "base \"b\" {\n  tree \"base\"\n}\n";
    let role = "role \"r\" {\n  file \"/etc/note\" template=\"note.kdl\"\n}\n";
    let image = "image \"a-node\" {\n  base \"b\"\n  role \"r\"\n}\n";
    let files = [("base.kdl", base), ("base/etc/passwd", ""), ("r.kdl", role), ("a.kdl", image)];
    let kept = Kept::new(Site::new(&files));
    for text in ["// one\n", "// two\n", "// {{ two }}\n"] {
        kept.site.write("note.kdl", text);
        kept.agrees(text);
    }
}

#[test]
fn what_stands_in_for_equal_steps_says_its_own_places() {
    let base = "base \"b\" {\n  debian suite=\"bookworm\"\n}\n";
    let role = "role \"p\" {\n  packages \"nano\"\n  when \"cluster\" is=\"c1\" {\n    hold \"nano\"\n  }\n  \
                when \"cluster\" is=\"c2\" {\n    hold \"nano\"\n  }\n}\n";
    let image =
        |name: &str, role: &str| format!("image \"{name}-node\" {{\n  base \"b\"\n{role}}}\n");
    let used = "  role \"p\"\n";
    let kept = Kept::new(Site::new(&[("base.kdl", base), ("p.kdl", role)]));
    for name in ["c1", "c2", "c3"] {
        kept.site.write(&format!("{name}.kdl"), image(name, used));
    }
    let checked = kept.agrees("first");
    assert!(checked.plan.is_some() && checked.diagnostics.is_empty(), "{:?}", checked.diagnostics);
    kept.site.write("c1.kdl", image("c1", ""));
    assert_eq!(kept.agrees("without a role").taken, 1, "the last image alone");
}

#[test]
fn what_is_declared_twice_is_told_with_all_that_follows() {
    let base = "base \"b\" {\n  tree \"base\"\n}\n";
    let image = "image \"m-node\" {\n  base \"b\"\n  role \"r\"\n}\n";
    let files = [
        ("base.kdl", base),
        ("base/etc/passwd", ""),
        ("m.kdl", image),
        ("r.kdl", "role \"r\" {\n}\n"),
    ];
    let kept = Kept::new(Site::new(&files));
    kept.agrees("first");
    let again = "role \"r\" {\n  file \"/etc/x\" {\n    content \"${nope}\"\n  }\n}\n";
    kept.site.write("a.kdl", again);
    assert_eq!(kept.agrees("a role twice").diagnostics.len(), 2);
    kept.site.write("a.kdl", "image \"m-node\" {\n  base \"b\"\n  role \"missing\"\n}\n");
    assert_eq!(kept.agrees("an image twice").diagnostics.len(), 2);
}

/// Numbers that look like random ones, the same in each run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most as u64).unwrap()
    }
}

/// Roles and images of a site that is edited at random. What stands in the files is drawn from few
/// texts, so that roles come to the same steps, override each other and lose what others use.
const SEEDS: u64 = 4;
const ROLES: usize = 8;
const IMAGES: usize = 6;

fn role(dice: &mut Dice, number: usize) -> String {
    let mut body = format!("// {}\nrole \"r{number}\" {{\n", dice.below(1000));
    let with = dice.below(3) == 0;
    if with {
        body += "  param \"p\" type=\"string\" default=\"one\"\n  file \"/etc/p\" {\n    content \"${p}\"\n  }\n";
    }
    for _ in 0..dice.below(3) {
        // Mostly the same text in the same file.
        let (path, text) = (dice.below(8), dice.below(12) / 11);
        let over = if dice.below(20) == 0 { " override=#true" } else { "" };
        body += &format!("  file \"/etc/{path}\"{over} {{\n    content \"{text}\"\n  }}\n");
    }
    match dice.below(6) {
        0 => body += "  service \"a.service\" masked=#true\n",
        1 => body += "  user \"ann\"\n",
        2 => body += "  file \"/etc/source\" source=\"../files/one\"\n",
        3 => body += "  when \"cluster\" is=\"c1\" {\n    directory \"/etc/c1\"\n  }\n",
        4 => body += "  controls \"p\"\n",
        _ => {}
    }
    // Each uses later ones alone: cycles would be all that is found.
    if number + 1 < ROLES && dice.below(3) == 0 {
        body += &format!("  role \"r{}\"\n", number + 1 + dice.below(ROLES - number - 1));
    }
    body + "}\n"
}

fn image(dice: &mut Dice, number: usize) -> String {
    let mut body = format!("image \"c{number}-node\" ");
    if number > 0 && dice.below(3) == 0 {
        body += &format!("from=\"c{}-node\" {{\n", dice.below(number));
        if dice.below(4) == 0 {
            body += &format!("  drop-role \"r{}\"\n", dice.below(ROLES));
        }
    } else {
        body += "{\n  base \"b\"\n";
    }
    if dice.below(12) == 0 {
        body += "  set p=\"two\"\n";
    }
    for _ in 0..=dice.below(3) {
        body += &format!("  role \"r{}\"\n", dice.below(ROLES));
    }
    body + "}\n"
}

const PROFILE: &str = "profile \"p\" {\n  control \"etc\" {\n    file \"/etc\" {\n      type \"directory\"\n    }\n  }\n}\n";

/// An edit: of a role or an image mostly, of what all images have in common now and then.
fn edit(dice: &mut Dice, site: &Site) -> String {
    let (path, text) = match dice.below(12) {
        0..=6 => {
            let number = dice.below(ROLES);
            (format!("roles/r{number}.kdl"), role(dice, number))
        }
        7 | 8 => {
            let number = dice.below(IMAGES);
            (format!("images/{number}.kdl"), image(dice, number))
        }
        9 => ("files/one".to_owned(), dice.below(3).to_string()),
        10 => {
            let more = ["", "// more\n", "secret \"s\" file=\"files/s.age\"\n"][dice.below(3)];
            ("profiles.kdl".to_owned(), format!("{more}{PROFILE}"))
        }
        _ => ("more.kdl".to_owned(), ["", "role \"more\" {\n}\n"][dice.below(2)].to_owned()),
    };
    site.write(&path, &text);
    format!("{path}: {text}")
}

/// Edits a site so often, and gives how often nothing was found, and how often some images were taken
/// over.
fn edited(seed: u64, rounds: usize) -> (usize, usize) {
    let base = "base \"b\" {\n  tree \"base\"\n}\n";
    let files = [("base.kdl", base), ("base/etc/passwd", ""), ("files/one", "1")];
    let site = Site::new(&files);
    site.write("profiles.kdl", PROFILE);
    let mut dice = Dice(seed);
    for number in 0..ROLES {
        site.write(&format!("roles/r{number}.kdl"), role(&mut dice, number));
    }
    for number in 0..IMAGES {
        site.write(&format!("images/{number}.kdl"), image(&mut dice, number));
    }
    let kept = Kept::new(site);
    let (mut clean, mut some) = (0, 0);
    for round in 0..rounds {
        let what = edit(&mut dice, &kept.site);
        let checked = kept.agrees(&format!("seed {seed}, round {round}: {what}"));
        clean += usize::from(checked.plan.is_some() && checked.diagnostics.is_empty());
        some += usize::from((1..IMAGES).contains(&checked.taken));
    }
    (clean, some)
}

#[test]
fn images_are_taken_over_only_where_they_are_as_they_were() {
    let (mut clean, mut some) = (0, 0);
    for seed in 0..SEEDS {
        let (without, taken) = edited(seed, 150);
        clean += without;
        some += taken;
    }
    assert!(clean > 50, "{clean} without a finding");
    assert!(some > 20, "{some} with some images taken over");
}
