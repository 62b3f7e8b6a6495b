//! Which command lines a container answers as the node would.
//!
//! A container has the builder's kernel, and one that is not booted runs nothing. A line that asks
//! for either is not believed: Ruby written for nodes asks for both. A word counts where a shell
//! would take it for a program, in quotes too, so that no line is believed by mistake.

use forge_judge::parsers::sockets;
use forge_model::NoAnswer;

/// What a line asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asks {
    /// Files and programs of the image.
    Image,
    /// What runs on it: only a booted system knows.
    Running,
    /// The kernel, which is the builder's, and what is mounted, which is the container's.
    Kernel,
}

/// Programs that ask what runs.
const RUNNING: [&str; 25] = [
    "systemctl",
    "service",
    "loginctl",
    "journalctl",
    "timedatectl",
    "hostnamectl",
    "localectl",
    "resolvectl",
    "busctl",
    "ps",
    "pgrep",
    "pidof",
    "top",
    "ss",
    "netstat",
    "lsof",
    "who",
    "w",
    "last",
    "uptime",
    "chronyc",
    "ntpq",
    "docker",
    "podman",
    "nmcli",
];

/// Programs that ask the kernel.
const KERNEL: [&str; 31] = [
    "sysctl",
    "lsmod",
    "modprobe",
    "modinfo",
    "insmod",
    "uname",
    "dmesg",
    "mount",
    "findmnt",
    "mountpoint",
    "swapon",
    "lsblk",
    "blkid",
    "auditctl",
    "aureport",
    "ausearch",
    "sestatus",
    "getenforce",
    "getsebool",
    "semanage",
    "aa-status",
    "apparmor_status",
    "iptables",
    "ip6tables",
    "iptables-save",
    "ip6tables-save",
    "nft",
    "ufw",
    "firewall-cmd",
    "ip",
    "mokutil",
];

/// Questions to systemd that unit files alone answer.
const BY_FILES: [&str; 4] = ["is-enabled", "get-default", "list-unit-files", "cat"];

/// What a line asks.
pub(crate) fn asks(line: &str) -> Asks {
    // The tables of sockets are of the container's own network.
    if line == sockets::QUESTION {
        return Asks::Running;
    }
    let mut asks = Asks::Image;
    for command in line.split(['|', ';', '&', '\n', '(', ')', '`', '\'', '"', '{', '}']) {
        let mut words = command.split_whitespace();
        let program = words.find(|word| !is_before_a_program(word));
        asks = asks.max(program.map_or(Asks::Image, |word| of_program(word, words.next())));
    }
    let path = |word: &str| {
        let below = |root: &str| {
            word.strip_prefix(root)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        };
        below("/proc") || below("/sys")
    };
    let mut words = line.split(|c: char| c.is_whitespace() || "'\"=<>|;&(){},:".contains(c));
    if words.any(path) { Asks::Kernel } else { asks }
}

/// Words that stand before a program's name.
fn is_before_a_program(word: &str) -> bool {
    let variable = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    let options = word.starts_with('-');
    let others = [
        "sudo", "xargs", "exec", "env", "nice", "timeout", "time", "if", "then", "else", "do",
        "while", "until", "!", "$", "command",
    ];
    variable || options || others.contains(&word)
}

fn of_program(word: &str, next: Option<&str>) -> Asks {
    let name = word.rsplit('/').next().unwrap_or(word);
    match name {
        "systemctl" if next.is_some_and(|next| BY_FILES.contains(&next)) => Asks::Image,
        _ if KERNEL.contains(&name) => Asks::Kernel,
        _ if RUNNING.contains(&name) => Asks::Running,
        _ => Asks::Image,
    }
}

/// Why a container does not answer a line; nothing, where it does.
pub(crate) fn check(line: &str, booted: bool) -> Result<(), NoAnswer> {
    let why = match asks(line) {
        Asks::Kernel => "a container has the builder's kernel and mounts of its own",
        Asks::Running if !booted => "nothing runs in a container that is not booted",
        Asks::Running | Asks::Image => return Ok(()),
    };
    Err(NoAnswer::Unknown(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_believed_where_they_ask_the_image() {
        let cases = [
            ("getent passwd munge", Asks::Image),
            ("grep -E '^PASS_MAX' /etc/login.defs", Asks::Image),
            ("find / -xdev -type f -perm -0002", Asks::Image),
            ("systemd-sysctl --cat-config", Asks::Image),
            ("systemctl is-enabled ssh", Asks::Image),
            ("cat /etc/sysctl.conf | grep ip_forward", Asks::Image),
            ("systemctl is-active ssh", Asks::Running),
            ("LC_ALL=C /usr/bin/systemctl status x", Asks::Running),
            ("test -e /x && ss -tln", Asks::Running),
            ("bash -c 'ps aux | grep x'", Asks::Running),
            ("/sbin/sysctl -n net.ipv4.ip_forward", Asks::Kernel),
            ("modprobe -n -v cramfs | grep -v mtd", Asks::Kernel),
            ("ls /lib/modules/$(uname -r)", Asks::Kernel),
            ("cat /proc/sys/net/ipv4/ip_forward", Asks::Kernel),
            ("mount | grep /tmp", Asks::Kernel),
            ("find /sysroot /processes", Asks::Image),
            (sockets::QUESTION, Asks::Running),
        ];
        for (line, want) in cases {
            assert_eq!(asks(line), want, "{line}");
        }
    }

    #[test]
    fn a_booted_container_answers_for_what_runs_alone() {
        assert!(check("systemctl is-active ssh", true).is_ok());
        assert!(check("systemctl is-active ssh", false).is_err());
        assert!(check("sysctl -a", true).is_err());
        assert!(check("true", false).is_ok());
    }
}
