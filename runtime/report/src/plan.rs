//! What a plan report is made from.

use forge_model::Origin;
use serde::Serialize;

/// What a plan changes: all that the text, Markdown, JSON and Terraform forms are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanDiff {
    /// What the plan is compared with.
    pub basis: Basis,
    /// Images that change, are new or are gone, by name.
    pub images: Vec<ImageDiff>,
    /// Names of images that stay as they are.
    pub unchanged: Vec<String>,
}

/// What a plan is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Another revision of the project, as the user named it.
    Revision(String),
    /// What the store holds: the report says what the next build does.
    Store,
}

/// Whether something is new, gone, or other than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is no longer there.
    Removed,
    /// It is itself other than before: a root cause.
    Changed,
    /// Only what it stands on is other than before.
    Cascade,
}

impl ChangeKind {
    /// The word that reports use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Cascade => "cascade",
        }
    }

    /// `+`, `-`, `~`, and `>` for what follows from another change.
    pub fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
            Self::Cascade => '>',
        }
    }
}

/// One image that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageDiff {
    /// Its name.
    pub image: String,
    /// New, gone, or changed; never a cascade.
    pub change: ChangeKind,
    /// Its steps that change, from the bottom up.
    pub layers: Vec<LayerDiff>,
    /// Controls that are new, gone, or demand other things.
    pub controls: Vec<NamedChange>,
    /// Number of controls that are judged again because the tree changes.
    pub controls_judged_again: usize,
    /// Secrets whose ciphertext, version or delivery changes, by name; never a value.
    pub secrets: Vec<NamedChange>,
}

/// Something with a name that is new, gone or changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NamedChange {
    /// A control's id or a secret's name.
    pub name: String,
    /// What happens to it.
    pub change: ChangeKind,
}

/// One step that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerDiff {
    /// Its label, `slurm-client/packages`.
    pub label: String,
    /// What it does: `packages`, `changes`, …
    pub action: String,
    /// Root cause or cascade.
    pub change: ChangeKind,
    /// The fields that differ; empty for a cascade.
    pub fields: Vec<FieldDiff>,
    /// Where the step is declared.
    pub origin: Option<Origin>,
    /// What the next build does with it.
    pub outlook: Outlook,
}

/// What the next build does with a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outlook {
    /// Nothing is known beyond the keys: the step is done, unless a step that it stands on comes
    /// out as it was.
    #[default]
    Keys,
    /// The store has its result.
    Cached,
    /// It is done in any case.
    Builds,
    /// It is done unless the step of this label comes out the same.
    Unless(String),
    /// It cannot be said, for this reason.
    Unknown(String),
}

/// One field with its old and its new value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FieldDiff {
    /// The field's name, `content of /etc/motd`.
    pub name: String,
    /// The value before; none when the field is new.
    pub old: Option<String>,
    /// The value now; none when the field is gone.
    pub new: Option<String>,
    /// Where the new value is written, or the old one was.
    pub origin: Option<Origin>,
}
