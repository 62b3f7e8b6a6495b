//! A package step: apt in a container over the layers below, on a one-off repository.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use forge_model::{BUILD_EPOCH, ImagePath, Located, PackageRecord, Preseed};
use forge_sys::nspawn::{self, Bind, NspawnError, Payload, Sandbox};
use forge_sys::overlay::{Overlay, OverlayError, Upper};
use forge_sys::root::Root;

use super::control::paragraphs;
use super::repository::Repository;
use super::{Context, DebianError, io_error, make_directory, write_file};

/// What a package step installs, and on what.
#[derive(Clone, Copy, Debug)]
pub struct InstallRequest<'a> {
    /// Names asked for; apt marks them as wanted, and the rest as brought along.
    pub names: &'a [Located<String>],
    /// The step's own slice of the list, fetched before.
    pub packages: &'a [PackageRecord],
    /// Answers to debconf's questions, given first.
    pub answers: &'a [Preseed],
    /// Packages that dpkg is told to hold, last.
    pub holds: &'a [Located<String>],
    /// The layers below, from the bottom up.
    pub lowers: &'a [PathBuf],
    /// Takes the new layer.
    pub upper: &'a Upper,
}

/// Where the container sees the repository and apt's configuration, read-only.
const INSIDE: &str = "/run/forge";

/// apt's own files, on the container's tmpfs: nothing of them gets into the layer.
const APT_CONFIGURATION: &str = r#"Dir::State::lists "/run/apt/lists/";
Dir::Cache "/run/apt/cache/";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "/run/apt/log/";
Dir::Etc::sourcelist "/run/forge/sources.list";
Dir::Etc::sourceparts "/run/apt/none/";
Dir::Etc::preferences "/run/forge/preferences";
Dir::Etc::preferencesparts "/run/apt/none/";
APT::Sandbox::User "root";
APT::Install-Recommends "true";
APT::Install-Suggests "false";
Acquire::Languages "none";
DPkg::Use-Pty "false";
DPkg::Options { "--force-confdef"; "--force-confold"; "--force-unsafe-io"; "--log=/run/apt/dpkg.log"; };
"#;

/// The list decides, even where it has an older version than a layer below.
const PREFERENCES: &str = "Package: *\nPin: origin \"\"\nPin-Priority: 1001\n";

/// The repository holds the slice alone, so whatever apt could take in is in the list.
const SCRIPT: &str = "set -e\n\
    if [ -e /run/forge/answers ]; then debconf-set-selections /run/forge/answers; fi\n\
    if [ -e /run/forge/sources.list ]; then\n\
    mkdir -p /run/apt/lists/partial /run/apt/cache/archives/partial /run/apt/log /run/apt/none\n\
    apt-get update -qq\n\
    apt-get install -y -q --no-remove --allow-downgrades --allow-change-held-packages -- \"$@\"\n\
    fi\n\
    if [ -e /run/forge/holds ]; then dpkg --set-selections </run/forge/holds; fi\n";

/// Keeps maintainer scripts from starting services (invoke-rc.d(8)): 101 is "forbidden".
const POLICY: &str = "#!/bin/sh\nexit 101\n";

/// Installs packages over `lowers`; what changes is in the upper directory afterwards.
///
/// The caller scans that with [`scrub`](super::scrub()). Where there is nothing to install and
/// nothing to say, nothing is done.
pub fn install(context: &Context, request: &InstallRequest<'_>) -> Result<(), DebianError> {
    let InstallRequest { names: _, packages, answers, holds, lowers: _, upper: _ } = request;
    if packages.is_empty() && answers.is_empty() && holds.is_empty() {
        return Ok(());
    }
    make_directory(&context.work)?;
    let scratch = tempfile::Builder::new()
        .prefix("packages-")
        .tempdir_in(&context.work)
        .map_err(|source| io_error(&context.work, source))?;
    let inside = scratch.path().join("inside");
    write_inside(context, request, &inside)?;

    let mut lowers = vec![policy_layer(scratch.path())?];
    lowers.extend_from_slice(request.lowers);
    // The upper directory is the root that scripts see; the builder's umask is none of theirs.
    set_mode(&request.upper.upper, 0o755)?;
    let target = scratch.path().join("root");
    make_directory(&target)?;
    let overlay = Overlay { lowers, upper: Some(request.upper.clone()), target };
    let mounted = overlay.mount().map_err(|error| overlay_error(&overlay.target, error))?;
    let sandbox = sandbox(mounted.path(), inside, request.names);
    let output = nspawn::run(&sandbox, context.outer, |command| {
        context.logged(command.cancel(&context.cancel))
    })
    .map_err(nspawn_error)?;
    let checked = if output.success() {
        check_installed(mounted.path(), request.packages)
    } else {
        let (command, status) = ("apt-get install".to_owned(), output.status);
        let log = context.log.clone();
        Err(DebianError::Failed { command, status, tail: output.tail, log })
    };
    mounted.unmount().map_err(|error| overlay_error(&overlay.target, error))?;
    checked
}

/// Writes what the container sees of the step.
fn write_inside(
    context: &Context,
    request: &InstallRequest<'_>,
    inside: &Path,
) -> Result<(), DebianError> {
    make_directory(inside)?;
    write_file(&inside.join("apt.conf"), APT_CONFIGURATION)?;
    write_file(&inside.join("preferences"), PREFERENCES)?;
    if !request.packages.is_empty() {
        Repository::write(&inside.join("repository"), &context.debs, request.packages, "forge")?;
        let source = format!("deb [trusted=yes] file:{INSIDE}/repository ./\n");
        write_file(&inside.join("sources.list"), source)?;
    }
    if !request.answers.is_empty() {
        let mut lines = String::new();
        for Preseed { owner, question, kind, value, origin: _ } in request.answers {
            lines.push_str(&format!("{owner} {question} {kind} {value}\n"));
        }
        write_file(&inside.join("answers"), lines)?;
    }
    if !request.holds.is_empty() {
        let mut lines = String::new();
        for held in request.holds {
            lines.push_str(&format!("{} hold\n", held.value));
        }
        write_file(&inside.join("holds"), lines)?;
    }
    Ok(())
}

/// The lowest layer of all: what must be in sight of the scripts, and in no image.
fn policy_layer(scratch: &Path) -> Result<PathBuf, DebianError> {
    let layer = scratch.join("policy");
    let path = layer.join("usr/sbin/policy-rc.d");
    make_directory(&layer.join("usr/sbin"))?;
    write_file(&path, POLICY)?;
    set_mode(&path, 0o755)?;
    Ok(layer)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), DebianError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(|source| io_error(path, source))
}

fn sandbox(root: &Path, inside: PathBuf, names: &[Located<String>]) -> Sandbox {
    let mut words = vec!["/bin/sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), "sh".to_owned()];
    words.extend(names.iter().map(|name| name.value.clone()));
    let payload = Payload::Run(words.into_iter().map(Into::into).collect());
    let epoch = BUILD_EPOCH.to_string();
    let environment = [
        ("APT_CONFIG", "/run/forge/apt.conf"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        // An initrd of the builder's would be thrown away (initramfs-tools reads this).
        ("INITRD", "No"),
        ("LC_ALL", "C.UTF-8"),
        ("PATH", forge_sys::process::PATH),
        // The day of the last change in /etc/shadow, and whatever else asks for it.
        ("SOURCE_DATE_EPOCH", &epoch),
    ];
    let mut sandbox = Sandbox::new(root, payload);
    sandbox.environment =
        environment.map(|(name, value)| (name.into(), value.into())).into_iter().collect();
    sandbox.binds = vec![Bind { host: inside, container: INSIDE.into(), writable: false }];
    sandbox
}

/// The list is what is installed, no more and no less of it.
fn check_installed(root: &Path, packages: &[PackageRecord]) -> Result<(), DebianError> {
    let path = ImagePath::new("var/lib/dpkg/status").unwrap_or(ImagePath::ROOT);
    let status = Root::open(root)
        .and_then(|root| root.read(&path))
        .map_err(|source| io_error(&root.join("var/lib/dpkg/status"), source))?;
    let missing = not_installed(&String::from_utf8_lossy(&status), packages);
    if missing.is_empty() {
        return Ok(());
    }
    let tail =
        missing.into_iter().map(|one| format!("`{one}` is in the list but was not installed"));
    Err(DebianError::Unsatisfiable { origins: Vec::new(), tail: tail.collect() })
}

fn not_installed(status: &str, packages: &[PackageRecord]) -> Vec<String> {
    let installed: BTreeMap<(String, String), String> = paragraphs(status)
        // `install` or `hold` is what is wanted of it.
        .filter(|one| one.field("Status").is_some_and(|status| status.ends_with(" ok installed")))
        .filter_map(|paragraph| {
            let field = |name| paragraph.field(name).map(std::borrow::Cow::into_owned);
            Some(((field("Package")?, field("Architecture")?), field("Version")?))
        })
        .collect();
    let is_missing = |record: &&PackageRecord| {
        let key = (record.name.clone(), record.arch.clone());
        installed.get(&key) != Some(&record.version)
    };
    let missing = packages.iter().filter(is_missing);
    missing.map(|record| format!("{} {}", record.name, record.version)).collect()
}

fn overlay_error(target: &Path, error: OverlayError) -> DebianError {
    io_error(target, std::io::Error::other(error))
}

fn nspawn_error(error: NspawnError) -> DebianError {
    match error {
        NspawnError::Process(error) => DebianError::Process(error),
        other => io_error(Path::new("systemd-nspawn"), std::io::Error::other(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_installed_is_found() {
        let status = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n\
                      Package: b\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
                      Package: c\nStatus: install ok installed\nArchitecture: all\nVersion: 2\n";
        let record = |name: &str| PackageRecord {
            name: name.to_owned(),
            version: "1".to_owned(),
            arch: "all".to_owned(),
            size: 0,
            sha256: String::new(),
            mirror: String::new(),
            path: String::new(),
            stanza: String::new(),
        };
        let packages = ["a", "b", "c", "d"].map(record);
        assert_eq!(not_installed(status, &packages), ["b 1", "c 1", "d 1"]);
    }
}
