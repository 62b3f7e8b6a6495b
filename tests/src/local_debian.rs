//! A package archive of a few tiny packages, made from programs of this host.
//!
//! One of them is a whole system for dpkg and apt to work in (busybox, dpkg, apt, their
//! libraries), so that a Debian base and package steps take seconds and no network.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::{Archive, Deb};

/// Programs of the system package, with the libraries that they need.
const PROGRAMS: [&str; 19] = [
    "/usr/bin/apt-cache",
    "/usr/bin/apt-config",
    "/usr/bin/apt-get",
    "/usr/bin/apt-mark",
    "/usr/bin/dpkg",
    "/usr/bin/dpkg-deb",
    "/usr/bin/dpkg-divert",
    "/usr/bin/dpkg-query",
    "/usr/bin/dpkg-split",
    "/usr/bin/dpkg-statoverride",
    "/usr/bin/dpkg-trigger",
    "/usr/bin/tar",
    "/usr/bin/update-alternatives",
    "/usr/lib/apt/methods/copy",
    "/usr/lib/apt/methods/file",
    "/usr/lib/apt/methods/store",
    "/usr/sbin/ldconfig",
    "/usr/sbin/start-stop-daemon",
    "/usr/bin/busybox",
];

/// What apt asks dpkg's architecture names of.
const TABLES: [&str; 4] = [
    "/usr/share/dpkg/abitable",
    "/usr/share/dpkg/cputable",
    "/usr/share/dpkg/ostable",
    "/usr/share/dpkg/tupletable",
];

/// What busybox stands in for.
const APPLETS: [&str; 26] = [
    "basename", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "diff", "dirname", "env",
    "false", "grep", "id", "ls", "ln", "mkdir", "mv", "rm", "sed", "sh", "sleep", "sort", "touch",
    "true", "uname",
];

const FILES: [(&str, &str); 8] = [
    // Packing asks for one kernel; nothing here boots it.
    ("boot/vmlinuz-6.1.0-test", "kernel\n"),
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("etc/group", "root:x:0:\nadm:x:4:\nnogroup:x:65534:\n"),
    ("etc/shadow", "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n"),
    ("etc/gshadow", "root:*::\nadm:*::\nnogroup:*::\n"),
    (
        "etc/login.defs",
        "UID_MIN 1000\nUID_MAX 60000\nSYS_UID_MIN 100\nSYS_UID_MAX 999\n\
         GID_MIN 1000\nGID_MAX 60000\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n",
    ),
    ("etc/os-release", "ID=test\nNAME=test\nVERSION_ID=1\n"),
    ("etc/machine-id", ""),
];

const DIRECTORIES: [&str; 14] = [
    "etc/apt",
    "etc/dpkg/dpkg.cfg.d",
    "etc/skel",
    "home",
    "root",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "usr/lib/systemd/system",
    "var/lib/apt/lists",
    "var/lib/dpkg/info",
    "var/log",
    "var/cache/apt/archives",
];

/// The other packages.
fn small() -> [Deb<'static>; 3] {
    let amd64 = Deb { arch: "amd64", ..Deb::default() };
    [
        Deb {
            name: "tiny-lib",
            version: "1:1.0-2+b1",
            files: &[("usr/share/tiny/lib", "lib\n")],
            ..amd64
        },
        Deb {
            name: "tiny-service",
            version: "2.1~rc1",
            fields: "Pre-Depends: tiny-lib (>= 1:1.0)\n",
            files: &[
                ("etc/tiny.conf", "level = 1\n"),
                (
                    "usr/lib/systemd/system/tiny.service",
                    "[Unit]\nDescription=Tiny\n[Service]\nExecStart=/usr/bin/true\n\
                     [Install]\nWantedBy=multi-user.target\n",
                ),
            ],
            control: &[
                ("conffiles", "/etc/tiny.conf\n"),
                (
                    "postinst",
                    "#!/bin/sh\nset -e\nmkdir -p /var/lib/tiny\n\
                     echo \"tiny:x:990:990::/var/lib/tiny:/bin/false\" >> /etc/passwd\n\
                     echo \"tiny:x:990:\" >> /etc/group\n\
                     cat /usr/share/tiny/lib > /var/lib/tiny/state\n",
                ),
            ],
            ..amd64
        },
        Deb {
            name: "tiny-tool",
            version: "3",
            fields: "Depends: tiny-lib\n",
            files: &[("usr/share/tiny/tool", "tool\n")],
            ..amd64
        },
    ]
}

/// The archive, with an `/etc/apt` that names it alone.
#[derive(Debug)]
pub struct LocalDebian {
    archive: Archive,
    etc_apt: TempDir,
}

impl Default for LocalDebian {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalDebian {
    /// Makes all packages and the archive's index.
    pub fn new() -> Self {
        let temporary = || TempDir::with_prefix("forge-test-").expect("a temporary directory");
        let tree = temporary();
        lay_system(tree.path());
        let system = Deb {
            name: "tiny-system",
            version: "1",
            arch: "amd64",
            fields: "Essential: yes\n",
            tree: Some(tree.path()),
            ..Deb::default()
        };
        let debs: Vec<_> = std::iter::once(system).chain(small()).collect();
        let archive = Archive::new("bookworm", "main", &debs);
        let etc_apt = temporary();
        let source = format!(
            "Types: deb\nURIs: file:{}\nSuites: bookworm\nComponents: main\nTrusted: yes\n",
            archive.path().display()
        );
        write(etc_apt.path(), "sources.list.d/tiny.sources", &source);
        Self { archive, etc_apt }
    }

    /// The directory that stands for `/etc/apt`.
    pub fn etc_apt(&self) -> &Path {
        self.etc_apt.path()
    }

    /// The archive itself: `dists` and `pool`.
    pub fn path(&self) -> &Path {
        self.archive.path()
    }
}

/// Lays the tree of the package that everything stands on.
fn lay_system(tree: &Path) {
    for directory in DIRECTORIES {
        fs::create_dir_all(tree.join(directory)).expect("a directory of the base");
    }
    let mut installed = BTreeSet::new();
    for program in PROGRAMS {
        install_program(Path::new(program), tree, &mut installed);
    }
    for table in TABLES {
        copy(Path::new(table), tree, &mut installed);
    }
    for applet in APPLETS {
        symlink("busybox", tree.join("usr/bin").join(applet)).expect("a link of the base");
    }
    symlink("../bin/busybox", tree.join("usr/sbin/init")).expect("a link of the base");
    for (path, text) in FILES {
        write(tree, path, text);
    }
}

/// Copies a program of the host and the libraries that its loader finds, to the same places.
fn install_program(program: &Path, tree: &Path, installed: &mut BTreeSet<PathBuf>) {
    copy(program, tree, installed);
    let output = Command::new("ldd").arg(program).output().expect("ldd starts");
    let text = String::from_utf8_lossy(&output.stdout);
    for word in text.split_whitespace().filter(|word| word.starts_with('/')) {
        copy(Path::new(word), tree, installed);
    }
}

/// Copies a file of the host to its place below `/usr`, where all programs of the base are.
fn copy(file: &Path, tree: &Path, installed: &mut BTreeSet<PathBuf>) {
    let inside = file.strip_prefix("/").expect("an absolute path");
    let inside = inside.strip_prefix("usr").unwrap_or(inside);
    let places = [Path::new("/usr").join(inside), Path::new("/").join(inside)];
    let from = places.iter().find(|place| place.exists());
    let from = from.unwrap_or_else(|| panic!("`{}` is not on this host", file.display()));
    if installed.insert(inside.to_owned()) {
        let to = tree.join("usr").join(inside);
        fs::create_dir_all(to.parent().expect("a file has a parent")).expect("directories");
        fs::copy(from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }
}

fn write(tree: &Path, path: &str, text: &str) {
    let path = tree.join(path);
    fs::create_dir_all(path.parent().expect("a file has a parent")).expect("directories");
    fs::write(path, text).expect("a file of a package");
}
