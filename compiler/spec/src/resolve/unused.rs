//! Parameters, values and sources that nothing reads.

use std::collections::BTreeSet;

use forge_diag::{Diagnostic, Span, codes};
use forge_param::ParamDecl;
use forge_syntax::{Written, suggest};

use crate::context::Context;
use crate::node::image::ImageDecl;
use crate::node::role::Mentions;
use crate::{paths, placeholder, template};

/// Warns of sources that nothing uses, of parameters that no text, condition, step or template of
/// their role reads, and of values that images set and that nothing in the project could read.
pub(crate) fn report(cx: &mut Context<'_>) {
    roles(cx);
    images(cx);
    sources(cx);
}

/// Warns of sources that nothing names where they are known.
fn sources(cx: &mut Context<'_>) {
    let project = cx.project;
    let roles = project.roles.values().map(|role| &role.mentions);
    let links = project.images.values().flat_map(ImageDecl::links).map(|link| &link.mentions);
    let bodies: Vec<&Mentions> = roles.chain(links).collect();
    let used = |name: &str| bodies.iter().any(|body| body.fetched.contains(name));
    let shared = project.fetched.values().map(|decl| &decl.name).filter(|name| !used(&name.value));
    let own = bodies
        .iter()
        .flat_map(|body| body.declared.iter().filter(|name| !body.fetched.contains(&name.value)));
    for name in shared.chain(own) {
        cx.report(
            Diagnostic::warning(
                codes::SPEC_SOURCE_UNUSED,
                format!("nothing uses the source `{}`", name.value),
            )
            .at(name.span, "it is not fetched")
            .help(format!(
                "unpack it: `unpack \"{0}\" into=\"/opt/{0}\"`, or take it away",
                name.value
            )),
        );
    }
}

fn roles(cx: &mut Context<'_>) {
    let project = cx.project;
    for role in project.roles.values().filter(|role| role.params_are_whole) {
        let meant = placeholder::check_templates(cx, role);
        let read = |name: &String| role.mentions.names.contains(name) || meant.contains(name);
        let unread: Vec<_> = role.params.iter().filter(|param| !read(&param.name.value)).collect();
        if unread.is_empty() {
            continue;
        }
        let Some(variables) = template_variables(cx, &role.mentions) else {
            continue;
        };
        for param in unread {
            let name = &param.name;
            let variable = template::variable(&name.value);
            if !variables.contains(&variable) {
                let help = if role.mentions.templates.is_empty() {
                    format!("write `${{{}}}` where it belongs, or take it away", name.value)
                } else {
                    format!(
                        "write `${{{}}}` where it belongs, in a template `{{{{ {variable} }}}}`; or \
                         take it away",
                        name.value
                    )
                };
                cx.report(
                    Diagnostic::warning(
                        codes::SPEC_PARAM_UNUSED,
                        format!("nothing reads the parameter `{}`", name.value),
                    )
                    .at(name.span, "declared here")
                    .help(help),
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
            let headline = format!("nothing reads `{}`, which the image sets", name.value);
            let found =
                Diagnostic::warning(codes::SPEC_SET_UNUSED, headline).at(name.span, "set here");
            cx.report(suggest(found, name, Written::Bare, known.iter().copied()));
        }
    }
}

/// Warns of values that an image sets itself, and that no role gets: each that has a parameter of the
/// name is given its value on its line.
pub(crate) fn shadowed(
    cx: &mut Context<'_>,
    image: &ImageDecl,
    shadowed: &[(String, Span)],
    taken: &BTreeSet<String>,
) {
    // Plans and artifacts read these; an axis of a matrix is in the images' names.
    let read = |name: &str| ["cluster", "type"].contains(&name) || taken.contains(name);
    if !image.below.is_empty() {
        return;
    }
    let project = cx.project;
    for given in &image.set {
        let name = &given.name;
        let places: Vec<Span> =
            shadowed.iter().filter(|(key, _)| *key == name.value).map(|(_, at)| *at).collect();
        let takes = |params: &[ParamDecl]| params.iter().any(|param| param.name == *name);
        // What has no parameter of the name reads what the image sets.
        let bodies = project.roles.values().filter(|role| !takes(&role.params));
        let mut bodies = bodies
            .map(|role| &role.mentions)
            .chain(image.links().map(|link| &link.mentions))
            .filter(|body| body.names.contains(&name.value) || !body.templates.is_empty());
        let profile = project.profiles.values().any(|profile| takes(&profile.params));
        if places.is_empty() || read(&name.value) || profile || bodies.next().is_some() {
            continue;
        }
        let headline = format!("`{}`, which the image sets, changes nothing", name.value);
        let found = Diagnostic::warning(codes::SPEC_SET_UNUSED, headline)
            .at(name.span, "set here")
            .help(format!(
                "a value on a role's line counts before `set`: use the role again in the image, \
                 with `{}=…` and `override=#true`",
                name.value
            ));
        cx.report(places.into_iter().fold(found, |found, at| found.and(at, "given here")));
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
