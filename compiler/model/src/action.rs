use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Change, Control, Digest, Fetch, ImagePath, InspecProfile, Level, Located, Origin, Pin, Preseed,
    Repository, Shared, SourceFile, Unpack,
};

/// What one node of a plan does. Closed: every `match` on it names every kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Turns package names into an exact list of versions and hashes.
    Resolve(Box<Resolve>),
    /// Makes the lowest layer.
    Base(Box<Base>),
    /// Installs packages from a resolved list.
    Packages(Box<Packages>),
    /// Fetches a file by its hash.
    Fetch(Box<Fetch>),
    /// Unpacks a fetched archive.
    Unpack(Box<Unpack>),
    /// Applies typed changes without any sandbox.
    Changes(Changes),
    /// Runs a script in the sandbox.
    Run(Box<Run>),
    /// Writes secret files into the last, machine-local layer.
    Secrets(Secrets),
    /// Writes the image's name and digest.
    Stamp(Box<Stamp>),
    /// Judges controls against the finished tree or a container of it.
    Verify(Box<Verify>),
    /// Packs the image and its kernel.
    Pack(Box<Pack>),
}

impl Action {
    /// The kind's name, as keys and reports spell it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "resolve",
            Self::Base(_) => "base",
            Self::Packages(_) => "packages",
            Self::Fetch(_) => "fetch",
            Self::Unpack(_) => "unpack",
            Self::Changes(_) => "changes",
            Self::Run(_) => "run",
            Self::Secrets(_) => "secrets",
            Self::Stamp(_) => "stamp",
            Self::Verify(_) => "verify",
            Self::Pack(_) => "pack",
        }
    }

    /// True when the node's output is a layer of a tree.
    pub fn makes_layer(&self) -> bool {
        match self {
            Self::Base(_)
            | Self::Packages(_)
            | Self::Unpack(_)
            | Self::Changes(_)
            | Self::Run(_)
            | Self::Secrets(_)
            | Self::Stamp(_) => true,
            Self::Resolve(_) | Self::Fetch(_) | Self::Verify(_) | Self::Pack(_) => false,
        }
    }
}

/// Where packages come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSources {
    /// The suite, `bookworm`.
    pub suite: String,
    /// Components, `main`.
    pub components: Vec<String>,
    /// Whether `SUITE-updates` and `SUITE-security` count.
    pub updates: bool,
    /// The named mirror; without one, the host's own apt configuration is used for fetching.
    pub mirror: Option<Mirror>,
    /// The named mirror of the security suite.
    pub security: Option<Mirror>,
}

/// A named mirror. Only the name enters keys, images and reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Its name in the spec.
    pub name: String,
    /// Its address.
    pub url: String,
}

/// Names to an exact list, with everything of the earlier lists taken as installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolve {
    /// Debian's name of the architecture, `amd64`.
    pub arch: String,
    /// Where packages come from.
    pub sources: PackageSources,
    /// Further repositories: those of this part and of the parts before it.
    pub repositories: Vec<Repository>,
    /// Preferences of this part and of the parts before it.
    pub pins: Vec<Pin>,
    /// Packages that stay at the version which an earlier list has, once one has them.
    pub holds: Vec<Located<String>>,
    /// True for the base: essential and required packages are asked for too.
    pub base: bool,
    /// Names asked for, with their places.
    pub names: Vec<Located<String>>,
    /// Package files of the project that are asked for.
    pub files: Vec<Located<SourceFile>>,
    /// Whether recommended packages come along.
    pub recommends: bool,
}

/// The lowest layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Base {
    /// A Debian tree made by mmdebstrap from a one-off repository.
    Debian {
        /// Debian's name of the architecture.
        arch: String,
        /// Sources for the image's own `sources.list`.
        sources: PackageSources,
        /// dpkg `path-exclude` globs, kept in the image for later installs.
        exclude_paths: Vec<String>,
    },
    /// A tar archive (plain, gzip or zstd) in the project.
    Archive {
        /// Debian's name of the architecture.
        arch: String,
        /// The archive.
        source: SourceFile,
    },
    /// A directory in the project; all owned by root, modes 0755 and 0644 by the executable bit.
    Tree {
        /// Debian's name of the architecture.
        arch: String,
        /// The directory in the project.
        directory: String,
        /// Its files, with their paths in the image.
        files: Vec<(ImagePath, SourceFile)>,
    },
}

/// Installs the slice of a resolved list that its one [`EdgeRole::List`] input names.
///
/// [`EdgeRole::List`]: crate::EdgeRole::List
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packages {
    /// Debian's name of the architecture.
    pub arch: String,
    /// Names asked for, with their places.
    pub names: Vec<Located<String>>,
    /// Answers to questions that packages ask when they are configured.
    pub answers: Vec<Preseed>,
    /// Packages that dpkg is told to hold afterwards.
    pub holds: Vec<Located<String>>,
}

/// A file layer: a typed change list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The changes, in order.
    pub changes: Vec<Shared<Change>>,
    /// Paths that earlier steps declared and that these changes may not touch; only removals can.
    pub protected: Protected,
}

/// Paths that earlier steps declared: one list for all steps of an image that must not touch them.
pub type Protected = Shared<Vec<DeclaredPath>>;

/// A path that a step declares: a later step may not change it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeclaredPath {
    /// As written.
    pub path: ImagePath,
    /// The node of the spec.
    pub origin: Origin,
}

/// A script in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The step's name.
    pub name: String,
    /// The script; run by its `#!` line, `/bin/sh` without one.
    pub script: SourceFile,
    /// Declared inputs, visible read-only below `/run/forge/input`, by project path relative to
    /// the file that names them.
    pub inputs: Vec<(String, SourceFile)>,
    /// Names of the fetched files that its [`EdgeRole::Source`] inputs are, in their order; visible
    /// beside the other inputs.
    ///
    /// [`EdgeRole::Source`]: crate::EdgeRole::Source
    pub fetched: Vec<String>,
    /// Environment of the script, beside the fixed one.
    pub environment: BTreeMap<String, String>,
    /// Secrets, each a file `/run/forge/secrets/NAME` on a tmpfs.
    pub secrets: Vec<SecretReference>,
    /// Paths that earlier steps declared; the script may not change them.
    pub protected: Protected,
    /// Where the step stands.
    pub origin: Origin,
}

/// A reference to a secret: never its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretReference {
    /// Its name in the spec.
    pub name: String,
    /// Where the value is found.
    pub source: SecretSource,
    /// Where the secret is declared.
    pub origin: Origin,
}

/// Where a secret's value is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretSource {
    /// A file of the project, encrypted with age.
    Age(SourceFile),
    /// An environment variable of the builder.
    Environment {
        /// The variable.
        variable: String,
        /// Raised by its owner on rotation.
        version: u64,
    },
    /// A file of the builder, outside the project.
    File {
        /// Its absolute path.
        path: String,
        /// Raised by its owner on rotation.
        version: u64,
    },
}

/// The last, machine-local layer: files that hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// The files.
    pub files: Vec<SecretFile>,
}

/// One file that holds a secret's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFile {
    /// Where in the image.
    pub path: ImagePath,
    /// Permission bits.
    pub mode: u32,
    /// Owner's name.
    pub owner: String,
    /// Group's name.
    pub group: String,
    /// Which secret.
    pub secret: SecretReference,
    /// The node of the spec that asked for it.
    pub origin: Origin,
}

/// Name and digest of the image, in `/etc/forge-release`, and the `/init` link of an initramfs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The image's name.
    pub image: String,
    /// Its cluster.
    pub cluster: String,
    /// Its type.
    pub image_type: String,
    /// The kernel's command line.
    pub cmdline: Option<String>,
    /// The output's settings; its presence makes `/init`.
    pub output: Option<OutputSettings>,
    /// Secrets that the image delivers, by reference.
    pub secrets: Vec<SecretReference>,
    /// Where the image is declared.
    pub origin: Origin,
}

/// How an image is packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputSettings {
    /// `initramfs`.
    pub format: String,
    /// The codec.
    pub compression: Compression,
    /// The codec's level.
    pub level: i32,
    /// An image that delivers a secret may be packed.
    pub allow_secrets: bool,
}

/// The codec of a packed image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip members.
    Gzip,
    /// zstd frames.
    Zstd,
}

impl Compression {
    /// `gzip` or `zstd`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The file name's ending: `gz` or `zst`.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
        }
    }
}

/// Judges controls at one level, or profiles of `InSpec` up to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verify {
    /// The image's name, for reports.
    pub image: String,
    /// The target: tree, un-booted or booted container.
    pub level: Level,
    /// The controls that this level is the cheapest to judge.
    pub controls: Vec<Shared<Control>>,
    /// Profiles of `InSpec`, each control of which is judged at the cheapest target that can tell.
    pub inspec: Vec<Shared<InspecProfile>>,
    /// For a booted container: units that may and must fail.
    pub expect_failed: Vec<ExpectFailed>,
}

impl Verify {
    /// The controls that somebody wrote: all but those that ask for what items need.
    pub fn written(&self) -> impl Iterator<Item = &Shared<Control>> {
        self.controls.iter().filter(|control| control.profile != crate::REQUIREMENTS)
    }

    /// Ids of the controls that somebody wrote, those of `InSpec` as far as files write them out.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let written = self.written().map(|control| control.id.as_str());
        written.chain(self.inspec.iter().flat_map(|profile| &profile.controls).map(String::as_str))
    }

    /// What items need of what packages and scripts bring.
    pub fn needs(&self) -> impl Iterator<Item = &Shared<Control>> {
        self.controls.iter().filter(|control| control.profile == crate::REQUIREMENTS)
    }
}

/// A unit that fails on the builder and is known to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectFailed {
    /// The unit's full name.
    pub unit: String,
    /// Why.
    pub because: String,
    /// Where it is declared.
    pub origin: Origin,
}

/// Packs the merged tree and picks the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// The image's name.
    pub image: String,
    /// Its cluster.
    pub cluster: String,
    /// Its type.
    pub image_type: String,
    /// Debian's name of the architecture.
    pub arch: String,
    /// How it is packed.
    pub output: OutputSettings,
    /// True when a secret is in the tree.
    pub holds_secrets: bool,
    /// Where the output is declared.
    pub origin: Origin,
}

/// The digest that names an image: its SHORTSHA is the first 8 digits.
pub type ImageDigest = Digest;
