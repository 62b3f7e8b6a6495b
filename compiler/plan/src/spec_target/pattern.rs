//! Paths as text: where links lead, and what `remove` takes away.

use forge_model::ImagePath;

/// Where a link at `link` with this target leads.
pub(super) fn join(link: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether a pattern of `remove` takes a path away, itself or with a directory above it.
pub(super) fn removes(pattern: &str, path: &ImagePath) -> bool {
    let patterns: Vec<&[u8]> =
        pattern.as_bytes().split(|b| *b == b'/').filter(|part| !part.is_empty()).collect();
    let parts: Vec<&[u8]> = path.components().collect();
    !patterns.is_empty()
        && parts.len() >= patterns.len()
        && patterns.iter().zip(&parts).all(|(pattern, part)| glob(pattern, part))
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((wanted, rest)) => text.split_first().is_some_and(|(first, others)| {
            (*wanted == b'?' || wanted == first) && glob(rest, others)
        }),
    }
}
