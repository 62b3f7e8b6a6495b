//! Items of a part turned into the changes of its file layers, one phase each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forge_model::{Change, ChangeKind, Content, ImagePath, Origin, Shared};
use forge_spec::{
    DropIn, FileTree, Item, ItemKind, Made, MadeAs, Part, ResolvedImage, SystemFact, TreeNode,
    is_remote,
};

use crate::packaging;

/// The changes of all parts of an image.
#[derive(Debug)]
pub struct ImageChanges(pub(crate) Vec<PartChanges>);

impl ImageChanges {
    /// Those of an image.
    pub fn of(image: &ResolvedImage) -> Self {
        Self(PartChanges::of_all(&image.parts))
    }
}

/// The changes of one part, by the phase that makes them.
#[derive(Debug, Default)]
pub(crate) struct PartChanges {
    pub repositories: Vec<Shared<Change>>,
    pub early_accounts: Vec<Shared<Change>>,
    /// What stands before the part's packages; it is made again with the other files, so that what
    /// a package does to it does not stay.
    pub early_files: Vec<Shared<Change>>,
    pub accounts: Vec<Shared<Change>>,
    pub files: Vec<Shared<Change>>,
    pub units: Vec<Shared<Change>>,
    pub remove: Vec<Shared<Change>>,
    /// A `remove` of the part says `override=#true`.
    pub remove_overrides: bool,
}

impl PartChanges {
    /// Those of all parts of an image. What its parts say of kernel modules is taken together, and
    /// done where the last of them says it.
    fn of_all(parts: &[Part]) -> Vec<Self> {
        let mut all: Vec<_> = parts.iter().map(Self::of).collect();
        let (mut keeping, mut dropping, mut whole) = (BTreeSet::new(), BTreeSet::new(), true);
        let mut last = None;
        for (at, part) in parts.iter().enumerate() {
            for item in &part.items {
                if let ItemKind::KernelModules { keep, drop, firmware } = &item.kind {
                    keeping.extend(keep.iter().cloned());
                    dropping.extend(drop.iter().cloned());
                    whole &= *firmware;
                    last = Some((at, &item.origin));
                }
            }
        }
        if let Some((at, origin)) = last
            && let Some(changes) = all.get_mut(at)
        {
            let (keep, drop) = (keeping.into_iter().collect(), dropping.into_iter().collect());
            let what = ChangeKind::KernelModules { keep, drop, firmware: whole };
            changes.remove.push(change(origin, what));
        }
        all
    }

    fn of(part: &Part) -> Self {
        let mut changes = Self::default();
        for item in &part.items {
            changes.extend(item.beside.get_or_make(|| {
                let mut changes = Self::default();
                changes.add(item);
                changes
            }));
        }
        changes
    }

    fn extend(&mut self, other: &Self) {
        self.repositories.extend_from_slice(&other.repositories);
        self.early_accounts.extend_from_slice(&other.early_accounts);
        self.early_files.extend_from_slice(&other.early_files);
        self.accounts.extend_from_slice(&other.accounts);
        self.files.extend_from_slice(&other.files);
        self.units.extend_from_slice(&other.units);
        self.remove.extend_from_slice(&other.remove);
        self.remove_overrides |= other.remove_overrides;
    }

    /// Those of one item alone.
    pub(crate) fn of_item(item: &Item) -> Self {
        let mut changes = Self::default();
        changes.add(item);
        if let ItemKind::KernelModules { keep, drop, firmware } = &item.kind {
            let (keep, drop, firmware) = (keep.clone(), drop.clone(), *firmware);
            let what = ChangeKind::KernelModules { keep, drop, firmware };
            changes.remove.push(change(&item.origin, what));
        }
        changes
    }

    /// The phases in the order in which they are built, each with its name.
    pub(crate) fn phases(&self) -> [(&'static str, &[Shared<Change>]); 6] {
        [
            ("repositories", &self.repositories),
            ("early-accounts", &self.early_accounts),
            ("accounts", &self.accounts),
            ("files", &self.files),
            ("units", &self.units),
            ("remove", &self.remove),
        ]
    }

    fn add(&mut self, item: &Item) {
        let known = self.files.len();
        self.add_kind(item);
        if item.early {
            self.early_files.extend_from_slice(&self.files[known..]);
        }
    }

    fn add_kind(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::File { .. }
            | ItemKind::Directory { .. }
            | ItemKind::Link { .. }
            | ItemKind::Edit { .. } => self.add_file(item),
            ItemKind::Sudoers { .. } => {
                if let Some(kind) = item.kind.as_file() {
                    self.add_file(&Item { kind, ..item.clone() });
                }
            }
            ItemKind::Tree(tree) => self.files.extend(tree_changes(&item.origin, tree)),
            ItemKind::User { .. } | ItemKind::Group { .. } => self.add_account(item),
            ItemKind::Sysctl { .. } | ItemKind::Mount { .. } => self.add_setting(item),
            ItemKind::System(fact) => {
                self.files.extend(system_changes(&item.origin, fact));
                self.units.extend(fact.enabled().map(|(unit, _)| {
                    change(&item.origin, ChangeKind::Enable { unit: unit.to_owned() })
                }));
            }
            ItemKind::Remove { pattern } => {
                let what = ChangeKind::Remove { pattern: pattern.clone() };
                self.remove.push(change(&item.origin, what));
                self.remove_overrides |= item.overrides;
            }
            ItemKind::Service { unit, enabled, masked } => {
                self.units.extend(unit_state(&item.origin, unit, *enabled, *masked));
            }
            ItemKind::Unit { unit, content, drop_ins, enabled, masked } => {
                if let Some(content) = content {
                    let what = root_file(unit_path(unit), content.clone());
                    // Enabling reads it, and reads what lower layers hold.
                    self.files.push(change(&item.origin, what));
                }
                for DropIn { name, content } in drop_ins {
                    let path = unit_path(&format!("{unit}.d/{name}"));
                    self.files.push(change(&item.origin, root_file(path, content.clone())));
                }
                self.units.extend(unit_state(&item.origin, unit, *enabled, *masked));
            }
            ItemKind::Repository { .. } | ItemKind::Pin { .. } | ItemKind::ExcludePaths { .. } => {
                self.repositories.extend(packaging::changes(item));
            }
            // Steps and secrets are nodes of their own; holds and answers go to the package step.
            ItemKind::Run { .. }
            | ItemKind::KernelModules { .. }
            | ItemKind::SecretFile { .. }
            | ItemKind::Unpack { .. }
            | ItemKind::Hold { .. }
            | ItemKind::Preseed { .. } => {}
        }
    }

    fn add_file(&mut self, item: &Item) {
        let what = match item.kind.clone() {
            ItemKind::File { path, content, mode, owner, group } => {
                ChangeKind::File { path, content, mode, owner, group }
            }
            ItemKind::Directory { path, mode, owner, group } => {
                ChangeKind::Directory { path, mode, owner, group, keep: false }
            }
            ItemKind::Link { path, target } => ChangeKind::Link { path, target },
            ItemKind::Edit { path, edit, create } => ChangeKind::Edit { path, edit, create },
            _ => return,
        };
        self.files.push(change(&item.origin, what));
    }

    fn add_account(&mut self, item: &Item) {
        let (what, early) = match item.kind.clone() {
            ItemKind::Group { name, gid, system, early } => {
                (ChangeKind::Group { name, gid, system }, early)
            }
            ItemKind::User { user, early } => (ChangeKind::User(user), early),
            _ => return,
        };
        let list = if early { &mut self.early_accounts } else { &mut self.accounts };
        list.push(change(&item.origin, what));
    }

    fn add_setting(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Sysctl { name, value } => {
                let path =
                    literal_path(&format!("etc/sysctl.d/80-{}.conf", name.replace('/', ".")));
                let text = Content::Text(format!("{name} = {value}\n"));
                self.files.push(change(&item.origin, root_file(path, text)));
            }
            ItemKind::Mount { path, what, filesystem, options, automount, fstab: _ } => {
                let directory = ChangeKind::Directory {
                    path: path.clone(),
                    mode: 0o755,
                    owner: "root".to_owned(),
                    group: "root".to_owned(),
                    // What is mounted covers it; one that is declared or was brought is as good.
                    keep: true,
                };
                self.files.push(change(&item.origin, directory));
                if let Some((path, edit)) = item.kind.as_edit() {
                    let what = ChangeKind::Edit { path, edit, create: true };
                    self.files.push(change(&item.origin, what));
                    return;
                }
                let unit = MountUnit { path, what, filesystem, options, automount: *automount };
                let (enable, files) = mount_units(&item.origin, &unit)
                    .into_iter()
                    .partition(|change| matches!(change.what, ChangeKind::Enable { .. }));
                self.files.extend::<Vec<_>>(files);
                self.units.extend::<Vec<_>>(enable);
            }
            _ => {}
        }
    }
}

/// A copied directory: itself, then what is in it, each after the directory that holds it.
fn tree_changes<'a>(
    origin: &'a Origin,
    tree: &'a FileTree,
) -> impl Iterator<Item = Shared<Change>> + 'a {
    let directory = |path: &ImagePath, mode: u32, keep: bool| {
        let (path, owner, group) = (path.clone(), tree.owner.clone(), tree.group.clone());
        ChangeKind::Directory { path, mode, owner, group, keep }
    };
    let below = tree.nodes.iter().map(move |(path, node)| match node {
        TreeNode::Directory => {
            directory(path, tree.dir_mode.unwrap_or(0o755), tree.dir_mode.is_none())
        }
        TreeNode::File { file, mode } => ChangeKind::File {
            path: path.clone(),
            content: Content::Source(file.clone()),
            mode: *mode,
            owner: tree.owner.clone(),
            group: tree.group.clone(),
        },
        TreeNode::Link { target } => {
            ChangeKind::Link { path: path.clone(), target: target.clone() }
        }
    });
    let own = directory(&tree.path, tree.mode, false);
    std::iter::once(own).chain(below).map(|what| change(origin, what))
}

/// The files of an image that hold secrets, by path: the last word on each path counts, and a file
/// without a secret may have it.
pub(crate) fn delivered(image: &ResolvedImage) -> impl Iterator<Item = &Item> {
    let mut files: BTreeMap<ImagePath, &Item> = BTreeMap::new();
    let holds = |item: &&Arc<Item>| matches!(item.kind, ItemKind::SecretFile { .. });
    let mut items = image.parts.iter().flat_map(|part| &part.items);
    if !items.any(|item| holds(&item)) {
        return files.into_values();
    }
    for item in image.parts.iter().flat_map(|part| &part.items) {
        match &item.kind {
            ItemKind::SecretFile { path, .. } => drop(files.insert(path.clone(), item)),
            ItemKind::File { path, .. } | ItemKind::Link { path, .. } => drop(files.remove(path)),
            ItemKind::System(fact) => {
                for Made { path, .. } in fact.made() {
                    files.remove(&path);
                }
            }
            _ => {}
        }
    }
    files.into_values()
}

pub(crate) fn change(origin: &Origin, what: ChangeKind) -> Shared<Change> {
    Change::at(origin, what)
}

pub(crate) fn root_file(path: ImagePath, content: Content) -> ChangeKind {
    let (owner, group) = ("root".to_owned(), "root".to_owned());
    ChangeKind::File { path, content, mode: 0o644, owner, group }
}

/// What a fact of the system stands for.
fn system_changes(origin: &Origin, fact: &SystemFact) -> Vec<Shared<Change>> {
    let made = fact.made().into_iter().map(|Made { path, what }| match what {
        MadeAs::File { text, mode } => {
            let (owner, group) = ("root".to_owned(), "root".to_owned());
            ChangeKind::File { path, content: Content::Text(text), mode, owner, group }
        }
        MadeAs::Link(target) => ChangeKind::Link { path, target },
    });
    made.map(|what| change(origin, what)).collect()
}

/// A path made of parts that cannot leave the image.
pub(crate) fn literal_path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap_or(ImagePath::ROOT)
}

/// Where a site's own units live (systemd.unit(5): the first directory of the search path).
pub(crate) fn unit_path(unit: &str) -> ImagePath {
    literal_path(&format!("etc/systemd/system/{unit}"))
}

fn unit_state(
    origin: &Origin,
    unit: &str,
    enabled: Option<bool>,
    masked: bool,
) -> Vec<Shared<Change>> {
    let unit = unit.to_owned();
    let what = match (masked, enabled) {
        (true, _) => ChangeKind::Mask { unit },
        (false, Some(true)) => ChangeKind::Enable { unit },
        (false, Some(false)) => ChangeKind::Disable { unit },
        (false, None) => return Vec::new(),
    };
    vec![change(origin, what)]
}

struct MountUnit<'a> {
    path: &'a ImagePath,
    what: &'a str,
    filesystem: &'a str,
    options: &'a str,
    automount: bool,
}

/// A mount as units (systemd.mount(5), systemd.automount(5)), so that no line of `/etc/fstab` has
/// to be edited and two roles cannot overwrite each other's.
fn mount_units(origin: &Origin, mount: &MountUnit<'_>) -> Vec<Shared<Change>> {
    let place = mount.path.to_string();
    let name = forge_model::unit_name_for_path(mount.path, ".mount");
    let mut text = format!("[Unit]\nDescription=Mount of {place}\n");
    if is_remote(mount.filesystem) {
        text.push_str("Wants=network-online.target\nAfter=network-online.target\n");
    }
    text += &format!(
        "\n[Mount]\nWhat={}\nWhere={place}\nType={}\n",
        escape_specifiers(mount.what),
        mount.filesystem
    );
    if !mount.options.is_empty() {
        text.push_str(&format!("Options={}\n", escape_specifiers(mount.options)));
    }
    let target = if is_remote(mount.filesystem) { "remote-fs.target" } else { "local-fs.target" };
    if !mount.automount {
        text.push_str(&format!("\n[Install]\nWantedBy={target}\n"));
    }
    let mut changes = vec![change(origin, root_file(unit_path(&name), Content::Text(text)))];
    let enabled = if mount.automount {
        let name = forge_model::unit_name_for_path(mount.path, ".automount");
        let text = format!(
            "[Unit]\nDescription=Automount of {place}\n\n[Automount]\nWhere={place}\n\n\
             [Install]\nWantedBy={target}\n"
        );
        changes.push(change(origin, root_file(unit_path(&name), Content::Text(text))));
        name
    } else {
        name
    };
    changes.push(change(origin, ChangeKind::Enable { unit: enabled }));
    changes
}

/// `%` begins a specifier in a unit file (systemd.unit(5)).
fn escape_specifiers(text: &str) -> String {
    text.replace('%', "%%")
}
