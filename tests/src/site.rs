use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A project in a temporary directory, with room for a store beside it.
#[derive(Debug)]
pub struct Site {
    directory: TempDir,
}

impl Site {
    /// A project with a `forge.kdl` and these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = TempDir::with_prefix("forge-test-").expect("a temporary directory");
        let site = Self { directory };
        fs::create_dir(site.project()).expect("a project directory");
        site.write("forge.kdl", "project \"test\"\n");
        for (path, text) in files {
            site.write(path, text);
        }
        site
    }

    /// A copy of a project, links as the files that they point at.
    pub fn copy_of(directory: &Path) -> Self {
        let site = Self::new(&[]);
        let mut pending = vec![directory.to_owned()];
        while let Some(below) = pending.pop() {
            for entry in fs::read_dir(&below).expect("a directory of the project") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    pending.push(path);
                } else {
                    let name = path.strip_prefix(directory).expect("a path below it");
                    let content = fs::read(&path).expect("a file of the project");
                    site.write(name.to_str().expect("a path in UTF-8"), content);
                }
            }
        }
        site
    }

    /// The project's root.
    pub fn project(&self) -> PathBuf {
        self.directory.path().join("project")
    }

    /// The directory that holds the project, the store and the output.
    pub fn scratch(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().expect("a file has a parent")).expect("directories");
        fs::write(path, text).expect("a file of the project");
    }

    /// Runs git in the project.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@example.org"])
            .args(arguments)
            .current_dir(self.project())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits everything and gives the revision.
    pub fn commit(&self, message: &str) -> String {
        if !self.project().join(".git").exists() {
            self.git(&["init", "-q", "-b", "main"]);
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// Writes a tar archive of a base that is one static busybox with its links, `/etc` files and the
/// usual directories: small enough for a build in well under three seconds.
pub fn busybox_base(archive: &Path) {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists())
        .expect(
            "busybox-static is installed (`forgec doctor --install` does not need it; CI does)",
        );
    let tree = TempDir::with_prefix("forge-base-").expect("a temporary directory");
    let root = tree.path();
    for directory in [
        "usr/bin",
        "usr/sbin",
        "usr/lib",
        "etc",
        "dev",
        "proc",
        "sys",
        "run",
        "tmp",
        "root",
        "var/tmp",
        "var/log",
        "var/lib",
        "home",
        "etc/skel",
        "usr/lib/systemd/system",
        "boot",
    ] {
        fs::create_dir_all(root.join(directory)).expect("a directory of the base");
    }
    for (link, target) in [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib")] {
        std::os::unix::fs::symlink(target, root.join(link)).expect("a link of the base");
    }
    fs::copy(busybox, root.join("usr/bin/busybox")).expect("busybox");
    for applet in
        ["sh", "cat", "ls", "mkdir", "ln", "rm", "id", "sleep", "env", "chmod", "dd", "true"]
    {
        std::os::unix::fs::symlink("busybox", root.join("usr/bin").join(applet)).expect("a link");
    }
    std::os::unix::fs::symlink("../bin/busybox", root.join("usr/sbin/init")).expect("a link");
    let files = [
        // Packing asks for one kernel; nothing here boots it.
        ("boot/vmlinuz-6.1.0-test", "kernel\n"),
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        ),
        ("etc/group", "root:x:0:\nadm:x:4:\nnogroup:x:65534:\n"),
        ("etc/shadow", "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n"),
        ("etc/gshadow", "root:*::\nadm:*::\nnogroup:*::\n"),
        (
            "etc/login.defs",
            "UID_MIN 1000\nUID_MAX 60000\nSYS_UID_MIN 100\nSYS_UID_MAX 999\nGID_MIN 1000\nGID_MAX 60000\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n",
        ),
        ("etc/os-release", "ID=test\nNAME=test\nVERSION_ID=1\n"),
        ("etc/machine-id", ""),
        (
            "usr/lib/systemd/system/hello.service",
            "[Unit]\nDescription=Hello\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
        ),
    ];
    for (path, text) in files {
        fs::write(root.join(path), text).expect("a file of the base");
    }
    let status = Command::new("tar")
        .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@1600000000"])
        .arg("-C")
        .arg(root)
        .arg("-cf")
        .arg(archive)
        .arg(".")
        .status()
        .expect("tar starts");
    assert!(status.success(), "tar of the base");
}
