//! `selinux`: what sestatus(8) says.

use std::rc::Rc;

use super::super::{Called, Resource, walk};
use super::{on_node, succeeded, tell};
use crate::filter_table::{Column, Row, Table, column};
use crate::interp::{Given, Machine};
use crate::stop::{Eval, Stop};
use crate::value::Value;

/// `selinux` with the path of its configuration.
#[derive(Debug)]
struct Selinux {
    path: Rc<str>,
    /// Whether `sestatus` is there: without it, nothing of it is tested.
    has_program: bool,
}

/// `selinux`.
pub(super) fn make(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let path = super::super::text_arg(args).unwrap_or_else(|| "/etc/selinux/config".into());
    let has_program = walk::program_exists(machine, "sestatus")?;
    Ok(Value::Resource(Rc::new(Selinux { path, has_program })))
}

/// A value of what sestatus printed: `Current mode:   enforcing`.
fn said(printed: &str, key: &str) -> Option<String> {
    let mut lines = printed.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(known, _)| known.trim().eq_ignore_ascii_case(key))?;
    Some(found.1.trim().to_lowercase())
}

impl Resource for Selinux {
    fn kind(&self) -> &'static str {
        "selinux"
    }

    fn text(&self) -> String {
        "SELinux".to_owned()
    }

    fn skipped(&self) -> Option<String> {
        let why = "Skipping resource: `sestatus` is not there";
        (!self.has_program).then(|| why.to_owned())
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        const LINE: &str = "sestatus";
        let key = match name {
            "installed?" => {
                let found = machine.answer(machine.target.stat(&self.path, true))?;
                return Ok(Some(found.is_some().into()));
            }
            "modules" => return list(machine, Listing::Modules).map(Some),
            "booleans" => return list(machine, Listing::Booleans).map(Some),
            "disabled?" => "SELinux status",
            "enforcing?" | "permissive?" => "Current mode",
            "policy" => "Loaded policy name",
            _ => return Ok(None),
        };
        let output = match on_node(machine, LINE)? {
            Ok(output) => output,
            Err(unknown) => return Ok(Some(unknown)),
        };
        let found = said(&succeeded(LINE, output)?, key);
        Ok(Some(match name {
            "policy" => found.into(),
            "disabled?" => (found.as_deref() == Some("disabled")).into(),
            "enforcing?" => (found.as_deref() == Some("enforcing")).into(),
            _ => (found.as_deref() == Some("permissive")).into(),
        }))
    }

    fn responds(&self, name: &str) -> bool {
        matches!(name, "policy" | "modules" | "booleans")
    }
}

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    Modules,
    Booleans,
}

const MODULES: &[Column] = &[
    column("names", "name"),
    column("status", "status"),
    column("states", "state"),
    column("priorities", "priority"),
];
const BOOLEANS: &[Column] =
    &[column("names", "name"), column("states", "state"), column("defaults", "default")];

impl Listing {
    const fn line(self) -> &'static str {
        match self {
            Self::Modules => "semodule -lfull",
            Self::Booleans => "semanage boolean -l -n",
        }
    }

    /// `400 zebra pp disabled`, and `zebra_write_config (off , off) …`.
    fn row(self, line: &str) -> Option<Rc<Row>> {
        match self {
            Self::Modules => {
                let words: Vec<&str> = line.split_whitespace().collect();
                let [priority, name, ..] = words.as_slice() else { return None };
                let state = if words.len() == 4 { words.get(3).copied() } else { Some("enabled") };
                Some(Row::new(vec![
                    ("name", (*name).into()),
                    ("status", "installed".into()),
                    ("state", state.into()),
                    ("priority", (*priority).into()),
                ]))
            }
            Self::Booleans => {
                let mut parts = line.split(['(', ',', ')']).map(str::trim);
                let (name, state, default) = (parts.next()?, parts.next()?, parts.next());
                Some(Row::new(vec![
                    ("name", name.into()),
                    ("state", state.into()),
                    ("default", default.into()),
                ]))
            }
        }
    }
}

/// Modules are files of the image, which its own program lists; booleans are the kernel's.
fn list(machine: &mut Machine<'_>, listing: Listing) -> Eval {
    let line = listing.line();
    let told = match listing {
        Listing::Modules => tell(machine, line)?,
        Listing::Booleans => on_node(machine, line)?,
    };
    let output = match told {
        Ok(output) => output,
        Err(unknown) => return Ok(unknown),
    };
    let rows = succeeded(line, output)?.lines().filter_map(|line| listing.row(line)).collect();
    Ok(Value::Resource(Rc::new(Listed { listing, rows })))
}

#[derive(Debug)]
struct Listed {
    listing: Listing,
    rows: Vec<Rc<Row>>,
}

impl Resource for Listed {
    fn kind(&self) -> &'static str {
        "selinux"
    }

    fn text(&self) -> String {
        match self.listing {
            Listing::Modules => "SELinux modules",
            Listing::Booleans => "SELinux booleans",
        }
        .to_owned()
    }

    fn call(
        self: Rc<Self>,
        _machine: &mut Machine<'_>,
        _name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        Ok(None)
    }

    fn table(self: Rc<Self>, _machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        let columns = match self.listing {
            Listing::Modules => MODULES,
            Listing::Booleans => BOOLEANS,
        };
        let rows = self.rows.clone();
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
        let first = |field: &str, wanted: &str| {
            let value = table.rows.first().and_then(|row| row.get(field)).and_then(Value::as_text);
            Some((value == Some(wanted)).into())
        };
        if table.rows.is_empty() {
            machine.note_absent();
        }
        Ok(match (name, self.listing) {
            ("enabled?", Listing::Modules) => first("state", "enabled"),
            ("installed?", Listing::Modules) => first("status", "installed"),
            ("on?", Listing::Booleans) => first("state", "on"),
            _ => None,
        })
    }

    fn table_words(&self) -> &'static [&'static str] {
        match self.listing {
            Listing::Modules => &["enabled?", "installed?"],
            Listing::Booleans => &["on?"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sestatus_prints() {
        let printed = "SELinux status:                 enabled\nLoaded policy name:             targeted\n\
                       Current mode:                   Enforcing\n";
        assert_eq!(said(printed, "current mode").as_deref(), Some("enforcing"));
        assert_eq!(said(printed, "Loaded policy name").as_deref(), Some("targeted"));
        assert_eq!(said(printed, "Mode from config file"), None);
    }

    #[test]
    fn modules_and_booleans() {
        let field = |row: &Rc<Row>, name: &str| row.get(name).map(Value::inspect).unwrap();
        let module = Listing::Modules.row("400 zebra pp disabled").unwrap();
        assert_eq!(
            (field(&module, "name"), field(&module, "state")),
            ("\"zebra\"".into(), "\"disabled\"".into())
        );
        let module = Listing::Modules.row("100 abrt pp").unwrap();
        assert_eq!(field(&module, "state"), "\"enabled\"");
        let row = Listing::Booleans.row("zebra_write_config  (off  ,  on)  Allow").unwrap();
        assert_eq!(
            (field(&row, "name"), field(&row, "state"), field(&row, "default")),
            ("\"zebra_write_config\"".into(), "\"off\"".into(), "\"on\"".into())
        );
    }
}
