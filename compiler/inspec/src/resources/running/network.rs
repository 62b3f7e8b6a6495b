//! `host`, `iptables` and `ip6tables`.

use std::net::IpAddr;
use std::rc::Rc;

use super::super::{Called, Resource, walk};
use super::{on_node, option, quoted, succeeded};
use crate::interp::{Given, Machine};
use crate::stop::Stop;
use crate::value::Value;

/// `host(name, port: …, protocol: …)`.
#[derive(Debug)]
struct Host {
    name: Rc<str>,
    port: Option<Rc<str>>,
    protocol: Rc<str>,
}

/// `host(name)`.
pub(super) fn host(args: &[Value]) -> Value {
    let protocol = option(args, 1, "protocol").or_else(|| option(args, 1, "proto"));
    Value::Resource(Rc::new(Host {
        name: args.first().map_or_else(|| "".into(), Value::text),
        port: option(args, 1, "port"),
        protocol: protocol.unwrap_or_else(|| "icmp".into()),
    }))
}

impl Host {
    /// The addresses of the name, each once; nil where it has none.
    fn addresses(&self, machine: &mut Machine<'_>) -> Result<Result<Vec<String>, Value>, Stop> {
        let line = format!("getent ahosts {}", quoted(&self.name));
        let output = match on_node(machine, &line)? {
            Ok(output) => output,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let mut found = Vec::new();
        // 2 says that there is no such name.
        if output.status != 2 {
            for line in succeeded(&line, output)?.lines() {
                let word = line.split_whitespace().next().unwrap_or_default();
                if word.parse::<IpAddr>().is_ok() && !found.iter().any(|known| known == word) {
                    found.push(word.to_owned());
                }
            }
        }
        if found.is_empty() {
            machine.note_absent();
        }
        Ok(Ok(found))
    }

    /// What `InSpec` tries, with what it is tried by.
    fn attempt(&self, machine: &mut Machine<'_>) -> Result<String, Stop> {
        let name = quoted(&self.name);
        let udp = match &*self.protocol {
            "tcp" => "",
            "udp" => "-u",
            _ => return Ok(format!("ping -w 1 -c 1 {name}")),
        };
        let port = self.port.as_deref().unwrap_or_default();
        for program in ["nc", "ncat"] {
            if walk::program_exists(machine, program)? {
                return Ok(format!("echo | {program} -v -w 1 {udp} {name} {}", quoted(port)));
            }
        }
        let to = format!("/dev/{}/{}/{port}", self.protocol, self.name);
        Ok(format!("timeout 1 bash -c {}", quoted(&format!("< {to}"))))
    }
}

impl Resource for Host {
    fn kind(&self) -> &'static str {
        "host"
    }

    fn text(&self) -> String {
        match &self.port {
            Some(port) => format!("Host {} port {port} proto {}", self.name, self.protocol),
            None => format!("Host {}", self.name),
        }
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        match name {
            "hostname" | "resource_id" => return Ok(Some(Value::Str(self.name.clone()))),
            "protocol" | "proto" => return Ok(Some(Value::Str(self.protocol.clone()))),
            "port" => return Ok(Some(self.port.clone().map_or(Value::Nil, Value::Str))),
            "resolvable?" | "ipaddress" | "ipv4_address" | "ipv6_address" => {}
            "reachable?" if &*self.protocol != "icmp" && self.port.is_none() => {
                let why = format!(
                    "Protocol required with port. Use `host` resource with host('{}', port: 1234, \
                     proto: 'tcp') parameters.",
                    self.name
                );
                return Err(machine.raise("RuntimeError", why));
            }
            "reachable?" | "connection" | "socket" => {
                let line = self.attempt(machine)?;
                let output = match on_node(machine, &line)? {
                    Ok(output) => output,
                    Err(unknown) => return Ok(Some(unknown)),
                };
                return Ok(Some(match name {
                    // Without the program, nobody knows whether it can be reached.
                    "reachable?" if output.status == 127 => {
                        succeeded(&line, output)?;
                        Value::Nil
                    }
                    "reachable?" => (output.status == 0).into(),
                    "connection" => output.stderr.into(),
                    _ => output.stdout.into(),
                }));
            }
            _ => return Ok(None),
        }
        let found = match self.addresses(machine)? {
            Ok(found) => found,
            Err(unknown) => return Ok(Some(unknown)),
        };
        let of = |v4: bool| {
            let of_kind =
                |text: &&String| text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4() == v4);
            Value::strings(found.iter().filter(of_kind))
        };
        Ok(Some(match name {
            "resolvable?" => (!found.is_empty()).into(),
            "ipv4_address" => of(true),
            "ipv6_address" => of(false),
            _ if found.is_empty() => Value::Nil,
            _ => Value::strings(&found),
        }))
    }

    fn responds(&self, name: &str) -> bool {
        matches!(name, "ipaddress" | "ipv4_address" | "ipv6_address" | "connection" | "socket")
    }
}

/// `iptables` or `ip6tables`, of a table and a chain or of all.
#[derive(Debug)]
struct Rules {
    program: &'static str,
    table: Option<Rc<str>>,
    chain: Option<Rc<str>>,
    ignore_comments: bool,
}

/// `iptables(table: …, chain: …)` and `ip6tables`.
pub(super) fn iptables(name: &str, args: &[Value]) -> Value {
    Value::Resource(Rc::new(Rules {
        program: if name == "iptables" { "iptables" } else { "ip6tables" },
        table: option(args, 0, "table"),
        chain: option(args, 0, "chain"),
        ignore_comments: option(args, 0, "ignore_comments").is_some_and(|is| &*is == "true"),
    }))
}

impl Rules {
    fn rules(&self, machine: &mut Machine<'_>) -> Result<Result<Vec<String>, Value>, Stop> {
        let table = self.table.as_deref().map(|table| format!("-t {} ", quoted(table)));
        let chain = self.chain.as_deref().map(|chain| format!(" {}", quoted(chain)));
        let (table, chain) = (table.unwrap_or_default(), chain.unwrap_or_default());
        let line = format!("{} {table}-S{chain}", self.program);
        let output = match on_node(machine, &line)? {
            Ok(output) => output,
            Err(unknown) => return Ok(Err(unknown)),
        };
        // A chain that does not exist has no rules; a user who may not ask knows nothing.
        if output.status != 0 && output.stderr.contains("No chain") {
            return Ok(Ok(Vec::new()));
        }
        let printed = succeeded(&line, output)?;
        let lines = printed.lines().map(str::trim);
        if !self.ignore_comments {
            return Ok(Ok(lines.map(str::to_owned).collect()));
        }
        let comments = machine.pattern(r#" -m comment --comment "([^"]*)""#, "");
        let mut rules = Vec::new();
        for line in lines {
            let mut rule = line.to_owned();
            loop {
                let found = comments.find(&rule, 0);
                let found = found.map_err(|why| machine.raise("RegexpError", why))?;
                let Some(Some((from, to))) = found.and_then(|groups| groups.first().copied())
                else {
                    break;
                };
                rule.replace_range(from..to, "");
            }
            rules.push(rule);
        }
        Ok(Ok(rules))
    }
}

impl Resource for Rules {
    fn kind(&self) -> &'static str {
        self.program
    }

    fn text(&self) -> String {
        let name = if self.program == "iptables" { "Iptables" } else { "Ip6tables" };
        let table = self.table.as_deref().map_or_else(String::new, |is| format!("table: {is}"));
        let chain = self.chain.as_deref().map_or_else(String::new, |is| format!("chain: {is}"));
        format!("{name} {table} {chain}").trim_end().to_owned()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if !matches!(name, "has_rule?" | "retrieve_rules") {
            return Ok((name == "resource_id").then(|| self.text().into()));
        }
        if !walk::program_exists(machine, self.program)? {
            let why = format!("Could not find `{}`", self.program);
            return Err(machine.raise("Inspec::Exceptions::ResourceFailed", why));
        }
        let rules = match self.rules(machine)? {
            Ok(rules) => rules,
            Err(unknown) => return Ok(Some(unknown)),
        };
        if name == "retrieve_rules" {
            return Ok(Some(Value::strings(rules)));
        }
        let wanted = args.first().map_or_else(|| "".into(), Value::text);
        Ok(Some(rules.iter().any(|rule| rule.eq_ignore_ascii_case(&wanted)).into()))
    }
}
