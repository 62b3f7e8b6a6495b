//! `auditd`: the rules that augenrules loads, and on a node those that the kernel has.

mod calls;
mod ctl;
mod field;

use std::rc::Rc;

use forge_judge::compare_names;
use forge_model::{Level, NoAnswer};

use super::{Called, Resource, running};
use crate::filter_table::{Column, Row, Table, column};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::stop::{Eval, Stop, no_answer};
use crate::value::Value;

/// Rules of an image.
#[derive(Debug)]
pub(crate) struct Rules {
    lines: Vec<String>,
    rows: Vec<Rc<Row>>,
    installed: bool,
}

const COLUMNS: &[Column] = &[
    column("file", "file"),
    column("list", "list"),
    column("action", "action"),
    column("fields", "fields"),
    column("fields_nokey", "fields_nokey"),
    column("syscall", "syscall"),
    column("key", "key"),
    column("arch", "arch"),
    column("path", "path"),
    column("permissions", "permissions"),
    column("exit", "exit"),
];

const DIRECTORY: &str = "/etc/audit/rules.d";
/// What the kernel has now: rules as auditctl(8) lists them, and its state.
const RULES: &str = "/sbin/auditctl -l";
const STATUS: &str = "/sbin/auditctl -s";

/// The rules that a boot loads, as `auditctl -l` lists them: those that augenrules(8) collects from
/// `rules.d`, or those of the file that auditctl reads where there is no such directory.
fn lines(machine: &mut Machine<'_>, installed: bool) -> Result<Vec<String>, Stop> {
    if installed && machine.target.level() == Level::Node {
        return match running::on_node(machine, RULES)? {
            Ok(output) => {
                let printed = running::succeeded(RULES, output)?;
                Ok(printed
                    .lines()
                    .filter(|line| line.starts_with('-'))
                    .map(str::to_owned)
                    .collect())
            }
            Err(unknown) => Err(no_answer(NoAnswer::Unknown(unknown.text().to_string()))),
        };
    }
    let text = match machine.answer(machine.target.list(DIRECTORY))? {
        Some(mut names) => {
            names.retain(|name| name.ends_with(".rules") && !name.starts_with('.'));
            names.sort_by(|one, other| compare_names(one, other));
            let mut text = String::new();
            for name in names {
                text.push_str(
                    &machine.read_text(&format!("{DIRECTORY}/{name}"))?.unwrap_or_default(),
                );
            }
            collected(&text)
        }
        None => machine.read_text("/etc/audit/audit.rules")?.unwrap_or_default(),
    };
    ctl::load(&text, &mut Loading { machine })
}

/// The text that augenrules makes of all files: of `-D`, `-b`, `-f` and `-e` the last line each, the
/// first three before all rules and `-e` behind them.
fn collected(text: &str) -> String {
    let mut alone: [&str; 4] = [""; 4];
    let mut rest = Vec::new();
    for line in text.lines() {
        let begins = |option: &str| line.trim_start().starts_with(option);
        if line.trim() == "-D" {
            alone[0] = line;
        } else if begins("-b") {
            alone[1] = line;
        } else if begins("-f") {
            alone[2] = line;
        } else if begins("-e") {
            alone[3] = line;
        } else if !begins("#") && !line.is_empty() {
            rest.push(line);
        }
    }
    let before = alone[..3].iter().chain(&rest).chain(&alone[3..]);
    before.copied().collect::<Vec<_>>().join("\n")
}

/// The system in which rules are loaded, as its files tell.
struct Loading<'a, 'm> {
    machine: &'a mut Machine<'m>,
}

impl ctl::Host for Loading<'_, '_> {
    fn native(&self) -> calls::Abi {
        calls::Abi::native(&self.machine.state.platform.arch)
    }

    fn is_directory(&mut self, path: &str) -> Result<bool, Stop> {
        let found = self.machine.answer(self.machine.target.stat(path, true))?;
        Ok(found.is_some_and(|stat| stat.kind == "directory"))
    }

    fn exists(&mut self, path: &str) -> Result<bool, Stop> {
        Ok(self.machine.answer(self.machine.target.stat(path, true))?.is_some())
    }

    fn uid(&mut self, name: &str) -> Result<Option<u32>, Stop> {
        Ok(self.machine.answer(self.machine.target.user(name))?.and_then(|user| user.uid))
    }

    fn gid(&mut self, name: &str) -> Result<Option<u32>, Stop> {
        Ok(self.machine.answer(self.machine.target.group(name))?.and_then(|group| group.gid))
    }
}

/// The word behind an option.
fn after<'a>(line: &'a str, option: &str) -> Option<&'a str> {
    let at = line.find(option)?;
    line[at + option.len()..].split_whitespace().next()
}

fn letters(text: &str) -> Value {
    Value::strings(text.chars().filter(|c| c.is_alphanumeric()).map(String::from))
}

fn rows(line: &str) -> Vec<Rc<Row>> {
    let mut rows = Vec::new();
    let action_list: Vec<&str> = after(line, "-a ").unwrap_or_default().split(',').collect();
    let is_action = |word: &&&str| matches!(**word, "never" | "always");
    let action: Value = action_list.iter().find(is_action).copied().into();
    let list: Value = action_list.iter().find(|word| !is_action(word)).copied().into();
    let fields: Vec<String> = fields(line);
    let of =
        |name: &str| -> Option<&str> { fields.iter().find_map(|field| field.strip_prefix(name)) };
    let key: Value = of("key=").into();
    let perms = of("perm=").map_or(Value::Nil, letters);
    let nokey = Value::strings(fields.iter().filter(|field| !field.starts_with("key")));
    if let Some(file) = after(line, "-F path=") {
        rows.push(Row::new(vec![
            ("file", file.into()),
            ("list", list.clone()),
            ("action", action.clone()),
            ("fields", Value::strings(&fields)),
            ("permissions", perms.clone()),
            ("key", key.clone()),
            ("fields_nokey", nokey.clone()),
        ]));
    }
    if line.contains("-S ") {
        for call in after(line, "-S ").unwrap_or_default().split(',') {
            rows.push(Row::new(vec![
                ("syscall", call.into()),
                ("list", list.clone()),
                ("action", action.clone()),
                ("fields", Value::strings(&fields)),
                ("key", key.clone()),
                ("arch", of("arch=").into()),
                ("path", of("path=").into()),
                ("permissions", perms.clone()),
                ("exit", of("exit=").into()),
                ("fields_nokey", nokey.clone()),
            ]));
        }
    } else if let Some(file) = after(line, "-w ") {
        rows.push(Row::new(vec![
            ("file", file.into()),
            ("key", after(line, "-k ").into()),
            ("permissions", after(line, "-p ").map_or(Value::Nil, letters)),
        ]));
    }
    rows
}

/// What follows each `-F`; options that stand last are words like others.
fn fields(line: &str) -> Vec<String> {
    let mut words = line.split_whitespace().peekable();
    let mut fields = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "-a" | "-S" => {
                let value = words.next();
                if words.peek().is_none() {
                    fields.push(word.to_owned());
                    fields.extend(value.map(str::to_owned));
                }
            }
            "-F" => {}
            other => fields.push(other.to_owned()),
        }
    }
    fields
}

#[derive(Debug)]
struct Auditd {
    rules: Rc<Rules>,
}

/// `auditd`.
pub(super) fn auditd(machine: &mut Machine<'_>) -> Eval {
    let rules = if let Some(rules) = machine.state.facts.rules.get() {
        rules.clone()
    } else {
        let installed = super::walk::program_exists(machine, "auditctl")?;
        let lines = lines(machine, installed)?;
        machine.meter.charge(lines.iter().map(String::len).sum::<usize>() * 4)?;
        let rows = lines.iter().flat_map(|line| rows(line)).collect();
        let rules = Rc::new(Rules { lines, rows, installed });
        let _first = machine.state.facts.rules.set(rules.clone());
        rules
    };
    Ok(Value::Resource(Rc::new(Auditd { rules })))
}

/// `auditd.status` and `auditd.status(name)`.
fn status(machine: &mut Machine<'_>, name: Option<&Value>) -> Eval {
    let output = match running::on_node(machine, STATUS)? {
        Ok(output) => output,
        Err(unknown) => return Ok(unknown),
    };
    let printed = running::succeeded(STATUS, output)?;
    let mut pairs = printed.lines().filter_map(|line| line.trim().split_once(' '));
    match name {
        Some(name) => {
            let name = name.text();
            let found = pairs.rfind(|(key, _)| **key == *name);
            Ok(found.map(|(_, value)| value).into())
        }
        None => Ok(pairs.map(|(key, value)| (key.into(), value.into())).collect::<Map>().into()),
    }
}

impl Resource for Auditd {
    fn kind(&self) -> &'static str {
        "auditd"
    }

    fn text(&self) -> String {
        "Auditd Rules".to_owned()
    }

    fn skipped(&self) -> Option<String> {
        (!self.rules.installed).then(|| "Command `/sbin/auditctl` does not exist".to_owned())
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        let on_node = machine.target.level() == Level::Node;
        machine.note_evidence(Some(if on_node { RULES } else { DIRECTORY }.to_owned()));
        if self.rules.rows.is_empty() {
            machine.note_absent();
        }
        Ok(match name {
            "lines" => Some(Value::strings(&self.rules.lines)),
            "status" => Some(status(machine, args.first())?),
            _ => None,
        })
    }

    fn table(self: Rc<Self>, _machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        let rows = self.rules.rows.clone();
        Ok(Some(Table::new(self, COLUMNS, rows)))
    }

    fn table_call(
        &self,
        machine: &mut Machine<'_>,
        table: &Rc<Table>,
        _name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if table.rows.is_empty() {
            machine.note_absent();
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_augenrules_collects() {
        let text = "-e 2\n# c\n-w /x -p r\n-D\n\n-b 8192\n-a never,task\n-f 1\n-b 64\n-w /y -p r\n";
        let want = "-D\n-b 64\n-f 1\n-w /x -p r\n-a never,task\n-w /y -p r\n-e 2";
        assert_eq!(collected(text), want);
    }

    #[test]
    fn rows_of_rules() {
        let found =
            rows("-a always,exit -F arch=b64 -S open,openat -F exit=-EPERM -F auid!=-1 -F key=x");
        assert_eq!(found.len(), 2);
        let field = |name: &str| found[1].get(name).map(Value::inspect);
        assert_eq!(field("syscall").as_deref(), Some("\"openat\""));
        assert_eq!(field("action").as_deref(), Some("\"always\""));
        assert_eq!(field("list").as_deref(), Some("\"exit\""));
        assert_eq!(field("key").as_deref(), Some("\"x\""));
        assert_eq!(field("exit").as_deref(), Some("\"-EPERM\""));
        assert_eq!(
            field("fields_nokey").as_deref(),
            Some("[\"arch=b64\", \"exit=-EPERM\", \"auid!=-1\"]")
        );
        // What is of a path and of all calls has a row for either.
        let both = rows("-a always,exit -S all -F path=/bin/su -F perm=x -F key=p");
        let of = |at: usize, name: &str| both[at].get(name).map(Value::inspect);
        assert_eq!(both.len(), 2);
        assert_eq!(of(0, "file").as_deref(), Some("\"/bin/su\""));
        assert_eq!(of(0, "syscall"), None);
        assert_eq!(of(1, "syscall").as_deref(), Some("\"all\""));
        assert_eq!(of(1, "path").as_deref(), Some("\"/bin/su\""));
        let watch = rows("-w /etc/passwd -p wa -k identity");
        assert_eq!(
            watch[0].get("permissions").map(Value::inspect).as_deref(),
            Some("[\"w\", \"a\"]")
        );
    }
}
