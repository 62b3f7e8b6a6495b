//! Configuration files that are tables: `aide_conf`, `crontab`, `etc_hosts` and their kind.

use std::rc::Rc;

use super::{Called, Resource};
use crate::filter_table::{Column, Row, Table, column};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::stop::{Eval, Stop};
use crate::value::Value;

/// A table that was read from a file.
#[derive(Debug)]
struct Listed {
    kind: &'static str,
    text: String,
    path: Rc<str>,
    columns: &'static [Column],
    rows: Vec<Rc<Row>>,
    skipped: Option<String>,
}

const AIDE: &[Column] = &[column("selection_lines", "selection_line"), column("rules", "rules")];

const CRONTAB: &[Column] = &[
    column("minutes", "minute"),
    column("hours", "hour"),
    column("days", "day"),
    column("months", "month"),
    column("weekdays", "weekday"),
    column("user", "user"),
    column("commands", "command"),
];

const HOSTS: &[Column] = &[
    column("ip_address", "ip_address"),
    column("primary_name", "primary_name"),
    column("all_host_names", "all_host_names"),
];

const ACCESS: &[Column] = &[
    column("daemon", "daemon"),
    column("client_list", "client_list"),
    column("options", "options"),
];

const POSTGRES_HBA: &[Column] = &[
    column("type", "type"),
    column("database", "database"),
    column("user", "user"),
    column("address", "address"),
    column("auth_method", "auth_method"),
    column("auth_params", "auth_params"),
];

const POSTGRES_IDENT: &[Column] = &[
    column("map_name", "map_name"),
    column("system_username", "system_username"),
    column("pg_username", "pg_username"),
];

/// Names of the resources here.
pub(super) fn is_table(name: &str) -> bool {
    matches!(
        name,
        "aide_conf"
            | "crontab"
            | "etc_hosts"
            | "etc_hosts_allow"
            | "etc_hosts_deny"
            | "postgres_hba_conf"
            | "postgres_ident_conf"
    )
}

/// A resource of this file by its name.
pub(super) fn make(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Eval {
    let own = super::text_arg(args);
    match name {
        "aide_conf" => {
            let path = own.unwrap_or_else(|| "/etc/aide.conf".into());
            of_file(machine, "aide_conf", "AIDE Config".to_owned(), path, AIDE, aide)
        }
        "etc_hosts" => {
            let path = own.unwrap_or_else(|| "/etc/hosts".into());
            of_file(machine, "etc_hosts", "Hosts File".to_owned(), path, HOSTS, hosts)
        }
        "etc_hosts_allow" => {
            let path = own.unwrap_or_else(|| "/etc/hosts.allow".into());
            names_clients(machine, &path)?;
            let text = "hosts.allow Configuration".to_owned();
            of_file(machine, "etc_hosts_allow", text, path, ACCESS, access)
        }
        "etc_hosts_deny" => {
            let path = own.unwrap_or_else(|| "/etc/hosts.deny".into());
            names_clients(machine, &path)?;
            let text = "hosts.deny Configuration".to_owned();
            of_file(machine, "etc_hosts_deny", text, path, ACCESS, access)
        }
        "postgres_hba_conf" => {
            let path = of_postgres(machine, own, "pg_hba.conf")?;
            let text = format!("Postgres Hba Config {path}");
            of_file(machine, "postgres_hba_conf", text, path, POSTGRES_HBA, postgres_hba)
        }
        "postgres_ident_conf" => {
            let path = of_postgres(machine, own, "pg_ident.conf")?;
            let text = format!("PostgreSQL Ident Config {path}");
            of_file(machine, "postgres_ident_conf", text, path, POSTGRES_IDENT, postgres_ident)
        }
        _ => crontab(machine, args),
    }
}

/// A file beside the configuration of `PostgreSQL`.
fn of_postgres(
    machine: &mut Machine<'_>,
    own: Option<Rc<str>>,
    name: &str,
) -> Result<Rc<str>, Stop> {
    if let Some(own) = own {
        return Ok(own);
    }
    let postgres = super::servers::postgres(machine)?;
    Ok(format!("{}/{name}", postgres.directory().unwrap_or_default()).into())
}

/// Lines that are neither empty nor comments, in words.
fn lines_of_words(content: &str) -> impl Iterator<Item = Vec<&str>> {
    let said =
        content.lines().filter(|line| !line.is_empty() && !line.trim_start().starts_with('#'));
    // Ruby keeps what is in front of the first blank, though it is nothing.
    said.map(|line| {
        let first = line.starts_with(char::is_whitespace).then_some("");
        first.into_iter().chain(line.split_whitespace()).collect()
    })
}

/// `pg_hba.conf`: who may connect from where, and how. A local connection has no address.
fn postgres_hba(content: &str) -> Vec<Rc<Row>> {
    let row = |words: Vec<&str>| {
        let word = |at: usize| words.get(at).copied();
        let local = word(0) == Some("local");
        let (address, method) = if local { (Some(""), word(3)) } else { (word(3), word(4)) };
        let params = words.get(5..).map(|rest| rest.join(" ")).unwrap_or_default();
        Row::new(vec![
            ("type", word(0).into()),
            ("database", word(1).into()),
            ("user", word(2).into()),
            ("address", address.into()),
            ("auth_method", method.into()),
            ("auth_params", params.into()),
        ])
    };
    lines_of_words(content).map(row).collect()
}

/// `pg_ident.conf`: which users of the system are which users of the database.
fn postgres_ident(content: &str) -> Vec<Rc<Row>> {
    let row = |words: Vec<&str>| {
        let word = |at: usize| words.get(at).copied();
        Row::new(vec![
            ("map_name", word(0).into()),
            ("system_username", word(1).into()),
            ("pg_username", word(2).into()),
        ])
    };
    lines_of_words(content).map(row).collect()
}

fn of_file(
    machine: &mut Machine<'_>,
    kind: &'static str,
    text: String,
    path: Rc<str>,
    columns: &'static [Column],
    parse: fn(&str) -> Vec<Rc<Row>>,
) -> Eval {
    let (rows, skipped) = match super::config_kinds::read(machine, &path, false)? {
        Ok(content) => {
            machine.meter.charge(content.len() * 8)?;
            (parse(&content), None)
        }
        Err(why) => (Vec::new(), Some(why)),
    };
    Ok(Value::Resource(Rc::new(Listed { kind, text, path, columns, rows, skipped })))
}

/// A line up to its comment; nothing when it is one as a whole.
fn uncommented(line: &str) -> &str {
    line.split('#').next().unwrap_or(line)
}

/// Groups of checks that stand for several, by their letter.
fn stands_for(group: &str) -> Option<Vec<String>> {
    let checks = match group {
        "R" => "p i l n u g s m c md5",
        "L" => "p i l n u g",
        ">" => "p l u g i n S",
        _ => return None,
    };
    Some(checks.split(' ').map(str::to_owned).collect())
}

/// aide.conf(5): groups are defined with blanks around `=`, selections begin with `/`, `!` or `=`.
fn aide(content: &str) -> Vec<Rc<Row>> {
    let mut groups: std::collections::BTreeMap<String, Vec<String>> =
        std::collections::BTreeMap::new();
    let mut rows = Vec::new();
    let spread = |list: &str, groups: &std::collections::BTreeMap<String, Vec<String>>| {
        let one = |name: &str| match groups.get(name) {
            Some(checks) => checks.clone(),
            None => stands_for(name).unwrap_or_else(|| vec![name.to_owned()]),
        };
        list.split('+').flat_map(one).collect::<Vec<String>>()
    };
    for line in content.lines().map(uncommented) {
        if line.contains(" = ") {
            let bare: String = line.split_whitespace().collect();
            let (name, list) = (bare.split('=').next(), bare.split('=').next_back());
            let checks = spread(list.unwrap_or_default(), &groups);
            groups.insert(name.unwrap_or_default().to_owned(), checks);
        } else if line.starts_with(['/', '!', '=']) {
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            let list = words.next_back().unwrap_or(first);
            let selection = first.strip_suffix('/').unwrap_or(first);
            rows.push(Row::new(vec![
                ("selection_line", selection.into()),
                ("rules", Value::strings(spread(list, &groups))),
            ]));
        }
    }
    rows
}

fn hosts(content: &str) -> Vec<Rc<Row>> {
    let filled = content.lines().filter(|line| !uncommented(line).is_empty());
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let names = words.get(1..).map(Value::strings);
        Row::new(vec![
            ("ip_address", words.first().copied().into()),
            ("primary_name", words.get(1).copied().into()),
            ("all_host_names", names.into()),
        ])
    };
    filled.map(row).collect()
}

/// Every line that is not empty has a colon, or `InSpec` refuses the file.
fn names_clients(machine: &mut Machine<'_>, path: &str) -> Result<(), Stop> {
    let Ok(content) = super::config_kinds::read(machine, path, false)? else { return Ok(()) };
    if content.lines().any(|line| !uncommented(line).is_empty() && !line.contains(':')) {
        return Err(machine.raise("TypeError", "no implicit conversion of nil into String"));
    }
    Ok(())
}

/// `hosts_access(5)`: a row for each daemon of a line.
fn access(content: &str) -> Vec<Rc<Row>> {
    let mut rows = Vec::new();
    for line in content.lines().map(uncommented).filter(|line| !line.is_empty()) {
        let (daemons, rest) = line.split_once(':').unwrap_or((line, ""));
        for daemon in daemons.split(',') {
            let rest = rest.trim_start();
            let apart = rest.match_indices(':').find(|(at, _)| {
                rest[..*at].ends_with(char::is_whitespace)
                    && rest[at + 1..].starts_with(char::is_whitespace)
            });
            let (clients, options) = match apart {
                Some((at, _)) => (&rest[..at], rest[at + 1..].trim_start()),
                None => (rest, ""),
            };
            let options = options.split(": ").map(str::trim).filter(|option| !option.is_empty());
            let clients = clients.split(',').map(str::trim).filter(|client| !client.is_empty());
            rows.push(Row::new(vec![
                ("daemon", daemon.trim().into()),
                ("client_list", Value::strings(clients)),
                ("options", Value::strings(options)),
            ]));
        }
    }
    rows
}

/// `crontab('user')`, `crontab(user: …)` and `crontab(path: …)`. What `crontab -l` prints is the
/// file of the user, which is empty where there is none.
fn crontab(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let (mut user, mut path) = (None, None);
    match args.first() {
        Some(Value::Hash(options)) => {
            let options = options.borrow();
            let option = |name: &str| {
                let value = options.symbol(name).or_else(|| options.text(name));
                value.filter(|value| !value.is_nil()).map(Value::text)
            };
            (user, path) = (option("user"), option("path"));
            if user.is_some() == path.is_some() {
                let why = match user {
                    Some(_) => "Either user or path must be supplied, not both!",
                    None => "A user or path must be supplied.",
                };
                return Err(machine.raise("Inspec::Exceptions::ResourceFailed", why));
            }
        }
        Some(Value::Nil) | None => {}
        Some(name) => user = Some(name.text()),
    }
    let of_system = path.is_some();
    let text = match (&path, &user) {
        (Some(path), _) => format!("crontab for path {path}"),
        (None, Some(user)) => format!("crontab for user {user}"),
        (None, None) => "crontab for current user".to_owned(),
    };
    let (path, content) = if let Some(path) = path {
        let Some(content) = machine.read_text(&super::file::normal(&path))? else {
            let why = format!("Supplied crontab path '{path}' must exist!");
            return Err(machine.raise("Inspec::Exceptions::ResourceFailed", why));
        };
        (path, content)
    } else {
        spool(machine, user.as_deref().unwrap_or("root"))?
    };
    machine.meter.charge(content.len() * 8)?;
    let lines = content.lines().map(uncommented).filter(|line| !line.is_empty());
    let rows = lines.map(|line| job(line, of_system, user.as_deref())).collect();
    let (kind, columns) = ("crontab", CRONTAB);
    Ok(Value::Resource(Rc::new(Listed { kind, text, path, columns, rows, skipped: None })))
}

/// The table of a user: Debian and Red Hat keep them in different places.
fn spool(machine: &mut Machine<'_>, user: &str) -> Result<(Rc<str>, String), Stop> {
    for directory in ["/var/spool/cron/crontabs", "/var/spool/cron"] {
        let path = format!("{directory}/{user}");
        if !user.contains('/')
            && let Some(content) = machine.read_text(&path)?
        {
            return Ok((path.into(), content));
        }
    }
    Ok((format!("/var/spool/cron/crontabs/{user}").into(), String::new()))
}

/// At most this many fields between white space; the last has the rest of the line.
fn fields(line: &str, most: usize) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = line;
    while fields.len() + 1 < most {
        let Some(at) = rest.find(char::is_whitespace) else { break };
        fields.push(&rest[..at]);
        rest = rest[at..].trim_start();
    }
    fields.push(rest);
    fields
}

/// A line of crontab(5): five times or a word for them, the user in tables of the system, the
/// command.
fn job(line: &str, of_system: bool, user: Option<&str>) -> Rc<Row> {
    const TIMES: [&str; 5] = ["minute", "hour", "day", "month", "weekday"];
    let words: [(&[&str], [&str; 5]); 6] = [
        (&["@hourly "], ["0", "*", "*", "*", "*"]),
        (&["@midnight ", "@daily "], ["0", "0", "*", "*", "*"]),
        (&["@weekly "], ["0", "*", "*", "*", "0"]),
        (&["@monthly "], ["0", "0", "1", "*", "*"]),
        (&["@annually ", "@yearly "], ["0", "0", "1", "1", "*"]),
        (&["@reboot "], ["-1", "-1", "-1", "-1", "-1"]),
    ];
    let word = words.iter().find(|(names, _)| names.iter().any(|name| line.contains(name)));
    let mut row: Vec<(&str, Value)> = Vec::new();
    let (times, rest): (Vec<Option<&str>>, Vec<&str>) = if let Some((_, times)) = word {
        let rest = fields(line, if of_system { 3 } else { 2 });
        (times.iter().map(|time| Some(*time)).collect(), rest.into_iter().skip(1).collect())
    } else {
        let all = fields(line, if of_system { 7 } else { 6 });
        let times = (0..5).map(|at| all.get(at).copied()).collect();
        (times, all.into_iter().skip(5).collect())
    };
    row.extend(TIMES.into_iter().zip(times).map(|(name, time)| (name, time.into())));
    let mut rest = rest.into_iter();
    let user = if of_system { rest.next() } else { user };
    row.push(("user", user.into()));
    row.push(("command", rest.next().into()));
    Row::new(row)
}

impl Resource for Listed {
    fn kind(&self) -> &'static str {
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
        if self.rows.is_empty() {
            machine.note_absent();
        }
        Ok(match (name, self.kind) {
            ("resource_id", _) => Some(Value::Str(self.path.clone())),
            ("all_have_rule", "aide_conf") => {
                let wanted = args.first().cloned().unwrap_or(Value::Nil);
                let has = |row: &Rc<Row>| {
                    let rules = row.get("rules").cloned().unwrap_or(Value::Nil).into_items();
                    rules.iter().any(|rule| rule.equals(&wanted))
                };
                Some((self.skipped.is_none() && self.rows.iter().all(has)).into())
            }
            ("params", _) => {
                let map = |row: &Rc<Row>| {
                    let pairs = row.fields.iter();
                    let pair =
                        |(key, value): &(Rc<str>, Value)| (Value::Str(key.clone()), value.clone());
                    pairs.map(pair).collect::<Map>().into()
                };
                Some(self.rows.iter().map(map).collect::<Vec<Value>>().into())
            }
            _ => None,
        })
    }

    fn table(self: Rc<Self>, _machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        let (columns, rows) = (self.columns, self.rows.clone());
        Ok(Some(Table::new(self, columns, rows)))
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
        if (name, self.kind) != ("content", "crontab") {
            return Ok(None);
        }
        let line = |row: &Rc<Row>| {
            let parts = row.fields.iter().filter(|(_, value)| !value.is_nil());
            parts.map(|(_, value)| value.text().to_string()).collect::<Vec<_>>().join(" ")
        };
        Ok(Some(table.rows.iter().map(line).collect::<Vec<_>>().join("\n").into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(row: &Row, name: &str) -> String {
        row.get(name).map_or_else(String::new, Value::inspect)
    }

    #[test]
    fn groups_of_aide_are_spread() {
        let rows =
            aide("# x\nFull = p+sha512\nAll = Full+acl\n/boot/ All # all\n!/var/log\n=/tmp R\n");
        let shown: Vec<String> = rows
            .iter()
            .map(|row| format!("{} {}", field(row, "selection_line"), field(row, "rules")))
            .collect();
        assert_eq!(
            shown,
            [
                r#""/boot" ["p", "sha512", "acl"]"#,
                r#""!/var/log" ["!/var/log"]"#,
                r#""=/tmp" ["p", "i", "l", "n", "u", "g", "s", "m", "c", "md5"]"#,
            ]
        );
    }

    #[test]
    fn lines_of_crontabs() {
        let row = job("5 4 * * 0  root  /bin/x --y  z", true, None);
        assert_eq!(
            (field(&row, "minute"), field(&row, "weekday")),
            ("\"5\"".into(), "\"0\"".into())
        );
        assert_eq!(field(&row, "user"), "\"root\"");
        assert_eq!(field(&row, "command"), "\"/bin/x --y  z\"");
        let row = job("@daily /bin/x", false, Some("ops"));
        assert_eq!((field(&row, "minute"), field(&row, "hour")), ("\"0\"".into(), "\"0\"".into()));
        assert_eq!(
            (field(&row, "user"), field(&row, "command")),
            ("\"ops\"".into(), "\"/bin/x\"".into())
        );
        let row = job("SHELL=/bin/sh", true, None);
        assert_eq!(
            (field(&row, "minute"), field(&row, "command")),
            ("\"SHELL=/bin/sh\"".into(), "nil".into())
        );
    }

    #[test]
    fn access_by_daemon() {
        let rows = access("# x\nsshd, ftpd : 10.0.0.0/8, [::1] : spawn x\nALL: ALL\n");
        let shown: Vec<String> = rows
            .iter()
            .map(|row| {
                format!(
                    "{} {} {}",
                    field(row, "daemon"),
                    field(row, "client_list"),
                    field(row, "options")
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                r#""sshd" ["10.0.0.0/8", "[::1]"] ["spawn x"]"#,
                r#""ftpd" ["10.0.0.0/8", "[::1]"] ["spawn x"]"#,
                r#""ALL" ["ALL"] []"#,
            ]
        );
    }
}
