//! What a step leaves behind that differs from build to build, or is one machine's identity.

use forge_model::{ImagePath, wildcard};
use forge_sys::tree::Keep;

/// What happens to a path that a rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is left out of the layer, with what is below it.
    Remove,
    /// It stays, as an empty file.
    Empty,
}

/// One rule: data, shown in the book as it stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Paths in the image: `*` and `?` match within one component.
    pub glob: &'static str,
    /// What happens to them.
    pub treatment: Treatment,
    /// Why.
    pub reason: &'static str,
}

const fn remove(glob: &'static str, reason: &'static str) -> Rule {
    Rule { glob, treatment: Treatment::Remove, reason }
}

const IDENTITY: &str = "made at random at install time; all nodes would share it";
const LOG: &str = "a log of the build, with its time";
const BACKUP: &str = "the state before the last change, kept by the tool that made it";
const LOCK: &str = "a lock file, made anew when needed";
const CACHE: &str = "a cache with times or inode numbers in it, made anew when needed";
const APT: &str = "apt's cache of the builder's repository";

/// The rules, applied to every layer that packages or scripts write.
pub const RULES: &[Rule] = &[
    Rule {
        glob: "/etc/machine-id",
        treatment: Treatment::Empty,
        reason: "the identity of one machine; absent, systemd takes the boot for the first one and \
                 applies presets",
    },
    remove("/var/lib/dbus/machine-id", "systemd adopts it, and every node gets the same identity"),
    remove("/etc/ssh/ssh_host_*_key", IDENTITY),
    remove("/etc/ssh/ssh_host_*_key.pub", IDENTITY),
    remove("/etc/munge/munge.key", IDENTITY),
    remove("/etc/ssl/private/ssl-cert-snakeoil.key", IDENTITY),
    remove("/etc/ssl/certs/ssl-cert-snakeoil.pem", IDENTITY),
    remove("/etc/nvme/hostid", IDENTITY),
    remove("/etc/nvme/hostnqn", IDENTITY),
    remove("/var/lib/NetworkManager/secret_key", IDENTITY),
    remove("/var/lib/systemd/random-seed", IDENTITY),
    remove("/var/lib/systemd/credential.secret", IDENTITY),
    remove("/etc/passwd-", BACKUP),
    remove("/etc/group-", BACKUP),
    remove("/etc/shadow-", BACKUP),
    remove("/etc/gshadow-", BACKUP),
    remove("/etc/subuid-", BACKUP),
    remove("/etc/subgid-", BACKUP),
    remove("/var/lib/dpkg/*-old", BACKUP),
    remove("/var/cache/debconf/*-old", BACKUP),
    remove("/var/lib/ucf/hashfile.?", BACKUP),
    remove("/var/lib/ucf/registry.?", BACKUP),
    remove("/etc/.pwd.lock", LOCK),
    remove("/var/lib/dpkg/lock", LOCK),
    remove("/var/lib/dpkg/lock-frontend", LOCK),
    remove("/var/lib/dpkg/triggers/Lock", LOCK),
    remove("/var/cache/apt/archives/lock", LOCK),
    remove("/var/cache/apt/archives/*.deb", APT),
    remove("/var/cache/apt/archives/partial/*", APT),
    remove("/var/cache/apt/*.bin", APT),
    remove("/var/lib/apt/lists/*", APT),
    remove("/var/cache/ldconfig/aux-cache", CACHE),
    remove("/var/cache/fontconfig/*", CACHE),
    remove("/var/cache/man/*", CACHE),
    remove("/var/log/*.log", LOG),
    remove("/var/log/apt/*", LOG),
    remove("/var/log/journal/*", LOG),
    remove("/var/tmp/*", "left over by a script"),
];

/// The rule for a path, if there is one.
pub fn rule(path: &ImagePath) -> Option<&'static Rule> {
    RULES.iter().find(|rule| matches(rule.glob, path))
}

/// What a scan of a layer does with a path.
pub fn scrub(path: &ImagePath) -> Keep {
    match rule(path).map(|rule| rule.treatment) {
        None => Keep::Whole,
        Some(Treatment::Remove) => Keep::Dropped,
        Some(Treatment::Empty) => Keep::Emptied,
    }
}

fn matches(glob: &str, path: &ImagePath) -> bool {
    let mut globs = glob.as_bytes()[1..].split(|byte| *byte == b'/');
    let mut parts = path.components();
    loop {
        match (globs.next(), parts.next()) {
            (None, None) => return true,
            (Some(glob), Some(part)) if wildcard(glob, part) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_meet_their_rules() {
        let cases = [
            ("/etc/machine-id", Keep::Emptied),
            ("/etc/ssh/ssh_host_ed25519_key", Keep::Dropped),
            ("/etc/ssh/ssh_host_ed25519_key.pub", Keep::Dropped),
            ("/etc/ssh/sshd_config", Keep::Whole),
            ("/etc/munge", Keep::Whole),
            ("/etc/munge/munge.key", Keep::Dropped),
            ("/etc/passwd", Keep::Whole),
            ("/etc/passwd-", Keep::Dropped),
            ("/var/lib/ucf/registry", Keep::Whole),
            ("/var/lib/ucf/registry.2", Keep::Dropped),
            ("/var/lib/dpkg/status-old", Keep::Dropped),
            ("/var/lib/dpkg/info/x-old", Keep::Whole),
            ("/var/log/dpkg.log", Keep::Dropped),
            ("/var/log/apt", Keep::Whole),
            ("/var/log/apt/term.log", Keep::Dropped),
            ("/var/log/btmp", Keep::Whole),
            ("/usr/lib/python3/x/__pycache__/a.pyc", Keep::Whole),
            ("/", Keep::Whole),
        ];
        for (path, want) in cases {
            assert_eq!(scrub(&ImagePath::new(path).unwrap()), want, "{path}");
        }
    }

    #[test]
    fn every_rule_is_absolute_unique_and_explained() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(rule.glob.starts_with('/') && !rule.reason.is_empty(), "{rule:?}");
            assert!(!RULES[..at].iter().any(|other| other.glob == rule.glob), "{rule:?} twice");
        }
    }
}
