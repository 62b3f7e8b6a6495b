//! What is each node's own is made when it boots: one image in two virtual machines, as root. One of
//! them has its name from its kernel's command line, the other from its network; a third waits at the
//! emergency console.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use forge_test::{Forgec, Site, Turn};

const SPEC: &str = r#"
base "bookworm" {
    debian suite="bookworm" {
        include "systemd-sysv" "dbus" "udev"
        exclude-paths "/usr/share/doc/*" "/usr/share/locale/*" "/usr/share/man/*"
    }
}
role "japan" { packages "locales"; locale "ja_JP.EUC-JP"; }
// It says nothing of identities: they are made at boot without being asked for.
image "one-node" {
    base "bookworm"
    role "japan"
    role "std/stateless-node"
    packages "openssh-server" "cron"
    service "cron" enabled=#false
    kernel "linux-image-cloud-amd64" { cmdline "quiet"; }
    kernel-modules { keep "drivers/net" "drivers/virtio" "overlay"; drop "drivers/net/wireless"; }
    console password-hash="$6$forge$pjgyMI8aZU0Aoc8ZkCfUFQclJVPYPOF5fGmcM6vd/UB8FvSv3bVrZGJ8fvBYrX/TaFKm6S8f6Gh9.oqUlv0Aa1" emergency=#true
    output "initramfs" compress="zstd" level=1
}
"#;

/// What is one machine's own, and how the unit is that the image disables.
const ASK: &str = "echo machine-id $(cat /etc/machine-id)
echo host $(uname -n)
for key in /etc/ssh/ssh_host_*_key.pub; do echo $(basename $key) $(cut -d' ' -f2 $key); done
echo charmap $(locale charmap)
echo ssh $(systemctl is-active ssh)
echo root $(grep ^root: /etc/shadow | cut -d: -f2)
echo cron $(systemctl is-enabled cron) $(systemctl is-active cron)
echo first-boot $(journalctl -b | grep -ci 'populated .* with preset')";

/// Boots the image, and gives what the machine answers, by its first words.
fn booted(forgec: &Forgec, named: &[&str]) -> BTreeMap<String, String> {
    let call = [&["boot", "one-node", "--qemu"], named, &["--", "/bin/sh", "-c", ASK]].concat();
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
        let one = scope.spawn(|| booted(&forgec, &["--append", "systemd.hostname=n0101"]));
        let emergency = scope.spawn(|| emergency_asks_for_the_password(&site));
        let other = booted(&forgec, &["--hostname", "n0102"]);
        emergency.join().unwrap();
        (one.join().unwrap(), other)
    });
    assert_eq!((one["host"].as_str(), other["host"].as_str()), ("n0101", "n0102"));
    for own in ["machine-id", "ssh_host_ed25519_key.pub", "ssh_host_rsa_key.pub"] {
        assert_ne!(one[own], other[own], "{own}");
    }
    for answers in [&one, &other] {
        let id = &answers["machine-id"];
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_eq!(answers["ssh"], "active");
        assert_eq!(answers["charmap"], "EUC-JP");
        assert!(SPEC.contains(&format!("password-hash=\"{}\"", answers["root"])), "{answers:?}");
        assert_eq!(answers["cron"], "disabled inactive");
        assert_eq!(answers["first-boot"], "0");
    }
}

/// A console that waits for something: what it has said, and where to type.
struct Console {
    machine: Child,
    said: Arc<Mutex<String>>,
}

impl Console {
    /// Boots the packed image alone, without anything that answers for it.
    fn boot(out: &Path, append: &str) -> Self {
        let file = |name: &str| out.join(name).display().to_string();
        let append = format!("console=ttyS0 panic=-1 {append}");
        let mut machine = Command::new("qemu-system-x86_64")
            .args(["-accel", "tcg,thread=multi", "-smp", "2", "-m", "2048", "-no-reboot"])
            .args(["-display", "none", "-serial", "stdio", "-monitor", "none", "-nic", "none"])
            .args(["-kernel", &file("vmlinuz-one-node-latest"), "-append", &append])
            .args(["-initrd", &file("one-node-latest.cpio.zst")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (mut output, heard) = (machine.stdout.take().unwrap(), Arc::clone(&said));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { machine, said }
    }

    fn wait_for(&self, words: &str) {
        let deadline = Instant::now() + Duration::from_secs(150);
        while !self.said.lock().unwrap().contains(words) {
            let said = || self.said.lock().unwrap().clone();
            assert!(Instant::now() < deadline, "{words:?} is not said in:\n{}", said());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Types a line; what was said before it counts no more.
    fn type_line(&mut self, line: &str) {
        self.said.lock().unwrap().clear();
        let input = self.machine.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.machine.kill().ok();
        self.machine.wait().ok();
    }
}

/// The emergency console takes the password that the spec configures, and nothing else.
fn emergency_asks_for_the_password(site: &Site) {
    let out = site.scratch().join("out");
    let mut console = Console::boot(&out, "systemd.unit=emergency.target");
    console.wait_for("Give root password for maintenance");
    console.type_line("another");
    console.wait_for("Login incorrect");
    console.wait_for("Give root password for maintenance");
    console.type_line("forge-console");
    console.wait_for("#");
    // What is typed is echoed: the answer is not a part of it.
    console.type_line("echo $((40 + 2)) as $(id -un) in $(systemctl is-active emergency.target)");
    console.wait_for("42 as root in active");
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
