use serde::{Deserialize, Serialize};

use crate::{Digest, ImagePath, Origin};

/// A file of the project, by path, as a plan refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path relative to the project's root, with `/` between components.
    pub path: String,
    /// Digest of its content.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// True when git or the disk marks it executable.
    pub executable: bool,
}

/// What a declared file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Text written in the spec or rendered from a template.
    Text(String),
    /// A file of the project, byte for byte.
    Source(SourceFile),
}

impl Content {
    /// The digest of the bytes.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Text(text) => Digest::of(text.as_bytes()),
            Self::Source(file) => file.digest,
        }
    }
}

/// One typed change that a file layer makes, with the place that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The node of the spec that asked for it. Never part of a key.
    pub origin: Origin,
    /// What is changed.
    pub what: ChangeKind,
}

/// The kinds of changes. Owners and groups are names, resolved with the image's own `passwd`
/// and `group` when the layer is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// A directory with this mode and owner; made when absent, changed when present.
    Directory {
        /// Where.
        path: ImagePath,
        /// Permission bits, with set-id and sticky bits.
        mode: u32,
        /// Owner's name.
        owner: String,
        /// Group's name.
        group: String,
    },
    /// A regular file; missing parents are made 0755 root:root.
    File {
        /// Where.
        path: ImagePath,
        /// The bytes.
        content: Content,
        /// Permission bits, with set-id bits.
        mode: u32,
        /// Owner's name.
        owner: String,
        /// Group's name.
        group: String,
    },
    /// A symbolic link.
    Link {
        /// Where.
        path: ImagePath,
        /// What it points at, as written.
        target: String,
    },
    /// Takes away what matches; `*` and `?` match within a component, a trailing `/*` empties a
    /// directory, a plain path takes away that path and all below it.
    Remove {
        /// An absolute path or glob.
        pattern: String,
    },
    /// A group in `/etc/group` and `/etc/gshadow`.
    Group {
        /// Its name.
        name: String,
        /// Its id; chosen by the range of login.defs when not given.
        gid: Option<u32>,
        /// Takes its id from the system range.
        system: bool,
    },
    /// An account in `/etc/passwd` and `/etc/shadow`, locked, with its groups.
    User {
        /// Its name.
        name: String,
        /// Its id; chosen by the range of login.defs when not given.
        uid: Option<u32>,
        /// The primary group's name; a group of the user's own name when not given.
        group: Option<String>,
        /// Supplementary groups.
        groups: Vec<String>,
        /// Home directory; `/home/NAME` when not given, `/nonexistent` for a system account.
        home: Option<String>,
        /// Login shell; `/bin/bash`, or `/usr/sbin/nologin` for a system account.
        shell: Option<String>,
        /// The comment field.
        comment: String,
        /// Takes its id from the system range, has no home made.
        system: bool,
    },
    /// Enables a unit as `systemctl --root enable` would.
    Enable {
        /// The unit's full name.
        unit: String,
    },
    /// Disables a unit: takes away its links.
    Disable {
        /// The unit's full name.
        unit: String,
    },
    /// Masks a unit: a link to `/dev/null` in `/etc/systemd/system`.
    Mask {
        /// The unit's full name.
        unit: String,
    },
}

impl ChangeKind {
    /// The one path that the change declares, when it declares one.
    pub fn path(&self) -> Option<&ImagePath> {
        match self {
            Self::Directory { path, .. } | Self::File { path, .. } | Self::Link { path, .. } => {
                Some(path)
            }
            Self::Remove { .. }
            | Self::Group { .. }
            | Self::User { .. }
            | Self::Enable { .. }
            | Self::Disable { .. }
            | Self::Mask { .. } => None,
        }
    }
}
