/// Whether a pattern of `remove` takes away a path: the path itself, or one above it. `*` and `?`
/// match within a component.
pub(crate) fn takes_away(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.split('/').filter(|part| !part.is_empty());
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    loop {
        match (wanted.next(), parts.next()) {
            (None, _) => return true,
            (Some(_), None) => return false,
            (Some(wanted), Some(part)) if !matches(wanted.as_bytes(), part.as_bytes()) => {
                return false;
            }
            (Some(_), Some(_)) => {}
        }
    }
}

/// Linear in the text for each star: the last one is tried further, never all of them.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || text.get(from) == Some(wanted) => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((pattern_at, text_at)) => {
                    star = Some((pattern_at, text_at + 1));
                    at = pattern_at + 1;
                    from = text_at + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_none_or(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_within_a_component() {
        let cases = [
            ("/var/log/*", "/var/log/a", true),
            ("/var/log/*", "/var/log/a/b", true),
            ("/var/log/*", "/var/log", false),
            ("/etc/munge/munge.key", "/etc/munge/munge.key", true),
            ("/etc/munge", "/etc/munge/munge.key", true),
            ("/etc/m*.k?y", "/etc/munge.key", true),
            ("/etc/*/x", "/etc/a/b/x", false),
            ("/boot/initrd.img*", "/boot/vmlinuz", false),
            ("/a*b*c", "/axxbxxbc", true),
            ("/a*b*c", "/axxbxxb", false),
        ];
        for (pattern, path, want) in cases {
            assert_eq!(takes_away(pattern, path), want, "{pattern} {path}");
        }
    }
}
