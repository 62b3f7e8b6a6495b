//! Units that the text of a unit names, and that are nearly units of the image: systemd passes over an
//! order or a wish for a unit that is not there, and nobody says it.

use std::collections::BTreeSet;

use forge_diag::{Diagnostic, SourceMap, Span, codes};
use forge_model::{ImagePath, Origin, Sources};
use forge_spec::{ItemKind, ResolvedImage, mistyped_unit};

use super::known::{is_packaged, units_of};
use super::unit;
use crate::check::joined;

/// A unit that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// `After`.
    setting: String,
    /// As it is written.
    unit: String,
    /// The item that the text is of.
    origin: Origin,
    /// The file of the project that holds the text; none for a text of the spec.
    file: Option<String>,
}

impl Mention {
    /// What a text mentions and its image may lack.
    pub(super) fn all(text: &str, file: Option<&str>, origin: &Origin) -> Vec<Self> {
        let mentions = unit::mentions(text).into_iter().filter(|(_, unit)| !is_packaged(unit));
        let mentions = mentions.map(|(setting, unit)| Self {
            setting,
            unit,
            origin: origin.clone(),
            file: file.map(str::to_owned),
        });
        mentions.collect()
    }
}

/// A unit that is nearly one of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearUnit {
    mention: Mention,
    near: String,
}

/// What the texts of an image mention that is nearly one of its units.
pub(super) fn find<'m>(
    image: &ResolvedImage,
    mentions: impl Iterator<Item = &'m Mention>,
) -> Vec<NearUnit> {
    let mut mentions = mentions.peekable();
    if mentions.peek().is_none() {
        return Vec::new();
    }
    let known = known(image);
    let near = mentions.filter_map(|mention| {
        let near = mistyped_unit(&mention.unit, known.iter().map(String::as_str))?;
        Some(NearUnit { mention: mention.clone(), near: near.to_owned() })
    });
    near.collect()
}

/// The units that the spec speaks of, and those of packages that it asks for.
fn known(image: &ResolvedImage) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let mut read = |path: &ImagePath| match unit::read_at(path) {
        Some((unit, true)) => Some(unit),
        _ => None,
    };
    for part in &image.parts {
        for item in &part.items {
            match &item.kind {
                ItemKind::Unit { unit, .. } | ItemKind::Service { unit, .. } => {
                    known.insert(unit.clone());
                }
                ItemKind::File { path, .. } | ItemKind::Link { path, .. } => {
                    known.extend(read(path));
                }
                ItemKind::Tree(tree) => known.extend(tree.nodes.keys().filter_map(&mut read)),
                ItemKind::System(fact) => {
                    known.extend(fact.enabled().map(|(unit, _)| unit.to_owned()));
                }
                _ => {}
            }
        }
        for packages in &part.packages {
            let names = packages.names.iter().map(|name| name.value.as_str());
            known.extend(names.flat_map(units_of).map(|unit| (*unit).to_owned()));
        }
    }
    known
}

impl NearUnit {
    /// The warning. A file of the project is shown where the unit is named; it joins the map for that.
    pub fn diagnostic(&self, sources: &dyn Sources, map: &mut SourceMap) -> Diagnostic {
        let Self { mention: Mention { setting, unit, origin, file }, near } = self;
        let item = map.span_at(&origin.file, origin.line, origin.column);
        let text = file.as_ref().and_then(|path| joined(path, sources, map));
        let place = text.or_else(|| item.map(|item| block(map, item)));
        let word = place.and_then(|place| map.word(place, unit));
        let label = format!("`{setting}=` of a unit that is not there does nothing");
        let headline = format!("no unit is known as `{unit}`");
        let found =
            Diagnostic::warning(codes::SPEC_TYPO, headline).help(format!("did you mean `{near}`?"));
        match (word.or(text).or(item), item) {
            (None, _) => found,
            (Some(place), item) => {
                let found = found.at(place, label);
                let found = match word {
                    Some(word) => found.offer(word, near.as_str()),
                    None => found,
                };
                match item.filter(|item| item.file != place.file) {
                    Some(item) => found.and(item, "the text of this unit"),
                    None => found,
                }
            }
        }
    }
}

/// An item's line, and those below it that are indented deeper.
fn block(map: &SourceMap, item: Span) -> Span {
    let text = map.text(item.file);
    let start = item.start as usize;
    let begin = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut end = begin;
    let mut own = None;
    for line in text.get(begin..).unwrap_or_default().split_inclusive('\n') {
        match own {
            None => own = Some(indent(line)),
            Some(own) if !line.trim().is_empty() && indent(line) <= own => break,
            Some(_) => {}
        }
        end += line.len();
    }
    Span::new(item.file, start, end)
}
