use std::time::Duration;

use forge_model::{Digest, Origin};
use forge_report::{
    Basis, ChangeKind, FieldDiff, ImageDiff, Last, LayerDiff, NamedChange, Outlook, PlanDiff,
    WhyReport, WhyStep, Work, plan_json, plan_markdown, plan_terraform, plan_text, why_text,
};

fn origin(line: u32) -> Origin {
    Origin::new("specs/roles/slurm.kdl", line, 3)
}

fn field(name: &str, old: Option<&str>, new: Option<&str>, line: u32) -> FieldDiff {
    let (old, new) = (old.map(str::to_owned), new.map(str::to_owned));
    FieldDiff { name: name.to_owned(), old, new, origin: Some(origin(line)), lines: None }
}

fn layer(label: &str, change: ChangeKind, fields: Vec<FieldDiff>, outlook: Outlook) -> LayerDiff {
    let action = label.rsplit('/').next().unwrap_or(label).to_owned();
    let origin = Some(origin(10));
    let (label, follows) = (label.to_owned(), Vec::new());
    LayerDiff { label, action, change, fields, origin, outlook, follows, last: None }
}

fn named(name: &str, change: ChangeKind) -> NamedChange {
    NamedChange { name: name.to_owned(), change }
}

/// Two images that share a change, a new one, one that is gone, and one that stays.
fn diff() -> PlanDiff {
    let old = "1".repeat(64);
    let fields = vec![
        field("content of /etc/slurm/slurm.conf", Some(&old), Some(&"2".repeat(64)), 14),
        field("mode and owner of /etc/slurm|x", None, Some("0644 root:root"), 15),
    ];
    let shared = || {
        vec![
            layer(
                "slurm/packages",
                ChangeKind::Changed,
                vec![field("package", Some("nano"), None, 12)],
                Outlook::Builds,
            ),
            layer("slurm/files", ChangeKind::Changed, fields.clone(), Outlook::Keys),
            layer(
                "stamp",
                ChangeKind::Cascade,
                Vec::new(),
                Outlook::Unless(vec!["slurm/files".to_owned()]),
            ),
        ]
    };
    let image = |name: &str, change, layers| ImageDiff {
        image: name.to_owned(),
        change,
        layers,
        controls: Vec::new(),
        controls_judged_again: 0,
        profiles_judged_again: Vec::new(),
        secrets: Vec::new(),
    };
    let mut compute = image("summit-compute", ChangeKind::Changed, shared());
    compute.controls = vec![named("beegfs-7", ChangeKind::Added)];
    compute.controls_judged_again = 24;
    compute.profiles_judged_again = vec!["linux-baseline".to_owned()];
    compute.secrets = vec![named("munge-key", ChangeKind::Changed)];
    let new = layer(
        "base",
        ChangeKind::Added,
        Vec::new(),
        Outlook::Unknown("no list is known".to_owned()),
    );
    PlanDiff {
        basis: Basis::Revision("main".to_owned()),
        images: vec![
            image("blanca-bhpc", ChangeKind::Added, vec![new.clone()]),
            compute,
            image("summit-gpu", ChangeKind::Changed, shared()),
            image("summit-old", ChangeKind::Removed, vec![new]),
        ],
        unchanged: vec!["blanca-compute".to_owned()],
        work: Work { steps: 4, unknown: 4, ..Work::default() },
    }
}

fn nothing() -> PlanDiff {
    let unchanged = vec!["a".to_owned()];
    PlanDiff { basis: Basis::Store, images: Vec::new(), unchanged, work: Work::default() }
}

/// One image against a store that remembers some of its steps.
fn remembered() -> PlanDiff {
    let last = |milliseconds, bytes, same| {
        Some(Last { took: Duration::from_millis(milliseconds), bytes, same })
    };
    let mut diff = diff();
    diff.basis = Basis::Store;
    diff.images.retain(|image| image.image == "summit-gpu");
    let layers = &mut diff.images[0].layers;
    layers[0].last = last(200_000, Some(12 << 20), false);
    layers[1].outlook = Outlook::Builds;
    layers[2].last = last(40, Some(180), true);
    layers[2].follows = vec!["slurm/packages".to_owned(), "slurm/files".to_owned()];
    let pack = LayerDiff { last: None, ..layers[2].clone() };
    let pack = LayerDiff { label: "pack".to_owned(), outlook: Outlook::Lost, ..pack };
    layers.push(pack);
    diff.work = Work::default();
    for layer in &diff.images[0].layers {
        diff.work.add(layer.last);
    }
    diff
}

#[test]
fn what_is_known_of_earlier_builds_is_said() {
    insta::assert_snapshot!(plan_text(&remembered()), @r#"
    1 of 2 images changes, compared with the store
      ~ summit-gpu: 2 steps change, 2 follow
        unchanged: blanca-compute
        at most 4 steps to be done: last time 3 min 20 s, 12.0 MiB, not known of 2

    ~ slurm/packages (packages) at specs/roles/slurm.kdl:10 in summit-gpu: to be done (last time 3 min 20 s, 12.0 MiB)
        - package: nano at specs/roles/slurm.kdl:12

    ~ slurm/files (files) at specs/roles/slurm.kdl:10 in summit-gpu: to be done (time and size not known)
        ~ content of /etc/slurm/slurm.conf: 11111111 -> 22222222 at specs/roles/slurm.kdl:14
        + mode and owner of /etc/slurm|x: 0644 root:root at specs/roles/slurm.kdl:15

    following from these, unless a step below comes out as it was:
      > stamp in summit-gpu: to be done unless `slurm/files` comes out the same (last time 0.0 s, 180 bytes)
      > pack in summit-gpu: to be done, since the store has lost its result (time and size not known)
    "#);
    insta::assert_snapshot!(plan_markdown(&remembered()), @r#"
    ### forge: 1 of 2 images changes

    Compared with the store.

    - `summit-gpu`: 2 steps change, 2 follow

    Unchanged: `blanca-compute`

    Work: at most 4 steps to be done: last time 3 min 20 s, 12.0 MiB, not known of 2

    **`slurm/packages`** changed at `specs/roles/slurm.kdl:10` in `summit-gpu`: to be done (last time 3 min 20 s, 12.0 MiB)

    | field | before | after | place |
    |---|---|---|---|
    | package | `nano` |  | `specs/roles/slurm.kdl:12` |

    **`slurm/files`** changed at `specs/roles/slurm.kdl:10` in `summit-gpu`: to be done (time and size not known)

    | field | before | after | place |
    |---|---|---|---|
    | content of /etc/slurm/slurm.conf | `11111111` | `22222222` | `specs/roles/slurm.kdl:14` |
    | mode and owner of /etc/slurm\|x |  | `0644 root:root` | `specs/roles/slurm.kdl:15` |

    <details><summary>2 steps follow, unless a step below comes out as it was</summary>

    - `stamp` in `summit-gpu`: to be done unless `slurm/files` comes out the same (last time 0.0 s, 180 bytes)
    - `pack` in `summit-gpu`: to be done, since the store has lost its result (time and size not known)

    </details>
    "#);
    let json: serde_json::Value = serde_json::from_str(&plan_json(&remembered())).unwrap();
    insta::assert_snapshot!(json["work"], @r#"
    {"steps":4,"unknown":2,"seconds":200.04,"bytes":12583092}
    "#);
    insta::assert_snapshot!(json["images"][0]["steps"][2], @r#"
    {"step":"stamp","action":"stamp","change":"cascade","outlook":"unless","unless":["slurm/files"],"origin":{"file":"specs/roles/slurm.kdl","line":10,"column":3},"fields":[],"follows":["slurm/packages","slurm/files"],"last":{"seconds":0.04,"bytes":180,"same":true}}
    "#);
}

#[test]
fn a_question_why_has_one_answer_for_each_step() {
    let layers = remembered().images.remove(0).layers;
    let step = |step: &LayerDiff, output| WhyStep { step: step.clone(), output, above: 3 };
    let mut steps: Vec<_> = layers.iter().map(|layer| step(layer, None)).collect();
    let with = |outlook, change| LayerDiff { outlook, change, ..layers[2].clone() };
    steps.push(step(&with(Outlook::Builds, ChangeKind::Cascade), None));
    steps.push(step(&with(Outlook::Builds, ChangeKind::Added), None));
    steps.push(step(&with(Outlook::Cached, ChangeKind::Cascade), Some(Digest::of(b""))));
    steps.push(step(
        &with(Outlook::Unless(vec!["a".to_owned(), "b".to_owned()]), ChangeKind::Changed),
        None,
    ));
    steps.push(step(&with(Outlook::Unknown("no key".to_owned()), ChangeKind::Changed), None));
    let report = WhyReport { image: "summit-gpu".to_owned(), steps };
    insta::assert_snapshot!(why_text(&report), @r#"
    slurm/packages  specs/roles/slurm.kdl:10
      root cause: what it is made of changed
      3 steps stand on it
        package: gone, was nano  (specs/roles/slurm.kdl:12)
    slurm/files  specs/roles/slurm.kdl:10
      root cause: what it is made of changed
      3 steps stand on it
        content of /etc/slurm/slurm.conf: 11111111 -> 22222222  (specs/roles/slurm.kdl:14)
        mode and owner of /etc/slurm|x: new, 0644 root:root  (specs/roles/slurm.kdl:15)
    stamp  specs/roles/slurm.kdl:10
      cascade: done again unless `slurm/files` comes out the same
      3 steps stand on it
    pack  specs/roles/slurm.kdl:10
      root cause: the store has lost its result
      3 steps stand on it
    stamp  specs/roles/slurm.kdl:10
      cascade: it follows from `slurm/packages`, `slurm/files`
      3 steps stand on it
    stamp  specs/roles/slurm.kdl:10
      root cause: never built with this store
      3 steps stand on it
    stamp  specs/roles/slurm.kdl:10
      kept: af1349b9 is in the store, made in 0.0 s
    stamp  specs/roles/slurm.kdl:10
      done again unless `a`, `b` comes out the same
      3 steps stand on it
    stamp  specs/roles/slurm.kdl:10
      unknown: no key
      3 steps stand on it
    "#);
    let nothing = WhyReport { image: "summit-gpu".to_owned(), steps: Vec::new() };
    assert_eq!(why_text(&nothing), "summit-gpu: nothing would be rebuilt\n");
}

#[test]
fn text_says_once_what_images_share() {
    insta::assert_snapshot!(plan_text(&diff()), @r#"
    4 of 5 images change, compared with `main`
      + blanca-bhpc: new, 1 step
      ~ summit-compute: 2 steps change, 1 follows; 24 controls judged again, those of `linux-baseline` among them
      ~ summit-gpu: 2 steps change, 1 follows
      - summit-old: gone, with 1 step
        unchanged: blanca-compute
        at most 4 steps to be done: times and sizes are not known yet

    steps of blanca-bhpc:
      + base

    ~ slurm/packages (packages) at specs/roles/slurm.kdl:10 in summit-compute, summit-gpu: to be done
        - package: nano at specs/roles/slurm.kdl:12

    ~ slurm/files (files) at specs/roles/slurm.kdl:10 in summit-compute, summit-gpu
        ~ content of /etc/slurm/slurm.conf: 11111111 -> 22222222 at specs/roles/slurm.kdl:14
        + mode and owner of /etc/slurm|x: 0644 root:root at specs/roles/slurm.kdl:15

    following from these, unless a step below comes out as it was:
      > stamp in summit-compute, summit-gpu: to be done unless `slurm/files` comes out the same

    controls:
      + beegfs-7 in summit-compute

    secrets:
      ~ munge-key in summit-compute
    "#);
    insta::assert_snapshot!(plan_text(&nothing()), @r#"
    no image changes, compared with the store
    "#);
}

#[test]
fn new_images_show_what_they_are_made_of() {
    let labels = |image: &str| {
        let own = format!("{image}/files");
        [
            "base",
            "kernel, package list",
            "kernel",
            "std/chrony/packages",
            "slurm/packages",
            "slurm/files",
            &own,
            "controls, tree",
            "stamp",
        ]
        .map(|label| layer(label, ChangeKind::Added, Vec::new(), Outlook::Builds))
    };
    let mut diff = diff();
    let gone = diff.images.pop().unwrap();
    diff.images.clear();
    for name in ["summit-gpu", "summit-compute"] {
        let layers = labels(name).to_vec();
        let (image, change) = (name.to_owned(), ChangeKind::Added);
        diff.images.push(ImageDiff { image, change, layers, ..gone.clone() });
    }
    let text = plan_text(&diff);
    let (_, steps) = text.split_once("\n\n").unwrap();
    insta::assert_snapshot!(steps, @r#"
    steps of summit-gpu, summit-compute:
      + base; kernel (with package list)
      + packages: std/chrony, slurm
      + files: slurm, its own
      + controls, tree; stamp
    "#);
    // Of very many, the first ones.
    for number in 1..=10 {
        let mut image = diff.images[0].clone();
        image.image = format!("other-{number}");
        image.layers.truncate(1);
        image.layers[0].label = format!("role-{number}/files");
        diff.images.push(image);
    }
    for text in [plan_text(&diff), plan_markdown(&diff)] {
        assert!(text.contains("role-7") && !text.contains("role-8"), "{text}");
        assert!(text.contains("3 more new images: `forgec plan IMAGE`"), "{text}");
    }
}

#[test]
fn markdown_folds_what_follows() {
    insta::assert_snapshot!(plan_markdown(&diff()), @r#"
    ### forge: 4 of 5 images change

    Compared with `main`.

    - `blanca-bhpc`: new, 1 step
    - `summit-compute`: 2 steps change, 1 follows; 24 controls judged again, those of `linux-baseline` among them
    - `summit-gpu`: 2 steps change, 1 follows
    - `summit-old`: gone, with 1 step

    Unchanged: `blanca-compute`

    Work: at most 4 steps to be done: times and sizes are not known yet

    <details><summary>Steps of blanca-bhpc</summary>

    - base

    </details>

    **`slurm/packages`** changed at `specs/roles/slurm.kdl:10` in `summit-compute`, `summit-gpu`: to be done

    | field | before | after | place |
    |---|---|---|---|
    | package | `nano` |  | `specs/roles/slurm.kdl:12` |

    **`slurm/files`** changed at `specs/roles/slurm.kdl:10` in `summit-compute`, `summit-gpu`

    | field | before | after | place |
    |---|---|---|---|
    | content of /etc/slurm/slurm.conf | `11111111` | `22222222` | `specs/roles/slurm.kdl:14` |
    | mode and owner of /etc/slurm\|x |  | `0644 root:root` | `specs/roles/slurm.kdl:15` |

    <details><summary>1 step follows, unless a step below comes out as it was</summary>

    - `stamp` in `summit-compute`, `summit-gpu`: to be done unless `slurm/files` comes out the same

    </details>

    Controls:

    - `beegfs-7` added in `summit-compute`

    Secrets:

    - `munge-key` changed in `summit-compute`
    "#);
    insta::assert_snapshot!(plan_markdown(&nothing()), @r#"
    ### forge: no image changes

    Compared with the store.
    "#);
}

/// One cause with one field, and the cascade.
fn one_cause() -> PlanDiff {
    let mut diff = diff();
    for image in diff.images.iter_mut().filter(|image| image.image == "summit-compute") {
        image.layers.remove(0);
        image.layers[0].fields.truncate(1);
    }
    diff
}

#[test]
#[expect(clippy::too_many_lines, reason = "a whole document")]
fn json_holds_values_in_full() {
    let mut diff = one_cause();
    diff.images.retain(|image| image.image == "summit-compute");
    insta::assert_snapshot!(plan_json(&diff), @r#"
    {
      "version": 1,
      "against": "main",
      "images": [
        {
          "image": "summit-compute",
          "change": "changed",
          "steps": [
            {
              "step": "slurm/files",
              "action": "files",
              "change": "changed",
              "origin": {
                "file": "specs/roles/slurm.kdl",
                "line": 10,
                "column": 3
              },
              "fields": [
                {
                  "name": "content of /etc/slurm/slurm.conf",
                  "old": "1111111111111111111111111111111111111111111111111111111111111111",
                  "new": "2222222222222222222222222222222222222222222222222222222222222222",
                  "origin": {
                    "file": "specs/roles/slurm.kdl",
                    "line": 14,
                    "column": 3
                  },
                  "lines": null
                }
              ],
              "follows": [],
              "last": null
            },
            {
              "step": "stamp",
              "action": "stamp",
              "change": "cascade",
              "outlook": "unless",
              "unless": [
                "slurm/files"
              ],
              "origin": {
                "file": "specs/roles/slurm.kdl",
                "line": 10,
                "column": 3
              },
              "fields": [],
              "follows": [],
              "last": null
            }
          ],
          "controls": [
            {
              "name": "beegfs-7",
              "change": "added"
            }
          ],
          "controls_judged_again": 24,
          "profiles_judged_again": [
            "linux-baseline"
          ],
          "secrets": [
            {
              "name": "munge-key",
              "change": "changed"
            }
          ]
        }
      ],
      "unchanged": [
        "blanca-compute"
      ],
      "work": {
        "steps": 4,
        "unknown": 4,
        "seconds": 0.0,
        "bytes": 0
      }
    }
    "#);
}

#[test]
fn terraform_counts_images() {
    insta::assert_snapshot!(plan_terraform(&diff()), @r#"
    {
      "create": 1,
      "update": 2,
      "delete": 1
    }
    "#);
    assert!(plan_terraform(&nothing()).contains("\"update\": 0"));
}
