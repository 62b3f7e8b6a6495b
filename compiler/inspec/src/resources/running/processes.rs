//! `processes`: what runs.

use std::rc::Rc;

use super::super::{Called, Resource};
use super::{succeeded, tell};
use crate::filter_table::{Column, Row, Table, column};
use crate::interp::{Given, Machine};
use crate::stop::Stop;
use crate::value::Value;

/// As `InSpec` asks a ps(1) of procps.
const LINE: &str = "ps wwaxo label,pid,pcpu,pmem,vsz,rss,tty,stat,start,time,user:32,command";

/// `processes(name)`, `processes(/pattern/)` and `processes`.
#[derive(Debug)]
struct Processes {
    /// A pattern, and its flags.
    pattern: (String, String),
    text: String,
}

const COLUMNS: &[Column] = &[
    column("labels", "label"),
    column("pids", "pid"),
    column("cpus", "cpu"),
    column("mem", "mem"),
    column("vsz", "vsz"),
    column("rss", "rss"),
    column("tty", "tty"),
    column("states", "stat"),
    column("start", "start"),
    column("time", "time"),
    column("users", "user"),
    column("commands", "command"),
    column("process_name", "process_name"),
];

pub(super) fn make(args: &[Value]) -> Value {
    let (pattern, text) = match args.first() {
        Some(Value::Regex(regex)) => {
            let flags = [(regex.ignore_case, 'i'), (regex.dot_all, 'm'), (regex.extended, 'x')];
            let flags = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect();
            ((regex.source.to_string(), flags), regex.inspect())
        }
        Some(name) if !name.is_nil() => {
            let name = name.text();
            // A program by its name, wherever it stands; the name is a pattern, too.
            let before = if name.starts_with('/') { "" } else { "(/[^/]*)*" };
            ((format!("^{before}{name}(\\s|$)"), String::new()), name.to_string())
        }
        _ => ((".*".to_owned(), String::new()), "/.*/".to_owned()),
    };
    Value::Resource(Rc::new(Processes { pattern, text }))
}

impl Processes {
    /// The processes that fit; the value says why nobody knows.
    fn rows(&self, machine: &mut Machine<'_>) -> Result<Result<Vec<Rc<Row>>, Value>, Stop> {
        let output = match tell(machine, LINE)? {
            Ok(output) => output,
            Err(unknown) => return Ok(Err(unknown)),
        };
        // Without its program, nobody knows what runs, and it is not that nothing does.
        let printed = succeeded(LINE, output)?;
        let pattern = machine.pattern(&self.pattern.0, &self.pattern.1);
        let mut rows = Vec::new();
        for process in printed.lines().skip(1).filter_map(process) {
            if machine.is_match(&pattern, process.command)? {
                rows.push(process.row());
            }
        }
        Ok(Ok(rows))
    }
}

/// A line of ps.
#[derive(Debug, PartialEq, Eq)]
struct Process<'a> {
    label: &'a str,
    /// From `pcpu` to `user`, but for the sizes.
    pid: i64,
    words: [&'a str; 9],
    command: &'a str,
}

/// The next word of a line, and what is behind it.
fn word(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    (end > 0).then(|| line.split_at(end))
}

/// Reads a line: a label of a security module may have blanks, and the time of a start on another
/// day has one, `Nov 27`.
fn process(line: &str) -> Option<Process<'_>> {
    let digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let (first, mut rest) = word(line)?;
    let mut label = first.len();
    let indent = line.len() - line.trim_start().len();
    let pid = loop {
        let (next, behind) = word(rest)?;
        if digits(next) {
            rest = behind;
            break next.parse().ok()?;
        }
        rest = behind;
        label = line.len() - indent - behind.len();
    };
    let label = line.trim_start().get(..label)?.trim_end();
    let mut words = [""; 9];
    for (at, place) in words.iter_mut().enumerate() {
        let before = rest.trim_start();
        let (next, behind) = word(before)?;
        let month = at == 6 && !next.contains(':');
        let (found, behind) = if month {
            let (day, behind) = word(behind)?;
            (before.get(..before.len() - behind.len())?, if day.is_empty() { "" } else { behind })
        } else {
            (next, behind)
        };
        *place = found;
        rest = behind;
    }
    let command = rest.trim();
    (!command.is_empty()).then_some(Process { label, pid, words, command })
}

impl Process<'_> {
    fn row(&self) -> Rc<Row> {
        let [cpu, mem, vsz, rss, tty, stat, start, time, user] = self.words;
        let size = |text: &str| Value::Int(text.parse().unwrap_or(0));
        Row::new(vec![
            ("label", self.label.into()),
            ("pid", Value::Int(self.pid)),
            ("cpu", cpu.into()),
            ("mem", mem.into()),
            ("vsz", size(vsz)),
            ("rss", size(rss)),
            ("tty", tty.into()),
            ("stat", stat.into()),
            ("start", start.into()),
            ("time", time.into()),
            ("user", user.into()),
            ("command", self.command.into()),
            ("process_name", Value::Nil),
        ])
    }
}

impl Resource for Processes {
    fn kind(&self) -> &'static str {
        "processes"
    }

    fn text(&self) -> String {
        format!("Processes {}", self.text)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        let asked = COLUMNS.iter().any(|column| column.list == name)
            || matches!(
                name,
                "exists?"
                    | "where"
                    | "entries"
                    | "raw_data"
                    | "params"
                    | "count"
                    | "list"
                    | "exist?"
                    | "running?"
            );
        if !asked {
            return Ok((name == "resource_id").then(|| self.text.as_str().into()));
        }
        let rows = match self.rows(machine)? {
            Ok(rows) => rows,
            Err(unknown) => return Ok(Some(unknown)),
        };
        if rows.is_empty() {
            machine.note_absent();
        }
        Ok(match name {
            // Running, or in a sleep that may be interrupted or not: not a zombie, not stopped.
            "running?" => {
                let state = rows.first().and_then(|row| row.get("stat")).and_then(Value::as_text);
                Some(state.is_some_and(|state| state.starts_with(['R', 'D', 'S'])).into())
            }
            "exists?" => Some((!rows.is_empty()).into()),
            "list" => {
                let table = Table::new(self, COLUMNS, rows);
                return machine.table_call(&table, "entries", &[], None);
            }
            _ => None,
        })
    }

    fn table(self: Rc<Self>, machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        let rows = self.rows(machine)?.ok();
        Ok(rows.map(|rows| Table::new(self, COLUMNS, rows)))
    }

    fn responds(&self, name: &str) -> bool {
        name == "running?" || COLUMNS.iter().any(|column| column.list == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_ps() {
        let line = "unconfined                         712  0.0  0.1   9000  3400 ?        Ss   \
                    11:02:03 00:00:01 root                             /usr/sbin/sshd -D  -e";
        let found = process(line).unwrap();
        assert_eq!((found.label, found.pid), ("unconfined", 712));
        assert_eq!(
            found.words,
            ["0.0", "0.1", "9000", "3400", "?", "Ss", "11:02:03", "00:00:01", "root"]
        );
        assert_eq!(found.command, "/usr/sbin/sshd -D  -e");
        let line =
            "/usr/sbin/x (enforce) 9 0.0 0.1 1 2 pts/0 R+   Nov 27 1-00:00:01 ops [kthreadd]";
        let found = process(line).unwrap();
        assert_eq!((found.label, found.pid), ("/usr/sbin/x (enforce)", 9));
        assert_eq!(found.words[6..], ["Nov 27", "1-00:00:01", "ops"]);
        assert_eq!(found.command, "[kthreadd]");
        assert_eq!(process("LABEL PID %CPU"), None);
    }
}
