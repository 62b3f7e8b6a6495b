//! What is each node's own is made when it boots: one image in two virtual machines, as root.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::thread;

use forge_test::{Forgec, Site, Turn};

const SPEC: &str = r#"
base "bookworm" {
    debian suite="bookworm" {
        include "systemd-sysv" "dbus" "udev"
        exclude-paths "/usr/share/doc/*" "/usr/share/locale/*" "/usr/share/man/*"
    }
}
// It says nothing of identities: they are made at boot without being asked for.
image "one-node" {
    base "bookworm"
    packages "openssh-server" "cron"
    service "cron" enabled=#false
    kernel "linux-image-cloud-amd64" { cmdline "quiet"; }
    kernel-modules { keep "drivers/net" "overlay"; drop "drivers/net/wireless"; }
    console password-hash="$6$forge$kRHvafRpbvoSJ19y.tovvFJuwBddvPASb6s.5eoqLkKM3JWdjxVcpVNptt0b17Mc5BdwpXTXLVwCDQ3LOBjNy0" emergency=#true
    output "initramfs" compress="zstd" level=1
}
"#;

/// What is one machine's own, and how the unit is that the image disables.
const ASK: &str = "echo machine-id $(cat /etc/machine-id)
echo host $(uname -n)
for key in /etc/ssh/ssh_host_*_key.pub; do echo $(basename $key) $(cut -d' ' -f2 $key); done
echo ssh $(systemctl is-active ssh)
echo root $(grep ^root: /etc/shadow | cut -d: -f2)
echo cron $(systemctl is-enabled cron) $(systemctl is-active cron)
echo first-boot $(journalctl -b | grep -ci 'populated .* with preset')";

/// Boots the image, and gives what the machine answers, by its first words.
fn booted(forgec: &Forgec, name: &str) -> BTreeMap<String, String> {
    let append = format!("systemd.hostname={name}");
    let call = ["boot", "one-node", "--qemu", "--append", &append, "--", "/bin/sh", "-c", ASK];
    let run = forgec.run(&call).expect(0);
    assert!(run.stderr.contains(" booted in QEMU: running "), "{run:?}");
    let lines = run.stdout.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(what, value)| (what.to_owned(), value.to_owned())).collect()
}

#[test]
fn two_boots_of_one_image_are_two_machines() {
    let _turn = Turn::take();
    let site = Site::new(&[("forge.kdl", SPEC)]);
    site.commit("One image");
    let forgec = Forgec::new(&site.project(), site.scratch());
    forgec.run(&["build"]).expect(0);
    let in_image = "cat /etc/machine-id | wc -c; ls /etc/ssh | grep -c host_; \
        test -e /etc/hostname || echo none";
    let shell = ["shell", "one-node", "--", "/bin/sh", "-c", in_image];
    assert_eq!(forgec.run(&shell).expect(0).stdout, "0\n0\nnone\n");

    depmod_has_nothing_to_add(&forgec);
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(|| booted(&forgec, "n0101"));
        (booted(&forgec, "n0102"), one.join().unwrap())
    });
    let (one, other) = (other, one);
    assert_eq!((one["host"].as_str(), other["host"].as_str()), ("n0101", "n0102"));
    for own in ["machine-id", "ssh_host_ed25519_key.pub", "ssh_host_rsa_key.pub"] {
        assert_ne!(one[own], other[own], "{own}");
    }
    for answers in [&one, &other] {
        let id = &answers["machine-id"];
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_eq!(answers["ssh"], "active");
        assert!(SPEC.contains(&format!("password-hash=\"{}\"", answers["root"])), "{answers:?}");
        assert_eq!(answers["cron"], "disabled inactive");
        assert_eq!(answers["first-boot"], "0");
    }
}

/// What is left of the modules is whole: depmod, run in the image, writes the same tables. In which
/// order it names modules and what they need is the file system's, so each module is asked for.
fn depmod_has_nothing_to_add(forgec: &Forgec) {
    let script = r#"
        cd /lib/modules/*
        version=$(basename "$PWD")
        tables="modules.alias modules.alias.bin modules.symbols.bin modules.softdep modules.devname"
        needs() {
            sort modules.dep | tr ' ' '\n' | sort
            find . -name "*.ko" | sort | while read path; do
                modprobe -S "$version" --show-depends "$(basename "$path" .ko)" | sort
            done
        }
        sha256sum $tables > /tmp/before
        needs > /tmp/needs
        depmod "$version"
        sha256sum -c --quiet /tmp/before && needs | cmp - /tmp/needs && echo same
        [ "$(grep -c insmod /tmp/needs)" -gt 10 ] || echo "modprobe names nothing"
        cut -d: -f1 modules.dep | while read path; do [ -f "$path" ] || echo "no $path"; done
        find . -name "*.ko" | wc -l
        find . -name failover.ko -o -name overlay.ko | wc -l
        find . -type d -empty
    "#;
    let run = forgec.run(&["shell", "one-node", "--", "/bin/sh", "-c", script]).expect(0);
    let lines: Vec<_> = run.stdout.lines().collect();
    // virtio_net needs failover, which is elsewhere.
    let [same, modules, named] = lines[..] else { panic!("{run:?}") };
    assert_eq!((same, named), ("same", "2"), "{run:?}");
    let modules: u32 = modules.parse().unwrap();
    assert!((10..300).contains(&modules), "{modules} modules are left");
}
