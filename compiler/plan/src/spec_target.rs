//! The spec as a target of controls: what it already says of an image is judged before anything
//! is built.

mod mistyped;
mod pattern;
mod violation;

use std::collections::BTreeMap;

use forge_judge::facts::Facts;
use forge_model::{
    Account, Answer, Change, ChangeKind, CommandOutput, Content, FileStat, Files, GroupRecord,
    ImagePath, InstalledPackage, KernelSetting, Level, NoAnswer, Origin, Provenance, Resource,
    Sources, Target, UnitState, Verdict,
};
use forge_spec::{BaseKind, ItemKind, Part, ResolvedImage};

pub use self::mistyped::mistyped;
pub use self::violation::violations;

use self::pattern::{join, removes};
use crate::items::PartChanges;

/// Judges every control of an image by the spec alone. What the spec does not say is
/// `NotKnownHere`, so most controls have to be judged again in the built tree.
pub fn judge_spec(image: &ResolvedImage, target: &SpecTarget<'_>) -> Vec<Verdict> {
    let controls = image.profiles.iter().flat_map(|profile| &profile.controls);
    controls.map(|control| forge_judge::judge(control, target)).collect()
}

/// A phase's name, and a part's changes in it.
type Phase = (&'static str, fn(&PartChanges) -> &[Change]);

/// Something that the spec declares, and where.
struct Declared<T> {
    what: T,
    made: Provenance,
}

impl<T> Declared<T> {
    fn evidence(&self) -> String {
        self.made.origin.as_ref().map(Origin::to_string).unwrap_or_default()
    }
}

enum Path {
    File { content: Content, mode: u32, owner: String, group: String },
    Secret { mode: u32, owner: String, group: String },
    Directory { mode: u32, owner: String, group: String },
    Link { target: String },
    Removed,
}

/// What a spec says of one image.
///
/// Phases and parts count in the order in which the plan builds them: the last word on a path is
/// the one that is known. A declaration is binding, so a script changes nothing of it, unless the
/// step says `override=#true`: then nothing of the image is known before it is built.
pub struct SpecTarget<'a> {
    sources: &'a dyn Sources,
    paths: BTreeMap<ImagePath, Declared<Path>>,
    users: BTreeMap<String, Declared<Account>>,
    groups: BTreeMap<String, Declared<GroupRecord>>,
    packages: BTreeMap<String, Declared<()>>,
    units: BTreeMap<String, Declared<UnitState>>,
    /// What is not declared is known to be absent: nothing but the spec makes the image.
    closed: Option<Declared<Path>>,
    /// The step after which nothing is known.
    overriding: Option<String>,
    facts: Facts,
}

impl std::fmt::Debug for SpecTarget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpecTarget").field("paths", &self.paths.keys()).finish_non_exhaustive()
    }
}

impl<'a> SpecTarget<'a> {
    /// What the spec says of `image`; contents of files come from `sources`.
    pub fn new(image: &ResolvedImage, sources: &'a dyn Sources) -> Self {
        let mut target = Self {
            sources,
            paths: BTreeMap::new(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            packages: BTreeMap::new(),
            units: BTreeMap::new(),
            closed: None,
            overriding: None,
            facts: Facts::new(),
        };
        target.add_base(image);
        target.add_packages(image);
        let parts: Vec<_> =
            image.parts.iter().map(|part| (part.name.as_str(), PartChanges::of(part))).collect();
        let phases: [Phase; 6] = [
            ("repositories", |changes| &changes.repositories),
            ("early-accounts", |changes| &changes.early_accounts),
            ("accounts", |changes| &changes.accounts),
            ("files", |changes| &changes.files),
            ("units", |changes| &changes.units),
            ("remove", |changes| &changes.remove),
        ];
        for (phase, select) in phases {
            for (part, changes) in &parts {
                for change in select(changes) {
                    let layer = format!("{part}/{phase}");
                    target.add_change(change, layer);
                }
            }
        }
        target.add_items(image);
        target
    }

    /// The files of a base that is a directory of the project. Without packages and scripts on it,
    /// the spec knows all of the image.
    fn add_base(&mut self, image: &ResolvedImage) {
        let BaseKind::Tree { files, .. } = &image.base.kind else { return };
        let layer = format!("base {}", image.base.name);
        let made = Provenance { layer, origin: Some(image.base.origin.clone()) };
        let root = || "root".to_owned();
        for (path, file) in files {
            let mut above = path.parent();
            while let Some(directory) = above {
                above = directory.parent();
                let what = Path::Directory { mode: 0o755, owner: root(), group: root() };
                self.add_path(directory, what, made.clone());
            }
            let mode = if file.executable { 0o755 } else { 0o644 };
            let content = Content::Source(file.clone());
            let what = Path::File { content, mode, owner: root(), group: root() };
            self.add_path(path.clone(), what, made.clone());
        }
        let brought = |part: &Part| {
            !part.packages.is_empty() || !part.items.iter().all(|item| is_all_said(&item.kind))
        };
        if image.kernel.is_none() && !image.parts.iter().any(brought) {
            // Nobody made what is not there, so no place is to blame.
            let made = Provenance { origin: None, ..made };
            self.closed = Some(Declared { what: Path::Removed, made });
        }
    }

    fn add_packages(&mut self, image: &ResolvedImage) {
        let mut add = |name: &str, layer: String, origin: &Origin| {
            let made = Provenance { layer, origin: Some(origin.clone()) };
            self.packages.entry(name.to_owned()).or_insert(Declared { what: (), made });
        };
        if let BaseKind::Debian { include, .. } = &image.base.kind {
            for name in include {
                add(&name.value, format!("base {}", image.base.name), &name.origin);
            }
        }
        if let Some(kernel) = &image.kernel {
            add(&kernel.package.value, "kernel".to_owned(), &kernel.package.origin);
        }
        for part in &image.parts {
            // What a package file is called, it says itself.
            for name in part.packages.iter().flat_map(|node| &node.names) {
                add(&name.value, format!("{}/packages", part.name), &name.origin);
            }
        }
    }

    /// Steps that may change anything, and files that hold secrets, which come last.
    fn add_items(&mut self, image: &ResolvedImage) {
        for item in image.parts.iter().flat_map(|part| &part.items) {
            match &item.kind {
                ItemKind::Run { name, .. } if item.overrides => {
                    self.overriding = Some(name.clone());
                }
                ItemKind::SecretFile { path, mode, owner, group, secret: _ } => {
                    let (owner, group) = (owner.clone(), group.clone());
                    let what = Path::Secret { mode: *mode, owner, group };
                    let origin = Some(item.origin.clone());
                    let made = Provenance { layer: "secrets".to_owned(), origin };
                    self.paths.insert(path.clone(), Declared { what, made });
                }
                _ => {}
            }
        }
    }

    fn add_change(&mut self, change: &Change, layer: String) {
        let made = Provenance { layer, origin: Some(change.origin.clone()) };
        match change.what.clone() {
            ChangeKind::File { path, content, mode, owner, group } => {
                self.note_unit_file(&path, &made);
                self.add_path(path, Path::File { content, mode, owner, group }, made);
            }
            ChangeKind::Directory { path, mode, owner, group } => {
                self.add_path(path, Path::Directory { mode, owner, group }, made);
            }
            ChangeKind::Link { path, target } => self.add_path(path, Path::Link { target }, made),
            ChangeKind::Remove { pattern } => self.remove(&pattern, &made),
            ChangeKind::Group { name, gid, system: _ } => {
                let evidence = change.origin.to_string();
                let what = GroupRecord { gid, evidence };
                self.groups.insert(name, Declared { what, made });
            }
            ChangeKind::User { name, uid, group, groups, home, shell, comment: _, system: _ } => {
                // What is not said is the image's own choice.
                let groups = (!groups.is_empty()).then_some(groups);
                let evidence = change.origin.to_string();
                let what = Account { uid, group, groups, home, shell, evidence };
                self.users.insert(name, Declared { what, made });
            }
            ChangeKind::Enable { unit } => self.unit(unit, made, |state| {
                (state.installed, state.enabled) = (Some(true), Some(true));
                state.masked = Some(false);
            }),
            ChangeKind::Disable { unit } => {
                self.unit(unit, made, |state| state.enabled = Some(false));
            }
            ChangeKind::Mask { unit } => self.unit(unit, made, |state| {
                (state.masked, state.enabled) = (Some(true), Some(false));
            }),
        }
    }

    fn add_path(&mut self, path: ImagePath, what: Path, made: Provenance) {
        self.paths.insert(path, Declared { what, made });
    }

    fn unit(&mut self, unit: String, made: Provenance, change: impl FnOnce(&mut UnitState)) {
        let known = self.units.remove(&unit).map(|known| known.what).unwrap_or_default();
        let mut declared = Declared { what: known, made };
        change(&mut declared.what);
        declared.what.evidence = Some(declared.evidence());
        self.units.insert(unit, declared);
    }

    fn note_unit_file(&mut self, path: &ImagePath, made: &Provenance) {
        let directory = path.parent().map(|parent| parent.to_string());
        if directory.as_deref() == Some("/etc/systemd/system") {
            let unit = String::from_utf8_lossy(path.file_name()).into_owned();
            self.unit(unit, made.clone(), |state| state.installed = Some(true));
        }
    }

    /// What a pattern takes away is known to be absent: nothing but secrets comes later.
    fn remove(&mut self, pattern: &str, made: &Provenance) {
        for (path, declared) in &mut self.paths {
            if removes(pattern, path) {
                *declared = Declared { what: Path::Removed, made: made.clone() };
            }
        }
        if let Some(path) = ImagePath::new(pattern).filter(|_| !pattern.contains(['*', '?'])) {
            self.add_path(path, Path::Removed, made.clone());
        }
    }

    fn check_overriding(&self) -> Answer<()> {
        match &self.overriding {
            Some(step) => {
                unknown(format!("the step `{step}` may override anything that the spec says"))
            }
            None => Ok(()),
        }
    }

    fn path(&self, path: &str) -> Answer<&Declared<Path>> {
        self.check_overriding()?;
        let path_there = ImagePath::new(path);
        let declared = path_there.as_ref().and_then(|path| self.paths.get(path));
        let absent = || {
            self.closed.as_ref().filter(|_| path_there.is_some_and(|path| !self.below_link(&path)))
        };
        declared
            .or_else(absent)
            .map_or_else(|| unknown(format!("the spec says nothing of `{path}`")), Ok)
    }

    /// A path that the spec makes and whose name is nearly that of another that it does not make,
    /// and who makes it.
    pub(crate) fn mistyped(&self, path: &str) -> Option<(&ImagePath, &Provenance)> {
        let asked = ImagePath::new(path)?;
        if self.paths.contains_key(&asked) {
            return None;
        }
        let made = self.paths.iter().filter(|(_, known)| !matches!(known.what, Path::Removed));
        let mut near = made.filter(|(known, _)| pattern::is_typo(&known.to_string(), path));
        near.next().map(|(known, declared)| (known, &declared.made))
    }

    /// True when a link stands on the way to a path: it is another path then.
    fn below_link(&self, path: &ImagePath) -> bool {
        let link = |path: &ImagePath| {
            matches!(self.paths.get(path), Some(Declared { what: Path::Link { .. }, .. }))
        };
        std::iter::successors(path.parent(), ImagePath::parent).any(|above| link(&above))
    }

    /// What the last component's links lead to, as far as the spec declares them.
    fn followed(&self, path: &str) -> Answer<&Declared<Path>> {
        let mut declared = self.path(path)?;
        let mut at = path.to_owned();
        for _ in 0..MAX_LINKS {
            let Path::Link { target } = &declared.what else {
                return Ok(declared);
            };
            at = join(&at, target);
            declared = self.path(&at)?;
        }
        unknown(format!("`{path}` leads through too many links"))
    }
}

/// Whether the spec says all that an item does: a script or an archive may bring anything.
fn is_all_said(kind: &ItemKind) -> bool {
    matches!(
        kind,
        ItemKind::File { .. }
            | ItemKind::SecretFile { .. }
            | ItemKind::Directory { .. }
            | ItemKind::Link { .. }
            | ItemKind::Remove { .. }
            | ItemKind::User { .. }
            | ItemKind::Group { .. }
            | ItemKind::Service { .. }
            | ItemKind::Unit { .. }
            | ItemKind::Sysctl { .. }
            | ItemKind::Mount { .. }
    )
}

/// Links followed before a path is given up, as in the kernel.
const MAX_LINKS: usize = 40;

fn unknown<T>(why: String) -> Answer<T> {
    Err(NoAnswer::Unknown(why))
}

impl Files for SpecTarget<'_> {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        let declared = if follow { self.followed(path)? } else { self.path(path)? };
        let stat = |kind: &str, mode: u32, owner: &str, group: &str, size: Option<u64>| FileStat {
            kind: kind.to_owned(),
            mode,
            owner: owner.to_owned(),
            group: group.to_owned(),
            size,
            link: None,
        };
        Ok(Some(match &declared.what {
            Path::File { content, mode, owner, group } => {
                stat("file", *mode, owner, group, Some(content.size()))
            }
            Path::Secret { mode, owner, group } => stat("file", *mode, owner, group, None),
            Path::Directory { mode, owner, group } => stat("directory", *mode, owner, group, None),
            Path::Link { target } => FileStat {
                link: Some(target.clone()),
                ..stat("symlink", 0o777, "root", "root", Some(target.len() as u64))
            },
            Path::Removed => return Ok(None),
        }))
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        match &self.followed(path)?.what {
            Path::File { content: Content::Text(text), .. } => Ok(Some(text.clone().into_bytes())),
            Path::File { content: Content::Source(file), .. } => self
                .sources
                .read(&file.path)
                .map(|bytes| Some(bytes.to_vec()))
                .map_err(|error| NoAnswer::Failed(format!("`{}`: {error}", file.path))),
            Path::Secret { .. } => unknown("a secret's content is not looked at".to_owned()),
            Path::Directory { .. } | Path::Link { .. } | Path::Removed => Ok(None),
        }
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        unknown(format!("the spec does not know all of `{path}`"))
    }
}

/// The files that the spec declares, as if there were no others: for sysctl.d, where a declared
/// assignment is what the spec means to hold. The built tree tells whether a package's file
/// comes after it.
struct DeclaredFiles<'a>(&'a SpecTarget<'a>);

impl Files for DeclaredFiles<'_> {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        absent_if_unknown(self.0.stat(path, follow))
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        absent_if_unknown(self.0.read(path))
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        let directory = ImagePath::new(path);
        let here = |path: &&ImagePath| path.parent() == directory;
        let names = self.0.paths.keys().filter(here);
        Ok(Some(names.map(|path| String::from_utf8_lossy(path.file_name()).into_owned()).collect()))
    }
}

fn absent_if_unknown<T>(answer: Answer<Option<T>>) -> Answer<Option<T>> {
    match answer {
        Err(NoAnswer::Unknown(_)) => Ok(None),
        other => other,
    }
}

impl Target for SpecTarget<'_> {
    fn level(&self) -> Level {
        Level::Spec
    }

    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>> {
        self.check_overriding()?;
        match self.packages.get(name) {
            Some(found) => Ok(Some(InstalledPackage { version: None, evidence: found.evidence() })),
            None => unknown(format!("another package may bring `{name}`")),
        }
    }

    fn user(&self, name: &str) -> Answer<Option<Account>> {
        self.check_overriding()?;
        match self.users.get(name) {
            Some(found) => Ok(Some(found.what.clone())),
            None if self.closed.is_some() => self.facts.user(self, name),
            None => unknown(format!("a package may bring the user `{name}`")),
        }
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        self.check_overriding()?;
        match self.groups.get(name) {
            Some(found) => Ok(Some(found.what.clone())),
            None if self.closed.is_some() => self.facts.group(self, name),
            None => unknown(format!("a package may bring the group `{name}`")),
        }
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        self.check_overriding()?;
        match self.units.get(name) {
            Some(found) => Ok(found.what.clone()),
            None => unknown(format!("a package may bring the unit `{name}`")),
        }
    }

    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>> {
        self.check_overriding()?;
        match self.facts.kernel_parameter(&DeclaredFiles(self), name)? {
            Some(set) => Ok(Some(set)),
            None => unknown(format!("a package may set `{name}`")),
        }
    }

    fn command(&self, _line: &str, _timeout: u32) -> Answer<CommandOutput> {
        unknown("nothing is built yet".to_owned())
    }

    fn provenance(&self, resource: &Resource, evidence: Option<&str>) -> Option<Provenance> {
        let made = match resource {
            Resource::File { path } => {
                self.followed(path).or_else(|_| self.path(path)).ok()?.made()
            }
            Resource::KernelParameter { .. } => {
                let path = forge_judge::blamed_path(resource, evidence)?;
                self.path(path).ok()?.made()
            }
            Resource::Package { name } => self.packages.get(name)?.made(),
            Resource::User { name } => self.users.get(name)?.made(),
            Resource::Group { name } => self.groups.get(name)?.made(),
            Resource::Service { name } => {
                self.units.get(name).or_else(|| self.units.get(&format!("{name}.service")))?.made()
            }
            Resource::Command { .. } => return None,
        };
        Some(made.clone())
    }
}

impl<T> Declared<T> {
    fn made(&self) -> &Provenance {
        &self.made
    }
}

#[cfg(test)]
mod tests;
