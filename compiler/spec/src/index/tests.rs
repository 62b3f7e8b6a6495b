use super::*;

const ROLE: &str = r#"role "slurm" {
    doc "Slurm's daemon"
    param "controller" type="name" doc="host of slurmctld"
    param "log-level" type="int" default=3
    user "slurm" uid=64030
    file "/etc/slurm.conf" template="slurm.conf.j2" owner="slurm" group="slurm"
    file "/etc/c" { content "${controller} $${controller} ${site}"; }
    when "log-level" is=3 { packages "slurmd"; }
    run "x" script="x.sh" { param "controller"; secret "key"; }
}
"#;
const IMAGE: &str = r#"base "b" { archive "b.tar"; }
secret "key" { age "key.age"; }
profile "policy" { param "level" type="int"; control "c" { file "/x" { mode "${level}"; }; }; }
image "a" { base "b"; set site="east"; role "slurm" controller="${site}-c"; controls "policy" level=3; }
image "a-gpu" from="a" { drop-role "slurm"; file "/k" secret="key"; }
"#;
const TEMPLATE: &str = "{# controller #}{{ controller }}:{{ x.controller | site }} {% if log_level == 3 %}{{ f(site=site) }}{% endif %}";

fn index() -> Index {
    let files = [("roles/role.kdl", ROLE), ("images.kdl", IMAGE)];
    let files = files.map(|(path, text)| Arc::new(IndexedFile::new(path, text.into())));
    Index::new(files.into(), |path| (path == "roles/slurm.conf.j2").then(|| TEMPLATE.into()))
}

fn text(path: &str) -> &'static str {
    match path {
        "images.kdl" => IMAGE,
        "roles/role.kdl" => ROLE,
        _ => TEMPLATE,
    }
}

/// The mentions of a symbol as `path:line text`, `*` where it is declared.
fn shown(index: &Index, symbol: &Symbol) -> Vec<String> {
    let one = |(path, mention): (&str, &Mention)| {
        let text = text(path);
        let line = text[..mention.start].matches('\n').count() + 1;
        let mark = if mention.declares { "*" } else { "" };
        format!("{path}:{line} {}{mark}", &text[mention.start..mention.end])
    };
    index.mentions(&index.family(symbol)).into_iter().map(one).collect()
}

fn declared(kind: &'static str, name: &str) -> Symbol {
    Symbol::Declared { kind, name: name.to_owned() }
}

#[test]
fn names_are_found_wherever_they_are_spoken_of() {
    let index = index();
    let param = |kind, owner: &str, name: &str| Symbol::Param {
        kind,
        owner: owner.to_owned(),
        name: name.to_owned(),
    };
    let cases: [(Symbol, &[&str]); 10] = [
        (
            declared("role", "slurm"),
            &["images.kdl:4 slurm", "images.kdl:5 slurm", "roles/role.kdl:1 slurm*"],
        ),
        (
            param("role", "slurm", "controller"),
            &[
                "images.kdl:4 controller",
                "roles/role.kdl:3 controller*",
                "roles/role.kdl:7 controller",
                "roles/role.kdl:9 controller",
                "roles/slurm.conf.j2:1 controller",
            ],
        ),
        (
            param("role", "slurm", "log-level"),
            &[
                "roles/role.kdl:4 log-level*",
                "roles/role.kdl:8 log-level",
                "roles/slurm.conf.j2:1 log_level",
            ],
        ),
        (
            Symbol::Set { name: "site".to_owned() },
            &[
                "images.kdl:4 site*",
                "images.kdl:4 site",
                "roles/role.kdl:7 site",
                "roles/slurm.conf.j2:1 site",
            ],
        ),
        (
            param("profile", "policy", "level"),
            &["images.kdl:3 level*", "images.kdl:3 level", "images.kdl:4 level"],
        ),
        (declared("profile", "policy"), &["images.kdl:3 policy*", "images.kdl:4 policy"]),
        (declared("base", "b"), &["images.kdl:1 b*", "images.kdl:4 b"]),
        (declared("image", "a"), &["images.kdl:4 a*", "images.kdl:5 a"]),
        (
            declared("secret", "key"),
            &["images.kdl:2 key*", "images.kdl:5 key", "roles/role.kdl:9 key"],
        ),
        // The account's own group goes by its name.
        (
            declared("user", "slurm"),
            &["roles/role.kdl:5 slurm*", "roles/role.kdl:6 slurm", "roles/role.kdl:6 slurm"],
        ),
    ];
    for (symbol, want) in cases {
        assert_eq!(shown(&index, &symbol), want, "{symbol:?}");
    }
    let path = "roles/x.sh".to_owned();
    assert_eq!(shown(&index, &Symbol::File { path }), ["roles/role.kdl:9 x.sh"]);
    let path = "b.tar".to_owned();
    assert_eq!(shown(&index, &Symbol::File { path }), ["images.kdl:1 b.tar"]);
}

#[test]
fn declarations_know_their_docs() {
    let index = index();
    let params: Vec<_> = index.params("role", "slurm");
    let docs: Vec<_> =
        params.iter().map(|(_, one)| (one.symbol.name(), one.doc.as_deref())).collect();
    assert_eq!(docs, [("controller", Some("host of slurmctld")), ("log-level", None)]);
    let role = index.declarations(&declared("role", "slurm"));
    assert_eq!(role[0].1.doc.as_deref(), Some("Slurm's daemon"));
    let images: Vec<_> = index.declared("image").iter().map(|one| one.symbol.name()).collect();
    assert_eq!(images, ["a", "a-gpu"]);
}

#[test]
fn a_half_written_file_keeps_its_names() {
    let broken = "role \"r\" {\n    param \"p\" type=\n    file \"/x { content \"${p}\"\nimage \"i\" { role \"r\" p=";
    let file = Arc::new(IndexedFile::new("a.kdl", broken.into()));
    let index = Index::new(vec![file], |_| None);
    assert_eq!(index.mentions(&[declared("role", "r")]).len(), 2);
    assert_eq!(index.declared("image").len(), 1);
    let param = Symbol::Param { kind: "role", owner: "r".into(), name: "p".into() };
    assert!(index.mentions(&[param]).len() >= 2);
}

#[test]
fn names_that_hold_escapes_keep_their_quotes() {
    let text = "role \"a\\u{62}\" { packages #\"x\"#; }\nimage \"i\" { role #\"ab\"#; }\n";
    let file = Arc::new(IndexedFile::new("a.kdl", text.into()));
    let index = Index::new(vec![file], |_| None);
    let found = index.mentions(&[declared("role", "ab")]);
    let written: Vec<_> =
        found.iter().map(|(_, one)| (&text[one.start..one.end], one.form)).collect();
    assert_eq!(written, [("\"a\\u{62}\"", Form::Quoted), ("#\"ab\"#", Form::Quoted)]);
}
