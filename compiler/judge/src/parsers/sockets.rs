//! What listens, by the kernel's own tables: `/proc/net/tcp` and its kind (proc(5)), and the processes
//! that hold the sockets.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Prints the sockets that wait, which process is which, and the inodes of the sockets that each holds. Each
/// part is a program or two, however many processes run, and short.
pub const QUESTION: &str = "[ -r /proc/net/tcp ] && echo '= read'; \
     for table in tcp tcp6; do echo \"= $table\"; grep -s ' 0A ' /proc/net/$table; done; \
     for table in udp udp6; do echo \"= $table\"; grep -s ' 07 ' /proc/net/$table; done; \
     echo '= names'; grep -Hs '' /proc/[0-9]*/comm; echo '= files'; \
     LC_ALL=C ls -l /proc/[0-9]*/fd 2>/dev/null | \
     sed -n -e '/^\\/proc/p' -e 's/.*socket:\\[\\([0-9]*\\)\\].*/\\1/p'; true";

/// A socket that waits for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it waits.
    pub port: u16,
    /// `tcp`, `tcp6`, `udp`, `udp6`.
    pub protocol: String,
    /// The address that it waits at, `0.0.0.0` and `::` for all.
    pub address: String,
    /// Names of the processes that hold it, by their ids; none where that cannot be seen.
    pub processes: BTreeMap<u32, String>,
}

/// All that listens, from what [`QUESTION`] printed, by protocol and in the order of the kernel's tables.
///
/// # Errors
///
/// Why what was printed is no answer: the tables cannot be read there.
pub fn listeners(printed: &str) -> Result<Vec<Listener>, String> {
    let mut parts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut part = "";
    for line in printed.lines() {
        match line.strip_prefix("= ") {
            Some(name) => {
                part = name;
                parts.entry(part).or_default();
            }
            None => parts.entry(part).or_default().push(line),
        }
    }
    if !parts.contains_key("read") {
        return Err("`/proc/net/tcp` cannot be read".to_owned());
    }
    let nothing = Vec::new();
    let of = |name: &str| parts.get(name).unwrap_or(&nothing);
    let holders = holders(of("names"), of("files"));
    let mut found = Vec::new();
    for protocol in ["tcp", "tcp6", "udp", "udp6"] {
        for line in of(protocol) {
            let Some((address, port, inode)) = waiting(protocol, line) else { continue };
            let processes = holders.get(inode).cloned().unwrap_or_default();
            found.push(Listener { port, protocol: protocol.to_owned(), address, processes });
        }
    }
    Ok(found)
}

/// The address, the port and the inode of a line of a table, where its socket waits.
fn waiting<'a>(protocol: &str, line: &'a str) -> Option<(String, u16, &'a str)> {
    /// `TCP_LISTEN`, and what an unconnected socket of UDP has.
    const STATES: [(&str, &str); 2] = [("tcp", "0A"), ("udp", "07")];
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, hex) = fields.get(1)?.rsplit_once(':')?;
    let state = STATES.iter().find(|(name, _)| protocol.starts_with(name))?.1;
    let port = u16::from_str_radix(hex, 16).ok()?;
    (*fields.get(3)? == state).then_some((self::address(address)?, port, *fields.get(9)?))
}

/// An address in words of 32 bits, each in the order of the machine, which for all that images are built
/// for is little-endian.
fn address(hex: &str) -> Option<String> {
    let bytes =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok());
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    let bytes: Vec<u8> = bytes.chunks(4).flat_map(|word| word.iter().rev().copied()).collect();
    if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| Ipv6Addr::from(v6).to_string())
}

/// Processes by the inodes of the sockets that they hold.
fn holders(names: &[&str], files: &[&str]) -> BTreeMap<String, BTreeMap<u32, String>> {
    let mut by_id: BTreeMap<&str, &str> = BTreeMap::new();
    for line in names {
        let Some((id, name)) =
            line.strip_prefix("/proc/").and_then(|rest| rest.split_once("/comm:"))
        else {
            continue;
        };
        by_id.insert(id, name);
    }
    let mut found: BTreeMap<String, BTreeMap<u32, String>> = BTreeMap::new();
    let mut process = None;
    for line in files {
        if let Some(id) = line.strip_prefix("/proc/").and_then(|rest| rest.strip_suffix("/fd:")) {
            process = by_id.get(id).zip(id.parse().ok());
            continue;
        }
        if let Some((name, id)) = process {
            found.entry((*line).to_owned()).or_default().insert(id, (*name).to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "= read\n= tcp\n   \
        0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n   \
        1: 0200000A:0016 0300000A:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0A \n\
        = tcp6\n   \
        0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4713 1\n   \
        1: 000080FE000000000000000001000000:0017 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4714 1\n\
        = udp\n   \
        0: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4715 2\n\
        = names\n/proc/1/comm:systemd\n/proc/80/comm:sshd\n\
        = files\n/proc/1/fd:\n4713\n4711\n/proc/80/fd:\n4713\n";

    #[test]
    fn listeners_of_a_port() {
        let shown = |port: u16| {
            let found = listeners(PRINTED).unwrap().into_iter().filter(|one| one.port == port);
            let one = |l: Listener| {
                let names: Vec<_> = l.processes.into_values().collect();
                format!("{} {} {}", l.protocol, l.address, names.join(" "))
            };
            found.map(one).collect::<Vec<_>>()
        };
        assert_eq!(shown(22), ["tcp 127.0.0.1 systemd", "tcp6 :: systemd sshd"]);
        assert_eq!(shown(23), ["tcp6 fe80::1 "]);
        assert_eq!(shown(68), ["udp 0.0.0.0 "]);
        assert_eq!(shown(54321), Vec::<String>::new());
        assert!(listeners("= tcp\n= names\n").is_err());
    }
}
