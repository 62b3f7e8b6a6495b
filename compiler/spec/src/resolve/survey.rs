//! Roles that no image uses: what is wrong with them whatever their parameters are.

use std::collections::BTreeSet;
use std::sync::Arc;

use forge_diag::{Code, Sink, Span, codes};
use forge_param::{ParamDecl, ParamType, ParamValue};

use super::part::Builder;
use crate::ParameterSource;
use crate::context::Context;
use crate::value::{Bound, Scope, Values};

/// Findings that rest on no value, unless the text that they are about has one put in.
const WHATEVER_THE_VALUES: [Code; 9] = [
    codes::SPEC_UNDEFINED,
    codes::SPEC_PARAM_UNDEFINED,
    codes::SPEC_PARAM_UNKNOWN,
    codes::SPEC_SOURCE,
    codes::SPEC_PROJECT_PATH,
    codes::SPEC_PATH,
    codes::SPEC_NAME,
    codes::SPEC_TEXT,
    codes::SPEC_TEMPLATE_UNDEFINED,
];

/// Looks at the roles that no image uses, every branch of them, with values that stand for any.
pub(crate) fn roles(cx: &mut Context<'_>, used: &BTreeSet<String>) {
    let project = cx.project;
    let images = project.images.values();
    let set = images.flat_map(|image| {
        let given = image.set.iter().map(|given| given.name.clone());
        let own = ["cluster", "type", "image", "arch"];
        given.chain(own.map(|name| image.name.clone().map(|_| name.to_owned())))
    });
    let set: Values = set.map(|name| (name.value, bound(any_text(), name.span))).collect();
    let set = Arc::new(set);
    for role in project.roles.values() {
        if used.contains(&role.name.value) || !role.params_are_whole {
            continue;
        }
        let own = role.params.iter().filter_map(|param| {
            Some((param.name.value.clone(), bound(any(param)?, param.name.span)))
        });
        let own: Values = own.collect();
        // A type whose values are not made up here leaves the role to whoever uses it.
        if own.len() < role.params.len() {
            continue;
        }
        cx.scope = Scope::new(own, Arc::clone(&set));
        let others = std::mem::take(cx.sink);
        Builder::new(&set, &mut BTreeSet::new()).body(cx, role);
        let found = std::mem::replace(cx.sink, others);
        let found = whatever_the_values(cx, found);
        cx.sink.append(found);
    }
}

fn bound(value: ParamValue, span: Span) -> Bound {
    Bound { value, span, source: ParameterSource::Set, ty: None }
}

fn whatever_the_values(cx: &Context<'_>, found: Sink) -> Sink {
    let mut kept = Sink::new();
    kept.extend(found.into_sorted().into_iter().filter(|finding| {
        let said = finding.span().map_or("", |span| cx.map.slice(span));
        let named = finding.code != codes::SPEC_TEMPLATE_UNDEFINED || !said.contains('.');
        let plain = !said.contains("${") || finding.code == codes::SPEC_PARAM_UNDEFINED;
        WHATEVER_THE_VALUES.contains(&finding.code) && plain && named
    }));
    kept
}

fn any_text() -> ParamValue {
    ParamValue::Text("x".to_owned())
}

/// The default, else a value of the parameter's type.
fn any(param: &ParamDecl) -> Option<ParamValue> {
    match &param.default {
        Some(default) => Some(default.value.clone()),
        None => any_of(&param.ty),
    }
}

fn any_of(ty: &ParamType) -> Option<ParamValue> {
    let text = |text: &str| Some(ParamValue::Text(text.to_owned()));
    match ty {
        ParamType::Text(_) | ParamType::Name => Some(any_text()),
        ParamType::Integer(_) | ParamType::Port(_) => Some(ParamValue::Integer(1)),
        ParamType::Bool => Some(ParamValue::Bool(true)),
        ParamType::Enum(words) => text(words.first().map_or("x", String::as_str)),
        ParamType::List(element) => Some(ParamValue::List(vec![any_of(element)?])),
        ParamType::Path => text("/x"),
        ParamType::Ip => text("192.0.2.1"),
        ParamType::Cidr => text("192.0.2.0/24"),
        ParamType::Mode => text("0644"),
        ParamType::Size(_) | ParamType::Duration(_) | ParamType::Hosts => None,
    }
}
