//! Limits that PAM would silently lower, a soft one above the hard one of the same domain; and ids
//! for which two limits are said, of which PAM takes the one that it reads last.

use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Span, codes};

use super::part::Built;
use crate::context::Context;
use crate::{Domain, ItemKind, Limit, SystemFact};

/// Reports limits for ids of two ranges.
pub(crate) fn check_ids(cx: &mut Context<'_>, image: &str, parts: &[Built]) {
    let mut known: Vec<(&Limit, (u32, u32), Span)> = Vec::new();
    for built in parts.iter().flat_map(|part| &part.items) {
        let (item, span) = (&built.item, &built.span);
        let ItemKind::System(SystemFact::Limit(limit)) = &item.kind else { continue };
        let (Domain::Users(ids) | Domain::Groups(ids)) = &limit.domain else { continue };
        let (first, last) = ids.range();
        let both = known.iter().find(|(other, (low, high), _)| {
            let groups = |limit: &Limit| matches!(limit.domain, Domain::Groups(_));
            other.domain != limit.domain
                && groups(other) == groups(limit)
                && other.resource == limit.resource
                && other.value != limit.value
                && ((other.soft && limit.soft) || (other.hard && limit.hard))
                && (first <= *high && *low <= last)
        });
        if let Some((other, (low, high), at)) = both {
            let (low, high) = (first.max(*low), last.min(*high));
            let ids = if low == high { format!("{low}") } else { format!("{low} to {high}") };
            cx.report(
                Diagnostic::error(
                    codes::SPEC_CONFLICT,
                    format!("two limits of `{}` are for the ids {ids}", limit.resource),
                )
                .at(*span, format!("`{}`", limit.domain.written()))
                .and(*at, format!("`{}`", other.domain.written()))
                .help("let the ranges not overlap: PAM takes whichever it reads last")
                .note(format!("both are in the image `{image}`")),
            );
        }
        known.push((limit, (first, last), *span));
    }
}

/// Reports soft limits above the hard limit of the same resource and domain. The last word on
/// each counts.
pub(crate) fn check(cx: &mut Context<'_>, image: &str, parts: &[Built]) {
    let mut soft: BTreeMap<(String, &str), (&Limit, Span)> = BTreeMap::new();
    let mut hard = soft.clone();
    for built in parts.iter().flat_map(|part| &part.items) {
        let (item, span) = (&built.item, &built.span);
        let ItemKind::System(SystemFact::Limit(limit)) = &item.kind else { continue };
        // Of these less is more.
        if ["nice", "priority"].contains(&limit.resource.as_str()) {
            continue;
        }
        let key = || (limit.domain.written(), limit.resource.as_str());
        if limit.soft {
            soft.insert(key(), (limit, *span));
        }
        if limit.hard {
            hard.insert(key(), (limit, *span));
        }
    }
    for ((domain, resource), (low, at)) in &soft {
        let Some((high, limit_at)) = hard.get(&(domain.clone(), resource)) else { continue };
        let number = |limit: &Limit| limit.value.unwrap_or(i64::MAX);
        let (one, other) = (number(low), number(high));
        if one > other && at != limit_at {
            cx.report(
                Diagnostic::error(
                    codes::SPEC_CONFLICT,
                    format!("the soft limit of `{resource}` for `{domain}` is above the hard one"),
                )
                .at(*at, "so this would not hold")
                .and(*limit_at, "the hard limit")
                .help("lower the soft limit, or raise the hard one")
                .note(format!("both are in the image `{image}`")),
            );
        }
    }
}
