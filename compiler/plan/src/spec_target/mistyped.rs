use forge_diag::{Diagnostic, SourceMap, codes};
use forge_model::{Check, Control, Origin, Resource};
use forge_spec::ResolvedImage;

use super::SpecTarget;

/// Warns of controls about paths that the spec does not make, where it makes one of nearly the same
/// name: the control would look past the file that is meant.
pub fn mistyped(
    image: &ResolvedImage,
    target: &SpecTarget<'_>,
    map: &SourceMap,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for control in image.profiles.iter().flat_map(|profile| &profile.controls) {
        for check in control.checks.iter().chain(&control.only_if) {
            look(check, control, target, map, &mut found);
        }
    }
    found
}

fn look(
    check: &Check,
    control: &Control,
    target: &SpecTarget<'_>,
    map: &SourceMap,
    found: &mut Vec<Diagnostic>,
) {
    let (path, origin) = match check {
        Check::Resource { resource: Resource::File { path }, origin, .. } => (path, origin),
        Check::Resource { .. } => return,
        Check::AnyOf { checks, origin: _ } => {
            for check in checks {
                look(check, control, target, map, found);
            }
            return;
        }
    };
    let Some((near, made)) = target.mistyped(path) else { return };
    let span = |origin: &Origin| map.span_at(&origin.file, origin.line, origin.column);
    let headline =
        format!("control `{}` looks at `{path}`, which the spec does not make", control.id);
    let mut diagnostic =
        Diagnostic::warning(codes::CONTROL_PATH, headline).help(format!("did you mean `{near}`?"));
    if let Some(asked) = span(origin) {
        diagnostic =
            diagnostic.at(asked, "looked at here").offer_word(map, asked, path, &near.to_string());
    }
    if let Some(made) = made.and_then(span) {
        diagnostic = diagnostic.and(made, "this is nearly the same path");
    }
    found.push(diagnostic);
}
