//! What the items of an image do with one path, in the order in which it is built.

use forge_model::{Change, ChangeKind, ImagePath, Origin, Shared, User, names_module};
use forge_spec::{Item, ItemKind, ResolvedImage};

use super::{Presence, Reason, quoted, removes};
use crate::items::{ImageChanges, PartChanges, delivered};

/// What is done with the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It is put there: what it is then.
    Made(String),
    /// It is edited, and made where nothing has it.
    Edited { creates: bool },
    /// This path below it is put there, so it is a directory.
    Below(ImagePath),
    /// It is taken away, by this node.
    Removed(String),
    /// It may be put there: how.
    May(String),
    /// A directory on the way to it is a link to this.
    Link(String),
}

/// One item's doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) what: What,
    /// The part's name.
    pub(super) part: String,
    pub(super) origin: Origin,
}

impl Event {
    /// In words, as seen from the one that decides.
    pub(super) fn reason(&self, last: Option<&Self>, presence: Presence) -> Reason {
        let decides = last.is_none_or(|last| std::ptr::eq(last, self));
        let part = &self.part;
        let (kind, words) = match &self.what {
            What::Made(what) if decides => ("declared", format!("{what}, declared in `{part}`")),
            What::Made(what) if presence == Presence::Absent => {
                ("declared", format!("before that declared in `{part}`: {what}"))
            }
            What::Made(what) => match last.map(|last| &last.what) {
                Some(What::Made(other)) if other == what => {
                    ("declared", format!("declared in `{part}` too"))
                }
                _ => ("overridden", format!("what `{part}` says is overridden: {what}")),
            },
            What::Edited { creates: true } => ("edited", format!("edited, or made, in `{part}`")),
            What::Edited { creates: false } => {
                ("edited", format!("edited in `{part}`: something else has to bring it"))
            }
            What::Below(below) => {
                ("declared", format!("a directory on the way to `{below}` of `{part}`"))
            }
            What::Removed(node) if decides => {
                ("removed", format!("`{part}` takes it away: {node}"))
            }
            What::Removed(node) => {
                ("removed", format!("`{part}` takes away what was there before: {node}"))
            }
            What::May(how) => ("may", how.clone()),
            What::Link(target) => {
                ("link", format!("a directory on the way is a link to `{target}`: ask for that"))
            }
        };
        Reason { kind, words, origins: vec![self.origin.clone()] }
    }
}

/// All that the items of an image do with a path, in the order in which it is done.
pub(super) fn events(path: &ImagePath, image: &ResolvedImage) -> Vec<Event> {
    let changes = ImageChanges::of(image);
    let names = image.parts.iter().map(|part| part.name.as_str());
    let parts: Vec<_> = names.zip(&changes.0).collect();
    let mut found = Vec::new();
    let mut add = |part: &str, origin: &Origin, what: What| {
        found.push(Event { what, part: part.to_owned(), origin: origin.clone() });
    };
    // Accounts come before files, archives between them, scripts before removals, secrets last.
    for phase in 0..6 {
        if phase == 3 {
            for (part, item) in items(image) {
                if let ItemKind::Unpack { source, into, .. } = &item.kind
                    && path.starts_with(into)
                {
                    let how = format!("`{part}` unpacks `{}` into `{into}`", source.name);
                    add(part, &item.origin, What::May(how));
                }
            }
        }
        for (part, changes) in &parts {
            let (_, changes) = changes.phases()[phase];
            for change in changes {
                if let Some(what) = what(&change.what, path) {
                    add(part, &change.origin, what);
                }
            }
        }
    }
    for item in delivered(image) {
        if let Some(what) = secret(&item.kind, path) {
            add("secrets", &item.origin, what);
        }
    }
    found
}

fn items(image: &ResolvedImage) -> impl Iterator<Item = (&str, &Item)> {
    image.parts.iter().flat_map(|part| part.items.iter().map(|item| (part.name.as_str(), &**item)))
}

/// Whether an item that an image does not get would put the path there.
pub(super) fn would(item: &Item, path: &ImagePath) -> bool {
    let changes = PartChanges::of_item(item);
    let changes = changes.phases().into_iter().flat_map(|(_, changes)| changes);
    let puts = |what: &What| match what {
        What::Made(_) | What::Edited { .. } | What::Below(_) | What::May(_) => true,
        What::Removed(_) | What::Link(_) => false,
    };
    let made = changes.filter_map(|change| what(&change.what, path)).any(|what| puts(&what));
    let unpacked = match &item.kind {
        ItemKind::Unpack { into, .. } => path.starts_with(into),
        kind => secret(kind, path).is_some(),
    };
    made || unpacked
}

/// The paths that an item declares.
pub(super) fn declared(item: &Item) -> Vec<ImagePath> {
    let changes = PartChanges::of_item(item);
    let changes: Vec<&Shared<Change>> =
        changes.phases().into_iter().flat_map(|(_, changes)| changes).collect();
    let paths = changes.into_iter().filter_map(|change| change.what.path().cloned());
    let secret = match &item.kind {
        ItemKind::SecretFile { path, .. } => Some(path.clone()),
        _ => None,
    };
    paths.chain(secret).collect()
}

fn secret(kind: &ItemKind, path: &ImagePath) -> Option<What> {
    let ItemKind::SecretFile { path: at, secret, mode, owner, group } = kind else { return None };
    if at == path {
        let name = &secret.name;
        return Some(What::Made(format!("file {mode:04o} {owner}:{group} of the secret `{name}`")));
    }
    at.starts_with(path).then(|| What::Below(at.clone()))
}

/// What a change does with a path; nothing for most.
fn what(change: &ChangeKind, path: &ImagePath) -> Option<What> {
    let at = |made: &ImagePath, what: &dyn Fn() -> What| {
        if made == path {
            Some(what())
        } else {
            made.starts_with(path).then(|| What::Below(made.clone()))
        }
    };
    match change {
        ChangeKind::File { path: made, mode, owner, group, content } => at(made, &|| {
            let (size, digest) = (content.size(), content.digest().short());
            What::Made(format!("file {mode:04o} {owner}:{group}, {size} bytes, {digest}"))
        }),
        ChangeKind::Directory { path: made, mode, owner, group, keep: _ } => {
            at(made, &|| What::Made(format!("directory {mode:04o} {owner}:{group}")))
        }
        ChangeKind::Link { path: made, target } if path != made && path.starts_with(made) => {
            Some(What::Link(target.clone()))
        }
        ChangeKind::Link { path: made, target } => {
            at(made, &|| What::Made(format!("link to {target}")))
        }
        ChangeKind::Edit { path: edited, edit: _, create } => {
            (edited == path).then_some(What::Edited { creates: *create })
        }
        ChangeKind::Remove { pattern } => {
            removes(pattern, path).then(|| What::Removed(format!("`remove {}`", quoted(pattern))))
        }
        ChangeKind::KernelModules { keep, drop, firmware } => {
            pruned(keep, drop, *firmware, path).map(What::Removed)
        }
        ChangeKind::Mask { unit } => {
            let masked = crate::items::unit_path(unit);
            at(&masked, &|| What::Made("link to /dev/null: the unit is masked".to_owned()))
        }
        ChangeKind::Enable { unit } => enabled(unit, path),
        ChangeKind::User(User { name, home, system, keys, .. }) => {
            home_of((name, *system), home.as_deref(), keys, path)
        }
        ChangeKind::Group { .. } | ChangeKind::Disable { .. } => None,
    }
}

/// Enabling makes the links that the unit's `[Install]` asks for.
fn enabled(unit: &str, path: &ImagePath) -> Option<What> {
    let directory = path.parent()?.to_string();
    let wants = [".wants", ".requires", ".upholds"].iter().any(|end| directory.ends_with(end));
    let below = directory.starts_with("/etc/systemd/system/");
    (below && wants && path.file_name() == unit.as_bytes())
        .then(|| What::May(format!("enabling `{unit}` makes the links that its `[Install]` names")))
}

fn home_of(
    (name, system): (&str, bool),
    home: Option<&str>,
    keys: &[String],
    path: &ImagePath,
) -> Option<What> {
    let home = ImagePath::new(home.map_or_else(|| format!("/home/{name}"), str::to_owned))?;
    let file = forge_spec::keys_file(name, Some(&home.to_string())).filter(|_| !keys.is_empty());
    if let Some(file) = file.filter(|file| file.starts_with(path) && path.starts_with(&home)) {
        return Some(if file == *path {
            What::Made(format!("the keys of `{name}`"))
        } else {
            What::Below(file)
        });
    }
    let words = || format!("the home of `{name}`, with what `/etc/skel` has");
    (!system && path.starts_with(&home)).then(|| What::May(words()))
}

/// What `kernel-modules` says of a module, or of firmware; in words.
fn pruned(keep: &[String], drop: &[String], firmware: bool, path: &ImagePath) -> Option<String> {
    let text = path.to_string();
    let text = text.strip_prefix("/usr").unwrap_or(&text);
    if text == "/lib/firmware" || text.starts_with("/lib/firmware/") {
        return (!firmware).then(|| "`kernel-modules firmware=#false`".to_owned());
    }
    let (_, inside) = text.strip_prefix("/lib/modules/")?.split_once('/')?;
    if !inside.rsplit('/').next().is_some_and(|name| name.contains(".ko")) {
        return None;
    }
    let unless = "unless a module that stays needs it";
    if let Some(pattern) = drop.iter().find(|pattern| names_module(pattern, inside)) {
        return Some(format!("`kernel-modules` drops {}, {unless}", quoted(pattern)));
    }
    let kept = keep.is_empty() || keep.iter().any(|pattern| names_module(pattern, inside));
    (!kept).then(|| format!("`kernel-modules` keeps others, {unless}"))
}
