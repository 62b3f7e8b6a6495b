//! The Debian base: mmdebstrap from a one-off repository, without a network.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use forge_model::{BUILD_EPOCH, PackageRecord, PackageSources, wildcard};
use forge_sys::process::Isolation;

use super::repository::Repository;
use super::sources::image_sources_list;
use super::{Context, DebianError, io_error, make_directory, write_file};

/// What a base is made of.
#[derive(Clone, Copy, Debug)]
pub struct BaseRequest<'a> {
    /// Debian's name of the architecture.
    pub arch: &'a str,
    /// For the image's own `sources.list`.
    pub sources: &'a PackageSources,
    /// dpkg's `path-exclude` globs; they stay in the image, for later steps.
    pub exclude_paths: &'a [String],
    /// Everything that is installed, fetched before.
    pub packages: &'a [PackageRecord],
}

/// The image's own dpkg configuration (dpkg.cfg(5)).
const EXCLUDES: &str = "etc/dpkg/dpkg.cfg.d/forge-path-exclude";

/// Directories that systemd-nspawn, and every container after it, expects, with their modes.
const FIXED_DIRECTORIES: [(&str, u32); 8] = [
    ("dev", 0o755),
    ("proc", 0o755),
    ("sys", 0o755),
    ("run", 0o755),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/tmp", 0o1777),
    ("root", 0o700),
];

/// Directories whose content is made anew at every boot.
const EMPTIED_DIRECTORIES: [&str; 3] = ["dev", "run", "tmp"];

/// Left by mmdebstrap: name and resolver of the builder, and options for its own dpkg.
const LEFT_BY_MMDEBSTRAP: [&str; 4] = [
    "etc/hostname",
    "etc/resolv.conf",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "etc/apt/apt.conf.d/99mmdebstrap",
];

/// Makes the base in `target`, a directory that does not exist yet, best on a tmpfs.
///
/// The caller scans it with [`scrub`](super::scrub()), which takes away what differs from build to
/// build.
pub fn build_base(
    context: &Context,
    request: &BaseRequest<'_>,
    target: &Path,
) -> Result<(), DebianError> {
    make_directory(&context.work)?;
    let scratch = tempfile::Builder::new()
        .prefix("base-")
        .tempdir_in(&context.work)
        .map_err(|source| io_error(&context.work, source))?;
    let suite = &request.sources.suite;
    let directory = scratch.path().join("repository");
    let repository = Repository::write(&directory, &context.debs, request.packages, suite)?;
    let excludes = scratch.path().join("path-exclude");
    write_file(&excludes, dpkg_excludes(request.exclude_paths))?;
    let names: Vec<&str> = request.packages.iter().map(|one| one.name.as_str()).collect();
    let command = context
        .command("mmdebstrap")
        .args(["--mode=root", "--format=directory", "--variant=essential", "--verbose"])
        .arg(format!("--architectures={}", request.arch))
        .arg(format!("--include={}", names.join(",")))
        // Scripts of the repository's packages are what runs; emulation and keys are not in play.
        .arg("--skip=check/qemu,check/signed-by,check/empty")
        .arg("--dpkgopt=force-unsafe-io")
        .arg(format!("--setup-hook={}", merge_usr_script(request.arch)))
        // As `--dpkgopt` they would send every package through a filter, which takes 7 s.
        .arg(format!("--extract-hook=upload '{}' /{EXCLUDES}", excludes.display()))
        .arg(suite)
        .arg(target)
        .arg(format!("deb [trusted=yes] copy:{} ./", repository.path().display()))
        .env("SOURCE_DATE_EPOCH", BUILD_EPOCH.to_string())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("TMPDIR", scratch.path())
        .isolation(Isolation::Offline);
    let output = context.logged(command).run()?;
    if !output.success() {
        return Err(DebianError::Failed {
            command: "mmdebstrap".to_owned(),
            status: output.status,
            tail: output.tail,
            log: context.log.clone(),
        });
    }
    normalize(target, request)
}

/// Makes `/bin`, `/lib` and `/sbin` links before anything is unpacked, as debootstrap does; the
/// package `usr-is-merged` insists on it.
fn merge_usr_script(arch: &str) -> String {
    let more = match arch {
        "amd64" => " lib32 lib64 libx32",
        "ppc64el" | "loong64" => " lib64",
        "s390x" => " lib32",
        _ => "",
    };
    format!(
        "for name in bin sbin lib{more}; do ln -s \"usr/$name\" \"$1/$name\"; \
         mkdir -p \"$1/usr/$name\"; done"
    )
}

fn dpkg_excludes(globs: &[String]) -> String {
    globs.iter().fold(String::new(), |mut out, glob| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "path-exclude={glob}");
        out
    })
}

/// Removes what mmdebstrap leaves, and makes what containers expect.
fn normalize(root: &Path, request: &BaseRequest<'_>) -> Result<(), DebianError> {
    for name in LEFT_BY_MMDEBSTRAP {
        gone(&root.join(name), |path| std::fs::remove_file(path))?;
    }
    for name in EMPTIED_DIRECTORIES {
        gone(&root.join(name), |path| std::fs::remove_dir_all(path))?;
    }
    for (name, mode) in FIXED_DIRECTORIES {
        let path = root.join(name);
        make_directory(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
            .map_err(|source| io_error(&path, source))?;
    }
    if request.exclude_paths.is_empty() {
        let path = root.join(EXCLUDES);
        std::fs::remove_file(&path).map_err(|source| io_error(&path, source))?;
    } else {
        exclude(root, Path::new("/"), request.exclude_paths)?;
    }
    write_file(&root.join("etc/apt/sources.list"), image_sources_list(request.sources))
}

/// Takes a path away that need not be there.
fn gone(path: &Path, remove: impl Fn(&Path) -> std::io::Result<()>) -> Result<(), DebianError> {
    match remove(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(io_error(path, source)),
        _ => Ok(()),
    }
}

/// Takes away what the essential packages brought before dpkg read the globs. Directories go when
/// nothing is left in them.
fn exclude(root: &Path, inside: &Path, globs: &[String]) -> Result<(), DebianError> {
    let directory = root.join(inside.strip_prefix("/").unwrap_or(inside));
    let failed = |source| io_error(&directory, source);
    for entry in std::fs::read_dir(&directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = inside.join(entry.file_name());
        let bytes = path.as_os_str().as_encoded_bytes();
        // As dpkg does it: `*` matches slashes too.
        let excluded = globs.iter().any(|glob| wildcard(glob.as_bytes(), bytes));
        if entry.file_type().map_err(failed)?.is_dir() {
            exclude(root, &path, globs)?;
            if excluded {
                // It fails when something is left, which is then to stay.
                std::fs::remove_dir(entry.path()).ok();
            }
        } else if excluded {
            std::fs::remove_file(entry.path()).map_err(|source| io_error(&entry.path(), source))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excluded_paths_go_with_their_empty_directories() {
        let root = tempfile::tempdir().unwrap();
        for name in ["usr/share/doc/bash/README", "usr/share/man/man1/a.1", "usr/share/man/keep.me"]
        {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let globs = ["/usr/share/doc/*".to_owned(), "/usr/share/man/man*".to_owned()];
        exclude(root.path(), Path::new("/"), &globs).unwrap();
        let exists = |name: &str| root.path().join(name).exists();
        assert!(exists("usr/share/doc") && !exists("usr/share/doc/bash"));
        assert!(exists("usr/share/man/keep.me") && !exists("usr/share/man/man1"));
    }

    #[test]
    fn excludes_are_written_as_dpkg_reads_them() {
        let globs = ["/usr/share/doc/*".to_owned(), "/usr/share/man/*".to_owned()];
        assert_eq!(
            dpkg_excludes(&globs),
            "path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\n"
        );
    }
}
