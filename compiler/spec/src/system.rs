//! Facts of the running system that a node of their own says, and the files that they stand for.

use std::fmt;

use forge_model::{ImagePath, Preseed};

use crate::locale::{is_generated, listed};

/// A fact of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemFact {
    /// `limit "domain" "type" "resource" value`.
    Limit(Limit),
    /// `hostname "name"`.
    Hostname(String),
    /// `locale "name"`.
    Locale(String),
    /// `timezone "Area/City"`.
    Timezone(String),
    /// `identity machine-id=… ssh-host-keys=… hostname=…`.
    Identity(Identity),
    /// `console password-hash=… emergency=…`.
    Console(Console),
}

/// `root`'s password at a node's own console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// Its hash; none when a secret holds it.
    pub hash: Option<String>,
    /// Emergency and rescue mode ask for it.
    pub emergency: bool,
}

/// The unit that sets the console's password.
const CONSOLE_UNIT: &str = "console-password.service";

/// Where the hash lies until it is set: in a file of its own, which can be a secret's.
pub(crate) fn console_hash_path() -> ImagePath {
    literal("/etc/forge/console-password-hash")
}

/// Before anything that may fail. `chpasswd` reads the hash, so that it stands on no command line;
/// where the image's secrets are not delivered, there is none to set.
const CONSOLE: &str = "[Unit]
Description=Set root's password for the console
DefaultDependencies=no
After=systemd-remount-fs.service
Before=sysinit.target emergency.service rescue.service
ConditionFileNotEmpty=/etc/forge/console-password-hash

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'printf \"root:%%s\\n\" \"$$(head -n 1 /etc/forge/console-password-hash)\" | /usr/sbin/chpasswd --encrypted'

[Install]
WantedBy=sysinit.target
";

const CONSOLE_FIRST: &str = "[Unit]
Wants=console-password.service
After=console-password.service
";

/// What is made when a node boots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The machine-id is.
    pub machine_id: bool,
    /// Where the host keys of SSH come from, when it is said.
    pub host_keys: Option<HostKeys>,
    /// The host name is.
    pub hostname: bool,
}

/// Where the host keys of SSH come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKeys {
    /// Each node makes its own when it boots.
    Boot,
    /// From elsewhere.
    None,
}

/// The unit that makes a node's host keys.
pub const SSH_HOST_KEYS_UNIT: &str = "ssh-host-keys.service";

/// A key that was delivered is kept, and then none is made.
const SSH_HOST_KEYS: &str = "[Unit]
Description=Make this node's SSH host keys
Documentation=man:ssh-keygen(1)
Before=ssh.service ssh.socket sshd.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
";

/// A limit of login sessions (limits.conf(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Whom it is for.
    pub domain: Domain,
    /// It can be raised up to the hard limit by those whom it is for.
    pub soft: bool,
    /// It cannot be raised.
    pub hard: bool,
    /// What is limited.
    pub resource: String,
    /// A number; none without an end.
    pub value: Option<i64>,
}

/// Whom a limit is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Everybody but `root`.
    All,
    /// An account.
    User(String),
    /// The members of a group.
    Group(String),
    /// Accounts by their ids.
    Users(Ids),
    /// Accounts by the ids of their groups.
    Groups(Ids),
}

/// Ids as limits.conf(5) names them: `1000:2000`, `1000:`, and `:1000` for just this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The first; none where one id alone is meant.
    pub first: Option<u32>,
    /// The last; none without an end.
    pub last: Option<u32>,
}

impl Ids {
    /// First and last.
    pub(crate) fn range(self) -> (u32, u32) {
        let last = self.last.unwrap_or(u32::MAX);
        (self.first.unwrap_or(last), last)
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |id: Option<u32>| id.map_or_else(String::new, |id| id.to_string());
        write!(f, "{}:{}", id(self.first), id(self.last))
    }
}

/// A path that a fact stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Where.
    pub path: ImagePath,
    /// What is there.
    pub what: MadeAs,
}

/// What a fact puts at a path, `root`'s and readable by all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MadeAs {
    /// A file with this text.
    File {
        /// The text.
        text: String,
        /// Permission bits.
        mode: u32,
    },
    /// A link to this path.
    Link(String),
}

impl Made {
    fn file(path: &str, text: String, mode: u32) -> Self {
        Self { path: literal(path), what: MadeAs::File { text, mode } }
    }
}

impl SystemFact {
    /// The paths that the fact stands for: a fact is said again, and differently, by whatever else
    /// declares one of them.
    pub fn made(&self) -> Vec<Made> {
        let file = |path: &str, text: String| Made::file(path, text, 0o644);
        let link =
            |path: &str, target: String| Made { path: literal(path), what: MadeAs::Link(target) };
        match self {
            Self::Limit(limit) => limit.files(),
            Self::Hostname(name) => vec![file("/etc/hostname", format!("{name}\n"))],
            // systemd and, since Debian 13, all else read the first; PAM reads the second.
            Self::Locale(name) => vec![
                file("/etc/locale.conf", format!("LANG={name}\n")),
                link("/etc/default/locale", "../locale.conf".to_owned()),
            ],
            Self::Timezone(zone) => vec![
                link("/etc/localtime", format!("../usr/share/zoneinfo/{zone}")),
                file("/etc/timezone", format!("{zone}\n")),
            ],
            Self::Identity(Identity { machine_id, host_keys, hostname: _ }) => {
                // Absent, systemd would take every boot for the first one, and apply presets:
                // units that are disabled would be enabled.
                let id = machine_id.then(|| Made::file("/etc/machine-id", String::new(), 0o444));
                let keys = (*host_keys == Some(HostKeys::Boot)).then(|| {
                    let path = format!("/etc/systemd/system/{SSH_HOST_KEYS_UNIT}");
                    file(&path, SSH_HOST_KEYS.to_owned())
                });
                id.into_iter().chain(keys).collect()
            }
            Self::Console(Console { hash, emergency }) => {
                let path = console_hash_path().to_string();
                let hash = hash.iter().map(|hash| Made::file(&path, format!("{hash}\n"), 0o400));
                let unit = file(&format!("/etc/systemd/system/{CONSOLE_UNIT}"), CONSOLE.to_owned());
                let modes: &[&str] = if *emergency { &["emergency", "rescue"] } else { &[] };
                let first = modes.iter().map(|mode| {
                    let path = format!("/etc/systemd/system/{mode}.service.d/50-console.conf");
                    file(&path, CONSOLE_FIRST.to_owned())
                });
                hash.chain([unit]).chain(first).collect()
            }
        }
    }

    /// The unit that it brings and enables, with its text.
    pub fn enabled(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Identity(Identity { host_keys: Some(HostKeys::Boot), .. }) => {
                Some((SSH_HOST_KEYS_UNIT, SSH_HOST_KEYS))
            }
            Self::Console(_) => Some((CONSOLE_UNIT, CONSOLE)),
            _ => None,
        }
    }

    /// The one thing that it puts at a path.
    pub(crate) fn made_at(&self, path: &ImagePath) -> Option<MadeAs> {
        self.made().into_iter().find(|made| made.path == *path).map(|made| made.what)
    }

    /// What the node is called, what it is about, and what it says.
    pub(crate) fn shown(&self) -> (&'static str, String, Vec<(&'static str, String)>) {
        match self {
            Self::Limit(limit) => {
                let subject =
                    format!("{} {} {}", limit.domain.written(), limit.kind(), limit.resource);
                ("limit", subject, vec![("value", limit.value_text())])
            }
            Self::Hostname(name) => ("hostname", name.clone(), Vec::new()),
            Self::Locale(name) => ("locale", name.clone(), Vec::new()),
            Self::Timezone(zone) => ("timezone", zone.clone(), Vec::new()),
            Self::Identity(Identity { machine_id, host_keys, hostname }) => {
                let id = machine_id.then(|| ("machine-id", "boot".to_owned()));
                let keys = host_keys.map(|keys| match keys {
                    HostKeys::Boot => ("ssh-host-keys", "boot".to_owned()),
                    HostKeys::None => ("ssh-host-keys", "none".to_owned()),
                });
                let name = hostname.then(|| ("hostname", "dhcp".to_owned()));
                let says = id.into_iter().chain(keys).chain(name);
                ("identity", String::new(), says.collect())
            }
            Self::Console(Console { hash, emergency }) => {
                let hash = hash.as_ref().map(|_| ("password-hash", "given".to_owned()));
                let emergency = emergency.then(|| ("emergency", "true".to_owned()));
                ("console", String::new(), hash.into_iter().chain(emergency).collect())
            }
        }
    }

    /// Questions of the package that makes what the fact needs, with their answers.
    pub fn answers(&self, package: &str, origin: &forge_model::Origin) -> Vec<Preseed> {
        let Self::Locale(name) = self else { return Vec::new() };
        if package != "locales" || !is_generated(name) {
            return Vec::new();
        }
        let Some((name, charset)) = listed(name) else { return Vec::new() };
        let answer = |question: &str, kind: &str, value: String| Preseed {
            owner: "locales".to_owned(),
            question: format!("locales/{question}"),
            kind: kind.to_owned(),
            value,
            origin: origin.clone(),
        };
        vec![
            answer("locales_to_be_generated", "multiselect", format!("{name} {charset}")),
            answer("default_environment_locale", "select", name),
        ]
    }
}

/// What is said, without its value.
impl fmt::Display for SystemFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(Limit { domain, resource, .. }) => {
                write!(f, "the limit of `{resource}` for `{}`", domain.written())
            }
            Self::Hostname(_) => f.write_str("the host name"),
            Self::Locale(_) => f.write_str("the locale"),
            Self::Timezone(_) => f.write_str("the time zone"),
            Self::Identity(_) => f.write_str("the identity"),
            Self::Console(_) => f.write_str("the console's password"),
        }
    }
}

impl Limit {
    /// As limits.conf(5) has it: `-` for both.
    pub fn kind(&self) -> &'static str {
        match (self.soft, self.hard) {
            (true, true) => "-",
            (true, false) => "soft",
            _ => "hard",
        }
    }

    fn value_text(&self) -> String {
        self.value.map_or_else(|| "unlimited".to_owned(), |value| value.to_string())
    }

    /// A file for each of soft and hard, so that one can be said apart from the other and no role
    /// takes another's away. Which of several limits holds does not depend on the files' order:
    /// an account's own comes before a group's, and that before everybody's.
    fn files(&self) -> Vec<Made> {
        let domain = match &self.domain {
            Domain::All => "all".to_owned(),
            Domain::User(name) => format!("user-{name}"),
            Domain::Group(name) => format!("group-{name}"),
            // These are read before those that name one account, which then hold.
            Domain::Users(ids) => format!("from-uids-{ids}").replace(':', "-"),
            Domain::Groups(ids) => format!("from-gids-{ids}").replace(':', "-"),
        };
        let file = |kind: &str| {
            let name = format!("80-{domain}-{kind}-{}.conf", self.resource);
            let line = [&self.domain.written(), kind, &self.resource, &self.value_text()].join(" ");
            Made::file(&format!("/etc/security/limits.d/{name}"), format!("{line}\n"), 0o644)
        };
        let kinds = self.soft.then_some("soft").into_iter().chain(self.hard.then_some("hard"));
        kinds.map(file).collect()
    }
}

impl Domain {
    /// As limits.conf(5) has it.
    pub fn written(&self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::User(name) => name.clone(),
            Self::Group(name) => format!("@{name}"),
            Self::Users(ids) => ids.to_string(),
            Self::Groups(ids) => format!("@{ids}"),
        }
    }
}

/// A path made of parts that cannot leave the image.
fn literal(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap_or(ImagePath::ROOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(fact: &SystemFact) -> Vec<String> {
        let shown = |made: Made| match made.what {
            MadeAs::File { text, .. } => format!("{}: {}", made.path, text.trim_end()),
            MadeAs::Link(target) => format!("{} -> {target}", made.path),
        };
        fact.made().into_iter().map(shown).collect()
    }

    #[test]
    fn facts_stand_for_what_the_system_reads() {
        let limit = |domain, soft, hard, value| {
            let resource = "memlock".to_owned();
            made(&SystemFact::Limit(Limit { domain, soft, hard, resource, value }))
        };
        let want = [
            "/etc/security/limits.d/80-all-soft-memlock.conf: * soft memlock unlimited",
            "/etc/security/limits.d/80-all-hard-memlock.conf: * hard memlock unlimited",
        ];
        assert_eq!(limit(Domain::All, true, true, None), want);
        let want = ["/etc/security/limits.d/80-group-hpc-hard-memlock.conf: @hpc hard memlock 64"];
        assert_eq!(limit(Domain::Group("hpc".to_owned()), false, true, Some(64)), want);
        let ids = |first, last| Ids { first, last };
        let want = [
            "/etc/security/limits.d/80-from-uids-1000-2000-soft-memlock.conf: 1000:2000 soft memlock 1",
        ];
        let users = Domain::Users(ids(Some(1000), Some(2000)));
        assert_eq!(limit(users, true, false, Some(1)), want);
        let want =
            ["/etc/security/limits.d/80-from-gids-1000--soft-memlock.conf: @1000: soft memlock 1"];
        assert_eq!(limit(Domain::Groups(ids(Some(1000), None)), true, false, Some(1)), want);
        let want =
            ["/etc/security/limits.d/80-from-uids--1000-soft-memlock.conf: :1000 soft memlock 1"];
        assert_eq!(limit(Domain::Users(ids(None, Some(1000))), true, false, Some(1)), want);
        // An account that is called like the others' files begin.
        let want = ["/etc/security/limits.d/80-user-all-soft-memlock.conf: all soft memlock 0"];
        assert_eq!(limit(Domain::User("all".to_owned()), true, false, Some(0)), want);
        assert_eq!(made(&SystemFact::Hostname("n1".to_owned())), ["/etc/hostname: n1"]);
        let want = ["/etc/locale.conf: LANG=C.UTF-8", "/etc/default/locale -> ../locale.conf"];
        assert_eq!(made(&SystemFact::Locale("C.UTF-8".to_owned())), want);
        let want = ["/etc/localtime -> ../usr/share/zoneinfo/Etc/UTC", "/etc/timezone: Etc/UTC"];
        assert_eq!(made(&SystemFact::Timezone("Etc/UTC".to_owned())), want);
    }

    #[test]
    fn a_locale_answers_the_package_that_makes_it() {
        let at = forge_model::Origin::new("a.kdl", 1, 1);
        let locale = |name: &str| SystemFact::Locale(name.to_owned());
        let answers = locale("de_DE.UTF-8").answers("locales", &at);
        let values: Vec<_> = answers.iter().map(|answer| answer.value.as_str()).collect();
        assert_eq!(values, ["de_DE.UTF-8 UTF-8", "de_DE.UTF-8"]);
        let answers = locale("de_DE.ISO-8859-1").answers("locales", &at);
        let values: Vec<_> = answers.iter().map(|answer| answer.value.as_str()).collect();
        assert_eq!(values, ["de_DE ISO-8859-1", "de_DE"]);
        assert_eq!(locale("de_DE.UTF-8").answers("tzdata", &at), []);
        assert_eq!(locale("C.UTF-8").answers("locales", &at), []);
    }
}
