//! Parameters that nothing reads.

use std::collections::BTreeSet;

use forge_diag::{Diagnostic, codes};

use crate::context::Context;
use crate::node::role::RoleDecl;
use crate::{paths, template};

/// Warns of parameters of used roles that no text, condition, step or template of the role reads.
pub(crate) fn report(cx: &mut Context<'_>, used: &BTreeSet<String>) {
    let project = cx.project;
    for role in used.iter().filter_map(|name| project.roles.get(name)) {
        let unread: Vec<_> = role
            .params
            .iter()
            .filter(|param| !role.mentions.contains(&param.name.value))
            .collect();
        if unread.is_empty() {
            continue;
        }
        let Some(variables) = template_variables(cx, role) else {
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
                    .help(format!(
                        "write `${{{}}}` where it belongs, or take it away",
                        name.value
                    )),
                );
            }
        }
    }
}

/// The variables of all templates of a role; none when one cannot be read here, since it may
/// read anything.
fn template_variables(cx: &Context<'_>, role: &RoleDecl) -> Option<BTreeSet<String>> {
    let mut variables = BTreeSet::new();
    for written in &role.templates {
        let path = paths::join(&cx.map.path(written.span.file), &written.value)?;
        let bytes = cx.sources.read(&path).ok()?;
        variables.extend(template::variables(std::str::from_utf8(&bytes).ok()?));
    }
    Some(variables)
}
