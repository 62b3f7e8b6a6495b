//! What auditctl(8) makes of a file of rules, and how it then lists them: as version 3.0.9 does, whose
//! first error ends the reading unless `-i` or `-c` stands before it.

use super::calls::{Abi, Calls};
use super::field::{Field, permissions};
use crate::stop::Stop;

/// What rules ask of the system that they are loaded in.
pub(super) trait Host {
    fn native(&self) -> Abi;
    fn is_directory(&mut self, path: &str) -> Result<bool, Stop>;
    fn exists(&mut self, path: &str) -> Result<bool, Stop>;
    fn uid(&mut self, name: &str) -> Result<Option<u32>, Stop>;
    fn gid(&mut self, name: &str) -> Result<Option<u32>, Stop>;
}

/// Why a line has no effect.
#[derive(Debug)]
pub(super) enum Failure {
    /// auditctl or the kernel refuses it.
    Refused,
    /// The run ends.
    Stop(Stop),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

pub(super) fn refused<T>() -> Result<T, Failure> {
    Err(Failure::Refused)
}

/// The kernel's lists, in the order in which they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    User,
    Task,
    Exit,
    Exclude,
    Filesystem,
}

impl List {
    const ALL: [(&'static str, Self); 5] = [
        ("user", Self::User),
        ("task", Self::Task),
        ("exit", Self::Exit),
        ("exclude", Self::Exclude),
        ("filesystem", Self::Filesystem),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, list)| *list)
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, list)| *list == self).map_or("", |(name, _)| name)
    }
}

/// The rules that are loaded from a text, as `auditctl -l` lists them.
pub(super) fn load(text: &str, host: &mut dyn Host) -> Result<Vec<String>, Stop> {
    let mut rules = Rules::default();
    for line in text.split('\n') {
        // A space with a backslash before it is part of a word.
        let line = line.replace("\\ ", "\u{1}");
        let words = line.split(' ').filter(|word| !word.is_empty());
        // It counts on words of two letters, and loses what is behind more of them.
        let words = words.take(line.len() / 3 + 1);
        let words: Vec<_> = words.map(|word| word.replace('\u{1}', " ")).collect();
        match rules.line(&words, host) {
            Ok(()) => {}
            Err(Failure::Refused) if rules.goes_on => {}
            Err(Failure::Refused) => break,
            Err(Failure::Stop(stop)) => return Err(stop),
        }
    }
    let mut loaded = rules.loaded;
    loaded.sort_by_key(|rule| rule.list);
    Ok(loaded.into_iter().map(|rule| rule.listed).collect())
}

/// A rule that the kernel has.
#[derive(Debug, PartialEq)]
struct Loaded {
    list: List,
    action: &'static str,
    listed: String,
}

#[derive(Debug, Default)]
struct Rules {
    loaded: Vec<Loaded>,
    /// Errors do not end the reading.
    goes_on: bool,
    /// Nothing more is changed until the next boot.
    locked: bool,
}

/// Options with an argument, as getopt(3) takes them.
const WITH_ARGUMENT: &str = "CefrbaAdSFmRwWkpq";

/// A word's options; what is no option is in the second half.
fn options(words: &[String]) -> Result<(Vec<(char, String)>, bool), Failure> {
    let mut found = Vec::new();
    let mut left_over = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            match long {
                "backlog_wait_time" => {
                    let value = words.next().map_or_else(refused, Ok)?;
                    found.push(('b', value.clone()));
                }
                "loginuid-immutable" | "reset-lost" | "reset_backlog_wait_time_actual" => {}
                _ => return refused(),
            }
            continue;
        }
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            left_over = true;
            continue;
        };
        for (at, letter) in letters.char_indices() {
            if !WITH_ARGUMENT.contains(letter) {
                found.push((letter, String::new()));
                continue;
            }
            let glued = &letters[at + letter.len_utf8()..];
            let value = match glued {
                "" => words.next().map_or_else(refused, Ok)?.clone(),
                glued => glued.to_owned(),
            };
            found.push((letter, value));
            break;
        }
    }
    Ok((found, left_over))
}

impl Rules {
    fn line(&mut self, words: &[String], host: &mut dyn Host) -> Result<(), Failure> {
        if words.first().is_none_or(|word| word.starts_with('#')) {
            return Ok(());
        }
        let (options, left_over) = options(words)?;
        let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let mut rule = Rule::default();
        for (letter, value) in &options {
            match letter {
                'i' | 'c' => self.goes_on = true,
                'D' => {
                    self.delete_all(&options)?;
                    return Ok(());
                }
                'e' | 'f' if !matches!(value.as_str(), "0" | "1" | "2") => return refused(),
                'e' if self.locked => return refused(),
                'e' => self.locked = value == "2",
                'b' | 'r' if !is_number(value) => return refused(),
                'f' | 'b' | 'r' | 's' | 'l' | 'v' | 't' | 'm' => {}
                'd' | 'W' => {
                    rule.deletes = true;
                    rule.option(*letter, value, host)?;
                }
                letter => rule.option(*letter, value, host)?,
            }
        }
        if left_over {
            return refused();
        }
        let Some(rule) = rule.finish(host)? else { return Ok(()) };
        self.take(rule)
    }

    fn delete_all(&mut self, options: &[(char, String)]) -> Result<(), Failure> {
        match options {
            _ if self.locked => return refused(),
            [_] => self.loaded.clear(),
            [_, ('k', key)] => {
                let has = |rule: &Loaded| {
                    let mut words = rule.listed.split(' ');
                    words.any(|word| word == key || word.strip_prefix("key=") == Some(key))
                };
                self.loaded.retain(|rule| !has(rule));
            }
            _ => return refused(),
        }
        Ok(())
    }

    fn take(&mut self, rule: Finished) -> Result<(), Failure> {
        let known = self.loaded.iter().position(|loaded| *loaded == rule.loaded);
        match (known, rule.deletes) {
            _ if self.locked => return refused(),
            (Some(at), true) => drop(self.loaded.remove(at)),
            // It exists already, or nothing like it does.
            (Some(_), false) | (None, true) => return refused(),
            (None, false) if rule.front => self.loaded.insert(0, rule.loaded),
            (None, false) => self.loaded.push(rule.loaded),
        }
        Ok(())
    }
}

/// A rule that is complete.
struct Finished {
    loaded: Loaded,
    deletes: bool,
    front: bool,
}

/// A rule, as its options are read.
#[derive(Debug, Default)]
struct Rule {
    list: Option<List>,
    action: &'static str,
    deletes: bool,
    front: bool,
    /// It has an action that is passed over.
    is_possible: bool,
    abi: Option<Abi>,
    calls: Calls,
    has_calls: bool,
    /// Something that a key may be of.
    has_subject: bool,
    fields: Vec<Field>,
    keys: Vec<String>,
}

impl Rule {
    fn option(&mut self, letter: char, value: &str, host: &mut dyn Host) -> Result<(), Failure> {
        match letter {
            'a' | 'A' | 'd' => {
                self.front = letter == 'A';
                self.acts(value)
            }
            'w' | 'W' => self.watch(value, host),
            'S' => {
                let no_calls = [List::Task, List::User, List::Filesystem, List::Exclude];
                if self.list.is_some_and(|list| no_calls.contains(&list)) {
                    return refused();
                }
                let abi = *self.abi.get_or_insert(host.native());
                self.has_calls = true;
                self.has_subject = true;
                self.calls.add(value, abi)
            }
            'F' => {
                let Some(list) = self.list else { return refused() };
                match value.strip_prefix("key=") {
                    Some(key) => self.keys.push(key.to_owned()),
                    None => self.field(Field::parse(value, list, host)?)?,
                }
                Ok(())
            }
            'C' => self.field(Field::compared(value)?),
            'k' if self.has_subject && self.list.is_some() => {
                self.keys.push(value.to_owned());
                Ok(())
            }
            'p' if self.list.is_some() && !self.fields.is_empty() => {
                let perms = permissions(value)?;
                self.has_subject = true;
                let known = self.fields.iter_mut().find_map(|field| match field {
                    Field::Perm(perms) => Some(perms),
                    _ => None,
                });
                match known {
                    Some(known) => *known = perms,
                    None => self.fields.push(Field::Perm(perms)),
                }
                Ok(())
            }
            _ => refused(),
        }
    }

    /// `-a always,exit`, in either order.
    fn acts(&mut self, value: &str) -> Result<(), Failure> {
        let action = |word| match word {
            "always" | "never" | "possible" => Some(word),
            _ => None,
        };
        let (one, other) = value.split_once(',').map_or_else(refused, Ok)?;
        let found = match (action(one), action(other)) {
            (Some(action), _) => Some(action).zip(List::named(other)),
            (None, Some(action)) => Some(action).zip(List::named(one)),
            (None, None) => None,
        };
        let (Some((action, list)), None) = (found, self.list) else { return refused() };
        if list == List::Task && self.has_calls {
            return refused();
        }
        self.list = Some(list);
        self.action = if action == "never" { "never" } else { "always" };
        self.is_possible = action == "possible";
        Ok(())
    }

    fn watch(&mut self, path: &str, host: &mut dyn Host) -> Result<(), Failure> {
        if self.list.is_some() || !path.starts_with('/') {
            return refused();
        }
        let trimmed = path.trim_end_matches('/');
        let path = if trimmed.is_empty() { "/" } else { trimmed }.to_owned();
        self.list = Some(List::Exit);
        self.action = "always";
        self.calls.all();
        self.has_calls = true;
        self.has_subject = true;
        let is_dir = host.is_directory(&path)?;
        self.fields.push(Field::Path { path, is_dir, op: "=" });
        self.fields.push(Field::Perm("rwxa".to_owned()));
        Ok(())
    }

    fn field(&mut self, field: Field) -> Result<(), Failure> {
        match &field {
            Field::Arch { .. } if self.has_calls => return refused(),
            Field::Arch { abi, .. } => self.abi = Some(*abi),
            Field::Path { .. } | Field::Perm(_) | Field::Exe { .. } | Field::FsType { .. } => {
                self.has_subject = true;
            }
            Field::Inode { .. } | Field::Other { .. } => {}
        }
        self.fields.push(field);
        Ok(())
    }

    /// The rule as the kernel takes it; none where the line has none.
    fn finish(mut self, host: &mut dyn Host) -> Result<Option<Finished>, Failure> {
        let Some(list) = self.list else {
            return if self.has_calls { refused() } else { Ok(None) };
        };
        if self.is_possible {
            return Ok(None);
        }
        if !self.keys.is_empty() && !self.has_subject {
            return refused();
        }
        if list != List::Task && !self.has_calls {
            self.calls.all();
        }
        self.has_one_path(host)?;
        let listed = self.listed(list, host.native());
        let loaded = Loaded { list, action: self.action, listed };
        Ok(Some(Finished { loaded, deletes: self.deletes, front: self.front }))
    }

    /// A rule is of one path, whose directory is there.
    fn has_one_path(&self, host: &mut dyn Host) -> Result<(), Failure> {
        let is_place = |field: &&Field| matches!(field, Field::Path { .. } | Field::Inode { .. });
        let mut places = self.fields.iter().filter(is_place);
        let first = places.next();
        if places.next().is_some() {
            return refused();
        }
        let Some(Field::Path { path, is_dir, op }) = first else { return Ok(()) };
        if *op != "=" || !path.starts_with('/') {
            return refused();
        }
        let there = if *is_dir {
            host.exists(path)?
        } else {
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            !path.ends_with('/')
                && host.is_directory(if parent.is_empty() { "/" } else { parent })?
        };
        if there { Ok(()) } else { refused() }
    }

    /// What is of a path, its permissions and its keys alone is listed as a watch, all else with
    /// its machine, its calls and then its conditions.
    fn listed(&self, list: List, native: Abi) -> String {
        let is_plain = |field: &Field| matches!(field, Field::Path { .. } | Field::Perm(_));
        let has_perm = self.fields.iter().any(|field| matches!(field, Field::Perm(_)));
        let is_watch = list == List::Exit
            && self.calls.are_all()
            && has_perm
            && self.fields.iter().all(is_plain);
        let mut listed = String::new();
        if !is_watch {
            listed = format!("-a {},{}", self.action, list.name());
            for field in &self.fields {
                if let Field::Arch { op, abi } = field {
                    listed.push_str(&format!(" -F arch{op}{}", abi.listed()));
                }
            }
            if list == List::Exit {
                listed.push_str(&self.calls.listed(self.abi.unwrap_or(native)));
            }
        }
        for field in &self.fields {
            listed.push_str(&field.listed(is_watch));
        }
        let flag = if is_watch { "-k " } else { "-F key=" };
        for key in &self.keys {
            listed.push_str(&format!(" {flag}{key}"));
        }
        listed.trim_start().to_owned()
    }
}

#[cfg(test)]
mod tests;
