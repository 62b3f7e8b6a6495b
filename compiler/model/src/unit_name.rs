use std::fmt::Write as _;

use crate::ImagePath;

/// The name of the unit for a path, as `systemd-escape --path --suffix=…` gives it: the name that
/// a mount, automount, swap or path unit must have (systemd.unit(5), "String escaping for
/// inclusion in unit names"). `suffix` is the unit's type with its dot, `.mount`.
pub fn unit_name_for_path(path: &ImagePath, suffix: &str) -> String {
    let mut out = String::with_capacity(path.as_bytes().len() + suffix.len());
    if path.is_root() {
        out.push('-');
    }
    for (at, byte) in path.as_bytes().iter().enumerate() {
        match byte {
            b'/' => out.push('-'),
            b'.' if at > 0 => out.push('.'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' => out.push(char::from(*byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push_str(suffix);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `systemd-escape --path --suffix=mount` of systemd 252 answers.
    #[test]
    fn names_are_those_of_systemd_escape() {
        let cases = [
            ("/", "-.mount"),
            ("/scratch", "scratch.mount"),
            ("/beegfs/pl-active", "beegfs-pl\\x2dactive.mount"),
            ("//var///lib/", "var-lib.mount"),
            ("/.hidden/.x", "\\x2ehidden-.x.mount"),
            ("/a b/ü", "a\\x20b-\\xc3\\xbc.mount"),
            ("/a\\b/c:d_e.f@g", "a\\x5cb-c:d_e.f\\x40g.mount"),
        ];
        for (path, want) in cases {
            let path = ImagePath::new(path).unwrap();
            assert_eq!(unit_name_for_path(&path, ".mount"), want, "{path}");
        }
    }
}
