//! One account.

use std::ops::Deref;

use forge_model::User;

use super::super::error::Problem;
use super::database::{Database, Table};
use super::home::Home;
use super::ids::{Space, choose, free_run};
use super::{
    BUILD_DAY, Reserved, add_member, check_name, new_gid, no_id, other_id, push_group, taken,
};

/// A declared account.
pub(super) struct Account<'a>(pub(super) &'a User);

impl Deref for Account<'_> {
    type Target = User;

    fn deref(&self) -> &User {
        self.0
    }
}

impl Account<'_> {
    /// Adds the account, or sets what is declared of one that exists. Gives the home to be made.
    pub(super) fn add(
        &self,
        database: &mut Database,
        reserved: &Reserved,
    ) -> Result<Option<Home>, Problem> {
        self.check(database)?;
        let (uid, gid) = match database.passwd.id_of(&self.name) {
            Some(uid) => (uid, self.change(database, uid)?),
            None => self.create(database, reserved)?,
        };
        for group in &self.groups {
            add_member(&mut database.group, group, &self.name);
            add_member(&mut database.gshadow, group, &self.name);
        }
        if self.system && self.keys.is_empty() {
            return Ok(None);
        }
        let passwd = database.passwd.fields(&self.name).unwrap_or_default();
        let path = passwd.get(5).copied().unwrap_or_default();
        let home = Home::new(path, (uid, gid), database.defs.home_mode(), &self.keys);
        if home.is_none() && !self.keys.is_empty() {
            let message = format!("user `{}` has keys, and no home to keep them in", &self.name);
            return Err(Problem::new(message).help("give it one: `home=\"…\"`"));
        }
        Ok(home)
    }

    fn check(&self, database: &Database) -> Result<(), Problem> {
        check_name("user", &self.name)?;
        let name = self.name.as_str();
        for (what, value) in [("home", self.home.as_deref()), ("shell", self.shell.as_deref())] {
            let fits = value.is_none_or(|value| {
                value.starts_with('/') && !value.contains([':', '\n', '\0', '\r'])
            });
            if !fits {
                let message =
                    format!("`{what}` of user `{name}` must be an absolute path without `:`");
                return Err(Problem::new(message));
            }
        }
        if self.comment.contains([':', '\n', '\0', '\r']) {
            return Err(Problem::new(format!(
                "the comment of user `{name}` must be one line without `:`"
            )));
        }
        if self.password.as_deref().is_some_and(|hash| hash.contains([':', '\n', '\0', '\r'])) {
            return Err(Problem::new(format!(
                "the password's hash of user `{name}` must be one line without `:`"
            )));
        }
        if self.keys.iter().any(|key| key.contains(['\n', '\0', '\r'])) {
            return Err(Problem::new(format!("a key of user `{name}` must be one line")));
        }
        let missing = |group: &&str| database.group.id_of(group).is_none();
        let named = self.group.as_deref().into_iter().chain(self.groups.iter().map(String::as_str));
        match named.filter(missing).collect::<Vec<_>>().as_slice() {
            [] => Ok(()),
            missing => {
                let list = missing.iter().map(|group| format!("`{group}`")).collect::<Vec<_>>();
                let message =
                    format!("user `{name}`: no group {} is in the image", list.join(", "));
                Err(Problem::new(message).help(format!(
                    "declare it with `group \"{}\"`, or name the package that makes it",
                    missing[0]
                )))
            }
        }
    }

    /// An account of the image: ids are checked, fields that the declaration gives are set.
    fn change(&self, database: &mut Database, uid: u32) -> Result<u32, Problem> {
        if let Some(wanted) = self.uid.filter(|wanted| *wanted != uid) {
            let owner = database.passwd.name_of(wanted);
            return Err(other_id("user", &self.name, ("uid", wanted, uid), owner));
        }
        let fields = database.passwd.fields(&self.name).unwrap_or_default();
        let gid = fields.get(3).and_then(|gid| gid.parse().ok());
        let gid: u32 = gid.ok_or_else(|| {
            Problem::new(format!("the line of user `{}` in /etc/passwd is broken", &self.name))
        })?;
        if let Some(group) = self.group.as_deref()
            && let Some(wanted) = database.group.id_of(group)
            && wanted != gid
        {
            return Err(other_id("user", &self.name, ("gid", wanted, gid), Some(group)));
        }
        let comment = Some(self.comment.as_str()).filter(|comment| !comment.is_empty());
        database.passwd.edit(&self.name, |fields| {
            fields.resize(7, String::new());
            for (at, value) in [(4, comment), (5, self.home.as_deref()), (6, self.shell.as_deref())]
            {
                if let Some(value) = value {
                    value.clone_into(&mut fields[at]);
                }
            }
        });
        self.set_password(database)?;
        Ok(gid)
    }

    /// The hash of an account that exists: in the shadow file, where there is one.
    fn set_password(&self, database: &mut Database) -> Result<(), Problem> {
        let Some(hash) = self.password.as_deref() else { return Ok(()) };
        if database.shadow.present && database.shadow.fields(&self.name).is_none() {
            return Err(Problem::new(format!("user `{}` has no line in /etc/shadow", &self.name)));
        }
        let table =
            if database.shadow.present { &mut database.shadow } else { &mut database.passwd };
        table.edit(&self.name, |fields| {
            fields.resize(fields.len().max(2), String::new());
            hash.clone_into(&mut fields[1]);
        });
        Ok(())
    }

    /// What stands in the place of the hash: `!` locks the account, `*` leaves the ways that need
    /// no password open (shadow(5), and sshd without PAM).
    fn hash(&self) -> &str {
        self.password.as_deref().unwrap_or(if self.keys.is_empty() { "!" } else { "*" })
    }

    fn create(&self, database: &mut Database, reserved: &Reserved) -> Result<(u32, u32), Problem> {
        let uid = self.new_uid(database, reserved)?;
        let gid = match self.group.as_deref().map(|group| database.group.id_of(group)) {
            Some(found) => found.unwrap_or_default(),
            None => self.own_group(database, uid, reserved)?,
        };
        self.push(database, uid, gid);
        Ok((uid, gid))
    }

    /// A group of the user's own name: one that is declared beside it or that a package made, or
    /// a new one, with the user's id when that is free.
    fn own_group(
        &self,
        database: &mut Database,
        uid: u32,
        reserved: &Reserved,
    ) -> Result<u32, Problem> {
        if let Some(found) = database.group.id_of(&self.name) {
            return Ok(found);
        }
        let gid = new_gid(database, &self.name, self.system, Some(uid), reserved)?;
        push_group(database, &self.name, gid);
        Ok(gid)
    }

    fn new_uid(&self, database: &Database, reserved: &Reserved) -> Result<u32, Problem> {
        if let Some(uid) = self.uid {
            return match database.passwd.name_of(uid) {
                Some(owner) => Err(taken("user", &self.name, ("uid", uid), owner)),
                None => Ok(uid),
            };
        }
        let range = database.defs.range(Space::User, self.system);
        let used = database.passwd.ids();
        choose(&used, &reserved.users, range, self.system)
            .ok_or_else(|| no_id("uid", &self.name, range))
    }

    fn push(&self, database: &mut Database, uid: u32, gid: u32) {
        let name = self.name.as_str();
        let (home, shell) = if self.system {
            ("/nonexistent".to_owned(), "/usr/sbin/nologin")
        } else {
            (format!("/home/{name}"), "/bin/bash")
        };
        let (home, shell) =
            (self.home.as_deref().unwrap_or(&home), self.shell.as_deref().unwrap_or(shell));
        let hash = self.hash();
        let password = if database.shadow.present { "x" } else { hash };
        let comment = &self.comment;
        database.passwd.push(format!("{name}:{password}:{uid}:{gid}:{comment}:{home}:{shell}"));
        database.new_users.insert(name.to_owned(), uid);
        let defs = &database.defs;
        if database.shadow.present {
            let limits = if self.system {
                "::".to_owned()
            } else {
                let days = ["PASS_MIN_DAYS", "PASS_MAX_DAYS", "PASS_WARN_AGE"];
                days.map(|key| defs.days(key)).join(":")
            };
            database.shadow.push(format!("{name}:{hash}:{BUILD_DAY}:{limits}:::"));
        }
        // useradd gives subordinate ids to accounts of the ordinary range.
        let (low, high) = defs.range(Space::User, false);
        if !self.system && (low..=high).contains(&uid) {
            let users = defs.subordinate(Space::User);
            let groups = defs.subordinate(Space::Group);
            push_subordinate(&mut database.subuid, name, users);
            push_subordinate(&mut database.subgid, name, groups);
        }
    }
}

fn push_subordinate(table: &mut Table, name: &str, (range, count): ((u64, u64), u64)) {
    if !table.present || count == 0 || table.fields(name).is_some() {
        return;
    }
    let taken: Vec<(u64, u64)> = table
        .rows()
        .filter_map(|row| Some((row.get(1)?.parse().ok()?, row.get(2)?.parse().ok()?)))
        .collect();
    if let Some(start) = free_run(&taken, range, count) {
        table.push(format!("{name}:{start}:{count}"));
    }
}
