use forge_diag::{Diagnostic, Spanned, codes};
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::put::{Put, Reported, put};
use super::{Declaration, OVERRIDE, TextAt, bad_value, check_unit_name, unit_name};
use crate::ItemKind;
use crate::context::Context;

/// `enabled=`, as services and units have it.
pub(crate) const ENABLED: Field =
    Field::optional("enabled", "truth value", "starts at boot; left as it is without");
/// `masked=`, as services and units have it.
pub(crate) const MASKED: Field =
    Field::default("masked", "truth value", "#false", "cannot be started at all");

pub(crate) const KIND: NodeKind = NodeKind {
    name: "service",
    doc: "The state of a unit that a package brings. A unit that the spec brings is a `unit`.",
    args: &[Field::required("name", "unit's name", "`.service` is added when it has no ending")],
    props: &[ENABLED, MASKED, OVERRIDE],
    children: &[],
    example: "service \"apt-daily.timer\" masked=#true",
};

/// Whether a unit starts at boot, or cannot at all.
#[derive(Debug)]
pub(crate) struct UnitState {
    pub(crate) enabled: Option<Spanned<Put<bool>>>,
    pub(crate) masked: bool,
}

#[derive(Debug)]
struct ServiceDecl {
    name: TextAt,
    state: UnitState,
}

/// Reads `enabled=` and `masked=`.
pub(crate) fn read_state(cursor: &mut Cursor<'_>) -> UnitState {
    let enabled: Option<Spanned<Put<bool>>> = cursor.prop("enabled");
    let masked: Option<Spanned<bool>> = cursor.prop("masked");
    if let (Some(enabled), Some(masked)) = (&enabled, &masked)
        && matches!(enabled.value, Put::Given(true))
        && masked.value
    {
        cursor.report(
            bad_value(masked.span, "a masked unit cannot be enabled", "masked here")
                .and(enabled.span, "enabled here"),
        );
    }
    UnitState { enabled, masked: masked.is_some_and(|value| value.value) }
}

impl UnitState {
    /// Whether the unit starts at boot, if it is said.
    pub(crate) fn enabled(&self, cx: &mut Context<'_>) -> Result<Option<bool>, Reported> {
        let enabled = put(cx, "enabled", self.enabled.as_ref(), "bool")?;
        // What is written out was compared when it was read.
        if let Some(given) = &self.enabled
            && matches!(given.value, Put::Parameter(_))
            && enabled == Some(true)
            && self.masked
        {
            let headline = "a masked unit cannot be enabled";
            cx.report(bad_value(given.span, headline, "this is true, beside `masked=#true`"));
            return Err(Reported);
        }
        Ok(enabled)
    }
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let mistakes = cursor.mistakes();
    let state = read_state(cursor);
    if state.enabled.is_none() && !state.masked && mistakes == cursor.mistakes() && name.is_some() {
        let head = cursor.head();
        let found = Diagnostic::error(codes::SYNTAX_EMPTY, "`service` says nothing of the unit")
            .at(head, "")
            .help("add `enabled=#true`, `enabled=#false` or `masked=#true`");
        let states = ["enabled=#true", "enabled=#false", "masked=#true"];
        let offer = |found: Diagnostic, state| found.offer(head.behind(), format!(" {state}"));
        cursor.report(states.into_iter().fold(found, offer));
        return None;
    }
    Some(Box::new(ServiceDecl { name: name?, state }))
}

impl Declaration for ServiceDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = cx.text(&self.name)?;
        if !check_unit_name(cx, self.name.span, &name) {
            return None;
        }
        let enabled = self.state.enabled(cx).ok()?;
        Some(ItemKind::Service { unit: unit_name(&name), enabled, masked: self.state.masked })
    }
}
