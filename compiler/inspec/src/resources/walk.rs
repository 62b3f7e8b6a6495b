//! What needs a walk of the tree, or a search of its programs; and digests of files.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use forge_model::FileStat;
use sha2::{Digest as _, Sha256};

use super::{Called, Resource};
use crate::interp::{Given, Machine};
use crate::stop::Stop;
use crate::value::Value;

/// A path below a directory, as walks see it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: Box<str>,
    pub(super) kind: Rc<str>,
    pub(super) mode: u32,
    pub(super) owner: Rc<str>,
    pub(super) group: Rc<str>,
}

/// Directories that were listed: one walk serves every check that looks for files.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    directories: BTreeMap<Box<str>, Rc<Vec<Rc<Node>>>>,
    /// Owners, groups and kinds: few words, of many paths.
    words: BTreeSet<Rc<str>>,
    paths: usize,
}

impl Walked {
    fn word(&mut self, word: &str) -> Rc<str> {
        if let Some(known) = self.words.get(word) {
            return known.clone();
        }
        let word: Rc<str> = word.into();
        self.words.insert(word.clone());
        word
    }

    fn node(&mut self, name: &str, stat: &FileStat) -> Node {
        Node {
            name: name.into(),
            kind: self.word(&stat.kind),
            mode: stat.mode,
            owner: self.word(&stat.owner),
            group: self.word(&stat.group),
        }
    }
}

/// Paths that all walks of a run look at.
const MOST: usize = 3_000_000;

/// A path by itself; none when nothing is there.
pub(super) fn node(
    machine: &mut Machine<'_>,
    path: &str,
    follow: bool,
) -> Result<Option<Node>, Stop> {
    let stat = machine.answer(machine.target.stat(path, follow))?;
    Ok(stat.map(|stat| machine.state.facts.walked.node("", &stat)))
}

/// What is in a directory, by name. Names that lead to nothing, since they are no UTF-8, have no
/// kind.
pub(super) fn children(
    machine: &mut Machine<'_>,
    directory: &str,
) -> Result<Rc<Vec<Rc<Node>>>, Stop> {
    let directory = super::file::normal(directory);
    if let Some(known) = machine.state.facts.walked.directories.get(&*directory) {
        return Ok(known.clone());
    }
    let names = machine.answer(machine.target.list(&directory))?.unwrap_or_default();
    machine.meter.steps(1 + names.len() as u64)?;
    let before = if directory == "/" { "" } else { &directory };
    let mut nodes = Vec::with_capacity(names.len());
    for name in names {
        let stat = machine.answer(machine.target.stat(&format!("{before}/{name}"), false))?;
        let walked = &mut machine.state.facts.walked;
        nodes.push(Rc::new(match stat {
            Some(stat) => walked.node(&name, &stat),
            None => Node {
                name: name.into(),
                kind: walked.word(""),
                mode: 0,
                owner: walked.word(""),
                group: walked.word(""),
            },
        }));
    }
    let walked = &mut machine.state.facts.walked;
    walked.paths += nodes.len();
    if walked.paths > MOST {
        return Err(crate::limits::limit(format!("the tree has more than {MOST} paths")));
    }
    let nodes = Rc::new(nodes);
    walked.directories.insert(directory.into(), nodes.clone());
    Ok(nodes)
}

/// What the library `suid_check` finds: set-group-id bits, or the mode 4000 and no other bit.
fn set_id(machine: &mut Machine<'_>) -> Result<Vec<String>, Stop> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(directory) = open.pop() {
        for node in children(machine, &directory)?.iter() {
            let path = format!("{directory}/{}", node.name);
            if node.mode & 0o2000 != 0 || node.mode & 0o7777 == 0o4000 {
                found.push(path.clone());
            }
            if &*node.kind == "directory" {
                open.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
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
            "permissions" => Ok(Some(Value::strings(&set_id(machine)?))),
            "diff" => {
                let found = set_id(machine)?;
                let list = self.list.clone().into_items();
                let both = found.iter().filter(|path| {
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
    let way = way(machine, path)?;
    for directory in &way.directories {
        if !allowed(machine, directory, 1)? {
            return Ok(false);
        }
    }
    match way.end {
        Some(end) => allowed(machine, &end, bit),
        None => Ok(false),
    }
}

/// Links that are followed on the way to a path.
const MAX_LINKS: usize = 40;

/// The way to a path, as a kernel goes it.
pub(super) struct Way {
    /// Every directory that is looked into, those on the way to what links lead to among them.
    directories: Vec<String>,
    /// Where it ends, without any link; none where links lead in a circle.
    pub(super) end: Option<String>,
}

/// Follows a path through all links of all its parts.
pub(super) fn way(machine: &mut Machine<'_>, path: &str) -> Result<Way, Stop> {
    let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut found = Way { directories: Vec::new(), end: None };
    let (mut at, mut links) = (String::new(), 0);
    while let Some(part) = left.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                at.truncate(at.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        machine.meter.step()?;
        found.directories.push(if at.is_empty() { "/".to_owned() } else { at.clone() });
        let next = format!("{at}/{part}");
        match machine.answer(machine.target.stat(&next, false))?.and_then(|stat| stat.link) {
            Some(link) => {
                links += 1;
                if links > MAX_LINKS {
                    return Ok(found);
                }
                if link.starts_with('/') {
                    at.clear();
                }
                left.extend(link.split('/').rev().map(str::to_owned));
            }
            None => at = next,
        }
    }
    found.end = Some(if at.is_empty() { "/".to_owned() } else { at });
    Ok(found)
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
