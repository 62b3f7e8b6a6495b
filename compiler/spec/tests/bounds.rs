//! What a hostile project can make the compiler do has an end, and an ordinary error says so.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use forge_diag::{codes, render};
use forge_model::MemorySources;
use forge_spec::compile;

/// The codes that a project of these files gets.
fn found(files: &[(&str, &str)]) -> BTreeSet<&'static str> {
    let mut sources = MemorySources::new();
    for (path, text) in files {
        sources.insert(*path, text);
    }
    let compiled = compile(&sources);
    let human =
        render::human(&compiled.diagnostics, &compiled.source_map, render::HumanOptions::default());
    assert!(human.len() < 2_000_000, "{} bytes of findings", human.len());
    compiled.diagnostics.iter().map(|found| found.code.name).collect()
}

const BASE: &str = "base \"b\" { debian suite=\"bookworm\"; }\n";

#[test]
fn every_end_of_a_line_ends_a_comment() {
    for end in ["\n", "\r", "\r\n", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
        // What stands behind the line's end is no comment: the parser recurses for each brace.
        let comments = format!("a //{end}{{").repeat(2000);
        assert_eq!(
            found(&[("forge.kdl", &comments)]),
            [codes::SYNTAX_DEPTH.name].into(),
            "{end:?}"
        );
        // A `\` reaches over one end of a line, whichever it is.
        let continued = format!("/- a \\{end}{{ ").repeat(40);
        assert_eq!(
            found(&[("forge.kdl", &continued)]),
            [codes::SYNTAX_DEPTH.name].into(),
            "{end:?}"
        );
        let quoted = format!("a \"b{end}c\"");
        assert_eq!(
            found(&[("forge.kdl", &quoted)]),
            [codes::SYNTAX_UNCLOSED.name].into(),
            "{end:?}"
        );
    }
}

#[test]
fn roles_and_images_do_not_chain_without_end() {
    let mut text = BASE.to_owned();
    for at in 0..200 {
        let _ = writeln!(text, "role \"r{at}\" {{ role \"r{}\"; }}", at + 1);
    }
    text.push_str(
        "role \"r200\" { directory \"/x\"; }\nimage \"i0\" { base \"b\"; role \"r0\"; }\n",
    );
    assert_eq!(found(&[("forge.kdl", &text)]), [codes::SYNTAX_DEPTH.name].into());

    let mut text = format!("{BASE}image \"i0\" {{ base \"b\"; }}\n");
    for at in 1..200 {
        let _ = writeln!(text, "image \"i{at}\" from=\"i{}\" {{ set a=\"{at}\"; }}", at - 1);
    }
    assert!(found(&[("forge.kdl", &text)]).contains(codes::SYNTAX_DEPTH.name));
}

#[test]
fn roles_that_use_two_roles_each_have_an_end() {
    // 2^50 ways lead to the last role, and each with another value.
    let mut text = format!("{BASE}image \"i\" {{ base \"b\"; role \"r0\" p=\"x\"; }}\n");
    for at in 0..50 {
        let next = at + 1;
        let _ = writeln!(
            text,
            "role \"r{at}\" {{ param \"p\" type=\"string\"; role \"r{next}\" p=\"${{p}}a\"; role \"r{next}\" p=\"${{p}}b\"; }}"
        );
    }
    text.push_str("role \"r50\" { param \"p\" type=\"string\"; directory \"/${p}\"; }\n");
    assert!(found(&[("forge.kdl", &text)]).contains(codes::SYNTAX_SIZE.name));
}

#[test]
fn values_do_not_double_without_end() {
    let mut text = format!("{BASE}image \"i\" {{ base \"b\"; role \"r0\" p=\"xxxxxxxx\"; }}\n");
    for at in 0..40 {
        let next = at + 1;
        let _ = writeln!(
            text,
            "role \"r{at}\" {{ param \"p\" type=\"string\"; role \"r{next}\" p=\"${{p}}${{p}}\"; }}"
        );
    }
    text.push_str(
        "role \"r40\" { param \"p\" type=\"string\"; file \"/x\" { content \"${p}\"; }\n }\n",
    );
    assert!(found(&[("forge.kdl", &text)]).contains(codes::SYNTAX_SIZE.name));

    let mut text =
        format!("{BASE}image \"i\" {{ base \"b\"; role \"r0\" {{ p \"x\" \"y\"; }}\n }}\n");
    for at in 0..40 {
        let next = at + 1;
        let _ = writeln!(
            text,
            "role \"r{at}\" {{ param \"p\" type=\"list\" of=\"string\"; role \"r{next}\" {{ p \"${{p}}\" \"${{p}}\"; }}\n }}"
        );
    }
    text.push_str("role \"r40\" { param \"p\" type=\"list\" of=\"string\"; packages \"${p}\"; }\n");
    assert!(found(&[("forge.kdl", &text)]).contains(codes::SYNTAX_SIZE.name));
}

#[test]
fn templates_have_an_end() {
    let text = format!(
        "{BASE}role \"r\" {{ file \"/x\" template=\"x.j2\"; }}\nimage \"i\" {{ base \"b\"; role \"r\"; }}\n"
    );
    let grows = "{% for a in range(9000) %}{% for b in range(9000) %}x{% endfor %}{% endfor %}";
    let codes_found = found(&[("forge.kdl", &text), ("x.j2", grows)]);
    assert_eq!(codes_found, [codes::SYNTAX_SIZE.name].into());
    let calls_itself = "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}";
    let codes_found = found(&[("forge.kdl", &text), ("x.j2", calls_itself)]);
    assert_eq!(codes_found, [codes::SPEC_TEMPLATE.name].into());
}

#[test]
fn findings_without_end_are_counted() {
    let text = "a b\n".repeat(20_000);
    let codes_found = found(&[("forge.kdl", &text)]);
    assert!(codes_found.contains(codes::SYNTAX_BARE.name), "{codes_found:?}");
    assert!(codes_found.contains(codes::SYNTAX_SIZE.name), "{codes_found:?}");
}

#[test]
fn images_are_not_multiplied_without_end() {
    // A few hundred bytes that ask for tens of gigabytes: 64 axes' values twice, a text that doubles.
    let letters: Vec<String> = (0..64).map(|at| format!("\"v{at}\"")).collect();
    let axis = letters.join(" ");
    let long = "x".repeat(1000);
    let text = format!(
        "{BASE}images \"${{a}}-${{b}}\" {{ axis \"a\" {axis}; axis \"b\" {axis}; base \"b\"; \
         set long=\"{long}\"; role \"r\"; }}\n\
         role \"r\" {{ file \"/x\" {{ content \"${{image}}{}\"; }}\n }}\n",
        "${long}".repeat(400)
    );
    // Without the image's name it would be one text for all.
    assert_eq!(found(&[("forge.kdl", &text.replace("${image}", ""))]), BTreeSet::new());
    let codes_found = found(&[("forge.kdl", &text)]);
    // One finding, which does not depend on the image at which it was too much.
    assert_eq!(codes_found, [codes::SYNTAX_SIZE.name].into());

    // One image, whose roles make as much.
    let mut text = format!("{BASE}image \"i\" {{ base \"b\"; set long=\"{long}\"");
    for at in 0..4000 {
        let _ = write!(text, "; role \"r\" n={at}");
    }
    let _ = write!(
        text,
        "; }}\nrole \"r\" {{ param \"n\" type=\"int\"; file \"/x${{n}}\" {{ content \"{}\"; }}\n }}\n",
        "${long}".repeat(400)
    );
    assert_eq!(found(&[("forge.kdl", &text)]), [codes::SYNTAX_SIZE.name].into());
}
