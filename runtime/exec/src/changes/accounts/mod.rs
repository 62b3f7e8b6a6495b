//! Groups and accounts, as groupadd(8) and useradd(8) of Debian's passwd package make them.
//!
//! Groups of a list come before its users. Ids that are given are set aside first; the others are
//! chosen by the ranges of the image's login.defs(5), system ids downward, the others upward, in
//! the order of the list. Passwords are locked unless a hash is given, and the day of the last change is that of
//! [`BUILD_EPOCH`]. A group or account that exists keeps its id: another id is an error; home,
//! shell, comment and groups that the declaration gives are set, as usermod(8) would.

mod database;
mod home;
mod ids;
mod login_defs;
#[cfg(test)]
mod tests;
mod user;

use std::collections::BTreeSet;

use forge_model::{BUILD_EPOCH, Change, ChangeKind, ImagePath, Origin, Shared};

use super::error::{ChangeError, Problem};
use super::working::Working;
use database::{Database, Table};
use ids::{Space, choose};
use user::Account;

/// A file of the account database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File(&'static str);

pub(super) const PASSWD: File = File("etc/passwd");
pub(super) const GROUP: File = File("etc/group");

impl File {
    pub(super) fn path(self) -> ImagePath {
        // The names above hold no `..`.
        ImagePath::new(self.0).unwrap_or(ImagePath::ROOT)
    }
}

/// Days from 1970 to [`BUILD_EPOCH`], as `/etc/shadow` counts.
const BUILD_DAY: i64 = BUILD_EPOCH / 86_400;

/// Longest name that utmp(5) and useradd take.
const MAX_NAME: usize = 32;

pub(super) fn apply(
    work: &mut Working<'_>,
    changes: &[Shared<Change>],
    errors: &mut Vec<ChangeError>,
) {
    let mut accounts = changes
        .iter()
        .filter(|change| matches!(change.what, ChangeKind::Group { .. } | ChangeKind::User(_)));
    let Some(first) = accounts.next() else { return };
    let mut database = match Database::read(work) {
        Ok(database) => database,
        Err(problem) => return errors.push(problem.at(&first.origin)),
    };
    let reserved = Reserved::of(changes);
    let mut failed = |origin: &Origin, done: Result<(), Problem>| {
        errors.extend(done.err().map(|problem| problem.at(origin)));
    };
    for change in changes {
        if let ChangeKind::Group { name, gid, system } = &change.what {
            let mut group = |gid| add_group(&mut database, (name, gid, *system), &reserved);
            failed(
                &change.origin,
                group(*gid).map(|_| database.origins.push(change.origin.clone())),
            );
        }
    }
    let mut homes = Vec::new();
    for change in changes {
        if let ChangeKind::User(user) = &change.what {
            let user = Account(user);
            match user.add(&mut database, &reserved) {
                Ok(home) => homes.extend(home.map(|home| (home, change.origin.clone()))),
                Err(problem) => failed(&change.origin, Err(problem)),
            }
            database.origins.push(change.origin.clone());
        }
    }
    database.write(work);
    for (home, origin) in homes {
        let done = home.make(work, &origin);
        failed(&origin, done);
    }
}

/// Ids that the list gives, which no choice may take.
pub(super) struct Reserved {
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
}

impl Reserved {
    fn of(changes: &[Shared<Change>]) -> Self {
        let mut reserved = Self { users: BTreeSet::new(), groups: BTreeSet::new() };
        for change in changes {
            match &change.what {
                ChangeKind::Group { gid, .. } => reserved.groups.extend(gid),
                ChangeKind::User(user) => reserved.users.extend(user.uid),
                ChangeKind::Directory { .. }
                | ChangeKind::File { .. }
                | ChangeKind::Link { .. }
                | ChangeKind::Edit { .. }
                | ChangeKind::Remove { .. }
                | ChangeKind::KernelModules { .. }
                | ChangeKind::Enable { .. }
                | ChangeKind::Disable { .. }
                | ChangeKind::Mask { .. } => {}
            }
        }
        reserved
    }
}

/// Adds a group, or finds that it is there with the id that is asked for. Gives its id.
fn add_group(
    database: &mut Database,
    (name, gid, system): (&str, Option<u32>, bool),
    reserved: &Reserved,
) -> Result<u32, Problem> {
    check_name("group", name)?;
    if let Some(found) = database.group.id_of(name) {
        return match gid {
            Some(gid) if gid != found => {
                Err(other_id("group", name, ("gid", gid, found), database.group.name_of(gid)))
            }
            _ => Ok(found),
        };
    }
    let gid = match gid {
        Some(gid) => {
            if let Some(owner) = database.group.name_of(gid) {
                return Err(taken("group", name, ("gid", gid), owner));
            }
            gid
        }
        None => new_gid(database, name, system, None, reserved)?,
    };
    push_group(database, name, gid);
    Ok(gid)
}

/// Chooses a group's id; `preferred` is taken when it is free, as useradd does for the group of a
/// user's own name.
fn new_gid(
    database: &Database,
    name: &str,
    system: bool,
    preferred: Option<u32>,
    reserved: &Reserved,
) -> Result<u32, Problem> {
    let used = database.group.ids();
    if let Some(preferred) =
        preferred.filter(|id| !used.contains(id) && !reserved.groups.contains(id))
    {
        return Ok(preferred);
    }
    let range = database.defs.range(Space::Group, system);
    choose(&used, &reserved.groups, range, system).ok_or_else(|| no_id("gid", name, range))
}

fn push_group(database: &mut Database, name: &str, gid: u32) {
    let password = if database.gshadow.present { "x" } else { "!" };
    database.group.push(format!("{name}:{password}:{gid}:"));
    if database.gshadow.present {
        database.gshadow.push(format!("{name}:!::"));
    }
    database.new_groups.insert(name.to_owned(), gid);
}

/// Names as groupadd and systemd take them: a letter or `_`, then letters, digits, `_`, `-`, `.`.
fn check_name(what: &str, name: &str) -> Result<(), Problem> {
    let bytes = name.as_bytes();
    let first = bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let rest = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if first && bytes.iter().all(rest) && bytes.len() <= MAX_NAME {
        return Ok(());
    }
    Err(Problem::new(format!("`{}` is no name for a {what}", name.escape_debug())).help(format!(
        "a name begins with a letter or `_`, goes on with letters, digits, `_`, `-` and `.`, and has at most {MAX_NAME} characters"
    )))
}

fn other_id(
    what: &str,
    name: &str,
    (field, wanted, found): (&str, u32, u32),
    owner: Option<&str>,
) -> Problem {
    let owner = owner.map(|owner| format!("; {field} {wanted} belongs to `{owner}`"));
    let help = format!(
        "mark it `before=\"packages\"`, so that it is there before a package makes it, or leave `{field}` out{}",
        owner.unwrap_or_default()
    );
    Problem::new(format!(
        "{what} `{name}` is in the image with {field} {found}, and is declared with {field} {wanted}"
    ))
    .help(help)
}

fn taken(what: &str, name: &str, (field, id): (&str, u32), owner: &str) -> Problem {
    let message = format!("{field} {id} of {what} `{name}` belongs to `{owner}` in the image");
    Problem::new(message).help(format!(
        "choose another {field}, or mark it `before=\"packages\"` when a package chose the id of `{owner}`"
    ))
}

fn no_id(field: &str, name: &str, (low, high): (u32, u32)) -> Problem {
    Problem::new(format!("no {field} from {low} to {high} is free for `{name}`"))
        .help(format!("give it one: `{field}=…`"))
}

/// Adds `member` to the list in the fourth field of a line of `group` or `gshadow`.
fn add_member(table: &mut Table, group: &str, member: &str) {
    table.edit(group, |fields| {
        while fields.len() < 4 {
            fields.push(String::new());
        }
        let members = &mut fields[3];
        if !members.split(',').any(|known| known == member) {
            if !members.is_empty() {
                members.push(',');
            }
            members.push_str(member);
        }
    });
}
