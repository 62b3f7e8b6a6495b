//! The resources that are a parsed text, each with its grammar.

use std::rc::Rc;

use forge_judge::parsers::{Assignment, Options, SimpleConfig};

use super::config::{Config, Lookup, values};
use crate::interp::Machine;
use crate::map::Map;
use crate::pattern::Pattern;
use crate::stop::{Eval, Stop};
use crate::value::Value;

/// `key = value`.
pub(super) const ASSIGNMENT: &str = r"^\s*([^=]*?)\s*=\s*(.*?)\s*$";

/// A resource over one file: its name, its words, the file, and how its lines are read.
struct Kind {
    name: &'static str,
    text: &'static str,
    path: &'static str,
    assignment: &'static str,
    values: usize,
    multiple: bool,
    lookup: Lookup,
}

const fn kind(
    name: &'static str,
    text: &'static str,
    path: &'static str,
    assignment: &'static str,
) -> Kind {
    Kind { name, text, path, assignment, values: 1, multiple: false, lookup: Lookup::Plain }
}

const KINDS: &[Kind] = &[
    kind("login_defs", "login.defs", "/etc/login.defs", r"^\s*(\S+)\s+(\S*)\s*$"),
    kind("auditd_conf", "Audit Daemon Config", "/etc/audit/auditd.conf", ASSIGNMENT),
    Kind {
        values: 3,
        multiple: true,
        ..kind(
            "limits_conf",
            "limits.conf",
            "/etc/security/limits.conf",
            r"^\s*(\S+?)\s+(.*?)\s+(.*?)\s+(.*?)\s*$",
        )
    },
    Kind {
        values: 6,
        ..kind(
            "inetd_conf",
            "inetd.conf",
            "/etc/inetd.conf",
            r"^\s*(\S+?)\s+(.*?)\s+(.*?)\s+(.*?)\s+(.*?)\s+(.*?)\s+(.*?)\s*$",
        )
    },
    Kind {
        multiple: true,
        lookup: Lookup::Single,
        ..kind("ntp_conf", "ntp.conf", "/etc/ntp.conf", r"^\s*(\S+)\s+(.*)\s*$")
    },
    Kind {
        multiple: true,
        lookup: Lookup::Single,
        ..kind("chrony_conf", "chrony.conf", "/etc/chrony.conf", r"^\s*(\S+)\s+(.*)\s*$")
    },
    Kind {
        multiple: true,
        lookup: Lookup::Ssh,
        ..kind(
            "sshd_config",
            "SSHD Configuration",
            "/etc/ssh/sshd_config",
            r"^\s*(\S+?)\s+(.*?)\s*$",
        )
    },
    Kind {
        multiple: true,
        lookup: Lookup::Ssh,
        ..kind("ssh_config", "SSH Configuration", "/etc/ssh/ssh_config", r"^\s*(\S+?)\s+(.*?)\s*$")
    },
    Kind {
        multiple: true,
        lookup: Lookup::Ssh,
        ..kind(
            "sshd_active_config",
            "SSHD Active Configuration (active path: /etc/ssh/sshd_config)",
            "/etc/ssh/sshd_config",
            r"^\s*(\S+?)\s+(.*?)\s*$",
        )
    },
];

pub(super) fn is_kind(name: &str) -> bool {
    KINDS.iter().any(|kind| kind.name == name)
}

/// A resource of the list above.
pub(super) fn make(
    machine: &mut Machine<'_>,
    name: &str,
    args: &[Value],
) -> Result<Option<Value>, Stop> {
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else { return Ok(None) };
    let mut path: Rc<str> = super::text_arg(args).unwrap_or_else(|| kind.path.into());
    // The image says where its files are: Debian keeps chrony's in a directory.
    if args.is_empty() && name == "chrony_conf" {
        let other = "/etc/chrony/chrony.conf";
        if machine.answer(machine.target.stat(&path, true))?.is_none()
            && machine.answer(machine.target.stat(other, true))?.is_some()
        {
            path = other.into();
        }
    }
    let mut config = Config {
        kind: kind.name,
        text: kind.text.to_owned(),
        params: Map::default().into(),
        content: None,
        lookup: kind.lookup,
        skipped: None,
        failed: None,
        path: Some(path.clone()),
    };
    match read(machine, &path, false)? {
        Ok(text) => {
            let options = Options {
                values: kind.values,
                multiple_values: kind.multiple,
                ..Options::default()
            };
            let assignment = machine.pattern(kind.assignment, "");
            let parsed = parse(machine, &text, &options, &assignment)?;
            config.params = if kind.lookup == Lookup::Ssh { lower(&parsed) } else { parsed };
            config.content = Some(text);
        }
        Err(why) => config.skipped = Some(why),
    }
    Ok(Some(Value::Resource(Rc::new(config))))
}

/// A file's text; or why the resource refuses to be tested.
pub(crate) fn read(
    machine: &mut Machine<'_>,
    path: &str,
    allow_empty: bool,
) -> Result<Result<Rc<str>, String>, Stop> {
    let place = super::file::normal(path);
    let stat = machine.answer(machine.target.stat(&place, true))?;
    if stat.is_none_or(|stat| stat.kind != "file") {
        if let Some(root) = super::file::only_running(&place) {
            machine.note_running(&format!("only a running system has what is below `{root}`"));
        }
        return Ok(Err(format!("Can't find file: {path}")));
    }
    let text: Rc<str> = machine.read_text(&place)?.unwrap_or_default().into();
    if text.is_empty() && !allow_empty {
        return Ok(Err(format!("File is empty: {path}")));
    }
    Ok(Ok(text))
}

fn parse(
    machine: &mut Machine<'_>,
    text: &str,
    options: &Options,
    assignment: &Rc<Pattern>,
) -> Eval {
    machine.meter.steps(1 + (text.len() / 8) as u64)?;
    machine.meter.charge(text.len() * 2)?;
    let bad = |why: String| machine.raise("RegexpError", why);
    let mut apart = |line: &str| -> Result<Option<Assignment>, Stop> {
        let Some(groups) = assignment.find(line, 0).map_err(bad)? else { return Ok(None) };
        let group = |number: usize| {
            let (from, to) = (*groups.get(number)?)?;
            line.get(from..to).map(str::to_owned)
        };
        let parts = (2..2 + options.values).map(group).collect();
        Ok(Some((group(1).unwrap_or_default(), parts)))
    };
    let parsed = SimpleConfig::parse(text, options, &mut apart)?;
    Ok(values(parsed))
}

/// A resource that is not for this system.
pub(super) fn unsupported(machine: &Machine<'_>, name: &str) -> Value {
    let platform = &machine.state.platform;
    let (system, release) = (&platform.name, &platform.release);
    let why = format!("Resource `{name}` is not supported on platform {system}/{release}.");
    Value::Resource(Rc::new(Config {
        kind: "unsupported",
        text: name.to_owned(),
        params: Map::default().into(),
        content: None,
        lookup: Lookup::Plain,
        skipped: Some(why),
        failed: None,
        path: None,
    }))
}

/// `key = value` lines; a key that comes again has a list of values.
pub(super) fn parse_lists(machine: &mut Machine<'_>, text: &str) -> Eval {
    parse_with(machine, text, ASSIGNMENT, true)
}

/// Lines that an expression takes apart.
pub(super) fn parse_with(
    machine: &mut Machine<'_>,
    text: &str,
    assignment: &str,
    multiple_values: bool,
) -> Eval {
    let assignment = machine.pattern(assignment, "");
    let options = Options { multiple_values, ..Options::default() };
    parse(machine, text, &options, &assignment)
}

/// Keys in lower case; of keys that are then one, the first counts.
fn lower(params: &Value) -> Value {
    let Value::Hash(map) = params else { return params.clone() };
    let mut out = Map::default();
    for (key, value) in map.borrow().iter() {
        let key = Value::from(key.text().to_lowercase());
        if !out.contains(&key) {
            out.insert(key, value.clone());
        }
    }
    out.into()
}

/// `parse_config(text, options)` and `parse_config_file(path, options)`.
pub(super) fn parse_config(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Eval {
    let of_file = name == "parse_config_file";
    let first = args.first().cloned().unwrap_or(Value::Nil);
    let mut config = Config {
        kind: if of_file { "parse_config_file" } else { "parse_config" },
        text: "Parse Config ".to_owned(),
        params: Map::default().into(),
        content: None,
        lookup: Lookup::Plain,
        skipped: None,
        failed: None,
        path: None,
    };
    let text = if of_file {
        let path = first.text();
        config.text = format!("Parse Config File {path}");
        config.path = Some(path.clone());
        match read(machine, &path, false)? {
            Ok(text) => Some(text),
            Err(why) => {
                config.skipped = Some(why);
                None
            }
        }
    } else {
        first.as_str().cloned()
    };
    if let Some(text) = text {
        config.params = user_parse(machine, &text, args.get(1))?;
        config.content = Some(text);
    }
    Ok(Value::Resource(Rc::new(config)))
}

/// With the options of the profile.
fn user_parse(machine: &mut Machine<'_>, text: &str, given: Option<&Value>) -> Eval {
    let mut options = Options::default();
    let mut assignment = machine.pattern(ASSIGNMENT, "");
    let mut split = None;
    if let Some(Value::Hash(map)) = given {
        for (key, value) in map.borrow().iter() {
            match (&*key.text(), value) {
                // Its older name, `assignment_re`, is no option since InSpec 2, and changes nothing.
                ("assignment_regex", Value::Regex(pattern)) => assignment = pattern.clone(),
                ("assignment_regex" | "multiple_value_regex", Value::Str(_)) => {
                    return Err(machine.needs_ruby("an expression that is a text"));
                }
                ("multiple_value_regex", Value::Regex(pattern)) => split = Some(pattern.clone()),
                ("multiple_values", value) => options.multiple_values = value.truthy(),
                ("comment_char", value) => options.comment = value.text().to_string(),
                ("standalone_comments", value) => options.standalone_comments = value.truthy(),
                ("key_values", Value::Int(count)) => {
                    options.values = usize::try_from(*count).unwrap_or(1).clamp(1, 20);
                }
                ("line_separator", Value::Str(text)) => {
                    options.line_separator = Some(text.to_string());
                }
                ("group_re", Value::Nil) => options.groups = false,
                ("group_re", Value::Regex(pattern)) if !pattern.source.contains(r"\[") => {
                    return Err(machine.needs_ruby("another notation of groups"));
                }
                _ => {}
            }
        }
    }
    let parsed = parse(machine, text, &options, &assignment)?;
    match split {
        Some(pattern) if options.multiple_values => split_values(machine, &parsed, &pattern),
        _ => Ok(parsed),
    }
}

fn split_values(machine: &mut Machine<'_>, parsed: &Value, pattern: &Rc<Pattern>) -> Eval {
    let Value::Hash(map) = parsed else { return Ok(parsed.clone()) };
    let mut out = Map::default();
    for (key, value) in map.borrow().iter() {
        let mut parts = Vec::new();
        for item in value.clone().into_items() {
            let part = machine.send(&item, "split", &[Value::Regex(pattern.clone())], None)?;
            parts.extend(part.into_items());
        }
        out.insert(key.clone(), parts.into());
    }
    Ok(out.into())
}

/// `ini(path)`: settings and groups, keys one after the other.
pub(super) fn ini(machine: &mut Machine<'_>, text: &str) -> Eval {
    let assignment = machine.pattern(ASSIGNMENT, "");
    parse(machine, text, &Options::default(), &assignment)
}
