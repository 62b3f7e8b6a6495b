//! The report in `InSpec`'s form has the shape that its readers expect.
//!
//! The schema here states the facts of the published one for `exec-json` (which members there are,
//! which must be, and their types) in words of its own; that one's text is not part of this project.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::Path;
use std::process::Command;

use forge_test::built_binary;
use serde_json::{Map, Value, json};

/// A member's type: `text?` may be null, `!text` must be there.
fn member(form: &str) -> (bool, Value) {
    let (needed, form) = match form.strip_prefix('!') {
        Some(form) => (true, form),
        None => (false, form),
    };
    let (nullable, form) = match form.strip_suffix('?') {
        Some(form) => (true, form),
        None => (false, form),
    };
    let plain = match form {
        "text" => json!({ "type": "string" }),
        "number" => json!({ "type": "number" }),
        "truth" => json!({ "type": "boolean" }),
        "map" => json!({ "type": "object" }),
        "maps" => json!({ "type": "array", "items": { "type": "object" } }),
        "texts" => json!({ "type": "array", "items": { "type": "string" } }),
        "impact" => json!({ "type": "number", "minimum": 0.0, "maximum": 1.0 }),
        "status" => json!({ "enum": ["passed", "failed", "skipped", "error"] }),
        name => match name.strip_suffix('s').filter(|_| name != "statistics") {
            Some(one) => json!({ "type": "array", "items": { "$ref": format!("#/$defs/{one}") } }),
            None => json!({ "$ref": format!("#/$defs/{name}") }),
        },
    };
    (needed, if nullable { json!({ "anyOf": [plain, { "type": "null" }] }) } else { plain })
}

fn object(members: &[(&str, &str)]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, form) in members {
        let (needed, shape) = member(form);
        properties.insert((*name).to_owned(), shape);
        if needed {
            required.push(*name);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn schema() -> Value {
    let mut whole = object(&[
        ("platform", "!platform"),
        ("profiles", "!profiles"),
        ("statistics", "!statistics"),
        ("version", "!text"),
    ]);
    whole["$defs"] = json!({
        "platform": object(&[("name", "!text"), ("release", "!text"), ("target_id", "text?")]),
        "statistics": object(&[("duration", "number?")]),
        "profile": object(&[
            ("name", "!text"),
            ("sha256", "!text"),
            ("supports", "!maps"),
            ("attributes", "!maps"),
            ("groups", "!groups"),
            ("controls", "!controls"),
            ("title", "text?"),
            ("version", "text?"),
            ("summary", "text?"),
            ("maintainer", "text?"),
            ("copyright", "text?"),
            ("copyright_email", "text?"),
            ("license", "text?"),
            ("status", "text?"),
            ("status_message", "text?"),
            ("skip_message", "text?"),
            ("depends", "maps?"),
            ("parent_profile", "text?"),
        ]),
        "group": object(&[("id", "!text"), ("controls", "!texts"), ("title", "text?")]),
        "control": object(&[
            ("id", "!text"),
            ("impact", "!impact"),
            ("refs", "!maps"),
            ("tags", "!map"),
            ("source_location", "!place"),
            ("results", "!results"),
            ("title", "text?"),
            ("desc", "text?"),
            ("descriptions", "descriptions?"),
            ("code", "text?"),
            ("waiver_data", "waiver?"),
        ]),
        "description": object(&[("label", "!text"), ("data", "!text")]),
        "place": object(&[("ref", "text?"), ("line", "number?")]),
        "waiver": object(&[
            ("expiration_date", "text?"),
            ("justification", "text?"),
            ("message", "text?"),
            ("run", "truth?"),
        ]),
        "result": object(&[
            ("code_desc", "!text"),
            ("start_time", "!text"),
            ("status", "status?"),
            ("run_time", "number?"),
            ("resource", "text?"),
            ("resource_id", "text?"),
            ("message", "text?"),
            ("skip_message", "text?"),
            ("exception", "text?"),
            ("backtrace", "texts?"),
        ]),
    });
    whole
}

const CONTROLS: &str = "
control 'all' do
  title 'Everything'
  desc 'A text'
  desc 'fix', 'Another'
  impact 0.7
  tag 'alone', nist: ['AC-1'], severity: nil
  ref 'A page', url: 'https://example.org'
  describe file('/etc/passwd') do
    it { should exist }
    it { should be_executable }
  end
  describe command('id') do
    its('stdout') { should match 'x' }
  end
  describe 'by hand' do
    skip 'look at it'
  end
end
control 'ruby' do
  eval('1')
end
control 'waived' do
  describe file('/etc/none') do
    it { should exist }
  end
end
control 'empty' do
end
";

/// The report of a profile with a result of each kind.
fn report() -> Value {
    let scratch = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = scratch.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("tree/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    write(
        "profile/inspec.yml",
        "name: shape\nsupports:\n  - platform-family: linux\ninputs:\n  - name: a\n    value: 1\n",
    );
    write("profile/controls/a.rb", CONTROLS);
    write(
        "waivers.yml",
        "waived:\n  justification: known\n  run: false\n  expiration_date: 2999-01-01\n",
    );
    let run = Command::new(built_binary())
        .args(["controls", "run", "--inspec", "profile", "--tree", "tree", "--format", "json"])
        .args(["--waiver-file", "waivers.yml"])
        .current_dir(Path::new(scratch.path()))
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(100), "{run:?}");
    serde_json::from_slice(&run.stdout).unwrap()
}

#[test]
fn the_report_has_the_shape_of_exec_json() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let report = report();
    let faults: Vec<String> = validator
        .iter_errors(&report)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert_eq!(faults, Vec::<String>::new(), "{report:#}");
    // A schema that everything fits would prove nothing.
    for (at, value) in [
        ("/profiles/0/sha256", json!(null)),
        ("/profiles/0/controls/0/impact", json!(2)),
        ("/profiles/0/controls/0/tags", json!([])),
        ("/profiles/0/controls/0/results/0/status", json!("later")),
        ("/profiles/0/controls/1/results/0/backtrace", json!("a")),
        ("/profiles/0/controls/2/waiver_data/run", json!("no")),
        ("/profiles/0/groups/0/controls", json!([1])),
        ("/statistics/duration", json!("long")),
        ("/platform", json!({})),
    ] {
        let mut broken = report.clone();
        *broken.pointer_mut(at).expect(at) = value;
        assert!(!validator.is_valid(&broken), "{at}");
    }
}
