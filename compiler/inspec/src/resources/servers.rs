//! Configuration of databases and of Apache: settings in files that name further files.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::config::{Config, Lookup};
use super::config_kinds::{ASSIGNMENT, parse_with, read};
use super::{Called, Resource, glob, normal};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::stop::{Eval, Stop};
use crate::value::Value;

/// Files that one configuration may consist of.
const MOST: usize = 2_000;

const QUOTED: &str = r"^\s*([^=]*?)\s*=\s*[']?\s*(.*?)\s*[']?\s*$";
const APACHE: &str = r#"^\s*(\S+)\s+['"]*((?=.*\s+$).*?|.*?)['"]*\s*$"#;

/// Names of the resources here.
pub(super) fn is_server(name: &str) -> bool {
    matches!(name, "mysql" | "mysql_conf" | "postgres" | "postgres_conf" | "apache_conf")
}

/// A resource of this file by its name.
pub(super) fn make(machine: &mut Machine<'_>, name: &str, args: &[Value]) -> Eval {
    let path = super::text_arg(args);
    Ok(match name {
        "mysql" => Value::Resource(Rc::new(Mysql { debian: is_debian(machine) })),
        "mysql_conf" => {
            let debian = is_debian(machine);
            let path = path.unwrap_or_else(|| Mysql { debian }.path().into());
            let kind = ("mysql_conf", "MySQL Configuration".to_owned(), Lookup::Path);
            of_files(machine, kind, &path, &mysql_includes, ASSIGNMENT, false)?
        }
        "postgres" => Value::Resource(Rc::new(postgres(machine)?)),
        "postgres_conf" => {
            let found = postgres(machine)?;
            let path = path.or_else(|| found.path().map(Rc::from));
            let text = "PostgreSQL Configuration".to_owned();
            let kind = ("postgres_conf", text, Lookup::Plain);
            match path {
                Some(path) => of_files(machine, kind, &path, &postgres_includes, QUOTED, false)?,
                None => skipped(kind, "PostgreSQL conf path is not set".to_owned()),
            }
        }
        _ => {
            let mut path = path.unwrap_or_else(|| "".into());
            for known in ["/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf"] {
                if path.is_empty() && machine.answer(machine.target.stat(known, true))?.is_some() {
                    path = known.into();
                }
            }
            let kind = ("apache_conf", format!("Apache Config {path}"), Lookup::Plain);
            if path.is_empty() {
                skipped(kind, "Can't find file: ".to_owned())
            } else {
                of_files(machine, kind, &path, &apache_includes, APACHE, true)?
            }
        }
    })
}

fn is_debian(machine: &Machine<'_>) -> bool {
    machine.state.platform.family == "debian"
}

type Named = (&'static str, String, Lookup);

fn config((kind, text, lookup): Named) -> Config {
    // What `MySQL` has is asked for by name: `mysql_conf.params.mysqld`.
    let params = Map::default().by_method(true).into();
    Config { kind, text, params, content: None, lookup, skipped: None, failed: None, path: None }
}

fn skipped(kind: Named, why: String) -> Value {
    Value::Resource(Rc::new(Config { skipped: Some(why), ..config(kind) }))
}

/// What finds the further files that one names: its directory, its text, the settings so far.
type Includes = dyn Fn(&mut Machine<'_>, &str, &str, &Map) -> Result<Vec<String>, Stop>;

/// Reads a file and all that it names; later settings are put over earlier ones, or behind them.
fn of_files(
    machine: &mut Machine<'_>,
    kind: Named,
    path: &Rc<str>,
    includes: &Includes,
    assignment: &str,
    multiple: bool,
) -> Eval {
    let mut open = std::collections::VecDeque::from([path.to_string()]);
    let mut seen = BTreeSet::new();
    let mut all = Map::default();
    let mut content = String::new();
    while let Some(place) = open.pop_front() {
        if !seen.insert(place.clone()) {
            continue;
        }
        if seen.len() > MOST {
            return Err(crate::limits::limit(format!("`{path}` names more than {MOST} files")));
        }
        let empty_is_fine = multiple && seen.len() > 1;
        let text = match read(machine, &place, empty_is_fine)? {
            Ok(text) => text,
            Err(why) => return Ok(skipped(kind, why)),
        };
        machine.meter.charge(text.len())?;
        content.push_str(&text);
        let Value::Hash(parsed) = parse_with(machine, &text, assignment, multiple)? else {
            continue;
        };
        merge(&mut all, &parsed.borrow(), multiple);
        let directory = place.rsplit_once('/').map_or("", |(directory, _)| directory);
        open.extend(includes(machine, directory, &text, &all)?);
    }
    let (path, content) = (Some(path.clone()), Some(content.into()));
    let made = Config { params: all.by_method(true).into(), content, path, ..config(kind) };
    Ok(Value::Resource(Rc::new(made)))
}

fn merge(all: &mut Map, new: &Map, multiple: bool) {
    for (key, value) in new.iter() {
        let merged = match (all.get(key).cloned(), value) {
            (Some(old), value) if multiple => {
                let mut items = old.into_items();
                items.extend(value.clone().into_items());
                items.into()
            }
            (Some(Value::Hash(old)), Value::Hash(new)) => {
                let mut both = old.borrow().clone();
                merge(&mut both, &new.borrow(), false);
                both.into()
            }
            (_, value) => value.clone(),
        };
        all.insert(key.clone(), merged);
    }
}

fn below(directory: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") }
}

/// The regular files of a directory.
fn files(machine: &mut Machine<'_>, directory: &str) -> Result<Vec<String>, Stop> {
    let place = normal(directory);
    let mut found = Vec::new();
    for name in machine.answer(machine.target.list(&place))?.unwrap_or_default() {
        let path = format!("{directory}/{name}");
        if machine
            .answer(machine.target.stat(&normal(&path), false))?
            .is_some_and(|s| s.kind == "file")
        {
            found.push(path);
        }
    }
    Ok(found)
}

fn mysql_includes(
    machine: &mut Machine<'_>,
    directory: &str,
    text: &str,
    _all: &Map,
) -> Result<Vec<String>, Stop> {
    let mut found = Vec::new();
    let mut directories = Vec::new();
    for line in text.lines() {
        let after = |word: &str| {
            let rest = line.strip_prefix(word)?;
            rest.starts_with(char::is_whitespace).then(|| below(directory, rest.trim()))
        };
        found.extend(after("!include"));
        directories.extend(after("!includedir"));
    }
    for directory in directories {
        found.extend(files(machine, directory.trim_end_matches('/'))?);
    }
    Ok(found)
}

fn postgres_includes(
    machine: &mut Machine<'_>,
    directory: &str,
    _text: &str,
    all: &Map,
) -> Result<Vec<String>, Stop> {
    let named = |key: &str| {
        let value = all.text(key).cloned().unwrap_or(Value::Nil);
        value.into_items().iter().map(|one| below(directory, &one.text())).collect::<Vec<_>>()
    };
    let mut found = named("include");
    found.extend(named("include_if_exists"));
    for directory in named("include_dir") {
        found.extend(files(machine, directory.trim_end_matches('/'))?);
    }
    Ok(found)
}

fn apache_includes(
    machine: &mut Machine<'_>,
    _directory: &str,
    _text: &str,
    all: &Map,
) -> Result<Vec<String>, Stop> {
    let root = ["ServerRoot", "serverroot"].into_iter().find_map(|key| all.text(key));
    let Some(root) = root.and_then(|root| root.clone().into_items().first().map(Value::text))
    else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for key in ["Include", "IncludeOptional"] {
        for pattern in all.text(key).cloned().unwrap_or(Value::Nil).into_items() {
            for path in glob(machine, &below(&root, &pattern.text()))? {
                match machine.answer(machine.target.stat(&normal(&path), true))? {
                    Some(stat) if stat.kind == "directory" => found.extend(files(machine, &path)?),
                    Some(_) => found.push(path),
                    None => {}
                }
            }
        }
    }
    Ok(found)
}

/// Where a system keeps what belongs to `MySQL`.
#[derive(Debug)]
struct Mysql {
    debian: bool,
}

impl Mysql {
    fn path(&self) -> &'static str {
        if self.debian { "/etc/mysql/my.cnf" } else { "/etc/my.cnf" }
    }
}

impl Resource for Mysql {
    fn kind(&self) -> &'static str {
        "mysql"
    }

    fn text(&self) -> String {
        "MySQL".to_owned()
    }

    fn call(
        self: Rc<Self>,
        _machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        let of = |debian: &str, other: &str| Some(if self.debian { debian } else { other }.into());
        Ok(match name {
            "package" => of("mysql-server", "mysql-server"),
            "service" => of("mysql", "mysqld"),
            "conf_path" => Some(self.path().into()),
            "conf_dir" => of("/etc/mysql/", "/etc/"),
            "data_dir" => of("/var/lib/mysql/", "/var/lib/mysql/"),
            "log_dir" => of("/var/log/", "/var/log/"),
            "log_path" => of("/var/log/mysql.log", "/var/log/mysqld.log"),
            "log_group" => of("adm", "mysql"),
            "log_dir_group" => of("root", "root"),
            _ => None,
        })
    }
}

/// Where a system keeps what belongs to `PostgreSQL`.
#[derive(Debug)]
pub(super) struct Postgres {
    version: Option<String>,
    cluster: Option<String>,
    conf: Option<String>,
    data: Option<String>,
}

impl Postgres {
    /// Its directory of configuration files.
    pub(super) fn directory(&self) -> Option<&str> {
        self.conf.as_deref()
    }

    fn path(&self) -> Option<String> {
        self.version.as_ref()?;
        Some(format!("{}/postgresql.conf", self.conf.as_ref()?))
    }
}

pub(super) fn postgres(machine: &mut Machine<'_>) -> Result<Postgres, Stop> {
    let first = |machine: &mut Machine<'_>, place: &str| -> Result<Option<String>, Stop> {
        for name in machine.answer(machine.target.list(place))?.unwrap_or_default() {
            let stat = machine.answer(machine.target.stat(&format!("{place}/{name}"), true))?;
            if stat.is_some_and(|stat| stat.kind == "directory") {
                return Ok(Some(name));
            }
        }
        Ok(None)
    };
    if is_debian(machine) {
        let version = first(machine, "/etc/postgresql")?;
        let Some(version) = version else {
            return Ok(Postgres { version: None, cluster: None, conf: None, data: None });
        };
        let cluster = first(machine, &format!("/etc/postgresql/{version}"))?.unwrap_or_default();
        return Ok(Postgres {
            conf: Some(format!("/etc/postgresql/{version}/{cluster}")),
            data: Some(format!("/var/lib/postgresql/{version}/{cluster}")),
            version: Some(version),
            cluster: Some(cluster),
        });
    }
    let version = first(machine, "/var/lib/pgsql")?.filter(|name| name != "data");
    let mut data = None;
    let own = version.as_ref().map(|version| format!("/var/lib/pgsql/{version}/data"));
    let known = ["/var/lib/pgsql/data", "/var/lib/postgres/data", "/var/lib/postgresql/data"];
    for place in own.into_iter().chain(known.map(str::to_owned)) {
        if data.is_none() && machine.answer(machine.target.stat(&place, true))?.is_some() {
            data = Some(place);
        }
    }
    Ok(Postgres { version, cluster: None, conf: data.clone(), data })
}

impl Resource for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn text(&self) -> String {
        "PostgreSQL".to_owned()
    }

    fn skipped(&self) -> Option<String> {
        let why = "Seems like PostgreSQL is not installed on your system";
        self.path().is_none().then(|| why.to_owned())
    }

    fn call(
        self: Rc<Self>,
        _machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        let text = |value: &Option<String>| Some(Value::from(value.as_deref()));
        Ok(match name {
            "version" => text(&self.version),
            "cluster" => text(&self.cluster),
            "conf_dir" => text(&self.conf),
            "data_dir" => text(&self.data),
            "conf_path" => text(&self.path()),
            "service" => {
                let major = self.version.as_deref().and_then(|v| v.parse::<f64>().ok());
                Some(match (major, &self.version) {
                    (Some(major), Some(version)) if major >= 9.4 => {
                        format!("postgresql-{version}").into()
                    }
                    _ => "postgresql".into(),
                })
            }
            _ => None,
        })
    }
}
