//! From declarations to images: `from` followed, roles unrolled, parameters put in.

pub(crate) mod bind;
mod chain;
mod conflict;
mod explore;
mod glob;
mod image;
mod owner;
mod part;
mod unused;

use std::collections::{BTreeMap, BTreeSet};

use forge_diag::{Diagnostic, Span, codes};

use crate::ResolvedImage;
use crate::context::Context;

/// All images in the order of their names, without those that could not be resolved.
pub(crate) fn images(cx: &mut Context<'_>) -> Vec<ResolvedImage> {
    let project = cx.project;
    let mut used = BTreeSet::new();
    let images: Vec<ResolvedImage> =
        project.images.values().filter_map(|image| image::resolve(cx, image, &mut used)).collect();
    artifact_names(cx, &images);
    // What no image uses is looked at too; a mistake that was found already is reported once.
    for base in project.bases.values() {
        base.resolve(cx);
    }
    for secret in project.secrets.values() {
        secret.resolve(cx);
    }
    cx.scope = crate::value::Scope::default();
    for source in project.fetched.values() {
        source.resolve(cx);
    }
    conflict::report_overrides(cx);
    chain::role_cycles(cx);
    explore::roles(cx, &used);
    unused::report(cx);
    images
}

/// Packed images are named after cluster and type: two of one name would take each other's place.
fn artifact_names(cx: &mut Context<'_>, images: &[ResolvedImage]) {
    let project = cx.project;
    let mut known: BTreeMap<String, Span> = BTreeMap::new();
    for image in images.iter().filter(|image| image.output.is_some()) {
        let Some(decl) = project.images.get(&image.name) else {
            continue;
        };
        let name = format!("{}-{}", image.cluster, image.image_type);
        if let Some(first) = known.get(&name) {
            let headline = format!("two images would be packed as `{name}`");
            cx.report(
                Diagnostic::error(codes::SPEC_ARTIFACT_NAME, headline)
                    .at(decl.head, "this one")
                    .and(*first, "and this one")
                    .help("give one of them another `set type=\"…\"`"),
            );
            continue;
        }
        known.insert(name, decl.head);
    }
}
