//! A target in memory, and profiles that are one text.

use std::cell::Cell;
use std::collections::BTreeMap;

use forge_judge::facts::Facts;
use forge_model::{
    Account, Answer, CommandOutput, FileStat, Files, GroupRecord, InstalledPackage, KernelSetting,
    Level, ModuleState, NoAnswer, Provenance, Resource, Status, Target, UnitState,
};

use crate::{Limits, Options, ProfileSource, Run};

#[derive(Clone)]
enum Node {
    File { text: Vec<u8>, mode: u32, owner: String },
    Link(String),
}

/// Files and links by path.
pub(crate) struct MemoryImage {
    nodes: BTreeMap<String, Node>,
    facts: Facts,
    pub(crate) asked: Cell<usize>,
    level: Level,
    /// What lines print, where something runs.
    printed: BTreeMap<String, CommandOutput>,
    /// Accounts that are in no file.
    accounts: BTreeMap<String, Account>,
}

impl MemoryImage {
    pub(crate) fn new() -> Self {
        Self {
            nodes: BTreeMap::new(),
            facts: Facts::new(),
            asked: Cell::new(0),
            level: Level::Tree,
            printed: BTreeMap::new(),
            accounts: BTreeMap::new(),
        }
    }

    /// One that runs.
    pub(crate) fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// A line that succeeds and prints this.
    pub(crate) fn prints(self, line: &str, stdout: &str) -> Self {
        self.ends(line, 0, stdout, "")
    }

    /// A line that ends like this.
    pub(crate) fn ends(mut self, line: &str, status: i32, stdout: &str, stderr: &str) -> Self {
        let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
        self.printed.insert(line.to_owned(), CommandOutput { status, stdout, stderr });
        self
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        let node = Node::File { text: text.into(), mode: 0o644, owner: "root".to_owned() };
        self.nodes.insert(path.to_owned(), node);
        self
    }

    /// An account of a directory service.
    pub(crate) fn account(mut self, name: &str, account: Account) -> Self {
        self.accounts.insert(name.to_owned(), account);
        self
    }

    /// A file that can be executed.
    pub(crate) fn program(mut self, path: &str) -> Self {
        let node = Node::File { text: Vec::new(), mode: 0o755, owner: "root".to_owned() };
        self.nodes.insert(path.to_owned(), node);
        self
    }

    pub(crate) fn bytes(mut self, path: &str, text: &[u8]) -> Self {
        let node = Node::File { text: text.into(), mode: 0o644, owner: "root".to_owned() };
        self.nodes.insert(path.to_owned(), node);
        self
    }

    pub(crate) fn link(mut self, path: &str, target: &str) -> Self {
        self.nodes.insert(path.to_owned(), Node::Link(target.to_owned()));
        self
    }

    fn resolve(&self, path: &str) -> String {
        match self.nodes.get(path) {
            Some(Node::Link(target)) if target.starts_with('/') => target.clone(),
            Some(Node::Link(target)) => {
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                format!("{parent}/{target}")
            }
            _ => path.to_owned(),
        }
    }
}

impl Files for MemoryImage {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        self.asked.set(self.asked.get() + 1);
        let path = if follow { self.resolve(path) } else { path.to_owned() };
        let stat = |kind: &str, mode, owner: &str, size, link: Option<&String>| FileStat {
            kind: kind.to_owned(),
            mode,
            owner: owner.to_owned(),
            group: "root".to_owned(),
            uid: Some(0),
            gid: Some(0),
            size,
            link: link.cloned(),
            mtime: None,
        };
        Ok(match self.nodes.get(&path) {
            Some(Node::File { text, mode, owner }) => {
                Some(stat("file", *mode, owner, Some(text.len() as u64), None))
            }
            Some(Node::Link(to)) => Some(stat("symlink", 0o777, "root", None, Some(to))),
            None => self.list(&path)?.map(|_| stat("directory", 0o755, "root", None, None)),
        })
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        Ok(match self.nodes.get(&self.resolve(path)) {
            Some(Node::File { text, .. }) => Some(text.clone()),
            _ => None,
        })
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let mut names: Vec<String> = self
            .nodes
            .keys()
            .filter_map(|node| Some(node.strip_prefix(&prefix)?.split('/').next()?.to_owned()))
            .collect();
        names.dedup();
        Ok((!names.is_empty()).then_some(names))
    }
}

impl Target for MemoryImage {
    fn level(&self) -> Level {
        self.level
    }

    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>> {
        self.facts.package(self, name)
    }

    fn user(&self, name: &str) -> Answer<Option<Account>> {
        Ok(self.facts.user(self, name)?.or_else(|| self.accounts.get(name).cloned()))
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        self.facts.group(self, name)
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        self.facts.unit(self, name)
    }

    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>> {
        self.facts.kernel_parameter(self, name)
    }

    fn kernel_module(&self, name: &str) -> Answer<ModuleState> {
        self.facts.kernel_module(self, name)
    }

    fn command(&self, line: &str, _timeout: u32) -> Answer<CommandOutput> {
        if self.level < Level::Container {
            return Err(NoAnswer::Unknown("nothing runs here".to_owned()));
        }
        let absent =
            || CommandOutput { status: 127, stdout: String::new(), stderr: "not found".to_owned() };
        Ok(self.printed.get(line).cloned().unwrap_or_else(absent))
    }

    fn provenance(&self, _resource: &Resource, _evidence: Option<&str>) -> Option<Provenance> {
        None
    }
}

/// Profiles by their directories.
pub(crate) struct Profiles(pub(crate) BTreeMap<String, BTreeMap<String, Vec<u8>>>);

impl ProfileSource for Profiles {
    fn read(&self, directory: &str) -> Result<BTreeMap<String, Vec<u8>>, String> {
        self.0.get(directory).cloned().ok_or_else(|| format!("no profile `{directory}`"))
    }
}

/// A profile `p` whose only file of controls has this text.
pub(crate) fn profile(controls: &str) -> Profiles {
    let files = BTreeMap::from([
        ("inspec.yml".to_owned(), b"name: p\n".to_vec()),
        ("controls/c.rb".to_owned(), controls.as_bytes().to_vec()),
    ]);
    Profiles(BTreeMap::from([("p".to_owned(), files)]))
}

/// Bounds at which a test that runs away ends at once.
pub(crate) fn small() -> Options {
    let limits = Limits { steps: 200_000, bytes: 8 << 20, ..Limits::default() };
    Options { limits, ..Options::default() }
}

pub(crate) fn run(controls: &str, image: &MemoryImage) -> Run {
    crate::run("p", &profile(controls), image, &small()).unwrap()
}

/// Status and text of every result.
pub(crate) fn rows(controls: &str, image: &MemoryImage) -> Vec<(Status, String)> {
    let run = run(controls, image);
    let results = run.report.controls.iter().flat_map(|control| &control.verdict.results);
    results.map(|result| (result.status, result.text.clone())).collect()
}

/// Whether an expectation in Ruby holds.
pub(crate) fn holds(expectation: &str) -> Status {
    let text =
        format!("control 'c' do\n  describe 'x' do\n    it {{ {expectation} }}\n  end\nend\n");
    let run = run(&text, &MemoryImage::new());
    let verdict = &run.report.controls[0].verdict;
    assert_eq!(verdict.results.len(), 1, "{expectation}");
    verdict.results[0].status
}
