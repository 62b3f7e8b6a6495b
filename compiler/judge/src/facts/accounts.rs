use std::collections::BTreeMap;

use forge_model::{Account, Answer, Files, GroupRecord};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Users and groups of an image, by its own files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    users: BTreeMap<String, User>,
    groups: BTreeMap<String, Group>,
    user_names: BTreeMap<u32, String>,
    group_names: BTreeMap<u32, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    uid: u32,
    gid: u32,
    home: String,
    shell: String,
    line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    gid: u32,
    members: Vec<String>,
    line: usize,
}

impl Accounts {
    /// Those of an image.
    pub fn read(files: &dyn Files) -> Answer<Self> {
        let passwd = super::text(files, PASSWD)?.unwrap_or_default();
        let group = super::text(files, GROUP)?.unwrap_or_default();
        Ok(Self::parse(&passwd, &group))
    }

    /// Those of `passwd` and `group` files. Of two lines with one name or one id, the first
    /// counts, as it does for the C library.
    pub fn parse(passwd: &str, group: &str) -> Self {
        let mut accounts = Self::default();
        for (index, line) in passwd.lines().enumerate() {
            if let Some((name, user)) = parse_user(line, index + 1) {
                accounts.user_names.entry(user.uid).or_insert_with(|| name.clone());
                accounts.users.entry(name).or_insert(user);
            }
        }
        for (index, line) in group.lines().enumerate() {
            if let Some((name, group)) = parse_group(line, index + 1) {
                accounts.group_names.entry(group.gid).or_insert_with(|| name.clone());
                // Whoever is in any of a group's lines is in the group.
                let members = group.members.clone();
                let known = accounts.groups.entry(name).or_insert(group);
                let more = members.into_iter().filter(|member| !known.members.contains(member));
                known.members.extend(more.collect::<Vec<_>>());
            }
        }
        accounts
    }

    /// A user's name, or the number where none has it.
    pub fn user_name(&self, uid: u32) -> String {
        self.user_names.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }

    /// A group's name, or the number where none has it.
    pub fn group_name(&self, gid: u32) -> String {
        self.group_names.get(&gid).cloned().unwrap_or_else(|| gid.to_string())
    }

    /// An account.
    pub fn user(&self, name: &str) -> Option<Account> {
        let User { uid, gid, home, shell, line } = self.users.get(name)?;
        let member = |group: &Group| group.members.iter().any(|member| member == name);
        let groups = self.groups.iter().filter(|(_, group)| member(group));
        Some(Account {
            uid: Some(*uid),
            group: Some(self.group_name(*gid)),
            groups: Some(groups.map(|(name, _)| name.clone()).collect()),
            home: Some(home.clone()),
            shell: Some(shell.clone()),
            evidence: format!("{PASSWD}:{line}"),
        })
    }

    /// A group.
    pub fn group(&self, name: &str) -> Option<GroupRecord> {
        let Group { gid, members: _, line } = self.groups.get(name)?;
        Some(GroupRecord { gid: Some(*gid), evidence: format!("{GROUP}:{line}") })
    }
}

/// The fields of a line that is no comment; the C library passes over blanks before it.
fn fields_of(line: &str) -> Option<std::str::Split<'_, char>> {
    let line = line.trim_start();
    (!line.starts_with('#')).then(|| line.split(':'))
}

fn parse_user(line: &str, number: usize) -> Option<(String, User)> {
    let mut fields = fields_of(line)?;
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1)?.to_owned();
    let shell = fields.next()?.trim_end();
    // passwd(5): an empty field means the Bourne shell.
    let shell = if shell.is_empty() { "/bin/sh" } else { shell }.to_owned();
    Some((name, User { uid, gid, home, shell, line: number }))
}

fn parse_group(line: &str, number: usize) -> Option<(String, Group)> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let gid = fields.nth(1)?.parse().ok()?;
    let members = fields.next().unwrap_or_default().trim_end().split(',');
    let members = members.filter(|member| !member.is_empty()).map(str::to_owned).collect();
    Some((name, Group { gid, members, line: number }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_groups_and_defaults() {
        let accounts = Accounts::parse(
            "root:x:0:0:root:/root:/bin/bash\n# no account\nann:x:2001:2000::/home/ann:\ntoor:x:0:0::/:/bin/sh\n",
            "root:x:0:\nsudo:x:27:ann,bob\nhpc:x:2000:\nadm:x:4:ann\n",
        );
        let ann = accounts.user("ann").unwrap();
        assert_eq!(ann.group.as_deref(), Some("hpc"));
        assert_eq!(ann.groups.unwrap(), ["adm", "sudo"]);
        assert_eq!(ann.shell.as_deref(), Some("/bin/sh"));
        assert_eq!(ann.evidence, "/etc/passwd:3");
        assert_eq!(accounts.group("sudo").unwrap().gid, Some(27));
        assert_eq!(accounts.user("bob"), None);
        let names = [accounts.user_name(0), accounts.user_name(7), accounts.group_name(27)];
        assert_eq!(names, ["root", "7", "sudo"]);
    }
}
