//! Removal by path or glob.
//!
//! `*`, `?` and `[…]` match within one component, names with a leading dot too. Links on the way
//! are followed inside the image, the last component is not: a link is taken away itself. A
//! pattern that matches nothing is no error, since a package may stop to ship what it names, but
//! it is noted.

use forge_model::{ImagePath, Origin};

use super::error::Problem;
use super::paths::is_usr_link;
use super::view::Kind;
use super::working::Working;

pub(super) fn apply(work: &mut Working<'_>, pattern: &str, origin: &Origin) -> Result<(), Problem> {
    let components = parse(pattern)?;
    let mut found = vec![ImagePath::ROOT];
    for (at, component) in components.iter().enumerate() {
        let mut next = Vec::new();
        for dir in &found {
            let Some(dir) = enter(work, dir, at) else {
                continue;
            };
            match component {
                Component::Name(name) => next.push(dir.join(name)),
                Component::Glob(glob) => {
                    let names = work.names(&dir).into_iter().filter(|name| matches(glob, name));
                    next.extend(names.map(|name| dir.join(&name)));
                }
            }
        }
        found = next;
    }
    found.retain(|path| work.kind(path).is_some());
    if found.is_empty() {
        work.note(origin, format!("`{pattern}` matches nothing in the image"));
    }
    for path in &found {
        check(work, pattern, path)?;
    }
    for path in &found {
        work.remove(path, origin);
    }
    Ok(())
}

/// The real directory that `path` is or leads to, when it is one.
fn enter(work: &Working<'_>, path: &ImagePath, depth: usize) -> Option<ImagePath> {
    if depth == 0 {
        return Some(ImagePath::ROOT);
    }
    work.follow(path).filter(|(_, kind)| *kind == Kind::Directory).map(|(real, _)| real)
}

fn check(work: &Working<'_>, pattern: &str, path: &ImagePath) -> Result<(), Problem> {
    if is_usr_link(path) && matches!(work.kind(path), Some(Kind::Symlink(_))) {
        return Err(Problem::new(format!(
            "`{pattern}` would take away `{path}`, a link of a merged /usr"
        )));
    }
    let declared = work.declared.iter().find(|(real, _)| real.starts_with(path));
    if let Some((_, (written, origin))) = declared {
        let message = format!("`{pattern}` would take away `{written}`, declared at {origin}");
        return Err(Problem::new(message).help("keep one of the two"));
    }
    Ok(())
}

enum Component {
    Name(Vec<u8>),
    Glob(Vec<u8>),
}

fn parse(pattern: &str) -> Result<Vec<Component>, Problem> {
    if !pattern.starts_with('/') {
        return Err(Problem::new(format!("`{pattern}` is no absolute path"))
            .help(format!("write `/{pattern}`")));
    }
    let mut components = Vec::new();
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." || part.contains('\0') {
            return Err(Problem::new(format!("`{pattern}` leaves the way down into the image")));
        }
        if part == "**" {
            return Err(Problem::new(format!("`{pattern}`: a glob stays within one component"))
                .help("a path without glob takes away all below it"));
        }
        let glob = part.contains(['*', '?', '[', '\\']);
        let bytes = part.as_bytes().to_vec();
        components.push(if glob { Component::Glob(bytes) } else { Component::Name(bytes) });
    }
    let all = |component: &Component| matches!(component, Component::Glob(glob) if glob == b"*");
    if components.is_empty() || (components.len() == 1 && all(&components[0])) {
        return Err(Problem::new(format!("`{pattern}` would take away the whole image")));
    }
    Ok(components)
}

/// Matches a name with a glob of `*`, `?`, `[abc]`, `[a-z]`, `[!a]` and `\x`, as glob(7) has them,
/// in time linear in both for each star.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut at, mut pos) = (0, 0);
    // Where to go on when a later byte does not fit: after the last star, one byte further.
    let mut retry = None;
    loop {
        if glob.get(at) == Some(&b'*') {
            at += 1;
            retry = Some((at, pos));
            continue;
        }
        match (name.get(pos), step(glob, at, name.get(pos).copied())) {
            (None, None) if at == glob.len() => return true,
            (Some(_), Some(next)) => {
                at = next;
                pos += 1;
            }
            _ => match retry {
                Some((after, from)) if from < name.len() => {
                    at = after;
                    pos = from + 1;
                    retry = Some((after, from + 1));
                }
                _ => return false,
            },
        }
    }
}

/// Matches one byte with the element of the glob at `at`; gives where the next element begins.
fn step(glob: &[u8], at: usize, byte: Option<u8>) -> Option<usize> {
    let byte = byte?;
    match *glob.get(at)? {
        b'?' => Some(at + 1),
        b'\\' => (*glob.get(at + 1)? == byte).then_some(at + 2),
        b'[' => match class(glob, at + 1, byte) {
            Some((true, end)) => Some(end),
            Some((false, _)) => None,
            // A bracket without its end stands for itself.
            None => (byte == b'[').then_some(at + 1),
        },
        own => (own == byte).then_some(at + 1),
    }
}

/// Whether `byte` is in the class that begins at `start`, and where the class ends.
fn class(glob: &[u8], start: usize, byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(glob.get(start), Some(b'!' | b'^'));
    let first = start + usize::from(negated);
    let mut at = first;
    let mut inside = false;
    loop {
        let low = *glob.get(at)?;
        if low == b']' && at > first {
            return Some((inside != negated, at + 1));
        }
        let range = glob.get(at + 1) == Some(&b'-') && glob.get(at + 2).is_some_and(|b| *b != b']');
        let high = if range { *glob.get(at + 2)? } else { low };
        inside |= (low..=high).contains(&byte);
        at += if range { 3 } else { 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_glob_7_says() {
        let cases = [
            ("*", "anything", true),
            ("*", "", true),
            ("*", ".hidden", true),
            ("a*c", "abbbc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "aXbYbZc", true),
            ("*.log", "x.log.log", true),
            ("?", "a", true),
            ("?", "", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[]a]", "]", true),
            ("[a-]", "-", true),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("ssh_host_*_key*", "ssh_host_rsa_key.pub", true),
        ];
        for (glob, name, want) in cases {
            assert_eq!(matches(glob.as_bytes(), name.as_bytes()), want, "{glob} {name}");
        }
    }

    #[test]
    fn hostile_globs_end_soon() {
        let glob = "*a".repeat(200);
        assert!(!matches(glob.as_bytes(), "a".repeat(190).as_bytes()));
        assert!(matches(glob.as_bytes(), "a".repeat(3000).as_bytes()));
    }
}
