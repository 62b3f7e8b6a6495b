//! `port`: what listens.

use std::rc::Rc;

use forge_judge::parsers::sockets::{self, Listener};
use forge_model::{NoAnswer, Resource as Asked};

use super::super::{Called, Resource};
use super::tell;
use crate::core::string::leading_int;
use crate::filter_table::{Column, Row, Table, simple};
use crate::interp::{Given, Machine};
use crate::stop::{Stop, no_answer};
use crate::value::Value;

/// `port(number)`, `port(address, number)` and `port`.
#[derive(Debug)]
struct Port {
    address: Option<Rc<str>>,
    /// None for all ports.
    number: Option<u16>,
}

const COLUMNS: &[Column] = &[
    simple("ports", "port"),
    simple("addresses", "address"),
    simple("protocols", "protocol"),
    simple("processes", "process"),
    simple("pids", "pid"),
];

pub(super) fn make(args: &[Value]) -> Value {
    let (address, number) = match args {
        [address, number, ..] => (Some(address), Some(number)),
        [number] => (None, Some(number)),
        [] => (None, None),
    };
    let given = |value: Option<&Value>| value.filter(|value| !value.is_nil()).map(Value::text);
    // What is no number is port 0, where nothing listens.
    let number = given(number).map(|text| u16::try_from(leading_int(&text, 10)).unwrap_or(0));
    Value::Resource(Rc::new(Port { address: given(address), number }))
}

impl Port {
    /// The sockets that wait here; the value says why nobody knows.
    fn rows(&self, machine: &mut Machine<'_>) -> Result<Result<Vec<Rc<Row>>, Value>, Stop> {
        let output = match tell(machine, sockets::QUESTION)? {
            Ok(output) => output,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let listeners =
            sockets::listeners(&output.stdout).map_err(|why| no_answer(NoAnswer::Failed(why)))?;
        let listeners = as_ss_lists(listeners);
        let here = |one: &Listener| {
            self.number.is_none_or(|number| number == one.port)
                && self.address.as_ref().is_none_or(|address| **address == *one.address)
        };
        machine.meter.charge(listeners.len() * size_of::<Row>())?;
        Ok(Ok(listeners.into_iter().filter(here).map(row).collect()))
    }
}

/// Listeners as `InSpec` takes them from ss(8): a socket of IPv6 that takes connections of IPv4 as well is one
/// of `tcp` at `0.0.0.0`, and a mapped address is one of IPv4. The kernel's tables do not say which takes
/// both: one that has the port of IPv4 beside it cannot.
fn as_ss_lists(mut listeners: Vec<Listener>) -> Vec<Listener> {
    let v4: Vec<(u16, String)> = listeners
        .iter()
        .filter(|one| one.address == "0.0.0.0")
        .map(|one| (one.port, one.protocol.clone()))
        .collect();
    for one in &mut listeners {
        let Some(protocol) = one.protocol.strip_suffix('6').map(str::to_owned) else { continue };
        if let Some(mapped) = one.address.strip_prefix("::ffff:").map(str::to_owned) {
            (one.address, one.protocol) = (mapped, protocol);
        } else if one.address == "::" && !v4.contains(&(one.port, protocol.clone())) {
            (one.address, one.protocol) = ("0.0.0.0".to_owned(), protocol);
        }
    }
    listeners
}

/// Of several processes that hold a socket, the one that came last: a service that systemd started
/// on its socket, and not systemd.
fn row(listener: Listener) -> Rc<Row> {
    let (pid, process) = match listener.processes.into_iter().next_back() {
        Some((pid, process)) => (Value::Int(pid.into()), process.into()),
        None => (Value::Nil, Value::Nil),
    };
    Row::new(vec![
        ("port", Value::Int(listener.port.into())),
        ("address", listener.address.into()),
        ("protocol", listener.protocol.into()),
        ("process", process),
        ("pid", pid),
    ])
}

impl Resource for Port {
    fn in_kdl(&self) -> Option<Asked> {
        let number = self.number.filter(|number| *number > 0 && self.address.is_none())?;
        Some(Asked::Port { number: number.to_string() })
    }

    fn kind(&self) -> &'static str {
        "port"
    }

    fn text(&self) -> String {
        format!("Port {}", self.number.map_or_else(String::new, |number| number.to_string()))
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if name == "resource_id" {
            return Ok(Some(self.text().into()));
        }
        let asked = name == "where"
            || matches!(
                name,
                "entries" | "raw_data" | "params" | "count" | "exist?" | "listening?"
            )
            || COLUMNS.iter().any(|column| column.list == name);
        if !asked {
            return Ok(None);
        }
        let rows = match self.rows(machine)? {
            Ok(rows) => rows,
            Err(unknown) => return Ok(Some(unknown)),
        };
        if rows.is_empty() {
            machine.note_absent();
        }
        Ok((name == "listening?").then(|| (!rows.is_empty()).into()))
    }

    fn table(self: Rc<Self>, machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        let rows = self.rows(machine)?.ok();
        Ok(rows.map(|rows| Table::new(self, COLUMNS, rows)))
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
        Ok((name == "listening?").then(|| (!table.rows.is_empty()).into()))
    }

    fn table_words(&self) -> &'static [&'static str] {
        &["listening?"]
    }

    fn responds(&self, name: &str) -> bool {
        name == "listening?" || COLUMNS.iter().any(|column| column.list == name)
    }
}
