//! `xinetd_conf`: services in groups, in files that name further directories.

use std::rc::Rc;

use super::config_kinds::{ASSIGNMENT, parse_with, read};
use super::{Called, Resource};
use crate::filter_table::{Column, Row, Table, column};
use crate::interp::{Given, Machine};
use crate::stop::{Eval, Stop};
use crate::value::Value;

const COLUMNS: &[Column] = &[
    column("services", "service"),
    column("ids", "id"),
    column("socket_types", "socket_type"),
    column("types", "type"),
    column("protocols", "protocol"),
    column("wait", "wait"),
];

/// Directories that name directories.
const DEPTH: usize = 10;

#[derive(Debug)]
struct Xinetd {
    path: Rc<str>,
    rows: Vec<Rc<Row>>,
    skipped: Option<String>,
}

/// `xinetd_conf(path)`.
pub(super) fn make(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let path = super::text_arg(args).unwrap_or_else(|| "/etc/xinetd.conf".into());
    let mut services = Vec::new();
    let skipped = match read(machine, &path, false)? {
        Ok(text) => groups(machine, &text, DEPTH, &mut services)?,
        Err(why) => Some(why),
    };
    // Services of one name stand together, where the first of them is.
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in &services {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let of = |name: &&str| {
        let name = *name;
        let all = services.iter().filter(move |(of, _)| of == name);
        all.map(move |(_, params)| row(name, params)).collect::<Vec<_>>()
    };
    let rows = names.iter().flat_map(of).collect();
    Ok(Value::Resource(Rc::new(Xinetd { path, rows, skipped })))
}

fn row(name: &str, params: &Value) -> Rc<Row> {
    let mut fields: Vec<(Rc<str>, Value)> = Vec::new();
    if let Value::Hash(map) = params {
        fields.extend(map.borrow().iter().map(|(key, value)| (key.text(), value.clone())));
    }
    let known = |fields: &[(Rc<str>, Value)], field: &str| {
        fields.iter().find(|(known, _)| **known == *field).map(|(_, value)| value.text())
    };
    if known(&fields, "protocol").is_none() {
        let protocol = match known(&fields, "socket_type").as_deref() {
            Some("stream") => "tcp",
            Some("dgram") => "udp",
            _ => "unknown",
        };
        fields.push(("protocol".into(), protocol.into()));
    }
    fields.push(("service".into(), name.into()));
    for column in COLUMNS {
        if known(&fields, &column.field).is_none() {
            fields.push((column.field.as_ref().into(), Value::Nil));
        }
    }
    Row::new(fields)
}

/// The services of a text and of the directories that it names; or why it cannot be tested.
fn groups(
    machine: &mut Machine<'_>,
    text: &str,
    depth: usize,
    services: &mut Vec<(String, Value)>,
) -> Result<Option<String>, Stop> {
    machine.meter.charge(text.len())?;
    let mut lines = text.lines();
    let mut group: Option<(String, String)> = None;
    while let Some(line) = lines.next() {
        machine.meter.step()?;
        let inner = line.split('#').next().unwrap_or_default().trim();
        if inner.is_empty() {
            continue;
        }
        let mut ahead = lines.clone();
        let next = ahead.find(|line| !line.trim().is_empty());
        if inner == "}" {
            if let Some((name, settings)) = group.take()
                && let Some(name) = name.strip_prefix("service ")
            {
                let params = parse_with(machine, &settings, ASSIGNMENT, false)?;
                services.push((name.to_owned(), params));
            }
        } else if next.is_some_and(|next| next.trim_start().starts_with('{')) {
            group = Some((inner.to_owned(), String::new()));
            lines = ahead;
        } else if let Some((_, settings)) = &mut group {
            settings.push_str(inner);
            settings.push('\n');
        } else if let Some(directory) = inner.strip_prefix("includedir ")
            && let Some(why) = included(machine, directory.trim(), depth, services)?
        {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// The files below a directory, however deep.
fn included(
    machine: &mut Machine<'_>,
    directory: &str,
    depth: usize,
    services: &mut Vec<(String, Value)>,
) -> Result<Option<String>, Stop> {
    let place = super::file::normal(directory);
    let stat = machine.answer(machine.target.stat(&place, true))?;
    if stat.is_none_or(|stat| stat.kind != "directory") {
        return Ok(Some(format!("Can't find folder: {directory}")));
    }
    if depth == 0 {
        return Err(crate::limits::limit(format!("`{directory}` is named by too many others")));
    }
    let mut open = vec![place];
    while let Some(directory) = open.pop() {
        for node in super::walk::children(machine, &directory)?.iter() {
            let path = format!("{directory}/{}", node.name);
            match &*node.kind {
                "directory" => open.push(path),
                "file" => match read(machine, &path, false)? {
                    Ok(text) => {
                        if let Some(why) = groups(machine, &text, depth - 1, services)? {
                            return Ok(Some(why));
                        }
                    }
                    Err(why) => return Ok(Some(why)),
                },
                _ => {}
            }
        }
    }
    Ok(None)
}

impl Resource for Xinetd {
    fn kind(&self) -> &'static str {
        "xinetd_conf"
    }

    fn text(&self) -> String {
        format!("Xinetd config {}", self.path)
    }

    fn skipped(&self) -> Option<String> {
        self.skipped.clone()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        _name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        machine.note_file(&super::file::normal(&self.path));
        if self.rows.is_empty() {
            machine.note_absent();
        }
        Ok(None)
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
        let other = match name {
            "disabled?" => "no",
            "enabled?" => "yes",
            _ => return Ok(None),
        };
        let disable: Vec<_> = table.rows.iter().map(|row| row.get("disable")).collect();
        if disable.is_empty() {
            machine.note_absent();
        } else if disable.iter().all(Option::is_none) {
            let why = "'disable' is not a recognized criterion: no service says it";
            return Err(machine.raise("ArgumentError", why));
        }
        let says_other = disable.iter().flatten().any(|value| *value.text() == *other);
        Ok(Some((!says_other).into()))
    }

    fn table_words(&self) -> &'static [&'static str] {
        &["disabled?", "enabled?"]
    }
}
