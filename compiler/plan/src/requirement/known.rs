//! What is known of paths and programs without a look at any image.

use forge_model::ImagePath;

/// Whether systemd-modules-load.service reads a file.
pub(super) fn loads_modules(path: &ImagePath) -> bool {
    let path = path.as_bytes();
    let below = ["etc", "usr/lib", "usr/local/lib", "lib"].iter().any(|above| {
        let inside = path.strip_prefix(above.as_bytes());
        inside.is_some_and(|rest| rest.starts_with(b"/modules-load.d/"))
    });
    below && path.ends_with(b".conf") || path == b"etc/modules"
}

/// What is mounted over when a machine starts is not in any image.
pub(super) fn made_at_boot(path: &str) -> bool {
    ["/run/", "/dev/", "/proc/", "/sys/", "/tmp/"].iter().any(|place| path.starts_with(place))
        || path.starts_with("/var/run/")
}

/// The program without which mount(8) cannot mount a file system; none where the kernel does it.
pub(super) fn mount_helper(filesystem: &str) -> Option<&'static str> {
    match filesystem {
        "nfs" | "nfs4" => Some("/sbin/mount.nfs"),
        "cifs" | "smb3" => Some("/sbin/mount.cifs"),
        "lustre" => Some("/sbin/mount.lustre"),
        "ceph" => Some("/sbin/mount.ceph"),
        _ => None,
    }
}

/// Packages of Debian 12 with units that others stand behind.
const UNITS: [(&str, &[&str]); 23] = [
    ("autofs", &["autofs.service"]),
    ("chrony", &["chrony.service", "chronyd.service"]),
    ("cron", &["cron.service"]),
    ("ifupdown", &["networking.service"]),
    ("lldpd", &["lldpd.service"]),
    ("munge", &["munge.service"]),
    ("network-manager", &["NetworkManager.service", "NetworkManager-wait-online.service"]),
    ("nfs-common", &["nfs-client.target", "rpc-statd.service", "nfs-idmapd.service"]),
    ("nfs-kernel-server", &["nfs-server.service", "nfs-mountd.service"]),
    ("nslcd", &["nslcd.service"]),
    ("nvidia-persistenced", &["nvidia-persistenced.service"]),
    ("openssh-server", &["ssh.service", "ssh.socket", "sshd.service"]),
    ("opensm", &["opensm.service"]),
    ("postfix", &["postfix.service"]),
    ("prometheus-node-exporter", &["prometheus-node-exporter.service"]),
    ("rdma-core", &["rdma-ndd.service", "rdma-hw.target"]),
    ("rpcbind", &["rpcbind.service", "rpcbind.socket"]),
    ("rsyslog", &["rsyslog.service"]),
    ("slurmctld", &["slurmctld.service"]),
    ("slurmd", &["slurmd.service"]),
    ("slurmdbd", &["slurmdbd.service"]),
    ("sssd", &["sssd.service", "sssd-nss.socket", "sssd-pam.socket"]),
    ("sssd-common", &["sssd.service", "sssd-nss.socket", "sssd-pam.socket"]),
];

/// Units that a package brings.
pub(super) fn units_of(package: &str) -> &'static [&'static str] {
    UNITS.iter().find(|(name, _)| *name == package).map_or(&[], |(_, units)| units)
}

/// Whether some package is known to bring a unit, be it one of the image or not.
pub(super) fn is_packaged(unit: &str) -> bool {
    UNITS.iter().any(|(_, units)| units.contains(&unit))
}

/// The package of Debian that has a program which items need by what they are.
pub(super) fn package_of(program: &str) -> Option<&'static str> {
    match program {
        "/sbin/mount.nfs" => Some("nfs-common"),
        "/sbin/mount.cifs" => Some("cifs-utils"),
        "/sbin/mount.ceph" => Some("ceph-common"),
        "/usr/bin/sudo" => Some("sudo"),
        "/usr/sbin/chpasswd" => Some("passwd"),
        _ => None,
    }
}
