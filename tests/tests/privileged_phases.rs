//! Scripts and files that stand before and after the packages of their role, in a built image.

use std::fs;

use forge_test::{Deb, Forgec, LocalDebian, Site, Turn};

const SPEC: &str = r#"
base "small" { debian suite="bookworm" updates=#false { include "tiny-lib"; }; }
role "asks" {
    user "asks" uid=300 system=#true before="packages"
    file "/etc/asks.conf" owner="asks" mode="0600" before="packages" { content "level = 9"; }
    directory "/srv/asks" mode="0700" before="packages"
    packages deb="asks_1_all.deb"
    run "first" script="first.sh" before="packages"
    run "next" script="next.sh" after="packages"
    run "usual" script="usual.sh"
    run "last" script="last.sh" after="remove"
    remove "/var/lib/asks/gone"
}
role "later" { packages "tiny-service"; }
image "test-node" { base "small"; role "asks"; role "later"; }
"#;

/// Notes what it finds, and meddles with its configuration.
const POSTINST: &str = "#!/bin/sh
set -e
mkdir -p /var/lib/asks
: > /var/lib/asks/gone
{ ls -ln /etc/asks.conf | cut -c1-10; id -u asks; cat /etc/asks.conf; ls -d /srv/asks
  cat /var/lib/first; } > /var/lib/asks/found
echo 'level = 0' > /etc/asks.conf
";

const SCRIPTS: [(&str, &str); 4] = [
    (
        "first.sh",
        "test ! -e /var/lib/asks
         cat /etc/asks.conf | sed 's/^/first: /' > /var/lib/first\n",
    ),
    // What the package made is there, and what the later role's will make is not.
    (
        "next.sh",
        "test ! -e /etc/tiny.conf
         { sed 's/^/next: /' /etc/asks.conf; ls /var/lib/asks; } > /var/lib/next\n",
    ),
    (
        "usual.sh",
        "{ cat /etc/asks.conf; ls /etc/tiny.conf /var/lib/asks/gone; } > /var/lib/usual\n",
    ),
    ("last.sh", "ls /var/lib/asks > /var/lib/last\n"),
];

#[test]
fn scripts_and_files_stand_before_and_after_packages() {
    let _turn = Turn::take();
    let archive = LocalDebian::new();
    let site = Site::new(&[("site.kdl", SPEC)]);
    for (name, text) in SCRIPTS {
        site.write(name, text);
    }
    let asks = Deb {
        name: "asks",
        version: "1",
        files: &[("etc/asks.conf", "level = 1\n")],
        control: &[("conffiles", "/etc/asks.conf\n"), ("postinst", POSTINST)],
        ..Deb::default()
    };
    asks.make(&site.project());
    site.commit("the beginning");
    let forgec = Forgec::new(&site.project(), site.scratch()).apt(archive.etc_apt());
    forgec.run(&["build"]).expect(0);

    let read = |path: &str| {
        let call = ["shell", "test-node", "--", "/bin/cat", path];
        forgec.run(&call).expect(0).stdout
    };
    let found = "-rw-------\n300\nlevel = 9\n/srv/asks\nfirst: level = 9\n";
    assert_eq!(read("/var/lib/asks/found"), found);
    assert_eq!(read("/var/lib/next"), "next: level = 0\nfound\ngone\n");
    // With the other files it is as it is declared, whatever the package did to it.
    assert_eq!(read("/var/lib/usual"), "level = 9\n/etc/tiny.conf\n/var/lib/asks/gone\n");
    assert_eq!(read("/etc/asks.conf"), "level = 9\n");
    assert_eq!(read("/var/lib/last"), "found\n");

    // What is declared by then is binding for a script too, and the place of both is told.
    let script = fs::read_to_string(site.project().join("first.sh")).unwrap();
    site.write("first.sh", format!("{script}echo more >> /etc/asks.conf\n"));
    let run = forgec.run(&["build"]).expect(1);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("`/etc/asks.conf` is declared at site.kdl:5"), "{said}");
    assert!(said.contains("changes its content"), "{said}");
}
