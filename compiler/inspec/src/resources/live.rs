//! What only programs or a running system can answer.

use std::rc::Rc;

use super::{Called, Resource};
use crate::interp::{Given, Machine};
use crate::value::Value;

/// Why the output of a program is not known.
const NOTHING_RUNS: &str = "nothing runs in a tree";

/// A resource of which nothing but its name is known.
#[derive(Debug)]
struct Live {
    kind: String,
    text: String,
    why: &'static str,
    /// The line of a command.
    line: Option<Rc<str>>,
}

/// Resources that need a running system, with the words that reports have for them.
const LIVE: &[(&str, &str)] = &[
    ("nftables", "Nftables"),
    ("http", "HTTP"),
    ("docker", "Docker"),
    ("docker_container", "Docker Container"),
    ("docker_image", "Docker Image"),
    ("docker_service", "Docker Service"),
    ("docker_plugin", "Docker plugin"),
    ("podman", "Podman"),
    ("mysql_session", "MySQL Session"),
    ("postgres_session", "PostgreSQL Session"),
    ("mssql_session", "MSSQL session"),
    ("oracledb_session", "Oracle Session"),
    ("sybase_session", "Sybase Session"),
    ("mongodb_session", "MongoDB Session"),
    ("db2_session", "DB2 Session"),
    ("rabbitmq_config", "rabbitmq_config"),
    ("ssl", "SSL/TLS"),
    ("routing_table", "routing table"),
    ("linux_audit_system", "linux_audit_system"),
    ("kernel_parameters", "Kernel Parameters"),
    ("runit_service", "Service"),
    ("bond", "Bond"),
    ("bridge", "Bridge"),
    ("default_gateway", "default_gateway"),
    ("cgroup", "cgroup"),
    ("interfaces", "Interfaces"),
    ("ipfilter", "Ipfilter"),
    ("ipnat", "Ipnat"),
    ("gem", "gem package"),
    ("npm", "Npm Package"),
    ("pip", "Pip Package"),
    ("cpan", "Perl Module"),
    ("cran", "R Package"),
    ("lxc", "lxc"),
    ("nginx", "Nginx Environment"),
    ("php_config", "php_config"),
    ("yum", "Yum Repository"),
    ("zfs_dataset", "ZFS Dataset"),
    ("zfs_pool", "ZFS Pool"),
    ("cassandra", "Cassandra"),
];

pub(super) fn is_live(name: &str) -> bool {
    LIVE.iter().any(|(known, _)| *known == name)
}

pub(super) fn make(name: &str, args: &[Value]) -> Option<Value> {
    let (_, words) = LIVE.iter().find(|(known, _)| *known == name)?;
    let text = match args.first() {
        Some(Value::Regex(regex)) => format!("{words} {}", regex.inspect()),
        Some(value @ (Value::Str(_) | Value::Int(_) | Value::Sym(_))) => {
            format!("{words} {}", value.text())
        }
        Some(Value::Hash(map)) => {
            let map = map.borrow();
            let part = |key: &str| map.symbol(key).map(|value| format!("{key}: {}", value.text()));
            let parts: Vec<String> = ["table", "chain"].into_iter().filter_map(part).collect();
            format!("{words} {}", parts.join(" ")).trim_end().to_owned()
        }
        _ => (*words).to_owned(),
    };
    Some(unknown_of(name, &text, "only a running system can answer"))
}

/// A resource that answers nothing, for a reason.
pub(super) fn unknown_of(kind: &str, text: &str, why: &'static str) -> Value {
    Value::Resource(Rc::new(Live { kind: kind.to_owned(), text: text.to_owned(), why, line: None }))
}

/// `command(line)` and `bash(line)`.
pub(super) fn command(kind: &str, line: &str) -> Value {
    let text = match kind {
        "command" => format!("Command: `{line}`"),
        "bash" => format!("Bash command {line}"),
        "ksh" => format!("KSH command {line}"),
        _ => "Powershell".to_owned(),
    };
    let line = Some(line.into());
    Value::Resource(Rc::new(Live { kind: kind.to_owned(), text, why: NOTHING_RUNS, line }))
}

impl Resource for Live {
    fn in_kdl(&self) -> Option<forge_model::Resource> {
        let line = self.line.as_ref().filter(|_| self.kind == "command")?.to_string();
        Some(forge_model::Resource::Command { line, timeout: 60 })
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn text(&self) -> String {
        self.text.clone()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if super::is_of_every_resource(name) {
            return Ok(None);
        }
        if let Some(line) = &self.line
            && let Some(value) = super::program::property(machine, &self.kind, line, name)?
        {
            return Ok(Some(value));
        }
        Ok(Some(match (name, &self.line) {
            ("command" | "resource_id", Some(line)) => Value::Str(line.clone()),
            // A program by its bare name is looked for where a shell does.
            ("exist?", Some(line)) if self.kind == "command" => {
                super::walk::program_exists(machine, line)?.into()
            }
            _ => {
                let program = self.kind == "nftables";
                if program && !super::walk::program_exists(machine, "nft")? {
                    let why = "Could not find `nft`";
                    return Err(machine.raise("Inspec::Exceptions::ResourceFailed", why));
                }
                Value::Unknown(self.why.into())
            }
        }))
    }

    fn responds(&self, _name: &str) -> bool {
        true
    }
}
