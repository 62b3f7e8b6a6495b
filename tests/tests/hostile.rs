//! No text makes the front end crash, hang, or speak of a place that is not there.

use forge_diag::{SourceMap, Span};
use forge_model::MemorySources;
use forge_spec::compile;
use proptest::prelude::*;

/// Pieces of specs, whole and broken, from which texts are made.
const PIECES: [&str; 44] = [
    "role",
    " \"a\"",
    "image",
    "base",
    "file",
    "param",
    "when",
    "run",
    "{",
    "}",
    ";",
    "\n",
    " ",
    "\"",
    "\"\"\"",
    "#\"",
    "\"#",
    "/-",
    "/*",
    "*/",
    "//",
    "\\",
    "=",
    "#true",
    "true",
    "0755",
    "479e3225",
    "10.0.0.1",
    "${a}",
    "$${",
    "${",
    "é",
    "\u{202e}",
    "(u8)",
    "#null",
    "-1",
    "type",
    " source=\"x\"",
    " mode=\"0644\"",
    "content",
    "from",
    "debian suite=\"b\"",
    "profile",
    "control",
];

fn check(text: &str) {
    let mut sources = MemorySources::new();
    sources.insert("forge.kdl", text);
    let compiled = compile(&sources);
    for found in &compiled.diagnostics {
        for label in &found.labels {
            assert_inside(&compiled.source_map, label.span, text);
        }
    }
}

fn assert_inside(map: &SourceMap, span: Span, text: &str) {
    let (start, end) = (span.start as usize, span.end as usize);
    let length = map.text(span.file).len();
    assert!(start <= end && end <= length, "{start}..{end} of {length} in {text:?}");
    assert!(map.text(span.file).is_char_boundary(start), "{start} in {text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn pieces_of_specs(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
        check(&pieces.concat());
    }

    #[test]
    fn any_text(text in ".{0,200}") {
        check(&text);
    }

    #[test]
    fn damaged_specs(at in 0_usize..400, length in 0_usize..20, piece in prop::sample::select(&PIECES[..])) {
        let whole = "base \"b\" { debian suite=\"bookworm\"; }\n\
            role \"r\" {\n    param \"p\" type=\"list\" of=\"name\" { default \"x\"; }\n    \
            file \"/etc/x\" mode=\"0644\" {\n        content \"\"\"\n            ${cluster} é\n            \"\"\"\n    }\n    \
            when \"q\" is=#\"raw\"# { packages \"less\" /* c */; }\n}\nimage \"i\" { base \"b\"; role \"r\"; }\n";
        let boundary = |at: usize| {
            (at.min(whole.len())..=whole.len()).find(|at| whole.is_char_boundary(*at)).unwrap_or(0)
        };
        let (start, end) = (boundary(at), boundary(at + length));
        check(&format!("{}{piece}{}", &whole[..start], &whole[end..]));
    }
}
