use forge_diag::Spanned;
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::{Declaration, OVERRIDE, Plain, TextAt, bad_name, bad_value};
use crate::ItemKind;
use crate::context::Context;
use crate::typo;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "sysctl",
    doc: "A kernel parameter, in a file of its own in `/etc/sysctl.d`.",
    args: &[
        Field::required("name", "parameter's name", "with dots, as `sysctl` shows it"),
        Field::required("value", "text or whole number", "its value"),
    ],
    props: &[OVERRIDE],
    children: &[],
    example: "sysctl \"vm.swappiness\" 10",
};

#[derive(Debug)]
struct SysctlDecl {
    name: TextAt,
    value: Spanned<Plain>,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let value = cursor.arg("value");
    Some(Box::new(SysctlDecl { name: name?, value: value? }))
}

impl Declaration for SysctlDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = cx.text(&self.name)?;
        let value = cx.text(&self.value.clone().map(|plain| plain.0))?;
        let good = name.contains('.')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/*".contains(&byte));
        if !good {
            cx.report(
                bad_name(self.name.span, format!("`{name}` is no kernel parameter"))
                    .help("written as `sysctl` shows it: \"vm.swappiness\""),
            );
            return None;
        }
        if value.contains('\n') {
            let headline = "a kernel parameter's value is one line";
            cx.report(bad_value(self.value.span, headline, "more than one line"));
            return None;
        }
        if let Some(typo) = typo::parameter(&name, self.name.span) {
            cx.report(typo.within(cx.map));
        }
        Some(ItemKind::Sysctl { name, value })
    }
}
