use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, TextAt, bad_value};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "link",
    doc: "A symbolic link of the image.",
    args: &[Field::required("path", "absolute path", "where in the image")],
    props: &[
        Field::required("target", "text", "what it points at, as `readlink` shows it"),
        OVERRIDE,
    ],
    children: &[],
    example: "link \"/usr/local/bin/lua\" target=\"/usr/bin/lua5.4\"",
};

#[derive(Debug)]
struct LinkDecl {
    path: TextAt,
    target: TextAt,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let path = cursor.arg("path");
    let target = cursor.required_prop("target");
    Some(Box::new(LinkDecl { path: path?, target: target? }))
}

impl Declaration for LinkDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let path = cx.image_path(&self.path);
        let target = cx.text(&self.target)?;
        if target.is_empty() || target.contains('\0') {
            cx.report(bad_value(self.target.span, "a link must point at something", "empty"));
            return None;
        }
        Some(ItemKind::Link { path: path?, target })
    }
}
