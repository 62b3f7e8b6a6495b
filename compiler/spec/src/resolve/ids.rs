//! Ids that two accounts, or two groups, of an image have.

use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Span, codes};

use super::part::Built;
use crate::ItemKind;
use crate::context::Context;

/// Reports every id that is declared for two names. The last word on each name counts.
pub(crate) fn check(cx: &mut Context<'_>, image: &str, parts: &[Built]) {
    let (mut users, mut groups) = (BTreeMap::new(), BTreeMap::new());
    for built in parts.iter().flat_map(|part| &part.items) {
        match &built.item.kind {
            ItemKind::User { user, .. } => {
                users.insert(user.name.as_str(), (user.uid, built.span));
            }
            ItemKind::Group { name, gid, .. } => {
                groups.insert(name.as_str(), (*gid, built.span));
            }
            _ => {}
        }
    }
    for (word, names) in [("user", users), ("group", groups)] {
        let mut known: BTreeMap<u32, (&str, Span)> = BTreeMap::new();
        for (name, (id, span)) in names {
            let Some(id) = id else { continue };
            let Some((first, first_at)) = known.get(&id) else {
                known.insert(id, (name, span));
                continue;
            };
            let headline = format!("the {word}s `{first}` and `{name}` have the same id, {id}");
            cx.report(
                Diagnostic::error(codes::SPEC_CONFLICT, headline)
                    .at(span, format!("`{name}`"))
                    .and(*first_at, format!("`{first}`"))
                    .help("to the kernel they would be one: give one of them another id")
                    .note(format!("both are in the image `{image}`")),
            );
        }
    }
}
