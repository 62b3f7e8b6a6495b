use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forge_diag::{Diagnostic, Span, Spanned, codes};
use forge_model::{ExpectFailed, Located, Profile};
use forge_param::ParamValue;

use super::bind;
use super::chain::{self, Link};
use super::part::{Builder, Built};
use super::{conflict, early, hidden, identity, ids, limits, unused, waiver};
use crate::context::Context;
use crate::node::image::ImageDecl;
use crate::node::output::OutputDecl;
use crate::node::role::RoleUse;
use crate::node::{Statement, unit_name};
use crate::record::Trace;
use crate::value::{Bound, Scope, Values};
use crate::{BaseKind, ItemKind, Parameter, ParameterSource, ResolvedBase, ResolvedImage};

/// One image with everything that it inherits.
pub(crate) fn resolve<'a>(
    cx: &mut Context<'a>,
    image: &'a ImageDecl,
    trace: &mut Trace,
) -> Option<ResolvedImage> {
    if cx.budget.is_spent() {
        return None;
    }
    let chain = chain::of(cx, image)?;
    let base = chain.iter().rev().find_map(|link| link.decl.base.as_ref());
    let base_name = base.map(|name| name.span);
    let base =
        base.and_then(|name| cx.project.base(name, cx.sink)).and_then(|base| base.resolve(cx));
    let set = Arc::new(set_values(cx, image, &chain, base.as_ref().zip(base_name)));
    let text = |name: &str| set.get(name).and_then(|bound| bound.value.text()).unwrap_or_default();
    let (cluster, image_type) = (text("cluster"), text("type"));
    compare_name(cx, &image.name, &set);
    cx.scope = Scope::new(Values::new(), Arc::clone(&set));
    let kernel = chain.iter().rev().find_map(|link| link.decl.kernel.as_ref());
    let kernel = kernel.and_then(|kernel| kernel.resolve(cx));

    let mut builder = Builder::new(&set, &mut trace.roles);
    for (index, link) in chain.iter().enumerate() {
        // An image drops roles of those that it is made from, so the later ones decide.
        let later = chain.get(index + 1..).unwrap_or_default();
        builder.dropped = later
            .iter()
            .flat_map(|link| link.decl.drop_roles.iter().map(|name| name.value.clone()))
            .collect();
        let not_earlier = chain.get(index..).unwrap_or_default();
        builder.overriding.clear();
        for link in not_earlier {
            overriding(cx, &link.decl.body, &mut builder.overriding);
        }
        builder.link(cx, *link);
    }
    builder.close();
    if cx.budget.is_spent() {
        // What is cut off would look wrong in other ways.
        return None;
    }
    let (parts, profiles, met) = (builder.parts, builder.profiles, builder.dropped_met);
    let (inspec, waivers) = (builder.inspec, builder.waivers);
    trace.of_all = !builder.shadowed.is_empty();
    report_dropped(cx, image, &met);
    unused::shadowed(cx, image, &builder.shadowed, &builder.taken);
    conflict::check(cx, &image.name.value, &parts);
    early::check(cx, &parts);
    hidden::check(cx, &parts);
    limits::check(cx, &image.name.value, &parts);
    limits::check_ids(cx, &image.name.value, &parts);
    ids::check(cx, &image.name.value, &parts);
    identity::check(cx, &image.name.value, base.as_ref().zip(base_name), &parts);
    let output = chain.iter().rev().find_map(|link| link.decl.output.as_ref());
    check_secrets(cx, &image.name.value, output, &parts);
    let mut parts: Vec<_> = parts.into_iter().map(Built::finish).collect();
    identity::complete(base.as_ref(), &mut parts);
    let output = output.map(|output| Located::new(output.settings.clone(), cx.origin(output.head)));

    let mut profiles = unique_profiles(cx, profiles);
    let waivers = waiver::all(cx, &profiles, &inspec, waivers);
    for profile in &mut profiles {
        profile.leave_out(&waivers);
    }
    Some(ResolvedImage {
        name: image.name.value.clone(),
        origin: cx.origin(image.head),
        cluster,
        image_type,
        set: parameters(cx, &set),
        base: base?,
        kernel,
        parts,
        profiles,
        inspec,
        waivers,
        output,
        expect_failed: expect_failed(cx, &chain),
    })
}

/// Names that no `set` may give another value, and who says theirs.
const FIXED: [(&str, &str); 3] = [
    ("image", "`image` is always the image's name"),
    ("arch", "`arch` is always the base's architecture"),
    ("suite", "`suite` is always the base's suite"),
];

/// What the images of a chain set, later ones before earlier ones, with what the name and the base
/// say. A `set` may use what was set before it.
pub(super) fn set_values(
    cx: &mut Context<'_>,
    image: &ImageDecl,
    chain: &[Link<'_>],
    base: Option<(&ResolvedBase, Span)>,
) -> Values {
    let mut set = Values::new();
    let name = &image.name;
    let mut insert = |key: &str, value: &str, span: Span, source: ParameterSource| {
        let value = ParamValue::Text(value.to_owned());
        set.insert(key.to_owned(), Bound { value, span, source, ty: None, type_at: None });
    };
    let (cluster, kind) = name.value.split_once('-').unwrap_or((&name.value, "node"));
    for (key, value) in [("cluster", cluster), ("type", kind), ("image", &name.value)] {
        insert(key, value, name.span, ParameterSource::Name);
    }
    if let Some((base, span)) = base {
        insert("arch", &base.arch, span, ParameterSource::Base);
        if let BaseKind::Debian { sources, .. } = &base.kind {
            insert("suite", &sources.suite, span, ParameterSource::Base);
        }
    }
    for link in chain {
        let source = if link.owner.name == *name {
            ParameterSource::Set
        } else {
            ParameterSource::Inherited(link.owner.name.value.clone())
        };
        for given in &link.decl.set {
            let key = &given.name.value;
            if let Some((_, headline)) = FIXED.iter().find(|(fixed, _)| fixed == key) {
                cx.report(
                    Diagnostic::error(codes::SPEC_VALUE, *headline)
                        .at(given.name.span, "cannot be set"),
                );
                continue;
            }
            cx.scope = Scope::new(set.clone(), Arc::default());
            if let Some(value) = bind::set(cx, given) {
                let span = given.span();
                check_name(cx, key, &Spanned::new(&value, span));
                set.insert(
                    key.clone(),
                    Bound { value, span, source: source.clone(), ty: None, type_at: None },
                );
            }
        }
    }
    set
}

/// Values as a spec shows them, by name.
pub(crate) fn parameters(cx: &Context<'_>, values: &Values) -> Vec<Parameter> {
    let one = |(name, bound): (&String, &Bound)| Parameter {
        name: name.clone(),
        ty: bound.ty.as_ref().map(|ty| ty.name()),
        value: bound.value.clone(),
        source: bound.source.clone(),
        origin: cx.origin(bound.span),
    };
    values.iter().map(one).collect()
}

/// Cluster and type name files.
fn check_name(cx: &mut Context<'_>, key: &str, value: &Spanned<&ParamValue>) {
    if key != "cluster" && key != "type" {
        return;
    }
    if let ParamValue::List(_) = value.value {
        cx.report(
            Diagnostic::error(codes::SPEC_NAME, format!("`{key}` is one name, and no list"))
                .at(value.span, "given as a list")
                .help(format!("write `set {key}=\"…\"`")),
        );
        return;
    }
    let good = matches!(value.value, ParamValue::Text(text) if forge_param::is_name(text));
    if !good {
        cx.report(
            Diagnostic::error(codes::SPEC_NAME, format!("`{key}` must be a name"))
                .at(value.span, format!("its value is {}", value.value))
                .help("it names files: letters, digits, `.`, `_` and `-`"),
        );
    }
}

/// Warns of an image that is named for a cluster or a type that is not its own: its name is what
/// people see of an artifact, the values are what its roles do.
fn compare_name(cx: &mut Context<'_>, name: &Spanned<String>, set: &Values) {
    for key in ["cluster", "type"] {
        let Some(bound) = set.get(key).filter(|bound| bound.source != ParameterSource::Name) else {
            continue;
        };
        let value = bound.value.text().unwrap_or_default();
        if value.is_empty() || format!("-{}-", name.value).contains(&format!("-{value}-")) {
            continue;
        }
        let headline = format!("the image `{}` is of the {key} `{value}`", name.value);
        cx.report(
            Diagnostic::warning(codes::SPEC_IMAGE_NAME, headline)
                .at(name.span, "its name does not say so")
                .and(bound.span, "set here")
                .help("artifacts have the image's name: `CLUSTER-TYPE` tells what is in them"),
        );
    }
}

/// Uses of roles in an image's body that give new values to earlier ones.
fn overriding<'a>(cx: &mut Context<'_>, body: &'a [Statement], found: &mut Vec<&'a RoleUse>) {
    for statement in body {
        match statement {
            Statement::Role(used) if used.overrides => found.push(used),
            Statement::When(when) if when.holds(cx) == Some(true) => {
                overriding(cx, &when.body, found);
            }
            _ => {}
        }
    }
}

fn report_dropped(cx: &mut Context<'_>, image: &ImageDecl, met: &BTreeSet<String>) {
    let dropped = image.links().flat_map(|link| &link.drop_roles);
    for name in dropped.filter(|name| !met.contains(&name.value)) {
        let headline = format!("there is no role `{}` to drop", name.value);
        let label = if image.from.is_some() || !image.below.is_empty() {
            "nothing that this image is made from uses it"
        } else {
            "this image is made from no other"
        };
        cx.report(Diagnostic::error(codes::SPEC_DROP_ROLE, headline).at(name.span, label));
    }
}

/// A secret in an image that may not be packed with it.
fn check_secrets(cx: &mut Context<'_>, image: &str, output: Option<&OutputDecl>, parts: &[Built]) {
    let Some(output) = output.filter(|output| !output.settings.allow_secrets) else {
        return;
    };
    let items = parts.iter().flat_map(|built| &built.items);
    let delivered = items.filter_map(|built| match &built.item.kind {
        ItemKind::SecretFile { secret, .. } => Some((secret.name.clone(), built.span)),
        _ => None,
    });
    let delivered: BTreeMap<String, Span> = delivered.collect();
    if delivered.is_empty() {
        return;
    }
    let names: Vec<_> = delivered.keys().map(|name| format!("`{name}`")).collect();
    let plural = if names.len() == 1 { "secret" } else { "secrets" };
    let headline =
        format!("the packed image `{image}` would hold the {plural} {}", names.join(", "));
    let found = Diagnostic::error(codes::SPEC_SECRET_PACKED, headline)
        .at(output.head, "packed here")
        .help("if whoever can fetch the image may have it, write `allow-secrets=#true`");
    let places = delivered.values();
    cx.report(places.fold(found, |found, span| found.and(*span, "delivered here")));
}

/// Each profile once; the same one with other values is an error.
fn unique_profiles(cx: &mut Context<'_>, profiles: Vec<(Profile, Span)>) -> Vec<Profile> {
    let mut unique: Vec<(Profile, Span)> = Vec::new();
    for (profile, span) in profiles {
        match unique.iter().find(|(known, _)| known.name == profile.name) {
            Some((known, first)) if *known != profile => {
                let found = Diagnostic::error(
                    codes::SPEC_PROFILE_VALUES,
                    format!("the profile `{}` is used with different values", profile.name),
                )
                .at(span, "and again here")
                .and(*first, "first here");
                cx.report(found);
            }
            Some(_) => {}
            None => unique.push((profile, span)),
        }
    }
    unique.into_iter().map(|(profile, _)| profile).collect()
}

fn expect_failed(cx: &mut Context<'_>, chain: &[Link<'_>]) -> Vec<ExpectFailed> {
    let mut known: Vec<(ExpectFailed, Span)> = Vec::new();
    for decl in chain.iter().flat_map(|link| &link.decl.expect_failed) {
        let unit = unit_name(&decl.unit.value);
        if let Some((_, first)) = known.iter().find(|(earlier, _)| earlier.unit == unit) {
            let headline = format!("`{unit}` is expected to fail twice");
            let found = Diagnostic::error(codes::SPEC_DUPLICATE, headline)
                .at(decl.head, "and again here")
                .and(*first, "first here");
            cx.report(found);
            continue;
        }
        let (because, origin) = (decl.because.clone(), cx.origin(decl.head));
        known.push((ExpectFailed { unit, because, origin }, decl.head));
    }
    known.into_iter().map(|(expected, _)| expected).collect()
}
