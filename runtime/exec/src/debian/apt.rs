//! apt with a directory of its own: nothing of the host's apt state is read or written.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use forge_sys::process::Command;

use super::sources::Sources;
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

/// An apt directory, held against an update by another process.
#[derive(Debug)]
pub(crate) struct Apt<'a> {
    context: &'a Context,
    directory: PathBuf,
    /// Held while the lists are read; released when dropped.
    lock: File,
}

impl<'a> Apt<'a> {
    /// The directory of these sources, with lists that are recent enough.
    pub(crate) fn open(
        context: &'a Context,
        sources: &Sources,
        arch: &str,
    ) -> Result<Self, DebianError> {
        let digest = sources.digest(arch).to_string();
        let directory = context.apt.join(&digest[..16]);
        for part in ["sources.d", "lists/partial", "cache/archives/partial", "state", "empty"] {
            make_directory(&directory.join(part))?;
        }
        let path = directory.join("lock");
        let options = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = options.map_err(|source| io_error(&path, source))?;
        let locked = |result: std::io::Result<()>| result.map_err(|source| io_error(&path, source));
        locked(lock.lock_shared())?;
        if !is_current(&directory, context) {
            locked(lock.unlock())?;
            locked(lock.lock())?;
            let apt = Self { context, directory, lock };
            // Another process may have been quicker.
            if !is_current(&apt.directory, context) {
                apt.configure(sources, arch)?;
                apt.update(sources)?;
            }
            // From an exclusive lock to a shared one; lists stay when another update slips in.
            locked(apt.lock.lock_shared())?;
            return Ok(apt);
        }
        Ok(Self { context, directory, lock })
    }

    /// One of apt's programs, on this directory.
    pub(crate) fn command(&self, program: &str) -> Command {
        let command = self
            .context
            .command(program)
            .env("APT_CONFIG", self.directory.join("apt.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .current_dir(&self.directory);
        PROXY_VARIABLES.iter().fold(command, |command, (name, capitals)| {
            match std::env::var_os(name).or_else(|| std::env::var_os(capitals)) {
                Some(value) => command.env(name, value),
                None => command,
            }
        })
    }

    fn configure(&self, sources: &Sources, arch: &str) -> Result<(), DebianError> {
        write_file(&self.directory.join("sources.d/forge.sources"), sources.text())?;
        write_file(&self.directory.join("state/status"), "")?;
        let host = self.context.command("apt-config").args(["dump", "Acquire"]).run()?;
        let settings = configuration(&self.directory, &self.context.host_apt, arch)
            + &host_settings(&host.text());
        let path = self.directory.join("apt.conf");
        // A proxy's address may hold a password.
        let mut options = File::options();
        options.create(true).truncate(true).write(true).mode(0o600);
        let mut file = options.open(&path).map_err(|source| io_error(&path, source))?;
        std::io::Write::write_all(&mut file, settings.as_bytes())
            .map_err(|source| io_error(&path, source))
    }

    fn update(&self, sources: &Sources) -> Result<(), DebianError> {
        let update = self.command("apt-get").args(["update", "-q", "--error-on=any"]);
        let output = self.context.logged(update).run()?;
        if !output.success() {
            let what = format!("package lists of {}", sources.hosts());
            return Err(DebianError::Unreachable { what, tail: complaints(&output.tail) });
        }
        let names = self.command("apt-cache").arg("pkgnames").run()?;
        // Last of all, and in one move: what is there says that the lists are.
        let (new, path) = (self.directory.join("names.new"), self.directory.join(NAMES));
        write_file(&new, names.stdout)?;
        std::fs::rename(&new, &path).map_err(|source| io_error(&path, source))
    }

    /// All names of packages in the lists.
    pub(crate) fn package_names(&self) -> Result<BTreeSet<String>, DebianError> {
        let path = self.directory.join(NAMES);
        let text = std::fs::read_to_string(&path).map_err(|source| io_error(&path, source))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
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
fn configuration(directory: &Path, host_apt: &Path, arch: &str) -> String {
    let dir = directory.display();
    let host = host_apt.display();
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
         Dir::Etc::netrcparts \"{host}/auth.conf.d/\";\n\
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
