//! From declarations to images: `from` followed, roles unrolled, parameters put in.

pub(crate) mod absent;
pub(crate) mod bind;
mod chain;
mod conflict;
mod early;
mod edits;
mod explore;
mod hidden;
mod identity;
mod ids;
mod image;
mod inspec;
mod limits;
mod memo;
mod part;
mod unused;
mod waiver;

use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{FileId, Sink, SourceMap, Span};
use forge_model::{Sources, on_all_processors};

pub(crate) use self::memo::{FileMemo, ItemMemo};

use crate::budget::Budget;
use crate::context::Context;
use crate::node::image::ImageDecl;
use crate::project::Project;
use crate::{ResolvedImage, ResolvedSpec};

/// All images, and all profiles of `InSpec`, in the order of their names, without those that could
/// not be resolved.
pub(crate) fn all(
    project: &Project,
    sources: &dyn Sources,
    map: &mut SourceMap,
    sink: &mut Sink,
) -> ResolvedSpec {
    let (budget, files) = (Budget::default(), FileMemo::default());
    let shared = (&budget, &files);
    let shares = shares(project, sources, map, shared);
    if budget.is_spent() {
        // What else is wrong is not known: nothing was looked at whole.
        if let Some(first) = project.images.values().next() {
            sink.push(Budget::finding(project.images.len(), first.name.span));
        }
        return ResolvedSpec::default();
    }
    let mut cx = Context::new(project, sources, (map, sink), shared);
    let (mut images, mut used) = (Vec::new(), BTreeSet::new());
    let copied = cx.map.len();
    for share in shares {
        images.extend(share.images);
        used.extend(share.used);
        for (span, does) in share.overrides {
            *cx.overrides.entry(span).or_default() |= does;
        }
        let moved = cx.map.absorb(&share.map, copied);
        let mut found = share.found;
        found.moved(&moved);
        cx.sink.append(found);
        let templates = share.templates.into_iter();
        cx.templates.extend(templates.map(|(path, file)| (path, file.map(|id| moved.file(id)))));
    }
    // What no image uses is looked at too; a mistake that was found already is reported once.
    for base in project.bases.values() {
        base.resolve(&mut cx);
    }
    for secret in project.secrets.values() {
        secret.resolve(&mut cx);
    }
    cx.scope = crate::value::Scope::default();
    for source in project.fetched.values() {
        source.resolve(&mut cx);
    }
    let inspec = inspec::all(&mut cx);
    conflict::report_overrides(&mut cx);
    chain::role_cycles(&mut cx);
    explore::roles(&mut cx, &used);
    unused::report(&mut cx);
    ResolvedSpec { images, inspec }
}

/// Some images, resolved without a look at the others.
struct Share {
    images: Vec<ResolvedImage>,
    found: Sink,
    /// The texts that the findings point into.
    map: SourceMap,
    templates: BTreeMap<String, Option<FileId>>,
    overrides: BTreeMap<Span, bool>,
    used: BTreeSet<String>,
}

/// The images, shared out among all processors.
fn shares(
    project: &Project,
    sources: &dyn Sources,
    map: &SourceMap,
    shared: (&Budget, &FileMemo),
) -> Vec<Share> {
    /// So many on any machine: of very many findings, each share keeps its first ones.
    const SHARES: usize = 16;
    let all: Vec<&ImageDecl> = project.images.values().collect();
    let shares: Vec<&[&ImageDecl]> = all.chunks(all.len().div_ceil(SHARES).max(1)).collect();
    on_all_processors(&shares, |share| {
        let (mut map, mut found, mut used) = (map.clone(), Sink::new(), BTreeSet::new());
        let mut cx = Context::new(project, sources, (&mut map, &mut found), shared);
        let images =
            share.iter().filter_map(|image| image::resolve(&mut cx, image, &mut used)).collect();
        let (templates, overrides) = (cx.templates, cx.overrides);
        Share { images, found, map, templates, overrides, used }
    })
}
