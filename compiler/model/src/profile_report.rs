use crate::Verdict;

/// What became of a profile of controls, with all that reports in the formats of `InSpec` say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileReport {
    /// Its name.
    pub name: String,
    /// One line.
    pub title: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// A sentence.
    pub summary: Option<String>,
    /// Who looks after it.
    pub maintainer: Option<String>,
    /// Whose it is.
    pub copyright: Option<String>,
    /// How they are reached.
    pub copyright_email: Option<String>,
    /// Its licence.
    pub license: Option<String>,
    /// Over its files.
    pub sha256: String,
    /// The platforms that it is for.
    pub supports: Vec<serde_json::Value>,
    /// Its inputs with their values.
    pub inputs: Vec<serde_json::Value>,
    /// Whether its controls were judged.
    pub status: ProfileStatus,
    /// Its files with their controls.
    pub groups: Vec<ControlGroup>,
    /// Its controls.
    pub controls: Vec<ControlReport>,
    /// Name and release of the system that was judged.
    pub platform: (String, String),
}

/// Whether the controls of a profile were judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileStatus {
    /// They were.
    Loaded,
    /// They are for another platform: why.
    Skipped(String),
}

/// The controls of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlGroup {
    /// The file.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// Ids of its controls.
    pub controls: Vec<String>,
}

/// A control, with what reports say of it beside its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlReport {
    /// Its description.
    pub desc: Option<String>,
    /// All descriptions by their labels: `default`, `check`, `fix`.
    pub descriptions: Vec<(String, String)>,
    /// Where more is said.
    pub refs: Vec<serde_json::Value>,
    /// Tags.
    pub tags: Vec<(String, serde_json::Value)>,
    /// Its text.
    pub code: String,
    /// Its waiver, if it has one.
    pub waiver: Option<serde_json::Value>,
    /// How it came out.
    pub verdict: Verdict,
}
