//! `firewalld`, as its daemon says it.

use std::rc::Rc;

use super::super::{Called, Resource, walk};
use super::{on_node, quoted, succeeded};
use crate::filter_table::{Column, Row, Table, column};
use crate::interp::{Given, Machine};
use crate::stop::{Stop, no_method};
use crate::value::Value;

/// The firewall, or its zones that some criteria let through.
#[derive(Debug)]
struct Firewalld;

/// `firewalld`.
pub(super) fn make() -> Value {
    Value::Resource(Rc::new(Firewalld))
}

const COLUMNS: &[Column] = &[
    column("zone", "zone"),
    column("interfaces", "interfaces"),
    column("sources", "sources"),
    column("services", "services"),
    column("target", "target"),
    column("ports", "ports"),
    column("protocols", "protocols"),
    column("forward_ports", "forward_ports"),
    column("source_ports", "source_ports"),
    column("icmp_blocks", "icmp_blocks"),
    column("rich_rules", "rich_rules"),
];

/// Whether a zone does that, by the words that say so.
const FLAGS: [(&str, &str); 4] = [
    ("icmp_block_inversion?", "icmp-block-inversion"),
    ("has_icmp_block_inversion_enabled?", "icmp-block-inversion"),
    ("masquerade?", "masquerade"),
    ("has_masquerade_enabled?", "masquerade"),
];

/// What is asked of the daemon, but for columns and flags.
const ASKED: [&str; 14] = [
    "where",
    "entries",
    "raw_data",
    "params",
    "count",
    "exist?",
    "default_zone",
    "has_service_enabled_in_zone?",
    "service_ports_enabled_in_zone",
    "service_protocols_enabled_in_zone",
    "has_port_enabled_in_zone?",
    "has_rule_enabled?",
    "has_zone?",
    "running?",
];

/// What firewall-cmd(1) prints; the value says why nobody knows.
fn ask(machine: &mut Machine<'_>, words: &str) -> Result<Result<String, Value>, Stop> {
    let line = format!("firewall-cmd {words}");
    let output = match on_node(machine, &line)? {
        Ok(output) => output,
        Err(unknown) => return Ok(Err(unknown)),
    };
    // A question that is answered by no ends with 1; a daemon that does not run with 252.
    let answered = ["yes", "no", "not running"];
    let said = [output.stdout.trim(), output.stderr.trim()];
    if let Some(word) = said.into_iter().find(|said| answered.contains(said)) {
        return Ok(Ok(word.to_owned()));
    }
    Ok(Ok(succeeded(&line, output)?.trim().to_owned()))
}

/// The zones that `--get-active-zones` names, with their interfaces: a zone stands at the start of
/// its line, and `(default)` may follow.
fn active(printed: &str) -> Vec<(&str, Vec<&str>)> {
    let mut zones = Vec::new();
    for line in printed.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with(char::is_whitespace) {
            zones.push((line.split_whitespace().next().unwrap_or_default(), Vec::new()));
        } else if let Some(interfaces) = line.trim_start().strip_prefix("interfaces:")
            && let Some((_, of_zone)) = zones.last_mut()
        {
            of_zone.extend(interfaces.split_whitespace());
        }
    }
    zones
}

/// A zone, as `--list-all` describes it: `key: words` in lines, and lists that have lines of their
/// own below their keys.
fn zone(name: &str, interfaces: &[&str], printed: &str) -> Rc<Row> {
    let value = |key: &str| {
        let mut lines = printed.lines().map(str::trim_end).skip_while(|line| {
            line.trim_start().split_once(':').is_none_or(|(known, _)| known != key)
        });
        let first =
            lines.next().and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
        let below = lines.take_while(|line| line.starts_with('\t')).map(str::trim);
        (first.unwrap_or_default(), below.collect::<Vec<_>>())
    };
    let words = |key: &str| Value::strings(value(key).0.split_whitespace());
    let lines = |key: &str| {
        let (first, below) = value(key);
        Value::strings(Some(first).into_iter().chain(below).filter(|line| !line.is_empty()))
    };
    let flag = |key: &str| Value::Bool(value(key).0 == "yes");
    Row::new(vec![
        ("zone", name.into()),
        ("interfaces", Value::strings(interfaces)),
        ("services", words("services")),
        ("sources", words("sources")),
        ("target", value("target").0.into()),
        ("icmp_block_inversion", flag("icmp-block-inversion")),
        ("ports", words("ports")),
        ("protocols", words("protocols")),
        ("masquerade", flag("masquerade")),
        ("forward_ports", lines("forward-ports")),
        ("source_ports", words("source-ports")),
        ("icmp_blocks", words("icmp-blocks")),
        ("rich_rules", lines("rich rules")),
    ])
}

impl Firewalld {
    fn zones(machine: &mut Machine<'_>) -> Result<Result<Vec<Rc<Row>>, Value>, Stop> {
        let printed = match ask(machine, "--get-active-zones")? {
            Ok(printed) => printed,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let mut rows = Vec::new();
        for (name, interfaces) in active(&printed) {
            let line = format!("--permanent --zone={} --list-all", quoted(name));
            if let Ok(printed) = ask(machine, &line)? {
                rows.push(zone(name, &interfaces, &printed));
            }
        }
        Ok(Ok(rows))
    }

    /// A question about a zone, by default the default one.
    fn of_zone(machine: &mut Machine<'_>, zone: Option<&Value>, words: &str) -> Called {
        let zone = match zone {
            Some(zone) => zone.text().to_string(),
            None => match ask(machine, "--get-default-zone")? {
                Ok(zone) => zone,
                Err(unknown) => return Ok(Some(unknown)),
            },
        };
        let line = format!("--permanent --zone={} {words}", quoted(&zone));
        Ok(Some(match ask(machine, &line)? {
            Ok(answer) if words.starts_with("--query") => (answer == "yes").into(),
            Ok(answer) => Value::strings(answer.split_whitespace()),
            Err(unknown) => unknown,
        }))
    }
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
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        let is_of_table = COLUMNS.iter().any(|column| column.list == name)
            || FLAGS.iter().any(|(word, _)| *word == name);
        let installed = walk::program_exists(machine, "firewall-cmd")?;
        match name {
            "installed?" => return Ok(Some(installed.into())),
            // Without its program nothing runs and no zone is known.
            "running?" | "has_zone?" if !installed => return Ok(Some(Value::Bool(false))),
            _ if !is_of_table && !ASKED.contains(&name) => return Ok(None),
            _ => {}
        }
        let word = quoted(&args.first().map_or_else(|| "".into(), Value::text));
        let zone = args.get(1);
        match name {
            "running?" => Ok(Some(match ask(machine, "--state")? {
                Ok(state) => state.starts_with("running").into(),
                Err(unknown) => unknown,
            })),
            "has_zone?" => Ok(Some(match ask(machine, "--get-zones")? {
                Ok(zones) => {
                    let wanted = args.first().map_or_else(|| "".into(), Value::text);
                    zones.split_whitespace().any(|zone| *zone == *wanted).into()
                }
                Err(unknown) => unknown,
            })),
            "default_zone" => Ok(Some(match ask(machine, "--get-default-zone")? {
                Ok(zone) => zone.into(),
                Err(unknown) => unknown,
            })),
            "has_service_enabled_in_zone?" => {
                Self::of_zone(machine, zone, &format!("--query-service={word}"))
            }
            "has_port_enabled_in_zone?" => {
                Self::of_zone(machine, zone, &format!("--query-port={word}"))
            }
            "service_ports_enabled_in_zone" => {
                Self::of_zone(machine, zone, &format!("--service={word} --get-ports"))
            }
            "service_protocols_enabled_in_zone" => {
                Self::of_zone(machine, zone, &format!("--service={word} --get-protocols"))
            }
            "has_rule_enabled?" => {
                let rule = args.first().map_or_else(|| "".into(), Value::text);
                let before = if rule.starts_with("rule") { "" } else { "rule " };
                let rule = quoted(&format!("{before}{rule}"));
                Self::of_zone(machine, zone, &format!("--query-rich-rule={rule}"))
            }
            // The rows are asked for where they are shown; here it matters whether they are known.
            _ => Ok(Self::zones(machine)?.err()),
        }
    }

    fn table(self: Rc<Self>, machine: &mut Machine<'_>) -> Result<Option<Rc<Table>>, Stop> {
        let rows = Self::zones(machine)?.ok();
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
        let flag = FLAGS.iter().find(|(word, _)| *word == name);
        let Some((_, key)) = flag else { return Ok(None) };
        // `InSpec` asks the first row, and of no row nobody knows.
        let Some(row) = table.rows.first() else {
            return Err(no_method("[]", &Value::Nil, machine.here));
        };
        Ok(Some(row.get(&key.replace('-', "_")).cloned().into()))
    }

    fn table_words(&self) -> &'static [&'static str] {
        const WORDS: [&str; 4] = [FLAGS[0].0, FLAGS[1].0, FLAGS[2].0, FLAGS[3].0];
        &WORDS
    }

    fn responds(&self, _name: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_as_firewall_cmd_prints_them() {
        let printed = "public (default)\n  interfaces: eth0 eth1\ninner\n  sources: 10.0.0.0/8\n";
        assert_eq!(active(printed), [("public", vec!["eth0", "eth1"]), ("inner", vec![])]);
        let printed = "public\n  target: default\n  icmp-block-inversion: no\n  interfaces: \n  \
                       services: dhcpv6-client ssh\n  ports: 80/tcp\n  masquerade: yes\n  \
                       forward-ports: \n\tport=80:proto=tcp:toport=88:toaddr=\n  rich rules: \n\t\
                       rule family=\"ipv4\" accept\n\trule drop\n";
        let row = zone("public", &["eth0"], printed);
        let shown = |name: &str| row.get(name).map(Value::inspect).unwrap();
        assert_eq!(shown("services"), "[\"dhcpv6-client\", \"ssh\"]");
        assert_eq!(shown("target"), "\"default\"");
        assert_eq!(shown("masquerade"), "true");
        assert_eq!(shown("icmp_block_inversion"), "false");
        assert_eq!(shown("forward_ports"), "[\"port=80:proto=tcp:toport=88:toaddr=\"]");
        assert_eq!(shown("rich_rules"), "[\"rule family=\\\"ipv4\\\" accept\", \"rule drop\"]");
        assert_eq!(shown("sources"), "[]");
    }
}
