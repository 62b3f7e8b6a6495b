use std::collections::BTreeMap;

use forge_model::{Answer, Files, InstalledPackage};

/// dpkg's record of all packages.
pub const STATUS: &str = "/var/lib/dpkg/status";

/// Installed packages, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    versions: BTreeMap<String, String>,
}

impl Packages {
    /// Those of an image; none where dpkg never ran.
    pub fn read(files: &dyn Files) -> Answer<Self> {
        Ok(Self::parse(
            &super::text(files, STATUS)?.unwrap_or_default(),
        ))
    }

    /// Those that a status file calls installed: the third word of `Status`, whatever is wanted
    /// of them. Where two architectures have the name, the first record counts.
    pub fn parse(status: &str) -> Self {
        let mut versions = BTreeMap::new();
        for stanza in status.split("\n\n") {
            let field = |name: &str| {
                stanza
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let installed = field("Status")
                .is_some_and(|status| status.split_whitespace().nth(2) == Some("installed"));
            let Some(name) = field("Package").filter(|_| installed) else {
                continue;
            };
            let version = field("Version").unwrap_or_default().trim().to_owned();
            versions.entry(name.trim().to_owned()).or_insert(version);
        }
        Self { versions }
    }

    /// A package, when it is installed.
    pub fn get(&self, name: &str) -> Option<InstalledPackage> {
        let version = self.versions.get(name)?;
        Some(InstalledPackage {
            version: Some(version.clone()),
            evidence: STATUS.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_third_word_counts() {
        let packages = Packages::parse(
            "Package: a\nStatus: install ok installed\nVersion: 1-2\nDescription: x\n more\n\n\
             Package: b\nStatus: deinstall ok config-files\nVersion: 1\n\n\
             Package: c\nStatus: hold ok installed\nVersion: 2\n\n\
             Package: d\nStatus: install ok half-configured\nVersion: 2\n",
        );
        let cases = [
            ("a", Some("1-2")),
            ("b", None),
            ("c", Some("2")),
            ("d", None),
            ("e", None),
        ];
        for (name, want) in cases {
            let got = packages.get(name).and_then(|package| package.version);
            assert_eq!(got.as_deref(), want, "{name}");
        }
    }
}
