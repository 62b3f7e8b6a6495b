use forge_model::Origin;
use forge_report::{
    Basis, ChangeKind, FieldDiff, ImageDiff, LayerDiff, NamedChange, Outlook, PlanDiff, plan_json,
    plan_markdown, plan_terraform, plan_text,
};

fn origin(line: u32) -> Origin {
    Origin::new("specs/roles/slurm.kdl", line, 3)
}

fn field(name: &str, old: Option<&str>, new: Option<&str>, line: u32) -> FieldDiff {
    let (old, new) = (old.map(str::to_owned), new.map(str::to_owned));
    FieldDiff { name: name.to_owned(), old, new, origin: Some(origin(line)) }
}

fn layer(label: &str, change: ChangeKind, fields: Vec<FieldDiff>, outlook: Outlook) -> LayerDiff {
    let action = label.rsplit('/').next().unwrap_or(label).to_owned();
    let origin = Some(origin(10));
    LayerDiff { label: label.to_owned(), action, change, fields, origin, outlook }
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
                Outlook::Unless("slurm/files".to_owned()),
            ),
        ]
    };
    let image = |name: &str, change, layers| ImageDiff {
        image: name.to_owned(),
        change,
        layers,
        controls: Vec::new(),
        controls_judged_again: 0,
        secrets: Vec::new(),
    };
    let mut compute = image("summit-compute", ChangeKind::Changed, shared());
    compute.controls = vec![named("beegfs-7", ChangeKind::Added)];
    compute.controls_judged_again = 24;
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
    }
}

fn nothing() -> PlanDiff {
    PlanDiff { basis: Basis::Store, images: Vec::new(), unchanged: vec!["a".to_owned()] }
}

#[test]
fn text_says_once_what_images_share() {
    insta::assert_snapshot!(plan_text(&diff()), @r#"
    4 of 5 images change, compared with `main`
      + blanca-bhpc: new, 1 step
      ~ summit-compute: 2 steps change, 1 follows; 24 controls judged again
      ~ summit-gpu: 2 steps change, 1 follows
      - summit-old: gone, with 1 step
        unchanged: blanca-compute

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
fn markdown_folds_what_follows() {
    insta::assert_snapshot!(plan_markdown(&diff()), @r#"
    ### forge: 4 of 5 images change

    Compared with `main`.

    - `blanca-bhpc`: new, 1 step
    - `summit-compute`: 2 steps change, 1 follows; 24 controls judged again
    - `summit-gpu`: 2 steps change, 1 follows
    - `summit-old`: gone, with 1 step

    Unchanged: `blanca-compute`

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

#[test]
fn json_holds_values_in_full() {
    let mut diff = diff();
    diff.images.retain(|image| image.image == "summit-compute");
    // One cause with one field, and the cascade.
    diff.images[0].layers.remove(0);
    diff.images[0].layers[0].fields.remove(1);
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
                  }
                }
              ]
            },
            {
              "step": "stamp",
              "action": "stamp",
              "change": "cascade",
              "outlook": "unless",
              "because": "slurm/files",
              "origin": {
                "file": "specs/roles/slurm.kdl",
                "line": 10,
                "column": 3
              },
              "fields": []
            }
          ],
          "controls": [
            {
              "name": "beegfs-7",
              "change": "added"
            }
          ],
          "controls_judged_again": 24,
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
      ]
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
