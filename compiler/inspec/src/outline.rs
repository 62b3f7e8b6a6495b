//! What the files of a profile say without being run: for whoever plans to run it.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use regex::Regex;

use crate::map::Map;
use crate::metadata::Metadata;
use crate::value::Value;

/// The version of this interpreter. It is in the keys of verdicts, so that none of an interpreter that
/// judged otherwise is taken from a store: the number behind the `+` is raised with every change of what a
/// profile comes to.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+4");

/// What the directory of a profile may hold of it; all else in there is of no concern.
pub const DIRECTORIES: [&str; 4] = ["controls", "libraries", "files", "test"];

/// What a profile says of itself, in either spelling.
pub const MANIFESTS: [&str; 2] = ["inspec.yml", "inspec.yaml"];

/// Whether a file belongs to a profile, by its path in the profile's directory.
pub fn is_part(path: &str) -> bool {
    let below = path.split_once('/').map(|(directory, _)| directory);
    MANIFESTS.contains(&path) || below.is_some_and(|directory| DIRECTORIES.contains(&directory))
}

/// Whether a file of a profile declares controls, by its path in the profile's directory.
pub fn declares_controls(path: &str) -> bool {
    (path.starts_with("controls/") || path.starts_with("test/")) && path.ends_with(".rb")
}

/// The directory of a profile that another needs, by the `path` that its `inspec.yml` gives. It
/// begins with `..` or `/` where it leaves what the other's directory is relative to.
pub fn dependency(directory: &str, path: &str) -> String {
    if path.starts_with('/') { clean(path) } else { clean(&format!("{directory}/{path}")) }
}

/// A path without `.` and `..` where they can be taken away.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    match parts.as_slice() {
        [] if root.is_empty() => ".".to_owned(),
        parts => format!("{root}{}", parts.join("/")),
    }
}

/// An `inspec.yml`, as far as others need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The profile's name.
    pub name: String,
    /// Profiles that it needs: their names, and their paths where they are given by one.
    pub depends: Vec<(String, Option<String>)>,
    /// Names of its inputs, and their types where it says one.
    pub inputs: Vec<(String, Option<String>)>,
}

impl Manifest {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let metadata = Metadata::parse(text)?;
        let text = |map: &Map, key: &str| map.text(key).map(|value| value.text().to_string());
        let inputs = metadata.inputs.iter().filter_map(|input| {
            let Value::Hash(map) = input else { return None };
            let map = map.borrow();
            Some((text(&map, "name")?, text(&map, "type")))
        });
        let inputs = inputs.collect();
        let depends = metadata.depends.into_iter().map(|one| (one.name, one.path)).collect();
        Ok(Self { name: metadata.name, depends, inputs })
    }
}

/// The ids of the controls of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Those that the text writes out.
    pub written: BTreeSet<String>,
    /// Some are made when the file is run.
    pub makes_some: bool,
}

impl Ids {
    /// Adds those of a file.
    pub fn add(&mut self, text: &str) {
        static CONTROL: OnceLock<Option<Regex>> = OnceLock::new();
        // The word, and what stands behind it: a text in quotes, or anything else.
        let pattern = r#"(?m)^[ \t]*(?:control|rule)(?:[ \t]*\([ \t]*|[ \t]+)(?:'([^'\n]*)'|"([^"\n]*)"|(.))"#;
        let Some(control) = CONTROL.get_or_init(|| Regex::new(pattern).ok()) else { return };
        for found in control.captures_iter(text) {
            match (found.get(1), found.get(2)) {
                (Some(id), _) => {
                    self.written.insert(id.as_str().to_owned());
                }
                (None, Some(id)) if !id.as_str().contains(['#', '\\']) => {
                    self.written.insert(id.as_str().to_owned());
                }
                // `control = 1` is a local.
                _ if found.get(3).is_some_and(|other| other.as_str() == "=") => {}
                _ => self.makes_some = true,
            }
        }
    }
}

/// Whether a text of Ruby writes out a name as a string or a symbol.
pub fn mentions(text: &str, name: &str) -> bool {
    [format!("'{name}'"), format!("\"{name}\""), format!(":{name}")]
        .iter()
        .any(|written| text.contains(written.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_stand_behind_the_word() {
        let text = "control 'a-1' do\n  desc 'control \"x\" do'\nend\n  control(\"a-2\") do\n\
                    control \"a-#{n}\" do\n# control 'no' do\ncontrol = 1\nrule 'a-3' do\n";
        let mut ids = Ids::default();
        ids.add(text);
        assert_eq!(ids.written.iter().collect::<Vec<_>>(), ["a-1", "a-2", "a-3"]);
        assert!(ids.makes_some);
        let mut plain = Ids::default();
        plain.add("control 'a' do\nend\ncontrol = 1\n");
        assert!(!plain.makes_some);
    }

    #[test]
    fn a_manifest_names_what_it_needs() {
        let text = "name: site\ndepends:\n- name: base\n  path: ../base\n- name: far\n  \
                    git: https://git.example.org/far\ninputs:\n- name: shells\n  type: Array\n\
                    - name: umask\n";
        let found = Manifest::parse(text).unwrap();
        let pair = |name: &str, more: Option<&str>| (name.to_owned(), more.map(str::to_owned));
        assert_eq!(found.name, "site");
        assert_eq!(found.depends, [pair("base", Some("../base")), pair("far", None)]);
        assert_eq!(found.inputs, [pair("shells", Some("Array")), pair("umask", None)]);
        assert!(Manifest::parse("title: none\n").is_err());
        assert_eq!(dependency("vendor/site", "../base"), "vendor/base");
        assert_eq!(dependency("site", "../../x"), "../x");
    }

    #[test]
    fn only_parts_of_a_profile_are_read() {
        for path in ["inspec.yml", "controls/a/b.rb", "libraries/x.rb", "files/list.json"] {
            assert!(is_part(path), "{path}");
        }
        for path in ["README.md", "spec/inspec.yml", "controls.rb"] {
            assert!(!is_part(path), "{path}");
        }
        assert!(declares_controls("controls/a.rb") && !declares_controls("files/a.rb"));
    }

    #[test]
    fn names_are_mentioned_as_texts_or_symbols() {
        assert!(mentions("input('umask')", "umask"));
        assert!(mentions("attribute(:umask)", "umask"));
        assert!(!mentions("input('umask_of_root')", "umask"));
    }
}
