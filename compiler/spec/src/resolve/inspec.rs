//! Profiles of `InSpec`: that their directories are there.

use forge_control::{InspecDecl, ProfileTemplate};
use forge_diag::{Diagnostic, codes};
use forge_model::{Located, SourceError};

use crate::ResolvedInspec;
use crate::context::Context;

/// What a profile says of itself, in either spelling.
const MANIFESTS: [&str; 2] = ["inspec.yml", "inspec.yaml"];

/// Every profile of `InSpec`, in the order of their names.
pub(super) fn all(cx: &mut Context<'_>) -> Vec<ResolvedInspec> {
    let project = cx.project;
    let declared = project.profiles.values();
    let declared = declared.filter_map(|profile| Some((profile, profile.inspec.as_ref()?)));
    declared.filter_map(|(profile, decl)| one(cx, profile, decl)).collect()
}

fn one(
    cx: &mut Context<'_>,
    profile: &ProfileTemplate,
    decl: &InspecDecl,
) -> Option<ResolvedInspec> {
    let InspecDecl { directory, inputs, skips, waivers, level } = decl;
    cx.scope = crate::value::Scope::default();
    let path = cx.project_path(directory)?;
    let entries = match cx.sources.list(&path) {
        Ok(entries) => entries,
        Err(SourceError::NotFound) => {
            let headline = format!("`{path}`: there is no such directory");
            let found = Diagnostic::error(codes::SPEC_SOURCE, headline);
            cx.report(found.at(directory.span, "named here"));
            return None;
        }
        Err(error) => {
            cx.report_source(directory.span, &path, &error);
            return None;
        }
    };
    let manifest = |directory: &str| {
        let file = |name: &str| format!("{directory}/{name}");
        MANIFESTS.iter().any(|name| entries.iter().any(|entry| entry.path == file(name)))
    };
    if !manifest(&path) {
        let below = entries.iter().filter_map(|entry| entry.path.rsplit_once('/'));
        let near = below.map(|(parent, _)| parent).find(|parent| manifest(parent));
        let help = match near {
            Some(near) => format!("`{near}` has one: is that directory meant?"),
            None => "name the directory that `inspec.yml` and `controls` stand in".to_owned(),
        };
        let headline = format!("`{path}` is no profile of InSpec: it has no `inspec.yml`");
        let found = Diagnostic::error(codes::CONTROL_INSPEC, headline);
        cx.report(found.at(directory.span, "named here").help(help));
        return None;
    }
    let origin = cx.origin(directory.span);
    Some(ResolvedInspec {
        name: profile.name.value.clone(),
        directory: Located::new(path, origin),
        inputs: inputs.clone(),
        skips: skips.clone(),
        waivers: waivers
            .iter()
            .map(|one| one.of(&profile.name.value, cx.origin(one.head)))
            .collect(),
        level: *level,
        origin: cx.origin(profile.head),
    })
}
