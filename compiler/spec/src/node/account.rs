use forge_diag::{Diagnostic, Sink, Spanned, codes};
use forge_model::User;
use forge_syntax::Cursor;
use forge_syntax::reference::{Child, Field, NodeKind};

use super::put::{Put, put};
use super::{Declaration, OVERRIDE, TextAt, bad_value, before_packages};
use crate::ItemKind;
use crate::account::{hash_mistake, key_mistake};
use crate::context::Context;

const SYSTEM: Field =
    Field::default("system", "truth value", "#false", "its id comes from the system's range");
const BEFORE: Field = Field::optional(
    "before",
    "\"packages\"",
    "made before the role's packages, whose scripts would otherwise choose the id",
);

pub(crate) const USER: NodeKind = NodeKind {
    name: "user",
    doc: "A local account. Without a hash its password is locked; with keys it can still be \
          entered by ssh. The hash and the keys are in git, the plan and the image, for all who \
          may read those.",
    args: &[Field::required("name", "account's name", "its name")],
    props: &[
        Field::optional("uid", "whole number", "its id; chosen from the range when not given"),
        Field::optional("group", "group's name", "primary group; one of its own name without"),
        Field::optional("groups", "names with commas between", "supplementary groups"),
        Field::optional(
            "home",
            "absolute path",
            "`/home/NAME`; `/nonexistent` for a system account",
        ),
        Field::optional(
            "shell",
            "absolute path",
            "`/bin/bash`; `/usr/sbin/nologin` for a system account",
        ),
        Field::default("comment", "text", "\"\"", "the comment field"),
        Field::optional(
            "password-hash",
            "hash of crypt(5)",
            "yescrypt, scrypt, bcrypt or SHA-2: `mkpasswd -m yescrypt` makes one",
        ),
        SYSTEM,
        BEFORE,
        OVERRIDE,
    ],
    children: &[Child::new(
        "authorized-key",
        "lines of the account's `~/.ssh/authorized_keys`, which holds no others",
    )
    .takes("public key")],
    example: "user \"munge\" uid=210 group=\"munge\" system=#true before=\"packages\"",
};

pub(crate) const GROUP: NodeKind = NodeKind {
    name: "group",
    doc: "A local group.",
    args: &[Field::required("name", "group's name", "its name")],
    props: &[
        Field::optional("gid", "whole number", "its id; chosen from the range when not given"),
        SYSTEM,
        BEFORE,
        OVERRIDE,
    ],
    children: &[],
    example: "group \"hpc\" gid=2000",
};

#[derive(Debug)]
struct UserDecl {
    name: TextAt,
    uid: Option<Spanned<Put<u32>>>,
    group: Option<TextAt>,
    groups: Option<TextAt>,
    home: Option<TextAt>,
    shell: Option<TextAt>,
    comment: Option<TextAt>,
    password: Option<TextAt>,
    keys: Vec<TextAt>,
    system: Option<Spanned<bool>>,
    early: bool,
}

pub(crate) fn read_user(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let uid = cursor.prop("uid");
    let group = cursor.prop("group");
    let groups = cursor.prop("groups");
    let home = cursor.prop("home");
    let shell = cursor.prop("shell");
    let comment = cursor.prop("comment");
    let password = cursor.prop("password-hash");
    let mut found = Sink::new();
    let mut keys = Vec::new();
    for node in cursor.children("authorized-key") {
        let mut below = Cursor::new(node);
        keys.extend(below.some_args("public key"));
        below.finish(&mut found);
    }
    found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
    let (system, early) = read_flags(cursor);
    let name = name?;
    let user =
        UserDecl { name, uid, group, groups, home, shell, comment, password, keys, system, early };
    Some(Box::new(user))
}

fn read_flags(cursor: &mut Cursor<'_>) -> (Option<Spanned<bool>>, bool) {
    let system = cursor.prop::<bool>("system").filter(|value| value.value);
    let early = before_packages(cursor).is_some();
    (system, early)
}

impl Declaration for UserDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = account(cx, &self.name);
        let group = self.group.as_ref().map(|group| account(cx, group));
        let mut members = Vec::new();
        if let Some(at) = &self.groups {
            let words = cx.comma_words(at).unwrap_or_default();
            let words = words.into_iter().filter(|word| !word.is_empty());
            members.extend(words.filter(|word| cx.check_account(at.span, word)));
        }
        let home = absolute(cx, self.home.as_ref());
        let shell = absolute(cx, self.shell.as_ref());
        let comment = cx.optional_text(self.comment.as_ref()).unwrap_or_default();
        if let Some(at) = &self.comment
            && comment.contains([':', '\n'])
        {
            let headline = "a comment of `/etc/passwd` holds no `:` and no line break";
            cx.report(super::bad_value(at.span, headline, "here"));
            return None;
        }
        let uid = put(cx, "uid", self.uid.as_ref(), "int");
        let password = match &self.password {
            Some(hash) => Some(password_hash(cx, hash)?),
            None => None,
        };
        let keys = self.keys(cx, name.as_deref() == Some("root"))?;
        let user = User {
            name: name?,
            uid: uid.ok()?,
            group: group.flatten(),
            groups: members,
            home,
            shell,
            comment,
            system: self.system.is_some(),
            password,
            keys,
        };
        Some(ItemKind::User { user, early: self.early })
    }
}

impl UserDecl {
    /// The lines of the account's keys; none after a reported mistake.
    fn keys(&self, cx: &mut Context<'_>, root: bool) -> Option<Vec<String>> {
        let lines = cx.texts(&self.keys);
        let mut good = true;
        let mut known: Vec<&Spanned<String>> = Vec::new();
        for line in &lines {
            if let Some((why, help)) = key_mistake(&line.value) {
                let headline = "this is no line of authorized keys";
                cx.report(bad_value(line.span, headline, why).help(help));
                good = false;
            } else if let Some(first) = known.iter().find(|first| first.value == line.value) {
                cx.report(
                    Diagnostic::error(codes::SYNTAX_DUPLICATE, "a key is given twice")
                        .at(line.span, "and again here")
                        .and(first.span, "first here"),
                );
                good = false;
            }
            known.push(line);
        }
        if let (Some(system), None, false) = (&self.system, &self.home, lines.is_empty() || root) {
            cx.report(
                bad_value(system.span, "an account with keys needs a home", "this one has none")
                    .help("give it one: `home=\"…\"`"),
            );
            good = false;
        }
        good.then(|| lines.into_iter().map(|line| line.value).collect())
    }
}

/// A checked hash. A mistake does not print it: it may be a password.
pub(super) fn password_hash(cx: &mut Context<'_>, hash: &TextAt) -> Option<String> {
    let value = cx.text(hash)?;
    let Some((why, help)) = hash_mistake(&value) else {
        return Some(value);
    };
    cx.report(bad_value(hash.span, "this is no hash of a password", why).help(help));
    None
}

fn absolute(cx: &mut Context<'_>, path: Option<&TextAt>) -> Option<String> {
    path.and_then(|path| cx.image_path(path)).map(|path| path.to_string())
}

fn account(cx: &mut Context<'_>, name: &TextAt) -> Option<String> {
    let value = cx.text(name)?;
    cx.check_account(name.span, &value).then_some(value)
}

#[derive(Debug)]
struct GroupDecl {
    name: TextAt,
    gid: Option<Spanned<Put<u32>>>,
    system: bool,
    early: bool,
}

pub(crate) fn read_group(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let gid = cursor.prop("gid");
    let (system, early) = read_flags(cursor);
    Some(Box::new(GroupDecl { name: name?, gid, system: system.is_some(), early }))
}

impl Declaration for GroupDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = account(cx, &self.name)?;
        let gid = put(cx, "gid", self.gid.as_ref(), "int").ok()?;
        Some(ItemKind::Group { name, gid, system: self.system, early: self.early })
    }
}
