//! Values for parameters: on the line that uses a role, from the images' `set`, by default.

use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Span, Spanned, codes};
use forge_syntax::{Entry, Text, Value, Written, suggest};

use crate::context::Context;
use crate::node::role::{Given, GivenValue, RoleDecl, RoleUse};
use crate::param::{ParamDecl, ParamType, bad_value};
use crate::value::{ParamValue, Scope};

/// What the images of a chain set, with places.
pub(crate) type SetValues = BTreeMap<String, Spanned<ParamValue>>;

/// The scope of a role that is used in the current scope. None when a parameter has no value;
/// reported.
pub(crate) fn role(
    cx: &mut Context<'_>,
    role: &RoleDecl,
    used: &RoleUse,
    set: &SetValues,
) -> Option<Scope> {
    let mut values: BTreeMap<String, ParamValue> =
        set.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect();
    let mut good = role.params_are_whole;
    for param in &role.params {
        let name = &param.name.value;
        let given = used.given.iter().find(|given| given.name.value == *name);
        let value = match (given, set.get(name)) {
            (Some(given), _) => given_value(cx, param, given),
            (None, Some(value)) => set_value(cx, param, value),
            (None, None) => {
                if param.default.is_none() {
                    cx.report(missing(role, param, used.head));
                }
                param.default.clone()
            }
        };
        good &= value.is_some();
        values.extend(value.map(|value| (name.clone(), value)));
    }
    for given in &used.given {
        if role.params.iter().all(|param| param.name != given.name) {
            if role.params_are_whole {
                cx.report(unknown(role, given));
            }
            good = false;
        }
    }
    good.then_some(Scope { values })
}

fn missing(role: &RoleDecl, param: &ParamDecl, used: Span) -> Diagnostic {
    let name = &param.name.value;
    let help = match param.ty {
        ParamType::List(_) => format!("add `{{ {name} … }}`, or set it for the image"),
        _ => format!("add `{name}=…`, or set it for the image"),
    };
    Diagnostic::error(
        codes::SPEC_PARAM_MISSING,
        format!("the role `{}` needs a value for `{name}`", role.name.value),
    )
    .at(used, "used without it")
    .and(param.name.span, "declared here, without a default")
    .help(help)
}

fn unknown(role: &RoleDecl, given: &Given) -> Diagnostic {
    let known = role.params.iter().map(|param| param.name.value.as_str());
    let found = Diagnostic::error(
        codes::SPEC_PARAM_UNKNOWN,
        format!("the role `{}` has no parameter `{}`", role.name.value, given.name.value),
    )
    .at(given.name.span, "unknown parameter")
    .and(role.head, "the role is declared here");
    suggest(found, &given.name, Written::Bare, known)
}

fn given_value(cx: &mut Context<'_>, param: &ParamDecl, given: &Given) -> Option<ParamValue> {
    match (&given.value, &param.ty) {
        (GivenValue::One(entry), ty) => one(cx, param, ty, entry),
        (GivenValue::List(entries), ParamType::List(element)) => {
            let mut values = Vec::new();
            let mut good = true;
            for entry in entries {
                match passed_on(cx, entry) {
                    Some(ParamValue::List(more)) => values.extend(more),
                    _ => match one(cx, param, element, entry) {
                        Some(value) => values.push(value),
                        None => good = false,
                    },
                }
            }
            let list = ParamValue::List(values);
            if good && param.ty.accepts(&list).is_err() {
                cx.report(wrong(param, given.name.span, &list));
                return None;
            }
            good.then_some(list)
        }
        (GivenValue::List(_), _) => {
            let name = &param.name.value;
            cx.report(
                Diagnostic::error(codes::SPEC_PARAM_VALUE, format!("`{name}` is not a list"))
                    .at(given.name.span, "given as a list")
                    .and(param.name.span, "declared here")
                    .help(format!("write it as a property: `{name}=…`")),
            );
            None
        }
    }
}

fn passed_on(cx: &Context<'_>, entry: &Entry) -> Option<ParamValue> {
    match &entry.value {
        Value::Text(text) => cx.passed_on(text),
        _ => None,
    }
}

/// One written value, its `${name}` put in, as a value of a type.
fn one(
    cx: &mut Context<'_>,
    param: &ParamDecl,
    ty: &ParamType,
    entry: &Entry,
) -> Option<ParamValue> {
    let what = format!("`{}`", param.name.value);
    if let Value::Text(text) = &entry.value
        && has_names(text)
    {
        if let Some(value) = cx.passed_on(text)
            && ty.accepts(&value).is_ok()
        {
            return Some(value);
        }
        let put_in = cx.text(&Spanned::new(text.clone(), entry.span))?;
        let value = ty.of_text(&put_in);
        if value.is_none() {
            cx.report(wrong(param, entry.span, &ParamValue::Text(put_in)));
        }
        return value;
    }
    match ty.read(entry) {
        Ok(value) => Some(value),
        Err(_) if entry.reported => None,
        Err(mistake) => {
            let found = bad_value(&what, ty, entry, mistake);
            cx.report(found.and(param.name.span, "declared here"));
            None
        }
    }
}

fn has_names(text: &Text) -> bool {
    !text.raw && text.value.contains("${")
}

fn set_value(
    cx: &mut Context<'_>,
    param: &ParamDecl,
    set: &Spanned<ParamValue>,
) -> Option<ParamValue> {
    if param.ty.accepts(&set.value).is_ok() {
        return Some(set.value.clone());
    }
    cx.report(wrong(param, set.span, &set.value));
    None
}

fn wrong(param: &ParamDecl, span: Span, value: &ParamValue) -> Diagnostic {
    Diagnostic::error(
        codes::SPEC_PARAM_VALUE,
        format!("`{}` must be {}", param.name.value, param.ty.expected()),
    )
    .at(span, format!("its value is {value}"))
    .and(param.name.span, "declared here")
}

/// The values of a `set`, as they are written.
pub(crate) fn set(cx: &mut Context<'_>, given: &Given) -> Option<Spanned<ParamValue>> {
    let value = match &given.value {
        GivenValue::One(entry) => plain(cx, entry)?,
        GivenValue::List(entries) => {
            let values: Vec<Option<ParamValue>> =
                entries.iter().map(|entry| plain(cx, entry)).collect();
            ParamValue::List(values.into_iter().collect::<Option<_>>()?)
        }
    };
    Some(Spanned::new(value, given.name.span))
}

fn plain(cx: &mut Context<'_>, entry: &Entry) -> Option<ParamValue> {
    let found = |headline: &str| {
        Diagnostic::error(codes::SPEC_PARAM_VALUE, headline)
            .at(entry.span, format!("this is {}", entry.value.what()))
    };
    match &entry.value {
        Value::Text(text) => cx.text(&Spanned::new(text.clone(), entry.span)).map(ParamValue::Text),
        Value::Integer { value, .. } => {
            let number = i64::try_from(*value).ok().map(ParamValue::Integer);
            if number.is_none() {
                cx.report(found("the number is too large for a parameter"));
            }
            number
        }
        Value::Bool(value) => Some(ParamValue::Bool(*value)),
        Value::Float { written, .. } => {
            cx.report(
                found("a parameter holds no fraction")
                    .help(format!("if it is a version or a name, write \"{written}\"")),
            );
            None
        }
        Value::Null => {
            cx.report(found("a parameter has a value").help("leave it out"));
            None
        }
    }
}
