//! `grep` over files of the tree, or over another program's output.

use regex::{Regex, RegexBuilder};

use super::{Decided, Output, place};
use crate::interp::Machine;
use crate::stop::Stop;

/// What a pattern is written in.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Dialect {
    #[default]
    Basic,
    Extended,
    Fixed,
    Perl,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "letters of a program, each on or off")]
struct Asked {
    dialect: Dialect,
    ignore_case: bool,
    inverted: bool,
    count: bool,
    names: bool,
    quiet: bool,
    only: bool,
    numbers: bool,
    no_messages: bool,
    word: bool,
    line: bool,
    with_name: Option<bool>,
    recursive: Option<bool>,
    patterns: Vec<String>,
    paths: Vec<String>,
}

/// Files below a directory that one line may search.
const MOST_FILES: usize = 20_000;

fn is_directory(machine: &Machine<'_>, path: &str) -> Result<bool, Stop> {
    let stat = machine.answer(machine.target.stat(path, true))?;
    Ok(stat.is_some_and(|stat| stat.kind == "directory"))
}

pub(super) fn run(
    machine: &mut Machine<'_>,
    program: &str,
    args: &[&str],
    input: Option<&str>,
) -> Decided {
    let Some(asked) = read(program, args) else { return Ok(None) };
    let Some(regex) = asked.regex() else { return Ok(None) };
    let mut output = Output::default();
    let mut search = Search { asked: &asked, regex, found: false, failed: false };
    if asked.paths.is_empty() {
        let Some(input) = input.filter(|_| asked.recursive.is_none()) else { return Ok(None) };
        search.text(None, input, &mut output);
    } else {
        let several = asked.paths.len() > 1;
        for path in &asked.paths {
            let in_many = several || (asked.recursive.is_some() && is_directory(machine, path)?);
            let named = asked.with_name.unwrap_or(in_many);
            if search.path(machine, path, named, &mut output)?.is_none() {
                return Ok(None);
            }
        }
    }
    if asked.quiet {
        output.stdout.clear();
    }
    output.status = match (search.found, search.failed) {
        (true, _) if asked.quiet => 0,
        (_, true) => 2,
        (found, false) => i32::from(!found),
    };
    // What these two say of themselves differs from one release to the next.
    let steady = program == "grep" || output.stderr.is_empty();
    Ok(steady.then_some(output))
}

/// The words of the line; none when one of them is not known.
fn read(program: &str, args: &[&str]) -> Option<Asked> {
    let mut asked = Asked::default();
    match program {
        "egrep" => asked.dialect = Dialect::Extended,
        "fgrep" => asked.dialect = Dialect::Fixed,
        _ => {}
    }
    let mut rest = Vec::new();
    let mut explicit = false;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            rest.push((*arg).to_owned());
            continue;
        };
        if letters == "-" {
            rest.extend(args.by_ref().map(|arg| (*arg).to_owned()));
            break;
        }
        let letters = match letters {
            "-extended-regexp" => "E",
            "-ignore-case" => "i",
            "-quiet" | "-silent" => "q",
            "-recursive" => "r",
            "-invert-match" => "v",
            "-count" => "c",
            _ => letters,
        };
        for (at, letter) in letters.char_indices() {
            if letter == 'e' {
                let glued = &letters[at + 1..];
                let pattern =
                    if glued.is_empty() { (*args.next()?).to_owned() } else { glued.into() };
                asked.patterns.push(pattern);
                explicit = true;
                break;
            }
            asked.letter(letter)?;
        }
    }
    let mut rest = rest.into_iter();
    if !explicit {
        asked.patterns.push(rest.next()?);
    }
    asked.paths = rest.collect();
    Some(asked)
}

impl Asked {
    fn letter(&mut self, letter: char) -> Option<()> {
        match letter {
            'E' => self.dialect = Dialect::Extended,
            'F' => self.dialect = Dialect::Fixed,
            'G' => self.dialect = Dialect::Basic,
            'P' => self.dialect = Dialect::Perl,
            'i' | 'y' => self.ignore_case = true,
            'v' => self.inverted = true,
            'c' => self.count = true,
            'l' => self.names = true,
            'q' => self.quiet = true,
            'o' => self.only = true,
            'n' => self.numbers = true,
            's' => self.no_messages = true,
            'w' => self.word = true,
            'x' => self.line = true,
            'h' => self.with_name = Some(false),
            'H' => self.with_name = Some(true),
            'r' => self.recursive = Some(false),
            'R' => self.recursive = Some(true),
            _ => return None,
        }
        Some(())
    }

    /// The patterns as one of Rust's; none where its meaning is not sure to be the same.
    fn regex(&self) -> Option<Regex> {
        // A match that is shorter or longer than grep's would show with these.
        if self.only && (self.inverted || self.word) {
            return None;
        }
        let mut all = Vec::new();
        for pattern in self.patterns.iter().flat_map(|pattern| pattern.split('\n')) {
            let translated = match self.dialect {
                Dialect::Fixed => regex::escape(pattern),
                Dialect::Basic => posix(pattern, false)?,
                Dialect::Extended => posix(pattern, true)?,
                Dialect::Perl => perl(pattern)?,
            };
            // POSIX takes the longest of several, where Rust takes the first.
            if self.only && self.dialect != Dialect::Perl && translated.contains('|') {
                return None;
            }
            all.push(format!("(?:{translated})"));
        }
        if self.only && all.len() > 1 {
            return None;
        }
        let mut all = all.join("|");
        if self.line {
            all = format!("^(?:{all})$");
        } else if self.word {
            all = format!(r"(?:^|\W)(?:{all})(?:\W|$)");
        }
        RegexBuilder::new(&all).case_insensitive(self.ignore_case).build().ok()
    }
}

/// Escapes that mean the same in grep and in Rust.
const SAME: &str = "sSwWbB<>";

/// A pattern of POSIX with what GNU adds.
fn posix(pattern: &str, extended: bool) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    // Where a pattern or a group begins, `*` and `^` have another meaning.
    let mut begins = true;
    while let Some(c) = rest.chars().next() {
        let mut after = &rest[c.len_utf8()..];
        let mut now_begins = false;
        match c {
            '\\' => {
                let escaped = after.chars().next()?;
                after = &after[escaped.len_utf8()..];
                let operator = "(){}|+?".contains(escaped);
                if operator && !extended {
                    if begins && !"(".contains(escaped) {
                        return None;
                    }
                    out.push(escaped);
                    now_begins = "(|".contains(escaped);
                } else if escaped.is_ascii_alphanumeric() || escaped == '<' || escaped == '>' {
                    if !SAME.contains(escaped) {
                        return None;
                    }
                    out.push('\\');
                    out.push(escaped);
                } else {
                    out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
                }
            }
            '[' => after = set(after, &mut out)?,
            '*' if begins && extended => return None,
            '*' if begins => out.push_str("\\*"),
            '^' if begins => {
                out.push('^');
                now_begins = true;
            }
            '^' if !extended => out.push_str("\\^"),
            '$' if !extended && !after.is_empty() && !after.starts_with("\\)") => {
                if after.starts_with("\\|") {
                    return None;
                }
                out.push_str("\\$");
            }
            '(' | ')' | '{' | '}' | '|' | '+' | '?' if !extended => {
                out.push('\\');
                out.push(c);
            }
            '+' | '?' | '{' if begins => return None,
            '(' | '|' => {
                out.push(c);
                now_begins = true;
            }
            c => out.push(c),
        }
        begins = now_begins;
        rest = after;
    }
    Some(out)
}

/// A set of characters, in which a backslash is itself; what follows it is given.
fn set<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    out.push('[');
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            ']' if !first => break,
            '[' if rest.starts_with(':') => {
                let end = rest.find(":]")?;
                out.push_str(&format!("[{}:]", &rest[..end]));
                rest = &rest[end + 2..];
            }
            '[' if rest.starts_with(['.', '=']) => return None,
            ']' | '[' | '\\' | '^' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '-' if first || rest.starts_with(']') => out.push_str("\\-"),
            c => out.push(c),
        }
        first = false;
    }
    out.push(']');
    Some(rest)
}

/// A pattern of Perl that Rust reads alike.
fn perl(pattern: &str) -> Option<String> {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            let escaped = chars.next()?;
            if escaped.is_alphanumeric() && !"sSdDwWbBtn".contains(escaped) {
                return None;
            }
        }
    }
    // `\s`, `\d` and `\w` know ASCII alone.
    (pattern.is_ascii() && !pattern.contains("[[")).then(|| pattern.to_owned())
}

struct Search<'a> {
    asked: &'a Asked,
    regex: Regex,
    found: bool,
    failed: bool,
}

impl Search<'_> {
    /// A path of the line; none when the tree does not decide.
    fn path(
        &mut self,
        machine: &mut Machine<'_>,
        path: &str,
        named: bool,
        output: &mut Output,
    ) -> Result<Option<()>, Stop> {
        let Some(real) = place(path).filter(|_| path != "-") else { return Ok(None) };
        let Some(stat) = machine.answer(machine.target.stat(&real, true))? else {
            if !self.asked.no_messages {
                output.missing(&format!("grep: {path}"), 2);
            }
            self.failed = true;
            return Ok(Some(()));
        };
        if stat.kind != "directory" {
            return self.file(machine, path, &real, named, output);
        }
        let Some(follow) = self.asked.recursive else {
            output.stderr.push_str(&format!("grep: {path}: Is a directory\n"));
            self.failed = true;
            return Ok(Some(()));
        };
        let mut open = vec![path.trim_end_matches('/').to_owned()];
        let mut count = 0;
        while let Some(directory) = open.pop() {
            let nodes = super::super::walk::children(machine, &directory)?;
            count += nodes.len();
            if count > MOST_FILES {
                return Ok(None);
            }
            // Directories come up in the order of their names.
            for node in nodes.iter().rev() {
                let path = format!("{directory}/{}", node.name);
                if &*node.kind == "directory" {
                    open.push(path);
                }
            }
            for node in nodes.iter() {
                let path = format!("{directory}/{}", node.name);
                match &*node.kind {
                    "file" => {
                        let real = super::super::file::normal(&path);
                        if self.file(machine, &path, &real, named, output)?.is_none() {
                            return Ok(None);
                        }
                    }
                    // Where a link leads, another path may have been searched already.
                    "symlink" if follow => return Ok(None),
                    _ => {}
                }
            }
        }
        Ok(Some(()))
    }

    fn file(
        &mut self,
        machine: &mut Machine<'_>,
        path: &str,
        real: &str,
        named: bool,
        output: &mut Output,
    ) -> Result<Option<()>, Stop> {
        let Some(bytes) = machine.answer(machine.target.read(real))? else { return Ok(None) };
        machine.meter.charge(bytes.len())?;
        machine.meter.steps(1 + (bytes.len() / 64) as u64)?;
        let binary = bytes.contains(&0) || std::str::from_utf8(&bytes).is_err();
        let text = String::from_utf8_lossy(&bytes);
        let before = output.stdout.len();
        self.text(named.then_some(path), &text, output);
        // Of a file that is no text, grep prints no lines.
        Ok((!binary || output.stdout.len() == before).then_some(()))
    }

    /// The lines of a text.
    fn text(&mut self, name: Option<&str>, text: &str, output: &mut Output) {
        let mut lines: Vec<&str> = text.split('\n').collect();
        if lines.last() == Some(&"") {
            lines.pop();
        }
        let mut count = 0;
        for (at, line) in lines.into_iter().enumerate() {
            if self.regex.is_match(line) == self.asked.inverted {
                continue;
            }
            count += 1;
            if self.asked.count || self.asked.names || self.asked.quiet {
                continue;
            }
            let mut before = name.map(|name| format!("{name}:")).unwrap_or_default();
            if self.asked.numbers {
                before.push_str(&format!("{}:", at + 1));
            }
            if self.asked.only {
                for found in self.regex.find_iter(line).filter(|found| !found.is_empty()) {
                    output.stdout.push_str(&format!("{before}{}\n", found.as_str()));
                }
            } else {
                output.stdout.push_str(&format!("{before}{line}\n"));
            }
        }
        self.found |= count > 0;
        if self.asked.names {
            if count > 0 {
                output.stdout.push_str(&format!("{}\n", name.unwrap_or("(standard input)")));
            }
        } else if self.asked.count {
            let before = name.map(|name| format!("{name}:")).unwrap_or_default();
            output.stdout.push_str(&format!("{before}{count}\n"));
        }
    }
}
