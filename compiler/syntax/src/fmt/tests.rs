use forge_diag::SourceMap;
use proptest::prelude::*;

use super::*;

fn formatted(text: &str) -> Result<String, Vec<String>> {
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let file = crate::load("a.kdl", text.as_bytes(), &mut map, &mut sink);
    let out = file.and_then(|file| format(file, text, &mut sink));
    out.ok_or_else(|| sink.into_sorted().into_iter().map(|found| found.headline).collect())
}

#[test]
fn one_style() {
    let cases = [
        ("", ""),
        ("\n\n  \n", ""),
        ("\u{feff}a\r\n\r\n\r\n\r\nb", "a\n\nb\n"),
        ("  a   \"x\"   k = 1  ;  b\n", "a \"x\" k=1\nb\n"),
        ("a{b;c;}", "a { b; c }\n"),
        ("a{\n\n\tb;c;\n\n}", "a {\n    b\n    c\n}\n"),
        ("a {  }", "a {}\n"),
        ("a {\n}\n", "a {}\n"),
        ("a { b { c } }", "a { b { c } }\n"),
        ("a { b {\nc } }", "a {\n    b {\n        c\n    }\n}\n"),
        ("a // c  \n", "a // c\n"),
        ("a; // c\n", "a // c\n"),
        ("a; /* c */\nb", "a /* c */\nb\n"),
        ("a; /* c */ b", "a\n/* c */ b\n"),
        ("a{ // c\nb }", "a { // c\n    b\n}\n"),
        ("a{/* c */}", "a { /* c */ }\n"),
        ("  // c\n\n\n  /* d\n e */ // f\na", "// c\n\n/* d\n e */ // f\na\n"),
        ("a/* c */\"x\"/* d */", "a /* c */ \"x\" /* d */\n"),
        (
            "a \\\n  \"x\" \\ // why\n\"y\" {\nb\n}",
            "a \\\n    \"x\" \\ // why\n    \"y\" {\n        b\n    }\n",
        ),
        ("/- a   \"x\"\n/- \n b\n", "/-a \"x\"\n/-b\n"),
        ("a /- \"x\" /- k = 1 /- { b }\n", "a /-\"x\" /-k=1 /-{ b }\n"),
        ("/- // why\n a\n", "/- // why\n    a\n"),
        ("a 0x1F 1_000 1.50 #true", "a 0x1F 1_000 1.50 #true\n"),
        ("a {\nt \"\"\"\n  x\n   y\n  \"\"\"\n}", "a {\n    t \"\"\"\n  x\n   y\n  \"\"\"\n}\n"),
        ("a ##\"r\"#\"##", "a ##\"r\"#\"##\n"),
        ("a \"\\u{e9}\\\"{\"", "a \"\\u{e9}\\\"{\"\n"),
    ];
    for (text, want) in cases {
        assert_eq!(formatted(text).as_deref(), Ok(want), "{text:?}");
        assert_eq!(formatted(want).as_deref(), Ok(want), "twice: {text:?}");
    }
}

#[test]
fn a_block_that_does_not_fit_is_written_in_lines() {
    let long = "x".repeat(60);
    let text = format!("a {{ b \"{long}\"; c \"{long}\"; }}");
    let want = format!("a {{\n    b \"{long}\"\n    c \"{long}\"\n}}\n");
    assert_eq!(formatted(&text), Ok(want.clone()));
    assert_eq!(formatted(&want), Ok(want));
}

#[test]
fn texts_with_mistakes_are_left_alone() {
    let cases = [
        ("a {", "`{` is never closed"),
        ("a true", "`true` is no value of KDL"),
        ("a word", "`word` is not quoted"),
        ("a (u8)1", "the type annotation `(u8)` means nothing here"),
    ];
    for (text, want) in cases {
        assert_eq!(formatted(text), Err(vec![want.to_owned()]), "{text}");
    }
}

/// Documents that are KDL, with everything that may stand in them, written carelessly.
fn document() -> impl Strategy<Value = String> {
    let blank = prop::sample::select(&["", " ", "  ", "\t"][..]);
    let gap = prop::sample::select(
        &[" ", "  ", "\t", " /* c */ ", " \\\n ", " \\ // c\n", "/* a\n b */", "\u{a0}"][..],
    );
    let end = prop::sample::select(
        &["\n", ";", " ; ", " // c\n", "\n\n\n", "; // d \n", ";/* e */\n", "\r\n"][..],
    );
    let between = prop::sample::select(
        &[
            "",
            "",
            "",
            "// c\n",
            "/* c */",
            "/* c */\n",
            "\n",
            "/- gone \"x\"\n",
            "/-\n\n",
            "/- // c\n",
        ][..],
    );
    let name = prop::sample::select(&["a", "role", "\"a b\"", "file", "-", "a.b", "é"][..]);
    let value = prop::sample::select(
        &[
            "\"x\"",
            "\"\"",
            "#\"r\"\\\"#",
            "12",
            "-1.50e3",
            "0x1F",
            "#true",
            "#null",
            "\"a\\\"b\\\\\"",
            "\"\"\"\n   a\n     b\n   \"\"\"",
            "#\"\"\"\n  r\\\n  \"\"\"#",
            "\"{}//;\"",
            "\"wrapped \\\n    line\"",
        ][..],
    );
    let entry = (
        gap.clone(),
        prop::option::of("[a-c]{1,3}"),
        value,
        blank.clone(),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(gap, name, value, blank, off)| {
            let name = name.map_or_else(String::new, |name| format!("{name}{blank}={blank}"));
            format!("{gap}{}{name}{value}", if off { "/-" } else { "" })
        });
    let entries = prop::collection::vec(entry, 0..4).prop_map(|list| list.concat());
    let leaf = (between.clone(), name.clone(), entries.clone(), end.clone())
        .prop_map(|(between, name, entries, end)| format!("{between}{name}{entries}{end}"));
    let nodes = leaf.prop_recursive(3, 24, 4, move |inner| {
        let inside = prop::collection::vec(inner, 0..4).prop_map(|list| list.concat());
        let open = prop::sample::select(&["{", " {", " { // c\n", "{\n\n", " /-{ x }{"][..]);
        (between.clone(), name.clone(), entries.clone(), open, inside, end.clone()).prop_map(
            |(between, name, entries, open, inside, end)| {
                format!("{between}{name}{entries}{open}{inside}}}{end}")
            },
        )
    });
    prop::collection::vec(nodes, 0..5).prop_map(|list| list.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    /// What the parser takes is formatted, formatting is idempotent, and nothing is lost:
    /// `format` itself compares meaning and comments, and would refuse.
    #[test]
    fn documents_keep_meaning_and_comments(text in document()) {
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let file = map.add("a.kdl", text.as_str());
        let taken = crate::parse(file, &text, &mut sink).is_some() && !sink.has_errors();
        match formatted(&text) {
            Ok(once) => {
                prop_assert!(taken);
                prop_assert_eq!(significant(&once), significant(&text));
                prop_assert_eq!(formatted(&once), Ok(once.clone()), "{}", text);
                prop_assert!(!once.contains(" \n") || text.contains("\"\"\"") || text.contains("/*"), "{}", once);
            }
            Err(found) => prop_assert!(!taken, "{text:?}: {found:?}"),
        }
    }
}
