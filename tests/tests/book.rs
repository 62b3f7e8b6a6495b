//! The book says what the code says: generated pages are up to date, and examples are real.
//!
//! `FORGE_BLESS=1 cargo test -p forge-test --test book` writes the generated pages anew.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use forge_diag::{Code, Sink, SourceMap, codes};
use forge_syntax::reference::{Child, Default, Field, NodeKind};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src")
}

/// Compares a generated page with what is in the book, or writes it when asked to.
fn assert_page(name: &str, expected: &str) {
    let path = source().join(name);
    if std::env::var_os("FORGE_BLESS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    let command = "FORGE_BLESS=1 cargo test -p forge-test --test book";
    assert!(found == expected, "book/src/{name} is out of date; run `{command}`");
}

#[test]
fn the_catalogue_of_diagnostics_is_printed() {
    let mut page = String::from(
        "# Diagnostics\n\n\
         Each finding has a code. A code keeps its name; its message says what is wrong here, its \
         labels\nwhere, its help what to write instead. All findings of a run are reported \
         together.\n`forgec explain CODE` shows the page of a code.\n\n\
         | code | is | means |\n|---|---|---|\n",
    );
    for code in codes::ALL {
        let weight = code.severity.name();
        writeln!(page, "| [`{}`]({}) | {weight} | {} |", code.name, place(code), code.meaning)
            .unwrap();
    }
    assert_page("reference/diagnostics.md", &page);
}

/// A code's page, as seen from `reference/`.
fn place(code: &Code) -> String {
    format!("../errors/{}.md", code.short().replace("::", "/"))
}

#[test]
fn the_summary_lists_the_pages_of_all_codes() {
    let summary = fs::read_to_string(source().join("SUMMARY.md")).unwrap();
    let mut wanted = String::new();
    for line in summary.lines().filter(|line| !line.contains("](errors/")) {
        writeln!(wanted, "{line}").unwrap();
        if line.contains("](reference/diagnostics.md)") {
            for code in codes::ALL {
                let page = place(code).replace("../", "");
                writeln!(wanted, "  - [{}]({page})", code.name).unwrap();
            }
        }
    }
    assert_page("SUMMARY.md", &wanted);
}

#[test]
fn every_page_of_a_code_belongs_to_one() {
    let mut pages = 0;
    for group in fs::read_dir(source().join("errors")).unwrap() {
        for page in fs::read_dir(group.unwrap().path()).unwrap() {
            let path = page.unwrap().path();
            let known =
                codes::ALL.iter().any(|code| path.ends_with(place(code).replace("../", "")));
            assert!(known, "{} explains no code", path.display());
            pages += 1;
        }
    }
    assert_eq!(pages, codes::ALL.len());
}

#[test]
fn what_never_enters_a_layer_is_printed() {
    let mut page = String::from(
        "# What never enters a layer\n\n\
         Installers and maintainer scripts leave things behind that differ from build to build, or \
         that make\none machine's identity. They are taken out of every layer that packages, \
         scripts or an archive make,\nso that two builds give the same bytes and no two nodes \
         the same identity.\n\n\
         | path | what happens | why |\n|---|---|---|\n",
    );
    for rule in forge_exec::debian::RULES {
        let treatment = match rule.treatment {
            forge_exec::debian::Treatment::Remove => "left out",
            forge_exec::debian::Treatment::Empty => "emptied",
        };
        writeln!(page, "| `{}` | {treatment} | {} |", rule.glob, rule.reason).unwrap();
    }
    assert_page("reference/scrub.md", &page);
}

const PHASES: &str = r"# The phases of an image

An image is built in this order. `forgec plan` and `forgec list` show it for an image; the layer of a
phase is called `ROLE/PHASE`.

The phases from `repositories` to `packages` are built role by role, in the order in which the image
names its roles: all of them for one role, then all of them for the next. Each of the later phases is
built for all roles, in the same order, before the next phase begins.
";

const PLACES: &str = r#"
## Where a script stands

A script usually runs in the phase `run`, when everything but removals is in place. `before=` and
`after=` name another place; with both, the script stands in between. Scripts at one place run in the
order of their roles, and in a role in the order in which they are written.

```kdl
role "storage" {
    file "/etc/default/storage" before="packages" { content "DEVICES=all" }
    packages "storage-server"
    run "divert" script="divert.sh" before="packages"
    run "index" script="index.sh" after="packages"
    run "trim" script="trim.sh" after="remove"
}
```

`before="packages"` and `after="packages"` are beside the packages of the step's own role; a later
role's packages stand on what the script makes, and are installed again when it changes.
`before="accounts"` is behind the packages of all roles.

A script may not change what is declared by then. What is declared later wins over what the script
made.

### Why phases are enough

`before=` and `after=` name no single item, role or script. What a script can need of one item, it has
when that item's phase is over, and every phase is over for all roles before the next one begins
(packages are made role by role, and there the order is that of the roles in the image). Two
declarations need no order between them, since they may not contradict each other; two scripts at one
place have that of their roles, and of their lines in a role. A script that must come after another
role's script stands in a role that the image names later, or at a later place.

An order between phases is a fixed one, so it has no cycles, and a role can be read without knowing
what else is in an image: an order between items would make a role's layers depend on the names in
another role, and images that begin with the same roles would no longer share those layers. A place
that cannot be, `after="units" before="files"`, is [an error](../errors/spec/phase.md) with both words
shown.

## What packages find

`user`, `group`, `file` and `directory` with `before="packages"` are there when the packages of their
role, and of later ones, are installed: a package's script finds its configuration, and dpkg keeps
it. A file is written again with all other files, so what a package makes of it does not stay. Its
owner has to be there too: one that the spec makes is marked in the same way.
"#;

#[test]
fn the_phases_of_an_image_are_printed() {
    let mut page = PHASES.to_owned();
    page.push_str("\n| phase | built | what is in it | a script may say |\n|---|---|---|---|\n");
    for phase in forge_spec::Phase::ALL {
        let name = phase.name();
        let built = if phase.is_by_role() { "role by role" } else { "" };
        let (before, after) = phase.takes_scripts();
        let sides = [("before", before), ("after", after)];
        let sides = sides.into_iter().filter(|(_, may)| *may);
        let says: Vec<_> = sides.map(|(side, _)| format!("`{side}=\"{name}\"`")).collect();
        writeln!(page, "| `{name}` | {built} | {} | {} |", phase.doc(), says.join(", ")).unwrap();
    }
    page.push_str(PLACES);
    assert_page("reference/phases.md", &page);
}

/// A host with a tool, where every secret was opened before.
struct Host;

impl forge_exec::keys::Facts for Host {
    fn bootstrap_version(&self) -> String {
        "1".to_owned()
    }

    fn mac(&self, secret: &forge_model::SecretReference) -> Option<forge_model::Digest> {
        Some(forge_model::Digest::of(secret.name.as_bytes()))
    }
}

#[test]
fn what_only_the_action_key_has_is_printed() {
    use forge_exec::keys;
    use forge_model::{Action, Digest, Key};

    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/site");
    let sources = forge_stdlib::WithLibrary::new(forge_test::read_site(&site));
    let plan = forge_plan::check(&sources, forge_test::today()).plan.unwrap();
    let outputs: keys::Outputs =
        plan.nodes.iter().map(|node| (node.id, Digest::of(node.label.as_bytes()))).collect();
    let mut rows: BTreeMap<&str, [BTreeSet<String>; 2]> = BTreeMap::new();
    for node in &plan.nodes {
        let own: BTreeSet<String> =
            node.action.key_builder().finish().fields.into_iter().map(|field| field.name).collect();
        let more = |key: Key| {
            let names = key.fields.into_iter().map(|field| field.name);
            names.filter(|name| !own.contains(name)).map(|name| match name.split_once(" secret ") {
                Some((what, _)) => format!("`{what} secret …`"),
                None => format!("`{name}`"),
            })
        };
        let narrow = match &node.action {
            Action::Changes(_) | Action::Secrets(_) => {
                Some(keys::narrow_key(&node.action, &Digest::of(b"read"), &Host).unwrap())
            }
            Action::Stamp(_) => Some(keys::tree_key(&node.action, &Digest::of(b"tree"))),
            Action::Resolve(_)
            | Action::Base(_)
            | Action::Packages(_)
            | Action::Fetch(_)
            | Action::Unpack(_)
            | Action::Run(_)
            | Action::Verify(_)
            | Action::Pack(_) => None,
        };
        let [first, second] = rows.entry(node.action.kind()).or_default();
        first.extend(more(keys::action_key(&plan, node.id, &outputs, &Host).unwrap()));
        second.extend(narrow.into_iter().flat_map(more));
    }
    assert_eq!(rows.len(), 11, "the golden site has every kind of step: {:?}", rows.keys());
    let mut page = String::from(
        "# What only the action key has\n\n\
         The [action key](../concepts/keys.md) of a step has the step's own fields, which \
         [the table](keys.md) lists, and\nin place of its inputs' plan keys the fields here. A \
         step that reads only part of the layers below\nis looked up by its narrower key when the \
         first one gives nothing. The table is printed from the keys\nof a site that has every \
         kind of step.\n\n\
         | step | in its action key | in its narrower key |\n|---|---|---|\n",
    );
    for (kind, fields) in rows {
        let [first, second] = fields.map(|names| names.into_iter().collect::<Vec<_>>().join(", "));
        writeln!(page, "| `{kind}` | {first} | {second} |").unwrap();
    }
    assert_page("reference/action-keys.md", &page);
}

#[test]
fn the_schemas_of_json_are_printed() {
    for (command, schema) in forge_report::schemas() {
        assert_page(&format!("reference/json/{command}.schema.json"), &schema);
    }
}

const INTRODUCTION: &str = r##"# The spec language

Specs are [KDL 2](https://kdl.dev) files. A project is a directory with a `forge.kdl`, usually the
root of a git repository. Every `*.kdl` file below it is read, but for hidden directories, what git
ignores, and directories with a `forge.kdl` of their own. The order of files and of declarations
makes no difference. Paths are relative to the file that names them and may not leave the project.

Names, versions, hashes, modes and paths are texts in quotes. In a text, `${name}` puts a
parameter's value in; `$${` is a literal `${`; in a raw text (`#"…"#`) nothing is put in. Neither
the environment nor the clock can be read.

A parameter gets its value from, the strongest first: the node that uses the role, the image's
`set`, the `set` of the image named by `from`, the role's default.

This page is written from the tables that the decoder itself reads.
"##;

#[test]
fn the_language_is_described_as_it_is_decoded() {
    use forge_control::reference::NODE_KINDS;
    use forge_spec::reference::{body, inner, top_level};

    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## At the top of a file\n");
    for kind in top_level() {
        describe(&mut page, "", kind);
    }
    page.push_str("\n## In roles and images\n");
    let top = top_level();
    // A node of one name that says the same is the same.
    let same = |one: &NodeKind, other: &NodeKind| (one.name, one.doc) == (other.name, other.doc);
    let above = |kind: &NodeKind| top.iter().any(|known| same(known, kind));
    let (both, own): (Vec<&NodeKind>, Vec<&NodeKind>) =
        body().into_iter().partition(|kind| above(kind));
    for NodeKind { name, .. } in both {
        writeln!(page, "\n[`{name}`](#{name}) means the same here as at the top of a file.")
            .unwrap();
    }
    for kind in own {
        describe(&mut page, "", kind);
    }
    let heads: Vec<&str> = page.lines().filter(|line| line.starts_with("### ")).collect();
    let sources = heads.iter().filter(|head| **head == "### `source`").count();
    assert_eq!(sources, 1, "a node is described once");
    page.push_str("\n## In one declaration alone\n");
    for (owner, kind) in inner() {
        describe(&mut page, &format!(" in `{owner}`"), kind);
    }
    page.push_str("\n## Profiles and controls\n");
    for kind in NODE_KINDS {
        describe(&mut page, "", kind);
    }
    assert_page("reference/language.md", &page);
}

fn describe(page: &mut String, place: &str, kind: &NodeKind) {
    write!(page, "\n### `{}`{place}\n\n{}\n", kind.name, kind.doc).unwrap();
    table(page, "argument", "", kind.args);
    table(page, "property", "=", kind.props);
    if !kind.children.is_empty() {
        page.push_str("\n| child | |\n|---|---|\n");
    }
    for Child { name, doc, takes: _, props } in kind.children {
        writeln!(page, "| `{name}` | {} |", cell(doc)).unwrap();
        for Field { name: prop, ty, default: _, doc } in *props {
            writeln!(page, "| `{name} {prop}=` | {}: {} |", cell(ty), cell(doc)).unwrap();
        }
    }
    if !kind.example.is_empty() {
        write!(page, "\n```kdl\n{}\n```\n", kind.example).unwrap();
    }
}

fn table(page: &mut String, what: &str, mark: &str, fields: &[Field]) {
    if fields.is_empty() {
        return;
    }
    write!(page, "\n| {what} | is | without it | |\n|---|---|---|---|\n").unwrap();
    for Field { name, ty, default, doc } in fields {
        let name = if mark.is_empty() { (*name).to_owned() } else { format!("`{name}{mark}`") };
        let without = match default {
            Default::Required => "an error".to_owned(),
            Default::None => String::new(),
            Default::Is(value) => format!("`{value}`"),
        };
        writeln!(page, "| {name} | {} | {without} | {} |", cell(ty), cell(doc)).unwrap();
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// All fenced KDL texts of the book and the README, with the page and line where they begin.
fn examples() -> Vec<(String, String)> {
    let mut pages = vec![source().join("../../README.md")];
    let mut pending = vec![source()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { pending.push(path) } else { pages.push(path) }
        }
    }
    let mut found = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let mut block: Option<(usize, String)> = None;
        for (index, line) in text.lines().enumerate() {
            match (&mut block, line) {
                (None, "```kdl") => block = Some((index + 2, String::new())),
                (Some(_), "```") => {
                    found.extend(
                        block
                            .take()
                            .map(|(line, text)| (format!("{}:{line}", page.display()), text)),
                    );
                }
                (Some((_, text)), line) => {
                    text.push_str(line);
                    text.push('\n');
                }
                (None, _) => {}
            }
        }
    }
    found
}

#[test]
fn examples_are_kdl() {
    let examples = examples();
    assert!(examples.len() > 5, "only {} examples were found", examples.len());
    for (place, text) in examples {
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let file = map.add(place.as_str(), text.as_str());
        forge_syntax::parse(file, &text, &mut sink);
        let found: Vec<_> = sink.into_sorted().into_iter().map(|found| found.headline).collect();
        assert!(found.is_empty(), "{place}: {found:?}\n{text}");
        let formatted = forge_syntax::format(file, &text, &mut Sink::new()).unwrap();
        assert_eq!(formatted, text, "{place} is not in the one style");
    }
}

/// The page on templates names the filters that messages know, and the engine has each of them.
#[test]
fn the_filters_of_templates_are_there() {
    let page = fs::read_to_string(source().join("templates.md")).unwrap();
    let start = page.find("\nFilters: ").expect("the list of filters");
    let paragraph = page[start..].trim_start().split("\n\n").next().unwrap();
    let sentence = paragraph.split(". ").next().unwrap();
    let names: Vec<&str> = sentence.split('`').skip(1).step_by(2).collect();
    assert_eq!(names, forge_spec::TEMPLATE_FILTERS);
    for name in names.into_iter().chain(["nothing_such"]) {
        let mut sources = forge_model::MemorySources::new();
        sources.insert("base/etc/x", "");
        sources.insert("x.j2", format!("{{{{ 'a' | {name} }}}}\n"));
        sources.insert(
            "forge.kdl",
            "base \"b\" { tree \"base\"; }\nimage \"i\" { base \"b\"; file \"/x\" template=\"x.j2\"; }\n",
        );
        let found = forge_spec::compile(&sources).diagnostics;
        let unknown = found.iter().any(|one| format!("{one:?}").contains("unknown filter"));
        let said = found.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>().join("\n");
        assert_eq!(
            unknown || said.contains("is unknown"),
            name == "nothing_such",
            "{name}: {said}"
        );
    }
}
