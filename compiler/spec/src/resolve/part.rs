//! Roles unrolled to parts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forge_control::ProfileTemplate;
use forge_diag::{Diagnostic, Span, codes};
use forge_model::{Beside, Content, Fetch, Profile, Waiver};
use forge_param::ParamValue;

use super::bind::{self, Taker};
use super::chain::{Link, MAX_CHAIN};
use super::conflict::{self, Declaration};
use super::image::parameters;
use super::memo::Made;
use super::waiver;
use crate::budget::Tally;
use crate::context::Context;
use crate::node::controls::ControlsUse;
use crate::node::role::{RoleDecl, RoleUse};
use crate::node::{ItemDecl, Statement};
use crate::value::{Scope, Values};
use crate::{Item, ItemKind, ParameterSource, Part};

/// Roles of one image, the same role with other values counted again.
const MAX_ROLE_USES: usize = 4096;

/// An item with what the rules of an image ask of it.
#[derive(Debug)]
pub(crate) struct BuiltItem {
    pub(crate) item: Arc<Item>,
    /// Its place, for labels.
    pub(crate) span: Span,
    /// What it declares.
    pub(crate) subjects: Box<[Declaration]>,
}

impl BuiltItem {
    pub(crate) fn new(item: Item, span: Span) -> Self {
        let subjects = conflict::subjects(&item.kind).into_iter().map(Declaration::new).collect();
        Self { item: Arc::new(item), span, subjects }
    }
}

/// A part while its image is made: its items stand beside it.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) part: Part,
    /// Where the role is used, for labels.
    pub(crate) used: Span,
    pub(crate) items: Vec<Arc<BuiltItem>>,
}

impl Built {
    /// The part with its items.
    pub(crate) fn finish(mut self) -> Part {
        self.part.items = self.items.iter().map(|built| Arc::clone(&built.item)).collect();
        self.part
    }
}

/// What a chain of images comes to.
pub(crate) struct Builder<'a, 'b> {
    pub(crate) set: &'b Arc<Values>,
    /// Roles that are left out.
    pub(crate) dropped: BTreeSet<String>,
    /// Uses of roles that give new values to earlier ones, the last word last.
    pub(crate) overriding: Vec<&'a RoleUse>,
    /// Of the dropped roles, the ones that were met.
    pub(crate) dropped_met: BTreeSet<String>,
    pub(crate) parts: Vec<Built>,
    /// What the image at hand says itself.
    own: Option<Built>,
    pub(crate) profiles: Vec<(Profile, Span)>,
    /// Names of profiles of `InSpec`, each once.
    pub(crate) inspec: Vec<String>,
    /// Waivers for these images alone, with their places.
    pub(crate) waivers: Vec<(Waiver, Span)>,
    /// Values that the image sets itself, and that a role is given on its line: name and place.
    pub(crate) shadowed: Vec<(String, Span)>,
    /// Values that the image sets itself, and that a parameter got.
    pub(crate) taken: BTreeSet<String>,
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
            overriding: Vec::new(),
            dropped_met: BTreeSet::new(),
            shadowed: Vec::new(),
            taken: BTreeSet::new(),
            parts: Vec::new(),
            own: None,
            profiles: Vec::new(),
            inspec: Vec::new(),
            waivers: Vec::new(),
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
        self.parts.extend(own.filter(|own| !own.items.is_empty() || !own.part.packages.is_empty()));
    }

    fn statements(&mut self, cx: &mut Context<'a>, body: &'a [Statement], into: &mut Built) {
        for statement in body {
            if cx.budget.is_spent() {
                return;
            }
            match statement {
                Statement::Item(decl) => item(cx, decl, &mut into.items),
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
        if used.overrides && !self.open.is_empty() {
            cx.report(misplaced_override(used));
        }
        if let Some(found) = excess(self.open.len(), self.made.len(), used.head) {
            cx.report(found);
            return;
        }
        self.used.insert(role.name.value.clone());
        let taker = Taker {
            kind: "role",
            inspec: false,
            name: &role.name.value,
            head: role.head,
            params: &role.params,
            whole: role.params_are_whole,
        };
        let mut later = Vec::new();
        for one in self.overriding.iter().rev().filter(|one| one.name == used.name) {
            if !std::ptr::eq(*one, used) {
                later.push(*one);
                cx.overrides.insert(one.head, true);
            }
        }
        if used.overrides && self.open.is_empty() {
            let met = self.made.iter().any(|(name, _)| *name == role.name.value);
            *cx.overrides.entry(used.head).or_default() |= met;
            if met {
                return;
            }
        }
        let given = later.iter().flat_map(|one| &one.given).chain(&used.given);
        let values = bind::values(cx, &taker, given, self.set, used.head);
        let Some(values) = values else { return };
        self.note_set(&values);
        let key = values.iter().map(|(name, bound)| (name.clone(), bound.value.clone()));
        if !self.made.insert((role.name.value.clone(), key.collect())) {
            return;
        }
        for bound in values.values() {
            cx.tally.add_value(&bound.value);
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

    /// Notes what becomes of the values that the image sets itself.
    fn note_set(&mut self, values: &Values) {
        for (name, bound) in values {
            if self.set.get(name).is_none_or(|set| set.source != ParameterSource::Set) {
                continue;
            }
            if bound.source == ParameterSource::Given {
                self.shadowed.push((name.clone(), bound.span));
            } else {
                self.taken.insert(name.clone());
            }
        }
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
            if template.inspec.is_some() {
                if !self.inspec.contains(&template.name.value) {
                    self.inspec.push(template.name.value.clone());
                }
                continue;
            }
            let values = values.into_iter().map(|(name, bound)| (name, bound.value)).collect();
            self.profiles.push((profile(cx, template, values), name.span));
        }
        let templates: Vec<_> = templates.into_iter().map(|(_, profile)| profile).collect();
        self.waivers.extend(waiver::attached(cx, &used.waivers, &templates));
    }
}

/// What an item's declaration comes to. One that was made without a finding is the same in every
/// image that gives the names which it asked for the same values.
fn item(cx: &mut Context<'_>, decl: &ItemDecl, into: &mut Vec<Arc<BuiltItem>>) {
    if !cx.exploring
        && let Some(known) = decl.memo.get(&cx.scope)
    {
        cx.budget.spend(SHARED);
        into.extend(known.iter().cloned());
        return;
    }
    cx.spend();
    cx.scope.forget_reads();
    let findings = cx.sink.len();
    let kinds = [decl.what.resolve(cx), decl.what.brings(cx)];
    let reads = cx.scope.take_reads();
    let origin = cx.origin(decl.span);
    let kinds = kinds.into_iter().flatten().inspect(|kind| cx.tally.add(weight(kind)));
    let made = kinds.map(|kind| {
        let (origin, overrides, early) = (origin.clone(), decl.overrides, decl.what.is_early());
        let item = Item { origin, overrides, early, kind, beside: Beside::default() };
        Arc::new(BuiltItem::new(item, decl.span))
    });
    let mut made: Made = made.collect();
    let shared = !reads.other && cx.sink.len() == findings && !cx.exploring;
    if shared && let Some(faster) = decl.memo.keep(&cx.scope, reads, &made) {
        made = faster;
        cx.tally = Tally::default();
        cx.budget.spend(SHARED);
    }
    cx.spend();
    into.extend(made.iter().cloned());
}

/// What is shared costs its place in the list.
const SHARED: Tally = Tally::each();

/// Bytes of an item that are not counted where its texts are made.
fn weight(kind: &ItemKind) -> usize {
    match kind {
        ItemKind::File { content: Content::Text(text), .. } => text.len(),
        // A file of a directory is a path and a digest.
        ItemKind::Tree(tree) => {
            tree.nodes.keys().map(|path| path.as_bytes().len() + PER_NODE).sum()
        }
        _ => 0,
    }
}

/// What a file of a directory is beside its path.
const PER_NODE: usize = 160;

/// The sources that a body declares, whichever the order of its nodes.
pub(super) fn sources(cx: &mut Context<'_>, body: &[Statement]) -> BTreeMap<String, Option<Fetch>> {
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

/// A profile with its values put in: images that give the same values have the same controls.
fn profile(
    cx: &mut Context<'_>,
    template: &ProfileTemplate,
    values: BTreeMap<String, ParamValue>,
) -> Profile {
    let key = (template.name.value.clone(), values);
    if let Some(known) = cx.profiles.get(&key) {
        return known.clone();
    }
    let profile = template.instantiate(&key.1, cx.map, cx.sink);
    cx.profiles.insert(key, profile.clone());
    profile
}

fn taker(profile: &ProfileTemplate) -> Taker<'_> {
    Taker {
        kind: "profile",
        inspec: profile.inspec.is_some(),
        name: &profile.name.value,
        head: profile.head,
        params: &profile.params,
        whole: profile.params_are_whole,
    }
}

/// Roles of an image that nobody writes by hand; reported at the one too many.
fn excess(depth: usize, roles: usize, used: Span) -> Option<Diagnostic> {
    if depth >= MAX_CHAIN {
        let headline = format!("roles use roles deeper than {MAX_CHAIN}");
        return Some(Diagnostic::error(codes::SYNTAX_DEPTH, headline).at(used, "one too deep"));
    }
    let headline = format!("an image has more than {MAX_ROLE_USES} roles");
    (roles >= MAX_ROLE_USES)
        .then(|| Diagnostic::error(codes::SYNTAX_SIZE, headline).at(used, "one too many"))
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
    Built { part, used, items: Vec::new() }
}

fn misplaced_override(used: &RoleUse) -> Diagnostic {
    let headline = "only an image gives new values to roles that are used already";
    Diagnostic::error(codes::SYNTAX_UNKNOWN_PROPERTY, headline)
        .at(used.head, "in a role")
        .help("take `override=#true` away, and write the values on the role's line in the image")
}
