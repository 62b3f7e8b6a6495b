//! What a role may say of packages, in a built image: a repository with key and login, pins,
//! holds, answers, path excludes, and package files of the project. Debian's own packages come as
//! the host's apt is configured; everything else is made here.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::Path;

use forge_test::{Archive, Deb, Forgec, Run, Site, Turn};

const TEMPLATES: &str = "Template: site-tool/colour\nType: select\nChoices: red, green, blue\n\
    Default: red\nDescription: colour\n";

/// Asks debconf, and keeps the answer where a package keeps it.
const POSTINST: &str = "#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\n\
    db_input high site-tool/colour || true\ndb_go || true\ndb_get site-tool/colour\n\
    echo \"$RET\" > /etc/site-tool.colour\nmkdir -p /var/lib/site-tool\n";

const ROLE: &str = r#"
role "vendor" {
    param "url" type="string"
    repository "site" url="${url}" suites="stable" components="main" key="site.asc" {
        login secret="login"
    }
    pin "site-tool" version="1.*" priority=1001
    hold "dpkg" "site-tool"
    preseed "site-tool" "site-tool/colour" "select" "blue"
    preseed "debconf" "debconf/priority" "select" "high"
    exclude-paths "/usr/share/site-doc/*"
    packages "site-tool"
    packages deb="driver_2_all.deb"
}
role "later" { packages "other" }
"#;

fn archive() -> Archive {
    let tool = Deb {
        name: "site-tool",
        version: "1.5",
        fields: "Depends: debconf\n",
        files: &[
            ("etc/site-tool.conf", "colour\n"),
            ("usr/share/site-doc/manual", "long\n"),
            ("usr/bin/site-tool", "#!/bin/sh\n"),
        ],
        control: &[
            ("postinst", POSTINST),
            ("templates", TEMPLATES),
            ("conffiles", "/etc/site-tool.conf\n"),
        ],
        ..Deb::default()
    };
    let newer = Deb { version: "2.0", ..tool };
    let other = Deb {
        name: "other",
        version: "1",
        files: &[("usr/share/site-doc/other", "long\n"), ("usr/lib/other", "x\n")],
        ..Deb::default()
    };
    Archive::new("stable", "main", &[tool, newer, other])
}

struct Lab {
    site: Site,
    forgec: Forgec,
}

impl Lab {
    fn new(url: &str, key: &str) -> Self {
        let site = Site::new(&[
            ("roles/vendor/role.kdl", ROLE),
            ("roles/vendor/site.asc", key),
            ("secrets.kdl", "secret \"login\" version=1 { env \"LOGIN\"; }\n"),
        ]);
        let images = format!(
            "base \"b\" {{ debian suite=\"bookworm\"; }}\n\
             image \"test-node\" {{\n    base \"b\"\n    role \"vendor\" url=\"{url}\"\n\
                 role \"later\"\n}}\n"
        );
        site.write("images.kdl", images);
        let driver = Deb {
            name: "driver",
            version: "2",
            fields: "Depends: site-tool (>= 1)\n",
            files: &[("usr/lib/driver", "x\n")],
            ..Deb::default()
        };
        driver.make(&site.project().join("roles/vendor"));
        let forgec = Forgec::new(&site.project(), site.scratch()).env("LOGIN", "ann:sesame-open");
        Self { site, forgec }
    }

    #[track_caller]
    fn shell(&self, line: &str) -> String {
        self.forgec.run(&["shell", "test-node", "--", "/bin/sh", "-c", line]).expect(0).stdout
    }

    fn edit(&self, old: &str, new: &str) {
        let path = "roles/vendor/role.kdl";
        let text = fs::read_to_string(self.site.project().join(path)).unwrap();
        assert!(text.contains(old));
        self.site.write(path, text.replacen(old, new, 1));
    }

    /// Fails with this exit code and says all of this.
    #[track_caller]
    fn fails(&self, code: i32, said: &[&str]) {
        let Run { stdout, stderr, .. } = self.forgec.run(&["build"]).expect(code);
        for text in said {
            assert!(stderr.contains(text) || stdout.contains(text), "{text}\n{stdout}\n{stderr}");
        }
    }
}

#[test]
fn a_role_says_all_that_it_asks_of_packages() {
    let _turn = Turn::take();
    let archive = archive();
    let key = archive.sign("stable");
    let served = archive.serve(Some("Basic YW5uOnNlc2FtZS1vcGVu"));
    let lab = Lab::new(&served.url(), &key);
    lab.forgec.run(&["build"]).expect(0);

    let versions = lab.shell(
        "dpkg-query -W -f '${Package} ${Version} ${db:Status-Want}\\n' driver dpkg other site-tool",
    );
    let dpkg = versions.lines().find(|line| line.starts_with("dpkg ")).unwrap();
    assert!(dpkg.ends_with(" hold"), "{versions}");
    let rest: Vec<_> = versions.lines().filter(|line| !line.starts_with("dpkg ")).collect();
    assert_eq!(rest, ["driver 2 install", "other 1 install", "site-tool 1.5 hold"]);
    assert_eq!(lab.shell("cat /etc/site-tool.colour"), "blue\n");
    assert_eq!(
        lab.shell("apt-mark showmanual | grep -e driver -e other -e site"),
        "driver\nother\nsite-tool\n"
    );
    let excluded = lab.shell("ls /usr/lib/driver /usr/lib/other; find /usr/share/site-doc -type f");
    assert_eq!(excluded, "/usr/lib/driver\n/usr/lib/other\n");
    let source = lab.shell("cat /etc/apt/sources.list.d/site.sources");
    let want = format!(
        "Types: deb\nURIs: {}\nSuites: stable\nComponents: main\nSigned-By: /etc/apt/keyrings/site.asc\n",
        served.url()
    );
    assert_eq!(source, want);
    assert_eq!(lab.shell("cat /etc/apt/keyrings/site.asc"), key);
    let pinned = lab.shell("apt-cache policy site-tool");
    assert!(pinned.contains("1.5 1001"), "apt of the image knows the pin: {pinned}");
    // Who may fetch is in no layer, list, log or manifest.
    assert_eq!(holders(lab.forgec.store_dir(), b"sesame-open"), Vec::<String>::new());

    // A second build does nothing; another password resolves nothing anew.
    let asked = served.asked().len();
    let forgec = Forgec::new(&lab.site.project(), lab.site.scratch()).env("LOGIN", "bob:another");
    let again = forgec.run(&["build"]).expect(0);
    assert!(!again.stdout.contains("finished"), "{}", again.stdout);
    assert_eq!(served.asked().len(), asked);

    // Another store comes to the same image, from the same lists.
    let release = lab.shell("cat /etc/forge-release");
    let other = Forgec::new(&lab.site.project(), lab.site.scratch())
        .store(&lab.site.scratch().join("other"))
        .env("LOGIN", "ann:sesame-open");
    other.run(&["build"]).expect(0);
    let arguments = ["shell", "test-node", "--", "cat", "/etc/forge-release"];
    assert_eq!(other.run(&arguments).expect(0).stdout, release);
    // What the image needs stays.
    lab.forgec.run(&["gc"]).expect(0);
    lab.forgec.run(&["plan", "--exit-code"]).expect(0);

    // An answer to a package that was configured before comes late; the image says so.
    lab.site.write(
        "images.kdl",
        fs::read_to_string(lab.site.project().join("images.kdl")).unwrap().replace(
            "role \"later\"\n",
            "role \"later\"\n    preseed \"site-tool\" \"site-tool/size\" \"string\" \"1\"\n",
        ),
    );
    let late = lab.forgec.run(&["build"]).expect(0);
    let said = format!("{}{}", late.stdout, late.stderr);
    assert!(said.contains("the answer to `site-tool/size` comes late"), "{said}");

    mistakes(&lab);
}

/// Each is told with its place.
fn mistakes(lab: &Lab) {
    lab.edit("version=\"1.*\"", "version=\"3.*\"");
    lab.fails(
        1,
        &["no `site-tool` has version 3.*; there is `1.5`, `2.0`", "roles/vendor/role.kdl:7"],
    );
    lab.edit("version=\"3.*\"", "version=\"1.*\"");
    lab.edit("hold \"dpkg\"", "hold \"dpgk\"");
    lab.fails(1, &["`dpgk` is to be held, and nothing installs it; did you mean `dpkg`?"]);
    lab.edit("hold \"dpgk\"", "hold \"dpkg\"");
    lab.edit("packages \"site-tool\"", "packages \"site-tol\"");
    lab.fails(1, &["no package is named `site-tol`; did you mean `site-tool`?", "role.kdl:12"]);
    lab.edit("packages \"site-tol\"", "packages \"site-tool\"");
    fs::write(lab.site.project().join("roles/vendor/driver_2_all.deb"), [b'x'; 1000]).unwrap();
    lab.fails(1, &["`roles/vendor/driver_2_all.deb`: dpkg-deb cannot read it", "role.kdl:13"]);
}

/// Files below a directory that hold these bytes.
fn holders(directory: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            found.extend(holders(&path, bytes));
        } else if meta.is_file()
            && fs::read(&path).unwrap().windows(bytes.len()).any(|part| part == bytes)
        {
            found.push(path.display().to_string());
        }
    }
    found
}
