//! The packages of one layer, by dpkg's file lists.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use forge_model::{ImagePath, Manifest, Tree};

use super::Maker;
use crate::changes::ReadContent;

/// dpkg's records: `NAME.list`, `NAME.postinst`, …
const INFO: &[u8] = b"var/lib/dpkg/info/";
const DIVERSIONS: &str = "var/lib/dpkg/diversions";

/// Which packages ship which path.
#[derive(Debug, Default)]
pub(super) struct Lists {
    packages: BTreeMap<ImagePath, Vec<Arc<str>>>,
}

type Failed = (ImagePath, io::Error);

impl Lists {
    /// Reads the file lists that are in `manifest`, the topmost layer of `tree`.
    pub(super) fn read(
        manifest: &Manifest,
        tree: &Tree,
        read: &ReadContent<'_>,
    ) -> Result<Self, Failed> {
        let diversions = Diversions::read(tree, read)?;
        let mut resolver = Resolver { tree, parents: BTreeMap::new() };
        let mut lists = Self::default();
        for path in manifest.entries.keys() {
            let Some(package) = record_of(path, Some(b"list")) else {
                continue;
            };
            let Some(entry) = tree.get(path) else {
                continue;
            };
            let bytes = read(path, entry).map_err(|error| (path.clone(), error))?;
            for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line = diversions.follow(line, &package);
                // dpkg writes the root as `/.`.
                let Some(shipped) = ImagePath::new(line) else {
                    continue;
                };
                let Some(place) = resolver.resolve(&shipped) else {
                    continue;
                };
                let names = lists.packages.entry(place).or_default();
                if names.last() != Some(&package) {
                    names.push(Arc::clone(&package));
                }
            }
        }
        for names in lists.packages.values_mut() {
            names.sort_unstable();
            names.dedup();
        }
        Ok(lists)
    }

    pub(super) fn maker(&self, path: &ImagePath) -> Maker {
        match (self.packages.get(path), record_of(path, None)) {
            (Some(names), _) => Maker::Packages(names.clone()),
            (None, Some(package)) => Maker::PackageRecord(package),
            (None, None) => Maker::MaintainerScript,
        }
    }
}

/// The package whose record the path is, with this ending when one is asked for.
fn record_of(path: &ImagePath, ending: Option<&[u8]>) -> Option<Arc<str>> {
    let file = path.as_bytes().strip_prefix(INFO)?;
    let dot = file.iter().rposition(|byte| *byte == b'.')?;
    let (name, rest) = file.split_at(dot);
    if name.is_empty() || ending.is_some_and(|ending| &rest[1..] != ending) {
        return None;
    }
    std::str::from_utf8(name).ok().map(Arc::from)
}

/// dpkg-divert(1): files that other packages ship lie elsewhere.
#[derive(Debug, Default)]
struct Diversions(BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)>);

impl Diversions {
    fn read(tree: &Tree, read: &ReadContent<'_>) -> Result<Self, Failed> {
        let mut diversions = Self::default();
        let path = ImagePath::new(DIVERSIONS).unwrap_or(ImagePath::ROOT);
        let Some(entry) = tree.get(&path) else {
            return Ok(diversions);
        };
        let bytes = read(&path, entry).map_err(|error| (path.clone(), error))?;
        let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
        // Three lines each: from, to, and the package that diverts, `:` for the administrator.
        for three in lines.chunks_exact(3) {
            diversions.0.insert(three[0].to_vec(), (three[1].to_vec(), three[2].to_vec()));
        }
        Ok(diversions)
    }

    fn follow<'a>(&'a self, path: &'a [u8], package: &str) -> &'a [u8] {
        let own = package.split(':').next().unwrap_or_default();
        match self.0.get(path) {
            Some((to, by)) if by != own.as_bytes() => to,
            _ => path,
        }
    }
}

/// Resolves the directories of many paths, each once.
struct Resolver<'a> {
    tree: &'a Tree,
    parents: BTreeMap<ImagePath, Option<ImagePath>>,
}

impl Resolver<'_> {
    fn resolve(&mut self, path: &ImagePath) -> Option<ImagePath> {
        let Some(parent) = path.parent() else {
            return Some(ImagePath::ROOT);
        };
        let tree = self.tree;
        let parent =
            self.parents.entry(parent).or_insert_with_key(|dir| tree.resolve(dir, true)).clone()?;
        Some(parent.join(path.file_name()))
    }
}
