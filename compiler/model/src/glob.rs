/// Whether a pattern names the whole of a text: `*` stands for any bytes, `?` for one. It takes time
/// in proportion to the product of their lengths at most.
pub fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where to go on when the rest does not match: the last `*` takes one byte more.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(from) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
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

/// Whether a pattern takes a path away, itself or with a directory above it: `*` and `?` match
/// within a component.
pub fn takes_away(pattern: &str, path: &[u8]) -> bool {
    let mut wanted = pattern.as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty());
    let mut parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
    let mut any = false;
    loop {
        match (wanted.next(), parts.next()) {
            (None, _) => return any,
            (Some(_), None) => return false,
            (Some(wanted), Some(part)) if !wildcard(wanted, part) => return false,
            (Some(_), Some(_)) => any = true,
        }
    }
}

/// A kernel module's name, from its file's: `snd-pcm.ko.xz` is `snd_pcm`.
pub fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

/// Whether a pattern names a kernel module: by its name, or by a directory above it. The path begins
/// below the version's directory.
pub fn names_module(pattern: &str, path: &str) -> bool {
    let inside = path.strip_prefix("kernel/").unwrap_or(path);
    let below = inside.strip_prefix(pattern.trim_end_matches('/'));
    below.is_some_and(|rest| rest.starts_with('/'))
        || wildcard(pattern.replace('-', "_").as_bytes(), module_name(path).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_backtrack() {
        let cases = [
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("*.log", "x.log.1", false),
            ("**", "x", true),
        ];
        for (glob, text, want) in cases {
            assert_eq!(wildcard(glob.as_bytes(), text.as_bytes()), want, "{glob} {text}");
        }
    }

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
            ("/", "/etc", false),
        ];
        for (pattern, path, want) in cases {
            assert_eq!(takes_away(pattern, path.as_bytes()), want, "{pattern} {path}");
        }
    }

    #[test]
    fn modules_are_named_by_name_and_by_directory() {
        let cases = [
            ("snd-*", "kernel/sound/core/snd-pcm.ko.xz", true),
            ("snd_pcm", "kernel/sound/core/snd-pcm.ko.xz", true),
            ("sound", "kernel/sound/core/snd-pcm.ko.xz", true),
            ("sound/co", "kernel/sound/core/snd-pcm.ko.xz", false),
            ("pcm", "kernel/sound/core/snd-pcm.ko.xz", false),
            ("updates", "updates/dkms/nvidia.ko", true),
        ];
        for (pattern, path, want) in cases {
            assert_eq!(names_module(pattern, path), want, "{pattern} {path}");
        }
    }
}
