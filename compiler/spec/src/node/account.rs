use forge_diag::Spanned;
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, TextAt, one_of};
use crate::ItemKind;
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
    doc: "A local account, locked until a key or password is given it.",
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
        SYSTEM,
        BEFORE,
        OVERRIDE,
    ],
    children: &[],
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
    uid: Option<Spanned<u32>>,
    group: Option<TextAt>,
    groups: Option<TextAt>,
    home: Option<TextAt>,
    shell: Option<TextAt>,
    comment: Option<TextAt>,
    system: bool,
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
    let (system, early) = read_flags(cursor);
    let name = name?;
    Some(Box::new(UserDecl { name, uid, group, groups, home, shell, comment, system, early }))
}

fn read_flags(cursor: &mut Cursor<'_>) -> (bool, bool) {
    let system = cursor.prop::<bool>("system").is_some_and(|value| value.value);
    let early = one_of(cursor, "before", &["packages"]).is_some();
    (system, early)
}

impl Declaration for UserDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = account(cx, &self.name);
        let group = self.group.as_ref().map(|group| account(cx, group));
        let groups = cx.optional_text(self.groups.as_ref()).unwrap_or_default();
        let mut members = Vec::new();
        for word in groups.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            if self.groups.as_ref().is_some_and(|at| cx.check_account(at.span, word)) {
                members.push(word.to_owned());
            }
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
        Some(ItemKind::User {
            name: name?,
            uid: self.uid.as_ref().map(|uid| uid.value),
            group: group.flatten(),
            groups: members,
            home,
            shell,
            comment,
            system: self.system,
            early: self.early,
        })
    }
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
    gid: Option<Spanned<u32>>,
    system: bool,
    early: bool,
}

pub(crate) fn read_group(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let gid = cursor.prop("gid");
    let (system, early) = read_flags(cursor);
    Some(Box::new(GroupDecl { name: name?, gid, system, early }))
}

impl Declaration for GroupDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = account(cx, &self.name)?;
        let gid = self.gid.as_ref().map(|gid| gid.value);
        Some(ItemKind::Group { name, gid, system: self.system, early: self.early })
    }
}
