//! Waivers of the images that ask for a profile: whose control each is of.

use forge_control::{ProfileTemplate, WaiverDecl};
use forge_diag::{Diagnostic, Span, codes};
use forge_model::{Profile, Waiver};

use crate::context::Context;

/// The waivers of a `controls`, each with its place. Whether a profile of `InSpec` has the control
/// shows when its files are read.
pub(super) fn attached(
    cx: &mut Context<'_>,
    waivers: &[WaiverDecl],
    profiles: &[&ProfileTemplate],
) -> Vec<(Waiver, Span)> {
    let mut found = Vec::new();
    for waiver in waivers {
        let id = &waiver.control.value;
        let ruby: Vec<_> = profiles.iter().filter(|profile| profile.inspec.is_some()).collect();
        let mut kdl = profiles.iter().filter(|profile| profile.inspec.is_none());
        let owner = kdl.find(|profile| profile.has(id).is_ok());
        let owner = match (owner, ruby.as_slice()) {
            (Some(owner), _) => owner,
            (None, [only]) => only,
            (None, []) => {
                let near = profiles.iter().find_map(|profile| profile.has(id).err().flatten());
                let names: Vec<_> = profiles.iter().map(|one| one.name.value.as_str()).collect();
                if !names.is_empty() {
                    cx.report(waiver.unknown(&names, near.as_deref()));
                }
                continue;
            }
            (None, _) => {
                let headline = format!("it is not clear which profile `{id}` is of");
                let found = Diagnostic::error(codes::CONTROL_WAIVER, headline)
                    .at(waiver.control.span, "several profiles of InSpec stand in this line")
                    .help("write a `controls` for each of them");
                cx.report(found);
                continue;
            }
        };
        let origin = cx.origin(waiver.head);
        found.push((waiver.of(&owner.name.value, origin), waiver.head));
    }
    found
}

/// All waivers of an image, those of its profiles among them, each control's once.
pub(super) fn all(
    cx: &mut Context<'_>,
    profiles: &[Profile],
    inspec: &[String],
    attached: Vec<(Waiver, Span)>,
) -> Vec<Waiver> {
    let project = cx.project;
    let mut found: Vec<(Waiver, Span)> = Vec::new();
    for name in profiles.iter().map(|profile| &profile.name).chain(inspec) {
        let Some(template) = project.profiles.get(name) else { continue };
        let ruby = template.inspec.iter().flat_map(|decl| &decl.waivers);
        for waiver in template.waivers.iter().chain(ruby) {
            found.push((waiver.of(name, cx.origin(waiver.head)), waiver.head));
        }
    }
    for (waiver, span) in attached {
        let same = |one: &Waiver| one.control == waiver.control && one.profile == waiver.profile;
        match found.iter().find(|(known, _)| same(known)) {
            // A role that is used twice says its waiver twice.
            Some((_, first)) if *first == span => {}
            Some((_, first)) => {
                cx.report(forge_control::twice(&waiver.control, span, *first));
            }
            None => found.push((waiver, span)),
        }
    }
    found.into_iter().map(|(waiver, _)| waiver).collect()
}
