//! Values for parameters of roles and profiles: on the line that uses them, from the images' `set`,
//! by default.

use std::sync::Arc;

use forge_diag::{Diagnostic, Span, Spanned, codes};
use forge_param::{ParamDecl, ParamType, ParamValue, bad_value};
use forge_syntax::{Entry, Text, Value, Written, suggest};

use crate::ParameterSource;
use crate::context::Context;
use crate::node::role::{Given, GivenValue};
use crate::value::{Bound, Values};

/// What has parameters.
pub(crate) struct Taker<'a> {
    /// `role` or `profile`.
    pub(crate) kind: &'static str,
    /// It is a profile of `InSpec`, which is given its values where it is declared.
    pub(crate) inspec: bool,
    pub(crate) name: &'a str,
    pub(crate) head: Span,
    pub(crate) params: &'a [ParamDecl],
    /// No declaration of a parameter has a mistake: others would only follow from it.
    pub(crate) whole: bool,
}

impl Taker<'_> {
    /// Whether it declares a parameter of this name.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.params.iter().any(|param| param.name.value == name)
    }
}

/// A value for each parameter, those on the line read in the current scope. None when one has no
/// value; reported. `used` is the node that asks.
pub(crate) fn values<'g>(
    cx: &mut Context<'_>,
    taker: &Taker<'_>,
    given: impl Iterator<Item = &'g Given> + Clone,
    set: &Values,
    used: Span,
) -> Option<Values> {
    let mut values = Values::new();
    let mut good = taker.whole;
    for param in taker.params {
        let name = &param.name.value;
        let on_line = given.clone().find(|given| given.name.value == *name);
        // What the base says is no `set`: it stands in where a default is missing.
        let set = set
            .get(name)
            .filter(|bound| param.default.is_none() || bound.source != ParameterSource::Base);
        let (value, span, source) = match (on_line, set) {
            (Some(given), _) => {
                (given_value(cx, param, given), given.span(), ParameterSource::Given)
            }
            (None, Some(bound)) => (set_value(cx, param, bound), bound.span, bound.source.clone()),
            (None, None) => {
                if param.default.is_none() && !param.wrong_default {
                    cx.report(missing(taker, param, used));
                }
                let span = param.default.as_ref().map_or(param.name.span, |value| value.span);
                let value = param.default.as_ref().map(|value| value.value.clone());
                (value, span, ParameterSource::Default)
            }
        };
        // A mistake in the value is reported; what else is wrong in the role is looked for with its
        // default.
        let value = value.or_else(|| param.default.as_ref().map(|value| value.value.clone()));
        good &= value.is_some();
        let ty = Some(Arc::clone(&param.ty));
        let type_at = Some(param.type_at);
        values
            .extend(value.map(|value| (name.clone(), Bound { value, span, source, ty, type_at })));
    }
    for given in given.filter(|given| !taker.takes(&given.name.value)) {
        if taker.whole {
            cx.report(unknown(taker, given));
        }
    }
    good.then_some(values)
}

fn missing(taker: &Taker<'_>, param: &ParamDecl, used: Span) -> Diagnostic {
    let name = &param.name.value;
    let help = match *param.ty {
        ParamType::List(_) => format!("add `{{ {name} … }}`, or set it for the image"),
        _ => format!("add `{name}=…`, or set it for the image"),
    };
    Diagnostic::error(
        codes::SPEC_PARAM_MISSING,
        format!("the {} `{}` needs a value for `{name}`", taker.kind, taker.name),
    )
    .at(used, "used without it")
    .and(param.name.span, "declared here, without a default")
    .help(help)
}

fn unknown(taker: &Taker<'_>, given: &Given) -> Diagnostic {
    let known = taker.params.iter().map(|param| param.name.value.as_str());
    let found = Diagnostic::error(
        codes::SPEC_PARAM_UNKNOWN,
        format!("the {} `{}` has no parameter `{}`", taker.kind, taker.name, given.name.value),
    )
    .at(given.name.span, "unknown parameter")
    .and(taker.head, format!("the {} is declared here", taker.kind));
    if taker.inspec {
        let input = forge_syntax::quote(&given.name.value);
        return found.help(format!("its inputs stand in it: `input {input} …`"));
    }
    suggest(found, &given.name, Written::Bare, known)
}

fn given_value(cx: &mut Context<'_>, param: &ParamDecl, given: &Given) -> Option<ParamValue> {
    let read = Reading { name: &param.name.value, declared: Some(param.name.span) };
    match (&given.value, &*param.ty) {
        (GivenValue::One(entry), ty) => read.one(cx, ty, entry),
        (GivenValue::List(entries), ParamType::List(element)) => {
            let mut values = Vec::new();
            let mut good = true;
            for entry in entries {
                match passed_on(cx, entry) {
                    Some(ParamValue::List(more)) => values.extend(more),
                    Some(ParamValue::Hosts(hosts)) => {
                        values.extend(hosts.hosts().iter().cloned().map(ParamValue::Text));
                    }
                    _ => match read.one(cx, element, entry) {
                        Some(value) => values.push(value),
                        None => good = false,
                    },
                }
            }
            if values.len() > MAX_LIST {
                cx.report(too_many(given.name.span));
                return None;
            }
            let list = ParamValue::List(values);
            let taken = param.ty.take(&list);
            if good && taken.is_err() {
                cx.report(read.wrong(&param.ty, given.name.span, &list));
            }
            taken.ok().filter(|_| good)
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

/// Values of a list: a list is what hosts or names are written in.
const MAX_LIST: usize = 65_536;

fn too_many(span: Span) -> Diagnostic {
    let headline = format!("a list of more than {MAX_LIST} values");
    Diagnostic::error(codes::SYNTAX_SIZE, headline).at(span, "this")
}

fn size(value: &ParamValue) -> usize {
    match value {
        ParamValue::List(values) => values.iter().map(size).sum(),
        _ => 1,
    }
}

fn passed_on(cx: &Context<'_>, entry: &Entry) -> Option<ParamValue> {
    match &entry.value {
        Value::Text(text) => cx.passed_on(text),
        _ => None,
    }
}

/// The reading of a value that something of a name must have.
pub(crate) struct Reading<'a> {
    pub(crate) name: &'a str,
    pub(crate) declared: Option<Span>,
}

impl Reading<'_> {
    /// One written value, its `${name}` put in, as a value of a type.
    pub(crate) fn one(
        &self,
        cx: &mut Context<'_>,
        ty: &ParamType,
        entry: &Entry,
    ) -> Option<ParamValue> {
        if let Value::Text(text) = &entry.value
            && has_names(text)
        {
            if let Some(value) = cx.passed_on(text)
                && let Ok(value) = ty.take(&value)
            {
                return Some(value);
            }
            let put_in = cx.text(&Spanned::new(text.clone(), entry.span))?;
            let value = ty.of_text(&put_in);
            if value.is_none() {
                cx.report(self.wrong(ty, entry.span, &ParamValue::Text(put_in)));
            }
            return value;
        }
        match ty.read(entry) {
            Ok(value) => Some(value),
            Err(_) if entry.reported => None,
            Err(mistake) => {
                let found = bad_value(&format!("`{}`", self.name), ty, entry, mistake);
                cx.report(self.with_declaration(found));
                None
            }
        }
    }

    fn wrong(&self, ty: &ParamType, span: Span, value: &ParamValue) -> Diagnostic {
        let found = Diagnostic::error(
            codes::SPEC_PARAM_VALUE,
            format!("`{}` must be {}", self.name, ty.expected()),
        )
        .at(span, format!("its value is {}", value.brief()));
        self.with_declaration(found)
    }

    fn with_declaration(&self, found: Diagnostic) -> Diagnostic {
        match self.declared {
            Some(span) => found.and(span, "declared here"),
            None => found,
        }
    }
}

fn has_names(text: &Text) -> bool {
    !text.raw && text.value.contains("${")
}

fn set_value(cx: &mut Context<'_>, param: &ParamDecl, set: &Bound) -> Option<ParamValue> {
    match param.ty.take(&set.value) {
        Ok(value) => Some(value),
        Err(mistake) => {
            let read = Reading { name: &param.name.value, declared: Some(param.name.span) };
            let found = read.wrong(&param.ty, set.span, &set.value);
            cx.report(found.maybe_help(mistake.help));
            None
        }
    }
}

/// The values of a `set`, as they are written.
pub(crate) fn set(cx: &mut Context<'_>, given: &Given) -> Option<ParamValue> {
    match &given.value {
        GivenValue::One(entry) => plain(cx, entry),
        GivenValue::List(entries) => {
            let values: Vec<Option<ParamValue>> =
                entries.iter().map(|entry| plain(cx, entry)).collect();
            let values: Vec<ParamValue> = values.into_iter().collect::<Option<_>>()?;
            // A list that is passed on stands inside of this one.
            if values.iter().map(size).sum::<usize>() > MAX_LIST {
                cx.report(too_many(given.name.span));
                return None;
            }
            Some(ParamValue::List(values))
        }
    }
}

fn plain(cx: &mut Context<'_>, entry: &Entry) -> Option<ParamValue> {
    let found = |headline: &str| {
        Diagnostic::error(codes::SPEC_PARAM_VALUE, headline)
            .at(entry.span, format!("this is {}", entry.value.what()))
    };
    match &entry.value {
        Value::Text(text) => match cx.passed_on(text) {
            Some(value) => Some(value),
            None => cx.text(&Spanned::new(text.clone(), entry.span)).map(ParamValue::Text),
        },
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
