use super::*;

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

#[test]
fn places_of_documents() {
    use DocumentFormat::{Json, Toml, Yaml};
    let json = r#"{"log": {"level": "debug", "file": null}, "a/b": {"~": 1.5}, "l": [1, {"x": true}], "n": 8}"#;
    let toml = "n = 8\nd = 1979-05-27\n[log]\nlevel = 'debug'\n[[l]]\nx = true\n";
    let yaml = "base: &b {level: info, keep: on}\nlog:\n  <<: *b\n  level: debug\nn: 8\nm: '8'\no: 0644\nf: 1.5\nl:\n- x: yes\nz: ~\ns: '~'\nh: 0x1F\nu: 1_000\nt: tRUE\nb: !!bool 'yes'\ni: !!int '8'\nx: &x {r: 1, q: 1}\ny: &y {r: 2}\nxy:\n  <<: [*x, *y]\n  q: 3\n";
    let (number, yes) = (Scalar::Integer(8), Scalar::Bool(true));
    let cases: &[(&str, DocumentFormat, &str, Scalar, Option<bool>)] = &[
        (json, Json, "/log/level", text("debug"), Some(true)),
        (json, Json, "/log/level", text("info"), Some(false)),
        (json, Json, "/log/other", text("x"), None),
        (json, Json, "/log/file", text("null"), Some(false)),
        (json, Json, "/log/file", Scalar::Null, Some(true)),
        (json, Json, "/log/other", Scalar::Null, None),
        (json, Json, "/n", Scalar::Null, Some(false)),
        (yaml, Yaml, "/z", Scalar::Null, Some(true)),
        (yaml, Yaml, "/s", Scalar::Null, Some(false)),
        (json, Json, "/a~1b/~0", text("1.5"), Some(true)),
        (json, Json, "/l/1/x", yes.clone(), Some(true)),
        (json, Json, "/l/1/x", text("true"), Some(false)),
        (json, Json, "/l/01/x", yes.clone(), None),
        (json, Json, "/n", number.clone(), Some(true)),
        (json, Json, "/n", text("8"), Some(false)),
        (toml, Toml, "/n", number.clone(), Some(true)),
        (toml, Toml, "/d", text("1979-05-27"), Some(true)),
        (toml, Toml, "/log/level", text("debug"), Some(true)),
        (toml, Toml, "/l/0/x", yes.clone(), Some(true)),
        (yaml, Yaml, "/log/level", text("debug"), Some(true)),
        (yaml, Yaml, "/log/keep", yes.clone(), Some(true)),
        (yaml, Yaml, "/log/keep", text("on"), Some(true)),
        (yaml, Yaml, "/n", number.clone(), Some(true)),
        (yaml, Yaml, "/m", number.clone(), Some(false)),
        (yaml, Yaml, "/m", text("8"), Some(true)),
        (yaml, Yaml, "/o", text("0644"), Some(true)),
        (yaml, Yaml, "/f", text("1.5"), Some(true)),
        (yaml, Yaml, "/h", Scalar::Integer(31), Some(true)),
        (yaml, Yaml, "/u", Scalar::Integer(1000), Some(true)),
        (yaml, Yaml, "/u", text("1_000"), Some(true)),
        (yaml, Yaml, "/t", yes.clone(), Some(false)),
        (yaml, Yaml, "/b", yes.clone(), Some(true)),
        (yaml, Yaml, "/i", number.clone(), Some(true)),
        (yaml, Yaml, "/i", text("8"), Some(false)),
        (yaml, Yaml, "/xy/r", Scalar::Integer(1), Some(true)),
        (yaml, Yaml, "/xy/q", Scalar::Integer(3), Some(true)),
        (yaml, Yaml, "/l/0/x", yes, Some(true)),
    ];
    for (source, format, pointer, wanted, holds) in cases {
        let document = Document::parse(source, *format).unwrap();
        let found = document.at(pointer).map(|found| match found {
            Document::Leaf(leaf) => leaf.is(wanted),
            _ => false,
        });
        assert_eq!(found, *holds, "{format:?} {pointer} {wanted:?}");
    }
    assert_eq!(Document::parse(json, Json).unwrap().at("").unwrap().to_string(), "a map of 4");
    for (source, format) in [("{", Json), ("a: [", Yaml), ("a = ", Toml)] {
        assert!(Document::parse(source, format).is_err(), "{source}");
    }
}

#[test]
fn a_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(Document::parse(&text, DocumentFormat::Yaml).is_err());
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert!(Document::parse(&deep, DocumentFormat::Yaml).is_err());
}

#[test]
fn lines_of_documents() {
    use DocumentFormat::{Json, Toml, Yaml};
    let json = "{\n  \"a\": {\n    \"x/y\": [1,\n      true]},\n\t\"b\":\n 2, \"b\":\n3}\n";
    let toml = "n = 8\n[log]\nlevel = 'x'\n\n\"a.b\" = 1\nd.e = 2\n[[l]]\nx = true\n[[l]]\nx = [\n1,\n2]\n";
    let yaml = "base: &b\n  keep: on\nlog:\n  <<: *b\n  level: debug\ntext: |\n  a\n  b\nl:\n- x: 1\n- {x: 2,\n   y: 3}\ncopy: *b\n";
    let cases: &[(&str, DocumentFormat, &str, Option<usize>)] = &[
        (json, Json, "", Some(1)),
        (json, Json, "/a", Some(2)),
        (json, Json, "/a/x~1y/1", Some(4)),
        (json, Json, "/b", Some(7)),
        (toml, Toml, "/n", Some(1)),
        (toml, Toml, "/log/level", Some(3)),
        (toml, Toml, "/log/a.b", Some(5)),
        (toml, Toml, "/log/d/e", Some(6)),
        (toml, Toml, "/l/0/x", Some(8)),
        (toml, Toml, "/l/1/x/1", Some(12)),
        (yaml, Yaml, "/log/keep", Some(2)),
        (yaml, Yaml, "/log/level", Some(5)),
        (yaml, Yaml, "/l/1/y", Some(12)),
        (yaml, Yaml, "/copy/keep", Some(2)),
        (yaml, Yaml, "/l", None),
    ];
    for (text, format, pointer, line) in cases {
        let document = Document::parse(text, *format).unwrap();
        let found = document.at(pointer).unwrap().line(text, *format, pointer);
        assert_eq!(found, *line, "{format:?} {pointer}");
    }
}
