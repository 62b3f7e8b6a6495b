//! Roles of the shipped library in an image that is built, as root.

use forge_test::{SmallSite, Turn};

#[test]
fn files_and_values_of_the_library_reach_an_image() {
    let _turn = Turn::take();
    let lab = SmallSite::new();
    lab.edit(
        "site.kdl",
        "    role \"app\"",
        "    role \"std/sysctl-hpc\" socket-buffer=\"16M\"\n    \
         file \"/etc/std\" source=\"std/chrony/chrony.conf.j2\"\n    role \"app\"",
    );
    lab.build();
    let kept = lab.read("/etc/std");
    assert!(kept.contains("driftfile /var/lib/chrony/chrony.drift"), "{kept}");
    let told = lab.forgec.run(&["blame", "test-node", "/etc/std"]).expect(0).stdout;
    assert!(told.contains("site.kdl:"), "{told}");
    lab.build().expect(&[]);
}
