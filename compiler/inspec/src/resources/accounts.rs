//! `passwd`, `shadow`, `etc_group`, `users` and `groups`.

use std::rc::Rc;

use super::{Called, Resource};
use crate::filter_table::{Column, Row, Table, column, simple};
use crate::interp::{Given, Machine};
use crate::stop::{Eval, Stop};
use crate::value::Value;

/// Lines of one file as rows.
#[derive(Debug)]
struct Lines {
    kind: &'static str,
    text: String,
    path: Rc<str>,
    columns: &'static [Column],
    rows: Vec<Rc<Row>>,
    raw: Vec<String>,
    skipped: Option<String>,
    symbols: bool,
}

const PASSWD: &[Column] = &[
    column("users", "user"),
    column("passwords", "password"),
    column("uids", "uid"),
    column("gids", "gid"),
    column("descs", "desc"),
    column("homes", "home"),
    column("shells", "shell"),
];

const SHADOW: &[Column] = &[
    column("users", "user"),
    column("passwords", "password"),
    column("last_changes", "last_change"),
    column("min_days", "min_days"),
    column("max_days", "max_days"),
    column("warn_days", "warn_days"),
    column("inactive_days", "inactive_days"),
    column("expiry_dates", "expiry_date"),
    column("reserved", "reserved"),
];

const USERS: &[Column] = &[
    column("usernames", "username"),
    column("uids", "uid"),
    column("gids", "gid"),
    column("groupnames", "groupname"),
    column("groups", "groups"),
    column("homes", "home"),
    column("shells", "shell"),
    column("mindays", "mindays"),
    column("maxdays", "maxdays"),
    column("warndays", "warndays"),
    column("disabled", "disabled"),
];

const GROUPS: &[Column] = &[
    column("names", "name"),
    column("gids", "gid"),
    column("domains", "domain"),
    simple("members", "members"),
    simple("members_array", "members_array"),
];

/// Fields between colons, as Ruby's `split`: none at the end.
fn fields(line: &str) -> Vec<&str> {
    let mut fields: Vec<&str> = line.split(':').collect();
    while fields.last() == Some(&"") {
        fields.pop();
    }
    fields
}

fn row(names: &'static [Column], line: &str) -> Rc<Row> {
    let fields = fields(line);
    let pairs = names.iter().enumerate();
    Row::new(pairs.map(|(at, column)| (&column.field, fields.get(at).copied().into())).collect())
}

/// `passwd` and `passwd(path)`.
pub(super) fn passwd(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let path = super::text_arg(args).unwrap_or_else(|| "/etc/passwd".into());
    let read = super::config_kinds::read(machine, &path, true)?;
    let (text, skipped) = split(read);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    machine.meter.charge(text.len() * 8)?;
    let kept = lines.iter().filter(|line| !line.starts_with('#'));
    let rows = kept.map(|line| row(PASSWD, line)).collect();
    let text = "/etc/passwd".to_owned();
    let (kind, columns) = ("passwd", PASSWD);
    Ok(Value::Resource(Rc::new(Lines {
        kind,
        text,
        path,
        columns,
        rows,
        raw: lines,
        skipped,
        symbols: false,
    })))
}

/// `shadow` and `shadow(path)`.
pub(super) fn shadow(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let path = super::text_arg(args).unwrap_or_else(|| "/etc/shadow".into());
    let read = super::config_kinds::read(machine, &path, true)?;
    let (text, skipped) = split(read);
    machine.meter.charge(text.len() * 8)?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let rows = lines.iter().map(|line| row(SHADOW, line)).collect();
    let (kind, columns) = ("shadow", SHADOW);
    let text = path.to_string();
    Ok(Value::Resource(Rc::new(Lines {
        kind,
        text,
        path,
        columns,
        rows,
        raw: lines,
        skipped,
        symbols: false,
    })))
}

fn split(read: Result<Rc<str>, String>) -> (Rc<str>, Option<String>) {
    match read {
        Ok(text) => (text, None),
        Err(why) => ("".into(), Some(why)),
    }
}

impl Resource for Lines {
    fn kind(&self) -> &str {
        self.kind
    }

    fn text(&self) -> String {
        self.text.clone()
    }

    fn skipped(&self) -> Option<String> {
        self.skipped.clone()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        machine.note_evidence(Some(self.path.to_string()));
        if self.skipped.is_some() {
            machine.note_absent();
        }
        Ok(match (self.kind, name) {
            (_, "lines") => Some(Value::strings(&self.raw)),
            ("passwd", "content") if args.is_empty() => Some(self.raw.join("\n").into()),
            // Older names of columns.
            ("shadow", "user" | "password" | "last_change" | "expiry_date") => {
                let column = format!("{name}s");
                let table = Table::new(self.clone(), self.columns, self.rows.clone());
                return machine.table_call(&table, &column, args, None);
            }
            _ => None,
        })
    }

    fn table(self: Rc<Self>, _machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        let (columns, rows) = (self.columns, self.rows.clone());
        let symbols = self.symbols;
        Ok(Some(Rc::new(Table { symbols, ..Table::plain(self, columns, rows) })))
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
        Ok(match (self.kind, name) {
            ("passwd" | "shadow", "content") => {
                let line = |row: &Rc<Row>| {
                    let parts = row.fields.iter().map(|(_, value)| value.text().to_string());
                    parts.collect::<Vec<_>>().join(":")
                };
                Some(table.rows.iter().map(line).collect::<Vec<_>>().join("\n").into())
            }
            (_, "exists?") => Some((!table.rows.is_empty()).into()),
            // No row is `disabled == false`, and none `disabled == true`: InSpec takes both for a yes.
            ("users", "disabled?" | "enabled?") => Some(Value::Bool(true)),
            _ => None,
        })
    }

    fn table_words(&self) -> &'static [&'static str] {
        &["exists?", "content", "disabled?", "enabled?"]
    }
}

/// The lines of a file of accounts, taken apart.
fn records(machine: &mut Machine<'_>, path: &str) -> Result<Vec<Vec<String>>, Stop> {
    let text = machine.read_text(path)?.unwrap_or_default();
    let record = |line: &str| fields(line).into_iter().map(str::to_owned).collect::<Vec<_>>();
    Ok(text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(record).collect())
}

fn number(text: Option<&String>) -> Value {
    text.and_then(|text| text.trim().parse::<i64>().ok()).map_or(Value::Nil, Value::Int)
}

fn text(text: Option<&String>) -> Value {
    text.map(String::as_str).into()
}

/// Every account, with what other files say of it.
pub(super) fn user_rows(machine: &mut Machine<'_>) -> Result<Vec<Rc<Row>>, Stop> {
    let passwd = records(machine, "/etc/passwd")?;
    let group = records(machine, "/etc/group")?;
    let shadow = records(machine, "/etc/shadow")?;
    let listed = !shadow.is_empty() && super::walk::program_exists(machine, "chage")?;
    let mut rows = Vec::new();
    for record in &passwd {
        machine.meter.charge(512)?;
        let Some(name) = record.first() else { continue };
        let gid = record.get(3);
        let group_name = group.iter().find(|group| group.get(2) == gid).and_then(|g| g.first());
        // `id` has a number alone where no group is of that number, and InSpec no name.
        let primary = Value::from(group_name.map_or("", String::as_str));
        let mut groups: Vec<Value> = vec![primary.clone()];
        for other in &group {
            let members = other.get(3).map(String::as_str).unwrap_or_default();
            if members.split(',').any(|member| member == name) && other.first() != group_name {
                groups.push(text(other.first()));
            }
        }
        let secret = shadow.iter().find(|shadow| shadow.first() == Some(name));
        // `chage -l` has -1 where nothing is said; a text, since it is not of digits alone.
        let days = |at: usize| match secret.and_then(|secret| secret.get(at)) {
            _ if !listed => Value::Nil,
            Some(days) if !days.trim().is_empty() => number(Some(days)),
            _ => "-1".into(),
        };
        rows.push(Row::new(vec![
            ("username", name.as_str().into()),
            ("uid", number(record.get(2))),
            ("gid", number(gid)),
            ("groupname", primary),
            ("groups", groups.into()),
            ("home", text(record.get(5))),
            ("shell", text(record.get(6))),
            ("mindays", days(3)),
            ("maxdays", days(4)),
            ("warndays", days(5)),
            // InSpec has no such word of an account on Linux.
            ("disabled", Value::Nil),
            ("password", secret.and_then(|s| s.get(1)).map(String::as_str).into()),
        ]));
    }
    Ok(rows)
}

/// `users`.
pub(super) fn users(machine: &mut Machine<'_>) -> Eval {
    let rows = user_rows(machine)?;
    Ok(Value::Resource(Rc::new(Lines {
        kind: "users",
        text: "Users".to_owned(),
        path: "/etc/passwd".into(),
        columns: USERS,
        rows,
        raw: Vec::new(),
        skipped: None,
        symbols: true,
    })))
}

/// `groups`.
pub(super) fn groups(machine: &mut Machine<'_>) -> Eval {
    let rows = group_rows(machine)?;
    Ok(Value::Resource(Rc::new(Lines {
        kind: "groups",
        text: "Groups".to_owned(),
        path: "/etc/group".into(),
        columns: GROUPS,
        rows,
        raw: Vec::new(),
        skipped: None,
        symbols: false,
    })))
}

/// Every group.
pub(super) fn group_rows(machine: &mut Machine<'_>) -> Result<Vec<Rc<Row>>, Stop> {
    let row = |record: Vec<String>| {
        let members = record.get(3).map(String::as_str);
        Row::new(vec![
            ("name", text(record.first())),
            ("gid", number(record.get(2))),
            ("domain", Value::Nil),
            ("members", members.into()),
            (
                "members_array",
                Value::strings(members.unwrap_or_default().split(',').filter(|m| !m.is_empty())),
            ),
        ])
    };
    Ok(records(machine, "/etc/group")?.into_iter().map(row).collect())
}

/// `/etc/group` as `InSpec` reads it: not by a table of filters.
#[derive(Debug)]
struct EtcGroup {
    path: Rc<str>,
    rows: Vec<Rc<Row>>,
    skipped: Option<String>,
    /// What `where` gives has no words of its own.
    view: bool,
}

/// `etc_group` and `etc_group(path)`.
pub(super) fn etc_group(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let path = super::text_arg(args).unwrap_or_else(|| "/etc/group".into());
    let read = super::config_kinds::read(machine, &path, true)?;
    let (whole, skipped) = split(read);
    machine.meter.charge(whole.len() * 8)?;
    let mut rows = Vec::new();
    for line in whole.lines() {
        let line = line.split('#').next().unwrap_or(line);
        let record = fields(line);
        if record.is_empty() {
            continue;
        }
        let gid = record.get(2).map(|gid| match gid.parse::<i64>() {
            Ok(number) => Value::Int(number),
            Err(_) => (*gid).into(),
        });
        rows.push(Row::new(vec![
            ("name", record.first().copied().into()),
            ("password", record.get(1).copied().into()),
            ("gid", gid.into()),
            ("members", record.get(3).copied().into()),
        ]));
    }
    Ok(Value::Resource(Rc::new(EtcGroup { path, rows, skipped, view: false })))
}

impl Resource for EtcGroup {
    fn kind(&self) -> &'static str {
        "etc_group"
    }

    fn text(&self) -> String {
        if self.view {
            "#<Inspec::Resources::EtcGroupView:0x0000000000000000>".to_owned()
        } else {
            "/etc/group".to_owned()
        }
    }

    fn skipped(&self) -> Option<String> {
        self.skipped.clone()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        machine.note_evidence(Some(self.path.to_string()));
        if self.rows.is_empty() {
            machine.note_absent();
        }
        let column = |field: &str| {
            self.rows.iter().map(|row| row.get(field).cloned().into()).collect::<Vec<Value>>()
        };
        Ok(Some(match name {
            "groups" => column("name").into(),
            "gids" => column("gid").into(),
            "users" => {
                let members = column("members");
                let all = members.iter().flat_map(|members| {
                    let text = members.text();
                    text.split(',').filter(|m| !m.is_empty()).map(Value::from).collect::<Vec<_>>()
                });
                all.collect::<Vec<_>>().into()
            }
            "entries" | "raw_data" => {
                let row = |row: &Rc<Row>| {
                    let pairs = row.fields.iter();
                    pairs
                        .map(|(key, value)| (Value::Str(key.clone()), value.clone()))
                        .collect::<crate::map::Map>()
                        .into()
                };
                self.rows.iter().map(row).collect::<Vec<_>>().into()
            }
            "gid" => column("gid").into(),
            "resource_id" => Value::Str(self.path.clone()),
            "where" => {
                let Some(Value::Hash(wanted)) = args.first() else { return Ok(Some(Value::Nil)) };
                let mut rows = self.rows.clone();
                for (key, value) in wanted.borrow().iter() {
                    let field = match &*key.text() {
                        "name" | "group_name" => "name",
                        "password" => "password",
                        "gid" | "group_id" => "gid",
                        "users" | "members" => "members",
                        _ => continue,
                    };
                    rows.retain(|row| {
                        row.get(field).map_or("".into(), Value::text) == value.text()
                    });
                }
                let (path, skipped) = (self.path.clone(), self.skipped.clone());
                Value::Resource(Rc::new(Self { path, rows, skipped, view: true }))
            }
            _ => return Ok(None),
        }))
    }
}
