//! Declarations of an image that contradict each other. A declaration is binding: what changes it
//! says so.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use forge_diag::{Diagnostic, Span, codes};
use forge_model::{Content, Edit, ImagePath, PinTo, User, takes_away};

use super::part::{Built, BuiltItem};
use crate::context::Context;
use crate::{HostKeys, Item, ItemKind, SystemFact};

/// What an item declares: only one thing of each name may be declared in an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    Path(ImagePath),
    Line(ImagePath, String),
    Setting(ImagePath, Option<String>, String),
    Mount(ImagePath),
    User(String),
    Group(String),
    Unit(String),
    Sysctl(String),
    Step(String),
    Repository(String),
    Pin(String, String),
    Question(String),
    HostKeys,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "`{path}`"),
            Self::Line(path, line) => write!(f, "the line `{line}` of `{path}`"),
            Self::Setting(path, None, key) => write!(f, "the setting `{key}` of `{path}`"),
            Self::Setting(path, Some(section), key) => {
                write!(f, "the setting `{key}` in section `{section}` of `{path}`")
            }
            Self::Mount(path) => write!(f, "the mount `{path}`"),
            Self::User(name) => write!(f, "the user `{name}`"),
            Self::Group(name) => write!(f, "the group `{name}`"),
            Self::Unit(name) => write!(f, "the unit `{name}`"),
            Self::Sysctl(name) => write!(f, "the kernel parameter `{name}`"),
            Self::Step(name) => write!(f, "the step `{name}`"),
            Self::Repository(name) => write!(f, "the repository `{name}`"),
            Self::Pin(package, to) => write!(f, "the pin of `{package}` to `{to}`"),
            Self::Question(question) => write!(f, "the answer to `{question}`"),
            Self::HostKeys => f.write_str("where SSH host keys come from"),
        }
    }
}

impl Subject {
    /// The path that is declared, or edited.
    fn path(&self) -> Option<&ImagePath> {
        match self {
            Self::Path(path) | Self::Line(path, _) | Self::Setting(path, _, _) => Some(path),
            _ => None,
        }
    }
}

/// A subject with what makes it quick to find: every subject of every image is looked up.
#[derive(Debug)]
pub(crate) struct Declaration {
    pub(super) subject: Subject,
    hash: u64,
    /// Of a path, the hashes of the directories above it as paths, the nearest first.
    above: Box<[u64]>,
}

impl Declaration {
    pub(super) fn new(subject: Subject) -> Self {
        let directories = match &subject {
            Subject::Path(path) => directories(path).collect(),
            _ => Vec::new(),
        };
        let above = directories.into_iter().map(|path| hash(&Subject::Path(path))).collect();
        Self { hash: hash(&subject), subject, above }
    }
}

/// The directories above a path, the nearest first, without the root.
fn directories(path: &ImagePath) -> impl Iterator<Item = ImagePath> {
    std::iter::successors(path.parent(), ImagePath::parent)
        .take_while(|directory| !directory.is_root())
}

/// The same for equal subjects, on every machine.
fn hash(subject: &Subject) -> u64 {
    let mut hasher = DefaultHasher::new();
    subject.hash(&mut hasher);
    hasher.finish()
}

/// What is compared is the hash first: hardly ever the text.
impl Ord for Declaration {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.subject.cmp(&other.subject))
    }
}

impl PartialOrd for Declaration {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Declaration {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Declaration {}

#[derive(Clone, Copy)]
pub(super) struct Declared<'a> {
    pub(super) item: &'a Item,
    pub(super) part: &'a str,
    pub(super) span: Span,
    /// Where its role is used.
    pub(super) used: Span,
}

/// What is declared of each subject: by the last item that may say it.
pub(super) type Known<'a> = BTreeMap<&'a Declaration, Declared<'a>>;

/// Reports everything that two items of an image declare differently.
pub(crate) fn check(cx: &mut Context<'_>, image: &str, parts: &[Built]) {
    let items = || parts.iter().flat_map(|built| &built.items);
    let mut known = Known::new();
    let unpacks = items().any(|built| matches!(built.item.kind, ItemKind::Unpack { .. }));
    for part in parts {
        for BuiltItem { item, span, subjects } in part.items.iter().map(|built| &**built) {
            // What archives and scripts bring is known only when the image is built.
            let mut overrides = subjects.is_empty() || unpacks || is_run(&item.kind);
            let mut reported = BTreeSet::new();
            for declaration in subjects {
                let subject = &declaration.subject;
                let declared =
                    Declared { item, part: &part.part.name, span: *span, used: part.used };
                let earlier = known
                    .get(declaration)
                    .filter(|earlier| contradict(subject, &earlier.item.kind, &item.kind));
                overrides |= earlier.is_some();
                match earlier {
                    Some(earlier) if !item.overrides => {
                        // A unit's state and its file may differ from one and the same node's.
                        if reported.insert(earlier.span) {
                            cx.report(conflict(image, subject, earlier, &declared));
                        }
                    }
                    Some(earlier) if masks_text(subject, &earlier.item.kind, &item.kind) => {
                        cx.report(masked_text(subject, earlier, &declared));
                    }
                    _ => drop(known.insert(declaration, declared)),
                }
            }
            if item.overrides && !matches!(item.kind, ItemKind::Remove { .. }) {
                *cx.overrides.entry(*span).or_default() |= overrides;
            }
        }
    }
    check_addresses(cx, &known);
    check_parents(cx, &known);
    super::edits::check(cx, image, parts);
    check_removed(cx, parts, &known);
}

/// Warns of each `override=#true` that overrides nothing in any image.
pub(crate) fn report_overrides(cx: &mut Context<'_>) {
    let unused: Vec<Span> =
        cx.overrides.iter().filter(|(_, does)| !**does).map(|(span, _)| *span).collect();
    for span in unused {
        let found = Diagnostic::warning(codes::SPEC_OVERRIDE_UNUSED, "this overrides nothing")
            .at(span, "nothing before it says otherwise")
            .help("take `override=#true` away");
        let written = cx.map.slice(span).match_indices(OVERRIDE).collect::<Vec<_>>();
        cx.report(match *written.as_slice() {
            [(at, written)] => found.offer(span.slice(at, at + written.len()), ""),
            _ => found,
        });
    }
}

fn is_run(kind: &ItemKind) -> bool {
    matches!(kind, ItemKind::Run { .. })
}

/// What stands at the end of a node's line to let it change what an earlier one says.
pub(super) const OVERRIDE: &str = " override=#true";

/// What an item declares.
pub(super) fn subjects(kind: &ItemKind) -> Vec<Subject> {
    match kind {
        ItemKind::File { path, .. }
        | ItemKind::SecretFile { path, .. }
        | ItemKind::Directory { path, .. }
        | ItemKind::Link { path, .. } => vec![Subject::Path(path.clone())],
        ItemKind::Sudoers { .. } => match kind.as_file() {
            Some(ItemKind::File { path, .. }) => vec![Subject::Path(path)],
            _ => Vec::new(),
        },
        ItemKind::Tree(tree) => tree.declared().cloned().map(Subject::Path).collect(),
        ItemKind::Edit { path, edit, create: _ } => vec![match edit.clone() {
            Edit::Line { pattern, text, append: _ } => {
                Subject::Line(path.clone(), pattern.unwrap_or(text))
            }
            Edit::Setting { section, key, separator: _, value: _ } => {
                Subject::Setting(path.clone(), section, key)
            }
        }],
        ItemKind::Mount { path, .. } => vec![Subject::Mount(path.clone())],
        ItemKind::User { user: User { name, home, keys, .. }, early: _ } => {
            let file = crate::keys_file(name, home.as_deref()).filter(|_| !keys.is_empty());
            std::iter::once(Subject::User(name.clone())).chain(file.map(Subject::Path)).collect()
        }
        ItemKind::Group { name, .. } => vec![Subject::Group(name.clone())],
        ItemKind::Service { unit, .. } | ItemKind::Unit { unit, .. } => {
            let state = unit_state(kind).map(|_| Subject::Unit(unit.clone()));
            let placed = unit_files(kind).into_keys().map(Subject::Path);
            state.into_iter().chain(placed).collect()
        }
        ItemKind::Sysctl { name, .. } => vec![Subject::Sysctl(name.clone())],
        ItemKind::System(fact) => {
            let made = fact.made().into_iter().map(|made| Subject::Path(made.path));
            let keys = host_keys(kind).map(|_| Subject::HostKeys);
            keys.into_iter().chain(made).collect()
        }
        ItemKind::Run { name, .. } => vec![Subject::Step(name.clone())],
        ItemKind::Repository { name, .. } => vec![Subject::Repository(name.clone())],
        ItemKind::Pin { package, to: PinTo::Version(to) | PinTo::Release(to), .. } => {
            vec![Subject::Pin(package.clone(), to.clone())]
        }
        ItemKind::Preseed { question, .. } => vec![Subject::Question(question.clone())],
        ItemKind::Hold { .. }
        | ItemKind::KernelModules { .. }
        | ItemKind::ExcludePaths { .. }
        | ItemKind::Unpack { .. }
        | ItemKind::Remove { .. } => Vec::new(),
    }
}

/// The paths that an item itself fills. Of a link it is not said what it leads to.
pub(super) fn written_paths(built: &BuiltItem) -> impl Iterator<Item = &ImagePath> {
    let link = matches!(built.item.kind, ItemKind::Link { .. });
    built.subjects.iter().filter_map(move |declared| match &declared.subject {
        Subject::Path(path) if !link => Some(path),
        _ => None,
    })
}

/// Whether two items of one subject cannot both hold. One item may say several things of which the
/// other says one: only what both say of the subject counts.
fn contradict(subject: &Subject, first: &ItemKind, again: &ItemKind) -> bool {
    match (subject, first, again) {
        (Subject::Unit(_), _, _) => unit_state(first) != unit_state(again),
        (Subject::Path(path), _, _) if stands_for(first) || stands_for(again) => {
            at_path(first, path) != at_path(again, path)
        }
        (Subject::HostKeys, _, _) => host_keys(first) != host_keys(again),
        (Subject::Path(path), ItemKind::System(first), ItemKind::System(again)) => {
            first.made_at(path) != again.made_at(path)
        }
        (Subject::Path(path), _, _) if is_unit(first) && is_unit(again) => {
            let at = |kind| unit_files(kind).remove(path);
            at(first) != at(again)
        }
        _ => first != again,
    }
}

/// A mask is a link in the place of the unit's file, so a unit that the image itself brings there
/// cannot have one, whatever is overridden.
fn masks_text(subject: &Subject, first: &ItemKind, again: &ItemKind) -> bool {
    let Subject::Path(path) = subject else { return false };
    let at = |kind| unit_files(kind).remove(path);
    at(first).is_some_and(|text| text.is_some()) && at(again) == Some(None)
}

fn masked_text(subject: &Subject, text: &Declared<'_>, mask: &Declared<'_>) -> Diagnostic {
    let headline = format!("{subject} would be the unit's text and its mask");
    Diagnostic::error(codes::SPEC_CONFLICT, headline)
        .at(mask.span, format!("masked in `{}`", mask.part))
        .and(text.span, format!("the text, in `{}`", text.part))
        .help("disable it with `enabled=#false`, or drop the role that brings it")
}

fn is_tree(kind: &ItemKind) -> bool {
    matches!(kind, ItemKind::Tree(_))
}

/// Whether an item stands for others, which it could be replaced by.
fn stands_for(kind: &ItemKind) -> bool {
    matches!(kind, ItemKind::Tree(_) | ItemKind::Sudoers { .. })
}

/// The item, or what it has at one of its paths as an item of its own.
fn at_path<'a>(kind: &'a ItemKind, path: &ImagePath) -> Option<Cow<'a, ItemKind>> {
    match kind {
        ItemKind::Tree(tree) => tree.at(path).map(Cow::Owned),
        ItemKind::Sudoers { .. } => kind.as_file().map(Cow::Owned),
        _ => Some(Cow::Borrowed(kind)),
    }
}

fn is_unit(kind: &ItemKind) -> bool {
    matches!(kind, ItemKind::Service { .. } | ItemKind::Unit { .. })
}

/// A unit's state, as far as it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnitState {
    Enabled(bool),
    Masked,
}

/// What an item says of a unit's state; none when it leaves it.
fn unit_state(kind: &ItemKind) -> Option<UnitState> {
    match kind {
        ItemKind::Service { masked: true, .. } | ItemKind::Unit { masked: true, .. } => {
            Some(UnitState::Masked)
        }
        ItemKind::Service { enabled, .. } | ItemKind::Unit { enabled, .. } => {
            enabled.map(UnitState::Enabled)
        }
        _ => None,
    }
}

/// Where host keys come from, when an item says it.
fn host_keys(kind: &ItemKind) -> Option<HostKeys> {
    match kind {
        ItemKind::System(SystemFact::Identity(identity)) => identity.host_keys,
        _ => None,
    }
}

/// The unit's own file and its drop-ins, as far as an item declares them. A mask is a link in the
/// place of the file: none.
fn unit_files(kind: &ItemKind) -> BTreeMap<ImagePath, Option<&Content>> {
    let (unit, content, drop_ins, masked) = match kind {
        ItemKind::Service { unit, masked, .. } => (unit, None, [].as_slice(), *masked),
        ItemKind::Unit { unit, content, drop_ins, masked, .. } => {
            (unit, content.as_ref(), drop_ins.as_slice(), *masked)
        }
        _ => return BTreeMap::new(),
    };
    let own = (content.is_some() || masked).then(|| (unit.clone(), content));
    let drop_ins = drop_ins
        .iter()
        .map(|drop_in| (format!("{unit}.d/{}", drop_in.name), Some(&drop_in.content)));
    let files = own.into_iter().chain(drop_ins);
    files
        .filter_map(|(name, content)| {
            Some((ImagePath::new(format!("/etc/systemd/system/{name}"))?, content))
        })
        .collect()
}

fn conflict(
    image: &str,
    subject: &Subject,
    first: &Declared<'_>,
    again: &Declared<'_>,
) -> Diagnostic {
    let subject = match (subject, &first.item.kind, &again.item.kind) {
        (Subject::Path(_), ItemKind::System(_), ItemKind::System(fact)) => fact.to_string(),
        (Subject::Path(path), first, ItemKind::Unit { unit, drop_ins, .. }) if is_unit(first) => {
            let name = String::from_utf8_lossy(path.file_name());
            match drop_ins.iter().find(|drop_in| drop_in.name == name) {
                Some(_) => format!("the drop-in `{name}` of `{unit}`"),
                None => format!("the unit `{unit}`"),
            }
        }
        _ => subject.to_string(),
    };
    let found = Diagnostic::error(
        codes::SPEC_CONFLICT,
        format!("{subject} is declared twice, and differently"),
    )
    .note(format!("both are in the image `{image}`"));
    if again.span == first.span {
        // One declaration, of a role that is used with different values.
        let role = again.part;
        return found
            .at(again.used, format!("`{role}` is used again, with other values"))
            .and(first.used, "used first here")
            .and(again.span, "declared here")
            .help(format!(
                "to give the first use other values, write `role \"{role}\" … override=#true` in the \
                 image; or take one of the uses away"
            ));
    }
    found
        .at(again.span, format!("in `{}`", again.part))
        .and(first.span, format!("and before that in `{}`", first.part))
        .help("take one of them away, or write `override=#true` on the later one")
        .offer(again.span.behind(), OVERRIDE)
}

/// One suite of one repository under two names: apt takes it twice, and complains.
fn check_addresses(cx: &mut Context<'_>, known: &Known<'_>) {
    let mut places: BTreeMap<(&str, &str), (&str, Span)> = BTreeMap::new();
    let repositories =
        known.iter().filter(|(known, _)| matches!(known.subject, Subject::Repository(_)));
    let repositories: BTreeMap<&Subject, &Declared<'_>> =
        repositories.map(|(known, declared)| (&known.subject, declared)).collect();
    for declared in repositories.values() {
        let ItemKind::Repository { name, url, suites, .. } = &declared.item.kind else {
            continue;
        };
        for suite in suites {
            let Some((first, span)) = places.insert((url, suite), (name, declared.span)) else {
                continue;
            };
            cx.report(
                Diagnostic::error(
                    codes::SPEC_CONFLICT,
                    format!("`{first}` and `{name}` are the same repository"),
                )
                .at(declared.span, format!("`{suite}` of {url}"))
                .and(span, "and here")
                .help("keep one of them, with all its suites and components"),
            );
        }
    }
}

/// A file cannot hold files.
fn check_parents(cx: &mut Context<'_>, known: &Known<'_>) {
    let may_be_file = |(known, declared): &(&&Declaration, &Declared<'_>)| {
        let kind = &declared.item.kind;
        matches!(known.subject, Subject::Path(_)) && (is_file(kind) || stands_for(kind))
    };
    // In the order of the hashes, as the declarations are.
    let files: Vec<u64> = known.iter().filter(may_be_file).map(|(known, _)| known.hash).collect();
    for (declaration, below) in known {
        let Subject::Path(path) = &declaration.subject else { continue };
        if !declaration.above.iter().any(|hash| files.binary_search(hash).is_ok()) {
            continue;
        }
        for directory in directories(path) {
            let above = known.get(&Declaration::new(Subject::Path(directory.clone())));
            if let Some(file) = above.filter(|above| is_file_at(&above.item.kind, &directory)) {
                cx.report(
                    Diagnostic::error(
                        codes::SPEC_BELOW_FILE,
                        format!("`{path}` lies below the file `{directory}`"),
                    )
                    .at(below.span, format!("in `{}`", below.part))
                    .and(file.span, format!("the file, in `{}`", file.part)),
                );
            }
        }
    }
}

fn is_file(kind: &ItemKind) -> bool {
    matches!(kind, ItemKind::File { .. } | ItemKind::SecretFile { .. })
}

fn is_file_at(kind: &ItemKind, path: &ImagePath) -> bool {
    at_path(kind, path).is_some_and(|kind| is_file(&kind))
}

/// What is declared and taken away again. Secrets are written after all removals.
fn check_removed(cx: &mut Context<'_>, parts: &[Built], known: &Known<'_>) {
    for built in parts {
        for BuiltItem { item, span, .. } in built.items.iter().map(|built| &**built) {
            let ItemKind::Remove { pattern } = &item.kind else {
                continue;
            };
            let hits = known.iter().filter_map(|(declaration, declared)| {
                let path = declaration.subject.path()?;
                let secret = matches!(declared.item.kind, ItemKind::SecretFile { .. });
                (!secret && takes_away(pattern, path.as_bytes()))
                    .then_some((&declaration.subject, (path, declared)))
            });
            let hits: BTreeMap<_, _> = hits.collect();
            if item.overrides {
                *cx.overrides.entry(*span).or_default() |= !hits.is_empty();
                continue;
            }
            let mut trees = BTreeSet::new();
            for (path, declared) in hits.into_values() {
                // One finding for all files of a directory.
                if is_tree(&declared.item.kind) && !trees.insert(declared.span) {
                    continue;
                }
                let edit = matches!(declared.item.kind, ItemKind::Edit { .. });
                let word = if edit { "edited" } else { "declared" };
                cx.report(
                    Diagnostic::error(
                        codes::SPEC_REMOVED,
                        format!("`{path}` is {word} and taken away"),
                    )
                    .at(*span, format!("taken away in `{}`", built.part.name))
                    .and(declared.span, format!("{word} in `{}`", declared.part))
                    .help("take one of them away, or write `override=#true` on the `remove`")
                    .offer(span.behind(), OVERRIDE),
                );
            }
        }
    }
}
