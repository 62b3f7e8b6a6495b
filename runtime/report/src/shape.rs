//! Shapes that the JSON forms share, and their schemas.

use forge_model::Origin;
use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::{ChangeKind, FieldDiff, Last, LayerDiff, NamedChange, Outlook};

/// A place in a file of the project.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Place<'a> {
    /// The file's path, relative to the project's root; of the shipped library, `std/…`.
    file: &'a str,
    /// The line, from 1.
    line: u32,
    /// The column in characters, from 1.
    column: u32,
}

impl<'a> From<&'a Origin> for Place<'a> {
    fn from(Origin { file, line, column }: &'a Origin) -> Self {
        Self { file, line: *line, column: *column }
    }
}

/// One field of a step with its old and its new value.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Field<'a> {
    /// The field's name, `content of /etc/motd`; stable over releases.
    name: &'a str,
    /// The value before; null when the field is new.
    old: Option<&'a str>,
    /// The value now; null when the field is gone.
    new: Option<&'a str>,
    /// Where the new value is written, or the old one was.
    origin: Option<Place<'a>>,
    /// Of a text, the lines that differ, as a unified diff: old and new value are its digests. Null
    /// for everything else, for what is no text, and for what is very long.
    lines: Option<&'a str>,
}

impl<'a> From<&'a FieldDiff> for Field<'a> {
    fn from(FieldDiff { name, old, new, origin, lines }: &'a FieldDiff) -> Self {
        let origin = origin.as_ref().map(Place::from);
        let lines = lines.as_deref();
        Self { name, old: old.as_deref(), new: new.as_deref(), origin, lines }
    }
}

/// Something with a name that is new, gone or changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Named<'a> {
    /// A control's id or a secret's name.
    name: &'a str,
    /// What happens to it.
    change: ChangeKind,
}

impl<'a> From<&'a NamedChange> for Named<'a> {
    fn from(NamedChange { name, change }: &'a NamedChange) -> Self {
        Self { name, change: *change }
    }
}

/// What an earlier build tells of a step.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LastBuild {
    /// How long the step took.
    seconds: f64,
    /// Bytes of the layer, file or image that it gave; null for what gives no such thing.
    bytes: Option<u64>,
    /// True when the very step was done, false when one of the same name that has changed since.
    same: bool,
}

impl From<Last> for LastBuild {
    fn from(Last { took, bytes, same }: Last) -> Self {
        Self { seconds: took.as_secs_f64(), bytes, same }
    }
}

/// What the next build does with a step.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutlookWord {
    /// The store has its result.
    Cached,
    /// It is done in any case.
    Builds,
    /// It is done, since the store has lost the result that it had.
    Lost,
    /// It is done unless the steps of `unless` come out as they were.
    Unless,
    /// It cannot be said, for the reason in `because`.
    Unknown,
}

/// One step.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Step<'a> {
    /// Its label, unique within an image.
    #[serde(rename = "step")]
    label: &'a str,
    /// What it does: `packages`, `changes`, …
    action: &'a str,
    /// What happens to it: root cause, or cascade; null when it is kept.
    change: Option<ChangeKind>,
    /// What the next build does with it; absent when two revisions are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    outlook: Option<OutlookWord>,
    /// Labels of the steps that decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    unless: Option<&'a [String]>,
    /// The reason why nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
    /// Where it is declared.
    origin: Option<Place<'a>>,
    /// The fields that differ.
    fields: Vec<Field<'a>>,
    /// For a cascade, the labels of the root causes that it follows from.
    follows: &'a [String],
    /// What an earlier build tells of it; null when nothing is known.
    last: Option<LastBuild>,
}

impl<'a> From<&'a LayerDiff> for Step<'a> {
    fn from(layer: &'a LayerDiff) -> Self {
        let LayerDiff { label, action, change, fields, origin, outlook, follows, last } = layer;
        let change = (*outlook != Outlook::Cached).then_some(*change);
        let (outlook, unless, because) = outlook_words(outlook);
        Self {
            label,
            action,
            change,
            outlook,
            unless,
            because,
            origin: origin.as_ref().map(Place::from),
            fields: fields.iter().map(Field::from).collect(),
            follows,
            last: last.map(LastBuild::from),
        }
    }
}

/// The outlook in one word, the steps that decide, and why nothing can be said.
fn outlook_words(outlook: &Outlook) -> (Option<OutlookWord>, Option<&[String]>, Option<&str>) {
    let (word, unless, because) = match outlook {
        Outlook::Keys => return (None, None, None),
        Outlook::Cached => (OutlookWord::Cached, None, None),
        Outlook::Builds => (OutlookWord::Builds, None, None),
        Outlook::Lost => (OutlookWord::Lost, None, None),
        Outlook::Unless(steps) => (OutlookWord::Unless, Some(steps.as_slice()), None),
        Outlook::Unknown(why) => (OutlookWord::Unknown, None, Some(why.as_str())),
    };
    (Some(word), unless, because)
}

/// Plain data with string keys always has a JSON form.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// The JSON Schema of a shape, as text.
fn schema<T: JsonSchema>() -> String {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    pretty(&settings.into_generator().into_root_schema_for::<T>())
}

/// The schemas of all JSON forms, by the command that writes them.
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        ("blame", schema::<crate::blame::Blame<'_>>()),
        ("diff", schema::<crate::spec_diff::SpecDiff>()),
        ("doctor", schema::<crate::doctor::HostReport>()),
        ("plan", schema::<crate::plan_json::Plan<'_>>()),
        ("why", schema::<crate::why::Why<'_>>()),
        ("why-not", schema::<crate::why_not::WhyNotReport>()),
    ]
}
