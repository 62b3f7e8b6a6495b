//! apt with a directory of its own: nothing of the host's apt state is read or written.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use forge_model::PackageRecord;
use forge_sys::process::Command;

use super::repository::Repository;
use super::sources::Sources;
use super::supply::Supply;
use super::{Context, DebianError, io_error, make_directory, write_file};

/// The host's settings that decide how bytes are fetched, never which: proxies, certificates,
/// tolerance for a mirror's clock.
const HOST_SETTINGS: [&str; 11] = [
    "Acquire::http::",
    "Acquire::https::",
    "Acquire::ftp::",
    "Acquire::Proxy-Auto-Detect",
    "Acquire::Check-Date",
    "Acquire::Check-Valid-Until",
    "Acquire::Max-ValidTime",
    "Acquire::Min-ValidTime",
    "Acquire::ForceIPv4",
    "Acquire::ForceIPv6",
    "Acquire::Send-URI-Encoded",
];

/// The proxy variables that apt's methods read, and their spelling in capitals, which they do not.
const PROXY_VARIABLES: [(&str, &str); 4] = [
    ("http_proxy", "HTTP_PROXY"),
    ("https_proxy", "HTTPS_PROXY"),
    ("ftp_proxy", "FTP_PROXY"),
    ("no_proxy", "NO_PROXY"),
];

/// Names of all packages, and the mark that the lists are whole. Asking apt for the names takes
/// 0.1 s each time.
const NAMES: &str = "names";

/// An apt directory whose lists do not change while it is used.
#[derive(Debug)]
pub(crate) struct Apt<'a> {
    context: &'a Context,
    directory: PathBuf,
    sources: Sources,
    names: BTreeSet<String>,
    /// The directories that the lists are kept in, locked while they are read.
    _units: Vec<Unit<'a>>,
    /// The directory itself, when it is made for this use alone.
    _own: Option<tempfile::TempDir>,
}

impl<'a> Apt<'a> {
    /// A directory with the lists of all of `supply`, recent enough, and with those of `files`.
    ///
    /// The lists of each repository are kept in a directory of their own, whatever they are used
    /// together with: a role that adds a repository sees the same state of Debian as the base.
    pub(crate) fn open(
        context: &'a Context,
        supply: &Supply<'_>,
        files: &[PackageRecord],
    ) -> Result<Self, DebianError> {
        let arch = supply.arch;
        let mut units = supply.units(context)?;
        if supply.repositories.is_empty() && files.is_empty() {
            let sources = units.remove(0);
            let unit = Unit::open(context, &sources, arch, None)?;
            let (directory, names) = (unit.directory.clone(), unit.names()?);
            return Ok(Self { context, directory, sources, names, _units: vec![unit], _own: None });
        }
        let own = own_directory(context)?;
        let directory = own.path().to_owned();
        make_parts(&directory)?;
        let logins = directory.join("logins");
        let logins = supply.write_logins(&context.host_apt, &logins)?.then_some(logins);
        configure(context, &directory, logins.as_deref(), arch)?;
        let (mut names, mut opened) = (BTreeSet::new(), Vec::new());
        if !files.is_empty() {
            let repository = directory.join("files");
            Repository::write_index(&repository, files, "files")?;
            let sources = Sources::of_files(&repository);
            write_sources(&directory, &sources)?;
            update(context, &directory, &sources)?;
            names.extend(files.iter().map(|record| record.name.clone()));
            units.push(sources);
        }
        let kept = units.len() - usize::from(!files.is_empty());
        for sources in &units[..kept] {
            let unit = Unit::open(context, sources, arch, logins.as_deref())?;
            unit.share_lists(&directory.join("lists"))?;
            names.append(&mut unit.names()?);
            opened.push(unit);
        }
        let sources = Sources::together(&units);
        write_sources(&directory, &sources)?;
        Ok(Self { context, directory, sources, names, _units: opened, _own: Some(own) })
    }

    /// A directory for fetching files that no list names.
    pub(crate) fn without_lists(context: &'a Context) -> Result<Self, DebianError> {
        let own = own_directory(context)?;
        let directory = own.path().to_owned();
        make_parts(&directory)?;
        configure(context, &directory, None, "amd64")?;
        let (sources, names) = (Sources::together([]), BTreeSet::new());
        Ok(Self { context, directory, sources, names, _units: Vec::new(), _own: Some(own) })
    }

    /// One of apt's programs, on this directory.
    pub(crate) fn command(&self, program: &str) -> Command {
        apt_command(self.context, &self.directory, program)
    }

    /// All names of packages in the lists.
    pub(crate) fn package_names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// The sources of the lists.
    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }
}

/// A directory that lists are kept in, held against an update by another process.
#[derive(Debug)]
struct Unit<'a> {
    context: &'a Context,
    directory: PathBuf,
    /// Held while the lists are read; released when dropped.
    lock: File,
}

impl<'a> Unit<'a> {
    /// The directory of these sources, with lists that are recent enough.
    fn open(
        context: &'a Context,
        sources: &Sources,
        arch: &str,
        logins: Option<&Path>,
    ) -> Result<Self, DebianError> {
        let digest = sources.digest(arch).to_string();
        let directory = context.apt.join(&digest[..16]);
        make_parts(&directory)?;
        let path = directory.join("lock");
        let options = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = options.map_err(|source| io_error(&path, source))?;
        let locked = |result: std::io::Result<()>| result.map_err(|source| io_error(&path, source));
        locked(lock.lock_shared())?;
        // `gc` goes by the last use: nothing else of the directory changes with it.
        locked(lock.set_modified(std::time::SystemTime::now()))?;
        if !is_current(&directory, context) {
            locked(lock.unlock())?;
            locked(lock.lock())?;
            let unit = Self { context, directory, lock };
            // Another process may have been quicker.
            if !is_current(&unit.directory, context) {
                unit.refresh(sources, arch, logins)?;
            }
            // From an exclusive lock to a shared one; lists stay when another update slips in.
            locked(unit.lock.lock_shared())?;
            return Ok(unit);
        }
        Ok(Self { context, directory, lock })
    }

    fn refresh(
        &self,
        sources: &Sources,
        arch: &str,
        logins: Option<&Path>,
    ) -> Result<(), DebianError> {
        let (context, directory) = (self.context, &self.directory);
        write_sources(directory, sources)?;
        // Logins are of this run alone: the directory stays.
        configure(context, directory, logins, arch)?;
        let updated = update(context, directory, sources);
        configure(context, directory, None, arch)?;
        updated?;
        let names = apt_command(context, directory, "apt-cache").arg("pkgnames").run()?;
        // Last of all, and in one move: what is there says that the lists are.
        let (new, path) = (directory.join("names.new"), directory.join(NAMES));
        write_file(&new, names.stdout)?;
        std::fs::rename(&new, &path).map_err(|source| io_error(&path, source))
    }

    /// All names of packages in the lists.
    fn names(&self) -> Result<BTreeSet<String>, DebianError> {
        let path = self.directory.join(NAMES);
        let text = std::fs::read_to_string(&path).map_err(|source| io_error(&path, source))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Lets another directory of lists have these: apt finds a list by its name.
    fn share_lists(&self, target: &Path) -> Result<(), DebianError> {
        let lists = self.directory.join("lists");
        let failed = |source| io_error(&lists, source);
        for entry in std::fs::read_dir(&lists).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name() == "lock" || entry.file_type().map_err(failed)?.is_dir() {
                continue;
            }
            let link = target.join(entry.file_name());
            match std::os::unix::fs::symlink(entry.path(), &link) {
                Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(io_error(&link, source));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn own_directory(context: &Context) -> Result<tempfile::TempDir, DebianError> {
    make_directory(&context.work)?;
    let made = tempfile::Builder::new().prefix("apt-").tempdir_in(&context.work);
    made.map_err(|source| io_error(&context.work, source))
}

fn make_parts(directory: &Path) -> Result<(), DebianError> {
    for part in ["sources.d", "lists/partial", "cache/archives/partial", "state", "empty"] {
        make_directory(&directory.join(part))?;
    }
    Ok(())
}

fn write_sources(directory: &Path, sources: &Sources) -> Result<(), DebianError> {
    write_file(&directory.join("sources.d/forge.sources"), sources.text())
}

fn configure(
    context: &Context,
    directory: &Path,
    logins: Option<&Path>,
    arch: &str,
) -> Result<(), DebianError> {
    write_file(&directory.join("state/status"), "")?;
    let host = context.command("apt-config").args(["dump", "Acquire"]).run()?;
    let settings =
        configuration(directory, &context.host_apt, logins, arch) + &host_settings(&host.text());
    let path = directory.join("apt.conf");
    // A proxy's address may hold a password.
    let mut options = File::options();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(&path).map_err(|source| io_error(&path, source))?;
    std::io::Write::write_all(&mut file, settings.as_bytes())
        .map_err(|source| io_error(&path, source))
}

fn update(context: &Context, directory: &Path, sources: &Sources) -> Result<(), DebianError> {
    let update =
        apt_command(context, directory, "apt-get").args(["update", "-q", "--error-on=any"]);
    let output = context.logged(update).run()?;
    if output.success() {
        return Ok(());
    }
    let what = format!("package lists of {}", sources.hosts());
    Err(DebianError::Unreachable { what, tail: complaints(&output.tail) })
}

fn apt_command(context: &Context, directory: &Path, program: &str) -> Command {
    let command = context
        .command(program)
        .env("APT_CONFIG", directory.join("apt.conf"))
        .env("DEBIAN_FRONTEND", "noninteractive")
        .current_dir(directory);
    PROXY_VARIABLES.iter().fold(command, |command, (name, capitals)| {
        match std::env::var_os(name).or_else(|| std::env::var_os(capitals)) {
            Some(value) => command.env(name, value),
            None => command,
        }
    })
}

/// Names of all packages in the lists that earlier runs fetched, below `STORE/apt`. Lists that are
/// being made count once they are whole.
pub fn known_packages(apt: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(apt).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(entry.path().join(NAMES)).unwrap_or_default();
        names.extend(text.lines().map(str::to_owned));
    }
    names
}

/// True when lists are there and not too old.
fn is_current(directory: &Path, context: &Context) -> bool {
    let marker = std::fs::metadata(directory.join(NAMES)).and_then(|found| found.modified());
    marker.is_ok_and(|made| context.lists_not_before.is_none_or(|limit| made >= limit))
}

/// The lines of apt's output that say what is wrong; all of them when none does.
pub(crate) fn complaints(tail: &[String]) -> Vec<String> {
    let bad = |line: &&String| ["E:", "Err:", "W:"].iter().any(|mark| line.starts_with(mark));
    let found: Vec<String> = tail.iter().filter(bad).cloned().collect();
    if found.is_empty() { tail.to_vec() } else { found }
}

/// Everything that apt would take from the host otherwise, pointed elsewhere (apt.conf(5)).
fn configuration(directory: &Path, host_apt: &Path, logins: Option<&Path>, arch: &str) -> String {
    let dir = directory.display();
    let host = host_apt.display();
    // A directory of logins holds links to those of the host.
    let of_host = host_apt.join("auth.conf.d");
    let logins = logins.unwrap_or(&of_host).display();
    format!(
        "Dir \"{dir}/\";\n\
         Dir::Etc \"{dir}/empty/\";\n\
         Dir::Etc::sourcelist \"{dir}/empty/none\";\n\
         Dir::Etc::sourceparts \"{dir}/sources.d/\";\n\
         Dir::Etc::parts \"{dir}/empty/\";\n\
         Dir::Etc::main \"none\";\n\
         Dir::Etc::preferences \"none\";\n\
         Dir::Etc::preferencesparts \"{dir}/empty/\";\n\
         Dir::Etc::netrc \"{host}/auth.conf\";\n\
         Dir::Etc::netrcparts \"{logins}/\";\n\
         Dir::Etc::trusted \"{host}/trusted.gpg\";\n\
         Dir::Etc::trustedparts \"{host}/trusted.gpg.d/\";\n\
         Dir::State \"{dir}/state/\";\n\
         Dir::State::lists \"{dir}/lists/\";\n\
         Dir::State::status \"{dir}/state/status\";\n\
         Dir::Cache \"{dir}/cache/\";\n\
         Dir::Cache::pkgcache \"\";\n\
         Dir::Log \"{dir}/state/\";\n\
         APT::Architecture \"{arch}\";\n\
         APT::Architectures {{ \"{arch}\"; }};\n\
         APT::Sandbox::User \"root\";\n\
         APT::Install-Suggests \"false\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::ForceHash \"SHA256\";\n\
         Acquire::Retries \"3\";\n\
         Debug::NoLocking \"true\";\n"
    )
}

/// The lines of `apt-config dump` that are [`HOST_SETTINGS`]; they are configuration as they are.
fn host_settings(dump: &str) -> String {
    let kept = |line: &&str| HOST_SETTINGS.iter().any(|prefix| line.starts_with(prefix));
    dump.lines().filter(kept).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_says_how_to_fetch_and_not_what() {
        let dump = "Acquire \"\";\nAcquire::http::Proxy \"http://p.example.org:3128\";\n\
                    Acquire::Languages:: \"de\";\nAcquire::Check-Date \"false\";\n\
                    Acquire::IndexTargets::deb::DEP-11::MetaKey \"x\";\n";
        assert_eq!(
            host_settings(dump),
            "Acquire::http::Proxy \"http://p.example.org:3128\";\nAcquire::Check-Date \"false\";\n"
        );
    }

    #[test]
    fn complaints_are_picked_from_the_output() {
        let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        let cases = [
            (lines(&["Get:1 x", "Err:2 y", "E: z"]), lines(&["Err:2 y", "E: z"])),
            (lines(&["nothing known"]), lines(&["nothing known"])),
        ];
        for (tail, want) in cases {
            assert_eq!(complaints(&tail), want);
        }
    }
}
