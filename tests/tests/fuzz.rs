//! Texts that were whole, damaged at random, for everything that reads what people write: the
//! guard, the parser, the decoder, templates, interpolation, and texts that systemd and sudo read.
//!
//! ```text
//! cargo test -p forge-test --test fuzz                                  # the same 200 texts each
//! FORGE_FUZZ_SECONDS=3600 cargo test --profile fuzz -p forge-test --test fuzz -- --nocapture
//! ```
//!
//! Each timed run begins with another seed, which it prints; `FORGE_FUZZ_SEED` takes one again, as
//! `tests/run` does with one that belongs to the commit. What fails is made smaller and shown. The
//! text at hand stands in a file all the time, so that one that overflows the stack, or never ends,
//! is known too.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(clippy::print_stderr, reason = "a run says what it did")]

use std::fs;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use forge_diag::{Sink, SourceMap, Span, codes};
use forge_model::MemorySources;
use forge_syntax::{Node, Piece, Text};
use forge_test::unescape;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

/// Bytes of a text; more only takes more time.
const LARGEST: usize = 32 << 10;
/// Longer than any text of that size takes, on a busy machine and without optimisation.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is put into a text, beside pieces of other texts.
const PIECES: &[&str] = &[
    "{",
    "}",
    "\"",
    "\"\"\"",
    "\"\"\"\n",
    "#\"",
    "\"#",
    "##\"\"\"",
    "/-",
    "/*",
    "*/",
    "//",
    "\\",
    "\\\n",
    "\\q",
    "\\u{",
    "\\u{d800}",
    "=",
    "=1",
    "'",
    "(",
    ")",
    "(u8)",
    ";",
    "\n",
    "\r",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{b}",
    "\u{a0}",
    " ",
    "\t",
    "${",
    "$${",
    "${a}",
    "${a.count}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "{% for a in range(99999) %}",
    "{% endfor %}",
    "{{ a * 99 }}",
    "{{ (\"x\" * 999) }}",
    "{% macro a() %}{{ a() }}{% endmacro %}",
    "| join",
    "~a",
    ".a",
    "not ",
    "(1)",
    "{% elif a %}",
    "{% set a.b = [a.b] %}",
    "true",
    "#true",
    "#null",
    "0755",
    "479e3225",
    "10.0.0.1",
    "-1",
    "99999999999999999999999999999999999999999",
    "1e999",
    "é",
    "\u{202e}",
    "\u{feff}",
    "\0",
    "a[1-99999999]",
    "10.0.0.0/8",
    "99999999999T",
    "role",
    "image",
    " from=\"i\"",
    "when",
    "a",
];

/// A text of the corpus and what is done to it.
#[derive(Clone, Debug)]
enum Damage {
    /// A piece in place of some bytes.
    Piece(&'static str),
    /// A part of another text.
    Splice { text: prop::sample::Index, at: prop::sample::Index, length: usize },
    /// The same bytes again and again.
    Repeat(usize),
    /// Any text.
    Any(String),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => prop::sample::select(PIECES).prop_map(Damage::Piece),
        2 => (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..200)
            .prop_map(|(text, at, length)| Damage::Splice { text, at, length }),
        1 => prop_oneof![2_usize..5, 2_usize..3000].prop_map(Damage::Repeat),
        1 => ".{0,6}".prop_map(Damage::Any),
    ]
}

fn boundary(text: &str, at: usize) -> usize {
    (at.min(text.len())..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// Texts of the corpus with some damage.
fn damaged(corpus: Arc<Vec<String>>) -> impl Strategy<Value = String> {
    let place = (any::<prop::sample::Index>(), prop_oneof![0_usize..8, 0_usize..200]);
    let damages = prop::collection::vec((place, damage()), 0..6);
    (any::<prop::sample::Index>(), damages).prop_map(move |(whole, damages)| {
        let mut text = whole.get(&corpus).clone();
        for ((at, length), damage) in damages {
            let start = boundary(&text, at.index(text.len() + 1));
            let end = boundary(&text, start + length);
            let new = match damage {
                Damage::Piece(piece) => piece.to_owned(),
                Damage::Splice { text, at, length } => {
                    let other = text.get(&corpus);
                    let start = boundary(other, at.index(other.len() + 1));
                    other[start..boundary(other, start + length)].to_owned()
                }
                Damage::Repeat(times) => text[start..end].repeat(times),
                Damage::Any(text) => text,
            };
            text.replace_range(start..end, &new);
            let most = boundary(&text, LARGEST);
            text.truncate(most);
        }
        text
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files of the repository that end so.
fn files(end: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending: Vec<PathBuf> =
        ["specs", "stdlib", "tests/golden", "tests/suite"].map(|name| root().join(name)).into();
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|found| found == end) {
                found.extend(fs::read_to_string(path).ok());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no file ends with .{end}");
    found
}

/// Every spec of the repository, and every example of the pages of the codes.
fn specs() -> Vec<String> {
    let mut texts = files("kdl");
    for code in codes::ALL {
        for block in code.page.split("```kdl").skip(1) {
            let (_, text) = block.split_once('\n').unwrap();
            texts.push(unescape(text.split("```").next().unwrap()));
        }
    }
    texts
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Gives damaged texts to `check` until the time is over.
fn fuzz(target: &str, corpus: Vec<String>, check: impl Fn(&str) -> Result<(), String>) {
    let time = Duration::from_secs(number("FORGE_FUZZ_SECONDS", 0));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // Without a time to fill, a run is the same run every time.
    let other = if time.is_zero() { 1 } else { u64::from(now.subsec_nanos()) ^ now.as_secs() };
    let seed = number("FORGE_FUZZ_SEED", other);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}.txt"));
    let begun = Arc::new(AtomicU64::new(u64::MAX));
    let start = Instant::now();
    watch(target, &path, begun.clone(), start);
    let file = std::cell::RefCell::new(fs::File::create(&path).unwrap());
    let strategy = damaged(Arc::new(corpus));
    let (mut batch, mut cases) = (0_u64, 0_u32);
    while batch == 0 || start.elapsed() < time {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&batch.to_le_bytes());
        let config = ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let done = TestRunner::new_with_rng(config, rng).run(&strategy, |text| {
            let mut file = file.borrow_mut();
            file.set_len(0).and_then(|()| file.rewind()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            begun.store(u64::try_from(start.elapsed().as_millis()).unwrap(), Ordering::Relaxed);
            let checked = check(&text);
            begun.store(u64::MAX, Ordering::Relaxed);
            checked.map_err(TestCaseError::fail)
        });
        match done {
            Ok(()) => {}
            Err(TestError::Fail(why, text)) => {
                panic!("{target}, seed {seed}: {why}\nthe text:\n{text:?}")
            }
            Err(TestError::Abort(why)) => panic!("{target}, seed {seed}: {why}"),
        }
        (batch, cases) = (batch + 1, cases + 200);
    }
    drop(fs::remove_file(&path));
    eprintln!("{target}: {cases} texts in {} s, seed {seed}", start.elapsed().as_secs());
}

/// Ends everything when one text takes for ever.
fn watch(target: &str, path: &Path, begun: Arc<AtomicU64>, start: Instant) {
    let (target, path) = (target.to_owned(), path.to_owned());
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let since = Duration::from_millis(begun.load(Ordering::Relaxed));
            if start.elapsed().checked_sub(since).is_some_and(|took| took > PATIENCE) {
                eprintln!("{target}: the text in `{}` takes too long", path.display());
                std::process::abort();
            }
        }
    });
}

// --- what must hold ---

fn is_inside(map: &SourceMap, span: Span) -> Result<(), String> {
    let (start, end) = (span.start as usize, span.end as usize);
    let text = map.text(span.file);
    if start <= end && text.is_char_boundary(start) && text.is_char_boundary(end) {
        return Ok(());
    }
    Err(format!("{start}..{end} is no place of a text of {} bytes", text.len()))
}

/// Findings speak of places that are there, and can be shown.
fn can_be_shown(found: &[forge_diag::Diagnostic], map: &SourceMap) -> Result<(), String> {
    for label in found.iter().flat_map(|found| &found.labels) {
        is_inside(map, label.span)?;
    }
    let human = forge_diag::render::human(found, map, forge_diag::render::HumanOptions::default());
    if human.contains("Failed to read contents") { Err(human) } else { Ok(()) }
}

#[test]
fn guard() {
    fuzz("guard", specs(), |text| {
        // Any bytes: one in a thousand is turned around.
        let mut bytes = text.as_bytes().to_vec();
        if text.len() % 2 == 1 {
            bytes.iter_mut().step_by(997).for_each(|byte| *byte = !*byte);
        }
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let loaded = forge_syntax::load("a.kdl", &bytes, &mut map, &mut sink);
        let found = sink.into_sorted();
        if loaded.is_none() == found.is_empty() {
            return Err(format!("loaded: {}, findings: {}", loaded.is_some(), found.len()));
        }
        can_be_shown(&found, &map)
    });
}

#[test]
fn parser() {
    fuzz("parser", specs(), |text| {
        let (mut map, mut sink) = (SourceMap::new(), Sink::new());
        let loaded = forge_syntax::load("a.kdl", text.as_bytes(), &mut map, &mut sink);
        // What the guard refuses is never parsed.
        let Some(file) = loaded else { return Ok(()) };
        let nodes = forge_syntax::parse(file, text, &mut sink);
        let found = sink.into_sorted();
        can_be_shown(&found, &map)?;
        if nodes.is_none() && found.is_empty() {
            return Err("refused without a word".to_owned());
        }
        are_nested(nodes.as_deref().unwrap_or_default(), Span::new(file, 0, text.len()), &map)?;
        let outline = forge_syntax::outline(file, text);
        are_nested(&outline.nodes, Span::new(file, 0, text.len()), &map)?;
        let mut sink = Sink::new();
        let Some(once) = forge_syntax::format(file, text, &mut sink) else {
            // The formatter compares what it read with what it wrote, and says so when they differ.
            let lost =
                sink.into_sorted().iter().any(|found| found.headline.contains("without a change"));
            return if lost { Err("formatting changes the meaning".to_owned()) } else { Ok(()) };
        };
        let again = forge_syntax::format(file, &once, &mut sink);
        if again.as_ref() == Some(&once) {
            Ok(())
        } else {
            Err(format!("{once:?} is formatted to {again:?}"))
        }
    });
}

fn are_nested(nodes: &[Node], around: Span, map: &SourceMap) -> Result<(), String> {
    for node in nodes {
        let entries = node.entries.iter().map(|entry| entry.span);
        for span in entries.chain([node.name.span, node.head, node.span]) {
            is_inside(map, span)?;
            if span.start < around.start || span.end > around.end {
                return Err(format!("{span:?} is not inside of {around:?}"));
            }
        }
        are_nested(&node.children, node.span, map)?;
    }
    Ok(())
}

/// A project of one damaged file, and of others that it may name.
fn compiled(files: &[(&str, &str)]) -> Result<(), String> {
    let mut sources = MemorySources::new();
    sources.insert("other/base.kdl", "base \"bookworm\" { debian suite=\"bookworm\"; }\n");
    sources.insert("x.j2", "{{ cluster }}\n");
    for (path, text) in files {
        sources.insert(*path, text);
    }
    let checked = forge_plan::check(&sources, forge_test::today());
    can_be_shown(&checked.diagnostics, &checked.source_map)
}

#[test]
fn decoder() {
    fuzz("decoder", specs(), |text| compiled(&[("forge.kdl", text)]));
}

#[test]
fn templates() {
    let spec = "role \"r\" {\n    param \"a\" type=\"string\" default=\"é\"\n    \
        param \"servers\" type=\"list\" of=\"name\" { default \"x\" \"y\"; }\n    \
        param \"size\" type=\"size\" default=\"1G\"\n    file \"/x\" template=\"t.j2\"\n}\n\
        image \"i\" { base \"bookworm\"; role \"r\"; }\n";
    fuzz("templates", files("j2"), move |text| compiled(&[("forge.kdl", spec), ("t.j2", text)]));
}

/// Units and rules of sudo: as files of the project, as templates, and as texts of the spec.
#[test]
fn foreign() {
    let spec = |inline: &str| {
        format!(
            "role \"r\" {{\n    unit \"a.service\" source=\"text\"\n    \
             unit \"b.timer\" template=\"text\"\n    unit \"c.service\" {{ content {inline}; }}\n    \
             file \"/etc/sudoers.d/a\" source=\"text\"\n    \
             file \"/etc/sudoers.d/b\" template=\"text\"\n    \
             file \"/etc/sudoers\" {{ content {inline}; }}\n}}\n\
             image \"i\" {{ base \"bookworm\"; role \"r\"; }}\n"
        )
    };
    let rules = "# rules\nUser_Alias OPS = ann, %wheel : DEVS = \"bob c\"\nDefaults:ann \
                 env_keep += \"A B\", !x\nOPS ALL=(root : adm) NOPASSWD: \\\n  sha256:aa /bin/a x\\:y, \
                 ! /bin/b, sudoedit /etc/x : h2 = ALL\n@includedir /etc/sudoers.d\n#1000 ALL=ALL #x\n";
    let mut corpus = files("service");
    corpus.push("[Timer]\nOnCalendar=*-*-* 0/4:00\n[Install]\nWantedBy=timers.target\n".to_owned());
    corpus.extend([rules.to_owned(), rules.repeat(4)]);
    corpus.push("[Service]\nExecStart=@-/bin/x 'a b' && \\\n# c\n \"y\nAftre=x\n".repeat(4));
    fuzz("foreign", corpus, move |text| {
        let block =
            format!("\"\"\"\n{}\n\"\"\"", text.replace('\\', "\\\\").replace("\"\"\"", "''"));
        for inline in [forge_syntax::quote(text), block] {
            compiled(&[("forge.kdl", &spec(&inline)), ("text", text)])?;
        }
        Ok(())
    });
}

#[test]
fn interpolation() {
    let corpus =
        ["", "a ${b} $${c} ${d-1.count} é", "${a}${a}", "$$$${", "/srv/${cluster}/${type}"];
    fuzz("interpolation", corpus.map(str::to_owned).to_vec(), |text| {
        let written = |value: String| Text { value, raw: false };
        let literal = forge_syntax::pieces(&written(text.replace("${", "$${")));
        if literal != Ok(vec![Piece::Literal(text.to_owned())]) {
            return Err(format!("with `$${{`, it is {literal:?}"));
        }
        if let Ok(pieces) = forge_syntax::pieces(&written(text.to_owned())) {
            let again: String = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Literal(text) => text.replace("${", "$${"),
                    Piece::Name { name, .. } => format!("${{{name}}}"),
                })
                .collect();
            if again != *text {
                return Err(format!("put together, it is {again:?}"));
            }
        }
        let hashes = "#".repeat(3);
        if text.contains("\"###") || text.contains(['\n', '\r']) {
            return Ok(());
        }
        let quoted = forge_syntax::quote(text);
        let spec = format!(
            "role \"r\" {{\n    param \"b\" type=\"string\"\n    file \"/x\" {{ content {quoted}; }}\n    \
             file \"/y\" {{ content {hashes}\"{text}\"{hashes}; }}\n    packages {quoted}\n}}\n\
             image \"i\" {{ base \"bookworm\"; role \"r\" b={quoted}; }}\n"
        );
        compiled(&[("forge.kdl", &spec)])
    });
}
