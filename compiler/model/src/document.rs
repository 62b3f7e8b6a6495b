use serde::{Deserialize, Serialize};

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentFormat {
    /// RFC 8259.
    Json,
    /// YAML, its first document.
    Yaml,
    /// TOML 1.0.
    Toml,
}

impl DocumentFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Json, Self::Yaml, Self::Toml];

    /// `json`, `yaml`, `toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Toml => "toml",
        }
    }
}
