//! `user` and `group`: one account, of the files or of what a node asks besides.

use std::rc::Rc;

use forge_model::Account;

use super::accounts::{group_rows, user_rows};
use super::{Called, Resource};
use crate::filter_table::Row;
use crate::interp::{Given, Machine};
use crate::stop::Eval;
use crate::value::Value;

#[derive(Debug)]
struct User {
    name: Rc<str>,
}

/// `user(name)`.
pub(super) fn user(name: &str) -> Value {
    Value::Resource(Rc::new(User { name: name.into() }))
}

impl Resource for User {
    fn in_kdl(&self) -> Option<forge_model::Resource> {
        Some(forge_model::Resource::User { name: self.name.to_string() })
    }

    fn kind(&self) -> &'static str {
        "user"
    }

    fn text(&self) -> String {
        format!("User {}", self.name)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        let column = match name {
            "group" | "belongs_to_primary_group?" => "groupname",
            "minimum_days_between_password_change" => "mindays",
            "maximum_days_between_password_change" => "maxdays",
            "has_uid?" => "uid",
            "has_home_directory?" => "home",
            "has_login_shell?" => "shell",
            "belongs_to_group?" => "groups",
            "encrypted_password" => "password",
            "disabled?" | "enabled?" => "disabled",
            "exist?" | "exists?" => "username",
            "resource_id" => return Ok(Some(Value::Str(self.name.clone()))),
            "domain" | "userflags" | "maxbadpasswords" => {
                return Ok(Some(Value::Nil));
            }
            "lastlogin" | "passwordage" | "badpasswordattempts" => {
                return Ok(Some(Value::Unknown("a tree has no history of logins".into())));
            }
            "uid" | "gid" | "groups" | "groupname" | "home" | "shell" | "mindays" | "maxdays"
            | "warndays" | "username" => name,
            _ => return Ok(None),
        };
        // The accounts of the target, so that what was asked is on record.
        machine.state.note.about =
            Some(forge_model::Resource::User { name: self.name.to_string() });
        let account = machine.answer(machine.target.user(&self.name))?;
        let mut rows = user_rows(machine)?;
        let is_it =
            |row: &&Rc<Row>| row.get("username").and_then(Value::as_text) == Some(&self.name);
        if let (Some(account), None) = (account, rows.iter().find(is_it)) {
            rows.push(self.of_directory(account));
        }
        let found = rows.iter().find(is_it);
        if found.is_none() {
            machine.note_absent();
        }
        machine.note_evidence(Some("/etc/passwd".to_owned()));
        let value: Value = found.and_then(|row| row.get(column)).cloned().into();
        if let Value::Unknown(_) = value {
            return Ok(Some(value));
        }
        let wanted = args.first();
        Ok(Some(match name {
            "exist?" | "exists?" => found.is_some().into(),
            // Neither is ever so: nothing says on Linux that an account is disabled, or that it is not.
            "disabled?" | "enabled?" if found.is_some() => Value::Bool(false),
            "encrypted_password" => return self.password(machine, &value).map(Some),
            "belongs_to_group?" if found.is_none() => {
                return Err(crate::stop::no_method("include?", &Value::Nil, machine.here));
            }
            "has_uid?"
            | "has_home_directory?"
            | "has_login_shell?"
            | "belongs_to_primary_group?" => {
                wanted.is_some_and(|wanted| value.equals(wanted)).into()
            }
            "belongs_to_group?" => wanted
                .is_some_and(|wanted| value.into_items().iter().any(|g| g.equals(wanted)))
                .into(),
            _ => value,
        }))
    }
}

impl User {
    /// An account that is in no file: a node has it of a directory service.
    fn of_directory(&self, account: Account) -> Rc<Row> {
        let unknown = || Value::Unknown("the account is in no file of the node".into());
        let text = |known: Option<String>| known.map_or_else(unknown, Value::from);
        let groups = account.groups.map_or_else(unknown, |others| {
            let all = account.group.clone().into_iter().chain(others);
            all.map(Value::from).collect::<Vec<_>>().into()
        });
        let known = vec![
            ("username", Value::Str(self.name.clone())),
            ("uid", account.uid.map_or_else(unknown, |uid| Value::Int(i64::from(uid)))),
            ("groupname", text(account.group)),
            ("groups", groups),
            ("home", text(account.home)),
            ("shell", text(account.shell)),
        ];
        let others = ["gid", "mindays", "maxdays", "warndays", "password"];
        Row::new(known.into_iter().chain(others.map(|name| (name, unknown()))).collect())
    }

    /// The second field of what `getent shadow` says; an error where it says nothing.
    fn password(&self, machine: &mut Machine<'_>, found: &Value) -> Eval {
        const FAILED: &str = "Inspec::Exceptions::ResourceFailed";
        if !super::walk::program_exists(machine, "getent")? {
            return Err(machine.raise(FAILED, "Could not find `getent` on your system."));
        }
        match found {
            Value::Nil => {
                let why = format!("`getent shadow {}` says nothing", self.name);
                Err(machine.raise(FAILED, why))
            }
            found => Ok(found.clone()),
        }
    }
}

#[derive(Debug)]
struct Group {
    name: Rc<str>,
}

/// `group(name)`.
pub(super) fn group(name: &str) -> Value {
    Value::Resource(Rc::new(Group { name: name.into() }))
}

impl Resource for Group {
    fn in_kdl(&self) -> Option<forge_model::Resource> {
        Some(forge_model::Resource::Group { name: self.name.to_string() })
    }

    fn kind(&self) -> &'static str {
        "group"
    }

    fn text(&self) -> String {
        format!("Group {}", self.name)
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        let column = match name {
            "exist?" | "exists?" => "name",
            "gid" | "group_id" | "has_gid?" => "gid",
            "members" | "members_array" => name,
            "local" => return Ok(Some(Value::Bool(true))),
            _ => return Ok(None),
        };
        machine.state.note.about =
            Some(forge_model::Resource::Group { name: self.name.to_string() });
        let known = machine.answer(machine.target.group(&self.name))?;
        let mut rows = group_rows(machine)?;
        let same = |row: &&Rc<Row>| row.get("name").and_then(Value::as_text) == Some(&self.name);
        if let (Some(known), None) = (known, rows.iter().find(same)) {
            let unknown = || Value::Unknown("the group is in no file of the node".into());
            rows.push(Row::new(vec![
                ("name", Value::Str(self.name.clone())),
                ("gid", known.gid.map_or_else(unknown, |gid| Value::Int(i64::from(gid)))),
                ("members", unknown()),
                ("members_array", unknown()),
            ]));
        }
        let found = rows.iter().find(same);
        if !name.starts_with("exist") && rows.iter().filter(same).count() > 1 {
            let why = "found more than one group with the same name";
            return Err(machine.raise("RuntimeError", why));
        }
        if found.is_none() {
            machine.note_absent();
        }
        machine.note_evidence(Some("/etc/group".to_owned()));
        let value: Value = found.and_then(|row| row.get(column)).cloned().into();
        if let Value::Unknown(_) = value {
            return Ok(Some(value));
        }
        Ok(Some(match name {
            "exist?" | "exists?" => found.is_some().into(),
            "has_gid?" => args.first().is_some_and(|wanted| value.equals(wanted)).into(),
            "members" if value.is_nil() => "".into(),
            "members_array" if value.is_nil() => Vec::new().into(),
            _ => value,
        }))
    }
}
