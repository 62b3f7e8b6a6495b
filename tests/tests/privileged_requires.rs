//! What the items of an image need is looked at in the built tree: on a small base, as root.

use forge_test::{SmallSite, Turn};

const SITE: &str = r#"
base "small" { archive "bases/base.tar"; }
image "test-node" {
    base "small"
    role "health"
    output "initramfs"
}
"#;

const ROLE: &str = r#"role "health" {
    unit "health.service" source="health.service"
    run "install" script="install.sh"
}
"#;

const UNIT: &str = "[Service]\nExecStart=/usr/sbin/health\n";

const INSTALL: &str = "echo x > /usr/sbin/health\nchmod 0755 /usr/sbin/health\n";

fn site() -> SmallSite {
    SmallSite::with(&[
        ("site.kdl", SITE),
        ("roles/health/role.kdl", ROLE),
        ("roles/health/health.service", UNIT),
        ("roles/health/install.sh", &format!("mkdir -p /usr/sbin\n{INSTALL}")),
    ])
}

#[test]
fn what_a_script_does_not_bring_fails_the_build_at_the_line_that_needs_it() {
    let _turn = Turn::take();
    let lab = site();
    let need = "`health.service` runs `/usr/sbin/health`";
    let shown = lab.forgec.run(&["show", "--requires", "test-node"]).expect(0);
    assert!(shown.stdout.contains(need), "{}", shown.stdout);
    lab.build();
    let whole = lab.artifacts();
    let broken = [
        ("echo x > /usr/sbin/health\n", "it is 0644"),
        ("rm -f /usr/sbin/health\n", "the path is absent"),
        ("rm -f /usr/sbin/health\nmkdir /usr/sbin/health\n", "directory"),
        ("ln -sf nowhere /usr/sbin/health\n", "it is a link to `nowhere`, which is absent"),
    ];
    for (script, why) in broken {
        lab.site.write("roles/health/install.sh", format!("mkdir -p /usr/sbin\n{script}"));
        let failed = lab.forgec.run(&["build"]).expect(1);
        let place = "roles/health/role.kdl:2";
        for word in ["the image lacks what its spec needs", need, why, place, "health/files"] {
            assert!(failed.stderr.contains(word), "`{word}` is not in\n{}", failed.stderr);
        }
        assert_eq!(lab.artifacts(), whole, "{script}");
    }
    lab.site.write("roles/health/install.sh", format!("mkdir -p /usr/sbin\n{INSTALL}"));
    lab.build().expect(&[]);
}

#[test]
fn an_answer_that_stays_the_same_is_kept() {
    let _turn = Turn::take();
    let lab = site();
    let first = lab.build();
    assert!(first.done.contains("requirements"), "{}", first.run.stderr);
    let more = format!("mkdir -p /usr/sbin\n{INSTALL}echo y > /usr/other\n");
    lab.site.write("roles/health/install.sh", more);
    let again = lab.build();
    assert!(!again.done.contains("requirements"), "{}", again.run.stderr);
    // A need that another one joins is a new question.
    lab.edit(
        "roles/health/role.kdl",
        "run \"install\"",
        "user \"x\" shell=\"/bin/sh\"\n    run \"install\"",
    );
    let asked = lab.build();
    assert!(asked.done.contains("requirements"), "{}", asked.run.stderr);
}

#[test]
fn a_module_that_a_script_forbids_is_not_loaded() {
    let _turn = Turn::take();
    let lab = site();
    lab.site.write("roles/health/load.conf", "nvme-rdma\n");
    let file = "file \"/etc/modules-load.d/fabric.conf\" source=\"load.conf\"\n    run \"install\"";
    lab.edit("roles/health/role.kdl", "run \"install\"", file);
    lab.build();
    let forbid =
        "mkdir -p /etc/modprobe.d\necho 'blacklist nvme_rdma' > /etc/modprobe.d/quiet.conf\n";
    let script = format!("mkdir -p /usr/sbin\n{INSTALL}{forbid}");
    lab.site.write("roles/health/install.sh", script);
    let failed = lab.forgec.run(&["build"]).expect(1);
    let need = "`/etc/modules-load.d/fabric.conf` loads `nvme-rdma`";
    for word in [need, "it is blacklisted", "roles/health/role.kdl:3"] {
        assert!(failed.stderr.contains(word), "`{word}` is not in\n{}", failed.stderr);
    }
}
