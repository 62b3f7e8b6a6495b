//! Chains of `from` and of roles that use roles.

use std::collections::BTreeSet;

use forge_diag::{Diagnostic, Span, Spanned, codes};

use crate::context::Context;
use crate::node::Statement;
use crate::node::image::ImageDecl;

/// Images that are made from images, and roles that use roles.
pub(super) const MAX_CHAIN: usize = 64;

/// A part of what an image says, with the image of the chain that it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link<'a> {
    pub(crate) owner: &'a ImageDecl,
    pub(crate) decl: &'a ImageDecl,
}

/// An image with those that it is made from, the first of the chain first; of a matrix, the axes,
/// the body and the cells one by one. None when the chain has no beginning; reported.
pub(crate) fn of<'a>(cx: &mut Context<'a>, image: &'a ImageDecl) -> Option<Vec<Link<'a>>> {
    let project = cx.project;
    let mut chain = vec![image];
    let mut current = image;
    while let Some(from) = &current.from {
        let parent = project.image(from, cx.sink)?;
        if chain.len() >= MAX_CHAIN {
            let headline = format!("images are made from images deeper than {MAX_CHAIN}");
            cx.report(
                Diagnostic::error(codes::SYNTAX_DEPTH, headline).at(from.span, "one too deep"),
            );
            return None;
        }
        if let Some(at) = chain.iter().position(|known| known.name == parent.name) {
            // Reported once, for the image of the cycle whose name comes first.
            let cycle = chain.get(at..).unwrap_or_default();
            if cycle.iter().map(|image| &image.name).min() == Some(&image.name) {
                cx.report(image_cycle(cycle));
            }
            return None;
        }
        chain.push(parent);
        current = parent;
    }
    let links = |owner: &'a ImageDecl| owner.links().map(move |decl| Link { owner, decl });
    Some(chain.into_iter().rev().flat_map(links).collect())
}

fn image_cycle(cycle: &[&ImageDecl]) -> Diagnostic {
    let names: Vec<String> = cycle.iter().map(|image| format!("`{}`", image.name.value)).collect();
    let first = names.first().cloned().unwrap_or_default();
    let headline =
        format!("images are made from each other: {} from {first}", names.join(" from "));
    let mut found = Diagnostic::error(codes::SPEC_CYCLE, headline);
    for (index, from) in cycle.iter().filter_map(|image| image.from.as_ref()).enumerate() {
        found = if index == 0 {
            found.at(from.span, "from this")
        } else {
            found.and(from.span, "which is from this")
        };
    }
    found
}

/// Reports roles that use each other, each cycle once.
pub(crate) fn role_cycles(cx: &mut Context<'_>) {
    let (mut reported, mut done) = (BTreeSet::new(), BTreeSet::new());
    for name in cx.project.roles.keys() {
        let mut path = Vec::new();
        walk(cx, name, &mut path, &mut reported, &mut done);
    }
}

fn walk(
    cx: &mut Context<'_>,
    name: &str,
    path: &mut Vec<Spanned<String>>,
    reported: &mut BTreeSet<Vec<String>>,
    done: &mut BTreeSet<String>,
) {
    let Some(role) = cx.project.roles.get(name).filter(|_| !done.contains(name)) else {
        return;
    };
    for used in uses(&role.body) {
        if let Some(at) = path.iter().position(|known| known == used) {
            let mut cycle: Vec<Spanned<String>> = path.get(at + 1..).unwrap_or_default().to_vec();
            cycle.push(used.clone());
            let mut names: Vec<String> = cycle.iter().map(|name| name.value.clone()).collect();
            names.sort();
            if reported.insert(names) {
                cx.report(role_cycle(&cycle));
            }
            continue;
        }
        // The path begins with a role's first use, which has no place of its own.
        if used.value == name && path.is_empty() {
            if reported.insert(vec![name.to_owned()]) {
                cx.report(role_cycle(std::slice::from_ref(used)));
            }
            continue;
        }
        if path.len() >= MAX_CHAIN {
            let headline = format!("roles use roles deeper than {MAX_CHAIN}");
            cx.report(
                Diagnostic::error(codes::SYNTAX_DEPTH, headline).at(used.span, "one too deep"),
            );
            continue;
        }
        path.push(used.clone());
        walk(cx, &used.value, path, reported, done);
        path.pop();
    }
    // Whatever of its uses lies on a cycle has been seen from it.
    done.insert(name.to_owned());
}

/// The roles that a body uses.
fn uses(body: &[Statement]) -> Vec<&Spanned<String>> {
    let mut found = Vec::new();
    for statement in body {
        match statement {
            Statement::Role(role) => found.push(&role.name),
            Statement::When(when) => found.extend(uses(&when.body)),
            Statement::Item(_)
            | Statement::Packages(_)
            | Statement::Source(_)
            | Statement::Controls(_) => {}
        }
    }
    found
}

fn role_cycle(cycle: &[Spanned<String>]) -> Diagnostic {
    let names: Vec<String> = cycle.iter().map(|name| format!("`{}`", name.value)).collect();
    let last = names.last().cloned().unwrap_or_default();
    let headline = format!("roles use each other: {last} uses {}", names.join(", which uses "));
    let mut found = Diagnostic::error(codes::SPEC_CYCLE, headline);
    for (index, name) in cycle.iter().enumerate() {
        let span: Span = name.span;
        found = if index == 0 {
            found.at(span, "used here")
        } else {
            found.and(span, "which is used here")
        };
    }
    found
}
