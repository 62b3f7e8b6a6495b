use serde::{Deserialize, Serialize};

/// An exact list of packages: what `resolve` yields and what a package step installs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageList {
    /// Format version of this file.
    pub version: u32,
    /// The packages, by name.
    pub packages: Vec<PackageRecord>,
}

/// One package, exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageRecord {
    /// `openssh-server`.
    pub name: String,
    /// `1:9.2p1-2+deb12u7`.
    pub version: String,
    /// `amd64` or `all`.
    pub arch: String,
    /// Size of the `.deb` in bytes.
    pub size: u64,
    /// SHA-256 of the `.deb`, in hex.
    pub sha256: String,
    /// Name of the mirror in the spec, or `host` for the host's own apt configuration.
    pub mirror: String,
    /// Path below the mirror, `pool/main/o/openssh/…deb`.
    pub path: String,
    /// The stanza of the mirror's `Packages` index that describes it.
    pub stanza: String,
}
