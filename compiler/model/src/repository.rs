use serde::{Deserialize, Serialize};

use crate::{ImagePath, Origin, SecretReference, SourceFile};

/// A repository of packages beside the base's own sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Its name in the spec, which lists and reports carry.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Suites; the only one is a path that ends in `/` where the repository is flat.
    pub suites: Vec<String>,
    /// Components; none where the repository is flat.
    pub components: Vec<String>,
    /// The public key that its lists are signed with; none where nobody signs them.
    pub key: Option<SourceFile>,
    /// `USER:PASSWORD`, for fetching alone: in no key, since it decides no byte.
    pub login: Option<SecretReference>,
    /// Where it is declared.
    pub origin: Origin,
}

/// A preference among the versions of a package (`apt_preferences(5)`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// A package's name or pattern.
    pub package: String,
    /// Which of its versions.
    pub to: PinTo,
    /// Their priority.
    pub priority: i32,
    /// Where it is declared.
    pub origin: Origin,
}

/// The versions that a [`Pin`] is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinTo {
    /// Versions of this pattern, `23.11.*`.
    Version(String),
    /// Versions of a release, `n=bookworm-backports`.
    Release(String),
}

impl Pin {
    /// The stanza that says so (`apt_preferences(5)`).
    pub fn stanza(&self) -> String {
        let Self { package, to: _, priority, origin: _ } = self;
        format!("Package: {package}\nPin: {}\nPin-Priority: {priority}\n", self.to_apt())
    }

    /// The versions that it is about, as `apt_preferences(5)` spells it.
    pub fn to_apt(&self) -> String {
        match &self.to {
            PinTo::Version(version) => format!("version {version}"),
            PinTo::Release(release) => format!("release {release}"),
        }
    }
}

/// A file from elsewhere, known by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// Its name in the spec.
    pub name: String,
    /// Where it is found; in no key, since the hash says what it is.
    pub url: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Where it is declared.
    pub origin: Origin,
}

/// Unpacks a fetched archive into a directory of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpack {
    /// The archive's name in the spec, for people.
    pub source: String,
    /// The directory.
    pub into: ImagePath,
    /// Components taken off each member's path.
    pub strip: u32,
    /// Owner's name.
    pub owner: String,
    /// Group's name.
    pub group: String,
    /// Files may run as their owner or group.
    pub setuid: bool,
    /// It may change what an earlier archive unpacked.
    pub overrides: bool,
    /// Where it is asked for.
    pub origin: Origin,
}

/// An answer to a question of debconf, given before packages are configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preseed {
    /// The package that asks.
    pub owner: String,
    /// The question, `tzdata/Areas`.
    pub question: String,
    /// Its type, `select`.
    pub kind: String,
    /// The answer.
    pub value: String,
    /// Where it is given.
    pub origin: Origin,
}
