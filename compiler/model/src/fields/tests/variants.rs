//! That the samples leave out no kind of anything: a new variant stops the tests from compiling
//! until it is named here, and fails them until a sample has it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Action, Check, changes, parts, pointer, samples};
use crate::{Base, ChangeKind, Content, Edit, Operator, Resource, Scalar, SecretSource};

/// The variants of an enum by name, and the name of a value's.
trait Variants {
    const ALL: &'static [&'static str];
    fn name(&self) -> &'static str;
}

macro_rules! variants {
    ($($kind:ident { $($variant:ident),+ $(,)? })+) => {
        $(impl Variants for $kind {
            const ALL: &'static [&'static str] = &[$(stringify!($variant)),+];
            fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => stringify!($variant)),+ }
            }
        })+
    };
}

variants! {
    Action { Resolve, Base, Packages, Fetch, Unpack, Changes, Run, Secrets, Stamp, Verify, Pack }
    Base { Debian, Archive, Tree }
    ChangeKind { Directory, File, Link, Edit, Remove, KernelModules, Group, User, Enable, Disable, Mask }
    Content { Text, Source }
    Edit { Line, Setting }
    SecretSource { Age, Environment, File }
    Check { Resource, AnyOf }
    Resource { File, Package, User, Group, Service, KernelParameter, KernelModule, SshdConfig, Mount, Port, Process, Filesystem, Command }
    Operator { IsTrue, OneOf, Includes, Matches, Min, Max, Above, Below, Setting, Document, Keyword }
    Scalar { Text, Integer, Bool, Null }
}

fn assert_all<'a, T: Variants + 'a>(what: &str, values: impl IntoIterator<Item = &'a T>) {
    let found: BTreeSet<_> = values.into_iter().map(T::name).collect();
    let wanted: BTreeSet<_> = T::ALL.iter().copied().collect();
    assert_eq!(found, wanted, "samples of {what}");
}

fn resources<'a>(checks: &'a [Check], found: &mut Vec<(&'a Resource, &'a Operator)>) {
    for check in checks {
        match check {
            Check::Resource { resource, expectations, origin: _ } => {
                found.extend(expectations.iter().map(|one| (resource, &one.operator)));
            }
            Check::AnyOf { checks, origin: _ } => resources(checks, found),
        }
    }
}

fn scalars(operator: &Operator) -> Vec<&Scalar> {
    match operator {
        Operator::IsTrue | Operator::Matches(_) => Vec::new(),
        Operator::OneOf(values)
        | Operator::Setting { values, .. }
        | Operator::Document { values, .. }
        | Operator::Keyword { values, .. } => values.iter().collect(),
        Operator::Includes(value)
        | Operator::Min(value)
        | Operator::Max(value)
        | Operator::Above(value)
        | Operator::Below(value) => vec![value],
    }
}

#[test]
fn samples_have_every_variant() {
    let (samples, changes) = (samples(), changes());
    assert_all("actions", &samples);
    assert_all("changes", &changes);
    let bases = samples.iter().filter_map(|action| match action {
        Action::Base(base) => Some(base.as_ref()),
        _ => None,
    });
    assert_all("bases", bases);
    let contents = changes.iter().filter_map(|change| match change {
        ChangeKind::File { content, .. } => Some(content),
        _ => None,
    });
    assert_all("contents", contents);
    let edits = changes.iter().filter_map(|change| match change {
        ChangeKind::Edit { edit, .. } => Some(edit),
        _ => None,
    });
    assert_all("edits", edits);
    let secrets = samples.iter().find_map(|action| match action {
        Action::Run(run) => Some(&run.secrets),
        _ => None,
    });
    assert_all("sources of secrets", secrets.unwrap().iter().map(|secret| &secret.source));
    let controls = samples.iter().find_map(|action| match action {
        Action::Verify(verify) => Some(&verify.controls),
        _ => None,
    });
    let checks: Vec<&Check> =
        controls.unwrap().iter().flat_map(|one| one.checks.iter().chain(&one.only_if)).collect();
    assert_all("checks", checks.iter().copied());
    let mut asked = Vec::new();
    for check in &checks {
        resources(std::slice::from_ref(check), &mut asked);
    }
    assert_all("resources", asked.iter().map(|(resource, _)| *resource));
    assert_all("operators", asked.iter().map(|(_, operator)| *operator));
    assert_all("scalars", asked.iter().flat_map(|(_, operator)| scalars(operator)));
}

#[test]
fn samples_leave_nothing_empty() {
    for action in samples() {
        let whole = serde_json::to_value(&action).unwrap();
        let mut all = Vec::new();
        parts(&whole, &Vec::new(), &mut all);
        for part in all {
            let at = pointer(&part);
            let empty = match whole.pointer(&at).unwrap() {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(fields) => fields.is_empty(),
                Value::String(text) => text.is_empty(),
                Value::Bool(_) | Value::Number(_) => false,
            };
            // What stands there when it is said would go untried.
            assert!(!empty, "{}{at} is empty in the sample", action.kind());
        }
    }
}
