use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Sink, Span, codes};
use forge_model::ImagePath;
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, quote};

use super::content::{self, ContentDecl};
use super::service::{ENABLED, MASKED, UnitState, read_state};
use super::{Declaration, OVERRIDE, TextAt, bad_name, check_unit_name, has_unit_ending};
use crate::context::Context;
use crate::{DropIn, ItemKind, written};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "unit",
    doc: "A systemd unit: its text, in `/etc/systemd/system`, drop-ins for it or for a unit that a \
          package brings, and its state. A `.timer` that is enabled starts its service at its times.",
    args: &[Field::required("name", "unit's full name", "with its ending: `node-health.timer`")],
    props: &[content::SOURCE, content::TEMPLATE, ENABLED, MASKED, OVERRIDE],
    children: &[
        content::CHILD,
        Child::new("drop-in", "settings added to the unit, in a file of their own"),
    ],
    example: "unit \"node-health.timer\" source=\"node-health.timer\" enabled=#true",
};

pub(crate) const DROP_IN: NodeKind = NodeKind {
    name: "drop-in",
    doc: "Settings that are added to a unit, or take the place of its own, in a file of \
          `/etc/systemd/system/UNIT.d`. Its content is exactly one of `content`, `source` and \
          `template`.",
    args: &[Field::required("name", "file's name", "with its ending: `10-limits.conf`")],
    props: &[content::SOURCE, content::TEMPLATE],
    children: &[content::CHILD],
    example: "",
};

/// Where a site's own units live.
const UNITS: &str = "/etc/systemd/system";

#[derive(Debug)]
struct UnitDecl {
    name: TextAt,
    content: Option<ContentDecl>,
    drop_ins: Vec<DropInDecl>,
    state: UnitState,
}

#[derive(Debug)]
struct DropInDecl {
    name: TextAt,
    content: ContentDecl,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let mistakes = cursor.mistakes();
    let content = content::read(cursor);
    let drop_ins = read_drop_ins(cursor);
    let state = read_state(cursor);
    let says_nothing = content.is_none() && drop_ins.is_empty() && !state.masked;
    if says_nothing && mistakes == cursor.mistakes() && name.is_some() {
        let head = cursor.head();
        cursor.report(
            Diagnostic::error(codes::SYNTAX_MISSING, "`unit` lacks its content").at(head, "").help(
                "add `source=…`, `template=…`, `{ content \"…\" }` or a `drop-in`; the state of a \
                 unit that a package brings is a `service`",
            ),
        );
        return None;
    }
    Some(Box::new(UnitDecl { name: name?, content, drop_ins, state }))
}

fn read_drop_ins(cursor: &mut Cursor<'_>) -> Vec<DropInDecl> {
    let mut found = Sink::new();
    let mut drop_ins = Vec::new();
    for node in cursor.children("drop-in") {
        let mut below = Cursor::of(node, &DROP_IN);
        let name = below.arg("name");
        let mistakes = below.mistakes();
        let content = content::read(&mut below);
        if content.is_none() && mistakes == below.mistakes() && name.is_some() {
            below.report(
                Diagnostic::error(codes::SYNTAX_MISSING, "`drop-in` lacks its content")
                    .at(node.head, "nothing says what it holds")
                    .help("add `source=…`, `template=…` or `{ content \"…\" }`"),
            );
        }
        below.finish(&mut found);
        drop_ins.extend(name.zip(content).map(|(name, content)| DropInDecl { name, content }));
    }
    found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
    drop_ins
}

impl DropInDecl {
    fn resolve(&self, cx: &mut Context<'_>, unit: &str) -> Option<DropIn> {
        let name = cx.text(&self.name);
        let content = self.content.resolve(cx);
        let (name, content) = (name?, content?);
        let plain =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte));
        let found = || bad_name(self.name.span, format!("`{name}` is no name of a drop-in"));
        if !plain || name.starts_with('.') {
            cx.report(found().help("letters, digits and `- _ . @`, with `.conf` at its end"));
            return None;
        }
        if !name.ends_with(".conf") || name.len() > 255 {
            let mended = quote(&format!("{name}.conf"));
            let found = found().help(format!("systemd reads only files that end so: {mended}"));
            let written = self.name.value.value == name;
            cx.report(if written { found.mend(self.name.span, mended) } else { found });
            return None;
        }
        if let Some(path) = ImagePath::new(format!("{UNITS}/{unit}.d/{name}")) {
            written::check(cx, &path, &content, &self.content);
        }
        Some(DropIn { name, content })
    }
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
        if let (Some(content), Some(decl), Some(path)) =
            (&content, &self.content, ImagePath::new(format!("{UNITS}/{unit}")))
        {
            if self.drop_ins.is_empty() {
                written::check(cx, &path, content, decl);
            } else {
                written::check_part(cx, &path, content, decl);
            }
        }
        let drop_ins = self.drop_ins(cx, &unit);
        let (enabled, masked) = (self.state.enabled(cx).ok()?, self.state.masked);
        Some(ItemKind::Unit { unit, content, drop_ins: drop_ins?, enabled, masked })
    }
}

impl UnitDecl {
    fn drop_ins(&self, cx: &mut Context<'_>, unit: &str) -> Option<Vec<DropIn>> {
        let mut known: BTreeMap<String, Span> = BTreeMap::new();
        let mut drop_ins = Some(Vec::new());
        for decl in &self.drop_ins {
            let drop_in = decl.resolve(cx, unit);
            if let Some(DropIn { name, .. }) = &drop_in
                && let Some(first) = known.insert(name.clone(), decl.name.span)
            {
                cx.report(
                    Diagnostic::error(codes::SPEC_DUPLICATE, format!("two drop-ins `{name}`"))
                        .at(decl.name.span, "and again here")
                        .and(first, "first here"),
                );
            }
            drop_ins = drop_ins.zip(drop_in).map(|(mut all, one)| {
                all.push(one);
                all
            });
        }
        drop_ins
    }
}
