//! Items that an image does not get, and paths that are nearly the one that is asked for.

use std::collections::BTreeSet;

use forge_model::{ImagePath, Origin};
use forge_spec::{
    Absent, Absentees, BaseKind, Because, Item, Parameter, ParameterSource, ResolvedImage,
};

use super::Reason;
use super::event::{declared, would};
use crate::spec_target::pattern::is_typo;

/// What would put a path there, each with all that keeps it from doing so. `own` are the places of
/// what does already.
pub(super) fn reasons<'a>(
    path: &ImagePath,
    absent: impl Iterator<Item = &'a Absent>,
    own: &[&Origin],
) -> Vec<Reason> {
    let mut found = Vec::new();
    for one in absent {
        // A role that is used twice may have an item once.
        if own.contains(&&one.item.origin) || !would(&one.item, path) {
            continue;
        }
        let shown = one.item.shown();
        let head = format!("`{}` of `{}` would", shown.kind, one.part);
        let because: Vec<String> = one.because.iter().map(words).collect();
        let reason = Reason {
            kind: one.because.first().map_or("unused", kind),
            words: format!("{head}; {}", because.join("; and ")),
            origins: std::iter::once(one.item.origin.clone())
                .chain(one.because.iter().map(place))
                .collect(),
        };
        if !found.contains(&reason) {
            found.push(reason);
        }
    }
    found
}

fn kind(because: &Because) -> &'static str {
    match because {
        Because::When { .. } => "when",
        Because::Dropped { .. } => "dropped",
        Because::Unused { .. } => "unused",
        Because::Other { .. } => "other-image",
    }
}

fn words(because: &Because) -> String {
    match because {
        Because::When { condition, asked: Some(asked), .. } => {
            let Parameter { name, value, source, origin, ty: _ } = &**asked;
            let giver = giver(source);
            format!(
                "`{condition}` does not hold: `{name}` is {}, {giver} at {origin}",
                value.brief()
            )
        }
        Because::When { condition, asked: None, .. } => {
            format!("`{condition}` does not hold: nothing gives it a value")
        }
        Because::Dropped { role, .. } => format!("the image drops the role `{role}`"),
        Because::Unused { role, .. } => format!("the image does not use the role `{role}`"),
        Because::Other { image, .. } => format!("only the image `{image}` says so"),
    }
}

fn place(because: &Because) -> Origin {
    match because {
        Because::When { origin, .. }
        | Because::Dropped { origin, .. }
        | Because::Unused { origin, .. }
        | Because::Other { origin, .. } => origin.clone(),
    }
}

fn giver(source: &ParameterSource) -> String {
    match source {
        ParameterSource::Given => "given".to_owned(),
        ParameterSource::Set => "set by the image".to_owned(),
        ParameterSource::Inherited(image) => format!("set by `{image}`"),
        ParameterSource::Name => "by the image's name".to_owned(),
        ParameterSource::Base => "by the base".to_owned(),
        ParameterSource::Default => "by default".to_owned(),
    }
}

/// Paths named as hints.
const MOST: usize = 3;

/// Declared paths that may be meant: slips of the fingers, then the same name elsewhere.
pub(super) fn nearest(path: &ImagePath, image: &ResolvedImage, absent: &Absentees) -> Vec<Reason> {
    let asked = path.to_string();
    let mut seen = BTreeSet::new();
    let mut near: Vec<(bool, usize, ImagePath, String, Origin)> = Vec::new();
    let mut consider = |item: &Item, part: &str, said: bool| {
        for at in declared(item) {
            let text = at.to_string();
            let typo = is_typo(&text, &asked);
            if at != *path
                && (typo || at.file_name() == path.file_name())
                && seen.insert((at.clone(), item.origin.clone()))
            {
                let words = if said {
                    format!("`{part}` declares `{at}`")
                } else {
                    format!("`{part}`, not in this image, declares `{at}`")
                };
                let same = at.components().zip(path.components()).take_while(|(a, b)| a == b);
                near.push((!typo, usize::MAX - same.count(), at, words, item.origin.clone()));
            }
        }
    };
    for part in &image.parts {
        part.items.iter().for_each(|item| consider(item, &part.name, true));
    }
    for one in absent.for_image(&image.name) {
        consider(&one.item, &one.part, false);
    }
    if let BaseKind::Tree { files, .. } = &image.base.kind {
        let typos = files.iter().filter(|(file, _)| is_typo(&file.to_string(), &asked));
        near.extend(typos.map(|(file, _)| {
            let words = format!("the base `{}` has `{file}`", image.base.name);
            (false, 0, file.clone(), words, image.base.origin.clone())
        }));
    }
    near.sort();
    near.truncate(MOST);
    let hint =
        |(_, _, _, words, origin): (_, _, _, String, Origin)| Reason::new("near", words, &origin);
    near.into_iter().map(hint).collect()
}
