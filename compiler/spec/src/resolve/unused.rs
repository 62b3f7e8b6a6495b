//! Parameters that nothing reads.

use std::collections::BTreeSet;

use forge_diag::{Diagnostic, codes};

use crate::context::Context;
use crate::node::image::ImageDecl;
use crate::node::role::Mentions;
use crate::{paths, template};

/// Warns of parameters of roles that no text, condition, step or template of the role reads, and of
/// values that images set and that nothing in the project could read.
pub(crate) fn report(cx: &mut Context<'_>) {
    roles(cx);
    images(cx);
}

fn roles(cx: &mut Context<'_>) {
    let project = cx.project;
    for role in project.roles.values().filter(|role| role.params_are_whole) {
        let unread: Vec<_> = role
            .params
            .iter()
            .filter(|param| !role.mentions.names.contains(&param.name.value))
            .collect();
        if unread.is_empty() {
            continue;
        }
        let Some(variables) = template_variables(cx, &role.mentions) else {
            continue;
        };
        for param in unread {
            let name = &param.name;
            if !variables.contains(&template::variable(&name.value)) {
                cx.report(
                    Diagnostic::warning(
                        codes::SPEC_PARAM_UNUSED,
                        format!("nothing reads the parameter `{}`", name.value),
                    )
                    .at(name.span, "declared here")
                    .help(format!("write `${{{}}}` where it belongs, or take it away", name.value)),
                );
            }
        }
    }
}

fn images(cx: &mut Context<'_>) {
    let project = cx.project;
    // Plans and artifacts read the first two; the others cannot be set, which is reported.
    let mut known: BTreeSet<&str> = BTreeSet::from(["cluster", "type", "image", "arch", "suite"]);
    let params = project.roles.values().flat_map(|role| &role.params);
    known.extend(params.map(|param| param.name.value.as_str()));
    let params = project.profiles.values().flat_map(|profile| &profile.params);
    known.extend(params.map(|param| param.name.value.as_str()));
    let bodies = || {
        let roles = project.roles.values().map(|role| &role.mentions);
        let links = project.images.values().flat_map(ImageDecl::links);
        roles.chain(links.map(|link| &link.mentions))
    };
    known.extend(bodies().flat_map(|body| &body.names).map(String::as_str));
    let unread: Vec<_> = project
        .images
        .values()
        .flat_map(ImageDecl::links)
        .flat_map(|link| &link.set)
        .filter(|given| !known.contains(given.name.value.as_str()))
        .collect();
    if unread.is_empty() {
        return;
    }
    let mut variables = BTreeSet::new();
    for body in bodies() {
        let Some(more) = template_variables(cx, body) else {
            return;
        };
        variables.extend(more);
    }
    for given in unread {
        let name = &given.name;
        if !variables.contains(&template::variable(&name.value)) {
            cx.report(
                Diagnostic::warning(
                    codes::SPEC_SET_UNUSED,
                    format!("nothing reads `{}`, which the image sets", name.value),
                )
                .at(name.span, "set here")
                .maybe_help(forge_syntax::did_you_mean(&name.value, known.iter().copied())),
            );
        }
    }
}

/// The variables of all templates of a body; none when one cannot be read here, since it may
/// read anything.
fn template_variables(cx: &Context<'_>, mentions: &Mentions) -> Option<BTreeSet<String>> {
    let mut variables = BTreeSet::new();
    for written in &mentions.templates {
        let path = paths::join(&cx.map.path(written.span.file), &written.value)?;
        let bytes = cx.sources.read(&path).ok()?;
        variables.extend(template::variables(std::str::from_utf8(&bytes).ok()?));
    }
    Some(variables)
}
