//! Mounts as lines of fstab(5).

use forge_model::Edit;

/// Where the lines stand.
pub(crate) const PATH: &str = "/etc/fstab";

/// Whether a file system comes over the network.
pub fn is_remote(filesystem: &str) -> bool {
    matches!(filesystem, "nfs" | "nfs4" | "cifs" | "ceph" | "lustre" | "beegfs" | "glusterfs")
}

/// A line's parts, as a `mount` gives them.
pub(crate) struct Line<'a> {
    pub(crate) path: &'a str,
    pub(crate) what: &'a str,
    pub(crate) filesystem: &'a str,
    pub(crate) options: &'a str,
    pub(crate) automount: bool,
}

impl Line<'_> {
    /// The edit that makes it: the line that its path has there, or one at the end.
    pub(crate) fn edit(&self) -> Edit {
        let Self { path, what, filesystem, options, automount } = *self;
        let place = field(path);
        let mut all: Vec<&str> = options.split(',').filter(|option| !option.is_empty()).collect();
        if automount {
            all.extend(["noauto", "x-systemd.automount"]);
        }
        // systemd knows some of these by their type, and others not.
        if is_remote(filesystem) && !all.contains(&"_netdev") {
            all.push("_netdev");
        }
        if all.is_empty() {
            all.push("defaults");
        }
        let text = format!("{} {place} {filesystem} {} 0 0", field(what), all.join(","));
        let escape =
            |c: char| (c.is_ascii_punctuation() && c != '/').then_some('\\').into_iter().chain([c]);
        let escaped: String = place.chars().flat_map(escape).collect();
        let pattern = Some(format!("^\\s*[^#\\s]\\S*\\s+{escaped}\\s"));
        Edit::Line { pattern, text, append: true }
    }
}

/// Blanks separate the fields.
fn field(text: &str) -> String {
    text.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011")
}

/// Where a line mounts something, as it is written; none for a comment, or for swap.
pub(crate) fn mount_point(line: &str) -> Option<&str> {
    let mut fields = line.split_whitespace();
    fields.next().filter(|first| !first.starts_with('#'))?;
    fields.next().filter(|place| place.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_where_they_mount() {
        let line = Line {
            path: "/my data",
            what: "LABEL=x",
            filesystem: "ext4",
            options: "",
            automount: false,
        };
        let Edit::Line { pattern: Some(pattern), text, append: true } = line.edit() else {
            panic!("a line");
        };
        assert_eq!(mount_point(&text), Some("/my\\040data"));
        assert!(forge_model::line_pattern(&pattern).unwrap().is_match(text.as_bytes()));
        for other in ["# /dev/a /a", "", "/dev/a", "UUID=1 none swap sw 0 0"] {
            assert_eq!(mount_point(other), None, "{other}");
        }
    }
}
