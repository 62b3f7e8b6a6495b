//! An image in memory for this crate's tests.

use std::cell::Cell;
use std::collections::BTreeMap;

use forge_model::{
    Account, Answer, CommandOutput, FileStat, Files, GroupRecord, InstalledPackage, KernelSetting,
    Level, ModuleState, NoAnswer, Provenance, Resource, Target, UnitState,
};

use crate::facts::Facts;

#[derive(Clone)]
enum Node {
    File { text: Vec<u8>, mode: u32, owner: String },
    Link(String),
}

/// Files and links by path; directories are there by what they hold.
pub(crate) struct MemoryImage {
    nodes: BTreeMap<String, Node>,
    level: Level,
    pub(crate) commands_run: Cell<u32>,
    facts: Facts,
}

impl Default for MemoryImage {
    fn default() -> Self {
        Self {
            nodes: BTreeMap::new(),
            level: Level::Tree,
            commands_run: Cell::new(0),
            facts: Facts::new(),
        }
    }
}

impl MemoryImage {
    pub(crate) fn file(&mut self, path: &str, text: &str) {
        self.file_with(path, text, 0o644, "root");
    }

    pub(crate) fn file_with(&mut self, path: &str, text: &str, mode: u32, owner: &str) {
        let (text, owner) = (text.as_bytes().to_vec(), owner.to_owned());
        self.nodes.insert(path.to_owned(), Node::File { text, mode, owner });
    }

    pub(crate) fn with_bytes(mut self, path: &str, bytes: &[u8]) -> Self {
        let (text, owner) = (bytes.to_vec(), "root".to_owned());
        self.nodes.insert(path.to_owned(), Node::File { text, mode: 0o644, owner });
        self
    }

    pub(crate) fn link(&mut self, path: &str, target: &str) {
        self.nodes.insert(path.to_owned(), Node::Link(target.to_owned()));
    }

    pub(crate) fn remove(&mut self, path: &str) {
        self.nodes.remove(path);
    }

    pub(crate) fn container(mut self) -> Self {
        self.level = Level::Container;
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
        let path = if follow { self.resolve(path) } else { path.to_owned() };
        let stat = |kind: &str, mode, owner: &str, size, link: Option<&String>| FileStat {
            kind: kind.to_owned(),
            mode,
            owner: owner.to_owned(),
            group: "root".to_owned(),
            uid: None,
            gid: None,
            size: Some(size),
            link: link.cloned(),
            mtime: None,
        };
        Ok(match self.nodes.get(&path) {
            Some(Node::File { text, mode, owner }) => {
                Some(stat("file", *mode, owner, text.len() as u64, None))
            }
            Some(Node::Link(target)) => Some(stat("symlink", 0o777, "root", 0, Some(target))),
            None => self.list(&path)?.map(|_| stat("directory", 0o755, "root", 0, None)),
        })
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        Ok(match self.nodes.get(&self.resolve(path)) {
            Some(Node::File { text, .. }) => Some(text.clone()),
            _ => None,
        })
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        let prefix = format!("{path}/");
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
        self.facts.user(self, name)
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
            return Err(NoAnswer::Unknown("nothing is started here".to_owned()));
        }
        self.commands_run.set(self.commands_run.get() + 1);
        match line {
            "hang" => Err(NoAnswer::Failed("it took longer than 1 s".to_owned())),
            _ => Ok(CommandOutput {
                status: 3,
                stdout: "GPU 0: x\nGPU 1: y\n".to_owned(),
                stderr: String::new(),
            }),
        }
    }

    fn provenance(&self, resource: &Resource, evidence: Option<&str>) -> Option<Provenance> {
        let path = crate::blamed_path(resource, evidence)?;
        self.nodes.get(path)?;
        Some(Provenance { layer: format!("layer of {path}"), origin: None })
    }
}
