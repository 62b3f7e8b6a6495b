use std::collections::BTreeMap;

use forge_model::{Answer, Files, InstalledPackage, NoAnswer};

/// dpkg's record of all packages.
pub const STATUS: &str = "/var/lib/dpkg/status";

/// Where other package managers, and images made without dpkg, keep theirs.
const OTHER_RECORDS: [&str; 4] =
    ["/usr/lib/sysimage/rpm", "/var/lib/rpm", "/lib/apk/db/installed", "/var/lib/dpkg/status.d"];

/// Installed packages, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    versions: BTreeMap<String, String>,
}

impl Packages {
    /// Those of an image. An image without any package has none; one that keeps its records in
    /// another form gives no answer, since "not installed" would be a wrong pass.
    pub fn read(files: &dyn Files) -> Answer<Self> {
        if let Some(status) = super::text(files, STATUS)? {
            return Ok(Self::parse(&status));
        }
        for other in OTHER_RECORDS {
            if files.stat(other, true)?.is_some() {
                let why = format!("the image keeps its packages in `{other}`, which nobody reads");
                return Err(NoAnswer::Failed(why));
            }
        }
        Ok(Self::default())
    }

    /// Those that a status file calls installed: the third word of `Status`, whatever is wanted
    /// of them. Where two architectures have the name, the first record counts.
    pub fn parse(status: &str) -> Self {
        let mut versions = BTreeMap::new();
        for stanza in status.split("\n\n") {
            let field = |name: &str| {
                stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
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
        Some(InstalledPackage { version: Some(version.clone()), evidence: STATUS.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryImage;

    #[test]
    fn records_that_cannot_be_read_are_no_absence() {
        let mut image = MemoryImage::default();
        assert_eq!(Packages::read(&image), Ok(Packages::default()));
        image.file("/var/lib/rpm/rpmdb.sqlite", "");
        let why = "the image keeps its packages in `/var/lib/rpm`, which nobody reads".to_owned();
        assert_eq!(Packages::read(&image), Err(NoAnswer::Failed(why)));
    }

    #[test]
    fn only_the_third_word_counts() {
        let packages = Packages::parse(
            "Package: a\nStatus: install ok installed\nVersion: 1-2\nDescription: x\n more\n\n\
             Package: b\nStatus: deinstall ok config-files\nVersion: 1\n\n\
             Package: c\nStatus: hold ok installed\nVersion: 2\n\n\
             Package: d\nStatus: install ok half-configured\nVersion: 2\n",
        );
        let cases = [("a", Some("1-2")), ("b", None), ("c", Some("2")), ("d", None), ("e", None)];
        for (name, want) in cases {
            let got = packages.get(name).and_then(|package| package.version);
            assert_eq!(got.as_deref(), want, "{name}");
        }
    }
}
