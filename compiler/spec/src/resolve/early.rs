//! What stands before the packages of a role, against the accounts that it belongs to: those must
//! be there by then.

use forge_model::User;
use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Span, codes};

use super::part::{Built, BuiltItem};
use crate::context::Context;
use crate::{FileTree, ItemKind};

/// Where an account is made.
#[derive(Clone, Copy)]
struct Made<'a> {
    part: &'a str,
    /// The part's place among all.
    number: usize,
    span: Span,
    early: bool,
}

/// Accounts by their names, users and groups apart.
type Accounts<'a> = BTreeMap<(&'static str, &'a str), Made<'a>>;

/// Reports owners and groups that the spec makes too late for what is there before the packages. An
/// account that the spec does not make may be the base's or an earlier package's.
pub(super) fn check(cx: &mut Context<'_>, parts: &[Built]) {
    let accounts = accounts(parts);
    for (number, built) in parts.iter().enumerate() {
        for BuiltItem { item, span, .. } in built.items.iter().map(|item| &**item) {
            let (what, owner, groups) = match &item.kind {
                ItemKind::File { path, owner, group, .. }
                | ItemKind::Directory { path, owner, group, .. }
                | ItemKind::Tree(FileTree { path, owner, group, .. })
                    if item.early =>
                {
                    (format!("`{path}` belongs to"), Some(owner), vec![group])
                }
                ItemKind::User { user: User { name, group, groups, .. }, early: true } => {
                    (format!("the user `{name}` is in"), None, group.iter().chain(groups).collect())
                }
                _ => continue,
            };
            let owner = owner.map(|name| ("user", name.as_str()));
            let groups = groups.into_iter().map(|name| ("group", name.as_str()));
            for needed in owner.into_iter().chain(groups) {
                let Some(made) = accounts.get(&needed) else { continue };
                if let Some(found) = late((number, *span), &what, needed, *made) {
                    cx.report(found);
                }
            }
        }
    }
}

fn accounts(parts: &[Built]) -> Accounts<'_> {
    let mut accounts = Accounts::new();
    for (number, built) in parts.iter().enumerate() {
        for BuiltItem { item, span, .. } in built.items.iter().map(|item| &**item) {
            let (names, early): (Vec<(&'static str, &str)>, bool) = match &item.kind {
                ItemKind::User { user: User { name, group: None, .. }, early } => {
                    (vec![("user", name), ("group", name)], *early)
                }
                ItemKind::User { user, early } => (vec![("user", &user.name)], *early),
                ItemKind::Group { name, early, .. } => (vec![("group", name)], *early),
                _ => continue,
            };
            let made = Made { part: &built.part.name, number, span: *span, early };
            for name in names {
                // The first that is early counts, and before that the first.
                let known = accounts.entry(name).or_insert(made);
                if early && !known.early {
                    *known = made;
                }
            }
        }
    }
    accounts
}

/// What is wrong where an account is made after what needs it.
fn late(
    (number, span): (usize, Span),
    what: &str,
    (word, name): (&str, &str),
    made: Made<'_>,
) -> Option<Diagnostic> {
    let help = if !made.early {
        format!("write `before=\"packages\"` at the {word} too")
    } else if made.number > number {
        format!("name the role `{}` before this one, or make the {word} here", made.part)
    } else {
        return None;
    };
    let headline = format!("{what} the {word} `{name}`, which is made after it");
    let found = Diagnostic::error(codes::SPEC_PHASE, headline)
        .at(span, "before the packages of its role")
        .and(made.span, if made.early { "of a later role" } else { "after all packages" });
    Some(found.help(help))
}
