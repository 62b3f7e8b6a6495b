use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Origin;

/// Where a check is judged, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What the spec already says.
    Spec,
    /// The built tree, nothing started.
    Tree,
    /// A container of it, no init, for the output of the image's own programs.
    Container,
    /// A booted container.
    Booted,
}

impl Level {
    /// `spec`, `tree`, `container`, `booted`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Tree => "tree",
            Self::Container => "container",
            Self::Booted => "booted",
        }
    }
}

/// A set of controls, with its parameters already put in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// One line.
    pub title: String,
    /// The controls, in the order of the file.
    pub controls: Vec<Control>,
    /// Where it is declared.
    pub origin: Origin,
}

/// One control: a demand with an identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Its id, `beegfs-4`.
    pub id: String,
    /// The profile's name.
    pub profile: String,
    /// 0.0 to 1.0.
    pub impact: f64,
    /// One line.
    pub title: String,
    /// More lines.
    pub description: String,
    /// Tags such as `nist` and `severity`.
    pub tags: BTreeMap<String, String>,
    /// What must hold; all of them.
    pub checks: Vec<Check>,
    /// The control counts only where all of these hold.
    pub only_if: Vec<Check>,
    /// Judged no earlier than here.
    pub level: Option<Level>,
    /// The control's own text, for reports.
    pub code: String,
    /// Where it is declared.
    pub origin: Origin,
}

/// One demand on one resource, or a choice of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Check {
    /// All expectations on one resource.
    Resource {
        /// What is looked at.
        resource: Resource,
        /// What must hold of it.
        expectations: Vec<Expectation>,
        /// The node.
        origin: Origin,
    },
    /// At least one of these must hold whole.
    AnyOf {
        /// The choices.
        checks: Vec<Check>,
        /// The node.
        origin: Origin,
    },
}

/// What a check looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// A path.
    File {
        /// Absolute.
        path: String,
    },
    /// A package.
    Package {
        /// Its name.
        name: String,
    },
    /// An account.
    User {
        /// Its name.
        name: String,
    },
    /// A group.
    Group {
        /// Its name.
        name: String,
    },
    /// A systemd unit; `.service` unless the name has an ending.
    Service {
        /// As written.
        name: String,
    },
    /// A kernel parameter as sysctl names it.
    KernelParameter {
        /// `net.ipv4.ip_forward`.
        name: String,
    },
    /// A command line, run by `/bin/sh -c` in the image.
    Command {
        /// The line.
        line: String,
        /// Seconds it may take.
        timeout: u32,
    },
}

/// One expectation on one property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The property: `exists`, `mode`, `content`, `enabled`, …
    pub property: String,
    /// The expectation must not hold.
    pub negated: bool,
    /// How the value is compared.
    pub operator: Operator,
    /// The node.
    pub origin: Origin,
}

/// How a property's value is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operator {
    /// The property is true.
    IsTrue,
    /// Equals one of these.
    OneOf(Vec<Scalar>),
    /// Contains this text, or this element.
    Includes(Scalar),
    /// A regular expression finds a match; `^` and `$` stand at lines.
    Matches(String),
    /// At least; versions by Debian's order, modes by bits.
    Min(Scalar),
    /// At most; `mode max=` means no bit beyond these.
    Max(Scalar),
    /// More than.
    Above(Scalar),
    /// Less than.
    Below(Scalar),
    /// `setting "KEY" "value" sep="="`: a `KEY sep VALUE` line, spacing free.
    Setting {
        /// The key.
        key: String,
        /// The value.
        value: Scalar,
        /// The separator between them.
        separator: String,
    },
}

/// A literal in an expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Bool(bool),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}
