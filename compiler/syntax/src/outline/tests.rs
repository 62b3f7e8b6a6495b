use forge_diag::{Sink, SourceMap};

use super::*;

fn read(text: &str) -> Outline {
    let file = SourceMap::new().add("a.kdl", text);
    outline(file, text)
}

/// A short picture: `name(arguments and properties){children}`.
fn picture(nodes: &[Node]) -> String {
    let one = |node: &Node| {
        let entries: Vec<String> = node
            .entries
            .iter()
            .map(|entry| {
                let value = match &entry.value {
                    Value::Text(text) => text.value.clone(),
                    Value::Integer { written, .. } | Value::Float { written, .. } => {
                        written.clone()
                    }
                    other => format!("{other:?}"),
                };
                entry.name.as_ref().map_or(value.clone(), |name| format!("{}={value}", name.value))
            })
            .collect();
        let children = picture(&node.children);
        let block = if children.is_empty() { String::new() } else { format!("{{{children}}}") };
        format!("{}({}){block}", node.name.value, entries.join(","))
    };
    nodes.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn half_written_texts_are_read_as_they_are_meant() {
    let cases = [
        ("a \"b", "a(b)"),
        ("a b=\nc", "a(b=) c()"),
        ("a b= c=1", "a(b=,c=1)"),
        ("a {\n  b\nc {\n  d\n}\n", "a(){b()} c(){d()}"),
        ("a {\n  b {\n    c \"x\n}\nd\n", "a(){b(){c(x)}} d()"),
        ("a\n}\n}\nb", "a() b()"),
        ("a {\n", "a()"),
        ("a { b; c 1", "a(){b() c(1)}"),
        ("a \"\"\"\n  b\n  ", "a(b)"),
        ("a /* b", "a()"),
        ("a 10.0.0.1 479e3a25 true", "a(10.0.0.1,479e3a25,true)"),
        ("{ a }", "(){a()}"),
        ("\\", ""),
        ("a \\\n  b c=\"d\"", "a(b,c=d)"),
        ("/- a { b }\nc /-1 /-d=2 3 /-{ e }\n", "c(3)"),
    ];
    for (text, want) in cases {
        assert_eq!(picture(&read(text).nodes), want, "{text:?}");
    }
}

/// What [`crate::parse`] and [`outline`] have in common.
fn assert_same(ours: &[Node], theirs: &[Node], text: &str) {
    assert_eq!(ours.len(), theirs.len(), "{}\n{text}", picture(ours));
    for (one, other) in ours.iter().zip(theirs) {
        assert_eq!(one.name.value, other.name.value, "{text}");
        assert_eq!((one.name.span, one.head), (other.name.span, other.head), "{text}");
        assert_eq!(one.entries.len(), other.entries.len(), "{text}");
        for (one, other) in one.entries.iter().zip(&other.entries) {
            assert_eq!((&one.name, &one.value), (&other.name, &other.value), "{text}");
            assert_eq!((one.span, one.reported), (other.span, other.reported), "{text}");
        }
        assert_same(&one.children, &other.children, text);
    }
}

#[test]
fn whole_texts_are_read_as_the_parser_reads_them() {
    let cases = [
        "a 1 0x1F 1.5 -3 1_000 #true #false #null\n",
        "a \"q \\\"x\\\" \\u{1F980} \\\n   y\" b=\"c\" d = \"e\"\n",
        "a #\"r \"q\" \\n\"# ##\"x\"#y\"##\n",
        "a {\n  b \"\"\"\n    one\n\n      two \\\"\n    \"\"\"\n  c #\"\"\"\n    x\\n\n    \"\"\"#\n}\n",
        "// c\na /* b /* c */ */ d=1 // e\n/- x { y }\nz /-{ a }\n",
        "\"quoted name\" \"v\" { é \"ü\" w=\"🦀\"; b }\n",
        "a \\ // comment\n  \"b\" \\\n  c=1\nd; e; f { g; }\n",
        "a { }\nb {}\n",
        "a \"\" b=\"\"\n",
        "a 479e3a25\nb /etc/passwd c=10.0.0.1\nd true word ${x}/y\n",
    ];
    for text in cases {
        let mut sink = Sink::new();
        let file = SourceMap::new().add("a.kdl", text);
        let theirs = crate::parse(file, text, &mut sink).unwrap_or_else(|| panic!("{text}"));
        assert_same(&outline(file, text).nodes, &theirs, text);
    }
}

#[test]
fn a_spot_knows_what_stands_there() {
    // `|` is the cursor.
    let cases = [
        ("|", "- between"),
        ("ro|le \"x\"", "- name role"),
        ("role \"x|\"", "- value role 0"),
        ("role \"x\" |", "- behind role"),
        ("role \"x\" po|", "- value role 1"),
        ("role \"x\" port=|", "- value role 1"),
        ("role \"x\" po|rt=1", "- property role 1"),
        ("role \"x\"| {\n}", "- value role 0"),
        ("role \"x\" {\n    |\n}", "role between"),
        ("role \"x\" {\n    fi|\n}", "role name fi"),
        ("role \"x\" {\n    file \"/et|\n}", "role value file 0"),
        ("role \"x\" {\n    file \"/etc\" { content \"|", "role file value content 0"),
        ("role \"x\" { a; }|", "- between"),
        ("role \"x\" { a; |b; }", "role name b"),
        ("a // b|", "- comment"),
        ("a /* | */ b", "- comment"),
        ("a /* */|", "- behind a"),
    ];
    for (marked, want) in cases {
        let at = marked.find('|').unwrap();
        let text = marked.replace('|', "");
        let read = read(&text);
        let spot = read.spot(&text, at);
        let parents: Vec<&str> = spot.parents.iter().map(|node| node.name.value.as_str()).collect();
        let index = |node: &Node, entry: &Entry| {
            node.entries.iter().position(|one| std::ptr::eq(one, entry)).unwrap()
        };
        let place = match spot.place {
            Place::Comment => "comment".to_owned(),
            Place::Between => "between".to_owned(),
            Place::Name(node) => format!("name {}", node.name.value),
            Place::Property(node, entry) => {
                format!("property {} {}", node.name.value, index(node, entry))
            }
            Place::Value(node, entry) => {
                format!("value {} {}", node.name.value, index(node, entry))
            }
            Place::Behind(node) => format!("behind {}", node.name.value),
        };
        let parents = if parents.is_empty() { "-".to_owned() } else { parents.join(" ") };
        assert_eq!(format!("{parents} {place}"), want, "{marked:?}");
    }
}

#[test]
fn nothing_panics_and_nothing_takes_long() {
    let seeds = ["a { b \"c\" d=1 }\n", "\"\"\"\n x\n\"\"\"", "/* */ /- #\"x\"# \\", "é🦀(x)=;"];
    for seed in seeds {
        for start in 0..=seed.len() {
            for end in start..=seed.len() {
                if let Some(text) = seed.get(start..end) {
                    let read = read(text);
                    for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                        drop(read.spot(text, at));
                    }
                }
            }
        }
    }
    for hostile in ["a {", "/*", "/- {", "\"", "(", "}", "#"] {
        drop(read(&hostile.repeat(50_000)));
    }
}

#[test]
fn a_text_that_ends_before_a_value_ends_there() {
    let text = "a b=(";
    let mut map = SourceMap::new();
    let file = map.add("a.kdl", text);
    let read = outline(file, text);
    let ends = read.nodes[0].entries.iter().map(|entry| entry.span.end as usize);
    assert!(ends.into_iter().all(|end| end <= text.len()));
}
