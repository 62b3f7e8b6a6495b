use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Severity, Sink, SourceMap};
use forge_model::{Check, Control, Level, Operator, Profile, Property, Resource, Scalar};

use forge_param::ParamValue;

use crate::{ProfileTemplate, reference};

/// Decodes the profile in `text` and puts the values in: the profile, and what was found.
fn compile(text: &str, values: &[(&str, &str)]) -> (Option<Profile>, Vec<String>) {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let file = map.add("profiles/p.kdl", text);
    let nodes = forge_syntax::parse(file, text, &mut sink).unwrap_or_default();
    let profile = nodes.first().and_then(|node| {
        let template = ProfileTemplate::decode(node, &map, &mut sink)?;
        let mut bound = BTreeMap::new();
        for param in &template.params {
            let given = values.iter().find(|(name, _)| *name == param.name.value);
            let given = given.map(|(_, text)| param.ty.of_text(text).expect("a value of the type"));
            let value = given.or_else(|| Some(param.default.clone()?.value));
            bound.extend(value.map(|value| (param.name.value.clone(), value)));
        }
        Some(template.instantiate(&bound, &map, &mut sink))
    });
    let shown = |found: &Diagnostic| {
        let place = found.span().map_or("", |span| map.slice(span));
        let warning = if found.severity == Severity::Warning { "warning: " } else { "" };
        format!("{warning}{} @ {place} @ {}", found.headline, found.help.as_deref().unwrap_or("-"))
    };
    (profile, sink.into_sorted().iter().map(shown).collect())
}

fn good(text: &str, values: &[(&str, &str)]) -> Profile {
    let (profile, found) = compile(text, values);
    assert_eq!(found, Vec::<String>::new());
    profile.unwrap()
}

/// What is found in a control with this body.
fn found_in(body: &str) -> Vec<String> {
    compile(&format!("profile \"p\" {{ control \"c\" {{ {body} }} }}"), &[]).1
}

fn expectations(control: &Control) -> Vec<(Property, bool, Operator)> {
    let mut all = Vec::new();
    for check in &control.checks {
        if let Check::Resource { expectations, .. } = check {
            all.extend(expectations.iter().map(|e| (e.property, e.negated, e.operator.clone())));
        }
    }
    all
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

fn one(value: &str) -> Operator {
    Operator::OneOf(vec![text(value)])
}

const POLICY: &str = r##"profile "beegfs" {
    title "BeeGFS client policy"
    param "mgmtd" type="ip"
    param "buffer" type="int" default=8192

    control "beegfs-4" impact=1.0 {
        title "BeeGFS client config check"
        desc "In place"
        tag nist="CM-6" severity="high"
        only-if { package "beegfs-client" { installed } }
        file "/etc/beegfs/beegfs-client.conf" {
            exists
            type "file"
            owner "root" "beegfs"
            mode max="0644"
            size above=0 below="${buffer}"
            setting "sysMgmtdHost" "${mgmtd}" sep=" "
            content includes="at ${mgmtd}" matches=#"^\$\{x\}$"#
        }
        any-of {
            service "beegfs-helperd" { not { enabled; running } }
            command "true" timeout="2m" { exit-status 0 }
        }
    }
    control "plain" impact="high" target="booted" {
        kernel-parameter "vm.swappiness" { value 10 "20" }
        user "ann" { groups includes="sudo" }
    }
}"##;

#[test]
fn a_profile_with_its_parameters_put_in() {
    let profile = good(POLICY, &[("mgmtd", "10.225.144.131")]);
    assert_eq!((profile.name.as_str(), profile.title.as_str()), ("beegfs", "BeeGFS client policy"));
    let [first, second] = profile.controls.as_slice() else { panic!("two controls") };
    assert_eq!((first.id.as_str(), first.profile.as_str()), ("beegfs-4", "beegfs"));
    assert_eq!((first.impact, second.impact), (1.0, 0.7));
    assert_eq!((first.level, second.level), (None, Some(Level::Booted)));
    assert_eq!(first.tags.get("nist").map(String::as_str), Some("CM-6"));
    assert_eq!(first.description, "In place");
    assert_eq!(first.origin.to_string(), "profiles/p.kdl:6");
    assert!(first.code.starts_with("control \"beegfs-4\"") && first.code.ends_with('}'));
    assert!(matches!(
        &first.only_if[..],
        [Check::Resource { resource: Resource::Package { .. }, .. }]
    ));
    let setting = Operator::Setting {
        key: "sysMgmtdHost".to_owned(),
        values: vec![text("10.225.144.131")],
        separator: " ".to_owned(),
        section: None,
    };
    let want = [
        (Property::Exists, false, Operator::IsTrue),
        (Property::Type, false, one("file")),
        (Property::Owner, false, Operator::OneOf(vec![text("root"), text("beegfs")])),
        (Property::Mode, false, Operator::Max(text("0644"))),
        (Property::Size, false, Operator::Above(Scalar::Integer(0))),
        (Property::Size, false, Operator::Below(Scalar::Integer(8192))),
        (Property::Setting, false, setting),
        (Property::Content, false, Operator::Includes(text("at 10.225.144.131"))),
        (Property::Content, false, Operator::Matches("^\\$\\{x\\}$".to_owned())),
    ];
    assert_eq!(expectations(first), want);
    let values = Operator::OneOf(vec![Scalar::Integer(10), text("20")]);
    assert_eq!(expectations(second)[0], (Property::Value, false, values));
    let Check::AnyOf { checks, .. } = &first.checks[1] else { panic!("a choice") };
    let Check::Resource { expectations, .. } = &checks[0] else { panic!("a service") };
    assert!(expectations.len() == 2 && expectations.iter().all(|expected| expected.negated));
    let Check::Resource { resource, .. } = &checks[1] else { panic!("a command") };
    assert_eq!(*resource, Resource::Command { line: "true".to_owned(), timeout: 120 });
}

#[test]
fn lists_and_sizes_are_put_in() {
    let text = r#"profile "p" {
        param "owners" type="list" of="name"
        param "largest" type="size"
        param "hosts" type="hostlist" default="n[1-2]"
        control "c" {
            file "/a" { owner "root" "${owners}"; size max="${largest}"; content includes="${hosts}" }
            file "/b" { setting "Hosts" "${hosts}" }
        }
    }"#;
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let file = map.add("p.kdl", text);
    let nodes = forge_syntax::parse(file, text, &mut sink).unwrap();
    let template = ProfileTemplate::decode(&nodes[0], &map, &mut sink).unwrap();
    let names = ["ann", "bob"].map(|name| ParamValue::Text(name.to_owned()));
    let values = [
        ("owners", ParamValue::List(names.to_vec())),
        ("largest", template.params[1].ty.of_text("2K").unwrap()),
        ("hosts", template.params[2].default.clone().unwrap().value),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value)).into();
    let profile = template.instantiate(&values, &map, &mut sink);
    assert!(sink.into_sorted().is_empty());
    let setting = Operator::Setting {
        key: "Hosts".to_owned(),
        values: vec![self::text("n1"), self::text("n2")],
        separator: "=".to_owned(),
        section: None,
    };
    let owners = Operator::OneOf(["root", "ann", "bob"].map(self::text).to_vec());
    let want = [
        (Property::Owner, false, owners),
        (Property::Size, false, Operator::Max(Scalar::Integer(2048))),
        (Property::Content, false, Operator::Includes(self::text("n[1-2]"))),
        (Property::Setting, false, setting),
    ];
    assert_eq!(expectations(&profile.controls[0]), want);
}

#[test]
fn mistakes_of_profiles() {
    let body = "control \"c\" { package \"a\" { installed } }";
    let cases = [
        (
            format!("profile \"p\" {{ param \"a\" type=\"string\"; {body} }}"),
            "warning: nothing reads the parameter `a` @ \"a\" @ write `${a}` where it belongs, or take it away",
        ),
        (
            format!("profile \"p\" {{ param \"a\" type=\"adress\"; {body} }}"),
            "`adress` is no type @ \"adress\" @ known here: `bool`, `cidr`, `duration`, `enum`, `hostlist`, `int`, `ip`, `list`, `mode`, `name`, `path`, `port`, `size`, `string`",
        ),
        (
            format!("profile \"p\" {{ {body}; {body} }}"),
            "two controls are called `c` @ control \"c\" @ -",
        ),
        (
            "profile \"p\"".to_owned(),
            "profile `p` has no control @ profile \"p\" @ add a `control`, or take the profile away",
        ),
        (
            format!("profile \"p\" inspec=\"x\" {{ {body} }}"),
            "a profile with `inspec=` has no `control` of its own @ control \"c\" @ controls in KDL stand in a profile without `inspec=`",
        ),
        (
            "profile \"p\" { control \"c\" { package \"${nam}\" { installed } } ; param \"name\" type=\"name\" default=\"x\" }".to_owned(),
            "there is no parameter `nam` @ \"${nam}\" @ did you mean `name`?",
        ),
        (
            "profile \"p\" { param \"a\" type=\"list\"; control \"c\" { file \"/x-${a}\" { exists } } }".to_owned(),
            "`a` is a list and cannot stand inside of a text @ \"/x-${a}\" @ go through it: `for-each \"one\" \"${a}\" { … }`, with `${one}` where a value stands; what asks for several values takes \"${a}\" alone",
        ),
    ];
    for (text, want) in cases {
        let (_, found) = compile(&text, &[]);
        assert!(found.iter().any(|found| found == want), "{text}: {found:#?}");
    }
}

/// The body of a control, and the one thing that is found in it.
const MISTAKES: &[(&str, &str)] = &[
    (
        "",
        "this `control` asks nothing @ control \"c\" @ add what must hold, `file \"/path\" { exists }`",
    ),
    (
        "title \"x\"",
        "this `control` asks nothing @ control \"c\" @ add what must hold, `file \"/path\" { exists }`",
    ),
    ("file \"/a\"", "this `file` asks nothing @ file \"/a\" @ write `file \"…\" { exists }`"),
    ("any-of", "this `any-of` asks nothing @ any-of @ add what must hold"),
    ("fiel \"/a\" { exists }", "`control` has no child node `fiel` @ fiel @ did you mean `file`?"),
    ("file \"/a\" { exist }", "`file` has no child node `exist` @ exist @ did you mean `exists`?"),
    (
        "file \"/a\" { installed }",
        "`file` has no child node `installed` @ installed @ known here: `content`, `exists`, `group`, `leads-to`, `link-target`, `mode`, `not`, `owner`, `setting`, `size`, `type`",
    ),
    ("file \"a\" { exists }", "a path of the image begins with `/`: `a` @ \"a\" @ -"),
    ("file \"/a/../b\" { exists }", "a path has no `..`: `/a/../b` @ \"/a/../b\" @ -"),
    (
        "file \"/a\" { type \"fil\" }",
        "there is no file type `fil` @ \"fil\" @ did you mean `file`?",
    ),
    (
        "file \"/a\" { mode 0644 }",
        "`mode` must be octal digits in quotes @ 0644 @ modes are octal: write \"0644\"",
    ),
    (
        "file \"/a\" { mode 644 }",
        "`mode` must be octal digits in quotes @ 644 @ modes are octal: write \"0644\"",
    ),
    ("file \"/a\" { mode \"644\" }", "warning: `644` is read as `0644` @ \"644\" @ write \"0644\""),
    (
        "file \"/a\" { mode \"0o644\" }",
        "`0o644` is no file mode @ \"0o644\" @ write it as \"0644\"",
    ),
    ("file \"/a\" { mode }", "`mode` lacks a value @ mode @ write `mode \"0644\"`"),
    (
        "file \"/a\" { mode above=\"0644\" }",
        "`mode` has no property `above` @ above @ known here: `max`, `min`",
    ),
    (
        "file \"/a\" { owner 0 }",
        "`owner` must be text in quotes @ 0 @ numbers are not text: write \"0\"",
    ),
    ("file \"/a\" { exists #true }", "`exists` takes no value @ #true @ write `exists` alone"),
    (
        "service \"a\" { enabled #false }",
        "`enabled` takes no value @ #false @ write `not { enabled }`",
    ),
    (
        "service \"a\" { not { not { enabled } } }",
        "`not` has no child node `not` @ not @ known here: `enabled`, `installed`, `masked`, `running`",
    ),
    (
        "service \"a\" { not }",
        "this `not` asks nothing @ not @ write `not { … }` around what must not hold",
    ),
    ("service \"/a\" { enabled }", "a unit is named, not its file: `/a` @ \"/a\" @ -"),
    (
        "user \"a\" { uid \"7\" }",
        "`uid` must be a whole number @ \"7\" @ write `uid 7` without quotes",
    ),
    (
        "user \"a\" { groups \"sudo\" }",
        "`groups` is a list, which equals no single value @ \"sudo\" @ write `groups includes=\"…\"`",
    ),
    (
        "package \"a\" { version min=23.11 }",
        "`version` must be text in quotes @ 23.11 @ write \"23.11\"",
    ),
    ("file \"/a\" { setting \"k\" }", "`setting` lacks a value @ setting @ -"),
    (
        "command \"x\" timeout=\"soon\" { exit-status 0 }",
        "`soon` is no time that a command may take @ \"soon\" @ write `timeout=\"30s\"` or `timeout=\"2m\"`, an hour at most",
    ),
    (
        "command \"x\" target=\"vm\" { exit-status 0 }",
        "there is no target `vm` @ \"vm\" @ known here: `booted`, `container`, `node`, `tree`",
    ),
    (
        "file \"/a\" { content matches=\"(\" }",
        "`(` is no regular expression @ \"(\" @ write `\\` before a character that is meant as it stands",
    ),
    (
        "file \"/a\" { content matches=\"a(?!b)\" }",
        "`a(?!b)` is no regular expression @ \"a(?!b)\" @ look-around does not exist here: ask two things, one of them in `not { … }`",
    ),
    (
        "for-each \"x\" \"a\" \"b\" { package \"c\" { installed } }",
        "warning: nothing in this `for-each` reads `x` @ \"x\" @ write `${x}` where it belongs",
    ),
    (
        "for-each \"x\" \"a\" \"/b\" { file \"${x}\" { exists } }",
        "a path of the image begins with `/`: `a` @ \"${x}\" @ -",
    ),
    (
        "packages-absent",
        "`packages-absent` lacks a package @ packages-absent @ it is written like this: `packages-absent \"telnetd\" \"rsh-server\" \"xinetd\"`",
    ),
    (
        "sshd-config",
        "this `sshd-config` asks nothing @ sshd-config @ write `sshd-config { set \"Keyword\" \"value\" }`",
    ),
    (
        "mount \"scratch\" { mounted }",
        "a path of the image begins with `/`: `scratch` @ \"scratch\" @ -",
    ),
    ("port 0 { listening }", "a port is a number from 1 to 65535: `0` @ 0 @ -"),
    ("port \"ssh\" { listening }", "a port is a number from 1 to 65535: `ssh` @ \"ssh\" @ -"),
    ("port 22 { protocol }", "`protocol` lacks a value @ protocol @ write `protocol \"…\"`"),
    (
        "file \"/a\" { setting \"/b\" 1 format=\"jsn\" }",
        "there is no format `jsn` @ \"jsn\" @ did you mean `json`?",
    ),
    (
        "file \"/a\" { setting \"b.c\" 1 format=\"yaml\" }",
        "`b.c` is no place of a document @ \"b.c\" @ write \"/b/c\"; a `/` within a key is `~1`, a `~` is `~0`",
    ),
    (
        "file \"/a\" { setting \"/b\" 1 format=\"toml\" sep=\"=\" }",
        "`sep` is for files of lines, and this is toml @ \"=\" @ write `setting \"/a/b\" \"value\" format=\"toml\"`",
    ),
    (
        "file \"/a\" { setting \"/b\" #null format=\"toml\" }",
        "`setting` must be text in quotes @ #null @ leave it out",
    ),
    ("sshd-config { set \"Port\" }", "`set` lacks a value @ set @ -"),
    ("sshd-config { absent \"Port\" 22 }", "`absent` takes one argument @ 22 @ -"),
    (
        "file \"/a\" { content includes=\"${x\" }",
        "`${x` cannot be put in: `${` is never closed @ \"${x\" @ write `$${` for a literal `${`",
    ),
];

#[test]
fn mistakes_of_controls() {
    for (body, want) in MISTAKES {
        assert_eq!(found_in(body), [*want], "{body}");
    }
}

#[test]
fn one_demand_for_several_values() {
    let text = r#"profile "p" {
    param "paths" type="list" of="path"
    param "gone" type="list" of="name" { default "telnetd" "rsh-server"; }
    control "c" {
        for-each "path" "${paths}" "/etc/group" { file "${path}" { owner "root"; mode max="0644" } }
        packages-absent "${gone}" "xinetd"
        sshd-config { set "Port" 22 2222; not { set "PermitRootLogin" "yes" }; absent "Protocol" }
    }
}"#;
    let list = |names: &[&str]| {
        ParamValue::List(names.iter().map(|name| ParamValue::Text((*name).to_owned())).collect())
    };
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let file = map.add("p.kdl", text);
    let nodes = forge_syntax::parse(file, text, &mut sink).unwrap();
    let template = ProfileTemplate::decode(&nodes[0], &map, &mut sink).unwrap();
    let values = BTreeMap::from([
        ("paths".to_owned(), list(&["/etc/passwd"])),
        ("gone".to_owned(), list(&["telnetd", "rsh-server"])),
    ]);
    let profile = template.instantiate(&values, &map, &mut sink);
    assert!(sink.into_sorted().is_empty());
    let mut demands = Vec::new();
    for check in &profile.controls[0].checks {
        let Check::Resource { resource, expectations, .. } = check else { panic!("{check:?}") };
        let said = expectations.iter().map(|expected| {
            let not = if expected.negated { "not " } else { "" };
            match &expected.operator {
                Operator::Keyword { key, values } => {
                    let values: Vec<String> = values.iter().map(Scalar::to_string).collect();
                    format!("{not}{} {key} {}", expected.property, values.join("|"))
                }
                _ => format!("{not}{}", expected.property),
            }
        });
        demands.push(format!("{resource}: {}", said.collect::<Vec<_>>().join(", ")));
    }
    assert_eq!(
        demands,
        [
            "file /etc/passwd: owner, mode",
            "file /etc/group: owner, mode",
            "package telnetd: not installed",
            "package rsh-server: not installed",
            "package xinetd: not installed",
            "sshd-config /etc/ssh/sshd_config: set Port 22|2222, not set PermitRootLogin yes, \
             absent Protocol ",
        ]
    );
}

#[test]
fn impacts_are_numbers_or_words() {
    let cases = [
        ("0", Ok(0.0)),
        ("1", Ok(1.0)),
        ("0.3", Ok(0.3)),
        ("\"critical\"", Ok(0.9)),
        ("1.5", Err("write `impact=0.7` or `impact=\"high\"`")),
        ("7", Err("write `impact=0.7` or `impact=\"high\"`")),
        ("\"hihg\"", Err("did you mean `high`?")),
    ];
    for (given, want) in cases {
        let text = format!(
            "profile \"p\" {{ control \"c\" impact={given} {{ package \"a\" {{ installed }} }} }}"
        );
        let (profile, found) = compile(&text, &[]);
        match want {
            Ok(impact) => {
                assert_eq!(
                    profile.unwrap().controls[0].impact.to_string(),
                    f64::to_string(&impact)
                );
            }
            Err(help) => assert!(found[0].ends_with(help), "{found:?}"),
        }
    }
}

#[test]
fn the_examples_of_the_reference_compile() {
    let mut compiled = 0;
    for kind in reference::NODE_KINDS {
        let example = kind.example;
        let text = match kind.name {
            "profile" => example.to_owned(),
            "control" => format!("profile \"p\" {{ {example} }}"),
            "only-if" => format!(
                "profile \"p\" {{ control \"c\" {{ {example}; file \"/a\" {{ exists }} }} }}"
            ),
            "waive" => format!(
                "profile \"p\" {{ control \"ssh-1\" {{ file \"/a\" {{ exists }} }}; {example} }}"
            ),
            "input" | "skip" => {
                let (_, found) =
                    compile(&format!("profile \"p\" inspec=\"x\" {{ {example} }}"), &[]);
                assert_eq!(found, Vec::<String>::new(), "{example}");
                compiled += 1;
                continue;
            }
            _ => format!("profile \"p\" {{ control \"c\" {{ {example} }} }}"),
        };
        let profile = good(&text, &[]);
        compiled += profile.controls.len();
    }
    assert_eq!(compiled, reference::NODE_KINDS.len());
}

#[test]
fn the_reference_names_what_the_evaluator_knows() {
    let resources = [
        (&reference::FILE, Resource::File { path: String::new() }),
        (&reference::PACKAGE, Resource::Package { name: String::new() }),
        (&reference::USER, Resource::User { name: String::new() }),
        (&reference::GROUP, Resource::Group { name: String::new() }),
        (&reference::SERVICE, Resource::Service { name: String::new() }),
        (&reference::KERNEL_PARAMETER, Resource::KernelParameter { name: String::new() }),
        (&reference::KERNEL_MODULE, Resource::KernelModule { name: String::new() }),
        (&reference::MOUNT, Resource::Mount { path: String::new() }),
        (&reference::COMMAND, Resource::Command { line: String::new(), timeout: 0 }),
    ];
    for (kind, resource) in resources {
        assert_eq!(kind.name, resource.kind());
        let known = resource.properties().iter().map(|property| property.name());
        let named = kind.children.iter().map(|child| child.name).filter(|name| *name != "not");
        assert!(known.eq(named), "{}", kind.name);
    }
}
