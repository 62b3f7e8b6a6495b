//! Profiles of `InSpec` in plans.

use forge_model::{Action, Digest, InspecProfile, MemorySources, Plan};
use forge_plan::{LayerChangeKind, check, diff};

const SITE: &str = r#"base "b" { debian suite="bookworm"; }
profile "linux" inspec="vendor/linux" {
    input "shells" "/bin/sh"
    skip "os-2" because="known"
}
role "kept" { controls "linux"; }
image "one" { base "b"; role "kept"; controls "linux"; }
image "two" { base "b"; role "kept"; }
image "three" { base "b"; }
"#;

const FILES: [(&str, &str); 5] = [
    ("forge.kdl", SITE),
    (
        "vendor/linux/inspec.yml",
        "name: linux\ndepends:\n- name: base\n  path: ../base\ninputs:\n- name: shells\n  type: Array\n",
    ),
    ("vendor/linux/controls/os.rb", "control 'os-1' do\nend\ncontrol 'os-2' do\nend\n"),
    ("vendor/linux/README.md", "no part of it\n"),
    ("vendor/base/inspec.yml", "name: base\n"),
];

fn plan(changes: &[(&str, &str)]) -> Plan {
    let mut sources = MemorySources::new();
    for (path, text) in FILES.iter().chain(changes) {
        sources.insert(*path, text);
    }
    let checked = check(&sources, forge_model::Day::of_seconds(0));
    checked.plan.unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

/// The profiles that an image is judged by, and the key of the step that does.
fn judged<'a>(plan: &'a Plan, image: &str) -> Option<(Vec<&'a InspecProfile>, Digest)> {
    let image = plan.image(image).expect("the image is there");
    image.verdicts.iter().find_map(|id| match &plan.node(*id).action {
        Action::Verify(verify) if !verify.inspec.is_empty() => {
            let profiles = verify.inspec.iter().map(|profile| &**profile).collect();
            Some((profiles, plan.node(*id).key))
        }
        _ => None,
    })
}

#[test]
fn an_image_is_judged_once_by_a_profile_with_all_its_files() {
    let plan = plan(&[]);
    let (profiles, _) = judged(&plan, "one").expect("a step");
    let [linux] = profiles.as_slice() else { panic!("{profiles:?}") };
    let files: Vec<&str> = linux.files.iter().map(|file| file.path.as_str()).collect();
    let wanted =
        ["vendor/base/inspec.yml", "vendor/linux/controls/os.rb", "vendor/linux/inspec.yml"];
    assert_eq!(files, wanted);
    assert_eq!(linux.controls, ["os-1", "os-2"]);
    assert_eq!(linux.inputs[0].value, serde_json::json!(["/bin/sh"]), "`type: Array`");
    assert!(judged(&plan, "two").is_some());
    assert!(judged(&plan, "three").is_none());
}

#[test]
fn what_a_profile_is_judged_by_enters_the_key() {
    let key = |changes: &[(&str, &str)]| judged(&plan(changes), "two").expect("a step").1;
    let before = key(&[]);
    let site = |old: &str, new: &str| SITE.replacen(old, new, 1);
    let same = [
        ("vendor/linux/README.md", "other\n".to_owned()),
        ("vendor/linux/spec/x.rb", "other\n".to_owned()),
        ("forge.kdl", format!("// A comment.\n{SITE}")),
        ("forge.kdl", site("known", "known for long")),
    ];
    for (path, text) in &same {
        assert_eq!(key(&[(path, text)]), before, "{path}: {text}");
    }
    let others = [
        ("vendor/linux/controls/os.rb", format!("{}# more\n", FILES[2].1)),
        ("vendor/base/inspec.yml", "name: base\ntitle: Base\n".to_owned()),
        ("vendor/base/libraries/x.rb", "# more\n".to_owned()),
        ("vendor/linux/files/list.json", "{}\n".to_owned()),
        ("forge.kdl", site("/bin/sh", "/bin/ash")),
        ("forge.kdl", site("skip \"os-2\"", "skip \"os-1\"")),
        ("forge.kdl", site("vendor/linux\" {", "vendor/linux\" target=\"tree\" {")),
    ];
    for (path, text) in &others {
        assert_ne!(key(&[(path, text)]), before, "{path}: {text}");
    }
}

#[test]
fn a_plan_names_controls_that_come_and_go_and_the_profile() {
    let more = format!("{}control 'os-3' do\nend\n", FILES[2].1.replace("os-1", "os-0"));
    let (before, after) = (plan(&[]), plan(&[("vendor/linux/controls/os.rb", &more)]));
    let changes = diff(&before, &after);
    assert_eq!(changes.unchanged, ["three"]);
    let two = changes.images.iter().find(|change| change.image == "two").expect("it changes");
    let named = |name: &str, kind| (name.to_owned(), kind);
    let wanted = [
        named("os-0", LayerChangeKind::Added),
        named("os-3", LayerChangeKind::Added),
        named("os-1", LayerChangeKind::Removed),
    ];
    assert_eq!(two.controls, wanted);
    assert_eq!(
        (two.controls_judged_again, &*two.profiles_judged_again),
        (3, &["linux".to_owned()][..])
    );
    let [step] = two.layers.as_slice() else { panic!("{:?}", two.layers) };
    let [field] = step.fields.as_slice() else { panic!("{:?}", step.fields) };
    assert_eq!(field.name, "profile linux, file vendor/linux/controls/os.rb");
    assert!(field.contents.is_some(), "the lines that differ can be shown");
}
