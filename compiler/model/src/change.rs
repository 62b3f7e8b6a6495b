use serde::{Deserialize, Serialize};

use crate::{Digest, Edit, ImagePath, Origin, Shared};

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

impl Change {
    /// A change that the node at `origin` asked for.
    pub fn at(origin: &Origin, what: ChangeKind) -> Shared<Self> {
        Self { origin: origin.clone(), what }.into()
    }
}

/// An account as a spec declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its id; chosen by the range of login.defs when not given.
    pub uid: Option<u32>,
    /// The primary group's name; a group of the user's own name when not given.
    pub group: Option<String>,
    /// Supplementary groups.
    pub groups: Vec<String>,
    /// Home directory; `/home/NAME` when not given, `/nonexistent` for a system account.
    pub home: Option<String>,
    /// Login shell; `/bin/bash`, or `/usr/sbin/nologin` for a system account.
    pub shell: Option<String>,
    /// The comment field.
    pub comment: String,
    /// Takes its id from the system range, has no home made unless there are keys.
    pub system: bool,
    /// The password's hash, as crypt(5) writes it; locked when not given.
    pub password: Option<String>,
    /// Lines of `~/.ssh/authorized_keys`, all that are in it; left alone when there are none.
    pub keys: Vec<String>,
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
        /// One that is there, or that a link leads to, stays as it is.
        keep: bool,
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
    /// An edit of a file that a layer below has; mode and owner stay, and links are followed.
    Edit {
        /// Where.
        path: ImagePath,
        /// What is put into it.
        edit: Edit,
        /// Where no layer below has it, it is made: root's, and 0644.
        create: bool,
    },
    /// Takes away what matches; `*` and `?` match within a component, a trailing `/*` empties a
    /// directory, a plain path takes away that path and all below it.
    Remove {
        /// An absolute path or glob.
        pattern: String,
    },
    /// Takes away modules of the kernel, and keeps depmod's tables right. What a kept module needs
    /// is kept.
    KernelModules {
        /// Names, globs or directories of modules that stay; all when empty.
        keep: Vec<String>,
        /// Names, globs or directories of modules that go.
        drop: Vec<String>,
        /// `/lib/firmware` stays.
        firmware: bool,
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
    /// An account in `/etc/passwd` and `/etc/shadow`, with its groups.
    User(User),
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
    /// The one path that the change declares or edits, when there is one.
    pub fn path(&self) -> Option<&ImagePath> {
        match self {
            Self::Directory { path, keep: false, .. }
            | Self::File { path, .. }
            | Self::Link { path, .. }
            | Self::Edit { path, .. } => Some(path),
            // What may be another's is not declared.
            Self::Directory { keep: true, .. }
            | Self::Remove { .. }
            | Self::KernelModules { .. }
            | Self::Group { .. }
            | Self::User(_)
            | Self::Enable { .. }
            | Self::Disable { .. }
            | Self::Mask { .. } => None,
        }
    }
}
