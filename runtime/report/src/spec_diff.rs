//! Two resolved images compared, for people and for programs.

use std::fmt::Write as _;

use forge_model::Origin;
use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::{ChangeKind, FieldDiff};
use crate::shape::{Place, pretty};
use crate::text;

/// What one resolved image says otherwise than another: `forgec diff --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SpecDiff {
    /// Version of this form: it rises when a field goes or changes its meaning.
    pub version: u32,
    /// The first image.
    pub old: Side,
    /// The second image.
    pub new: Side,
    /// What the images set, where it differs; the image's own name is left out.
    pub values: Vec<ValueDiff>,
    /// What differs in the image's own node, in its roles and in its own items.
    pub parts: Vec<PartDiff>,
}

impl SpecDiff {
    /// Whether the two say the same.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.parts.is_empty()
    }
}

/// One of the two images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Side {
    /// The image.
    pub image: String,
    /// The revision as it was asked for; null for the files on disk.
    pub revision: Option<String>,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{revision}:{}", self.image),
            None => f.write_str(&self.image),
        }
    }
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ValueDiff {
    /// Its name.
    pub name: String,
    /// In the first image; null when it has none.
    pub old: Option<GivenValue>,
    /// In the second image; null when it has none.
    pub new: Option<GivenValue>,
}

/// A value with its giver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GivenValue {
    /// The value as a spec writes it.
    pub value: String,
    /// Who gave it, in words.
    pub by: String,
    /// Where it stands.
    #[schemars(with = "Place<'static>")]
    pub origin: Origin,
}

/// What a part of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartKind {
    /// The image's node: base, kernel, output, profiles.
    Image,
    /// A role.
    Role,
    /// The items that stand in the image's own node.
    Items,
}

/// A part that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PartDiff {
    /// What it is.
    pub kind: PartKind,
    /// A role's name, or the image's.
    pub name: String,
    /// Only in the second image, only in the first, or other.
    pub change: ChangeKind,
    /// Where the first image asks for it; null when it does not.
    #[schemars(with = "Option<Place<'static>>")]
    pub old: Option<Origin>,
    /// Where the second image asks for it; null when it does not.
    #[schemars(with = "Option<Place<'static>>")]
    pub new: Option<Origin>,
    /// A role's parameters that have other values; all of them for a role that only one has.
    pub parameters: Vec<ValueDiff>,
    /// What it says otherwise.
    pub items: Vec<ItemDiff>,
}

/// One node that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ItemDiff {
    /// The node's name: `file`, `package`, …
    pub kind: String,
    /// What it is about: a path, a name.
    pub subject: String,
    /// Only in the second image, only in the first, or other.
    pub change: ChangeKind,
    /// Where it stands for the first image; null when that lacks it.
    #[schemars(with = "Option<Place<'static>>")]
    pub old: Option<Origin>,
    /// Where it stands for the second image; null when that lacks it.
    #[schemars(with = "Option<Place<'static>>")]
    pub new: Option<Origin>,
    /// The properties that differ; all of them for what is in one image alone.
    pub says: Vec<SaidDiff>,
    /// Texts that differ, line by line.
    pub texts: Vec<TextDiff>,
}

/// A property that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SaidDiff {
    /// Its name.
    pub name: String,
    /// In the first image; null when it has none.
    pub old: Option<String>,
    /// In the second image; null when it has none.
    pub new: Option<String>,
}

/// The lines of a text that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TextDiff {
    /// The path in the image, or the script's in the project.
    pub path: String,
    /// A unified diff without its file names.
    pub diff: String,
}

/// The comparison as JSON.
pub fn spec_diff_json(diff: &SpecDiff) -> String {
    pretty(diff)
}

/// The comparison, for people.
pub fn spec_diff_text(diff: &SpecDiff) -> String {
    let SpecDiff { version: _, old, new, values, parts } = diff;
    if diff.is_empty() {
        return format!("`{old}` and `{new}` say the same\n");
    }
    let mut out = format!("{old} -> {new}\n");
    for value in values {
        value_line(&mut out, "  set ", value);
    }
    for part in parts {
        let PartDiff { kind, name, change, old, new, parameters, items } = part;
        let what = match kind {
            PartKind::Image => format!("image {name}"),
            PartKind::Role => format!("role {name}"),
            PartKind::Items => format!("image {name} itself"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{} {what}{}", change.sign(), places(old.as_ref(), new.as_ref()));
        for value in parameters {
            value_line(&mut out, "    parameter ", value);
        }
        for item in items {
            item_lines(&mut out, item);
        }
    }
    out
}

fn item_lines(out: &mut String, item: &ItemDiff) {
    let ItemDiff { kind, subject, change, old, new, says, texts } = item;
    let subject = if subject.is_empty() { String::new() } else { format!(" {subject}") };
    let head = format!("  {} {kind}{subject}", change.sign());
    let place = places(old.as_ref(), new.as_ref());
    // Writing to a String cannot fail.
    if *change == ChangeKind::Changed {
        let _ = writeln!(out, "{head}{place}");
        for said in says {
            let _ = match said_in_words(said) {
                (Some(old), Some(new)) => writeln!(out, "      {}: {old} -> {new}", said.name),
                (None, Some(new)) => writeln!(out, "      + {}: {new}", said.name),
                (Some(old), None) => writeln!(out, "      - {}: {old}", said.name),
                (None, None) => writeln!(out, "      {}", said.name),
            };
        }
    } else {
        let said = says.iter().map(|said| {
            let (old, new) = said_in_words(said);
            format!(" {}={:?}", said.name, new.or(old).unwrap_or_default())
        });
        let _ = writeln!(out, "{head}{}{place}", said.collect::<String>());
    }
    for TextDiff { path, diff } in texts {
        if texts.len() > 1 {
            let _ = writeln!(out, "      {path}");
        }
        out.push_str(&text::lines_below(diff));
    }
}

/// Short enough for a line, and cut so that they differ.
fn said_in_words(said: &SaidDiff) -> (Option<String>, Option<String>) {
    let SaidDiff { name, old, new } = said;
    let (name, old, new) = (name.clone(), old.clone(), new.clone());
    text::values(&FieldDiff { name, old, new, origin: None, lines: None })
}

fn value_line(out: &mut String, head: &str, value: &ValueDiff) {
    let ValueDiff { name, old, new } = value;
    let text = |given: &Option<GivenValue>| given.as_ref().map(|given| given.value.clone());
    let said = SaidDiff { name: name.clone(), old: text(old), new: text(new) };
    let (short_old, short_new) = said_in_words(&said);
    let told = |short: Option<String>, given: &Option<GivenValue>| match (short, given) {
        (Some(value), Some(GivenValue { value: _, by, origin })) => {
            format!("{value} ({by}, {origin})")
        }
        _ => "nothing".to_owned(),
    };
    let (old, new) = (told(short_old, old), told(short_new, new));
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{head}{name}: {old} -> {new}");
}

/// ` at NEW`, with the old place where it is another.
fn places(old: Option<&Origin>, new: Option<&Origin>) -> String {
    match (old, new) {
        (Some(old), Some(new)) if old.to_string() != new.to_string() => {
            format!(" at {new}, was at {old}")
        }
        (_, Some(one)) | (Some(one), None) => format!(" at {one}"),
        (None, None) => String::new(),
    }
}
