//! A package archive of a few tiny packages, made from programs of this host.
//!
//! One of them is a whole system for dpkg and apt to work in (busybox, dpkg, apt, their
//! libraries), so that a Debian base and package steps take seconds and no network.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

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

/// One of the other packages.
struct Small {
    name: &'static str,
    version: &'static str,
    /// More fields of its control file.
    fields: &'static str,
    files: &'static [(&'static str, &'static str)],
    conffiles: &'static str,
    postinst: &'static str,
}

const SMALL: [Small; 3] = [
    Small {
        name: "tiny-lib",
        version: "1:1.0-2+b1",
        fields: "",
        files: &[("usr/share/tiny/lib", "lib\n")],
        conffiles: "",
        postinst: "",
    },
    Small {
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
        conffiles: "/etc/tiny.conf\n",
        postinst: "#!/bin/sh\nset -e\nmkdir -p /var/lib/tiny\n\
                   echo \"tiny:x:990:990::/var/lib/tiny:/bin/false\" >> /etc/passwd\n\
                   echo \"tiny:x:990:\" >> /etc/group\n\
                   cat /usr/share/tiny/lib > /var/lib/tiny/state\n",
    },
    Small {
        name: "tiny-tool",
        version: "3",
        fields: "Depends: tiny-lib\n",
        files: &[("usr/share/tiny/tool", "tool\n")],
        conffiles: "",
        postinst: "",
    },
];

/// The archive, with an `/etc/apt` that names it alone.
#[derive(Debug)]
pub struct LocalDebian {
    directory: TempDir,
}

impl Default for LocalDebian {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalDebian {
    /// Makes all packages and the archive's index.
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("forge-test-").expect("a temporary directory");
        let archive = Self { directory };
        let pool = archive.directory.path().join("archive/pool");
        fs::create_dir_all(&pool).expect("a pool");
        let tree = archive.directory.path().join("tree");
        let mut packages = system(&tree, &pool);
        for small in &SMALL {
            packages += &build_small(small, &tree, &pool);
        }
        archive.index(&packages);
        archive.configure();
        archive
    }

    /// The directory that stands for `/etc/apt`.
    pub fn etc_apt(&self) -> PathBuf {
        self.directory.path().join("apt")
    }

    /// The archive itself: `dists` and `pool`.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    fn index(&self, packages: &str) {
        let dist = self.path().join("dists/bookworm");
        let index = "main/binary-amd64/Packages";
        fs::create_dir_all(dist.join("main/binary-amd64")).expect("a distribution");
        fs::write(dist.join(index), packages).expect("an index");
        let release = format!(
            "Suite: bookworm\nCodename: bookworm\nComponents: main\nArchitectures: amd64\n\
             Date: Wed, 01 Jan 2025 00:00:00 UTC\nSHA256:\n {} {} {index}\n",
            sha256(packages.as_bytes()),
            packages.len()
        );
        fs::write(dist.join("Release"), release).expect("a release file");
    }

    fn configure(&self) {
        let parts = self.etc_apt().join("sources.list.d");
        fs::create_dir_all(&parts).expect("a directory");
        let source = format!(
            "Types: deb\nURIs: file:{}\nSuites: bookworm\nComponents: main\nTrusted: yes\n",
            self.path().display()
        );
        fs::write(parts.join("tiny.sources"), source).expect("a source");
    }
}

/// The package that everything stands on.
fn system(tree: &Path, pool: &Path) -> String {
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
    pack(tree, pool, "tiny-system", "1", "Essential: yes\n")
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

fn build_small(small: &Small, tree: &Path, pool: &Path) -> String {
    for (path, text) in small.files {
        write(tree, path, text);
    }
    for (name, text) in [("conffiles", small.conffiles), ("postinst", small.postinst)] {
        if !text.is_empty() {
            write(tree, &format!("DEBIAN/{name}"), text);
            let mode = if name == "postinst" { 0o755 } else { 0o644 };
            let path = tree.join("DEBIAN").join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
        }
    }
    pack(tree, pool, small.name, small.version, small.fields)
}

/// Makes a package of a tree, takes the tree away, and gives the package's stanza of the index.
fn pack(tree: &Path, pool: &Path, name: &str, version: &str, fields: &str) -> String {
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\nPriority: optional\n{fields}\
         Maintainer: Site <site@example.org>\nDescription: a package of the tests\n"
    );
    write(tree, "DEBIAN/control", &control);
    let file = format!("{name}_{}_amd64.deb", version.replace(':', "%3a"));
    let path = pool.join(&file);
    let output = Command::new("dpkg-deb")
        .args(["--root-owner-group", "-Znone", "--build"])
        .args([tree, &path])
        .env("SOURCE_DATE_EPOCH", "1735689600")
        .output()
        .expect("dpkg-deb starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_dir_all(tree).expect("the tree was made here");
    let bytes = fs::read(&path).expect("the package was made");
    let mut stanza = control;
    // Writing to a String cannot fail.
    let _ = writeln!(
        stanza,
        "Filename: pool/{file}\nSize: {}\nSHA256: {}\n",
        bytes.len(),
        sha256(&bytes)
    );
    stanza
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
