//! Roles unrolled to parts.

use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{Diagnostic, Span, Spanned, codes};
use forge_model::{Fetch, Profile};
use forge_syntax::{Text, Value};

use super::bind::{self, SetValues};
use crate::context::Context;
use crate::node::Statement;
use crate::node::controls::ControlsUse;
use crate::node::image::ImageDecl;
use crate::node::role::{Given, GivenValue, RoleUse};
use crate::value::{ParamValue, Scope};
use crate::{Item, Part};

/// A part with the places of its items, for labels.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) part: Part,
    pub(crate) spans: Vec<Span>,
}

/// What a chain of images comes to.
pub(crate) struct Builder<'a, 'b> {
    pub(crate) set: &'b SetValues,
    /// Roles that are left out.
    pub(crate) dropped: BTreeSet<String>,
    /// Of those, the ones that were met.
    pub(crate) dropped_met: BTreeSet<String>,
    pub(crate) parts: Vec<Built>,
    pub(crate) profiles: Vec<(Profile, Span)>,
    /// Uses of roles that were made, with the values of their parameters: the same role with the
    /// same values is built once.
    made: BTreeSet<(String, Vec<(String, ParamValue)>)>,
    /// Names of roles that were used.
    pub(crate) used: &'b mut BTreeSet<String>,
    /// Roles that are being unrolled, against cycles.
    open: Vec<&'a str>,
}

impl<'a, 'b> Builder<'a, 'b> {
    pub(crate) fn new(set: &'b SetValues, used: &'b mut BTreeSet<String>) -> Self {
        Self {
            set,
            dropped: BTreeSet::new(),
            dropped_met: BTreeSet::new(),
            parts: Vec::new(),
            profiles: Vec::new(),
            made: BTreeSet::new(),
            used,
            open: Vec::new(),
        }
    }

    /// The image's roles, then its own items as a part of its name.
    pub(crate) fn image(&mut self, cx: &mut Context<'a>, image: &'a ImageDecl) {
        let values =
            self.set.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect();
        cx.scope = Scope { values };
        let mut own = empty(cx, &image.name.value, image.head, image.head);
        cx.own_sources = sources(cx, &image.body);
        self.statements(cx, &image.body, &mut own);
        cx.own_sources.clear();
        if !own.part.items.is_empty() || !own.part.packages.is_empty() {
            self.parts.push(own);
        }
    }

    fn statements(&mut self, cx: &mut Context<'a>, body: &'a [Statement], into: &mut Built) {
        for statement in body {
            match statement {
                Statement::Item(item) => {
                    if let Some(kind) = item.what.resolve(cx) {
                        let origin = cx.origin(item.span);
                        into.part.items.push(Item { origin, overrides: item.overrides, kind });
                        into.spans.push(item.span);
                    }
                }
                Statement::Packages(packages) => into.part.packages.push(packages.resolve(cx)),
                // Those of the body are known from its beginning on.
                Statement::Source(_) => {}
                Statement::Role(used) => self.role(cx, used),
                Statement::Controls(used) => self.controls(cx, used),
                Statement::When(when) => {
                    if when.holds(cx) == Some(true) {
                        self.statements(cx, &when.body, into);
                    }
                }
            }
        }
    }

    fn role(&mut self, cx: &mut Context<'a>, used: &'a RoleUse) {
        let project = cx.project;
        if self.dropped.contains(&used.name.value) {
            self.dropped_met.insert(used.name.value.clone());
            return;
        }
        let Some(role) = project.role(&used.name, cx.sink) else {
            return;
        };
        // Cycles are reported where the roles are looked at as such.
        if self.open.contains(&role.name.value.as_str()) {
            return;
        }
        self.used.insert(role.name.value.clone());
        let Some(scope) = bind::role(cx, role, used, self.set) else {
            return;
        };
        let values = role.params.iter().filter_map(|param| {
            let name = &param.name.value;
            scope.get(name).map(|value| (name.clone(), value.clone()))
        });
        if !self.made.insert((role.name.value.clone(), values.collect())) {
            return;
        }
        let outer = std::mem::replace(&mut cx.scope, scope);
        let own = sources(cx, &role.body);
        let outer_sources = std::mem::replace(&mut cx.own_sources, own);
        self.open.push(&role.name.value);
        let mut part = empty(cx, &role.name.value, used.head, role.head);
        self.statements(cx, &role.body, &mut part);
        self.open.pop();
        cx.scope = outer;
        cx.own_sources = outer_sources;
        self.parts.push(part);
    }

    fn controls(&mut self, cx: &mut Context<'a>, used: &ControlsUse) {
        let project = cx.project;
        let given = given_values(cx, &used.given);
        let templates: Vec<_> = used
            .names
            .iter()
            .filter_map(|name| Some((name, project.profile(name, cx.sink)?)))
            .collect();
        for (name, template) in &templates {
            let alone = templates.len() == 1;
            let takes =
                |param: &str| template.params.iter().any(|declared| declared.name.value == param);
            let mut values: BTreeMap<String, Spanned<Value>> = given
                .iter()
                // A value that no profile of the line takes is reported for the first of them.
                .filter(|(param, _)| alone || takes(param) || !known(&templates, param))
                .map(|(param, value)| (param.clone(), value.clone()))
                .collect();
            for (param, value) in self.set {
                if takes(param) && !values.contains_key(param) {
                    values.extend(value_of(&value.value, value.span).map(|at| (param.clone(), at)));
                }
            }
            let profile = template.instantiate(&values, name.span, cx.map, cx.sink);
            self.profiles.extend(profile.map(|profile| (profile, name.span)));
        }
    }
}

/// The sources that a body declares, whichever the order of its nodes.
fn sources(cx: &mut Context<'_>, body: &[Statement]) -> BTreeMap<String, Option<Fetch>> {
    let mut found: BTreeMap<String, Option<Fetch>> = BTreeMap::new();
    let mut places: BTreeMap<&str, Span> = BTreeMap::new();
    collect_sources(cx, body, &mut found, &mut places);
    found
}

fn collect_sources<'b>(
    cx: &mut Context<'_>,
    body: &'b [Statement],
    found: &mut BTreeMap<String, Option<Fetch>>,
    places: &mut BTreeMap<&'b str, Span>,
) {
    for statement in body {
        match statement {
            Statement::Source(decl) => {
                let name = &decl.name;
                let project = cx.project;
                let earlier = places.insert(&name.value, name.span);
                let earlier =
                    earlier.or_else(|| project.fetched.get(&name.value).map(|one| one.name.span));
                if let Some(first) = earlier {
                    let headline = format!("two declarations of the source `{}`", name.value);
                    cx.report(
                        Diagnostic::error(codes::SPEC_DUPLICATE, headline)
                            .at(name.span, "declared again here")
                            .and(first, "first here"),
                    );
                }
                let fetch = decl.resolve(cx);
                found.insert(name.value.clone(), fetch);
            }
            Statement::When(when) if when.holds(cx) == Some(true) => {
                collect_sources(cx, &when.body, found, places);
            }
            Statement::Item(_)
            | Statement::Packages(_)
            | Statement::Role(_)
            | Statement::Controls(_)
            | Statement::When(_) => {}
        }
    }
}

/// Values for profiles: text with `${name}` put in, everything else as it is.
fn given_values(cx: &mut Context<'_>, given: &[Given]) -> BTreeMap<String, Spanned<Value>> {
    let mut values = BTreeMap::new();
    for one in given {
        let entry = match &one.value {
            GivenValue::One(entry) => entry,
            GivenValue::List(entries) => {
                // Profiles take no lists: the first element stands for the mistake.
                let Some(entry) = entries.first() else {
                    continue;
                };
                entry
            }
        };
        let value = match &entry.value {
            Value::Text(text) => {
                let at = Spanned::new(text.clone(), entry.span);
                let Some(text) = cx.text(&at) else { continue };
                Value::Text(Text { value: text, raw: true })
            }
            other => other.clone(),
        };
        values.insert(one.name.value.clone(), Spanned::new(value, entry.span));
    }
    values
}

fn known(templates: &[(&Spanned<String>, &forge_control::ProfileTemplate)], param: &str) -> bool {
    templates
        .iter()
        .any(|(_, template)| template.params.iter().any(|known| known.name.value == param))
}

fn value_of(value: &ParamValue, span: Span) -> Option<Spanned<Value>> {
    let value = match value {
        ParamValue::Text(text) => Value::Text(Text { value: text.clone(), raw: true }),
        ParamValue::Integer(number) => {
            Value::Integer { value: i128::from(*number), written: number.to_string() }
        }
        ParamValue::Bool(value) => Value::Bool(*value),
        ParamValue::List(_) => return None,
    };
    Some(Spanned::new(value, span))
}

fn empty(cx: &Context<'_>, name: &str, used: Span, declared: Span) -> Built {
    let part = Part {
        name: name.to_owned(),
        origin: cx.origin(used),
        declared: cx.origin(declared),
        packages: Vec::new(),
        items: Vec::new(),
    };
    Built { part, spans: Vec::new() }
}
