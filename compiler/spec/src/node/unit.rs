use forge_diag::{Diagnostic, codes};
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::content::{self, ContentDecl};
use super::service::{ENABLED, MASKED, UnitState, read_state};
use super::{Declaration, OVERRIDE, TextAt, bad_name, check_unit_name, has_unit_ending};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "unit",
    doc: "A systemd unit that the spec brings, in `/etc/systemd/system`, with its state.",
    args: &[Field::required("name", "unit's full name", "with its ending: `node-health.timer`")],
    props: &[content::SOURCE, content::TEMPLATE, ENABLED, MASKED, OVERRIDE],
    children: &[content::CHILD],
    example: "unit \"node-health.timer\" source=\"node-health.timer\" enabled=#true",
};

#[derive(Debug)]
struct UnitDecl {
    name: TextAt,
    content: Option<ContentDecl>,
    state: UnitState,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let mistakes = cursor.mistakes();
    let content = content::read(cursor);
    let state = read_state(cursor);
    let says_nothing = content.is_none() && !state.masked;
    if says_nothing && mistakes == cursor.mistakes() && name.is_some() {
        let head = cursor.head();
        cursor.report(
            Diagnostic::error(codes::SYNTAX_MISSING, "`unit` lacks its content").at(head, "").help(
                "add `source=…`, `template=…` or `{ content \"…\" }`; the state of a unit \
                     that a package brings is a `service`",
            ),
        );
        return None;
    }
    Some(Box::new(UnitDecl { name: name?, content, state }))
}

impl Declaration for UnitDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let unit = cx.text(&self.name)?;
        if !check_unit_name(cx, self.name.span, &unit) {
            return None;
        }
        if !has_unit_ending(&unit) {
            cx.report(
                bad_name(self.name.span, format!("the unit `{unit}` has no ending"))
                    .help(format!("write \"{unit}.service\"")),
            );
            return None;
        }
        let content = match &self.content {
            Some(content) => Some(content.resolve(cx)?),
            None => None,
        };
        let UnitState { enabled, masked } = self.state;
        Some(ItemKind::Unit { unit, content, enabled, masked })
    }
}
