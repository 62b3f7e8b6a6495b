//! The `[Install]` section of a unit and its drop-ins.

use std::collections::BTreeMap;

use forge_model::ImagePath;

use super::super::error::Problem;
use super::super::view::Kind;
use super::super::working::Working;
use super::find::{Unit, search_dirs};

/// What `[Install]` says, as written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Install {
    pub(super) aliases: Vec<String>,
    pub(super) wanted_by: Vec<String>,
    pub(super) required_by: Vec<String>,
    pub(super) also: Vec<String>,
    pub(super) default_instance: Option<String>,
}

impl Install {
    /// Reads a unit's file, then its drop-ins in the order of their names.
    pub(super) fn read(work: &Working<'_>, unit: &Unit) -> Result<Self, Problem> {
        let mut install = Self::default();
        install.add(&text(work, &unit.path)?);
        for path in drop_ins(work, unit) {
            install.add(&text(work, &path)?);
        }
        Ok(install)
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self { aliases, wanted_by, required_by, also, default_instance: _ } = self;
        [aliases, wanted_by, required_by, also].iter().all(|list| list.is_empty())
    }

    fn add(&mut self, text: &str) {
        let mut inside = false;
        for line in logical_lines(text) {
            let line = line.trim();
            if line.starts_with('[') {
                inside = line == "[Install]";
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| inside) else {
                continue;
            };
            let value = value.trim();
            match key.trim() {
                "Alias" => extend(&mut self.aliases, value),
                "WantedBy" => extend(&mut self.wanted_by, value),
                "RequiredBy" => extend(&mut self.required_by, value),
                "Also" => self.also.extend(words(value)),
                "DefaultInstance" => {
                    self.default_instance = Some(value.to_owned()).filter(|text| !text.is_empty());
                }
                _ => {}
            }
        }
    }
}

/// An empty value empties the list.
fn extend(list: &mut Vec<String>, value: &str) {
    if value.is_empty() {
        list.clear();
    } else {
        list.extend(words(value));
    }
}

fn words(value: &str) -> impl Iterator<Item = String> {
    value.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned())
}

/// Lines without comments, a backslash at the end joined with the next line (systemd.syntax(7)).
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let mut whole = open.take().unwrap_or_default();
        if let Some(part) = line.strip_suffix('\\') {
            whole.push_str(part);
            whole.push(' ');
            open = Some(whole);
        } else {
            whole.push_str(line);
            lines.push(whole);
        }
    }
    lines.extend(open);
    lines
}

fn text(work: &Working<'_>, path: &ImagePath) -> Result<String, Problem> {
    let bytes = work.content(path)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The drop-ins of a unit and of its template: by file name, the first directory of the search
/// path wins, a link to `/dev/null` takes one away.
fn drop_ins(work: &Working<'_>, unit: &Unit) -> Vec<ImagePath> {
    let dirs = search_dirs(work);
    let mut found: BTreeMap<Vec<u8>, Option<ImagePath>> = BTreeMap::new();
    for name in [Some(unit.name.clone()), unit.name.template()].into_iter().flatten() {
        for dir in &dirs {
            let dir = dir.join(format!("{name}.d").as_bytes());
            let Some((dir, Kind::Directory)) = work.follow(&dir) else {
                continue;
            };
            for file in work.names(&dir).into_iter().filter(|file| file.ends_with(b".conf")) {
                let real = work.follow(&dir.join(&file));
                let real = real.filter(|(_, kind)| *kind == Kind::File).map(|(real, _)| real);
                found.entry(file).or_insert(real);
            }
        }
    }
    found.into_values().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_as_systemd_does() {
        let mut install = Install::default();
        install.add(
            "[Unit]\nWantedBy=no.target\n[Install]\n# WantedBy=comment.target\n\
             WantedBy=a.target \\\n; in between\n  b.target\nWantedBy=c.target\nAlias=\"x.service\"\n\
             DefaultInstance = tty1\nAlso=y.socket\n[X-Other]\nRequiredBy=no.target\n",
        );
        assert_eq!(install.wanted_by, ["a.target", "b.target", "c.target"]);
        assert_eq!(install.aliases, ["x.service"]);
        assert_eq!(install.also, ["y.socket"]);
        assert_eq!(install.default_instance.as_deref(), Some("tty1"));
        assert!(install.required_by.is_empty());
        install.add("[Install]\nWantedBy=\nWantedBy=d.target\nAlso=\n");
        assert_eq!(install.wanted_by, ["d.target"]);
        assert_eq!(install.also, ["y.socket"]);
    }
}
