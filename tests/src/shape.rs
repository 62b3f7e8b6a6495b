use serde_json::Value;

/// What is wrong with a value for the schema of a command's JSON; nothing when it fits.
pub fn fits(command: &str, value: &Value) -> Vec<String> {
    let schemas = forge_report::schemas();
    let found = schemas.into_iter().find(|(name, _)| *name == command);
    let (_, schema) = found.expect("a schema of this command");
    let schema: Value = serde_json::from_str(&schema).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema of a known draft");
    let faults = validator.iter_errors(value);
    faults.map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}

/// The JSON that a command printed, which must fit its schema.
#[track_caller]
pub fn shaped(command: &str, text: &str) -> Value {
    let value = serde_json::from_str(text).expect("JSON");
    let faults = fits(command, &value);
    assert!(faults.is_empty(), "{command}: {faults:?}\n{text}");
    value
}
