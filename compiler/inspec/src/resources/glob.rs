//! Paths by patterns, as a shell expands them.

use crate::interp::Machine;
use crate::stop::Stop;

/// Paths that one pattern may give.
const MOST: usize = 100_000;

/// Whether a word has something to expand.
pub(crate) fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?', '['])
}

/// The paths that an absolute pattern stands for, sorted. Names that begin with a dot are found by
/// a dot alone.
pub(crate) fn glob(machine: &mut Machine<'_>, pattern: &str) -> Result<Vec<String>, Stop> {
    let mut found = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for before in &found {
            if !is_pattern(part) {
                next.push(format!("{before}/{part}"));
                continue;
            }
            let place = if before.is_empty() { "/" } else { before };
            let names = machine.answer(machine.target.list(place))?.unwrap_or_default();
            machine.meter.steps(1 + names.len() as u64)?;
            let fits = names.into_iter().filter(|name| {
                name.starts_with('.') == part.starts_with('.')
                    && fits(part.as_bytes(), name.as_bytes())
            });
            next.extend(fits.map(|name| format!("{before}/{name}")));
        }
        if next.len() > MOST {
            return Err(crate::limits::limit(format!(
                "`{pattern}` stands for more than {MOST} paths"
            )));
        }
        found = next;
    }
    let mut there = Vec::new();
    for path in found {
        if machine.answer(machine.target.stat(&path, false))?.is_some() {
            there.push(path);
        }
    }
    Ok(there)
}

/// Whether a name fits a pattern of one path's part: `*`, `?` and sets of characters.
pub(super) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    // Where the last star stands, and how much of the name it has taken.
    let (mut star, mut taken) = (None, 0);
    let (mut p, mut n) = (0, 0);
    while n < name.len() {
        let one = pattern.get(p).and_then(|c| match c {
            b'*' => None,
            b'?' => Some(p + 1),
            b'[' => set(pattern, p, name[n]),
            c => (*c == name[n]).then_some(p + 1),
        });
        if let Some(next) = one {
            (p, n) = (next, n + 1);
        } else if pattern.get(p) == Some(&b'*') {
            (star, taken) = (Some(p), n);
            p += 1;
        } else if let Some(at) = star {
            taken += 1;
            (p, n) = (at + 1, taken);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// The place behind a set that a character is in.
fn set(pattern: &[u8], at: usize, c: u8) -> Option<usize> {
    let negated = matches!(pattern.get(at + 1), Some(b'!' | b'^'));
    let begin = at + 1 + usize::from(negated);
    let end = (begin + 1..pattern.len()).find(|end| pattern[*end] == b']')?;
    let members = &pattern[begin..end];
    let mut holds = false;
    let mut i = 0;
    while i < members.len() {
        if let Some([from, b'-', to]) = members.get(i..i + 3) {
            holds |= (*from..=*to).contains(&c);
            i += 3;
        } else {
            holds |= members[i] == c;
            i += 1;
        }
    }
    (holds != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn names_by_patterns() {
        for (pattern, name, want) in [
            ("*", "a", true),
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.d", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[0-9]*", "50-x", true),
            ("[!0-9]*", "50-x", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("a", "a", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
        }
    }
}
