//! Items in words, for people and programs that look at a resolved spec.

use forge_model::{Content, PinTo, SourceFile};

use crate::ItemKind;

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

impl ItemKind {
    /// The item in words, with every value put in.
    pub fn shown(&self) -> ShownItem {
        let (kind, subject, says) = match self {
            Self::File { .. }
            | Self::SecretFile { .. }
            | Self::Directory { .. }
            | Self::Link { .. }
            | Self::Remove { .. }
            | Self::Unpack { .. }
            | Self::Mount { .. } => path(self),
            Self::User { .. } | Self::Group { .. } => account(self),
            Self::Service { unit, enabled, masked } => {
                ("service", unit.clone(), state(*enabled, *masked))
            }
            Self::Unit { unit, content: text, enabled, masked } => {
                let mut says: Vec<_> = text.iter().map(content).collect();
                says.extend(state(*enabled, *masked));
                ("unit", unit.clone(), says)
            }
            Self::Run { name, script, inputs, fetched, environment, secrets } => {
                let inputs = inputs.iter().map(|(written, _)| written.clone());
                let mut says = vec![("script", source(script))];
                says.extend(inputs.map(|input| ("input", input)));
                says.extend(fetched.iter().map(|fetch| ("input", fetch.name.clone())));
                let variables = environment.iter();
                says.extend(variables.map(|(name, value)| ("env", format!("{name}={value}"))));
                says.extend(secrets.iter().map(|secret| ("secret", secret.name.clone())));
                ("run", name.clone(), says)
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
        ItemKind::Unpack { source, into, strip, owner, group, setuid } => {
            let mut says = vec![("into", into.to_string()), ("strip", strip.to_string())];
            says.extend(owned(None, owner, group));
            says.extend(setuid.then(|| ("setuid", "true".to_owned())));
            ("unpack", source.name.clone(), says)
        }
        ItemKind::Link { path, target } => {
            ("link", path.to_string(), vec![("target", target.clone())])
        }
        ItemKind::Mount { path, what, filesystem, options, automount } => {
            let mut says = vec![("what", what.clone()), ("type", filesystem.clone())];
            says.extend((!options.is_empty()).then(|| ("options", options.clone())));
            says.extend(automount.then(|| ("automount", "true".to_owned())));
            ("mount", path.to_string(), says)
        }
        ItemKind::Remove { pattern } => ("remove", pattern.clone(), Vec::new()),
        _ => ("", String::new(), Vec::new()),
    }
}

fn account(item: &ItemKind) -> Shown {
    let flags = |system: bool, early: bool| {
        let system = system.then(|| ("system", "true".to_owned()));
        system.into_iter().chain(early.then(|| ("before", "packages".to_owned())))
    };
    match item {
        ItemKind::User { name, uid, group, groups, home, shell, comment, system, early } => {
            let mut says: Vec<_> = uid.iter().map(|uid| ("uid", uid.to_string())).collect();
            says.extend(group.iter().map(|group| ("group", group.clone())));
            says.extend((!groups.is_empty()).then(|| ("groups", groups.join(","))));
            says.extend(home.iter().map(|home| ("home", home.clone())));
            says.extend(shell.iter().map(|shell| ("shell", shell.clone())));
            says.extend((!comment.is_empty()).then(|| ("comment", comment.clone())));
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
