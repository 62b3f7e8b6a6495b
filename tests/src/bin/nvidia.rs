//! `std/nvidia` in an image of Debian's archive: the driver's module is compiled for its kernel. It takes 4 to 24
//! minutes, as long as all tests together, so it is a program: who changes the role runs it, as root.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::process::Command;

use forge_test::{Forgec, Site, Turn};

const SITE: &str = r#"mirror "debian" { url "MIRROR"; }
base "gpu" {
    debian suite="bookworm" mirror="debian" {
        include "systemd-sysv" "dbus"
        components "main" "contrib" "non-free" "non-free-firmware"
    }
}
image "gpu-node" {
    base "gpu"
    set cluster="gpu" type="node"
    kernel "linux-image-cloud-amd64"
    role "std/nvidia" headers="linux-headers-cloud-amd64"
    output "initramfs"
}
"#;

/// What kmod of the image says of the modules, and systemd of the service.
const ASK: &str = r#"kernel=$(ls /lib/modules)
for module in nvidia-current nvidia-current-modeset nvidia-current-drm nvidia-current-uvm; do
    test "$(modinfo -k "$kernel" -F vermagic "$module" | cut -d ' ' -f 1)" = "$kernel"
    echo "$module"
done
modprobe -S "$kernel" -n --show-depends nvidia | cut -d ' ' -f 1-4
modprobe -S "$kernel" --showconfig | grep -x 'blacklist nouveau' | sort -u
systemctl is-enabled nvidia-persistenced.service"#;
const SAID: &str = "nvidia-current
nvidia-current-modeset
nvidia-current-drm
nvidia-current-uvm
install modprobe -i nvidia-current
blacklist nouveau
enabled
";

/// The archive of packages that the host itself installs from.
fn mirror() -> String {
    let format = ["indextargets", "--format", "$(CODENAME) $(COMPONENT) $(SITE)"];
    let said = Command::new("apt-get").args(format).output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    let site = said.lines().find_map(|line| line.strip_prefix("bookworm main "));
    site.expect("the host's apt has Debian 12's main archive").to_owned()
}

fn main() {
    let _turn = Turn::take();
    let site = Site::new(&[("site.kdl", &SITE.replace("MIRROR", &mirror()))]);
    site.commit("a node with a GPU");
    let forgec = Forgec::new(&site.project(), site.scratch());
    let run = forgec.run(&["build", "--boot", "gpu-node"]).expect(0);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("gpu-node: 2 controls: 2 passed"), "{said}");

    let shell = ["shell", "gpu-node", "--", "/bin/sh", "-ec", ASK];
    assert_eq!(forgec.run(&shell).expect(0).stdout, SAID);
}
