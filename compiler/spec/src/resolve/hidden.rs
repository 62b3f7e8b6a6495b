//! What nobody sees on a running node, since something is mounted over it.

use forge_diag::{Diagnostic, Span, codes};
use forge_model::ImagePath;

use super::part::Built;
use crate::ItemKind;
use crate::context::Context;

/// Warns of each item whose path lies below one that the image mounts.
pub(crate) fn check(cx: &mut Context<'_>, parts: &[Built]) {
    let items =
        || parts.iter().flat_map(|part| &part.items).map(|built| (&built.item, &built.span));
    let mounts: Vec<(&ImagePath, Span)> = items()
        .filter_map(|(item, span)| match &item.kind {
            ItemKind::Mount { path, .. } => Some((path, *span)),
            _ => None,
        })
        .collect();
    if mounts.is_empty() {
        return;
    }
    for (item, span) in items() {
        let (ItemKind::File { path, .. }
        | ItemKind::SecretFile { path, .. }
        | ItemKind::Directory { path, .. }
        | ItemKind::Link { path, .. }
        | ItemKind::Unpack { into: path, .. }) = &item.kind
        else {
            continue;
        };
        let over = mounts.iter().find(|(mounted, _)| *mounted != path && path.starts_with(mounted));
        let Some((mounted, place)) = over else { continue };
        cx.report(
            Diagnostic::warning(
                codes::SPEC_HIDDEN,
                format!("no running node sees `{path}`: it lies below the mount `{mounted}`"),
            )
            .at(*span, "in the image, and hidden")
            .and(*place, "mounted here")
            .help("put it elsewhere, or on the file system that is mounted"),
        );
    }
}
