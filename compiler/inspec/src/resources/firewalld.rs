//! `firewalld`, as far as it is not asked of a running daemon.

use std::rc::Rc;

use super::live::NOTHING_RUNS;
use super::{Called, Resource};
use crate::interp::{Given, Machine};
use crate::value::Value;

/// The firewall, or its zones that some criteria let through.
#[derive(Debug)]
struct Firewalld;

/// `firewalld`.
pub(super) fn make() -> Value {
    Value::Resource(Rc::new(Firewalld))
}

impl Resource for Firewalld {
    fn kind(&self) -> &'static str {
        "firewalld"
    }

    fn text(&self) -> String {
        "Firewall Rules".to_owned()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        const ASKED: [&str; 28] = [
            "where",
            "entries",
            "raw_data",
            "params",
            "count",
            "exist?",
            "zone",
            "interfaces",
            "sources",
            "services",
            "target",
            "ports",
            "protocols",
            "forward_ports",
            "source_ports",
            "icmp_blocks",
            "rich_rules",
            "icmp_block_inversion?",
            "has_icmp_block_inversion_enabled?",
            "masquerade?",
            "has_masquerade_enabled?",
            "default_zone",
            "has_service_enabled_in_zone?",
            "service_ports_enabled_in_zone",
            "service_protocols_enabled_in_zone",
            "has_port_enabled_in_zone?",
            "has_rule_enabled?",
            "status",
        ];
        let installed = super::walk::program_exists(machine, "firewall-cmd")?;
        Ok(match name {
            "installed?" => Some(installed.into()),
            // Without its program nothing runs and no zone is known.
            "running?" | "has_zone?" if !installed => Some(Value::Bool(false)),
            "running?" | "has_zone?" => Some(Value::Unknown(NOTHING_RUNS.into())),
            _ if ASKED.contains(&name) => Some(Value::Unknown(NOTHING_RUNS.into())),
            _ => None,
        })
    }

    fn responds(&self, _name: &str) -> bool {
        true
    }
}
