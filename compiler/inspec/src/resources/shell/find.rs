//! `find` over the tree.

use std::rc::Rc;

use super::super::glob::fits;
use super::super::walk::{Node, children, node};
use super::{Decided, Output, place};
use crate::interp::Machine;
use crate::stop::Stop;

/// A test of a path, or what is made of tests.
#[derive(Debug)]
enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Kind(Vec<&'static str>),
    Name { pattern: String, whole: bool, ignore_case: bool },
    Mode(Mode),
    Owner(String),
    Group(String),
    NoOwner,
    NoGroup,
    Print,
    Prune,
    Always,
}

#[derive(Debug)]
enum Mode {
    Exactly(u32),
    All(u32),
    Any(u32),
}

/// What is looked for.
#[derive(Debug)]
struct Search {
    test: Test,
    prints: bool,
    from: usize,
    to: usize,
}

pub(super) fn run(machine: &mut Machine<'_>, args: &[&str]) -> Decided {
    let begins = |arg: &&str| arg.starts_with('-') || matches!(*arg, "(" | ")" | "!" | ",");
    let cut = args.iter().position(begins).unwrap_or(args.len());
    let (starts, rest) = args.split_at(cut);
    let mut parser = Parser { machine, rest, from: 0, to: usize::MAX, prints: false, depth: 0 };
    let Some(test) = parser.whole()? else { return Ok(None) };
    let Parser { machine, from, to, prints, .. } = parser;
    let search = Search { test, prints, from, to };
    if starts.is_empty() {
        return Ok(None);
    }
    let mut output = Output::default();
    for start in starts {
        if search.below(machine, start, &mut output)?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(output))
}

struct Parser<'a, 'b, 'm> {
    machine: &'a mut Machine<'m>,
    rest: &'b [&'b str],
    from: usize,
    to: usize,
    prints: bool,
    depth: usize,
}

type Parsed = Result<Option<Test>, Stop>;

/// Groups within groups.
const DEPTH: usize = 20;

impl<'b> Parser<'_, 'b, '_> {
    fn next(&mut self) -> Option<&'b str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn whole(&mut self) -> Parsed {
        if self.rest.is_empty() {
            return Ok(Some(Test::Always));
        }
        let Some(test) = self.any()? else { return Ok(None) };
        Ok(self.rest.is_empty().then_some(test))
    }

    fn any(&mut self) -> Parsed {
        let mut tests = Vec::new();
        loop {
            let Some(test) = self.all()? else { return Ok(None) };
            tests.push(test);
            if !matches!(self.rest.first(), Some(&("-o" | "-or"))) {
                return Ok(Some(Test::Any(tests)));
            }
            self.next();
        }
    }

    fn all(&mut self) -> Parsed {
        let mut tests = Vec::new();
        loop {
            let Some(test) = self.one()? else { return Ok(None) };
            tests.push(test);
            match self.rest.first() {
                None | Some(&("-o" | "-or" | ")")) => return Ok(Some(Test::All(tests))),
                Some(&("-a" | "-and")) => {
                    self.next();
                }
                Some(_) => {}
            }
        }
    }

    fn one(&mut self) -> Parsed {
        let Some(word) = self.next() else { return Ok(None) };
        match word {
            "!" | "-not" => Ok(self.one()?.map(|test| Test::Not(Box::new(test)))),
            "(" => {
                self.depth += 1;
                if self.depth > DEPTH {
                    return Ok(None);
                }
                let test = self.any()?;
                Ok(test.filter(|_| self.next() == Some(")")))
            }
            "-print" => {
                self.prints = true;
                Ok(Some(Test::Print))
            }
            "-prune" => Ok(Some(Test::Prune)),
            // An image is one tree.
            "-xdev" | "-mount" | "-true" => Ok(Some(Test::Always)),
            "-nouser" => Ok(Some(Test::NoOwner)),
            "-nogroup" => Ok(Some(Test::NoGroup)),
            _ => match self.next() {
                Some(value) => self.valued(word, value),
                None => Ok(None),
            },
        }
    }

    fn valued(&mut self, word: &str, value: &str) -> Parsed {
        let number = || value.parse::<usize>().ok();
        let name = |whole, ignore_case| {
            let readable = !value.contains('\\') && !value.contains("[:");
            let pattern = if ignore_case { value.to_lowercase() } else { value.to_owned() };
            readable.then_some(Test::Name { pattern, whole, ignore_case })
        };
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        Ok(match word {
            "-maxdepth" => number().map(|number| {
                self.to = number;
                Test::Always
            }),
            "-mindepth" => number().map(|number| {
                self.from = number;
                Test::Always
            }),
            "-type" => {
                let kinds: Option<Vec<_>> = value.split(',').map(kind).collect();
                kinds.map(Test::Kind)
            }
            "-name" => name(false, false),
            "-iname" => name(false, true),
            "-path" | "-wholename" => name(true, false),
            "-ipath" | "-iwholename" => name(true, true),
            "-perm" => mode(value).map(Test::Mode),
            // A name that nobody has is an error of find.
            "-user" if !digits => {
                let known = self.machine.answer(self.machine.target.user(value))?;
                known.map(|_| Test::Owner(value.to_owned()))
            }
            "-group" if !digits => {
                let known = self.machine.answer(self.machine.target.group(value))?;
                known.map(|_| Test::Group(value.to_owned()))
            }
            _ => None,
        })
    }
}

fn kind(letter: &str) -> Option<&'static str> {
    Some(match letter {
        "f" => "file",
        "d" => "directory",
        "l" => "symlink",
        "b" => "block_device",
        "c" => "character_device",
        "p" => "pipe",
        "s" => "socket",
        _ => return None,
    })
}

/// `0644`, `-4000`, `/022`, `-u+s`, `/u=s,g=s`.
fn mode(text: &str) -> Option<Mode> {
    let (kind, bits): (fn(u32) -> Mode, &str) = match text.split_at_checked(1)? {
        ("-", bits) => (Mode::All, bits),
        ("/", bits) => (Mode::Any, bits),
        _ => (Mode::Exactly, text),
    };
    if bits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return u32::from_str_radix(bits, 8).ok().filter(|bits| *bits <= 0o7777).map(kind);
    }
    let mut all = 0;
    for clause in bits.split(',') {
        let (who, bits) = clause.split_once(['+', '='])?;
        if who.is_empty() {
            return None;
        }
        for who in who.chars() {
            let (shift, set_id) = match who {
                'u' => (6, 0o4000),
                'g' => (3, 0o2000),
                'o' => (0, 0),
                _ => return None,
            };
            for bit in bits.chars() {
                all |= match bit {
                    'r' => 4 << shift,
                    'w' => 2 << shift,
                    'x' => 1 << shift,
                    's' => set_id,
                    _ => return None,
                };
            }
        }
    }
    Some(kind(all))
}

/// A path on the way.
struct Visit<'a> {
    path: &'a str,
    node: &'a Node,
    printed: bool,
    pruned: bool,
}

impl Search {
    fn below(
        &self,
        machine: &mut Machine<'_>,
        start: &str,
        output: &mut Output,
    ) -> Result<Option<()>, Stop> {
        let Some(real) = place(start) else { return Ok(None) };
        let Some(first) = node(machine, &real, start.ends_with('/'))? else {
            output.missing(&format!("find: ‘{start}’"), 1);
            return Ok(Some(()));
        };
        let mut open = vec![(start.to_owned(), Rc::new(first), 0)];
        while let Some((path, node, depth)) = open.pop() {
            machine.meter.step()?;
            let mut visit = Visit { path: &path, node: &node, printed: false, pruned: false };
            if depth >= self.from {
                let holds = self.test.holds(&mut visit);
                if visit.printed || (holds && !self.prints) {
                    output.stdout.push_str(&path);
                    output.stdout.push('\n');
                }
            }
            if visit.pruned || depth >= self.to || &*node.kind != "directory" {
                continue;
            }
            let nodes = children(machine, &path)?;
            for node in nodes.iter().rev() {
                if node.name.contains('\u{fffd}') {
                    return Ok(None);
                }
                let slash = if path.ends_with('/') { "" } else { "/" };
                open.push((format!("{path}{slash}{}", node.name), node.clone(), depth + 1));
            }
        }
        Ok(Some(()))
    }
}

impl Test {
    fn holds(&self, visit: &mut Visit<'_>) -> bool {
        let node = visit.node;
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(visit)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(visit)),
            Self::Not(test) => !test.holds(visit),
            Self::Kind(kinds) => kinds.contains(&&*node.kind),
            Self::Name { pattern, whole, ignore_case } => {
                let name = if *whole {
                    visit.path
                } else {
                    let path = visit.path.trim_end_matches('/');
                    if path.is_empty() { "/" } else { path.rsplit('/').next().unwrap_or(path) }
                };
                let lower;
                let name = if *ignore_case {
                    lower = name.to_lowercase();
                    &lower
                } else {
                    name
                };
                fits(pattern.as_bytes(), name.as_bytes())
            }
            Self::Mode(Mode::Exactly(bits)) => node.mode & 0o7777 == *bits,
            Self::Mode(Mode::All(bits)) => node.mode & bits == *bits,
            Self::Mode(Mode::Any(bits)) => *bits == 0 || node.mode & bits != 0,
            Self::Owner(name) => *node.owner == **name,
            Self::Group(name) => *node.group == **name,
            Self::NoOwner => is_number(&node.owner),
            Self::NoGroup => is_number(&node.group),
            Self::Print => {
                visit.printed = true;
                true
            }
            Self::Prune => {
                visit.pruned = true;
                true
            }
            Self::Always => true,
        }
    }
}

/// An owner without a name is its number.
fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}
