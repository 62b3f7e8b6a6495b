//! rpm's record of installed packages, in its three forms: `SQLite`, ndb (`Packages.db`) and the hash
//! table of Berkeley DB (`Packages`).
//!
//! They are read here, not by their libraries: one table of one file is all that is asked, the file is
//! any image's, and nothing of it may be believed. No page is looked at twice, so that a circle is an
//! error, and no more is kept than the file holds. The forms: `https://www.sqlite.org/fileformat2.html`,
//! rpm's `lib/backend/ndb/rpmpkg.c`, and `db_page.h` of Berkeley DB 4.8. What each of them holds is a
//! header in rpm's own form (`docs/manual/hregions.md` of rpm).

mod bdb;
mod bytes;
mod header;
mod ndb;
mod sqlite;

use forge_model::{Answer, Files, NoAnswer};

use self::header::Header;

/// A package that rpm's record calls installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpmPackage {
    /// Its name.
    pub name: String,
    /// Version and release, `5.1.8-9.el9`, as `rpm -qi` has them: without the epoch.
    pub version: String,
    /// Its architecture; none for what is no package, such as keys.
    pub arch: Option<String>,
}

/// What rpm's record of an image holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpmRecord {
    /// The packages, in the order in which they were recorded.
    pub packages: Vec<RpmPackage>,
    /// The file that says so.
    pub path: String,
}

/// Where rpm keeps its record; Fedora and SUSE have moved it.
const DIRECTORIES: [&str; 2] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];

type Read = fn(&[u8]) -> Result<Vec<Header>, String>;

/// The newest form first: a record that was moved to it may have left an older one behind.
const FORMS: [(&str, Read); 3] =
    [("rpmdb.sqlite", sqlite::headers), ("Packages.db", ndb::headers), ("Packages", bdb::headers)];

impl RpmRecord {
    /// The record of an image, none where rpm keeps none. One that cannot be read is no answer: "not
    /// installed" would be a wrong pass.
    pub fn read(files: &dyn Files) -> Answer<Option<Self>> {
        for directory in DIRECTORIES {
            for (name, read) in FORMS {
                let path = format!("{directory}/{name}");
                let Some(bytes) = files.read(&path)? else { continue };
                let failed = |why: String| NoAnswer::Failed(format!("`{path}` {why}"));
                let log = format!("{path}-wal");
                if files.stat(&log, true)?.is_some_and(|stat| stat.size != Some(0)) {
                    let why =
                        format!("has changes that stand in `{log}` alone: something wrote to it");
                    return Err(failed(why));
                }
                let headers =
                    read(&bytes).map_err(|why| failed(format!("cannot be read: {why}")))?;
                let packages = headers.into_iter().map(RpmPackage::from).collect();
                return Ok(Some(Self { packages, path }));
            }
        }
        for directory in DIRECTORIES {
            if files.list(directory)?.is_some_and(|names| !names.is_empty()) {
                let why = "holds rpm's record in a form that is not known";
                return Err(NoAnswer::Failed(format!("`{directory}` {why}")));
            }
        }
        Ok(None)
    }

    /// A package by its name: of several, such as kernels, the one that was installed last.
    pub fn get(&self, name: &str) -> Option<&RpmPackage> {
        self.packages.iter().rev().find(|package| package.name == name)
    }
}

impl From<Header> for RpmPackage {
    fn from(header: Header) -> Self {
        let Header { name, version, release, arch } = header;
        Self { name, version: format!("{version}-{release}"), arch }
    }
}

#[cfg(test)]
mod tests;
