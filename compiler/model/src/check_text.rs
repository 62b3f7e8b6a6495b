use serde_json::Value;

use crate::Control;

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
