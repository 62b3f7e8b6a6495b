//! `package` and `packages`.

use std::rc::Rc;

use forge_judge::facts::{RpmPackage, RpmRecord};
use forge_model::{Answer, InstalledPackage, NoAnswer, Resource as Asked};

use super::{Called, Resource};
use crate::filter_table::{Column, Row, Table, column, simple};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::pattern::{Pattern, escape};
use crate::stop::{Eval, Stop};
use crate::value::Value;

#[derive(Debug)]
struct Package {
    name: Rc<str>,
}

/// `package(name)`.
pub(super) fn package(name: &str) -> Value {
    Value::Resource(Rc::new(Package { name: name.into() }))
}

impl Resource for Package {
    fn in_kdl(&self) -> Option<forge_model::Resource> {
        Some(forge_model::Resource::Package { name: self.name.to_string() })
    }

    fn kind(&self) -> &'static str {
        "package"
    }

    fn text(&self) -> String {
        format!("System Package {}", self.name)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if !matches!(name, "installed?" | "version" | "info" | "held?" | "latest?" | "exist?") {
            return Ok(
                (name == "resource_id" || name == "name").then(|| Value::Str(self.name.clone()))
            );
        }
        machine.state.note.about = Some(Asked::Package { name: self.name.to_string() });
        let found = self.found(machine)?;
        machine.note_evidence(found.as_ref().map(|found| found.evidence.clone()));
        if found.is_none() {
            machine.note_absent();
        }
        Ok(Some(match name {
            "installed?" => found.is_some().into(),
            "version" => match found {
                Some(found) => match found.version {
                    Some(version) => version.into(),
                    None => Value::Unknown("the version is not known here".into()),
                },
                None => Value::Nil,
            },
            "info" => {
                let mut map = Map::default();
                map.insert(Value::sym("installed"), found.is_some().into());
                if let Some(found) = found {
                    map.insert(Value::sym("name"), Value::Str(self.name.clone()));
                    let dpkg = found.evidence == forge_judge::facts::STATUS;
                    map.insert(Value::sym("type"), if dpkg { "deb" } else { "rpm" }.into());
                    map.insert(Value::sym("version"), found.version.into());
                }
                map.into()
            }
            "held?" => match &found {
                Some(_) => Value::Unknown("what is held is not read".into()),
                None => Value::Bool(false),
            },
            "latest?" => Value::Unknown("a tree does not know newer versions".into()),
            _ => return Ok(None),
        }))
    }
}

impl Package {
    /// The record of a package; of one that is named with its architecture or its version, too, as
    /// `dpkg -s` and `rpm -q` take it.
    fn found(&self, machine: &mut Machine<'_>) -> Result<Option<InstalledPackage>, Stop> {
        let found = machine.answer(readable(machine.target.package(&self.name)))?;
        if found.is_some() || !self.name.contains([':', '.', '-']) {
            return Ok(found);
        }
        let all = all(machine)?;
        let by_dpkg = all.evidence.as_deref() == Some(forge_judge::facts::STATUS);
        let field = |row: &Row, name: &str| row.get(name).map_or("".into(), Value::text);
        let is_named = |row: &&Rc<Row>| {
            let (name, arch) = (field(row, "name"), field(row, "architecture"));
            if by_dpkg {
                return *field(row, "status") == *"installed"
                    && self.name.split_once(':') == Some((&*name, &*arch));
            }
            let Some(rest) = self.name.strip_prefix(&*name) else { return false };
            let rest = rest.strip_suffix(&format!(".{arch}")).unwrap_or(rest);
            let version = field(row, "version");
            let short = version.rsplit_once('-').map_or(&*version, |(version, _)| version);
            let label = rest.strip_prefix('-');
            rest.is_empty() || label.is_some_and(|label| label == &*version || label == short)
        };
        let mut named = all.rows.iter().filter(is_named);
        let (Some(row), more) = (named.next(), named.next()) else { return Ok(None) };
        if by_dpkg {
            return machine.answer(readable(machine.target.package(&field(row, "name"))));
        }
        // Of several the order of the installation decides, which the rows do not tell.
        let version = more.is_none().then(|| field(row, "version").to_string());
        let evidence = all.evidence.clone().unwrap_or_default();
        Ok(Some(InstalledPackage { version, evidence }))
    }
}

/// A database that nobody here reads leaves unknown what it holds: no mistake of the profile.
fn readable<T>(answer: Answer<T>) -> Answer<T> {
    answer.map_err(|why| match why {
        NoAnswer::Failed(why) | NoAnswer::Unknown(why) => NoAnswer::Unknown(why),
    })
}

/// All packages whose names match.
#[derive(Debug)]
struct Packages {
    pattern: Rc<Pattern>,
    rows: Vec<Rc<Row>>,
    /// The record that they stand in.
    evidence: Option<String>,
}

const COLUMNS: &[Column] = &[
    simple("statuses", "status"),
    column("names", "name"),
    column("versions", "version"),
    column("architectures", "architecture"),
];

/// `packages(/pattern/)`.
pub(super) fn packages(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let pattern = match args.first() {
        Some(Value::Regex(pattern)) => pattern.clone(),
        Some(Value::Str(name)) => machine.pattern(&escape(name), ""),
        _ => {
            let why =
                "Invalid name argument to packages resource, please use a \"string\" or /regexp/";
            return Err(machine.raise("RuntimeError", why));
        }
    };
    let mut rows = Vec::new();
    let all = all(machine)?;
    for row in &all.rows {
        if let Some(Value::Str(name)) = row.get("name")
            && machine.is_match(&pattern, name)?
        {
            rows.push(row.clone());
        }
    }
    Ok(Value::Resource(Rc::new(Packages { pattern, rows, evidence: all.evidence.clone() })))
}

/// Packages of an image, and where they are recorded.
#[derive(Default)]
pub(crate) struct Recorded {
    rows: Vec<Rc<Row>>,
    evidence: Option<String>,
}

/// Every record of dpkg, or of rpm. What another program keeps is not listed here.
fn all(machine: &mut Machine<'_>) -> Result<Rc<Recorded>, Stop> {
    if let Some(known) = machine.state.facts.packages.get() {
        return Ok(known.clone());
    }
    let recorded = if machine.answer(readable(forge_judge::facts::keeps_dpkg(machine.target)))? {
        let text = machine.read_text(forge_judge::facts::STATUS)?.unwrap_or_default();
        let rows = text.split("\n\n").filter_map(record).collect();
        Recorded { rows, evidence: Some(forge_judge::facts::STATUS.to_owned()) }
    } else if let Some(rpm) = machine.answer(readable(RpmRecord::read(machine.target)))? {
        let rows = rpm.packages.into_iter().map(row).collect();
        Recorded { rows, evidence: Some(rpm.path) }
    } else {
        // Asks for any package, so that records in another form are an answer of their own.
        machine.answer(readable(machine.target.package("forge")))?;
        Recorded::default()
    };
    let recorded = Rc::new(recorded);
    let _first = machine.state.facts.packages.set(recorded.clone());
    Ok(recorded)
}

fn row(package: RpmPackage) -> Rc<Row> {
    Row::new(vec![
        ("status", "installed".into()),
        ("name", package.name.into()),
        ("version", package.version.into()),
        ("architecture", package.arch.unwrap_or_else(|| "(none)".to_owned()).into()),
    ])
}

fn record(stanza: &str) -> Option<Rc<Row>> {
    let field = |name: &str| {
        stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim)
    };
    let name = field("Package")?;
    let status = field("Status").unwrap_or_default();
    let mut words = status.split_whitespace();
    let (want, state) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
    // The two letters of `${db:Status-Abbrev}` (dpkg-query(1)).
    let want = match want {
        "install" => 'i',
        "hold" => 'h',
        "deinstall" => 'r',
        "purge" => 'p',
        _ => 'u',
    };
    let state = match state {
        "installed" => 'i',
        "config-files" => 'c',
        "half-installed" => 'H',
        "unpacked" => 'U',
        "half-configured" => 'F',
        "triggers-awaited" => 'W',
        "triggers-pending" => 't',
        _ => 'n',
    };
    let status = if state == 'i' { "installed".to_owned() } else { format!("{want}{state}") };
    let version = field("Version").unwrap_or_default();
    let version = version.rsplit(':').next().unwrap_or(version);
    Some(Row::new(vec![
        ("status", status.into()),
        ("name", name.into()),
        ("version", version.into()),
        ("architecture", field("Architecture").unwrap_or_default().into()),
    ]))
}

impl Resource for Packages {
    fn kind(&self) -> &'static str {
        "packages"
    }

    fn text(&self) -> String {
        format!("Packages {}", self.pattern.inspect())
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        _name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        machine.note_evidence(self.evidence.clone());
        if self.rows.is_empty() {
            machine.note_absent();
        }
        Ok(None)
    }

    fn table(self: Rc<Self>, _machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        let rows = self.rows.clone();
        Ok(Some(Table::new(self, COLUMNS, rows)))
    }
}
