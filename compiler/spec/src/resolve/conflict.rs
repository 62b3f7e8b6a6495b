//! Declarations of an image that contradict each other. A declaration is binding: what changes it
//! says so.

use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Span, codes};
use forge_model::{Content, ImagePath, PinTo};

use super::glob::takes_away;
use super::part::Built;
use crate::context::Context;
use crate::{Item, ItemKind};

/// What an item declares: only one thing of each name may be declared in an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Path(ImagePath),
    Mount(ImagePath),
    User(String),
    Group(String),
    Unit(String),
    Sysctl(String),
    Step(String),
    Repository(String),
    Pin(String, String),
    Question(String),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "`{path}`"),
            Self::Mount(path) => write!(f, "the mount `{path}`"),
            Self::User(name) => write!(f, "the user `{name}`"),
            Self::Group(name) => write!(f, "the group `{name}`"),
            Self::Unit(name) => write!(f, "the unit `{name}`"),
            Self::Sysctl(name) => write!(f, "the kernel parameter `{name}`"),
            Self::Step(name) => write!(f, "the step `{name}`"),
            Self::Repository(name) => write!(f, "the repository `{name}`"),
            Self::Pin(package, to) => write!(f, "the pin of `{package}` to `{to}`"),
            Self::Question(question) => write!(f, "the answer to `{question}`"),
        }
    }
}

struct Declared<'a> {
    item: &'a Item,
    part: &'a str,
    span: Span,
}

/// Reports everything that two items of an image declare differently.
pub(crate) fn check(cx: &mut Context<'_>, image: &str, parts: &[Built]) {
    let mut known: BTreeMap<Subject, Declared<'_>> = BTreeMap::new();
    let unpacks = parts
        .iter()
        .flat_map(|built| &built.part.items)
        .any(|item| matches!(item.kind, ItemKind::Unpack { .. }));
    for built in parts {
        for (item, span) in built.part.items.iter().zip(&built.spans) {
            let subjects = subjects(&item.kind);
            // What archives and scripts bring is known only when the image is built.
            let mut overrides = subjects.is_empty() || unpacks || is_run(&item.kind);
            for subject in subjects {
                let declared = Declared { item, part: &built.part.name, span: *span };
                let earlier = known
                    .get(&subject)
                    .filter(|earlier| contradict(&subject, &earlier.item.kind, &item.kind));
                overrides |= earlier.is_some();
                match earlier {
                    Some(earlier) if !item.overrides => {
                        cx.report(conflict(image, &subject, earlier, &declared));
                    }
                    _ => drop(known.insert(subject, declared)),
                }
            }
            if item.overrides && !matches!(item.kind, ItemKind::Remove { .. }) {
                *cx.overrides.entry(*span).or_default() |= overrides;
            }
        }
    }
    check_addresses(cx, &known);
    check_parents(cx, &known);
    check_removed(cx, parts, &known);
}

/// Warns of each `override=#true` that overrides nothing in any image.
pub(crate) fn report_overrides(cx: &mut Context<'_>) {
    let unused: Vec<Span> =
        cx.overrides.iter().filter(|(_, does)| !**does).map(|(span, _)| *span).collect();
    for span in unused {
        cx.report(
            Diagnostic::warning(codes::SPEC_OVERRIDE_UNUSED, "this overrides nothing")
                .at(span, "nothing before it says otherwise")
                .help("take `override=#true` away"),
        );
    }
}

fn is_run(kind: &ItemKind) -> bool {
    matches!(kind, ItemKind::Run { .. })
}

fn subjects(kind: &ItemKind) -> Vec<Subject> {
    match kind {
        ItemKind::File { path, .. }
        | ItemKind::SecretFile { path, .. }
        | ItemKind::Directory { path, .. }
        | ItemKind::Link { path, .. } => vec![Subject::Path(path.clone())],
        ItemKind::Mount { path, .. } => vec![Subject::Mount(path.clone())],
        ItemKind::User { name, .. } => vec![Subject::User(name.clone())],
        ItemKind::Group { name, .. } => vec![Subject::Group(name.clone())],
        ItemKind::Service { unit, .. } => vec![Subject::Unit(unit.clone())],
        ItemKind::Unit { unit, content, .. } => {
            let path = ImagePath::new(format!("/etc/systemd/system/{unit}"));
            let path = path.filter(|_| content.is_some()).map(Subject::Path);
            std::iter::once(Subject::Unit(unit.clone())).chain(path).collect()
        }
        ItemKind::Sysctl { name, .. } => vec![Subject::Sysctl(name.clone())],
        ItemKind::Run { name, .. } => vec![Subject::Step(name.clone())],
        ItemKind::Repository { name, .. } => vec![Subject::Repository(name.clone())],
        ItemKind::Pin { package, to: PinTo::Version(to) | PinTo::Release(to), .. } => {
            vec![Subject::Pin(package.clone(), to.clone())]
        }
        ItemKind::Preseed { question, .. } => vec![Subject::Question(question.clone())],
        ItemKind::Hold { .. }
        | ItemKind::ExcludePaths { .. }
        | ItemKind::Unpack { .. }
        | ItemKind::Remove { .. } => Vec::new(),
    }
}

/// Whether two items of one subject cannot both hold. A unit's state may be said apart from its
/// text; all else is the same or it is not.
fn contradict(subject: &Subject, first: &ItemKind, again: &ItemKind) -> bool {
    match (unit_state(first), unit_state(again)) {
        // Said of the unit, not of its file again.
        (Some(_), Some(_)) if matches!(subject, Subject::Path(_)) => false,
        (Some((text, enabled, masked)), Some((text_again, enabled_again, masked_again))) => {
            let differ = enabled.zip(enabled_again).is_some_and(|(one, other)| one != other);
            let other_text = text.zip(text_again).is_some_and(|(one, other)| one != other);
            differ || other_text || masked != masked_again
        }
        _ => first != again,
    }
}

fn unit_state(kind: &ItemKind) -> Option<(Option<&Content>, Option<bool>, bool)> {
    match kind {
        ItemKind::Service { enabled, masked, .. } => Some((None, *enabled, *masked)),
        ItemKind::Unit { content, enabled, masked, .. } => {
            Some((content.as_ref(), *enabled, *masked))
        }
        _ => None,
    }
}

fn conflict(
    image: &str,
    subject: &Subject,
    first: &Declared<'_>,
    again: &Declared<'_>,
) -> Diagnostic {
    Diagnostic::error(codes::SPEC_CONFLICT, format!("{subject} is declared twice, and differently"))
        .at(again.span, format!("in `{}`", again.part))
        .and(first.span, format!("and before that in `{}`", first.part))
        .help("take one of them away, or write `override=#true` on the later one")
        .note(format!("both are in the image `{image}`"))
}

/// One suite of one repository under two names: apt takes it twice, and complains.
fn check_addresses(cx: &mut Context<'_>, known: &BTreeMap<Subject, Declared<'_>>) {
    let mut places: BTreeMap<(&str, &str), (&str, Span)> = BTreeMap::new();
    for declared in known.values() {
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
fn check_parents(cx: &mut Context<'_>, known: &BTreeMap<Subject, Declared<'_>>) {
    for (subject, below) in known {
        let Subject::Path(path) = subject else {
            continue;
        };
        let mut parent = path.parent();
        while let Some(directory) = parent.filter(|directory| !directory.is_root()) {
            let above = known.get(&Subject::Path(directory.clone()));
            if let Some(file) = above.filter(|above| {
                matches!(above.item.kind, ItemKind::File { .. } | ItemKind::SecretFile { .. })
            }) {
                cx.report(
                    Diagnostic::error(
                        codes::SPEC_BELOW_FILE,
                        format!("`{path}` lies below the file `{directory}`"),
                    )
                    .at(below.span, format!("in `{}`", below.part))
                    .and(file.span, format!("the file, in `{}`", file.part)),
                );
            }
            parent = directory.parent();
        }
    }
}

/// What is declared and taken away again. Secrets are written after all removals.
fn check_removed(cx: &mut Context<'_>, parts: &[Built], known: &BTreeMap<Subject, Declared<'_>>) {
    for built in parts {
        for (item, span) in built.part.items.iter().zip(&built.spans) {
            let ItemKind::Remove { pattern } = &item.kind else {
                continue;
            };
            let hits = known.iter().filter_map(|(subject, declared)| {
                let Subject::Path(path) = subject else {
                    return None;
                };
                let secret = matches!(declared.item.kind, ItemKind::SecretFile { .. });
                (!secret && takes_away(pattern, &path.to_string())).then_some((path, declared))
            });
            if item.overrides {
                *cx.overrides.entry(*span).or_default() |= hits.count() > 0;
                continue;
            }
            for (path, declared) in hits {
                cx.report(
                    Diagnostic::error(
                        codes::SPEC_REMOVED,
                        format!("`{path}` is declared and taken away"),
                    )
                    .at(*span, format!("taken away in `{}`", built.part.name))
                    .and(declared.span, format!("declared in `{}`", declared.part))
                    .help("take one of them away, or write `override=#true` on the `remove`"),
                );
            }
        }
    }
}
