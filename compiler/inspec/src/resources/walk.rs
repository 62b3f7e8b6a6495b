//! What needs a walk of the tree, or a search of its programs; and digests of files.

use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::{Called, Resource};
use crate::interp::{Given, Machine};
use crate::stop::Stop;
use crate::value::Value;

/// Paths that set-id checks look for. One walk serves every check that looks for files.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// What the library `suid_check` finds: set-group-id bits, or the mode 4000 and no other bit.
    set_id: Vec<String>,
}

/// Paths that a walk looks at.
const MOST: usize = 3_000_000;

fn walk(machine: &mut Machine<'_>) -> Result<Rc<Walk>, Stop> {
    if let Some(known) = machine.state.facts.walk.get() {
        return known.clone().map_err(|why| crate::limits::limit(why.to_string()));
    }
    let mut found = Walk::default();
    let mut open = vec![String::new()];
    let mut count = 0_usize;
    let mut too_many = None;
    while let Some(directory) = open.pop() {
        let place = if directory.is_empty() { "/" } else { &directory };
        for name in machine.answer(machine.target.list(place))?.unwrap_or_default() {
            let path = format!("{directory}/{name}");
            count += 1;
            let Some(stat) = machine.answer(machine.target.stat(&path, false))? else { continue };
            if stat.kind == "directory" {
                open.push(path.clone());
            }
            if stat.mode & 0o2000 != 0 || stat.mode & 0o7777 == 0o4000 {
                found.set_id.push(path);
            }
        }
        if count > MOST {
            too_many = Some(format!("the tree has more than {MOST} paths"));
            break;
        }
    }
    found.set_id.sort();
    let result = match too_many {
        Some(why) => Err(why.into()),
        None => Ok(Rc::new(found)),
    };
    let _first = machine.state.facts.walk.set(result.clone());
    result.map_err(|why: Rc<str>| crate::limits::limit(why.to_string()))
}

/// The set-id programs that are on a list, as the library `suid_check` of dev-sec finds them.
#[derive(Debug)]
pub(super) struct SuidCheck {
    list: Value,
}

impl SuidCheck {
    pub(super) fn new(list: Option<&Value>) -> Self {
        Self { list: list.cloned().unwrap_or(Value::Nil) }
    }
}

impl Resource for SuidCheck {
    fn kind(&self) -> &'static str {
        "suid_check"
    }

    fn text(&self) -> String {
        "suid_check".to_owned()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        match name {
            "permissions" => Ok(Some(Value::strings(&walk(machine)?.set_id))),
            "diff" => {
                let found = walk(machine)?;
                let list = self.list.clone().into_items();
                let both = found.set_id.iter().filter(|path| {
                    list.iter().any(|listed| listed.as_text() == Some(path.as_str()))
                });
                Ok(Some(Value::strings(both)))
            }
            _ => Ok(None),
        }
    }
}

/// Where a shell looks for programs.
const PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Whether the image has a program; a line of several words is none.
pub(super) fn program_exists(machine: &mut Machine<'_>, line: &str) -> Result<bool, Stop> {
    let is_program = |machine: &mut Machine<'_>, path: &str| -> Result<bool, Stop> {
        let stat = machine.answer(machine.target.stat(path, true))?;
        Ok(stat.is_some_and(|stat| stat.kind == "file" && stat.mode & 0o111 != 0))
    };
    if line.is_empty() || line.contains(char::is_whitespace) {
        return Ok(false);
    }
    if line.starts_with('/') {
        return is_program(machine, line);
    }
    for directory in PATH {
        if is_program(machine, &format!("{directory}/{line}"))? {
            return Ok(true);
        }
    }
    machine.note_absent();
    Ok(false)
}

/// Whether a user may read (4), write (2) or execute (1) a path: by the bits of the path and of
/// every directory on the way.
pub(super) fn permits(
    machine: &mut Machine<'_>,
    path: &str,
    bit: u32,
    user: &str,
) -> Result<bool, Stop> {
    let Some(account) = machine.answer(machine.target.user(user))? else {
        machine.note_absent();
        return Ok(false);
    };
    let mut groups = account.groups.unwrap_or_default();
    groups.extend(account.group);
    let allowed = |machine: &mut Machine<'_>, path: &str, bit: u32| -> Result<bool, Stop> {
        let Some(stat) = machine.answer(machine.target.stat(path, true))? else { return Ok(false) };
        if account.uid == Some(0) {
            // root is stopped by nothing but a file that nobody may execute.
            return Ok(bit != 1 || stat.kind == "directory" || stat.mode & 0o111 != 0);
        }
        let shift = if stat.owner == user {
            6
        } else if groups.contains(&stat.group) {
            3
        } else {
            0
        };
        Ok(stat.mode & (bit << shift) != 0)
    };
    let mut at = 0;
    while let Some(next) = path[at + 1..].find('/') {
        at += next + 1;
        if !allowed(machine, &path[..at], 1)? {
            return Ok(false);
        }
    }
    allowed(machine, path, bit)
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex(&md5::Md5::digest(bytes))
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
