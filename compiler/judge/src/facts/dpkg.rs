use std::collections::BTreeMap;

use super::RpmRecord;
use forge_model::{Answer, Files, InstalledPackage, NoAnswer};

/// dpkg's record of all packages.
pub const STATUS: &str = "/var/lib/dpkg/status";

/// Where other package managers, and images made without dpkg, keep theirs.
const OTHER_RECORDS: [&str; 2] = ["/lib/apk/db/installed", "/var/lib/dpkg/status.d"];

/// Installed packages, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    versions: BTreeMap<String, String>,
    evidence: String,
}

/// Whether dpkg's record is the one that counts: on a system that rpm made, it is a tool for packages
/// of others, and rpm is that on Debian.
pub fn keeps_dpkg(files: &dyn Files) -> Answer<bool> {
    if files.stat("/etc/debian_version", true)?.is_some() {
        return Ok(true);
    }
    let record = files.read(STATUS)?.unwrap_or_default();
    let is_there = record.iter().any(|byte| !byte.is_ascii_whitespace());
    Ok(is_there && RpmRecord::read(files)?.is_none_or(|record| record.packages.is_empty()))
}

impl Packages {
    /// Those of an image. An image without any package has none; one that keeps its records in
    /// another form gives no answer, since "not installed" would be a wrong pass.
    pub fn read(files: &dyn Files) -> Answer<Self> {
        let status = super::text(files, STATUS)?;
        if let Some(status) = &status
            && keeps_dpkg(files)?
        {
            return Ok(Self::parse(status));
        }
        if let Some(record) = RpmRecord::read(files)? {
            let versions =
                record.packages.into_iter().map(|package| (package.name, package.version));
            return Ok(Self { versions: versions.collect(), evidence: record.path });
        }
        if status.is_some() {
            return Ok(Self::default());
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
            let state = field("Status").and_then(|status| status.split_whitespace().nth(2));
            // A package whose triggers are still to run works (dpkg(1)).
            let installed =
                matches!(state, Some("installed" | "triggers-awaited" | "triggers-pending"));
            let Some(name) = field("Package").filter(|_| installed) else {
                continue;
            };
            let version = field("Version").unwrap_or_default().trim().to_owned();
            versions.entry(name.trim().to_owned()).or_insert(version);
        }
        Self { versions, evidence: STATUS.to_owned() }
    }

    /// A package, when it is installed.
    pub fn get(&self, name: &str) -> Option<InstalledPackage> {
        let version = self.versions.get(name)?;
        Some(InstalledPackage { version: Some(version.clone()), evidence: self.evidence.clone() })
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
        image.file("/lib/apk/db/installed", "");
        let why = "the image keeps its packages in `/lib/apk/db/installed`, which nobody reads";
        assert_eq!(Packages::read(&image), Err(NoAnswer::Failed(why.to_owned())));
    }

    #[test]
    fn the_record_of_the_system_counts() {
        let status = "Package: bash\nStatus: install ok installed\nVersion: 5.2\n";
        let mut image = MemoryImage::default();
        image.file(STATUS, status);
        assert_eq!(keeps_dpkg(&image), Ok(true));
        // What rpm keeps cannot be read, and Debian's own record counts nevertheless.
        image.file("/var/lib/rpm/rpmdb.sqlite", "");
        assert!(Packages::read(&image).is_err());
        image.file("/etc/debian_version", "12.5\n");
        let found = Packages::read(&image).unwrap().get("bash").unwrap();
        assert_eq!((found.version.as_deref(), found.evidence.as_str()), (Some("5.2"), STATUS));
        // An empty record of dpkg is no absence where rpm keeps another.
        let mut image = MemoryImage::default();
        image.file(STATUS, "\n");
        image.file("/var/lib/rpm/rpmdb.sqlite", "");
        assert!(Packages::read(&image).is_err());
        image.remove("/var/lib/rpm/rpmdb.sqlite");
        assert_eq!(Packages::read(&image), Ok(Packages::default()));
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
