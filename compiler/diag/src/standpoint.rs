use std::path::{Component, Path, PathBuf};

/// Where a reader stands: paths of a project, which are relative to its root, as they are seen from
/// there. Terminals and editors find a file by what is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standpoint {
    /// The directories from the root down to the reader, where the reader stands in the project.
    below: Vec<String>,
    /// The way from the reader to the root, where the reader stands outside.
    way: PathBuf,
    /// A directory that is no part of the disk: what lies in it keeps its path.
    apart: Option<&'static str>,
}

impl Standpoint {
    /// A reader in the directory `here`, and a project at `root`; both absolute. The way to a project
    /// that lies elsewhere is relative, unless nothing but `/` is above both.
    pub fn new(here: &Path, root: &Path) -> Self {
        let (here, root) = (plain(here), plain(root));
        if let Ok(below) = here.strip_prefix(&root) {
            let names = below.components().map(|name| name.as_os_str().to_string_lossy());
            let below = names.map(std::borrow::Cow::into_owned).collect();
            return Self { below, ..Self::default() };
        }
        let shared = here.components().zip(root.components()).take_while(|(a, b)| a == b).count();
        let up = here.components().count() - shared;
        let way = if shared <= 1 {
            root
        } else {
            let down = root.components().skip(shared);
            std::iter::repeat_n(Component::ParentDir, up).chain(down).collect()
        };
        Self { way, ..Self::default() }
    }

    /// The same, with a directory whose paths stay as they are.
    #[must_use]
    pub fn apart(self, directory: &'static str) -> Self {
        Self { apart: Some(directory), ..self }
    }

    /// A path of the project as it is seen.
    pub fn path(&self, path: &str) -> String {
        let kept = self.apart.is_some_and(|apart| Path::new(path).starts_with(apart));
        if kept || (self.below.is_empty() && self.way.as_os_str().is_empty()) {
            return path.to_owned();
        }
        if self.below.is_empty() {
            return self.way.join(path).to_string_lossy().into_owned();
        }
        let names: Vec<&str> = path.split('/').collect();
        let directories = names.len().saturating_sub(1);
        let same = self.below.iter().zip(names.iter().take(directories));
        let same = same.take_while(|(here, there)| here == *there).count();
        let up = std::iter::repeat_n("..", self.below.len() - same);
        up.chain(names.into_iter().skip(same)).collect::<Vec<_>>().join("/")
    }
}

/// A path without `.` and `..`, worked out as text.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_where_one_stands() {
        let cases = [
            ("/a/site", "roles/x.kdl", "roles/x.kdl"),
            ("/a/site/roles", "roles/x.kdl", "x.kdl"),
            ("/a/site/roles/y", "roles/x.kdl", "../x.kdl"),
            ("/a/site/roles/x.kdl", "roles/x.kdl", "../x.kdl"),
            ("/a/site/images", "forge.kdl", "../forge.kdl"),
            ("/a/site/images", "std/sshd/role.kdl", "std/sshd/role.kdl"),
            ("/a", "forge.kdl", "site/forge.kdl"),
            ("/a/other/below", "forge.kdl", "../../site/forge.kdl"),
            ("/home/ann", "forge.kdl", "/a/site/forge.kdl"),
            ("/", "std/x.kdl", "std/x.kdl"),
            ("/", "forge.kdl", "/a/site/forge.kdl"),
        ];
        for (here, path, want) in cases {
            let root = Path::new("/a/./b/../site");
            let from = Standpoint::new(Path::new(here), root).apart("std");
            assert_eq!(from.path(path), want, "{here}");
        }
        assert_eq!(Standpoint::default().path("forge.kdl"), "forge.kdl");
    }
}
