//! Why a path is not in an image, as far as the spec tells: what declares it, what takes it away or
//! hides it, and what would declare it if the image were another.

mod absent;
mod event;

use forge_model::{ImagePath, Origin, takes_away, wildcard};
use forge_spec::{Absentees, BaseKind, ItemKind, Part, ResolvedImage};

use self::event::{Event, What, events};
use crate::spec_target::is_all_said;

/// Whether a path is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// The spec puts it there.
    Present,
    /// It is in the image, and no running node sees it: something is mounted over it.
    Hidden,
    /// It is not there.
    Absent,
    /// The spec does not tell: packages, archives and scripts bring what they bring.
    Unknown,
}

/// One thing that has to do with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// What kind of thing, in one word that programs know.
    pub kind: &'static str,
    /// The same for people, without its places.
    pub words: String,
    /// Where the spec says so, the nearest place first.
    pub origins: Vec<Origin>,
}

impl Reason {
    pub(crate) fn new(kind: &'static str, words: impl Into<String>, origin: &Origin) -> Self {
        Self { kind, words: words.into(), origins: vec![origin.clone()] }
    }
}

/// The answer for one image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WhyNot {
    /// Whether the path is there.
    pub presence: Presence,
    /// Why, what decides first.
    pub reasons: Vec<Reason>,
}

/// Directories that a running node mounts at its boot, whatever the image holds there.
const AT_BOOT: [&str; 4] = ["/dev", "/proc", "/run", "/sys"];

/// Says why a path is not in an image, or who puts it there.
pub fn why_not(path: &ImagePath, image: &ResolvedImage, absent: &Absentees) -> WhyNot {
    let events = events(path, image);
    let mut reasons = Vec::new();
    let mut presence = decided(path, image, &events, &mut reasons);
    if matches!(presence, Presence::Present | Presence::Unknown) {
        let over = mounted_over(path, image);
        if !over.is_empty() {
            if presence == Presence::Present {
                presence = Presence::Hidden;
            }
            reasons.splice(0..0, over);
        }
    }
    let own: Vec<&Origin> = events.iter().map(|event| &event.origin).collect();
    let would = absent::reasons(path, absent.for_image(&image.name), &own);
    if would.is_empty() && !matches!(presence, Presence::Present | Presence::Hidden) {
        reasons.extend(absent::nearest(path, image, absent));
    }
    reasons.extend(would);
    WhyNot { presence, reasons }
}

/// What the image's own items say of the path.
fn decided(
    path: &ImagePath,
    image: &ResolvedImage,
    events: &[Event],
    reasons: &mut Vec<Reason>,
) -> Presence {
    let decisive = |event: &&Event| {
        matches!(event.what, What::Made(_) | What::Edited { .. } | What::Removed(_))
    };
    let last = events.iter().rev().find(decisive);
    let presence = match last.map(|event| &event.what) {
        Some(What::Made(_) | What::Edited { creates: true }) => Presence::Present,
        Some(What::Removed(_)) => Presence::Absent,
        Some(What::Edited { creates: false } | What::Below(_) | What::May(_) | What::Link(_))
        | None => {
            if events.iter().any(|event| matches!(event.what, What::Below(_))) {
                Presence::Present
            } else {
                of_base(path, image, reasons)
            }
        }
    };
    let told = events.iter().rev().filter(|event| match event.what {
        // A directory on the way to one file is one to all of them: the last is enough.
        What::Below(_) => last.is_none() && first_below(events, event),
        What::May(_) => presence == Presence::Unknown,
        What::Made(_) | What::Edited { .. } | What::Removed(_) | What::Link(_) => true,
    });
    let said: Vec<Reason> = told.map(|event| event.reason(last, presence)).collect();
    reasons.splice(0..0, said);
    if presence == Presence::Unknown {
        reasons.extend(excluded(path, image));
        reasons.extend(may_bring(image));
    }
    presence
}

fn first_below(events: &[Event], event: &Event) -> bool {
    let last = events.iter().rev().find(|one| matches!(one.what, What::Below(_)));
    last.is_some_and(|one| std::ptr::eq(one, event))
}

/// What the base says, where no item speaks of the path.
fn of_base(path: &ImagePath, image: &ResolvedImage, reasons: &mut Vec<Reason>) -> Presence {
    let BaseKind::Tree { files, directory } = &image.base.kind else { return Presence::Unknown };
    let base = &image.base;
    let there = files.iter().find(|(file, _)| file == path || file.starts_with(path));
    if let Some((_, file)) = there {
        let words = format!("the base `{}` has it, `{}`", base.name, file.path);
        reasons.push(Reason::new("base", words, &base.origin));
        return Presence::Present;
    }
    let brought = |part: &Part| {
        !part.packages.is_empty() || !part.items.iter().all(|item| is_all_said(&item.kind))
    };
    if image.kernel.is_some() || image.parts.iter().any(brought) {
        return Presence::Unknown;
    }
    let words =
        format!("nothing declares it, and the base `{}`, `{directory}`, lacks it", base.name);
    reasons.push(Reason::new("undeclared", words, &base.origin));
    Presence::Absent
}

/// What is mounted over the path on a running node.
fn mounted_over(path: &ImagePath, image: &ResolvedImage) -> Vec<Reason> {
    let mut over = Vec::new();
    for item in image.parts.iter().flat_map(|part| &part.items) {
        if let ItemKind::Mount { path: mounted, .. } = &item.kind
            && mounted != path
            && path.starts_with(mounted)
        {
            let words = format!("no running node sees it: `{mounted}` is mounted over it");
            over.push(Reason::new("mounted", words, &item.origin));
        }
    }
    let text = path.to_string();
    let boot = AT_BOOT
        .iter()
        .find(|top| text.strip_prefix(**top).is_some_and(|rest| rest.starts_with('/')));
    over.extend(boot.map(|top| Reason {
        kind: "mounted",
        words: format!("every node mounts `{top}` anew at its boot"),
        origins: Vec::new(),
    }));
    over
}

/// Patterns that dpkg leaves the path out by: those of the base for all packages, those of a role
/// for its own and later ones.
fn excluded(path: &ImagePath, image: &ResolvedImage) -> Vec<Reason> {
    let text = path.to_string();
    let hits = |pattern: &&String| wildcard(pattern.as_bytes(), text.as_bytes());
    let words = |pattern: &String| {
        format!("dpkg leaves it out of packages: `exclude-paths {}`", quoted(pattern))
    };
    let mut found = Vec::new();
    if let BaseKind::Debian { exclude_paths, .. } = &image.base.kind {
        let origin = &image.base.origin;
        let base = exclude_paths.iter().filter(hits);
        found.extend(base.map(|pattern| Reason::new("excluded", words(pattern), origin)));
    }
    for item in image.parts.iter().flat_map(|part| &part.items) {
        if let ItemKind::ExcludePaths { patterns } = &item.kind {
            let hits = patterns.iter().filter(hits);
            found.extend(hits.map(|hit| Reason::new("excluded", words(hit), &item.origin)));
        }
    }
    found
}

/// What brings things that the spec does not name.
fn may_bring(image: &ResolvedImage) -> Option<Reason> {
    let packages = image.parts.iter().any(|part| !part.packages.is_empty());
    let packages = packages || image.kernel.is_some();
    let scripts = image.parts.iter().flat_map(|part| &part.items);
    let scripts = scripts.filter(|item| matches!(item.kind, ItemKind::Run { .. })).count() > 0;
    let base = match &image.base.kind {
        BaseKind::Debian { .. } | BaseKind::Archive { .. } => Some("the base"),
        BaseKind::Tree { .. } => None,
    };
    let all: Vec<&str> = base
        .into_iter()
        .chain(packages.then_some("a package"))
        .chain(scripts.then_some("a script"))
        .collect();
    let words = match all.as_slice() {
        [] => return None,
        [one] => format!("no item declares it; {one} may have it"),
        [more @ .., last] => {
            format!("no item declares it; {} or {last} may have it", more.join(", "))
        }
    };
    Some(Reason { kind: "undeclared", words, origins: Vec::new() })
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// Whether `remove` takes the path away.
fn removes(pattern: &str, path: &ImagePath) -> bool {
    takes_away(pattern, path.as_bytes())
}
