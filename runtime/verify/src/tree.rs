use std::io;

use forge_judge::facts::Facts;
use forge_model::{
    Account, Answer, CommandOutput, EntryKind, FileStat, Files, GroupRecord, ImagePath,
    InstalledPackage, KernelSetting, Level, ModuleState, NoAnswer, Provenance, Resource, Target,
    Tree, TreeEntry, UnitState,
};

/// The largest file that a control may read, in bytes.
pub(crate) const MAX_READ: u64 = 64 << 20;

/// A built image, as its owner hands it over: nothing is mounted for it, nothing started.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    /// The merged view of its layers.
    pub tree: &'a Tree,
    /// The content of a regular file of the view, at exactly this path.
    pub content: &'a dyn Fn(&ImagePath, &TreeEntry) -> io::Result<Vec<u8>>,
    /// True for the index of a layer that holds secrets.
    pub is_secret: &'a dyn Fn(usize) -> bool,
    /// Who made a path: the layer's label or the package, and the node of the spec.
    pub blame: &'a dyn Fn(&ImagePath, &TreeEntry) -> Option<Provenance>,
}

impl std::fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image").field("paths", &self.tree.len()).finish_non_exhaustive()
    }
}

/// An image's files, and what they say of packages, accounts, units and kernel parameters.
#[derive(Debug)]
pub struct TreeTarget<'a> {
    image: Image<'a>,
    facts: Facts,
}

impl<'a> TreeTarget<'a> {
    /// The tree of `image`.
    pub fn new(image: Image<'a>) -> Self {
        Self { image, facts: Facts::new() }
    }

    /// The real path that a path leads to, links followed inside the image.
    fn resolve(&self, path: &str, follow: bool) -> Answer<Option<ImagePath>> {
        let path = ImagePath::new(path)
            .ok_or_else(|| NoAnswer::Failed(format!("`{path}` is no path of an image")))?;
        Ok(self.image.tree.resolve(&path, follow))
    }

    fn entry(&self, path: &str, follow: bool) -> Answer<Option<(ImagePath, &TreeEntry)>> {
        let real = self.resolve(path, follow)?;
        Ok(real.and_then(|real| Some((real.clone(), self.image.tree.get(&real)?))))
    }
}

impl Files for TreeTarget<'_> {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        let Some((_, found)) = self.entry(path, follow)? else {
            return Ok(None);
        };
        let accounts = self.facts.accounts(self)?;
        let entry = &found.entry;
        let link = match &entry.kind {
            EntryKind::Symlink { target } => Some(String::from_utf8_lossy(target).into_owned()),
            _ => None,
        };
        let size = match &entry.kind {
            EntryKind::File { .. } if (self.image.is_secret)(found.layer) => None,
            EntryKind::File { size, .. } => Some(*size),
            EntryKind::Symlink { target } => Some(target.len() as u64),
            _ => None,
        };
        Ok(Some(FileStat {
            kind: entry.kind.word().to_owned(),
            mode: entry.mode,
            owner: accounts.user_name(entry.uid),
            group: accounts.group_name(entry.gid),
            uid: Some(entry.uid),
            gid: Some(entry.gid),
            size,
            link,
            mtime: None,
        }))
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        let Some((real, found)) = self.entry(path, true)? else {
            return Ok(None);
        };
        let EntryKind::File { size, .. } = &found.entry.kind else {
            return Ok(None);
        };
        if (self.image.is_secret)(found.layer) {
            let why = format!("`{path}` holds a secret, which nobody looks at");
            return Err(NoAnswer::Failed(why));
        }
        if *size > MAX_READ {
            let why = format!("`{path}` is too large to be read, {size} bytes");
            return Err(NoAnswer::Failed(why));
        }
        (self.image.content)(&real, found)
            .map(Some)
            .map_err(|error| NoAnswer::Failed(format!("`{real}` cannot be read: {error}")))
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        let Some((real, found)) = self.entry(path, true)? else {
            return Ok(None);
        };
        if !found.entry.kind.is_directory() {
            return Ok(None);
        }
        let names = self.image.tree.children(&real);
        let name = |path: &ImagePath| String::from_utf8_lossy(path.file_name()).into_owned();
        Ok(Some(names.map(|(path, _)| name(path)).collect()))
    }
}

impl Target for TreeTarget<'_> {
    fn level(&self) -> Level {
        Level::Tree
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

    fn command(&self, _line: &str, _timeout: u32) -> Answer<CommandOutput> {
        Err(NoAnswer::Unknown("nothing runs in a tree".to_owned()))
    }

    fn provenance(&self, resource: &Resource, evidence: Option<&str>) -> Option<Provenance> {
        let path = forge_judge::blamed_path(resource, evidence)?;
        // A dangling link is the path's own maker's doing.
        let found = self.entry(path, true).ok()?.or(self.entry(path, false).ok()?);
        let (real, entry) = found?;
        (self.image.blame)(&real, entry)
    }
}

#[cfg(test)]
mod tests;
