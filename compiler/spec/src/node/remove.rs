use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, TextAt};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "remove",
    doc: "Takes away what packages and scripts left: a path with all below it, or what a pattern \
          matches (`*` and `?` within a component; a trailing `/*` empties a directory). It runs \
          after everything but secrets.",
    args: &[Field::required("path", "absolute path or pattern", "what goes")],
    props: &[OVERRIDE],
    children: &[],
    example: "remove \"/var/log/*\"",
};

#[derive(Debug)]
struct RemoveDecl {
    pattern: TextAt,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let pattern = cursor.arg("path");
    Some(Box::new(RemoveDecl { pattern: pattern? }))
}

impl Declaration for RemoveDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let path = cx.image_path(&self.pattern)?;
        Some(ItemKind::Remove { pattern: path.to_string() })
    }
}
