//! Two resolved images, part by part and node by node.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{InspecProfile, Sources};
use forge_report::{
    ChangeKind, GivenValue, ItemDiff, PartDiff, PartKind, SaidDiff, Side, SpecDiff, TextDiff,
    ValueDiff,
};
use forge_spec::{Parameter, Part, ResolvedImage};

use super::said::{Said, facts, nodes};
use crate::cmd::show::resolved::{in_words, is_own};
use crate::contents::{lines, text};

/// The version of the JSON: it rises when a field goes or changes its meaning.
const VERSION: u32 = 1;

/// An image with the files that it is made from.
pub(super) struct Compared<'a> {
    pub(super) image: &'a ResolvedImage,
    /// The profiles of `InSpec` that it is judged by, by their names.
    pub(super) inspec: BTreeMap<&'a str, &'a InspecProfile>,
    pub(super) sources: &'a dyn Sources,
}

/// Compares two images.
pub(super) fn images(old: (Side, &Compared<'_>), new: (Side, &Compared<'_>)) -> SpecDiff {
    let ((old, before), (new, after)) = (old, new);
    let by_text = Texts { old: before.sources, new: after.sources };
    let named = |set: &[Parameter]| -> Vec<Parameter> {
        set.iter().filter(|one| one.name != "image").cloned().collect()
    };
    let values = values(&named(&before.image.set), &named(&after.image.set));
    let mut parts = Vec::new();
    let said = by_text.items(facts(before), facts(after));
    if !said.is_empty() {
        parts.push(PartDiff {
            kind: PartKind::Image,
            name: after.image.name.clone(),
            change: ChangeKind::Changed,
            old: Some(before.image.origin.clone()),
            new: Some(after.image.origin.clone()),
            parameters: Vec::new(),
            items: said,
        });
    }
    for (one, other) in pairs(&before.image.parts, &after.image.parts) {
        parts.extend(by_text.part(one, other));
    }
    SpecDiff { version: VERSION, old, new, values, parts }
}

/// Parts that stand for each other: of one name and the same parameters, else of one name; those of
/// the second image in their order, then those that it lacks.
fn pairs<'a>(old: &'a [Part], new: &'a [Part]) -> Vec<(Option<&'a Part>, Option<&'a Part>)> {
    // The items of an image's own node stand in a part of its name.
    let name = |part: &'a Part| (!is_own(part)).then_some(part.name.as_str());
    let given = |part: &'a Part| -> Vec<_> {
        part.parameters.iter().map(|one| (&one.name, &one.value)).collect()
    };
    let mut left: Vec<&Part> = old.iter().collect();
    let mut take = |same: &dyn Fn(&'a Part) -> bool| {
        left.iter().position(|part| same(part)).map(|at| left.remove(at))
    };
    let same = |part: &'a Part| {
        move |other: &'a Part| name(other) == name(part) && given(other) == given(part)
    };
    let mut found: Vec<_> = new.iter().map(|part| (take(&same(part)), Some(part))).collect();
    for (before, after) in &mut found {
        if let (None, Some(part)) = (&before, *after) {
            *before = take(&|other| name(other) == name(part));
        }
    }
    found.extend(left.into_iter().map(|part| (Some(part), None)));
    found
}

fn change<T>(old: Option<&T>, new: Option<&T>) -> ChangeKind {
    match (old, new) {
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
        (Some(_), Some(_)) => ChangeKind::Changed,
    }
}

fn values(old: &[Parameter], new: &[Parameter]) -> Vec<ValueDiff> {
    let by_name = |list: &[Parameter]| -> BTreeMap<String, GivenValue> {
        let given = |one: &Parameter| GivenValue {
            value: one.value.to_string(),
            by: in_words(&one.source),
            origin: one.origin.clone(),
        };
        list.iter().map(|one| (one.name.clone(), given(one))).collect()
    };
    let (mut old, mut new) = (by_name(old), by_name(new));
    let names: BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    let diff = |name: String| {
        let (old, new) = (old.remove(&name), new.remove(&name));
        let value = |given: &Option<GivenValue>| given.as_ref().map(|given| given.value.clone());
        (value(&old) != value(&new)).then_some(ValueDiff { name, old, new })
    };
    names.into_iter().filter_map(diff).collect()
}

/// Where the bytes of both sides are read.
struct Texts<'a> {
    old: &'a dyn Sources,
    new: &'a dyn Sources,
}

impl Texts<'_> {
    fn part(&self, old: Option<&Part>, new: Option<&Part>) -> Option<PartDiff> {
        let shown = new.or(old)?;
        let said = |part: Option<&Part>| part.map(nodes).unwrap_or_default();
        let items = self.items(said(old), said(new));
        let given =
            |part: Option<&Part>| part.map(|one| one.parameters.clone()).unwrap_or_default();
        let parameters = values(&given(old), &given(new));
        let change = change(old, new);
        if change == ChangeKind::Changed && items.is_empty() && parameters.is_empty() {
            return None;
        }
        let place = |part: Option<&Part>| part.map(|part| part.origin.clone());
        Some(PartDiff {
            kind: if is_own(shown) { PartKind::Items } else { PartKind::Role },
            name: shown.name.clone(),
            change,
            old: place(old),
            new: place(new),
            parameters,
            items,
        })
    }

    fn items(&self, old: Vec<Said>, new: Vec<Said>) -> Vec<ItemDiff> {
        // What both say counts for nothing, wherever it stands.
        let says = |one: &Said, other: &Said| {
            (&one.kind, &one.subject, &one.says) == (&other.kind, &other.subject, &other.says)
        };
        let mut left = Left::of(old);
        let come: Vec<Said> = new
            .into_iter()
            .filter(|node| left.take(node, |other| says(other, node)).is_none())
            .collect();
        let mut found = Vec::new();
        for node in come {
            let before = left.take(&node, |other| other.identity() == node.identity());
            found.push(self.item(before.as_ref(), Some(&node)));
        }
        found.extend(left.rest().iter().map(|node| self.item(Some(node), None)));
        found.into_iter().flatten().collect()
    }

    fn item(&self, old: Option<&Said>, new: Option<&Said>) -> Option<ItemDiff> {
        let shown = new.or(old)?;
        let said = |node: Option<&Said>| node.map(|node| node.says.clone()).unwrap_or_default();
        let place = |node: Option<&Said>| node.map(|node| node.origin.clone());
        Some(ItemDiff {
            kind: shown.kind.clone(),
            subject: shown.subject.clone(),
            change: change(old, new),
            old: place(old),
            new: place(new),
            says: says(said(old), said(new)),
            texts: match (old, new) {
                (Some(old), Some(new)) => self.texts(old, new),
                _ => Vec::new(),
            },
        })
    }

    fn texts(&self, old: &Said, new: &Said) -> Vec<TextDiff> {
        let differ = old.texts.iter().filter_map(|(path, before)| {
            let after = new.texts.get(path)?;
            if before.digest() == after.digest() {
                return None;
            }
            let diff = lines(&text(before, self.old)?, &text(after, self.new)?)?;
            Some(TextDiff { path: path.clone(), diff })
        });
        differ.collect()
    }
}

/// Nodes that nothing has been found for yet, by kind and subject: a role may have thousands.
struct Left {
    nodes: Vec<Option<Said>>,
    places: BTreeMap<(String, String), Vec<usize>>,
}

impl Left {
    fn of(nodes: Vec<Said>) -> Self {
        let mut places: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (at, node) in nodes.iter().enumerate() {
            places.entry((node.kind.clone(), node.subject.clone())).or_default().push(at);
        }
        Self { nodes: nodes.into_iter().map(Some).collect(), places }
    }

    fn take(&mut self, like: &Said, same: impl Fn(&Said) -> bool) -> Option<Said> {
        let places = self.places.get(&(like.kind.clone(), like.subject.clone()))?;
        let at = places
            .iter()
            .copied()
            .find(|at| self.nodes.get(*at).and_then(Option::as_ref).is_some_and(&same))?;
        self.nodes.get_mut(at)?.take()
    }

    fn rest(self) -> Vec<Said> {
        self.nodes.into_iter().flatten().collect()
    }
}

/// The properties that differ. One of a name that is said several times is new or gone; of the
/// others old and new belong together.
fn says(old: Vec<(String, String)>, new: Vec<(String, String)>) -> Vec<SaidDiff> {
    let both: BTreeSet<_> = old.iter().filter(|said| new.contains(said)).cloned().collect();
    let mut gone: Vec<_> = old.into_iter().filter(|said| !both.contains(said)).collect();
    let mut found = Vec::new();
    for (name, value) in new.into_iter().filter(|said| !both.contains(said)) {
        let before = gone.iter().position(|(other, _)| *other == name);
        let old = before.map(|at| gone.remove(at).1);
        found.push(SaidDiff { name, old, new: Some(value) });
    }
    found.extend(gone.into_iter().map(|(name, old)| SaidDiff { name, old: Some(old), new: None }));
    found
}
