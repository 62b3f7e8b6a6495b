//! Items of a part turned into the changes of its file layers, one phase each.

use forge_model::{Change, ChangeKind, Content, ImagePath, Origin};
use forge_spec::{Item, ItemKind, Part};

use crate::packaging;

/// The changes of one part, by the phase that makes them.
#[derive(Debug, Default)]
pub(crate) struct PartChanges {
    pub repositories: Vec<Change>,
    pub early_accounts: Vec<Change>,
    pub accounts: Vec<Change>,
    pub files: Vec<Change>,
    pub units: Vec<Change>,
    pub remove: Vec<Change>,
    /// A `remove` of the part says `override=#true`.
    pub remove_overrides: bool,
}

impl PartChanges {
    pub(crate) fn of(part: &Part) -> Self {
        let mut changes = Self::default();
        for item in &part.items {
            changes.add(item);
        }
        changes
    }

    fn add(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::File { .. } | ItemKind::Directory { .. } | ItemKind::Link { .. } => {
                self.add_file(item);
            }
            ItemKind::User { .. } | ItemKind::Group { .. } => self.add_account(item),
            ItemKind::Sysctl { .. } | ItemKind::Mount { .. } => self.add_setting(item),
            ItemKind::Remove { pattern } => {
                let what = ChangeKind::Remove { pattern: pattern.clone() };
                self.remove.push(change(&item.origin, what));
                self.remove_overrides |= item.overrides;
            }
            ItemKind::Service { unit, enabled, masked } => {
                self.units.extend(unit_state(&item.origin, unit, *enabled, *masked));
            }
            ItemKind::Unit { unit, content, enabled, masked } => {
                if let Some(content) = content {
                    let what = root_file(unit_path(unit), content.clone());
                    // Enabling reads it, and reads what lower layers hold.
                    self.files.push(change(&item.origin, what));
                }
                self.units.extend(unit_state(&item.origin, unit, *enabled, *masked));
            }
            ItemKind::Repository { .. } | ItemKind::Pin { .. } | ItemKind::ExcludePaths { .. } => {
                self.repositories.extend(packaging::changes(item));
            }
            // Steps and secrets are nodes of their own; holds and answers go to the package step.
            ItemKind::Run { .. }
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
                ChangeKind::Directory { path, mode, owner, group }
            }
            ItemKind::Link { path, target } => ChangeKind::Link { path, target },
            _ => return,
        };
        self.files.push(change(&item.origin, what));
    }

    fn add_account(&mut self, item: &Item) {
        let (what, early) = match item.kind.clone() {
            ItemKind::Group { name, gid, system, early } => {
                (ChangeKind::Group { name, gid, system }, early)
            }
            ItemKind::User { name, uid, group, groups, home, shell, comment, system, early } => {
                (ChangeKind::User { name, uid, group, groups, home, shell, comment, system }, early)
            }
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
            ItemKind::Mount { path, what, filesystem, options, automount } => {
                let directory = ChangeKind::Directory {
                    path: path.clone(),
                    mode: 0o755,
                    owner: "root".to_owned(),
                    group: "root".to_owned(),
                };
                self.files.push(change(&item.origin, directory));
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

pub(crate) fn change(origin: &Origin, what: ChangeKind) -> Change {
    Change { origin: origin.clone(), what }
}

pub(crate) fn root_file(path: ImagePath, content: Content) -> ChangeKind {
    let (owner, group) = ("root".to_owned(), "root".to_owned());
    ChangeKind::File { path, content, mode: 0o644, owner, group }
}

/// A path made of parts that cannot leave the image.
pub(crate) fn literal_path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap_or(ImagePath::ROOT)
}

/// Where a site's own units live (systemd.unit(5): the first directory of the search path).
pub(crate) fn unit_path(unit: &str) -> ImagePath {
    literal_path(&format!("etc/systemd/system/{unit}"))
}

fn unit_state(origin: &Origin, unit: &str, enabled: Option<bool>, masked: bool) -> Vec<Change> {
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
fn mount_units(origin: &Origin, mount: &MountUnit<'_>) -> Vec<Change> {
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

fn is_remote(filesystem: &str) -> bool {
    matches!(filesystem, "nfs" | "nfs4" | "cifs" | "ceph" | "lustre" | "beegfs" | "glusterfs")
}

/// `%` begins a specifier in a unit file (systemd.unit(5)).
fn escape_specifiers(text: &str) -> String {
    text.replace('%', "%%")
}
