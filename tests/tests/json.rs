//! What commands print for programs has the shape that its schema in the book says.

use std::fs;
use std::path::Path;

use forge_test::{Forgec, Site, fits, shaped};
use serde_json::{Value, json};

fn golden() -> (Site, Forgec) {
    let site = Site::copy_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/site"));
    site.commit("first");
    let forgec = Forgec::new(&site.project(), site.scratch());
    (site, forgec)
}

fn asked(forgec: &Forgec, command: &str, arguments: &[&str]) -> Value {
    let arguments = [&[command, "--format", "json"], arguments].concat();
    shaped(command, &forgec.run(&arguments).expect(0).stdout)
}

/// The files in which a run keeps, for the next one, what it learnt of a project's files, and the plan.
#[test]
fn commands_keep_what_they_learnt() {
    for command in ["check", "plan"] {
        let (site, forgec) = golden();
        forgec.run(&[command]).expect(0);
        let kept = fs::read_dir(site.scratch().join("cache/forge/projects"));
        assert_eq!(kept.map_or(0, Iterator::count), 2, "{command}");
    }
}

#[test]
fn a_plan_has_its_shape() {
    let (site, forgec) = golden();
    asked(&forgec, "plan", &[]);
    let role = site.project().join("roles/clock/role.kdl");
    let text = fs::read_to_string(&role).unwrap();
    fs::write(&role, text.replace("packages \"chrony\"", "packages \"ntpsec\"")).unwrap();
    let plan = asked(&forgec, "plan", &["--against", "HEAD"]);
    let step = &plan["images"][0]["steps"][1];
    assert_eq!((&step["step"], &step["change"]), (&json!("clock/packages"), &json!("changed")));
    assert_eq!(step["last"], Value::Null);
    let file = site.scratch().join("plan.json");
    let report = format!("json={}", file.display());
    forgec.run(&["plan", "--report", &report]).expect(0);
    shaped("plan", &fs::read_to_string(file).unwrap());
    // A schema that everything fits would prove nothing.
    let broken = |at: &str, value: Value| {
        let mut plan = plan.clone();
        *plan.pointer_mut(at).unwrap() = value;
        fits("plan", &plan)
    };
    assert_eq!(fits("plan", &plan), Vec::<String>::new());
    assert_ne!(fits("plan", &json!({ "version": 1 })), Vec::<String>::new());
    for (at, value) in [
        ("/version", json!("1")),
        ("/images/0/change", json!("renamed")),
        ("/images/0/steps/0/origin/line", json!(null)),
        ("/images/0/steps/0/fields/0/old", json!(3)),
        ("/work/seconds", json!("long")),
    ] {
        assert_ne!(broken(at, value), Vec::<String>::new(), "{at}");
    }
}

#[test]
fn what_a_host_has_has_its_shape() {
    let (_site, forgec) = golden();
    // Its exit says whether the host is fit; its form is the same either way.
    let found = shaped("doctor", &forgec.run(&["doctor", "--format", "json"]).stdout);
    let names = |check: &Value| check["name"].as_str().map(str::to_owned);
    let names: Vec<_> = found["checks"].as_array().unwrap().iter().filter_map(names).collect();
    assert!(names.contains(&"systemd-nspawn".to_owned()), "{names:?}");
    let ready = found["checks"]
        .as_array()
        .unwrap()
        .iter()
        .all(|check| check["present"] == json!(true) || check["required"] == json!(false));
    assert_eq!(found["ready"], json!(ready));
}

#[test]
fn an_answer_why_has_its_shape() {
    let (_site, forgec) = golden();
    let all = asked(&forgec, "why", &["south-store"]);
    assert_eq!(all["steps"].as_array().unwrap().len(), 2);
    let one = asked(&forgec, "why", &["south-store", "stamp"]);
    assert_eq!(one["steps"][0]["change"], json!("added"));
    assert_eq!(one["steps"][0]["output"], Value::Null);
}

#[test]
fn a_difference_has_its_shape() {
    let (site, forgec) = golden();
    let two = asked(&forgec, "diff", &["north-compute", "north-login"]);
    assert_eq!(two["old"], json!({ "image": "north-compute", "revision": null }));
    assert_eq!(two["parts"][1]["items"][1]["subject"], json!("/etc/motd"));
    let script = site.project().join("roles/scheduler/index.sh");
    fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    let then = asked(&forgec, "diff", &["HEAD:north-login"]);
    let run = &then["parts"][0]["items"][0];
    assert_eq!((&run["kind"], &run["change"]), (&json!("run"), &json!("changed")));
    assert_eq!(run["old"]["file"], json!("roles/scheduler/role.kdl"));
    let text = run["texts"][0]["diff"].as_str().unwrap();
    assert!(text.contains("+exit 0\n"), "{text}");
    let same = asked(&forgec, "diff", &["HEAD:north-login", "HEAD:north-login", "--exit-code"]);
    assert_eq!(same["parts"], json!([]));
}

#[test]
fn an_answer_why_not_has_its_shape() {
    let (_site, forgec) = golden();
    let found = asked(&forgec, "why-not", &["/etc/motd"]);
    let answers = found["answers"].as_array().unwrap();
    assert_eq!(answers[0]["images"], json!(["north-login"]));
    assert_eq!(answers[0]["presence"], json!("present"));
    assert_eq!(answers[0]["reasons"][0]["origins"][0]["file"], json!("images.kdl"));
    let kinds: Vec<&Value> =
        answers[1]["reasons"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert!(kinds.contains(&&json!("other-image")), "{kinds:?}");
}
