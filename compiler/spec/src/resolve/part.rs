//! Roles unrolled to parts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forge_control::ProfileTemplate;
use forge_diag::{Diagnostic, Span, codes};
use forge_model::{Fetch, Profile};
use forge_param::ParamValue;

use super::bind::{self, Taker};
use super::chain::Link;
use super::image::parameters;
use crate::context::Context;
use crate::node::Statement;
use crate::node::controls::ControlsUse;
use crate::node::role::{RoleDecl, RoleUse};
use crate::value::{Scope, Values};
use crate::{Item, Part};

/// A part with the places of its items, for labels.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) part: Part,
    pub(crate) spans: Vec<Span>,
}

/// What a chain of images comes to.
pub(crate) struct Builder<'a, 'b> {
    pub(crate) set: &'b Arc<Values>,
    /// Roles that are left out.
    pub(crate) dropped: BTreeSet<String>,
    /// Of those, the ones that were met.
    pub(crate) dropped_met: BTreeSet<String>,
    pub(crate) parts: Vec<Built>,
    /// What the image at hand says itself.
    own: Option<Built>,
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
    pub(crate) fn new(set: &'b Arc<Values>, used: &'b mut BTreeSet<String>) -> Self {
        Self {
            set,
            dropped: BTreeSet::new(),
            dropped_met: BTreeSet::new(),
            parts: Vec::new(),
            own: None,
            profiles: Vec::new(),
            made: BTreeSet::new(),
            used,
            open: Vec::new(),
        }
    }

    /// A role without an image, its parameters at example values.
    pub(crate) fn explore(&mut self, cx: &mut Context<'a>, role: &'a RoleDecl, values: Values) {
        cx.scope = Scope::new(values, Arc::clone(self.set));
        cx.own_sources = sources(cx, &role.body);
        self.open.push(&role.name.value);
        let mut part = empty(cx, &role.name.value, role.head, role.head);
        self.statements(cx, &role.body, &mut part);
        cx.own_sources.clear();
    }

    /// The roles of an image's link; what it says itself is kept until the image is whole.
    pub(crate) fn link(&mut self, cx: &mut Context<'a>, link: Link<'a>) {
        cx.scope = Scope::new(Values::new(), Arc::clone(self.set));
        let name = &link.owner.name.value;
        if self.own.as_ref().is_none_or(|own| own.part.name != *name) {
            self.close();
            cx.own_sources.clear();
        }
        let head = link.owner.head;
        let mut own = self.own.take().unwrap_or_else(|| empty(cx, name, head, head));
        let sources = sources(cx, &link.decl.body);
        cx.own_sources.extend(sources);
        self.statements(cx, &link.decl.body, &mut own);
        self.own = Some(own);
    }

    /// Puts an image's own items behind its roles, as a part of its name.
    pub(crate) fn close(&mut self) {
        let own = self.own.take();
        self.parts
            .extend(own.filter(|own| !own.part.items.is_empty() || !own.part.packages.is_empty()));
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
                    let holds = when.holds(cx);
                    if holds == Some(true) || cx.exploring {
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
        let taker = Taker {
            kind: "role",
            name: &role.name.value,
            head: role.head,
            params: &role.params,
            whole: role.params_are_whole,
        };
        let values = bind::values(cx, &taker, used.given.iter(), self.set, used.head);
        let Some(values) = values else { return };
        let key = values.iter().map(|(name, bound)| (name.clone(), bound.value.clone()));
        if !self.made.insert((role.name.value.clone(), key.collect())) {
            return;
        }
        let mut shown = parameters(cx, &values);
        let place = |name: &str| role.params.iter().position(|param| param.name.value == name);
        shown.sort_by_key(|parameter| place(&parameter.name));
        let scope = Scope::new(values, Arc::clone(self.set));
        let outer = std::mem::replace(&mut cx.scope, scope);
        let own = sources(cx, &role.body);
        let outer_sources = std::mem::replace(&mut cx.own_sources, own);
        self.open.push(&role.name.value);
        let mut part = empty(cx, &role.name.value, used.head, role.head);
        part.part.parameters = shown;
        self.statements(cx, &role.body, &mut part);
        self.open.pop();
        cx.scope = outer;
        cx.own_sources = outer_sources;
        self.parts.push(part);
    }

    fn controls(&mut self, cx: &mut Context<'a>, used: &ControlsUse) {
        let project = cx.project;
        let templates: Vec<_> = used
            .names
            .iter()
            .filter_map(|name| Some((name, project.profile(name, cx.sink)?)))
            .collect();
        let takers: Vec<Taker<'_>> = templates.iter().map(|(_, profile)| taker(profile)).collect();
        for (index, ((name, template), taker)) in templates.iter().zip(&takers).enumerate() {
            // A value that no profile of the line takes is reported for the first of them.
            let known = |given: &str| takers.iter().any(|taker| taker.takes(given));
            let given = used.given.iter().filter(|given| {
                let given = &given.name.value;
                taker.takes(given) || index == 0 && !known(given)
            });
            let Some(values) = bind::values(cx, taker, given, self.set, name.span) else {
                continue;
            };
            let values = values.into_iter().map(|(name, bound)| (name, bound.value)).collect();
            let profile = template.instantiate(&values, cx.map, cx.sink);
            self.profiles.push((profile, name.span));
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
            Statement::When(when) if cx.exploring || when.holds(cx) == Some(true) => {
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

fn taker(profile: &ProfileTemplate) -> Taker<'_> {
    Taker {
        kind: "profile",
        name: &profile.name.value,
        head: profile.head,
        params: &profile.params,
        whole: profile.params_are_whole,
    }
}

fn empty(cx: &Context<'_>, name: &str, used: Span, declared: Span) -> Built {
    let part = Part {
        name: name.to_owned(),
        origin: cx.origin(used),
        declared: cx.origin(declared),
        parameters: Vec::new(),
        packages: Vec::new(),
        items: Vec::new(),
    };
    Built { part, spans: Vec::new() }
}
