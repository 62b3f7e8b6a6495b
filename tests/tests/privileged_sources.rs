//! Files from elsewhere in a built image: fetched by hash from this machine, unpacked over a small
//! base, and read by a script.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use forge_test::{Run, Served, Site, SmallSite, Turn};

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes an archive of a tree like those that projects publish; gives its hash.
fn publish(directory: &Path, name: &str, marker: &str) -> String {
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path().join("lmod-8.7");
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::write(root.join("bin/lmod"), "#!/bin/sh\necho lmod\n").unwrap();
    fs::set_permissions(root.join("bin/lmod"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(root.join("VERSION"), marker).unwrap();
    std::os::unix::fs::symlink("bin/lmod", root.join("lmod")).unwrap();
    let archive = directory.join(name);
    run(Command::new("tar")
        .args(["--create", "--auto-compress", "--mode=u+rwX,go+rX,go-w", "--owner=4711"])
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(tree.path())
        .arg("lmod-8.7"));
    sum(&archive)
}

fn sum(file: &Path) -> String {
    run(Command::new("sha256sum").arg(file)).split(' ').next().unwrap().to_owned()
}

fn role(url: &str, archive: &str, sha256: &str) -> String {
    format!(
        r#"
role "app" {{
    source "lmod" url="{url}/{archive}" sha256="{sha256}"
    unpack "lmod" into="/opt/lmod" strip=1 group="adm"
    file "/opt/lmod/site.conf" {{ content "site"; }}
    run "index" script="index.sh" {{ input source="lmod"; }}
}}
"#
    )
}

const SITE: &str = "image \"test-node\" { base \"small\"; role \"app\"; }\n";

struct Lab {
    small: SmallSite,
    served: Served,
    directory: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let small = SmallSite::new();
        small.site.write("site.kdl", SITE);
        for unused in ["policy.kdl", "roles/tool/role.kdl"] {
            fs::remove_file(small.site.project().join(unused)).unwrap();
        }
        small.site.write(
            "roles/app/index.sh",
            "ls /run/forge/input > /usr/lib/inputs\ncat /opt/lmod/VERSION >> /usr/lib/inputs\n",
        );
        let directory = tempfile::Builder::new().prefix("forge-test-").tempdir().unwrap();
        let served = Served::start(directory.path().to_owned(), None);
        Self { small, served, directory }
    }

    fn write(&self, archive: &str, sha256: &str) {
        let site: &Site = &self.small.site;
        site.write("roles/app/role.kdl", role(&self.served.url(), archive, sha256));
    }

    #[track_caller]
    fn build(&self) -> Run {
        self.small.forgec.run(&["build"]).expect(0)
    }

    #[track_caller]
    fn fails(&self, code: i32, said: &[&str]) {
        let Run { stdout, stderr, .. } = self.small.forgec.run(&["build"]).expect(code);
        for text in said {
            assert!(stderr.contains(text), "{text}\n{stdout}\n{stderr}");
        }
    }

    #[track_caller]
    fn shell(&self, line: &str) -> String {
        let arguments = ["shell", "test-node", "--", "/bin/sh", "-c", line];
        self.small.forgec.run(&arguments).expect(0).stdout
    }
}

#[test]
fn an_archive_becomes_a_layer() {
    let _turn = Turn::take();
    let lab = Lab::new();
    for archive in ["lmod.tar.gz", "lmod.tar.bz2", "lmod.tar.xz", "lmod.tar.zst", "lmod.tar"] {
        let sha256 = publish(lab.directory.path(), archive, "8.7\n");
        lab.write(archive, &sha256);
        lab.build();
        let said = lab.shell("/opt/lmod/lmod; cat /usr/lib/inputs /opt/lmod/site.conf");
        assert_eq!(said, "lmod\nlmod\n8.7\nsite\n", "{archive}");
        let listing = lab.shell("ls -ln /opt/lmod");
        assert!(listing.contains("lmod -> bin/lmod"), "{listing}");
        let version = listing.lines().find(|line| line.ends_with("VERSION")).unwrap();
        let fields: Vec<_> = version.split_whitespace().collect();
        assert_eq!(fields[..4], ["-rw-r--r--", "1", "0", "4"], "owned as the spec says");
    }
    // Another address of the same bytes builds nothing, and asks nobody.
    let asked = lab.served.asked().len();
    fs::rename(lab.directory.path().join("lmod.tar"), lab.directory.path().join("moved.tar"))
        .unwrap();
    let sha256 = sum(&lab.directory.path().join("moved.tar"));
    lab.write("moved.tar", &sha256);
    lab.small.forgec.run(&["gc"]).expect(0);
    lab.small.forgec.run(&["plan", "--exit-code"]).expect(0);
    lab.build();
    assert_eq!(lab.served.asked().len(), asked);

    let other = publish(lab.directory.path(), "other.tar.gz", "9.0\n");
    // Two archives that disagree.
    lab.write("lmod.tar.gz", &sum(&lab.directory.path().join("lmod.tar.gz")));
    let more = |more: &str| {
        format!(
            "role \"more\" {{\n    source \"other\" url=\"{}/other.tar.gz\" sha256=\"{other}\"\n    unpack \"other\" into=\"/opt/lmod\" strip=1 group=\"adm\" {more}\n}}\n",
            lab.served.url()
        )
    };
    lab.small.site.write("roles/more.kdl", more(""));
    lab.small.site.write("site.kdl", SITE.replace("role \"app\"", "role \"app\"; role \"more\""));
    lab.fails(
        1,
        &["`/opt/lmod/VERSION` is unpacked from `lmod`", "roles/more.kdl:3", "override=#true"],
    );
    lab.small.site.write("roles/more.kdl", more("override=#true"));
    lab.build();
    assert_eq!(lab.shell("cat /opt/lmod/VERSION /opt/lmod/site.conf"), "9.0\nsite\n");
    lab.small.site.write("site.kdl", SITE);
    lab.write("gone.tar", &"ab".repeat(32));
    lab.fails(3, &["source `lmod`", "404", "roles/app/role.kdl:3"]);
    lab.write("other.tar.gz", &"ab".repeat(32));
    lab.fails(1, &["has another hash", &format!("found     {other}"), "roles/app/role.kdl:3"]);
    fs::write(lab.directory.path().join("page.html"), "<html>").unwrap();
    lab.write("page.html", &sum(&lab.directory.path().join("page.html")));
    lab.fails(1, &["it is no tar archive", "roles/app/role.kdl:4"]);
}
