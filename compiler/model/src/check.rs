use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DocumentFormat, Origin, Property, Shared, ValueKind, Waiver};

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
    /// A running node. No image is judged there.
    Node,
}

impl Level {
    /// `spec`, `tree`, `container`, `booted`, `node`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Tree => "tree",
            Self::Container => "container",
            Self::Booted => "booted",
            Self::Node => "node",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The profile of the controls that nobody wrote: what the items of an image need. No declared
/// profile can have this name.
pub const REQUIREMENTS: &str = "forge/requirements";

/// A set of controls, with its parameters already put in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// One line.
    pub title: String,
    /// The controls, in the order of the file.
    pub controls: Vec<Shared<Control>>,
    /// Waivers of some of them, wherever the profile is asked for.
    pub waivers: Vec<Waiver>,
    /// Where it is declared.
    pub origin: Origin,
}

impl Profile {
    /// Keeps controls from being judged whose waivers say so.
    pub fn leave_out(&mut self, waivers: &[Waiver]) {
        for waiver in waivers.iter().filter(|waiver| !waiver.run && waiver.profile == self.name) {
            for control in &mut self.controls {
                if control.id == waiver.control && control.run {
                    *control = Shared::from(Control { run: false, ..(**control).clone() });
                }
            }
        }
    }
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
    /// Else it is not judged: a waiver says so.
    pub run: bool,
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
    /// A kernel module, `-` and `_` the same.
    KernelModule {
        /// Its name.
        name: String,
    },
    /// What the SSH server is told: `/etc/ssh/sshd_config` with all that it includes.
    SshdConfig {
        /// The file.
        path: String,
    },
    /// A mount point.
    Mount {
        /// Absolute.
        path: String,
    },
    /// What waits at a port of TCP or UDP.
    Port {
        /// The number, in digits.
        number: String,
    },
    /// What runs under a name.
    Process {
        /// The name that the kernel has of it, `slurmd`.
        name: String,
    },
    /// The file system that a path of a node is on.
    Filesystem {
        /// Absolute.
        path: String,
    },
    /// A command line, run by `/bin/sh -c` in the image.
    Command {
        /// The line.
        line: String,
        /// Seconds it may take.
        timeout: u32,
    },
}

impl Resource {
    /// The word that controls use for it: `file`, `kernel-parameter`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Package { .. } => "package",
            Self::User { .. } => "user",
            Self::Group { .. } => "group",
            Self::Service { .. } => "service",
            Self::KernelParameter { .. } => "kernel-parameter",
            Self::KernelModule { .. } => "kernel-module",
            Self::SshdConfig { .. } => "sshd-config",
            Self::Mount { .. } => "mount",
            Self::Port { .. } => "port",
            Self::Process { .. } => "process",
            Self::Filesystem { .. } => "filesystem",
            Self::Command { .. } => "command",
        }
    }

    /// What it names: the path, the package, the command line.
    pub fn subject(&self) -> &str {
        match self {
            Self::File { path }
            | Self::SshdConfig { path }
            | Self::Mount { path }
            | Self::Filesystem { path } => path,
            Self::Package { name }
            | Self::User { name }
            | Self::Group { name }
            | Self::Service { name }
            | Self::KernelParameter { name }
            | Self::KernelModule { name }
            | Self::Process { name } => name,
            Self::Port { number } => number,
            Self::Command { line, timeout: _ } => line,
        }
    }

    /// The properties that can be asked of it.
    pub fn properties(&self) -> &'static [Property] {
        use Property as P;
        match self {
            Self::File { .. } => &[
                P::Exists,
                P::Type,
                P::LeadsTo,
                P::Owner,
                P::Group,
                P::Mode,
                P::Content,
                P::Setting,
                P::Size,
                P::LinkTarget,
            ],
            Self::Package { .. } => &[P::Installed, P::Version],
            Self::User { .. } => &[P::Exists, P::Uid, P::Group, P::Groups, P::Home, P::Shell],
            Self::Group { .. } => &[P::Exists, P::Gid],
            Self::Service { .. } => &[P::Installed, P::Enabled, P::Masked, P::Running],
            Self::KernelParameter { .. } => &[P::Value],
            Self::KernelModule { .. } => &[P::Exists, P::Disabled, P::Blacklisted],
            Self::SshdConfig { .. } => &[P::Set, P::Absent],
            Self::Mount { .. } => {
                &[P::Configured, P::Source, P::FileSystem, P::Options, P::Mounted]
            }
            Self::Port { .. } => &[P::Listening, P::Protocol, P::Process, P::Address],
            Self::Process { .. } => &[P::Running, P::RunBy],
            Self::Filesystem { .. } => &[P::FileSystem, P::Size, P::Free],
            Self::Command { .. } => &[P::ExitStatus, P::Stdout, P::Stderr],
        }
    }
}

/// `file /etc/motd`.
impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind(), self.subject())
    }
}

/// One expectation on one property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// What is asked.
    pub property: Property,
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
    /// At least; versions by the order of their record, modes by bits.
    Min(Scalar),
    /// At most; `mode max=` means no bit beyond these.
    Max(Scalar),
    /// More than.
    Above(Scalar),
    /// Less than.
    Below(Scalar),
    /// `setting "KEY" "value" sep="="`: a `KEY sep VALUE` line, spacing free, comments left out.
    /// Where several lines set the key, all of them must agree with this.
    Setting {
        /// The key.
        key: String,
        /// One of these values.
        values: Vec<Scalar>,
        /// The separator between them; blank means white space.
        separator: String,
        /// Only below this `[section]`.
        section: Option<String>,
    },
    /// `setting "/a/b" "value" format="json"`: a place of a document. Types of values count.
    Document {
        /// The place, a JSON pointer (RFC 6901).
        pointer: String,
        /// One of these values.
        values: Vec<Scalar>,
        /// How the file is written.
        format: DocumentFormat,
    },
    /// `set "KEYWORD" "value"`, `absent "KEYWORD"`.
    Keyword {
        /// The keyword.
        key: String,
        /// One of these values; none for a keyword that must be absent.
        values: Vec<Scalar>,
    },
}

impl Operator {
    /// True when it fits the property's values. A demand with another could never be judged, so
    /// it is a mistake when a control is compiled.
    pub fn fits(&self, property: Property) -> bool {
        use ValueKind as K;
        let kind = property.value_kind();
        // A kernel parameter's value is text that is often a number.
        let value = property == Property::Value;
        match self {
            Self::IsTrue => kind == K::Flag,
            Self::OneOf(_) => !matches!(kind, K::Flag | K::List | K::Setting | K::Keyword),
            Self::Includes(_) => matches!(kind, K::Text | K::List),
            Self::Matches(_) => matches!(kind, K::Text | K::List | K::Version | K::Member),
            Self::Min(_) | Self::Max(_) => {
                value || matches!(kind, K::Number | K::Mode | K::Version)
            }
            Self::Above(_) | Self::Below(_) => value || matches!(kind, K::Number | K::Version),
            Self::Setting { .. } | Self::Document { .. } => kind == K::Setting,
            Self::Keyword { .. } => kind == K::Keyword,
        }
    }
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
    /// What stands where a document has no value: `null`.
    Null,
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
        }
    }
}
