//! The shipped library: everything in it says what it is for, stands in an image of the suite, and
//! keeps to its own controls there.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use forge_model::{LIBRARY, MemorySources, Sources as _};
use forge_plan::{SpecTarget, judge_spec, violations};
use forge_spec::compile;
use forge_spec::describe::{Kind, library};
use forge_stdlib::{Nothing, WithLibrary};

/// The case of the suite in which every role stands.
fn case() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/good/std.kdl");
    fs::read_to_string(path).unwrap()
}

#[test]
fn everything_is_documented_and_stands_in_an_image() {
    let (all, mistakes, _) = library(&WithLibrary::new(Nothing));
    assert_eq!(mistakes, Vec::new());
    assert!(all.len() >= 39, "only {} declarations", all.len());
    let case = case();
    for one in &all {
        let name = format!("{} `{}`", one.kind.name(), one.name);
        assert!(!one.doc.is_empty() && !one.doc.ends_with('.'), "{name} says nothing of itself");
        for param in &one.params {
            assert!(!param.doc.is_empty(), "{name}: nothing is said of `{}`", param.name.value);
        }
        for (id, title) in &one.controls {
            assert!(!title.is_empty(), "{name}: the control `{id}` has no title");
        }
        let used = match one.kind {
            Kind::Base => format!("base \"{}\"", one.name),
            // A role asks for the profile of its own name, so that nobody can forget it.
            Kind::Role | Kind::Profile => format!("role \"{}\"", one.name),
        };
        assert!(case.contains(&used), "{name} is in no image of tests/suite/good/std.kdl");
        let profile = |other: &&forge_spec::describe::Described| {
            other.kind == Kind::Profile && other.name == one.name
        };
        assert!(
            one.kind != Kind::Role || all.iter().any(|other| profile(&other)),
            "{name}: no profile"
        );
        assert!(one.kind == Kind::Base || !one.controls.is_empty(), "{name} is judged by nothing");
    }
}

#[test]
fn images_of_the_library_keep_to_its_controls() {
    let mut project = MemorySources::new();
    project.insert("forge.kdl", case());
    let sources = WithLibrary::new(project);
    let compiled = compile(&sources);
    assert_eq!(compiled.diagnostics, Vec::new());
    let spec = compiled.spec.unwrap();
    assert!(spec.images.len() >= 2);
    for image in &spec.images {
        let verdicts = judge_spec(
            image,
            &SpecTarget::new(image, &forge_plan::ImageChanges::of(image), &sources),
        );
        assert_eq!(violations(&verdicts, &compiled.source_map), Vec::new(), "{}", image.name);
        let roles = image.parts.iter().filter(|part| part.name != image.name);
        let origins: Vec<_> = roles.map(|part| part.declared.to_string()).collect();
        assert!(origins.len() > 10, "{}: {origins:?}", image.name);
        assert!(origins.iter().all(|place| place.starts_with("std/")), "{origins:?}");
    }
}

#[test]
fn a_project_that_names_nothing_of_the_library_reads_nothing_of_it() {
    let mut project = MemorySources::new();
    project.insert(
        "forge.kdl",
        "base \"b\" { debian suite=\"bookworm\"; }\nimage \"i\" { base \"b\"; }",
    );
    let compiled = compile(&WithLibrary::new(project));
    assert!(compiled.spec.is_some());
    assert_eq!(compiled.source_map.files().count(), 1);
}

#[test]
fn files_of_the_library_name_each_other_alone() {
    let sources = WithLibrary::new(Nothing);
    for file in sources.list(LIBRARY).unwrap() {
        let text = sources.read(&file.path).unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(!text.contains("../"), "{} leaves its directory", file.path);
        assert!(file.path.split('/').count() == 3, "{} lies too deep, or too high", file.path);
    }
}

/// `FORGE_BLESS=1 cargo test -p forge-test --test stdlib` writes the page anew.
#[test]
fn the_book_lists_the_library() {
    let (all, _, _) = library(&WithLibrary::new(Nothing));
    let mut page = String::from(
        "# Roles of the library\n\nPrinted from the library. `forgec std show NAME` says the same \
         of one name, and with which\ncontrols it is judged; `forgec std cat NAME` prints its \
         files.\n",
    );
    for one in all.iter().filter(|one| one.kind != Kind::Profile) {
        write!(page, "\n## `{}`\n\n{}: {}.\n", one.name, one.kind.name(), one.doc).unwrap();
        if !one.params.is_empty() {
            page.push_str("\n| parameter | is | without it | |\n|---|---|---|---|\n");
        }
        for param in &one.params {
            let default = match &param.default {
                None => "an error".to_owned(),
                Some(value) if value.value.to_string().is_empty() => "empty".to_owned(),
                Some(value) => format!("`{}`", value.value),
            };
            let (name, is) = (&param.name.value, param.ty.expected().replace('|', "\\|"));
            writeln!(page, "| `{name}` | {is} | {default} | {} |", param.doc).unwrap();
        }
        for (id, title) in &one.controls {
            let gap =
                if one.controls.first().is_some_and(|first| first.0 == *id) { "\n" } else { "" };
            writeln!(page, "{gap}- `{id}`: {title}").unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/src/reference/library.md");
    if std::env::var_os("FORGE_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let command = "FORGE_BLESS=1 cargo test -p forge-test --test stdlib";
    assert!(fs::read_to_string(&path).unwrap() == page, "out of date; run `{command}`");
}
