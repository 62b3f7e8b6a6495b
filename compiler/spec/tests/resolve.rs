//! What specs resolve to.

use forge_diag::render;
use forge_model::{Content, MemorySources, SecretSource};
use forge_spec::{BaseKind, Item, ItemKind, ParameterSource, ResolvedImage, ResolvedSpec, compile};

const BASE: &str = "base \"b\" { debian suite=\"bookworm\"; }\n";

/// The images of a project with these files and a Debian base `b`.
fn resolve(files: &[(&str, &str)]) -> ResolvedSpec {
    let mut sources = MemorySources::new();
    sources.insert("forge.kdl", BASE);
    for (path, text) in files {
        sources.insert(*path, text);
    }
    let compiled = compile(&sources);
    let options = render::HumanOptions::default();
    let human = render::human(&compiled.diagnostics, &compiled.source_map, options);
    compiled.spec.unwrap_or_else(|| panic!("{human}"))
}

fn image<'a>(spec: &'a ResolvedSpec, name: &str) -> &'a ResolvedImage {
    spec.images.iter().find(|image| image.name == name).expect("the image is there")
}

fn items(image: &ResolvedImage) -> impl Iterator<Item = &Item> {
    image.parts.iter().flat_map(|part| &part.items).map(|item| &**item)
}

/// The text of a declared file.
fn text(image: &ResolvedImage, path: &str) -> String {
    let found = items(image).find_map(|item| match &item.kind {
        ItemKind::File { path: at, content: Content::Text(text), .. } if at.to_string() == path => {
            Some(text.clone())
        }
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{path} is not in {}", image.name))
}

fn part_names(image: &ResolvedImage) -> Vec<&str> {
    image.parts.iter().map(|part| part.name.as_str()).collect()
}

fn packages(image: &ResolvedImage) -> Vec<&str> {
    let nodes = image.parts.iter().flat_map(|part| &part.packages);
    nodes.flat_map(|node| node.names.iter().map(|name| name.value.as_str())).collect()
}

#[test]
fn the_nearest_value_of_a_parameter_wins() {
    let spec = resolve(&[(
        "a.kdl",
        r#"
        role "r" {
            param "line" type="string" default="default"
            param "own" type="string" default="default"
            param "inherited" type="string" default="default"
            param "plain" type="string" default="default"
            file "/x" { content "${line} ${own} ${inherited} ${plain}"; }
        }
        image "parent" {
            base "b"
            set line="parent" own="parent" inherited="parent"
            role "r" line="line"
        }
        image "child" from="parent" { set line="child" own="child"; }
        "#,
    )]);
    assert_eq!(text(image(&spec, "parent"), "/x"), "line parent parent default\n");
    assert_eq!(text(image(&spec, "child"), "/x"), "line child parent default\n");
}

#[test]
fn every_type_is_seen_by_texts_and_templates() {
    let spec = resolve(&[
        (
            "a.kdl",
            r#"
            role "r" {
                param "tmp" type="size" default="2048M"
                param "lease" type="duration" default="90s"
                param "nodes" type="hostlist" default="n[08-10]"
                param "sizes" type="list" of="size" { default "64K" "1M"; }
                param "mode" type="mode" default="0640"
                file "/text" mode="${mode}" { content "${tmp} ${lease} ${nodes} ${mode}"; }
                file "/template" template="t.j2"
                role "inner" tmp="${tmp}" { hosts "login" "${nodes}"; }
            }
            role "inner" {
                param "hosts" type="list" of="name"
                param "tmp" type="string"
                file "/inner" template="inner.j2"
            }
            image "i" { base "b"; role "r"; }
            "#,
        ),
        (
            "t.j2",
            "{{ tmp }} {{ tmp.mib }} {{ lease }} {{ lease.seconds }} {{ nodes }} \
             {% for node in nodes %}{{ node }},{% endfor %} {{ nodes | length }} {{ nodes[2] }} \
             {{ sizes | join('+') }} {{ sizes[1].kib }} {{ arch }} {{ suite }}",
        ),
        ("inner.j2", "{{ hosts | join(' ') }} {{ tmp }}"),
    ]);
    let image = image(&spec, "i");
    assert_eq!(text(image, "/text"), "2G 1min 30s n[08-10] 0640\n");
    let template = "2G 2048 1min 30s 90 n[08-10] n08,n09,n10, 3 n10 64K+1M 1024 amd64 bookworm";
    assert_eq!(text(image, "/template"), template);
    assert_eq!(text(image, "/inner"), "login n08 n09 n10 2G");
    let modes: Vec<u32> = items(image)
        .filter_map(|item| match item.kind {
            ItemKind::File { mode, .. } => Some(mode),
            _ => None,
        })
        .collect();
    assert_eq!(modes, [0o644, 0o640, 0o644]);
}

#[test]
fn a_value_says_who_gave_it() {
    let spec = resolve(&[(
        "a.kdl",
        r#"role "r" {
    param "line" type="string"
    param "own" type="string" default="default"
    param "inherited" type="string" default="default"
    param "plain" type="string" default="default"
    param "cluster" type="name"
    param "suite" type="name"
    param "arch" type="name" default="any"
    file "/x" { content "${line} ${own} ${inherited} ${plain} ${cluster} ${suite} ${arch}"; }
}
image "parent" {
    base "b"
    set own="parent" inherited="parent"
    role "r" line="line"
}
image "child" from="parent" {
    set own="child"
}
"#,
    )]);
    let child = image(&spec, "child");
    let shown: Vec<String> = child.parts[0]
        .parameters
        .iter()
        .map(|one| format!("{} {} {:?} {}", one.name, one.value, one.source, one.origin))
        .collect();
    let want = [
        "line \"line\" Given a.kdl:14",
        "own \"child\" Set a.kdl:17",
        "inherited \"parent\" Inherited(\"parent\") a.kdl:13",
        "plain \"default\" Default a.kdl:5",
        "cluster \"child\" Name a.kdl:16",
        "suite \"bookworm\" Base a.kdl:12",
        "arch \"any\" Default a.kdl:8",
    ];
    assert_eq!(shown, want);
}

#[test]
fn a_matrix_is_the_images_that_it_stands_for() {
    let roles = r#"
        base "t" { debian suite="trixie"; }
        role "common" { packages "less"; }
        role "gpu" { param "count" type="int"; packages "nvtop"; }
        role "slurm" { param "server" type="name"; file "/etc/slurm" { content "${server}"; }; }
    "#;
    let matrix = r#"
        images "${cluster}-${type}" {
            axis "cluster" "s" "b"
            axis "type" "compute" "gpu" "login"
            except cluster="b" { type "gpu" "login"; }
            base "b"
            role "common"
            role "slurm"
            packages "tree"
            cell cluster="s" { set server="one"; }
            cell cluster="b" { set server="two"; }
            cell type="gpu" { role "gpu" count=4; packages "htop"; }
            cell type="login" { base "t"; drop-role "slurm"; }
        }
    "#;
    let written = r#"
        image "s-compute" { base "b"; set server="one"; role "common"; role "slurm"; packages "tree"; }
        image "s-gpu" { base "b"; set server="one"; role "common"; role "slurm"; role "gpu" count=4; packages "tree"; packages "htop"; }
        image "s-login" { base "t"; role "common"; packages "tree"; }
        image "b-compute" { base "b"; set server="two"; role "common"; role "slurm"; packages "tree"; }
    "#;
    let shown = |images: &str| -> Vec<String> {
        let spec = resolve(&[("roles.kdl", roles), ("images.kdl", images)]);
        let one = |image: &ResolvedImage| {
            let files: Vec<_> = items(image).map(|item| format!("{:?}", item.kind)).collect();
            format!(
                "{} {} {} {} {:?} {:?} {files:?}",
                image.name,
                image.cluster,
                image.image_type,
                image.base.name,
                part_names(image),
                packages(image)
            )
        };
        spec.images.iter().map(one).collect()
    };
    assert_eq!(shown(matrix), shown(written));
    let spec = resolve(&[("roles.kdl", roles), ("images.kdl", matrix)]);
    let gpu = image(&spec, "s-gpu");
    assert_eq!(gpu.origin.to_string(), "images.kdl:2");
    let own = gpu.parts.last().unwrap();
    let places: Vec<String> = own
        .packages
        .iter()
        .flat_map(|node| node.names.iter().map(|name| name.origin.to_string()))
        .collect();
    assert_eq!(places, ["images.kdl:9", "images.kdl:12"]);
    let set: Vec<String> = gpu
        .set
        .iter()
        .filter(|one| one.source == ParameterSource::Set)
        .map(|one| format!("{} {}", one.name, one.origin))
        .collect();
    assert_eq!(set, ["cluster images.kdl:3", "server images.kdl:10", "type images.kdl:4"]);
}

#[test]
fn parts_stand_in_the_order_of_use() {
    let spec = resolve(&[(
        "a.kdl",
        r#"
        role "outer" { packages "outer-tools"; role "inner"; role "other"; }
        role "inner" { packages "inner-tools"; }
        role "other" { packages "other-tools"; }
        role "last" { role "inner"; packages "last-tools"; }
        image "parent" { base "b"; packages "own-tools"; role "outer"; role "last"; }
        image "child" from="parent" { role "extra"; sysctl "vm.x" 1; }
        image "fewer" from="child" { drop-role "outer"; }
        role "extra" { packages "extra-tools"; }
        "#,
    )]);
    let parent = ["inner", "other", "outer", "last", "parent"];
    assert_eq!(part_names(image(&spec, "parent")), parent);
    let child = ["inner", "other", "outer", "last", "parent", "extra", "child"];
    assert_eq!(part_names(image(&spec, "child")), child);
    let fewer = ["inner", "last", "parent", "extra", "child"];
    assert_eq!(part_names(image(&spec, "fewer")), fewer);
}

#[test]
fn a_role_with_other_values_is_another_part() {
    let spec = resolve(&[(
        "a.kdl",
        r#"
        role "nfs" {
            param "server" type="name"
            mount "/${server}" what="${server}:/export" type="nfs4"
        }
        image "i" { base "b"; role "nfs" server="a"; role "nfs" server="b"; role "nfs" server="a"; }
        "#,
    )]);
    let image = image(&spec, "i");
    assert_eq!(part_names(image), ["nfs", "nfs"]);
    let mounted: Vec<String> = items(image)
        .filter_map(|item| match &item.kind {
            ItemKind::Mount { path, what, .. } => Some(format!("{path} {what}")),
            _ => None,
        })
        .collect();
    assert_eq!(mounted, ["/a a:/export", "/b b:/export"]);
}

#[test]
fn an_image_gives_the_roles_that_it_inherits_other_values() {
    let spec = resolve(&[(
        "a.kdl",
        r#"
        role "r" {
            param "port" type="port" default=1
            param "level" type="string" default="info"
            param "tags" type="list" { default "a"; }
            file "/x" { content "${port} ${level}"; }
        }
        role "outer" { role "r" port=9; directory "/later"; }
        image "parent" { base "b"; role "r" port=2 level="warn"; directory "/own"; }
        image "child" from="parent" { role "r" port=3 override=#true; }
        image "grandchild" from="child" { role "r" level="debug" override=#true; }
        image "nested" { base "b"; role "outer"; role "r" port=3 override=#true; }
        image "unmet" { base "b"; role "r" port=3 override=#true; }
        "#,
    )]);
    for (name, want) in [
        ("parent", "2 warn\n"),
        ("child", "3 warn\n"),
        ("grandchild", "3 debug\n"),
        ("nested", "3 info\n"),
        ("unmet", "3 info\n"),
    ] {
        assert_eq!(text(image(&spec, name), "/x"), want, "{name}");
    }
    // It keeps its place.
    assert_eq!(part_names(image(&spec, "child")), part_names(image(&spec, "parent")));
}

#[test]
fn contents_end_with_one_line_break() {
    let spec = resolve(&[
        (
            "roles/r/role.kdl",
            r##"
            role "r" {
                param "list" type="list" of="int" { default 1 2; }
                param "flag" type="bool" default=#false
                file "/plain" { content "a"; }
                file "/ended" { content "a\n\n"; }
                file "/exact" { content "a" newline=#false; }
                file "/empty" { content ""; }
                file "/block" {
                    content """
                        one
                          two ${flag}
                        """
                }
                file "/raw" { content #"${flag} \n"#; }
                file "/escaped" { content "$${flag} $x"; }
                file "/template" template="t.j2"
            }
            "##,
        ),
        ("roles/r/t.j2", "{{ list | join('+') }}{% if not flag %} off{% endif %}\n{{ image }}\n"),
        ("i.kdl", r#"image "summit-gpu-a100" { base "b"; role "r"; }"#),
    ]);
    let image = image(&spec, "summit-gpu-a100");
    let cases = [
        ("/plain", "a\n"),
        ("/ended", "a\n"),
        ("/exact", "a"),
        ("/empty", ""),
        ("/block", "one\n  two false\n"),
        ("/raw", "${flag} \\n\n"),
        ("/escaped", "${flag} $x\n"),
        ("/template", "1+2 off\nsummit-gpu-a100\n"),
    ];
    for (path, want) in cases {
        assert_eq!(text(image, path), want, "{path}");
    }
    assert_eq!((image.cluster.as_str(), image.image_type.as_str()), ("summit", "gpu-a100"));
}

#[test]
fn conditions_and_lists_choose_packages() {
    let spec = resolve(&[(
        "a.kdl",
        r#"
        role "r" {
            param "rdma" type="bool"
            param "branch" type="string" default="535"
            param "count" type="int" default=2
            param "more" type="list" of="name" { default; }
            packages "base-tools" "${more}"
            when "rdma" { packages "rdma-core"; }
            when "rdma" is=#false { packages "tcp-tools"; when "count" is=2 { packages "two"; }; }
            when "branch" is="550" { packages "driver-550"; }
        }
        role "pass" { param "names" type="list" of="name"; role "r" rdma=#true more="${names}"; }
        image "yes" { base "b"; role "pass" { names "x1" "x2"; }; }
        image "no" { base "b"; role "r" rdma=#false branch="550"; }
        "#,
    )]);
    assert_eq!(packages(image(&spec, "yes")), ["base-tools", "x1", "x2", "rdma-core"]);
    assert_eq!(packages(image(&spec, "no")), ["base-tools", "tcp-tools", "two", "driver-550"]);
}

#[test]
fn modes_and_owners_have_defaults() {
    let spec = resolve(&[
        (
            "a.kdl",
            r#"
            secret "key" version=3 { env "KEY"; }
            image "i" {
                base "b"
                packages "munge"
                file "/text" source="text"
                file "/key" secret="key" owner="munge" group="munge"
                file "/setuid" mode="4755" source="text"
                directory "/dir"
            }
            "#,
        ),
        ("text", "x"),
    ]);
    let mut found = Vec::new();
    for item in items(image(&spec, "i")) {
        found.push(match &item.kind {
            ItemKind::File { path, mode, owner, group, .. }
            | ItemKind::Directory { path, mode, owner, group } => {
                format!("{path} {mode:04o} {owner}:{group}")
            }
            ItemKind::SecretFile { path, mode, owner, group, secret } => {
                let SecretSource::Environment { variable, version } = &secret.source else {
                    panic!("{secret:?}")
                };
                format!("{path} {mode:04o} {owner}:{group} {variable} {version}")
            }
            other => panic!("{other:?}"),
        });
    }
    let want = [
        "/text 0644 root:root",
        "/key 0400 munge:munge KEY 3",
        "/setuid 4755 root:root",
        "/dir 0755 root:root",
    ];
    assert_eq!(found, want);
}

#[test]
fn steps_get_inputs_and_an_environment() {
    let spec = resolve(&[
        (
            "roles/r/role.kdl",
            r#"
            role "r" {
                param "moduli-bits" type="int" default=3071
                param "admins" type="list" of="name" { default "ann" "bob"; }
                run "step" script="../run.sh" {
                    input "one" "dir"
                    param "moduli-bits" "admins"
                    env "CLUSTER" "${cluster}"
                }
            }
            "#,
        ),
        ("roles/run.sh", "true"),
        ("roles/r/one", "1"),
        ("roles/r/dir/a/b", "2"),
        ("roles/r/dir/c", "3"),
        ("i.kdl", r#"image "i" { base "b"; role "r"; }"#),
    ]);
    let image = image(&spec, "i");
    let Some(ItemKind::Run { script, inputs, environment, .. }) =
        items(image).map(|item| &item.kind).next()
    else {
        panic!("{image:?}")
    };
    assert_eq!(script.path, "roles/run.sh");
    let inputs: Vec<_> =
        inputs.iter().map(|(name, file)| (name.as_str(), file.path.as_str())).collect();
    let want = [("one", "roles/r/one"), ("dir/a/b", "roles/r/dir/a/b"), ("dir/c", "roles/r/dir/c")];
    assert_eq!(inputs, want);
    let environment: Vec<String> =
        environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(environment, ["ADMINS=ann bob", "CLUSTER=i", "MODULI_BITS=3071"]);
}

#[test]
fn a_base_takes_its_mirrors_by_name() {
    let spec = resolve(&[(
        "a.kdl",
        r#"
        mirror "near" { url "https://mirror.example.org/debian/"; }
        base "mine" arch="arm64" {
            debian suite="trixie" mirror="near" updates=#false { components "main" "contrib"; }
        }
        image "i" { base "b"; }
        image "j" { base "mine"; }
        "#,
    )]);
    let sources = |name: &str| match &image(&spec, name).base.kind {
        BaseKind::Debian { sources, .. } => sources.clone(),
        other => panic!("{other:?}"),
    };
    let (plain, mine) = (sources("i"), sources("j"));
    assert_eq!((plain.components, plain.updates, plain.mirror), (vec!["main".into()], true, None));
    assert_eq!((mine.components.len(), mine.updates, mine.security), (2, false, None));
    let mirror = mine.mirror.expect("a mirror");
    assert_eq!(
        (mirror.name.as_str(), mirror.url.as_str()),
        ("near", "https://mirror.example.org/debian")
    );
    assert_eq!(image(&spec, "j").base.arch, "arm64");
}

#[test]
fn the_layout_of_files_changes_no_meaning() {
    let (role, use_of_it) = (
        "role \"r\" { param \"p\" type=\"string\"; sysctl \"vm.x\" \"${p}\"; }\n",
        "image \"i\" { base \"b\"; role \"r\" p=\"1\"; }\n",
    );
    let apart = resolve(&[("z.kdl", role), ("a.kdl", use_of_it)]);
    let swapped = resolve(&[("a.kdl", role), ("z.kdl", use_of_it)]);
    let together = resolve(&[("x.kdl", &format!("{use_of_it}{role}"))]);
    let kinds = |spec: &ResolvedSpec| -> Vec<ItemKind> {
        items(image(spec, "i")).map(|item| item.kind.clone()).collect()
    };
    assert_eq!(kinds(&apart), kinds(&swapped));
    assert_eq!(kinds(&apart), kinds(&together));
    assert_eq!(kinds(&apart).len(), 1);
}

#[test]
fn profiles_take_values_from_the_line_and_from_the_image() {
    let spec = resolve(&[(
        "a.kdl",
        r#"
        profile "p" {
            param "host" type="name"
            control "c-1" { file "/etc/${host}" { exists; }; }
        }
        profile "q" { control "q-1" { file "/etc/q" { exists; }; }; }
        image "i" { base "b"; set host="from-set"; controls "p" "q"; }
        image "j" { base "b"; set host="from-set"; controls "p" "q" host="from-line"; }
        "#,
    )]);
    for (name, want) in [("i", "/etc/from-set"), ("j", "/etc/from-line")] {
        let profiles = &image(&spec, name).profiles;
        let names: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        assert_eq!(names, ["p", "q"]);
        let checked = format!("{:?}", profiles[0].controls);
        assert!(checked.contains(want), "{checked}");
    }
}

/// A project in which every example of a table may stand, with what the examples speak of.
fn with_example(place: &str, name: &str, example: &str) -> MemorySources {
    let mut sources = MemorySources::new();
    let surroundings = r#"
        secret "munge-key" { env "KEY"; }
        profile "beegfs" {
            param "mgmtd" type="ip"
            control "c" { file "/etc/${mgmtd}" { exists; }; }
        }
        base "b" { debian suite="bookworm"; }
        role "slurm-client" { param "controller" type="name"; packages "${controller}"; }
        role "gpu" { param "count" type="int"; sysctl "vm.x" "${count}"; }
        image "summit-compute" { base "b"; }
        image "probe" {
            base "b"
            packages "less"
            role "probe"
        }
    "#;
    let fetched = format!(
        "{surroundings} source \"lmod\" url=\"https://a.example.org/x\" sha256=\"{}\";",
        "ab".repeat(32)
    );
    // An example may declare what the surroundings declare.
    let surroundings = if name == "unpack" { fetched.as_str() } else { surroundings };
    let text = match (place, name) {
        ("top", "image") => format!("{surroundings}{example}"),
        ("top", "images") => {
            format!("base \"bookworm\" {{ debian suite=\"bookworm\"; }}\n{example}")
        }
        ("top", _) => example.to_owned(),
        ("image", _) => format!(
            "{surroundings} image \"around\" {{ base \"b\"; {example}; }}; role \"probe\" {{}}"
        ),
        ("file", _) => format!("{surroundings} role \"probe\" {{ file \"/x\" {{ {example}; }}; }}"),
        _ => format!(
            "{surroundings} role \"probe\" {{ param \"moduli-bits\" type=\"int\" default=1; {example}; }}"
        ),
    };
    let text = if (place, name) == ("top", "image") { text + "\nrole \"probe\" {}" } else { text };
    sources.insert("forge.kdl", text);
    sources.insert("node-health.timer", "[Timer]\nOnBootSec=1min\n");
    sources.insert("strong-moduli.sh", "x");
    sources.insert("secrets/munge.key.age", "age-encryption.org/v1\n");
    sources
}

#[test]
fn the_examples_of_the_reference_compile() {
    use forge_spec::reference::{body, inner, top_level};
    let top = top_level().into_iter().map(|kind| ("top", kind));
    let bodies = body().into_iter().map(|kind| ("body", kind));
    let mut seen = 0;
    for (place, kind) in top.chain(bodies).chain(inner()) {
        if kind.example.is_empty() {
            continue;
        }
        seen += 1;
        let sources = with_example(place, kind.name, kind.example);
        let compiled = compile(&sources);
        let options = render::HumanOptions::default();
        let human = render::human(&compiled.diagnostics, &compiled.source_map, options);
        assert!(compiled.spec.is_some(), "{place} {}\n{human}", kind.name);
    }
    assert!(seen > 20, "{seen} examples");
}
