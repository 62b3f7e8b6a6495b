//! `interface`: a network interface, as `/sys/class/net` and ip(8) show it.

use std::net::Ipv4Addr;
use std::rc::Rc;

use super::super::{Called, Resource};
use super::{on_node, quoted};
use crate::interp::{Given, Machine};
use crate::value::Value;

#[derive(Debug)]
struct Interface {
    name: Rc<str>,
}

/// `interface(name)`.
pub(super) fn make(args: &[Value]) -> Value {
    let name = args.first().map_or_else(|| "".into(), Value::text);
    Value::Resource(Rc::new(Interface { name }))
}

const WORDS: [&str; 14] = [
    "exist?",
    "exists?",
    "up?",
    "name",
    "speed",
    "ipv4_address?",
    "ipv6_address?",
    "ipv4_address",
    "ipv4_addresses",
    "ipv4_addresses_netmask",
    "ipv4_cidrs",
    "ipv6_address",
    "ipv6_addresses",
    "ipv6_cidrs",
];

/// Addresses with the lengths of their prefixes, of one family, from `ip -o address`.
fn prefixes(printed: &str, family: &str) -> Vec<String> {
    let of_line = |line: &str| {
        let mut words = line.split_whitespace().skip_while(|word| *word != family);
        words.nth(1).map(str::to_owned)
    };
    printed.lines().filter_map(of_line).collect()
}

fn address(prefix: &str) -> &str {
    prefix.split('/').next().unwrap_or(prefix)
}

/// `10.0.0.2/8` as `10.0.0.2/255.0.0.0`.
fn with_mask(prefix: &str) -> String {
    let length: u32 = prefix.split('/').nth(1).and_then(|length| length.parse().ok()).unwrap_or(32);
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
    format!("{}/{}", address(prefix), Ipv4Addr::from(mask))
}

impl Resource for Interface {
    fn kind(&self) -> &'static str {
        "interface"
    }

    fn text(&self) -> String {
        format!("Interface {}", self.name)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        if name == "resource_id" {
            return Ok(Some(Value::Str(self.name.clone())));
        }
        if !WORDS.contains(&name) {
            return Ok(None);
        }
        let device = quoted(&self.name);
        let line = format!(
            "cd /sys/class/net/{device} && cat operstate && {{ cat speed 2>/dev/null || echo; }} && \
             ip -o address show dev {device}"
        );
        let output = match on_node(machine, &line)? {
            Ok(output) => output,
            Err(unknown) => return Ok(Some(unknown)),
        };
        let mut lines = output.stdout.splitn(3, '\n');
        let (state, speed) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let exists = !state.is_empty();
        // An interface that is there, and whose addresses cannot be listed, has unknown ones.
        if exists && output.status != 0 && name.contains("ipv") {
            super::succeeded(&line, output)?;
            return Ok(None);
        }
        if !exists {
            machine.note_absent();
        }
        let addresses = lines.next().unwrap_or_default();
        let v4 = || prefixes(addresses, "inet");
        let v6 = || prefixes(addresses, "inet6");
        let bare = |all: Vec<String>| Value::strings(all.iter().map(|prefix| address(prefix)));
        let first = |all: Vec<String>| all.first().map(|prefix| address(prefix)).into();
        Ok(Some(match name {
            "exist?" | "exists?" => exists.into(),
            "up?" => (state == "up").into(),
            "name" => exists.then(|| self.name.to_string()).into(),
            "speed" => speed.trim().parse().map_or(Value::Nil, Value::Int),
            "ipv4_address?" => (!v4().is_empty()).into(),
            "ipv6_address?" => (!v6().is_empty()).into(),
            "ipv4_address" => first(v4()),
            "ipv6_address" => first(v6()),
            "ipv4_addresses" => bare(v4()),
            "ipv6_addresses" => bare(v6()),
            "ipv4_cidrs" => Value::strings(v4()),
            "ipv6_cidrs" => Value::strings(v6()),
            _ => Value::strings(v4().iter().map(|prefix| with_mask(prefix))),
        }))
    }

    fn responds(&self, name: &str) -> bool {
        WORDS.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_an_interface() {
        let printed = "2: eth0    inet 10.0.0.2/8 brd 10.255.255.255 scope global eth0\\  valid\n\
                       2: eth0    inet6 fe80::1/64 scope link \\  valid_lft forever\n";
        assert_eq!(prefixes(printed, "inet"), ["10.0.0.2/8"]);
        assert_eq!(prefixes(printed, "inet6"), ["fe80::1/64"]);
        assert_eq!(with_mask("10.0.0.2/8"), "10.0.0.2/255.0.0.0");
        assert_eq!(with_mask("10.0.0.2/0"), "10.0.0.2/0.0.0.0");
        assert_eq!(with_mask("10.0.0.2"), "10.0.0.2/255.255.255.255");
    }
}
