//! What a plan report is made from.

use std::time::Duration;

use forge_model::Origin;
use schemars::JsonSchema;
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
    /// The work that this means at most, each step counted once.
    pub work: Work,
}

/// Steps that are to be done, with what earlier builds tell of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Number of steps.
    pub steps: usize,
    /// Number of those that no earlier build tells of.
    pub unknown: usize,
    /// How long the others took, one after the other.
    pub took: Duration,
    /// What the others gave.
    pub bytes: u64,
}

impl Work {
    /// Counts a step.
    pub fn add(&mut self, last: Option<Last>) {
        self.steps += 1;
        match last {
            Some(Last { took, bytes, same: _ }) => {
                self.took += took;
                self.bytes += bytes.unwrap_or(0);
            }
            None => self.unknown += 1,
        }
    }
}

/// What an earlier build tells of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// How long it took.
    pub took: Duration,
    /// Bytes of the layer, file or image that it gave; none for what gives no such thing.
    pub bytes: Option<u64>,
    /// The very step was done; otherwise one of the same name that has changed since.
    pub same: bool,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
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
    /// Names of the profiles of `InSpec` among them.
    pub profiles_judged_again: Vec<String>,
    /// Secrets whose ciphertext, version or delivery changes, by name; never a value.
    pub secrets: Vec<NamedChange>,
}

/// Something with a name that is new, gone or changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The fields that differ; empty for a cascade, and for what is new or gone.
    pub fields: Vec<FieldDiff>,
    /// Where the step is declared.
    pub origin: Option<Origin>,
    /// What the next build does with it.
    pub outlook: Outlook,
    /// Labels of the root causes that a cascade follows from.
    pub follows: Vec<String>,
    /// What an earlier build tells of it; none when nothing is known.
    pub last: Option<Last>,
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
    /// It is done, since the result that it had is no longer in the store.
    Lost,
    /// It is done unless the steps of these labels come out the same.
    Unless(Vec<String>),
    /// It cannot be said, for this reason.
    Unknown(String),
}

/// One field with its old and its new value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldDiff {
    /// The field's name, `content of /etc/motd`.
    pub name: String,
    /// The value before; none when the field is new.
    pub old: Option<String>,
    /// The value now; none when the field is gone.
    pub new: Option<String>,
    /// Where the new value is written, or the old one was.
    pub origin: Option<Origin>,
    /// Of a text, the lines that differ, as a unified diff; old and new value are its digests.
    pub lines: Option<String>,
}

impl FieldDiff {
    /// Whether a reader sees the same: several images may have other texts that change alike.
    pub(crate) fn reads_as(&self, other: &Self) -> bool {
        let Self { name, old: _, new: _, origin, lines } = self;
        match lines {
            Some(_) => (name, origin, lines) == (&other.name, &other.origin, &other.lines),
            None => self == other,
        }
    }
}

impl LayerDiff {
    /// Whether a reader sees the same of both. Every change is compared with every other. How long
    /// each of several texts took to write tells nobody anything.
    pub(crate) fn reads_as(&self, other: &Self) -> bool {
        let Self { label, action, change, fields, origin, outlook, follows, last } = self;
        *label == other.label
            && *origin == other.origin
            && fields.len() == other.fields.len()
            && fields.iter().zip(&other.fields).all(|(one, another)| one.reads_as(another))
            && (action, change, outlook) == (&other.action, &other.change, &other.outlook)
            && *follows == other.follows
            && (*last == other.last || fields.iter().any(|field| field.lines.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(digest: &str, lines: Option<&str>) -> LayerDiff {
        let (old, new) = (Some("0".repeat(64)), Some(digest.repeat(64)));
        let (name, lines) = ("content of /etc/motd".to_owned(), lines.map(str::to_owned));
        LayerDiff {
            label: "motd/files".to_owned(),
            action: "changes".to_owned(),
            change: ChangeKind::Changed,
            fields: vec![FieldDiff { name, old, new, origin: None, lines }],
            origin: None,
            outlook: Outlook::Builds,
            follows: Vec::new(),
            last: None,
        }
    }

    #[test]
    fn texts_that_change_alike_are_one_change() {
        let one = layer("1", Some("+a\n"));
        assert!(one.reads_as(&layer("2", Some("+a\n"))));
        assert!(!one.reads_as(&layer("1", Some("+b\n"))));
        assert!(!one.reads_as(&layer("1", None)));
        assert!(!layer("1", None).reads_as(&layer("2", None)));
        let other = LayerDiff { label: "other/files".to_owned(), ..layer("1", Some("+a\n")) };
        assert!(!one.reads_as(&other));
    }
}
