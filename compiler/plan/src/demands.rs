//! What controls demand, as fields in words: a key holds a control as one text for programs.

use forge_judge::describe;
use forge_model::{Action, Check, Control, KeyField, Node, Origin, Shared, controls_of_key};

use crate::diff::{FieldChange, field_changes};

/// What makes a step other than it was when its key had the fields `before`: the own fields that
/// differ (inputs left out of both lists), those of controls in words.
pub fn own_changes(before: &[KeyField], node: &Node, now: &[KeyField]) -> Vec<FieldChange> {
    in_words(&controls_of_key(before), controls(node), field_changes(before, now))
}

/// Puts changes of demands in words in the place of changes of whole controls.
pub(crate) fn in_words(
    before: &[Shared<Control>],
    after: &[Shared<Control>],
    fields: Vec<FieldChange>,
) -> Vec<FieldChange> {
    let mut worded = Vec::new();
    for field in fields {
        let of = |controls: &[Shared<Control>]| {
            let found = controls.iter().find(|control| key_name(control) == field.name);
            found.map(|control| demands(control)).unwrap_or_default()
        };
        let changes = field_changes(&of(before), &of(after));
        // What has no words (a time limit, a separator) stays as it is in the key.
        if changes.is_empty() { worded.push(field) } else { worded.extend(changes) }
    }
    worded
}

pub(crate) fn controls(node: &Node) -> &[Shared<Control>] {
    match &node.action {
        Action::Verify(verify) => &verify.controls,
        Action::Resolve(_)
        | Action::Base(_)
        | Action::Packages(_)
        | Action::Fetch(_)
        | Action::Unpack(_)
        | Action::Changes(_)
        | Action::Run(_)
        | Action::Secrets(_)
        | Action::Stamp(_)
        | Action::Pack(_) => &[],
    }
}

/// The name of the field that holds a control in a key.
fn key_name(control: &Control) -> String {
    format!("control {}/{}", control.profile, control.id)
}

/// What a control demands, as fields in words.
pub fn demands(control: &Control) -> Vec<KeyField> {
    let name = key_name(control);
    let said = |part: &str, value: &dyn ToString| KeyField {
        name: format!("{name}, {part}"),
        value: value.to_string(),
        origin: Some(control.origin.clone()),
    };
    let mut fields = vec![said("impact", &control.impact)];
    let texts = [("title", &control.title), ("description", &control.description)];
    fields.extend(texts.iter().filter(|(_, text)| !text.is_empty()).map(|(n, text)| said(n, text)));
    fields.extend(control.level.map(|level| said("level", &level)));
    fields.extend(control.tags.iter().map(|(tag, value)| said(&format!("tag {tag}"), value)));
    let mut add = |value: String, origin: &Origin| {
        fields.push(KeyField { name: name.clone(), value, origin: Some(origin.clone()) });
    };
    for (before, checks) in [("", &control.checks), ("only if ", &control.only_if)] {
        for check in checks {
            words(before, check, &mut add);
        }
    }
    fields
}

fn words(before: &str, check: &Check, add: &mut dyn FnMut(String, &Origin)) {
    match check {
        Check::Resource { resource, expectations, origin: _ } => {
            for expected in expectations {
                add(format!("{before}{}", describe(resource, expected)), &expected.origin);
            }
        }
        Check::AnyOf { checks, origin } => {
            let mut choices = Vec::new();
            let mut choose = |text: String, _: &Origin| choices.push(text);
            for check in checks {
                words("", check, &mut choose);
            }
            add(format!("{before}any of: {}", choices.join("; ")), origin);
        }
    }
}
