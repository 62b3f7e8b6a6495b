//! Where packages come from and which of them are preferred: what resolving sees, and the files
//! that say the same to apt and dpkg of the image.

use forge_model::{
    Change, ChangeKind, Content, Located, Origin, Pin, PinTo, Preseed, Repository, Shared,
    SourceFile,
};
use forge_spec::{Item, ItemKind, Part};

use crate::items::{change, literal_path, root_file};

/// What the parts up to one say; it counts for the packages of that part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packaging {
    pub repositories: Vec<Repository>,
    pub pins: Vec<Pin>,
    pub holds: Vec<Located<String>>,
}

/// What a part says for its own package step alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub answers: Vec<Preseed>,
    pub holds: Vec<Located<String>>,
}

impl Settings {
    /// The first place of them; none when there is nothing to set.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        let answer = self.answers.first().map(|answer| &answer.origin);
        answer.or_else(|| self.holds.first().map(|held| &held.origin))
    }
}

impl Packaging {
    /// Adds what a part says. A later declaration of the same thing replaces an earlier one.
    pub(crate) fn add(&mut self, part: &Part) -> Settings {
        let mut settings = Settings { answers: fact_answers(part), ..Settings::default() };
        for item in part.items.iter().filter(|item| is_packaging(&item.kind)) {
            let origin = item.origin.clone();
            match item.kind.clone() {
                ItemKind::Repository { name, url, suites, components, key, login } => {
                    self.repositories.retain(|known| known.name != name);
                    self.repositories.push(Repository {
                        name,
                        url,
                        suites,
                        components,
                        key,
                        login,
                        origin,
                    });
                }
                ItemKind::Pin { package, to, priority } => {
                    self.pins.retain(|known| known.package != package || known.to != to);
                    self.pins.push(Pin { package, to, priority, origin });
                }
                ItemKind::Hold { packages } => {
                    let held = packages.into_iter().map(|name| Located::new(name, origin.clone()));
                    settings.holds.extend(held);
                }
                ItemKind::Preseed { owner, question, kind, value } => {
                    settings.answers.retain(|known| known.question != question);
                    settings.answers.push(Preseed { owner, question, kind, value, origin });
                }
                _ => {}
            }
        }
        self.holds.extend(settings.holds.iter().cloned());
        settings
    }
}

fn is_packaging(kind: &ItemKind) -> bool {
    matches!(
        kind,
        ItemKind::Repository { .. }
            | ItemKind::Pin { .. }
            | ItemKind::Hold { .. }
            | ItemKind::Preseed { .. }
    )
}

/// What facts of the system answer to packages of the same part.
fn fact_answers(part: &Part) -> Vec<Preseed> {
    let names = || part.packages.iter().flat_map(|node| &node.names);
    let answers = part.items.iter().flat_map(|item| match &item.kind {
        ItemKind::System(fact) => {
            names().flat_map(|name| fact.answers(&name.value, &item.origin)).collect()
        }
        _ => Vec::new(),
    });
    answers.collect()
}

/// The files that an item stands for in the image.
pub(crate) fn changes(item: &Item) -> Vec<Shared<Change>> {
    let files = match &item.kind {
        ItemKind::Repository { name, url, suites, components, key, login: _ } => {
            let key = key.as_ref();
            repository(name, &source_text(name, url, suites, components, key), key)
        }
        ItemKind::Pin { package, to, priority } => {
            let (package, to, origin) = (package.clone(), to.clone(), item.origin.clone());
            vec![preference(&Pin { package, to, priority: *priority, origin })]
        }
        ItemKind::ExcludePaths { patterns } => vec![excludes(patterns)],
        _ => Vec::new(),
    };
    files.into_iter().map(|what| change(&item.origin, what)).collect()
}

fn repository(name: &str, text: &str, key: Option<&SourceFile>) -> Vec<ChangeKind> {
    let mut files = Vec::new();
    if let Some(key) = key {
        let path = literal_path(&key_path(name, key));
        files.push(root_file(path, Content::Source(key.clone())));
    }
    let path = literal_path(&format!("etc/apt/sources.list.d/{name}.sources"));
    files.push(root_file(path, Content::Text(text.to_owned())));
    files
}

/// apt goes by the ending: `.asc` is text.
fn key_path(name: &str, key: &SourceFile) -> String {
    let ending = if key.path.ends_with(".asc") { "asc" } else { "gpg" };
    format!("etc/apt/keyrings/{name}.{ending}")
}

/// A `.sources` file (sources.list(5)).
fn source_text(
    name: &str,
    url: &str,
    suites: &[String],
    components: &[String],
    key: Option<&SourceFile>,
) -> String {
    let mut text = format!("Types: deb\nURIs: {url}\nSuites: {}\n", suites.join(" "));
    if !components.is_empty() {
        text.push_str(&format!("Components: {}\n", components.join(" ")));
    }
    match key {
        Some(key) => text.push_str(&format!("Signed-By: /{}\n", key_path(name, key))),
        None => text.push_str("Trusted: yes\n"),
    }
    text
}

/// A file of `/etc/apt/preferences.d`, whose name apt wants in these characters.
fn preference(pin: &Pin) -> ChangeKind {
    let (PinTo::Version(what) | PinTo::Release(what)) = &pin.to;
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' };
    let name: String = format!("{}-{what}", pin.package).chars().map(plain).collect();
    let path = literal_path(&format!("etc/apt/preferences.d/{name}.pref"));
    root_file(path, Content::Text(pin.stanza()))
}

/// A file of `/etc/dpkg/dpkg.cfg.d`, which dpkg reads in the order of the names. It is named by
/// what it says, so that no role takes another's away.
fn excludes(patterns: &[String]) -> ChangeKind {
    let lines: Vec<String> =
        patterns.iter().map(|pattern| format!("path-exclude={pattern}\n")).collect();
    let text = lines.concat();
    let name = forge_model::Digest::of(text.as_bytes()).short();
    let path = literal_path(&format!("etc/dpkg/dpkg.cfg.d/forge-path-exclude-{name}"));
    root_file(path, Content::Text(text))
}
