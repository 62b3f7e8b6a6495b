use serde_json::Value;

use crate::{Control, KeyField, Origin, Shared};

/// A control as canonical text for keys: all of its demands, none of its places.
///
/// Its source text (`code`) stays out, so that a comment rebuilds nothing.
pub(crate) fn control_text(control: &Control) -> String {
    let mut value = serde_json::to_value(control).unwrap_or(Value::Null);
    if let Value::Object(fields) = &mut value {
        fields.remove("code");
        let tags = fields.remove("tags");
        strip_origins(&mut value);
        if let (Value::Object(fields), Some(tags)) = (&mut value, tags) {
            fields.insert("tags".to_owned(), tags);
        }
    }
    value.to_string()
}

/// The controls that the fields of a key hold, read back from their texts. All places in one are
/// that of its field; its source text is gone.
pub fn controls_of_key(fields: &[KeyField]) -> Vec<Shared<Control>> {
    let held = fields.iter().filter(|field| field.name.starts_with("control "));
    let read = held.filter_map(|field| control_of_text(&field.value, field.origin.as_ref()));
    read.map(Shared::from).collect()
}

fn control_of_text(text: &str, origin: Option<&Origin>) -> Option<Control> {
    let nowhere = Origin::new("", 0, 0);
    let origin = serde_json::to_value(origin.unwrap_or(&nowhere)).ok()?;
    let mut value: Value = serde_json::from_str(text).ok()?;
    let fields = value.as_object_mut()?;
    fields.insert("code".to_owned(), Value::String(String::new()));
    fields.insert("origin".to_owned(), origin.clone());
    for checks in ["checks", "only_if"] {
        put_origins(fields.get_mut(checks)?, &origin);
    }
    serde_json::from_value(value).ok()
}

/// Puts a place into each check of a list, and into what these expect.
fn put_origins(checks: &mut Value, origin: &Value) {
    let kinds = checks.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut);
    for check in kinds.flat_map(serde_json::Map::values_mut) {
        let Some(check) = check.as_object_mut() else { continue };
        check.insert("origin".to_owned(), origin.clone());
        let expectations = check.get_mut("expectations").and_then(Value::as_array_mut);
        for expected in expectations.into_iter().flatten().filter_map(Value::as_object_mut) {
            expected.insert("origin".to_owned(), origin.clone());
        }
        if let Some(choices) = check.get_mut("checks") {
            put_origins(choices, origin);
        }
    }
}

fn strip_origins(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("origin");
            fields.values_mut().for_each(strip_origins);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_origins),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Check, Expectation, Operator, Property, Resource};

    #[test]
    fn a_control_is_read_back_from_its_text() {
        let origin = Origin::new("profiles.kdl", 3, 5);
        let expected = Expectation {
            property: Property::Exists,
            negated: true,
            operator: Operator::IsTrue,
            origin: origin.clone(),
        };
        let resource = Resource::File { path: "/etc/motd".to_owned() };
        let expectations = vec![expected];
        let check = Check::Resource { resource, expectations, origin: origin.clone() };
        let choice =
            Check::AnyOf { checks: vec![check.clone(), check.clone()], origin: origin.clone() };
        let control = Control {
            id: "a-1".to_owned(),
            profile: "policy".to_owned(),
            impact: 0.7,
            title: "Title".to_owned(),
            description: String::new(),
            tags: BTreeMap::from([("origin".to_owned(), "stig".to_owned())]),
            checks: vec![choice],
            only_if: vec![check],
            level: None,
            run: true,
            code: String::new(),
            origin: origin.clone(),
        };
        let field = |origin| KeyField {
            name: "control policy/a-1".to_owned(),
            value: control_text(&control),
            origin,
        };
        assert_eq!(controls_of_key(&[field(Some(origin))]), [Shared::from(control.clone())]);
        let unplaced = controls_of_key(&[field(None)]);
        assert_eq!(
            unplaced.iter().map(|one| control_text(one)).collect::<Vec<_>>(),
            [control_text(&control)]
        );
        let other = KeyField { name: "control x".to_owned(), value: "{}".to_owned(), origin: None };
        assert_eq!(controls_of_key(&[other]), []);
    }
}
