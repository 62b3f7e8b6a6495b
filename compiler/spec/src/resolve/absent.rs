//! What an image does not get, and why: items below a `when` that does not hold, of roles that it
//! drops or does not use, and of other images. Looked for when somebody asks, in a walk of its own
//! over the declarations; what images do get is known from their resolved form.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forge_diag::{Sink, SourceMap, Span};
use forge_model::{Beside, Origin, Sources};

use super::bind::{self, Taker};
use super::{FileMemo, chain, explore, image, part};
use crate::budget::Budget;
use crate::context::Context;
use crate::node::role::{RoleDecl, RoleUse};
use crate::node::when::WhenDecl;
use crate::node::{ItemDecl, Statement};
use crate::value::{Scope, Values};
use crate::{Item, Parameter, compile};

/// An item that an image does not get.
#[derive(Clone, Debug, PartialEq)]
pub struct Absent {
    /// The role that has the item, or the image.
    pub part: String,
    /// The item. Values that nothing gives are examples.
    pub item: Item,
    /// Why, the outermost reason first; each of them is enough.
    pub because: Vec<Because>,
}

/// Why an image does not get an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Because {
    /// It stands below a `when` that does not hold.
    When {
        /// The condition as the spec writes it.
        condition: String,
        /// Where the condition stands.
        origin: Origin,
        /// What it asks about, with its value and who gave it.
        asked: Option<Box<Parameter>>,
    },
    /// It stands in a role that the image drops.
    Dropped {
        /// The role.
        role: String,
        /// Where it is dropped.
        origin: Origin,
    },
    /// It stands in a role that the image does not use.
    Unused {
        /// The role.
        role: String,
        /// Where the role is declared.
        origin: Origin,
    },
    /// Another image says it itself.
    Other {
        /// That image.
        image: String,
        /// Where it is declared.
        origin: Origin,
    },
}

/// What the images of a project do not get.
#[derive(Debug, Default)]
pub struct Absentees {
    /// By image: what stands below conditions and in dropped roles.
    pub of: BTreeMap<String, Vec<Absent>>,
    /// Items of roles, for images that do not use the role.
    pub roles: BTreeMap<String, Vec<Absent>>,
    /// Items that images say themselves, by image.
    pub own: BTreeMap<String, Vec<Absent>>,
    /// The roles that each image uses, and the images that it is made from.
    pub has: BTreeMap<String, BTreeSet<String>>,
}

impl Absentees {
    /// All that an image does not get.
    pub fn for_image(&self, image: &str) -> impl Iterator<Item = &Absent> {
        let none = BTreeSet::new;
        let has = self.has.get(image).cloned().unwrap_or_else(none);
        let own_has = has.clone();
        let roles =
            self.roles.iter().filter(move |(role, _)| !has.contains(&format!("role {role}")));
        let own =
            self.own.iter().filter(move |(name, _)| !own_has.contains(&format!("image {name}")));
        let others = roles.chain(own).flat_map(|(_, absent)| absent);
        self.of.get(image).into_iter().flatten().chain(others)
    }
}

/// Walks over a project without mistakes: what is found here is reported nowhere.
pub fn absent(sources: &dyn Sources) -> Absentees {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let (project, _) = compile::read_project(sources, &mut map, &mut sink);
    let (budget, files) = (Budget::default(), FileMemo::default());
    let mut cx = Context::new(&project, sources, (&mut map, &mut sink), (&budget, &files));
    let mut all = Absentees::default();
    let mut seen = BTreeSet::new();
    for decl in project.images.values() {
        let mut walk = Walk::new(&mut cx);
        walk.image(decl);
        let (found, has) = (walk.found, walk.has);
        all.of.insert(decl.name.value.clone(), found);
        all.has.insert(decl.name.value.clone(), has);
        own(&mut cx, decl, &mut seen, &mut all.own);
    }
    for role in project.roles.values() {
        let because =
            Because::Unused { role: role.name.value.clone(), origin: cx.origin(role.head) };
        let set = Arc::new(explore::example_set(&cx, role));
        let mut walk = Walk::new(&mut cx);
        walk.set = Arc::clone(&set);
        walk.because.push(because);
        walk.body(role, explore::examples(role));
        all.roles.insert(role.name.value.clone(), walk.found);
    }
    all
}

/// What an image's own node says. A matrix says the same for all of its images: once is enough.
fn own<'a>(
    cx: &mut Context<'a>,
    decl: &'a crate::node::image::ImageDecl,
    seen: &mut BTreeSet<Span>,
    own: &mut BTreeMap<String, Vec<Absent>>,
) {
    let links: Vec<_> = decl.links().filter(|link| seen.insert(link.head)).collect();
    let because = Because::Other { image: decl.name.value.clone(), origin: cx.origin(decl.head) };
    let chain = chain::of(cx, decl).unwrap_or_default();
    let set = Arc::new(image::set_values(cx, decl, &chain, None));
    let mut walk = Walk::new(cx);
    walk.set = set;
    walk.roles = false;
    walk.part.clone_from(&decl.name.value);
    walk.because.push(because);
    for link in links {
        walk.cx.scope = Scope::new(Values::new(), Arc::clone(&walk.set));
        walk.statements(&link.body);
    }
    own.insert(decl.name.value.clone(), walk.found);
}

/// Roles that one walk enters: a spec that uses roles beyond that is refused when it is compiled.
const MAX_ROLES: usize = 4096;

struct Walk<'a, 'c> {
    cx: &'c mut Context<'a>,
    set: Arc<Values>,
    dropped: BTreeMap<String, Span>,
    /// Why nothing counts where the walk is; it counts when empty.
    because: Vec<Because>,
    /// Roles are entered.
    roles: bool,
    part: String,
    /// Roles on the way, against cycles.
    open: Vec<&'a str>,
    entered: usize,
    found: Vec<Absent>,
    has: BTreeSet<String>,
}

impl<'a, 'c> Walk<'a, 'c> {
    fn new(cx: &'c mut Context<'a>) -> Self {
        Self {
            cx,
            set: Arc::default(),
            dropped: BTreeMap::new(),
            because: Vec::new(),
            roles: true,
            part: String::new(),
            open: Vec::new(),
            entered: 0,
            found: Vec::new(),
            has: BTreeSet::new(),
        }
    }

    fn image(&mut self, decl: &'a crate::node::image::ImageDecl) {
        let Some(chain) = chain::of(self.cx, decl) else { return };
        let base = chain.iter().rev().find_map(|link| link.decl.base.as_ref());
        let resolved = base.and_then(|name| self.cx.project.base(name, self.cx.sink));
        let resolved = resolved.and_then(|base| base.resolve(self.cx));
        let base = resolved.as_ref().zip(base.map(|name| name.span));
        self.set = Arc::new(image::set_values(self.cx, decl, &chain, base));
        for (index, link) in chain.iter().enumerate() {
            let later = chain.get(index + 1..).unwrap_or_default();
            let dropped = later.iter().flat_map(|link| &link.decl.drop_roles);
            self.dropped = dropped.map(|name| (name.value.clone(), name.span)).collect();
            self.part.clone_from(&link.owner.name.value);
            self.has.insert(format!("image {}", self.part));
            self.cx.scope = Scope::new(Values::new(), Arc::clone(&self.set));
            self.cx.own_sources = part::sources(self.cx, &link.decl.body);
            self.statements(&link.decl.body);
        }
    }

    fn statements(&mut self, body: &'a [Statement]) {
        for statement in body {
            match statement {
                Statement::Item(item) => self.item(item),
                Statement::Role(used) if self.roles => self.role(used),
                Statement::When(when) => self.when(when),
                Statement::Role(_)
                | Statement::Packages(_)
                | Statement::Source(_)
                | Statement::Controls(_) => {}
            }
        }
    }

    fn item(&mut self, item: &ItemDecl) {
        if self.because.is_empty() {
            return;
        }
        let kinds = [item.what.resolve(self.cx), item.what.brings(self.cx)];
        let origin = self.cx.origin(item.span);
        for kind in kinds.into_iter().flatten() {
            self.found.push(Absent {
                part: self.part.clone(),
                item: Item {
                    origin: origin.clone(),
                    overrides: item.overrides,
                    early: item.what.is_early(),
                    kind,
                    beside: Beside::default(),
                },
                because: self.because.clone(),
            });
        }
    }

    fn when(&mut self, when: &'a WhenDecl) {
        // Without an image no condition is decided.
        let example = matches!(self.because.first(), Some(Because::Unused { .. }));
        if example || when.holds(self.cx) == Some(true) {
            return self.statements(&when.body);
        }
        let written = when.written(self.cx);
        let asked = when.asked(self.cx).map(|(name, bound)| {
            Box::new(Parameter {
                name: name.to_owned(),
                ty: bound.ty.as_ref().map(|ty| ty.name()),
                value: bound.value.clone(),
                source: bound.source.clone(),
                origin: self.cx.origin(bound.span),
            })
        });
        let origin = self.cx.origin(written.span);
        self.because.push(Because::When { condition: written.value, origin, asked });
        self.statements(&when.body);
        self.because.pop();
    }

    fn role(&mut self, used: &'a RoleUse) {
        let project = self.cx.project;
        let name = &used.name.value;
        let Some(role) = project.roles.get(name) else { return };
        if self.open.contains(&name.as_str()) || self.entered >= MAX_ROLES {
            return;
        }
        self.entered += 1;
        // A role that is used elsewhere and dropped here is told of once, by its being dropped.
        self.has.insert(format!("role {name}"));
        let dropped = self.dropped.get(name).copied();
        if let Some(span) = dropped {
            let origin = self.cx.origin(span);
            self.because.push(Because::Dropped { role: name.clone(), origin });
        }
        let taker = Taker {
            inspec: false,
            kind: "role",
            name,
            head: role.head,
            params: &role.params,
            whole: role.params_are_whole,
        };
        let set = Arc::clone(&self.set);
        let values = bind::values(self.cx, &taker, used.given.iter(), &set, used.head);
        self.body(role, values.unwrap_or_else(|| explore::examples(role)));
        if dropped.is_some() {
            self.because.pop();
        }
    }

    fn body(&mut self, role: &'a RoleDecl, values: Values) {
        let scope = Scope::new(values, Arc::clone(&self.set));
        let outer = std::mem::replace(&mut self.cx.scope, scope);
        let own = part::sources(self.cx, &role.body);
        let outer_sources = std::mem::replace(&mut self.cx.own_sources, own);
        let outer_part = std::mem::replace(&mut self.part, role.name.value.clone());
        self.open.push(&role.name.value);
        self.statements(&role.body);
        self.open.pop();
        self.part = outer_part;
        self.cx.own_sources = outer_sources;
        self.cx.scope = outer;
    }
}
