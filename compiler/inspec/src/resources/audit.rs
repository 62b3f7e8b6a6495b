//! `auditd`: the rules that augenrules loads, and on a node those that the kernel has.

use std::rc::Rc;

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

/// The lines that augenrules(8) would load: the files of `rules.d` in the order of their names.
/// Without any, the file that auditctl reads.
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
    let names = machine.answer(machine.target.list(DIRECTORY))?.unwrap_or_default();
    let mut texts = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".rules")) {
        texts.extend(machine.read_text(&format!("{DIRECTORY}/{name}"))?);
    }
    if texts.is_empty() {
        texts.extend(machine.read_text("/etc/audit/audit.rules")?);
    }
    let mut rules = Vec::new();
    for line in texts.iter().flat_map(|text| text.lines()) {
        let line = line.trim();
        if line == "-D" {
            rules.clear();
        } else if line.starts_with('-')
            && line.split_whitespace().any(|word| matches!(word, "-a" | "-A" | "-w"))
        {
            rules.push(as_listed(line));
        }
    }
    Ok(rules)
}

/// A rule as `auditctl -l` would list it: what is watched by a path and its permissions alone as a
/// watch, all else with its architecture, its calls and then its fields.
fn as_listed(line: &str) -> String {
    let rule = Rule::parse(line);
    let watched = |field: &&Field| field.is("path") || field.is("dir");
    let plain =
        |field: &Field| field.is("path") || field.is("dir") || field.is("perm") || field.is("key");
    let text = |field: &Field| field.text.clone();
    let value = |field: Option<&Field>| field.map(|field| field.value().to_owned());
    let find = |name: &str| rule.fields.iter().find(|field| field.is(name));
    let is_watch = rule.watch.is_some()
        || (rule.list == "exit"
            && rule.calls.is_empty()
            && rule.fields.iter().all(plain)
            && find("perm").is_some());
    let path = rule.watch.clone().or_else(|| value(rule.fields.iter().find(watched)));
    if let (true, Some(path)) = (is_watch, path) {
        let mut listed = format!("-w {path}");
        let perms = value(find("perm")).unwrap_or_else(|| "rwxa".to_owned());
        listed.push_str(&format!(" -p {perms}"));
        for key in rule.fields.iter().filter(|field| field.is("key")) {
            listed.push_str(&format!(" -k {}", key.value()));
        }
        return listed;
    }
    let mut listed = vec![format!("-a {},{}", rule.action, rule.list)];
    listed.extend(find("arch").map(|field| format!("-F {}", field.text)));
    // The other lists are of no system call.
    if rule.list == "exit" {
        let calls = if rule.calls.is_empty() { "all".to_owned() } else { rule.calls.join(",") };
        listed.push(format!("-S {calls}"));
    }
    let rest = rule.fields.iter().filter(|field| !field.is("arch"));
    listed.extend(rest.map(|field| format!("{} {}", field.flag, text(field))));
    listed.join(" ")
}

/// A condition of a rule, `-F auid>=1000`.
struct Field {
    flag: &'static str,
    text: String,
}

impl Field {
    fn is(&self, name: &str) -> bool {
        self.flag == "-F" && self.text.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
    }

    fn value(&self) -> &str {
        self.text.split_once('=').map_or("", |(_, value)| value)
    }
}

/// A line of `rules.d`, taken apart.
#[derive(Default)]
struct Rule {
    watch: Option<String>,
    action: String,
    list: String,
    calls: Vec<String>,
    fields: Vec<Field>,
}

impl Rule {
    fn parse(line: &str) -> Self {
        let mut rule = Self::default();
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            let mut field = |flag, text: String| rule.fields.push(Field { flag, text });
            let mut next = || words.next().unwrap_or_default();
            match word {
                "-w" => rule.watch = Some(next().to_owned()),
                "-p" => field("-F", format!("perm={}", in_order(next()))),
                "-k" => field("-F", format!("key={}", next())),
                "-F" => field("-F", list_field(next())),
                "-C" => field("-C", next().to_owned()),
                "-S" => rule.calls.extend(next().split(',').map(str::to_owned)),
                "-a" | "-A" => {
                    let (one, other) = next().split_once(',').unwrap_or_default();
                    let acts = matches!(one, "always" | "never" | "possible");
                    let (action, list) = if acts { (one, other) } else { (other, one) };
                    (rule.action, rule.list) = (action.to_owned(), list.to_owned());
                }
                _ => {}
            }
        }
        rule
    }
}

/// Permissions in the order in which they are listed.
fn in_order(perms: &str) -> String {
    "rwxa".chars().filter(|letter| perms.contains(*letter)).collect()
}

/// The words that `auditctl -l` has for some fields.
fn list_field(word: &str) -> String {
    if let Some(perms) = word.strip_prefix("perm=") {
        return format!("perm={}", in_order(perms));
    }
    for name in ["auid!=", "auid="] {
        if let Some("4294967295" | "unset" | "-1") = word.strip_prefix(name) {
            return format!("{name}-1");
        }
    }
    word.to_owned()
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
    fn rules_as_they_are_listed() {
        let line =
            "-a always,exit -F arch=b64 -S open -S openat -F exit=-EPERM -F auid!=4294967295 -k x";
        assert_eq!(
            as_listed(line),
            "-a always,exit -F arch=b64 -S open,openat -F exit=-EPERM -F auid!=-1 -F key=x"
        );
        let found = rows(&as_listed(line));
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
        for (written, listed) in [
            (
                "-a exit,always -F path=/bin/su -F perm=x -F auid>=1000 -F auid!=unset -k p",
                "-a always,exit -S all -F path=/bin/su -F perm=x -F auid>=1000 -F auid!=-1 -F key=p",
            ),
            ("-a always,exit -S open -F arch=b32", "-a always,exit -F arch=b32 -S open"),
            ("-a always,exit -F path=/x -F perm=aw -k k", "-w /x -p wa -k k"),
            ("-a never,task", "-a never,task"),
            ("-a always,exclude -F msgtype=CWD", "-a always,exclude -F msgtype=CWD"),
            ("-w /x -k k", "-w /x -p rwxa -k k"),
            ("-p aw -w /x", "-w /x -p wa"),
        ] {
            assert_eq!(as_listed(written), listed);
        }
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
