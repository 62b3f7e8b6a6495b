use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forge_judge::facts::Facts;
use forge_model::{
    Account, Answer, CommandOutput, FileStat, Files, GroupRecord, InstalledPackage, KernelSetting,
    Level, ModuleState, NoAnswer, Provenance, Resource, Target, UnitState,
};
use forge_sys::process::quote;
use forge_sys::ssh::{Ssh, SshError};

use crate::container::why_no_output;
use crate::tree::MAX_READ;

/// A running node, asked over SSH: what its files say, who its accounts are, what its kernel and its
/// systemd say now.
#[derive(Debug)]
pub struct NodeTarget {
    ssh: Ssh,
    facts: Facts,
}

impl NodeTarget {
    /// The node at the other end of a connection. It needs `stat`, `find` and `base64` as GNU
    /// has them.
    pub fn new(ssh: Ssh) -> Self {
        Self { ssh, facts: Facts::new() }
    }

    /// What a script prints, in lines.
    fn ask(&self, script: &str) -> Answer<Vec<String>> {
        let answer = self.ssh.ask(script).map_err(|error| NoAnswer::Failed(error.to_string()))?;
        Ok(String::from_utf8_lossy(&answer).lines().map(str::to_owned).collect())
    }

    /// What `stat` prints in this format of a path, and what the script that follows prints then;
    /// none where nothing is.
    fn look(
        &self,
        path: &str,
        follow: bool,
        (format, then): (&str, &str),
    ) -> Answer<Option<Vec<String>>> {
        let follow = if follow { "-L" } else { "" };
        let script = format!(
            "f={}; o=$(stat {follow} --printf='{format}' -- \"$f\" 2>&1); r=$?; \
             printf '%s\\n%s\\n' \"$r\" \"$o\"; if [ \"$r\" = 0 ]; then {then}\nfi",
            quote(path)
        );
        let mut lines = self.ask(&script)?.into_iter();
        match lines.next().as_deref() {
            Some("0") => Ok(Some(lines.collect())),
            Some(_) => {
                let why = lines.next().unwrap_or_default();
                // As strerror(3) says it in the C locale: ENOENT, ENOTDIR, ELOOP.
                let absent = [
                    ": No such file or directory",
                    ": Not a directory",
                    ": Too many levels of symbolic links",
                ];
                if absent.iter().any(|end| why.ends_with(end)) {
                    return Ok(None);
                }
                Err(NoAnswer::Failed(format!("`{path}` cannot be looked at: {why}")))
            }
            None => Err(NoAnswer::Failed(format!("the node says nothing of `{path}`"))),
        }
    }

    /// The bytes of a line in base64; what is none was not readable.
    fn bytes(path: &str, line: Option<&String>) -> Answer<Vec<u8>> {
        STANDARD
            .decode(line.map_or("", String::as_str))
            .map_err(|_| NoAnswer::Failed(format!("`{path}` cannot be read by this user")))
    }

    /// A record of `getent`: accounts may come from a directory service.
    fn getent(&self, database: &str, name: &str) -> Answer<Option<Vec<String>>> {
        // A number would be an id.
        if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let lines = self.ask(&format!("getent {database} -- {}", quote(name)))?;
        let fields = |line: &String| line.split(':').map(str::to_owned).collect();
        Ok(lines.first().map(fields))
    }
}

/// What `%f` of stat(1) says: the bits of `st_mode`, see inode(7).
fn kind(mode: u32) -> &'static str {
    match mode & 0o170_000 {
        0o100_000 => "file",
        0o040_000 => "directory",
        0o120_000 => "symlink",
        0o020_000 => "character_device",
        0o060_000 => "block_device",
        0o010_000 => "pipe",
        0o140_000 => "socket",
        _ => "unknown",
    }
}

impl Files for NodeTarget {
    fn stat(&self, path: &str, follow: bool) -> Answer<Option<FileStat>> {
        let link =
            if follow { ":" } else { "[ ! -L \"$f\" ] || readlink -n -- \"$f\" | base64 -w0" };
        let format = r"%f %u %g %s\n%U\n%G";
        let Some(lines) = self.look(path, follow, (format, link))? else { return Ok(None) };
        let garbled = || NoAnswer::Failed(format!("what `stat` says of `{path}` makes no sense"));
        let mut numbers = lines.first().ok_or_else(garbled)?.split(' ');
        let mode = numbers.next().and_then(|text| u32::from_str_radix(text, 16).ok());
        let mut number = || numbers.next().and_then(|text| text.parse::<u64>().ok());
        let (uid, gid, size) = (number(), number(), number());
        let (Some(mode), Some(uid), Some(gid)) = (mode, uid, gid) else { return Err(garbled()) };
        // Ids without a name are shown as numbers.
        let name = |line: Option<&String>, id: u64| match line.map(String::as_str) {
            None | Some("UNKNOWN") => id.to_string(),
            Some(name) => name.to_owned(),
        };
        let kind = kind(mode);
        let link = match kind {
            "symlink" => Some(Self::bytes(path, lines.get(3))?),
            _ => None,
        };
        Ok(Some(FileStat {
            kind: kind.to_owned(),
            mode: mode & 0o7777,
            owner: name(lines.get(1), uid),
            group: name(lines.get(2), gid),
            uid: u32::try_from(uid).ok(),
            gid: u32::try_from(gid).ok(),
            size: size.filter(|_| kind != "directory"),
            link: link.map(|target| String::from_utf8_lossy(&target).into_owned()),
            mtime: None,
        }))
    }

    fn read(&self, path: &str) -> Answer<Option<Vec<u8>>> {
        let read = format!(
            "if [ ! -f \"$f\" ]; then echo -; elif [ \"$o\" -gt {MAX_READ} ]; then echo '>'; \
             else base64 -w0 -- \"$f\" 2>/dev/null || echo '!'; fi"
        );
        let Some(lines) = self.look(path, true, ("%s", &read))? else { return Ok(None) };
        match lines.get(1).map(String::as_str) {
            Some("-") => Ok(None),
            Some(">") => {
                let size = lines.first().map_or("?", String::as_str);
                let why = format!("`{path}` is too large to be read, {size} bytes");
                Err(NoAnswer::Failed(why))
            }
            _ => Self::bytes(path, lines.get(1)).map(Some),
        }
    }

    fn list(&self, path: &str) -> Answer<Option<Vec<String>>> {
        let list = "if [ ! -d \"$f\" ]; then echo -; elif [ ! -r \"$f\" ]; then echo '!'; \
                    else find \"$f/\" -mindepth 1 -maxdepth 1 -printf '%f\\0' | base64 -w0; fi";
        let Some(lines) = self.look(path, true, ("%s", list))? else { return Ok(None) };
        if lines.get(1).is_some_and(|line| line == "-") {
            return Ok(None);
        }
        let bytes = Self::bytes(path, lines.get(1))?;
        let names = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let mut names: Vec<Vec<u8>> = names.map(<[u8]>::to_vec).collect();
        names.sort_unstable();
        Ok(Some(names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()))
    }
}

impl Target for NodeTarget {
    fn level(&self) -> Level {
        Level::Node
    }

    fn package(&self, name: &str) -> Answer<Option<InstalledPackage>> {
        self.facts.package(self, name)
    }

    fn user(&self, name: &str) -> Answer<Option<Account>> {
        if let Some(local) = self.facts.user(self, name)? {
            return Ok(Some(local));
        }
        let Some(record) = self.getent("passwd", name)? else { return Ok(None) };
        let field = |at: usize| record.get(at).cloned();
        let groups = self.ask(&format!("id -Gn -- {}; id -gn -- {0}", quote(name)))?;
        let primary = groups.get(1).cloned();
        let supplementary = groups.first().map(|line| {
            let names = line.split(' ').map(str::to_owned);
            names.filter(|name| Some(name) != primary.as_ref()).collect()
        });
        Ok(Some(Account {
            uid: field(2).and_then(|id| id.parse().ok()),
            group: primary,
            groups: supplementary,
            home: field(5),
            shell: field(6),
            evidence: format!("getent passwd {name}"),
        }))
    }

    fn group(&self, name: &str) -> Answer<Option<GroupRecord>> {
        if let Some(local) = self.facts.group(self, name)? {
            return Ok(Some(local));
        }
        let Some(record) = self.getent("group", name)? else { return Ok(None) };
        let gid = record.get(2).and_then(|id| id.parse().ok());
        Ok(Some(GroupRecord { gid, evidence: format!("getent group {name}") }))
    }

    fn unit(&self, name: &str) -> Answer<UnitState> {
        let state = self.facts.unit(self, name)?;
        let show = format!("systemctl show --property=ActiveState --value -- {}", quote(name));
        let running = match self.ask(&show)?.first().map(|line| line.trim()) {
            Some("active" | "reloading") => true,
            Some("inactive" | "failed" | "activating" | "deactivating" | "maintenance") => false,
            _ => return Err(NoAnswer::Failed(format!("systemd says nothing of `{name}`"))),
        };
        Ok(UnitState { running: Some(running), ..state })
    }

    /// What the kernel of the node says now.
    fn kernel_parameter(&self, name: &str) -> Answer<Option<KernelSetting>> {
        // As in sysctl(8): dots and slashes change places where a slash comes first.
        let slash = name.find('/').unwrap_or(usize::MAX) < name.find('.').unwrap_or(usize::MAX);
        let path = if slash { name.to_owned() } else { swapped(name) };
        let path = format!("/proc/sys/{path}");
        let value = self.read(&path)?;
        Ok(value.map(|bytes| KernelSetting {
            value: String::from_utf8_lossy(&bytes).trim().to_owned(),
            evidence: path,
        }))
    }

    fn kernel_module(&self, name: &str) -> Answer<ModuleState> {
        self.facts.kernel_module(self, name)
    }

    fn command(&self, line: &str, timeout: u32) -> Answer<CommandOutput> {
        let output = self.ssh.run(line, Duration::from_secs(timeout.into()));
        let output = output.map_err(|error| match error {
            SshError::Process(error) => NoAnswer::Failed(why_no_output(&error, timeout)),
            other => NoAnswer::Failed(other.to_string()),
        })?;
        Ok(CommandOutput {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// A node does not say which image's layer made a file of it.
    fn provenance(&self, _resource: &Resource, _evidence: Option<&str>) -> Option<Provenance> {
        None
    }
}

/// Dots as slashes and slashes as dots.
fn swapped(name: &str) -> String {
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    name.chars().map(swap).collect()
}
