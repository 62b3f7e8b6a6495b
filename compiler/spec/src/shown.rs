//! Items in words, for people and programs that look at a resolved spec.

use forge_model::{Content, Edit, ImagePath, PinTo, SourceFile, User};

use crate::{Item, ItemKind, TreeNode};

/// An item in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownItem {
    /// The node's name: `file`.
    pub kind: &'static str,
    /// What it is about: a path, a name.
    pub subject: String,
    /// What it says, by the properties of the node; what it leaves open is left out.
    pub says: Vec<(&'static str, String)>,
}

impl Item {
    /// The item in words, with every value put in.
    pub fn shown(&self) -> ShownItem {
        let mut shown = self.kind.shown();
        shown.says.extend(self.early.then(|| ("before", "packages".to_owned())));
        shown
    }
}

impl ItemKind {
    /// The item in words, but for where it stands.
    fn shown(&self) -> ShownItem {
        let (kind, subject, says) = match self {
            Self::File { .. }
            | Self::SecretFile { .. }
            | Self::Directory { .. }
            | Self::Tree(_)
            | Self::Link { .. }
            | Self::Remove { .. }
            | Self::Unpack { .. }
            | Self::Mount { .. } => path(self),
            Self::Edit { path, edit, create: _ } => edited(path, edit),
            Self::Sudoers { name, rules } => {
                ("sudoers", name.clone(), rules.iter().map(|rule| ("rule", rule.clone())).collect())
            }
            Self::User { .. } | Self::Group { .. } => account(self),
            Self::Service { unit, enabled, masked } => {
                ("service", unit.clone(), state(*enabled, *masked))
            }
            Self::Unit { unit, content: text, drop_ins, enabled, masked } => {
                let mut says: Vec<_> = text.iter().map(content).collect();
                says.extend(drop_ins.iter().map(|drop_in| {
                    let (as_what, text) = content(&drop_in.content);
                    ("drop-in", format!("{} {as_what} {text}", drop_in.name))
                }));
                says.extend(state(*enabled, *masked));
                ("unit", unit.clone(), says)
            }
            Self::Run { name, script, inputs, fetched, environment, secrets, place } => {
                let inputs = inputs.iter().map(|(written, _)| written.clone());
                let mut says = vec![("script", source(script))];
                says.extend(inputs.map(|input| ("input", input)));
                says.extend(fetched.iter().map(|fetch| ("input", fetch.name.clone())));
                let variables = environment.iter();
                says.extend(variables.map(|(name, value)| ("env", format!("{name}={value}"))));
                says.extend(secrets.iter().map(|secret| ("secret", secret.name.clone())));
                says.extend(place.shown());
                ("run", name.clone(), says)
            }
            Self::System(fact) => fact.shown(),
            Self::KernelModules { keep, drop, firmware } => {
                let of = |name, all: &[String]| (!all.is_empty()).then(|| (name, all.join(" ")));
                let firmware = (!firmware).then(|| ("firmware", "false".to_owned()));
                let says = of("keep", keep).into_iter().chain(of("drop", drop)).chain(firmware);
                ("kernel-modules", String::new(), says.collect())
            }
            Self::Sysctl { name, value } => {
                ("sysctl", name.clone(), vec![("value", value.clone())])
            }
            Self::Repository { .. }
            | Self::Pin { .. }
            | Self::Hold { .. }
            | Self::Preseed { .. }
            | Self::ExcludePaths { .. } => packaging(self),
        };
        ShownItem { kind, subject, says }
    }
}

type Shown = (&'static str, String, Vec<(&'static str, String)>);

fn path(item: &ItemKind) -> Shown {
    let owned = |mode: Option<&u32>, owner: &str, group: &str| {
        let mode = mode.map(|mode| ("mode", format!("{mode:04o}")));
        let names = [("owner", owner.to_owned()), ("group", group.to_owned())];
        mode.into_iter().chain(names).collect::<Vec<_>>()
    };
    match item {
        ItemKind::File { path, content: bytes, mode, owner, group } => {
            let mut says = vec![content(bytes)];
            says.extend(owned(Some(mode), owner, group));
            ("file", path.to_string(), says)
        }
        ItemKind::SecretFile { path, secret, mode, owner, group } => {
            let mut says = vec![("secret", secret.name.clone())];
            says.extend(owned(Some(mode), owner, group));
            ("file", path.to_string(), says)
        }
        ItemKind::Directory { path, mode, owner, group } => {
            ("directory", path.to_string(), owned(Some(mode), owner, group))
        }
        ItemKind::Tree(tree) => {
            let files = tree.nodes.values().filter(|node| !matches!(node, TreeNode::Directory));
            let said = format!("{}, {} files", tree.source, files.count());
            let mut says = vec![("source", said)];
            says.extend(owned(Some(&tree.mode), &tree.owner, &tree.group));
            says.extend(tree.dir_mode.map(|mode| ("dir-mode", format!("{mode:04o}"))));
            ("directory", tree.path.to_string(), says)
        }
        ItemKind::Unpack { source, into, strip, owner, group, setuid } => {
            let mut says = vec![("into", into.to_string()), ("strip", strip.to_string())];
            says.extend(owned(None, owner, group));
            says.extend(setuid.then(|| ("setuid", "true".to_owned())));
            ("unpack", source.name.clone(), says)
        }
        ItemKind::Link { path, target } => {
            ("link", path.to_string(), vec![("target", target.clone())])
        }
        ItemKind::Mount { path, what, filesystem, options, automount, fstab } => {
            let mut says = vec![("what", what.clone()), ("type", filesystem.clone())];
            says.extend((!options.is_empty()).then(|| ("options", options.clone())));
            says.extend(automount.then(|| ("automount", "true".to_owned())));
            says.extend(fstab.then(|| ("as", "fstab".to_owned())));
            ("mount", path.to_string(), says)
        }
        ItemKind::Remove { pattern } => ("remove", pattern.clone(), Vec::new()),
        _ => ("", String::new(), Vec::new()),
    }
}

fn edited(path: &ImagePath, edit: &Edit) -> Shown {
    let path = path.to_string();
    match edit {
        Edit::Line { pattern, text, append } => {
            let mut says: Vec<_> = pattern.iter().map(|one| ("match", one.clone())).collect();
            says.extend(append.then(|| ("append", "true".to_owned())));
            says.push(("text", text.clone()));
            ("line", path, says)
        }
        Edit::Setting { section, key, separator, value } => {
            let mut says: Vec<_> = section.iter().map(|one| ("section", one.clone())).collect();
            says.push(("key", key.clone()));
            says.extend((separator != "=").then(|| ("sep", separator.clone())));
            says.push(("value", value.clone()));
            ("setting", path, says)
        }
    }
}

fn account(item: &ItemKind) -> Shown {
    let flags = |system: bool, early: bool| {
        let system = system.then(|| ("system", "true".to_owned()));
        system.into_iter().chain(early.then(|| ("before", "packages".to_owned())))
    };
    match item {
        ItemKind::User { user, early } => {
            let User { name, uid, group, groups, home, shell, comment, system, password, keys } =
                user;
            let mut says: Vec<_> = uid.iter().map(|uid| ("uid", uid.to_string())).collect();
            says.extend(group.iter().map(|group| ("group", group.clone())));
            says.extend((!groups.is_empty()).then(|| ("groups", groups.join(","))));
            says.extend(home.iter().map(|home| ("home", home.clone())));
            says.extend(shell.iter().map(|shell| ("shell", shell.clone())));
            says.extend((!comment.is_empty()).then(|| ("comment", comment.clone())));
            // A hash is nothing to show around.
            says.extend(password.iter().map(|hash| ("password-hash", hash_kind(hash))));
            says.extend(keys.iter().map(|key| ("authorized-key", key.clone())));
            says.extend(flags(*system, *early));
            ("user", name.clone(), says)
        }
        ItemKind::Group { name, gid, system, early } => {
            let mut says: Vec<_> = gid.iter().map(|gid| ("gid", gid.to_string())).collect();
            says.extend(flags(*system, *early));
            ("group", name.clone(), says)
        }
        _ => ("", String::new(), Vec::new()),
    }
}

/// The method of a hash, `$6$…`.
fn hash_kind(hash: &str) -> String {
    let method = hash.get(1..).and_then(|rest| rest.split('$').next()).unwrap_or_default();
    format!("${method}$…")
}

fn packaging(item: &ItemKind) -> Shown {
    match item {
        ItemKind::Repository { name, url, suites, components, key, login } => {
            let mut says = vec![("url", url.clone()), ("suites", suites.join(" "))];
            says.extend((!components.is_empty()).then(|| ("components", components.join(" "))));
            says.extend(key.iter().map(|key| ("key", source(key))));
            says.extend(login.iter().map(|login| ("login", login.name.clone())));
            ("repository", name.clone(), says)
        }
        ItemKind::Pin { package, to, priority } => {
            let to = match to {
                PinTo::Version(version) => ("version", version.clone()),
                PinTo::Release(release) => ("release", release.clone()),
            };
            ("pin", package.clone(), vec![to, ("priority", priority.to_string())])
        }
        ItemKind::Hold { packages } => ("hold", packages.join(" "), Vec::new()),
        ItemKind::Preseed { owner, question, kind, value } => (
            "preseed",
            format!("{owner} {question}"),
            vec![("type", kind.clone()), ("value", value.clone())],
        ),
        ItemKind::ExcludePaths { patterns } => ("exclude-paths", patterns.join(" "), Vec::new()),
        _ => ("", String::new(), Vec::new()),
    }
}

fn state(enabled: Option<bool>, masked: bool) -> Vec<(&'static str, String)> {
    let enabled = enabled.map(|enabled| ("enabled", enabled.to_string()));
    enabled.into_iter().chain(masked.then(|| ("masked", "true".to_owned()))).collect()
}

/// A file of the project by its path, a text by its digest: the bytes are for `cat`.
fn content(content: &Content) -> (&'static str, String) {
    match content {
        Content::Text(text) => {
            ("content", format!("{} bytes, {}", text.len(), content.digest().short()))
        }
        Content::Source(file) => ("source", source(file)),
    }
}

fn source(file: &SourceFile) -> String {
    format!("{}, {}", file.path, file.digest.short())
}
