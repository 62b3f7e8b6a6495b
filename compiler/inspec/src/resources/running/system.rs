//! `filesystem`, `timezone`, `sys_info` and `os_env`.

use std::rc::Rc;

use forge_model::Resource as Asked;

use super::super::{Called, Resource};
use super::{on_node, quoted, succeeded, tell};
use crate::interp::{Given, Machine};
use crate::value::Value;

/// What is asked of a system as a whole.
#[derive(Debug)]
enum System {
    /// `filesystem(path)`.
    Filesystem(Rc<str>),
    /// `timezone`.
    Timezone,
    /// `sys_info`.
    Info,
    /// `os_env(name)`.
    Environment(Option<Rc<str>>),
}

fn value(of: System) -> Value {
    Value::Resource(Rc::new(of))
}

/// `filesystem(path)`: a file system by where it is mounted.
pub(super) fn filesystem(args: &[Value]) -> Value {
    value(System::Filesystem(args.first().map_or_else(|| "".into(), Value::text)))
}

/// `timezone`.
pub(super) fn timezone() -> Value {
    value(System::Timezone)
}

/// `sys_info`.
pub(super) fn sys_info() -> Value {
    value(System::Info)
}

/// `os_env(name)`: the environment of whoever asks.
pub(super) fn environment(args: &[Value]) -> Value {
    let name = args.first().filter(|name| !name.is_nil()).map(Value::text);
    value(System::Environment(name))
}

impl Resource for System {
    fn in_kdl(&self) -> Option<Asked> {
        match self {
            Self::Filesystem(path) if path.starts_with('/') => {
                Some(Asked::Filesystem { path: path.to_string() })
            }
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Filesystem(_) => "filesystem",
            Self::Timezone => "timezone",
            Self::Info => "sys_info",
            Self::Environment(_) => "os_env",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Filesystem(path) => format!("FileSystem {path}"),
            Self::Timezone => "Time Zone resource".to_owned(),
            Self::Info => "System Information".to_owned(),
            Self::Environment(Some(name)) => format!("Environment variable {name}"),
            Self::Environment(None) => "Environment variables".to_owned(),
        }
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        match &*self {
            Self::Filesystem(path) => of_filesystem(machine, path, name),
            Self::Timezone => of_timezone(machine, name),
            Self::Info => of_system(machine, name, args),
            Self::Environment(variable) => of_environment(machine, variable.as_deref(), name),
        }
    }

    fn responds(&self, name: &str) -> bool {
        let words: &[&str] = match self {
            Self::Filesystem(_) => &FILESYSTEM,
            Self::Timezone => &TIMEZONE,
            Self::Info => &INFO,
            Self::Environment(_) => &ENVIRONMENT,
        };
        words.contains(&name)
    }
}

const FILESYSTEM: [&str; 6] = ["name", "size_kb", "size", "free_kb", "percent_free", "type"];
const TIMEZONE: [&str; 3] = ["identifier", "name", "time_offset"];
const INFO: [&str; 7] =
    ["hostname", "fqdn", "domain", "ip_address", "short", "manufacturer", "model"];
const ENVIRONMENT: [&str; 2] = ["content", "split"];

/// By df(1) in its portable form: device, type, size, used, free, all in KiB.
fn of_filesystem(machine: &mut Machine<'_>, path: &str, name: &str) -> Called {
    if name == "resource_id" {
        return Ok(Some(path.into()));
    }
    if !FILESYSTEM.contains(&name) {
        return Ok(None);
    }
    let line = format!("df {} -PT", quoted(path));
    let output = match on_node(machine, &line)? {
        Ok(output) => output,
        Err(unknown) => return Ok(Some(unknown)),
    };
    let row = output.stdout.lines().nth(1).filter(|_| output.status == 0);
    let Some(row) = row else {
        let why = format!("Unable to get available space for partition {path}");
        return Err(machine.raise("Inspec::Exceptions::ResourceFailed", why));
    };
    let words: Vec<&str> = row.split_whitespace().collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<i64>().ok()).unwrap_or(0);
    let (size, free) = (number(2), number(4));
    Ok(Some(match name {
        "name" => path.into(),
        "size_kb" | "size" => Value::Int(size),
        "free_kb" => Value::Int(free),
        "percent_free" => match free.saturating_mul(100).checked_div_euclid(size) {
            Some(percent) => Value::Int(percent),
            None => return Err(machine.raise("ZeroDivisionError", "divided by 0")),
        },
        _ => words.get(1).copied().into(),
    }))
}

/// The zone stands in the link of `localtime(5)`; its short name and its offset depend on the day,
/// so a system is asked for those.
fn of_timezone(machine: &mut Machine<'_>, name: &str) -> Called {
    const LINE: &str = "timedatectl status | grep -i 'Time zone'";
    if name == "resource_id" {
        return Ok(Some("timezone".into()));
    }
    if !TIMEZONE.contains(&name) {
        return Ok(None);
    }
    if name == "identifier" {
        let stat = machine.answer(machine.target.stat("/etc/localtime", false))?;
        let link = stat.and_then(|stat| stat.link);
        let zone = link.as_deref().and_then(|link| link.split_once("zoneinfo/"));
        if let Some((_, zone)) = zone {
            machine.note_evidence(Some("/etc/localtime".to_owned()));
            return Ok(Some(zone.into()));
        }
    }
    let output = match tell(machine, LINE)? {
        Ok(output) => output,
        Err(unknown) => return Ok(Some(unknown)),
    };
    // `Time zone: Europe/Berlin (CET, +0100)`
    let printed = succeeded(LINE, output)?;
    let said = printed.rsplit(':').next().unwrap_or_default().replace(['(', ')', ','], "");
    let at = TIMEZONE.iter().position(|word| *word == name).unwrap_or_default();
    Ok(Some(said.split_whitespace().nth(at).into()))
}

fn of_system(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Called {
    let form = args.first().map(Value::text);
    let line = match (name, form.as_deref()) {
        ("resource_id", _) => return Ok(Some("sys_info".into())),
        ("manufacturer", _) => "cat /sys/class/dmi/id/sys_vendor",
        ("model", _) => "cat /sys/class/dmi/id/product_name",
        ("hostname", None) => "hostname",
        ("fqdn", _) | ("hostname", Some("f" | "long" | "fqdn" | "full")) => "hostname -f",
        ("domain", _) | ("hostname", Some("d" | "domain")) => "hostname -d",
        ("ip_address", _) | ("hostname", Some("i" | "ip_address")) => "hostname -I",
        ("short", _) | ("hostname", Some("s" | "short")) => "hostname -s",
        ("hostname", Some(_)) => {
            let why =
                "The `sys_info.hostname` resource is not supported with that option on your OS.";
            return Err(crate::stop::skipped(why));
        }
        _ => return Ok(None),
    };
    Ok(Some(match on_node(machine, line)? {
        Ok(output) => succeeded(line, output)?.trim_end_matches('\n').into(),
        Err(unknown) => unknown,
    }))
}

fn of_environment(machine: &mut Machine<'_>, variable: Option<&str>, name: &str) -> Called {
    if name == "resource_id" {
        return Ok(Some(variable.unwrap_or_default().into()));
    }
    if !ENVIRONMENT.contains(&name) {
        return Ok(None);
    }
    let output = match on_node(machine, "env")? {
        Ok(output) => output,
        Err(unknown) => return Ok(Some(unknown)),
    };
    let printed = succeeded("env", output)?;
    let mut pairs = printed.lines().filter_map(|line| line.split_once('='));
    let found = pairs.find(|(known, _)| Some(*known) == variable).map(|(_, value)| value);
    if found.is_none() {
        machine.note_absent();
    }
    Ok(Some(match (name, found) {
        ("content", found) => found.into(),
        (_, None | Some("")) => Value::strings::<&str>([]),
        (_, Some(found)) => Value::strings(found.split(':')),
    }))
}
