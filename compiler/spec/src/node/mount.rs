use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, TextAt, bad_value};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "mount",
    doc: "A mount of the running node, as a systemd unit; its directory is made.",
    args: &[Field::required("path", "absolute path", "where it is mounted")],
    props: &[
        Field::required("what", "text", "what is mounted: `server:/export`, a device, `tmpfs`"),
        Field::required("type", "text", "the file system: `nfs4`, `tmpfs`, …"),
        Field::optional("options", "text", "mount options, with commas between"),
        Field::default("automount", "truth value", "#false", "mounted when somebody first looks"),
        OVERRIDE,
    ],
    children: &[],
    example: "mount \"/scratch\" what=\"nfs1.example.org:/scratch\" type=\"nfs4\" options=\"nosuid\"",
};

#[derive(Debug)]
struct MountDecl {
    path: TextAt,
    what: TextAt,
    filesystem: TextAt,
    options: Option<TextAt>,
    automount: bool,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let path = cursor.arg("path");
    let what = cursor.required_prop("what");
    let filesystem = cursor.required_prop("type");
    let options = cursor.prop("options");
    let automount = cursor.prop::<bool>("automount").is_some_and(|value| value.value);
    let (path, what, filesystem) = (path?, what?, filesystem?);
    Some(Box::new(MountDecl { path, what, filesystem, options, automount }))
}

impl Declaration for MountDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let path = cx.image_path(&self.path);
        let what = one_line(cx, &self.what);
        let filesystem = one_line(cx, &self.filesystem);
        let options = match &self.options {
            Some(options) => one_line(cx, options)?,
            None => String::new(),
        };
        let automount = self.automount;
        Some(ItemKind::Mount {
            path: path?,
            what: what?,
            filesystem: filesystem?,
            options,
            automount,
        })
    }
}

/// A line break would begin another setting of the unit.
fn one_line(cx: &mut Context<'_>, text: &TextAt) -> Option<String> {
    let value = cx.text(text)?;
    if value.contains('\n') {
        cx.report(bad_value(text.span, "a mount's setting is one line", "more than one line"));
        return None;
    }
    Some(value)
}
