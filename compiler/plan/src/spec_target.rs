//! The spec as a target of controls: what it already says of an image is judged before anything
//! is built.

mod blame;
mod edit;
mod known;
mod mistyped;
mod paths;
pub(crate) mod pattern;
mod violation;

use std::borrow::Cow;
use std::collections::BTreeMap;

use forge_judge::facts::Facts;
use forge_model::{
    Account, Answer, Change, ChangeKind, CommandOutput, Content, Control, FileStat, Files,
    GroupRecord, ImagePath, InstalledPackage, KernelSetting, Level, Located, ModuleState, NoAnswer,
    Origin, Provenance, Resource, Shared, Sources, Stated, Target, UnitState, User, Verdict,
    takes_away,
};
use forge_spec::{BaseKind, ItemKind, Part, ResolvedImage};

pub use self::edit::misfits;
pub use self::mistyped::mistyped;
pub use self::violation::violations;

use self::known::{Declared, Layer, Made, OF_DEBIAN, Path, is_bare};
use self::paths::Paths;
use self::pattern::join;
use crate::items::{ImageChanges, PartChanges, delivered};

/// Judges every control of an image by the spec alone. What the spec does not say is
/// `NotKnownHere`, so most controls have to be judged again in the built tree.
pub fn judge_spec(image: &ResolvedImage, target: &SpecTarget<'_>) -> Vec<Verdict> {
    let controls = image.profiles.iter().flat_map(|profile| &profile.controls);
    let judged = |control: &Shared<Control>| {
        let mut verdict = forge_judge::judge(control, target);
        blame::edits(control, &mut verdict, target);
        verdict
    };
    controls.map(judged).collect()
}

/// A phase's name, and a part's changes in it.
type Phase = (&'static str, fn(&PartChanges) -> &[Shared<Change>]);

/// What a spec says of one image.
///
/// Phases and parts count in the order in which the plan builds them: the last word on a path is
/// the one that is known. A declaration is binding, so a script changes nothing of it, unless the
/// step says `override=#true`: then nothing of the image is known before it is built.
pub struct SpecTarget<'a> {
    sources: &'a dyn Sources,
    paths: Paths<'a>,
    users: BTreeMap<&'a str, Declared<'a, Account>>,
    groups: BTreeMap<&'a str, Declared<'a, GroupRecord>>,
    packages: BTreeMap<&'a str, Declared<'a, ()>>,
    units: BTreeMap<&'a str, Declared<'a, UnitState>>,
    /// What is not declared is known to be absent: nothing but the spec makes the image.
    closed: Option<Declared<'a, Path<'a>>>,
    /// Nothing but a minimal Debian and the spec makes the image's accounts.
    bare: bool,
    /// The step after which nothing is known.
    overriding: Option<&'a str>,
    /// What edited files were before each of their edits, the first first.
    edited: BTreeMap<ImagePath, Vec<Declared<'a, Path<'a>>>>,
    /// Edits that do not fit what the spec knows of their files.
    misfits: Vec<edit::Misfit<'a>>,
    facts: Facts,
}

impl std::fmt::Debug for SpecTarget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpecTarget").finish_non_exhaustive()
    }
}

impl<'a> SpecTarget<'a> {
    /// What the spec says of `image`, whose parts make these changes; contents of files come from
    /// `sources`.
    pub fn new(
        image: &'a ResolvedImage,
        changes: &'a ImageChanges,
        sources: &'a dyn Sources,
    ) -> Self {
        let mut target = Self {
            sources,
            paths: Paths::default(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            packages: BTreeMap::new(),
            units: BTreeMap::new(),
            closed: None,
            bare: is_bare(image),
            overriding: None,
            edited: BTreeMap::new(),
            misfits: Vec::new(),
            facts: Facts::new(),
        };
        target.add_base(image);
        target.add_packages(image);
        let phases: [Phase; 6] = [
            ("repositories", |changes| &changes.repositories),
            ("early-accounts", |changes| &changes.early_accounts),
            ("accounts", |changes| &changes.accounts),
            ("files", |changes| &changes.files),
            ("units", |changes| &changes.units),
            ("remove", |changes| &changes.remove),
        ];
        for (phase, select) in phases {
            for (part, changes) in image.parts.iter().zip(&changes.0) {
                for change in select(changes) {
                    target.add_change(change, Layer::Part(&part.name, phase));
                }
            }
        }
        target.add_items(image);
        target
    }

    /// The files of a base that is a directory of the project. Without packages and scripts on it,
    /// the spec knows all of the image.
    fn add_base(&mut self, image: &'a ResolvedImage) {
        let BaseKind::Tree { files, .. } = &image.base.kind else { return };
        let made = Made { layer: Layer::Base(&image.base.name), origin: Some(&image.base.origin) };
        let (owner, group) = ("root", "root");
        for (path, file) in files {
            let mut above = path.parent();
            while let Some(directory) = above {
                above = directory.parent();
                let what = Path::Directory { mode: 0o755, owner, group };
                self.add_path(Cow::Owned(directory), what, made);
            }
            let mode = if file.executable { 0o755 } else { 0o644 };
            let content = Cow::Owned(Content::Source(file.clone()));
            let what = Path::File { content, mode, owner, group };
            self.add_path(Cow::Borrowed(path), what, made);
        }
        let brought = |part: &Part| {
            !part.packages.is_empty() || !part.items.iter().all(|item| is_all_said(&item.kind))
        };
        if image.kernel.is_none() && !image.parts.iter().any(brought) {
            // Nobody made what is not there, so no place is to blame.
            let made = Made { origin: None, ..made };
            self.closed = Some(Declared { what: Path::Removed, made });
        }
    }

    fn add_packages(&mut self, image: &'a ResolvedImage) {
        let mut add = |name: &'a Located<String>, layer: Layer<'a>| {
            let made = Made { layer, origin: Some(&name.origin) };
            self.packages.entry(&name.value).or_insert(Declared { what: (), made });
        };
        if let BaseKind::Debian { include, .. } = &image.base.kind {
            for name in include {
                add(name, Layer::Base(&image.base.name));
            }
        }
        if let Some(kernel) = &image.kernel {
            add(&kernel.package, Layer::Kernel);
        }
        for part in &image.parts {
            // What a package file is called, it says itself.
            for name in part.packages.iter().flat_map(|node| &node.names) {
                add(name, Layer::Part(&part.name, "packages"));
            }
        }
    }

    /// Steps that may change anything, and files that hold secrets, which come last.
    fn add_items(&mut self, image: &'a ResolvedImage) {
        for item in image.parts.iter().flat_map(|part| &part.items) {
            if let ItemKind::Run { name, .. } = &item.kind
                && item.overrides
            {
                self.overriding = Some(name);
            }
        }
        for item in delivered(image) {
            if let ItemKind::SecretFile { path, mode, owner, group, secret: _ } = &item.kind {
                let what = Path::Secret { mode: *mode, owner, group };
                let made = Made { layer: Layer::Secrets, origin: Some(&item.origin) };
                self.add_path(Cow::Borrowed(path), what, made);
            }
        }
    }

    fn add_change(&mut self, change: &'a Change, layer: Layer<'a>) {
        let made = Made { layer, origin: Some(&change.origin) };
        match &change.what {
            ChangeKind::File { path, content, mode, owner, group } => {
                self.note_unit_file(path, made);
                let content = Cow::Borrowed(content);
                let what = Path::File { content, mode: *mode, owner, group };
                self.add_path(Cow::Borrowed(path), what, made);
            }
            ChangeKind::Directory { path, mode, owner, group, keep } => {
                // Whose a kept directory is, is known only where the spec knows all.
                let absent = || {
                    let there = self.followed(&path.to_string());
                    matches!(there.map(|there| &there.what), Ok(Path::Removed))
                };
                if !*keep || absent() {
                    let what = Path::Directory { mode: *mode, owner, group };
                    self.add_path(Cow::Borrowed(path), what, made);
                }
            }
            ChangeKind::Link { path, target } => {
                self.add_path(Cow::Borrowed(path), Path::Link { target }, made);
            }
            ChangeKind::Edit { path, edit, create } => self.edit(path, (edit, *create), made),
            ChangeKind::Remove { pattern } => self.remove(pattern, made),
            ChangeKind::KernelModules { keep: _, drop: _, firmware } => {
                if !*firmware {
                    self.remove("/lib/firmware", made);
                }
            }
            ChangeKind::Group { name, gid, system: _ } => {
                let evidence = change.origin.to_string();
                let what = GroupRecord { gid: *gid, evidence };
                self.groups.insert(name, Declared { what, made });
            }
            ChangeKind::User(User { name, uid, group, groups, home, shell, keys, .. }) => {
                let names = (name.as_str(), group.as_deref());
                self.add_keys(names, home.as_deref(), keys, made);
                let what = Account {
                    uid: *uid,
                    group: group.clone(),
                    // What is not said is the image's own choice.
                    groups: (!groups.is_empty()).then(|| groups.clone()),
                    home: home.clone(),
                    shell: shell.clone(),
                    evidence: change.origin.to_string(),
                };
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

    /// The keys of an account, where its home is known.
    fn add_keys(
        &mut self,
        (name, group): (&'a str, Option<&'a str>),
        home: Option<&str>,
        keys: &[String],
        made: Made<'a>,
    ) {
        let file = forge_spec::keys_file(name, home);
        let Some(file) = file.filter(|_| !keys.is_empty()) else { return };
        let (owner, group) = (name, group.unwrap_or(name));
        if let Some(above) = file.parent() {
            let directory = Path::Directory { mode: 0o700, owner, group };
            self.add_path(Cow::Owned(above), directory, made);
        }
        let content = Cow::Owned(Content::Text(format!("{}\n", keys.join("\n"))));
        let what = Path::File { content, mode: 0o600, owner, group };
        self.add_path(Cow::Owned(file), what, made);
    }

    fn add_path(&mut self, path: Cow<'a, ImagePath>, what: Path<'a>, made: Made<'a>) {
        self.edited.remove(&*path);
        self.paths.insert(path, Declared { what, made });
    }

    fn unit(&mut self, unit: &'a str, made: Made<'a>, change: impl FnOnce(&mut UnitState)) {
        let known = self.units.remove(unit).map(|known| known.what).unwrap_or_default();
        let mut declared = Declared { what: known, made };
        change(&mut declared.what);
        declared.what.evidence = Some(declared.evidence());
        self.units.insert(unit, declared);
    }

    fn note_unit_file(&mut self, path: &'a ImagePath, made: Made<'a>) {
        let name = path.as_bytes().strip_prefix(b"etc/systemd/system/");
        // What is no text is no name of a unit.
        let unit = name.filter(|name| !name.contains(&b'/')).map(std::str::from_utf8);
        if let Some(Ok(unit)) = unit {
            self.unit(unit, made, |state| state.installed = Some(true));
        }
    }

    /// What a pattern takes away is known to be absent: nothing but secrets comes later.
    fn remove(&mut self, pattern: &str, made: Made<'a>) {
        for (path, declared) in self.paths.each_mut() {
            if takes_away(pattern, path.as_bytes()) {
                *declared = Declared { what: Path::Removed, made };
            }
        }
        if let Some(path) = ImagePath::new(pattern).filter(|_| !pattern.contains(['*', '?'])) {
            self.add_path(Cow::Owned(path), Path::Removed, made);
        }
    }

    fn check_overriding(&self) -> Answer<()> {
        match self.overriding {
            Some(step) => {
                unknown(format!("the step `{step}` may override anything that the spec says"))
            }
            None => Ok(()),
        }
    }

    fn path(&self, path: &str) -> Answer<&Declared<'a, Path<'a>>> {
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
    pub(crate) fn mistyped(&self, path: &str) -> Option<(&ImagePath, Option<&Origin>)> {
        let asked = ImagePath::new(path)?;
        if self.paths.get(&asked).is_some() {
            return None;
        }
        let made = self.paths.iter().filter(|(_, known)| !matches!(known.what, Path::Removed));
        let mut near = made.filter(|(known, _)| pattern::is_typo(&known.to_string(), path));
        near.next().map(|(known, declared)| (known, declared.made.origin))
    }

    /// True when a link stands on the way to a path: it is another path then.
    fn below_link(&self, path: &ImagePath) -> bool {
        let link = |path: &ImagePath| {
            matches!(self.paths.get(path), Some(Declared { what: Path::Link { .. }, .. }))
        };
        std::iter::successors(path.parent(), ImagePath::parent).any(|above| link(&above))
    }

    /// What the last component's links lead to, as far as the spec declares them.
    fn followed(&self, path: &str) -> Answer<&Declared<'a, Path<'a>>> {
        self.path(&self.end_of_links(path)?)
    }

    fn end_of_links(&self, path: &str) -> Answer<String> {
        let mut at = path.to_owned();
        for _ in 0..MAX_LINKS {
            let Path::Link { target } = &self.path(&at)?.what else {
                return Ok(at);
            };
            at = join(&at, target);
        }
        unknown(format!("`{path}` leads through too many links"))
    }
}

/// Whether the spec says all that an item does: a script or an archive may bring anything.
pub(crate) fn is_all_said(kind: &ItemKind) -> bool {
    matches!(
        kind,
        ItemKind::File { .. }
            | ItemKind::SecretFile { .. }
            | ItemKind::Directory { .. }
            | ItemKind::Tree(_)
            | ItemKind::Sudoers { .. }
            | ItemKind::Link { .. }
            | ItemKind::Edit { .. }
            | ItemKind::Remove { .. }
            | ItemKind::KernelModules { .. }
            | ItemKind::User { .. }
            | ItemKind::Group { .. }
            | ItemKind::Service { .. }
            | ItemKind::Unit { .. }
            | ItemKind::Sysctl { .. }
            | ItemKind::System(_)
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
            uid: None,
            gid: None,
            size,
            link: None,
            mtime: None,
        };
        Ok(Some(match &declared.what {
            Path::File { content, mode, owner, group } => {
                stat("file", *mode, owner, group, Some(content.size()))
            }
            Path::Secret { mode, owner, group } | Path::Opaque { mode, owner, group } => {
                stat("file", *mode, owner, group, None)
            }
            Path::Directory { mode, owner, group } => stat("directory", *mode, owner, group, None),
            Path::Link { target } => FileStat {
                link: Some((*target).to_owned()),
                ..stat("symlink", 0o777, "root", "root", Some(target.len() as u64))
            },
            Path::Removed => return Ok(None),
        }))
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        self.content(&self.followed(path)?.what)
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        unknown(format!("the spec does not know all of `{path}`"))
    }
}

impl SpecTarget<'_> {
    /// The bytes of what stands somewhere.
    fn content(&self, what: &Path<'_>) -> Answer<Option<Vec<u8>>> {
        match what {
            Path::File { content, .. } => match &**content {
                Content::Text(text) => Ok(Some(text.clone().into_bytes())),
                Content::Source(file) => self
                    .sources
                    .read(&file.path)
                    .map(|bytes| Some(bytes.to_vec()))
                    .map_err(|error| NoAnswer::Failed(format!("`{}`: {error}", file.path))),
            },
            Path::Secret { .. } => unknown("a secret's content is not looked at".to_owned()),
            Path::Opaque { .. } => unknown("the edited file is no text".to_owned()),
            Path::Directory { .. } | Path::Link { .. } | Path::Removed => Ok(None),
        }
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
        let paths = self.0.paths.iter().map(|(path, _)| path);
        let names = paths.filter(|path| path.parent() == directory);
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
            None if self.bare && !OF_DEBIAN.contains(&name) => Ok(None),
            None => unknown(format!("a package may bring the user `{name}`")),
        }
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        self.check_overriding()?;
        match self.groups.get(name) {
            Some(found) => Ok(Some(found.what.clone())),
            None if self.closed.is_some() => self.facts.group(self, name),
            None if self.bare && !OF_DEBIAN.contains(&name) => {
                // An account without a group gets one of its own name.
                let own = self.users.get(name).filter(|user| user.what.group.is_none());
                Ok(own.map(|user| GroupRecord { gid: None, evidence: user.what.evidence.clone() }))
            }
            None => unknown(format!("a package may bring the group `{name}`")),
        }
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        self.check_overriding()?;
        let path = ImagePath::new(format!("/etc/systemd/system/{name}"));
        if let Some(declared) = path.and_then(|path| self.paths.get(&path))
            && let Path::Link { target } = &declared.what
        {
            // systemd.unit(5): that link is a mask. Another one is the unit of its target.
            return match *target {
                "/dev/null" => Ok(UnitState {
                    enabled: Some(false),
                    masked: Some(true),
                    evidence: Some(declared.evidence()),
                    ..UnitState::default()
                }),
                target => unknown(format!("the unit is a link to `{target}`")),
            };
        }
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

    fn kernel_module(&self, name: &str) -> Answer<ModuleState> {
        self.check_overriding()?;
        let ModuleState { exists: _, disabled, blacklisted } =
            self.facts.kernel_module(&DeclaredFiles(self), name)?;
        // The kernel's package brings modules, and what is not declared a package may say.
        let declared = |stated: Option<Stated>| stated.filter(|stated| stated.holds);
        Ok(ModuleState {
            exists: None,
            disabled: declared(disabled),
            blacklisted: declared(blacklisted),
        })
    }

    fn command(&self, _line: &str, _timeout: u32) -> Answer<CommandOutput> {
        unknown("nothing is built yet".to_owned())
    }

    fn provenance(&self, resource: &Resource, evidence: Option<&str>) -> Option<Provenance> {
        let made = match resource {
            Resource::File { path } => self.followed(path).or_else(|_| self.path(path)).ok()?.made,
            Resource::KernelParameter { .. }
            | Resource::KernelModule { .. }
            | Resource::SshdConfig { .. }
            | Resource::Mount { .. } => {
                let path = forge_judge::blamed_path(resource, evidence)?;
                self.path(path).ok()?.made
            }
            Resource::Package { name } => self.packages.get(name.as_str())?.made,
            Resource::User { name } => self.users.get(name.as_str())?.made,
            Resource::Group { name } => self.groups.get(name.as_str())?.made,
            Resource::Service { name } => {
                let service = || self.units.get(format!("{name}.service").as_str());
                self.units.get(name.as_str()).or_else(service)?.made
            }
            Resource::Port { .. }
            | Resource::Process { .. }
            | Resource::Filesystem { .. }
            | Resource::Command { .. } => return None,
        };
        Some(made.provenance())
    }
}

#[cfg(test)]
mod tests;
