use forge_diag::Spanned;
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::file::{GROUP, OWNER, owner, owner_group};
use super::{Declaration, ModeText, OVERRIDE, TextAt, mode};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "directory",
    doc: "A directory of the image; one that is there gets this mode and owner.",
    args: &[Field::required("path", "absolute path", "where in the image")],
    props: &[
        Field::default("mode", "four octal digits in quotes", "\"0755\"", "permission bits"),
        OWNER,
        GROUP,
        OVERRIDE,
    ],
    children: &[],
    example: "directory \"/var/spool/slurmd\" owner=\"slurm\" group=\"slurm\"",
};

#[derive(Debug)]
struct DirectoryDecl {
    path: TextAt,
    mode: Option<Spanned<ModeText>>,
    owner: Option<TextAt>,
    group: Option<TextAt>,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let path = cursor.arg("path");
    let mode = cursor.prop("mode");
    let owner = cursor.prop("owner");
    let group = cursor.prop("group");
    Some(Box::new(DirectoryDecl { path: path?, mode, owner, group }))
}

impl Declaration for DirectoryDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let path = cx.image_path(&self.path);
        let owner = owner(cx, self.owner.as_ref());
        let group = owner_group(cx, self.group.as_ref());
        let mode = mode(cx, self.mode.as_ref(), 0o755);
        Some(ItemKind::Directory { path: path?, mode: mode?, owner: owner?, group: group? })
    }
}
