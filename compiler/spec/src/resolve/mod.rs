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

use forge_diag::{FileId, Sink, SourceMap};
use forge_model::{Sources, on_all_processors};

pub(crate) use self::memo::{FileMemo, ItemMemo};

use crate::budget::Budget;
use crate::context::Context;
use crate::node::image::ImageDecl;
use crate::project::Project;
use crate::record::Trace;
use crate::{ResolvedImage, ResolvedSpec};

/// All images but the unchanged ones, and all profiles of `InSpec`, in the order of their names, without
/// those that could not be resolved; with what was met on the way to each image, in the same order.
pub(crate) fn all(
    project: &Project,
    sources: &dyn Sources,
    (unchanged, budget): (BTreeMap<String, Trace>, &Budget),
    map: &mut SourceMap,
    sink: &mut Sink,
) -> (ResolvedSpec, Vec<Trace>) {
    let files = FileMemo::default();
    let shared = (budget, &files);
    let changed =
        project.images.values().filter(|image| !unchanged.contains_key(&image.name.value));
    let shares = shares(project, changed.collect(), sources, map, shared);
    if budget.is_spent() {
        // What else is wrong is not known: nothing was looked at whole.
        if let Some(first) = project.images.values().next() {
            sink.push(Budget::finding(project.images.len(), first.name.span));
        }
        return (ResolvedSpec::default(), Vec::new());
    }
    let mut cx = Context::new(project, sources, (map, sink), shared);
    let (mut images, mut traces) = (Vec::new(), unchanged);
    let copied = cx.map.len();
    for share in shares {
        images.extend(share.images);
        traces.extend(share.traces.into_iter().map(|trace| (trace.name.clone(), trace)));
        let moved = cx.map.absorb(&share.map, copied);
        let mut found = share.found;
        found.moved(&moved);
        cx.sink.append(found);
        let templates = share.templates.into_iter();
        cx.templates.extend(templates.map(|(path, file)| (path, file.map(|id| moved.file(id)))));
    }
    let mut used = BTreeSet::new();
    for trace in traces.values() {
        used.extend(trace.roles.iter().map(String::as_str));
        for (span, does) in &trace.overrides {
            *cx.overrides.entry(*span).or_default() |= does;
        }
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
    (ResolvedSpec { images, inspec }, traces.into_values().collect())
}

/// Some images, resolved without a look at the others.
struct Share {
    images: Vec<ResolvedImage>,
    found: Sink,
    /// The texts that the findings point into.
    map: SourceMap,
    templates: BTreeMap<String, Option<FileId>>,
    traces: Vec<Trace>,
}

/// The images, shared out among all processors.
fn shares<'a>(
    project: &'a Project,
    all: Vec<&'a ImageDecl>,
    sources: &dyn Sources,
    map: &SourceMap,
    shared: (&Budget, &FileMemo),
) -> Vec<Share> {
    /// So many on any machine: of very many findings, each share keeps its first ones.
    const SHARES: usize = 16;
    let shares: Vec<&[&ImageDecl]> = all.chunks(all.len().div_ceil(SHARES).max(1)).collect();
    on_all_processors(&shares, |share| {
        let (mut map, mut found, mut traces) = (map.clone(), Sink::new(), Vec::new());
        let mut cx = Context::new(project, sources, (&mut map, &mut found), shared);
        let one = |image: &&'a ImageDecl| {
            let mut trace = Trace { name: image.name.value.clone(), ..Trace::default() };
            let resolved = image::resolve(&mut cx, image, &mut trace);
            trace.overrides = std::mem::take(&mut cx.overrides);
            traces.push(trace);
            resolved
        };
        let images = share.iter().filter_map(one).collect();
        let templates = cx.templates;
        Share { images, found, map, templates, traces }
    })
}
