//! `mount` and `etc_fstab`: what is configured to be mounted, and on a node what is.

use std::rc::Rc;

use forge_judge::parsers::mounts;
use forge_model::{Level, NoAnswer};

use super::{Called, Resource};
use crate::filter_table::{Column, Row, Table, column};
use crate::interp::{Given, Machine};
use crate::stop::{Eval, Stop, no_answer};
use crate::value::Value;

/// A line of fstab.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    device: String,
    point: String,
    kind: String,
    options: Vec<String>,
    line: usize,
}

/// Where systemd mounts by itself, whatever is configured.
const BY_SYSTEMD: [&str; 10] = [
    "/proc",
    "/sys",
    "/dev",
    "/dev/pts",
    "/dev/shm",
    "/run",
    "/run/lock",
    "/sys/fs/cgroup",
    "/dev/hugepages",
    "/dev/mqueue",
];

fn configured(machine: &mut Machine<'_>) -> Result<Rc<Vec<Configured>>, Stop> {
    if let Some(known) = machine.state.facts.fstab.get() {
        return Ok(known.clone());
    }
    let text = machine.read_text("/etc/fstab")?.unwrap_or_default();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or(line);
        let mut words = line.split_whitespace();
        if let (Some(device), Some(point), Some(kind)) = (words.next(), words.next(), words.next())
        {
            let options = words.next().unwrap_or("defaults");
            found.push(Configured {
                device: device.to_owned(),
                point: if point == "/" {
                    "/".to_owned()
                } else {
                    point.trim_end_matches('/').to_owned()
                },
                kind: kind.to_owned(),
                options: options.split(',').map(str::to_owned).collect(),
                line: index + 1,
            });
        }
    }
    let found = Rc::new(found);
    let _first = machine.state.facts.fstab.set(found.clone());
    Ok(found)
}

/// What is mounted at a path: on a node now, else when the system has started.
fn at(machine: &mut Machine<'_>, path: &str) -> Result<Option<Configured>, Stop> {
    if machine.target.level() == Level::Node {
        return Ok(now(machine, path)?.pop());
    }
    let all = configured(machine)?;
    let auto = |one: &&Configured| one.point == path && !one.options.iter().any(|o| o == "noauto");
    if let Some(found) = all.iter().rev().find(auto) {
        machine.note_evidence(Some(format!("/etc/fstab:{}", found.line)));
        return Ok(Some(found.clone()));
    }
    if let Some(found) = unit(machine, path)? {
        return Ok(Some(found));
    }
    machine.note_absent();
    if BY_SYSTEMD.contains(&path) {
        machine.note_running("systemd mounts it when the system starts");
    }
    Ok(None)
}

/// What is mounted at a path of a node, the topmost last, as proc(5) has it.
fn now(machine: &mut Machine<'_>, path: &str) -> Result<Vec<Configured>, Stop> {
    const TABLE: &str = "/proc/self/mounts";
    let Some(text) = machine.read_text(TABLE)? else {
        return Err(no_answer(NoAnswer::Failed(format!("`{TABLE}` cannot be read"))));
    };
    let mut found = Vec::new();
    for line in text.lines() {
        let mut fields = line.split(' ').map(mounts::unescape);
        let (Some(device), Some(point), Some(kind), Some(options)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if point == path {
            let options = options.split(',').map(str::to_owned).collect();
            found.push(Configured { device, point, kind, options, line: 0 });
        }
    }
    if found.is_empty() {
        machine.note_absent();
    }
    machine.note_evidence(Some(TABLE.to_owned()));
    Ok(found)
}

/// The mount unit of a path, when something starts it.
fn unit(machine: &mut Machine<'_>, path: &str) -> Result<Option<Configured>, Stop> {
    let name = match path.trim_matches('/') {
        "" => "-".to_owned(),
        inner => inner.replace('-', "\\x2d").replace('/', "-"),
    };
    let name = format!("{name}.mount");
    let state = machine.answer(machine.target.unit(&name))?;
    if state.enabled != Some(true) {
        return Ok(None);
    }
    for directory in ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"] {
        let file = format!("{directory}/{name}");
        let Some(text) = machine.read_text(&file)? else { continue };
        let get = |key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            value.unwrap_or_default().trim().to_owned()
        };
        machine.note_evidence(Some(file));
        let options = get("Options");
        return Ok(Some(Configured {
            device: get("What"),
            point: path.to_owned(),
            kind: get("Type"),
            options: options.split(',').filter(|o| !o.is_empty()).map(str::to_owned).collect(),
            line: 0,
        }));
    }
    Ok(None)
}

/// `file(path).mounted?`.
pub(super) fn is_mounted(machine: &mut Machine<'_>, path: &str) -> Result<bool, Stop> {
    Ok(at(machine, path)?.is_some())
}

#[derive(Debug)]
struct Mount {
    path: Rc<str>,
}

/// `mount(path)`.
pub(super) fn mount(path: &str) -> Value {
    Value::Resource(Rc::new(Mount { path: path.into() }))
}

impl Resource for Mount {
    fn kind(&self) -> &'static str {
        "mount"
    }

    fn text(&self) -> String {
        format!("Mount {}", self.path)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if name == "[]" {
            let why = "wrong number of arguments (given 2, expected 1)";
            return Err(machine.raise("ArgumentError", why));
        }
        // No property of it, and none that is missing: whoever asks a mount itself gets nothing.
        if name == "exist?" {
            return Ok(Some(Value::Nil));
        }
        if !matches!(name, "mounted?" | "options" | "device" | "type" | "count") {
            return Ok((name == "resource_id").then(|| Value::Str(self.path.clone())));
        }
        if name == "mounted?" && args.iter().any(|arg| !arg.is_nil()) {
            let why = "wrong number of arguments (given 2, expected 0)";
            return Err(machine.raise("ArgumentError", why));
        }
        let path = super::file::normal(&self.path);
        if name == "count" && machine.target.level() == Level::Node {
            return Ok(Some(Value::int(now(machine, &path)?.len())));
        }
        let found = at(machine, &path)?;
        let on_node = machine.target.level() == Level::Node;
        Ok(Some(match (name, found) {
            ("mounted?", found) => found.is_some().into(),
            ("count", found) => Value::Int(i64::from(found.is_some())),
            (_, None) => Value::Nil,
            ("options", Some(found)) if on_node => Value::strings(&found.options),
            ("options", Some(found)) => Value::strings(options(&found)),
            ("device", Some(found)) if !on_node && !found.names_device() => {
                Value::Unknown("only a running system knows the device behind a name".into())
            }
            ("device", Some(found)) => found.device.into(),
            (_, Some(found)) if !on_node && !found.names_type() => {
                Value::Unknown("only a running system knows the type of what is mounted".into())
            }
            (_, Some(found)) => found.kind.into(),
        }))
    }
}

impl Configured {
    fn is_bound(&self) -> bool {
        self.options.iter().any(|option| matches!(option.as_str(), "bind" | "rbind" | "loop"))
    }

    /// Whether what is mounted has the device that is written, and no tag or link that leads to it.
    fn names_device(&self) -> bool {
        let tag = self.device.split_once('=').is_some_and(|(tag, _)| {
            matches!(tag, "UUID" | "LABEL" | "PARTUUID" | "PARTLABEL" | "ID")
        });
        let link = self
            .device
            .strip_prefix("/dev/")
            .is_some_and(|below| !below.starts_with("mapper/") && below.contains('/'));
        !(tag || link || self.is_bound() || self.device.is_empty())
    }

    fn names_type(&self) -> bool {
        !self.is_bound()
            && !matches!(self.kind.as_str(), "" | "auto" | "none")
            && !self.kind.contains(',')
    }
}

/// Options as `mount` shows them, as far as a configuration tells: without those that no kernel is
/// told (mount(8)), with those that `user` and its like stand for and `relatime`, which a kernel
/// takes where nothing says otherwise, the kernel's flags first and in its order
/// (`fs/proc_namespace.c`).
fn options(found: &Configured) -> Vec<String> {
    const TOLD_TO_NONE: [&str; 19] = [
        "defaults",
        "rw",
        "ro",
        "auto",
        "noauto",
        "nofail",
        "nouser",
        "user",
        "users",
        "owner",
        "group",
        "exec",
        "suid",
        "dev",
        "async",
        "atime",
        "diratime",
        "strictatime",
        "comment",
    ];
    const FLAGS: [&str; 7] =
        ["nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "nosymfollow"];
    let has = |wanted: &str| found.options.iter().any(|option| option == wanted);
    let mut all = Vec::new();
    for option in &found.options {
        let name = option.split('=').next().unwrap_or_default();
        let implied: &[&str] = match name {
            "user" | "users" => &["noexec", "nosuid", "nodev"],
            "owner" | "group" => &["nosuid", "nodev"],
            _ => &[],
        };
        // What comes later and says otherwise takes them away.
        let stays = |word: &&&str| !word.strip_prefix("no").is_some_and(has);
        all.extend(implied.iter().filter(stays).map(|word| (*word).to_owned()));
        let told = !TOLD_TO_NONE.contains(&name);
        if told && !option.starts_with("x-") && !option.starts_with("X-") {
            all.push(option.clone());
        }
    }
    if !["noatime", "relatime", "strictatime"].into_iter().any(has) {
        all.push("relatime".to_owned());
    }
    let flags = FLAGS.into_iter().filter(|flag| all.iter().any(|option| option == flag));
    let first = if has("ro") { "ro" } else { "rw" };
    let mut shown: Vec<_> = [first].into_iter().chain(flags).map(str::to_owned).collect();
    shown.extend(all.into_iter().filter(|option| !FLAGS.contains(&option.as_str())));
    shown
}

#[derive(Debug)]
struct Fstab {
    rows: Vec<Rc<Row>>,
    skipped: Option<String>,
    path: Rc<str>,
}

const COLUMNS: &[Column] = &[
    column("device_name", "device_name"),
    column("mount_point", "mount_point"),
    column("file_system_type", "file_system_type"),
    column("mount_options", "mount_options"),
    column("dump_options", "dump_options"),
    column("file_system_options", "file_system_options"),
];

/// `etc_fstab`.
pub(super) fn fstab(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let path = super::text_arg(args).unwrap_or_else(|| "/etc/fstab".into());
    let (text, skipped) = match super::config_kinds::read(machine, &path, false)? {
        Ok(text) => (text, None),
        Err(why) => ("".into(), Some(why)),
    };
    let (mut rows, mut skipped) = (Vec::new(), skipped);
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.len() < 4 {
            // InSpec takes the options of every line apart that is not empty: of one of blanks, too.
            rows.clear();
            skipped = Some("undefined method `split' for nil:NilClass".to_owned());
            break;
        }
        let word = |at: usize| words.get(at).copied();
        let number = |at: usize| Value::Int(word(at).and_then(|w| w.parse().ok()).unwrap_or(0));
        rows.push(Row::new(vec![
            ("device_name", word(0).into()),
            ("mount_point", word(1).into()),
            ("file_system_type", word(2).into()),
            ("mount_options", Value::strings(word(3).unwrap_or_default().split(','))),
            ("dump_options", number(4)),
            ("file_system_options", number(5)),
        ]));
    }
    Ok(Value::Resource(Rc::new(Fstab { rows, skipped, path })))
}

impl Resource for Fstab {
    fn kind(&self) -> &'static str {
        "etc_fstab"
    }

    fn text(&self) -> String {
        "File System Table File (fstab)".to_owned()
    }

    fn skipped(&self) -> Option<String> {
        self.skipped.clone()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        machine.note_evidence(Some(self.path.to_string()));
        let home =
            |row: &&Rc<Row>| row.get("mount_point").and_then(Value::as_text) == Some("/home");
        match name {
            "home_mount_options" => {
                let found =
                    self.rows.iter().find(home).and_then(|row| row.get("mount_options").cloned());
                Ok(Some(found.into()))
            }
            "nfs_file_systems" => {
                let nfs = |row: &&Rc<Row>| {
                    row.get("file_system_type")
                        .and_then(Value::as_text)
                        .is_some_and(|t| t.contains("nfs"))
                };
                let rows = self.rows.iter().filter(nfs).cloned().collect();
                let mut table = Table::new(self.clone(), COLUMNS, rows);
                if let Some(table) = Rc::get_mut(&mut table) {
                    table.criteria.push_str(" file_system_type match /nfs/");
                }
                Ok(Some(Value::Table(table)))
            }
            _ => Ok(None),
        }
    }

    fn table(self: Rc<Self>, _machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        let rows = self.rows.clone();
        Ok(Some(Table::new(self, COLUMNS, rows)))
    }

    fn table_call(
        &self,
        machine: &mut Machine<'_>,
        table: &Rc<Table>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if table.rows.is_empty() {
            machine.note_absent();
        }
        Ok((name == "configured?").then(|| (!table.rows.is_empty()).into()))
    }

    fn table_words(&self) -> &'static [&'static str] {
        &["configured?"]
    }
}
