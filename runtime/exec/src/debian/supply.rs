//! Where a resolution's packages come from: the base's sources, and repositories of the spec.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forge_model::{Digest, Located, PackageSources, Repository};
use forge_secret::SecretValue;

use super::sources::Sources;
use super::{Context, DebianError, io_error, make_directory, write_file};

/// Everything that packages may come from.
#[derive(Clone, Debug)]
pub struct Supply<'a> {
    /// Debian's name of the architecture.
    pub arch: &'a str,
    /// The base's own sources.
    pub sources: &'a PackageSources,
    /// Repositories of the spec.
    pub repositories: Vec<Supplied<'a>>,
}

/// A repository with what fetching from it needs.
#[derive(Clone, Debug)]
pub struct Supplied<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The public key that it is signed with.
    pub key: Option<Vec<u8>>,
    /// Who may fetch: `USER:PASSWORD`.
    pub login: Option<Arc<SecretValue>>,
}

impl<'a> Supply<'a> {
    /// The base's own sources alone.
    pub fn debian(arch: &'a str, sources: &'a PackageSources) -> Self {
        Self { arch, sources, repositories: Vec::new() }
    }

    /// The sources of each directory of lists: the base's, then one for each repository.
    pub(crate) fn units(&self, context: &Context) -> Result<Vec<Sources>, DebianError> {
        let mut units = vec![Sources::new(self.sources, self.arch, &context.host_apt)?];
        for supplied in &self.repositories {
            let key = match &supplied.key {
                None => None,
                Some(key) => Some(keep_key(&context.apt, supplied.repository, key)?),
            };
            units.push(Sources::of_repository(supplied.repository, key.as_deref()));
        }
        Ok(units)
    }

    /// Writes the logins as apt reads them (`apt_auth.conf(5)`), beside those of the host. False
    /// when there are none.
    pub(crate) fn write_logins(&self, host: &Path, directory: &Path) -> Result<bool, DebianError> {
        let mut text = String::new();
        for Supplied { repository, login, .. } in &self.repositories {
            let Some(login) = login else { continue };
            let (user, password) = split_login(login.expose()).ok_or_else(|| {
                let (name, origin) = (repository.name.clone(), repository.origin.clone());
                DebianError::Login { repository: Located::new(name, origin) }
            })?;
            text.push_str(&format!(
                "machine {}/ login {user} password {password}\n",
                repository.url
            ));
        }
        if text.is_empty() {
            return Ok(false);
        }
        make_directory(directory)?;
        // The host's own logins count as before.
        for entry in std::fs::read_dir(host.join("auth.conf.d")).into_iter().flatten().flatten() {
            let link = directory.join(entry.file_name());
            std::os::unix::fs::symlink(entry.path(), &link)
                .map_err(|source| io_error(&link, source))?;
        }
        let path = directory.join("forge-logins.conf");
        let mut options = std::fs::File::options();
        let mut file = options
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| io_error(&path, source))?;
        std::io::Write::write_all(&mut file, text.as_bytes())
            .map_err(|source| io_error(&path, source))?;
        Ok(true)
    }
}

/// `USER:PASSWORD` on one line. apt's file has blanks between its words.
fn split_login(value: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(value).ok()?.trim_end_matches(['\r', '\n']);
    let (user, password) = text.split_once(':')?;
    let word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    (word(user) && word(password)).then_some((user, password))
}

/// A key beside the lists, named by what it is: the name stands in the sources that name lists.
fn keep_key(apt: &Path, repository: &Repository, key: &[u8]) -> Result<PathBuf, DebianError> {
    let binary = repository.key.as_ref().is_some_and(|file| file.path.ends_with(".gpg"));
    let ending = if binary { "gpg" } else { "asc" };
    let directory = apt.join("keys");
    let path = directory.join(format!("{}.{ending}", Digest::of(key).to_hex()));
    make_directory(&directory)?;
    if std::fs::read(&path).ok().as_deref() != Some(key) {
        let new = tempfile::NamedTempFile::new_in(&directory)
            .map_err(|source| io_error(&directory, source))?;
        write_file(new.path(), key)?;
        new.persist(&path).map_err(|error| io_error(&path, error.error))?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_two_words() {
        let cases = [
            ("ann:pass:word\n", Some(("ann", "pass:word"))),
            ("ann:", None),
            (":word", None),
            ("ann word", None),
            ("ann:two words", None),
            ("ann:word\nmachine evil login x password y", None),
            ("", None),
        ];
        for (value, want) in cases {
            assert_eq!(split_login(value.as_bytes()), want, "{value:?}");
        }
    }
}
