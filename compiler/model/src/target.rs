use serde::{Deserialize, Serialize};

use crate::{Level, Origin, Resource};

/// An answer of a target.
pub type Answer<T> = Result<T, NoAnswer>;

/// Why a target gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoAnswer {
    /// The target cannot know, for this reason; the check goes to a later level. Never a pass.
    Unknown(String),
    /// The question could not be put, for this reason: an error, neither pass nor fail.
    Failed(String),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for NoAnswer {}

/// Where an answer was found: `/etc/sysctl.d/90-x.conf:3`, `/var/lib/dpkg/status`, a unit's link.
pub type Evidence = String;

/// What a target says of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// `file`, `directory`, `symlink`, …
    pub kind: String,
    /// Permission bits with set-id and sticky bits.
    pub mode: u32,
    /// Owner's name in the image, or the number when it has none.
    pub owner: String,
    /// Group's name in the image, or the number when it has none.
    pub group: String,
    /// Owner's number, where known: the spec has names.
    pub uid: Option<u32>,
    /// Group's number, where known.
    pub gid: Option<u32>,
    /// Bytes, where known: nobody asks for the size of a secret.
    pub size: Option<u64>,
    /// For a symbolic link: as written.
    pub link: Option<String>,
    /// When its content was written last, in seconds since 1970; trees of layers have no times of
    /// their own, and no record keeps one.
    #[serde(skip)]
    pub mtime: Option<i64>,
}

/// What a target says of a command that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOutput {
    /// Exit status; 128 and the signal's number when it was killed.
    pub status: i32,
    /// Standard output, at most 1 MiB kept.
    pub stdout: String,
    /// Standard error, at most 1 MiB kept.
    pub stderr: String,
}

/// What a target says of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPackage {
    /// The version; the spec does not know it.
    pub version: Option<String>,
    /// Its record.
    pub evidence: Evidence,
}

/// What a target says of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Numeric id, where known.
    pub uid: Option<u32>,
    /// Primary group's name, where known.
    pub group: Option<String>,
    /// Supplementary groups, where known.
    pub groups: Option<Vec<String>>,
    /// Home, where known.
    pub home: Option<String>,
    /// Shell, where known.
    pub shell: Option<String>,
    /// Its record.
    pub evidence: Evidence,
}

/// What a target says of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Numeric id, where known.
    pub gid: Option<u32>,
    /// Its record.
    pub evidence: Evidence,
}

/// What a target says of a unit; each part only where it is known.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnitState {
    /// The unit is there.
    pub installed: Option<bool>,
    /// Something that starts at boot wants it, and it is not masked.
    pub enabled: Option<bool>,
    /// It cannot be started.
    pub masked: Option<bool>,
    /// It is active now; only a booted target knows.
    pub running: Option<bool>,
    /// The unit's file, and the link that enables or masks it.
    pub evidence: Option<Evidence>,
}

/// A kernel parameter as configuration sets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSetting {
    /// The value, white space trimmed.
    pub value: String,
    /// File and line.
    pub evidence: Evidence,
}

/// What a target says of a kernel module; each part only where it is known.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModuleState {
    /// A kernel of the image has it, as a module or built in.
    pub exists: Option<Stated>,
    /// modprobe(8) runs a program that does nothing in its place.
    pub disabled: Option<Stated>,
    /// It is not loaded for a device that asks for it, nor by modules-load.d(5).
    pub blacklisted: Option<Stated>,
}

/// Whether something is so, and where that is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// It is so.
    pub holds: bool,
    /// File and line.
    pub evidence: Option<Evidence>,
}

/// The files of a target. Paths are absolute and resolved inside the image, links included.
pub trait Files {
    /// Kind, mode and owner of a path; the last component's link is followed when asked.
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>>;
    /// A file's bytes; none when it is absent or no regular file.
    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>>;
    /// Names in a directory, sorted; none when it is absent or no directory.
    fn list(&self, path: &str) -> Answer<Option<Vec<String>>>;
}

/// Something that checks can be asked of.
///
/// The judge asks lazily; a wrapper records what was asked and what was answered, so that a
/// verdict can be kept for as long as the answers stay the same.
pub trait Target: Files {
    /// Where this target stands.
    fn level(&self) -> Level;
    /// A package, when it is installed.
    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>>;
    /// An account.
    fn user(&self, name: &str) -> Answer<Option<Account>>;
    /// A group.
    fn group(&self, name: &str) -> Answer<Option<GroupRecord>>;
    /// A unit, full name.
    fn unit(&self, name: &str) -> Answer<UnitState>;
    /// The configured value of a kernel parameter, none when no configuration sets it. Never the
    /// live value in a container, which is the builder's.
    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>>;
    /// A kernel module. Never whether it is loaded: in a container, that is the builder's.
    fn kernel_module(&self, name: &str) -> Answer<ModuleState>;
    /// Runs a command line with a limit in seconds.
    fn command(&self, line: &str, timeout: u32) -> Answer<CommandOutput>;
    /// Who made what a result rests on, for the report. Changes no verdict.
    fn provenance(&self, resource: &Resource, evidence: Option<&str>) -> Option<Provenance>;
}

/// Which layer and which line of the spec made something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The layer's label, or a package's name.
    pub layer: String,
    /// The node of the spec.
    pub origin: Option<Origin>,
}
