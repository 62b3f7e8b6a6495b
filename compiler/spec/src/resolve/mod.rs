//! From declarations to images: `from` followed, roles unrolled, parameters put in.

mod bind;
mod chain;
mod conflict;
mod glob;
mod image;
mod owner;
mod part;
mod unused;

use std::collections::BTreeSet;

use crate::ResolvedImage;
use crate::context::Context;

/// All images in the order of their names, without those that could not be resolved.
pub(crate) fn images(cx: &mut Context<'_>) -> Vec<ResolvedImage> {
    let project = cx.project;
    let mut used = BTreeSet::new();
    let images = project
        .images
        .values()
        .filter_map(|image| image::resolve(cx, image, &mut used))
        .collect();
    // What no image uses is looked at too; a mistake that was found already is reported once.
    for base in project.bases.values() {
        base.resolve(cx);
    }
    for secret in project.secrets.values() {
        secret.resolve(cx);
    }
    chain::role_cycles(cx);
    unused::report(cx, &used);
    images
}
