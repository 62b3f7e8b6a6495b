//! Roles that no image uses: what can be known of their texts, templates and defaults without one.
//!
//! Such a role is unrolled with example values where it has no defaults, and with every branch of
//! its conditions. A finding counts when no value could make it go away: one about a name, or about
//! a place in which no value is put.

use std::collections::BTreeSet;
use std::sync::Arc;

use forge_diag::{Diagnostic, Sink, codes};
use forge_param::{Duration, HostList, ParamType, ParamValue, Size};
use forge_syntax::Value;

use super::part::Builder;
use crate::ParameterSource;
use crate::context::Context;
use crate::node::image::ImageDecl;
use crate::node::role::{Given, GivenValue, RoleDecl};
use crate::value::{Bound, Values};

/// Looks at every role that no image uses.
pub(crate) fn roles(cx: &mut Context<'_>, used: &BTreeSet<&str>) {
    let project = cx.project;
    let left: Vec<&RoleDecl> =
        project.roles.values().filter(|role| !used.contains(role.name.value.as_str())).collect();
    if left.is_empty() {
        return;
    }
    cx.exploring = true;
    for role in left.into_iter().filter(|role| role.params_are_whole) {
        let outer = std::mem::replace(cx.sink, Sink::new());
        one(cx, role);
        let found = std::mem::replace(cx.sink, outer).into_sorted();
        for finding in found {
            if counts(cx, role, &finding) {
                cx.report(finding);
            }
        }
    }
    cx.exploring = false;
}

fn one(cx: &mut Context<'_>, role: &RoleDecl) {
    let project = cx.project;
    // The reference lives as long as the project, of which the role is a part.
    let Some(role) = project.roles.get(&role.name.value) else {
        return;
    };
    let set = Arc::new(example_set(cx, role));
    let mut used = BTreeSet::new();
    Builder::new(&set, &mut used).explore(cx, role, examples(role));
}

fn example_of(role: &RoleDecl, value: ParamValue, ty: Option<Arc<ParamType>>) -> Bound {
    Bound { value, span: role.head, source: ParameterSource::Default, ty, type_at: None }
}

/// What some image may set, for a role that is looked at without one.
pub(super) fn example_set(cx: &Context<'_>, role: &RoleDecl) -> Values {
    let mut set = Values::new();
    for name in ["cluster", "type", "image", "arch", "suite"] {
        let text = ParamValue::Text("example".to_owned());
        set.insert(name.to_owned(), example_of(role, text, None));
    }
    let links = cx.project.images.values().flat_map(ImageDecl::links);
    for given in links.flat_map(|link| &link.set) {
        set.insert(given.name.value.clone(), example_of(role, like(given), None));
    }
    set
}

/// A value for each parameter of a role: its default, or an example.
pub(super) fn examples(role: &RoleDecl) -> Values {
    let value = |param: &forge_param::ParamDecl| {
        let default = param.default.as_ref().map(|default| default.value.clone());
        let value = default.unwrap_or_else(|| example(&param.ty));
        (param.name.value.clone(), example_of(role, value, Some(Arc::clone(&param.ty))))
    };
    role.params.iter().map(value).collect()
}

/// An example of the kind of value that an image sets.
fn like(given: &Given) -> ParamValue {
    match &given.value {
        GivenValue::One(entry) => match &entry.value {
            Value::Integer { .. } => ParamValue::Integer(1),
            Value::Bool(value) => ParamValue::Bool(*value),
            Value::Text(_) | Value::Float { .. } | Value::Null => {
                ParamValue::Text("example".to_owned())
            }
        },
        GivenValue::List(_) => ParamValue::List(Vec::new()),
    }
}

/// A value of a type; its range and its pattern do not matter here.
fn example(ty: &ParamType) -> ParamValue {
    let text = |text: &str| ParamValue::Text(text.to_owned());
    match ty {
        ParamType::Text(_) | ParamType::Name => text("example"),
        ParamType::Integer(_) | ParamType::Port(_) => ParamValue::Integer(1),
        ParamType::Bool => ParamValue::Bool(true),
        ParamType::Enum(values) => text(values.first().map_or("", String::as_str)),
        ParamType::Ip => text("192.0.2.1"),
        ParamType::Cidr => text("192.0.2.0/24"),
        ParamType::Path => text("/example"),
        ParamType::Mode => text("0644"),
        ParamType::Size(_) => ParamValue::Size(Size::from_bytes(1 << 20)),
        ParamType::Duration(_) => ParamValue::Duration(Duration::from_micros(1_000_000)),
        ParamType::Hosts => {
            HostList::parse("example").map_or_else(|_| text("example"), ParamValue::Hosts)
        }
        ParamType::List(element) => ParamValue::List(vec![example(element)]),
    }
}

/// Whether a finding holds for every value.
fn counts(cx: &Context<'_>, role: &RoleDecl, finding: &Diagnostic) -> bool {
    const OF_NAMES: [forge_diag::Code; 5] = [
        codes::SPEC_PARAM_UNDEFINED,
        codes::SPEC_UNDEFINED,
        codes::SPEC_TEXT,
        codes::SPEC_TEMPLATE,
        codes::SPEC_TEMPLATE_UNDEFINED,
    ];
    if OF_NAMES.contains(&finding.code) {
        return true;
    }
    // Nothing is put in at the place, nor behind it on its line, and it is no example's.
    finding.span().is_some_and(|span| span != role.head && !cx.map.slice(span).contains("${"))
}
