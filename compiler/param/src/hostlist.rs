//! Slurm's host lists: `shas[0101-0160,0200],login1`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Hosts that one list may name: what Slurm allows too.
const MOST: usize = 65_536;

/// A list of hosts, expanded, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostList {
    hosts: Arc<[String]>,
    written: Arc<str>,
}

/// Why a text is no list of hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostListError {
    /// What is wrong, with the part that is.
    pub why: String,
}

impl HostList {
    /// Expands a list. Leading zeros of a range's first number give its width.
    pub fn parse(text: &str) -> Result<Self, HostListError> {
        let mut hosts: Vec<String> = Vec::new();
        for word in words(text)? {
            expand(word, &mut hosts)?;
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = hosts.iter().find(|host| !seen.insert(host.as_str())) {
            return Err(wrong(format!("`{twice}` stands in it twice")));
        }
        Ok(Self { hosts: hosts.into(), written: text.into() })
    }

    /// All hosts.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }
}

/// As it was written.
impl fmt::Display for HostList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn wrong(why: impl Into<String>) -> HostListError {
    HostListError { why: why.into() }
}

/// The parts between commas that stand outside of brackets.
fn words(text: &str) -> Result<Vec<&str>, HostListError> {
    let (mut words, mut start, mut open) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match (byte, open) {
            (b'[', false) => open = true,
            (b']', true) => open = false,
            (b'[', true) => return Err(wrong("a `[` stands inside of brackets")),
            (b']', false) => return Err(wrong("a `]` closes nothing")),
            (b',', false) => {
                words.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    if open {
        return Err(wrong("a `[` is never closed"));
    }
    words.push(text.get(start..).unwrap_or_default());
    match words.iter().find(|word| word.is_empty()) {
        Some(_) if text.is_empty() => Err(wrong("it names no host")),
        Some(_) => Err(wrong("there is nothing between two commas, or beside one")),
        None => Ok(words),
    }
}

/// Adds the hosts of one word: `rack[0-3]node[1-4]`.
fn expand(word: &str, hosts: &mut Vec<String>) -> Result<(), HostListError> {
    let mut names = vec![String::new()];
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('[') {
        let (inside, after) = after.split_once(']').unwrap_or((after, ""));
        let numbers = numbers(inside)?;
        if names.len().saturating_mul(numbers.len()).saturating_add(hosts.len()) > MOST {
            return Err(too_many());
        }
        names = names
            .iter()
            .flat_map(|name| numbers.iter().map(move |number| format!("{name}{before}{number}")))
            .collect();
        rest = after;
    }
    for name in &mut names {
        name.push_str(rest);
    }
    if names.len() + hosts.len() > MOST {
        return Err(too_many());
    }
    if let Some(bad) = names.iter().find(|name| !is_host(name)) {
        return Err(wrong(format!("`{bad}` is no name of a host")));
    }
    hosts.extend(names);
    Ok(())
}

fn too_many() -> HostListError {
    wrong(format!("it names more than {MOST} hosts"))
}

/// What stands in brackets: numbers and ranges between commas.
fn numbers(inside: &str) -> Result<Vec<String>, HostListError> {
    let mut numbers = Vec::new();
    for part in inside.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| -> Result<usize, HostListError> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|_| digits && text.len() <= 9);
            number.ok_or_else(|| wrong(format!("`[{inside}]` holds `{part}`, which is no range")))
        };
        let (from, to) = (number(first)?, number(last)?);
        if from > to {
            return Err(wrong(format!("the range `{part}` runs backwards")));
        }
        if to - from >= MOST || numbers.len() > MOST {
            return Err(too_many());
        }
        let width = first.len();
        numbers.extend((from..=to).map(|number| format!("{number:0width$}")));
    }
    Ok(numbers)
}

fn is_host(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_expand_as_slurm_expands_them() {
        let cases: [(&str, Result<&str, &str>); 19] = [
            ("a", Ok("a")),
            ("a,b", Ok("a b")),
            ("n[1-3]", Ok("n1 n2 n3")),
            ("n[08-11,20]", Ok("n08 n09 n10 n11 n20")),
            ("n[099-101]", Ok("n099 n100 n101")),
            ("r[0-1]n[1-2]-ib", Ok("r0n1-ib r0n2-ib r1n1-ib r1n2-ib")),
            ("shas[0101-0102],login1.example.org", Ok("shas0101 shas0102 login1.example.org")),
            ("", Err("it names no host")),
            ("a,,b", Err("there is nothing between two commas, or beside one")),
            ("a,", Err("there is nothing between two commas, or beside one")),
            ("n[1", Err("a `[` is never closed")),
            ("n1]", Err("a `]` closes nothing")),
            ("n[[1]]", Err("a `[` stands inside of brackets")),
            ("n[3-1]", Err("the range `3-1` runs backwards")),
            ("n[a-b]", Err("`[a-b]` holds `a-b`, which is no range")),
            ("n[]", Err("`[]` holds ``, which is no range")),
            ("n[1-2,2]", Err("`n2` stands in it twice")),
            ("a b", Err("`a b` is no name of a host")),
            ("n[1-999]m[1-999]", Err("it names more than 65536 hosts")),
        ];
        for (text, want) in cases {
            let got = HostList::parse(text);
            let got = got.map(|list| list.hosts().join(" ")).map_err(|error| error.why);
            assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
        }
        assert_eq!(HostList::parse("n[1-65536]").unwrap().hosts().len(), MOST);
        assert!(HostList::parse("n[0-999999999]").is_err());
        assert!(HostList::parse("n[1-65536],m").is_err());
    }
}
