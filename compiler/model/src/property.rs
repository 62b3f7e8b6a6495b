//! What controls ask of resources, and the types of its values.

use serde::{Deserialize, Serialize};

/// What can be asked of a resource. One word means the same wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    /// It is there; for a file, what a link points at is there too.
    Exists,
    /// `file`, `directory`, `symlink`, …, of the path itself.
    Type,
    /// The type of what stands at the end of a path's links.
    LeadsTo,
    /// Owner's name.
    Owner,
    /// Group's name; of a user, the primary group.
    Group,
    /// Permission bits, in octal.
    Mode,
    /// A file's text.
    Content,
    /// One `KEY separator VALUE` line of a file.
    Setting,
    /// Bytes, of a file or of a file system.
    Size,
    /// What a symbolic link points at, as written.
    LinkTarget,
    /// The package, or the unit's file, is there.
    Installed,
    /// A package's version.
    Version,
    /// A user's id.
    Uid,
    /// A group's id.
    Gid,
    /// A user's supplementary groups.
    Groups,
    /// A user's home directory.
    Home,
    /// A user's login shell.
    Shell,
    /// The unit starts at boot.
    Enabled,
    /// The unit cannot be started.
    Masked,
    /// The unit is active now, or a process of the name runs.
    Running,
    /// Who runs a process.
    RunBy,
    /// The configured value of a kernel parameter.
    Value,
    /// modprobe does nothing for a kernel module.
    Disabled,
    /// A kernel module is not loaded by itself.
    Blacklisted,
    /// A keyword of a configuration has a value.
    Set,
    /// A keyword of a configuration has none.
    Absent,
    /// Something says what is mounted at a path.
    Configured,
    /// What is mounted at a path: a device, a share.
    Source,
    /// The type of a file system.
    FileSystem,
    /// Bytes of a file system that are free for everybody.
    Free,
    /// The options that a path is mounted with.
    Options,
    /// Something is mounted at a path.
    Mounted,
    /// Something waits at a port.
    Listening,
    /// What a port is waited at by: `tcp`, `tcp6`, `udp`, `udp6`.
    Protocol,
    /// The name of a process that waits at a port.
    Process,
    /// An address that a port is waited at.
    Address,
    /// A command's exit status.
    ExitStatus,
    /// A command's standard output.
    Stdout,
    /// A command's standard error.
    Stderr,
}

/// The type of a property's values, which decides the operators that fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// True or false; stands bare.
    Flag,
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// Permission bits as octal text.
    Mode,
    /// A version, in the order of the program that keeps the record.
    Version,
    /// Several texts.
    List,
    /// Several texts, one of which is asked for.
    Member,
    /// A key with its value.
    Setting,
    /// A keyword, with values or alone.
    Keyword,
}

impl Property {
    /// Every property.
    pub const ALL: [Self; 39] = [
        Self::Exists,
        Self::Type,
        Self::LeadsTo,
        Self::Owner,
        Self::Group,
        Self::Mode,
        Self::Content,
        Self::Setting,
        Self::Size,
        Self::LinkTarget,
        Self::Installed,
        Self::Version,
        Self::Uid,
        Self::Gid,
        Self::Groups,
        Self::Home,
        Self::Shell,
        Self::Enabled,
        Self::Masked,
        Self::Running,
        Self::RunBy,
        Self::Value,
        Self::Disabled,
        Self::Blacklisted,
        Self::Set,
        Self::Absent,
        Self::Configured,
        Self::Source,
        Self::FileSystem,
        Self::Free,
        Self::Options,
        Self::Mounted,
        Self::Listening,
        Self::Protocol,
        Self::Process,
        Self::Address,
        Self::ExitStatus,
        Self::Stdout,
        Self::Stderr,
    ];

    /// As controls spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            // A file's type is one of few, a file system's any.
            Self::Type | Self::FileSystem => "type",
            Self::LeadsTo => "leads-to",
            Self::Owner => "owner",
            Self::Group => "group",
            Self::Mode => "mode",
            Self::Content => "content",
            Self::Setting => "setting",
            Self::Size => "size",
            Self::LinkTarget => "link-target",
            Self::Installed => "installed",
            Self::Version => "version",
            Self::Uid => "uid",
            Self::Gid => "gid",
            Self::Groups => "groups",
            Self::Home => "home",
            Self::Shell => "shell",
            Self::Enabled => "enabled",
            Self::Masked => "masked",
            Self::Running => "running",
            Self::RunBy => "user",
            Self::Value => "value",
            Self::Disabled => "disabled",
            Self::Blacklisted => "blacklisted",
            Self::Set => "set",
            Self::Absent => "absent",
            Self::Configured => "configured",
            Self::Source => "source",
            Self::Free => "free",
            Self::Options => "options",
            Self::Mounted => "mounted",
            Self::Listening => "listening",
            Self::Protocol => "protocol",
            Self::Process => "process",
            Self::Address => "address",
            Self::ExitStatus => "exit-status",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The type of its values.
    pub fn value_kind(self) -> ValueKind {
        match self {
            Self::Exists
            | Self::Installed
            | Self::Enabled
            | Self::Masked
            | Self::Running
            | Self::Disabled
            | Self::Blacklisted
            | Self::Configured
            | Self::Mounted
            | Self::Listening => ValueKind::Flag,
            Self::Type
            | Self::LeadsTo
            | Self::Owner
            | Self::Group
            | Self::Content
            | Self::LinkTarget
            | Self::Source
            | Self::FileSystem
            | Self::Home
            | Self::Shell
            | Self::Value
            | Self::Stdout
            | Self::Stderr => ValueKind::Text,
            Self::Size | Self::Free | Self::Uid | Self::Gid | Self::ExitStatus => ValueKind::Number,
            Self::Mode => ValueKind::Mode,
            Self::Version => ValueKind::Version,
            Self::Groups | Self::Options => ValueKind::List,
            Self::Protocol | Self::Process | Self::Address | Self::RunBy => ValueKind::Member,
            Self::Setting => ValueKind::Setting,
            Self::Set | Self::Absent => ValueKind::Keyword,
        }
    }
}

impl std::fmt::Display for Property {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
