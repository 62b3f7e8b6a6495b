//! The files of the account database, line by line.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{ImagePath, Origin, Xattrs};

use super::super::error::Problem;
use super::super::view::{Attributes, Kind};
use super::super::working::{self, Working};
use super::login_defs::LoginDefs;
use super::{File, GROUP, PASSWD};

/// All files that accounts are written to, and the rules for their ids.
pub(super) struct Database {
    pub(super) passwd: Table,
    pub(super) group: Table,
    pub(super) shadow: Table,
    pub(super) gshadow: Table,
    pub(super) subuid: Table,
    pub(super) subgid: Table,
    pub(super) defs: LoginDefs,
    pub(super) new_users: BTreeMap<String, u32>,
    pub(super) new_groups: BTreeMap<String, u32>,
    /// The declarations that the edits come from.
    pub(super) origins: Vec<Origin>,
}

impl Database {
    pub(super) fn read(work: &Working<'_>) -> Result<Self, Problem> {
        Ok(Self {
            passwd: Table::read(work, PASSWD)?,
            group: Table::read(work, GROUP)?,
            shadow: Table::read(work, File("etc/shadow"))?,
            gshadow: Table::read(work, File("etc/gshadow"))?,
            subuid: Table::read(work, File("etc/subuid"))?,
            subgid: Table::read(work, File("etc/subgid"))?,
            defs: LoginDefs::read(work)?,
            new_users: BTreeMap::new(),
            new_groups: BTreeMap::new(),
            origins: Vec::new(),
        })
    }

    pub(super) fn write(mut self, work: &mut Working<'_>) {
        self.origins.sort_unstable();
        let tables = [self.passwd, self.group, self.shadow, self.gshadow, self.subuid, self.subgid];
        for table in tables {
            table.write(work, &self.origins);
        }
        work.new_users = self.new_users;
        work.new_groups = self.new_groups;
    }
}

/// One file of `:`-separated lines, the name in the first field and an id in the third. Lines
/// that are not touched stay byte for byte.
pub(super) struct Table {
    path: ImagePath,
    attributes: Attributes,
    lines: Vec<String>,
    /// The image has the file.
    pub(super) present: bool,
    changed: bool,
}

impl Table {
    fn read(work: &Working<'_>, file: File) -> Result<Self, Problem> {
        let path = work.resolve(&file.path(), true)?;
        let kind = work.kind(&path);
        if !matches!(kind, None | Some(Kind::File)) {
            return Err(Problem::new(format!("`{path}` is no regular file in the image")));
        }
        let text = match work.content(&path)? {
            Some(bytes) => String::from_utf8(bytes)
                .map_err(|_| Problem::new(format!("`{path}` of the image is not UTF-8")))?,
            None => String::new(),
        };
        let default = Attributes { mode: 0o644, uid: 0, gid: 0, xattrs: Xattrs::new() };
        let attributes = match kind {
            Some(_) => work.below.attributes(&path).unwrap_or(default),
            None => default,
        };
        let lines = text.lines().map(str::to_owned).collect();
        Ok(Self { path, attributes, lines, present: kind.is_some(), changed: false })
    }

    fn write(self, work: &mut Working<'_>, origins: &[Origin]) {
        let Some(first) = origins.first().filter(|_| self.changed) else {
            return;
        };
        let mut text = self.lines.join("\n");
        text.push('\n');
        let Attributes { mode, uid, gid, xattrs } = self.attributes;
        work.put(&self.path, working::file(text.into_bytes(), mode, (uid, gid), xattrs), first);
        if let Some(made) = work.made.get_mut(&self.path) {
            made.origins = origins.to_vec();
        }
    }

    /// Fields of the line of `name`.
    pub(super) fn fields(&self, name: &str) -> Option<Vec<&str>> {
        let mut lines = self.lines.iter().map(|line| line.split(':').collect::<Vec<_>>());
        lines.find(|fields| fields.first() == Some(&name))
    }

    /// The lines as fields, comments and broken lines among them.
    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<&str>> {
        self.lines.iter().map(|line| line.split(':').collect())
    }

    /// The id in the line of `name`.
    pub(super) fn id_of(&self, name: &str) -> Option<u32> {
        self.fields(name)?.get(2)?.parse().ok()
    }

    /// The name of the first line with this id.
    pub(super) fn name_of(&self, id: u32) -> Option<&str> {
        let mut rows = self.rows();
        let row = rows.find(|row| row.get(2).and_then(|field| field.parse().ok()) == Some(id))?;
        row.first().copied()
    }

    pub(super) fn ids(&self) -> BTreeSet<u32> {
        self.rows().filter_map(|row| row.get(2)?.parse().ok()).collect()
    }

    pub(super) fn push(&mut self, line: String) {
        self.lines.push(line);
        self.changed = true;
    }

    /// Changes the fields of the line of `name`, if it is there.
    pub(super) fn edit(&mut self, name: &str, change: impl FnOnce(&mut Vec<String>)) {
        let line = self.lines.iter_mut().find(|line| line.split(':').next() == Some(name));
        if let Some(line) = line {
            let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
            change(&mut fields);
            let joined = fields.join(":");
            if joined != *line {
                *line = joined;
                self.changed = true;
            }
        }
    }
}
