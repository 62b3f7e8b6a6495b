//! Who made a path of an image, and what it hides, for people and for programs.

use std::fmt::Write as _;

use forge_model::{Bytes, Entry, EntryKind, Origin};
use schemars::JsonSchema;
use serde::Serialize;

use crate::shape::{Place, pretty};

/// What was asked about paths of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct BlameReport {
    /// The image.
    pub image: String,
    /// The paths that it has, or had.
    pub paths: Vec<Blamed>,
    /// Paths that it never had, as they were asked for.
    pub missing: Vec<String>,
}

/// One path.
#[derive(Clone, Debug, PartialEq)]
pub struct Blamed {
    /// Where it really lies, links on the way followed.
    pub path: String,
    /// What answers for it: it made the path, or took it away.
    pub by: Made,
    /// The line that was asked about, which `by` wrote.
    pub line: Option<Line>,
    /// What made the file that it edited, the last edit first; without entries.
    pub edits: Vec<Made>,
    /// What lower layers had there, the uppermost first.
    pub shadows: Vec<Made>,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// What it says, without its end.
    pub text: String,
}

/// A layer that made a path, or took it away.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The layer's label.
    pub layer: String,
    /// The kind of what made the path in the layer: `packages`, `declared`, `script`, …
    pub kind: &'static str,
    /// Package names, a script's name, a file of the project; empty for other kinds.
    pub names: Vec<String>,
    /// Places in the spec.
    pub origins: Vec<Origin>,
    /// The same in words.
    pub words: String,
    /// What it made; none where it took the path away.
    pub entry: Option<Entry>,
}

/// The answer, for people.
pub fn blame_text(report: &BlameReport) -> String {
    let mut text = String::new();
    for Blamed { path, by, line, edits, shadows } in &report.paths {
        if let Some(Line { number, text: said }) = line {
            let _ = writeln!(text, "{path}:{number}: {}, {}\n  {said}", by.layer, by.words);
            continue;
        }
        let removed = if by.entry.is_none() { "removed by " } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{path}: {removed}{}, {}", by.layer, by.words);
        for edited in edits {
            let _ = write!(text, "; an edit of {}, {}", edited.layer, edited.words);
        }
        text.push('\n');
        for made in shadows {
            let what = made.entry.as_ref().map_or_else(|| "nothing".to_owned(), described);
            let _ = writeln!(text, "  hides {what}: {}, {}", made.layer, made.words);
        }
    }
    text
}

/// `file 0644 0:0, 286 bytes, 1a2b3c4d`.
fn described(entry: &Entry) -> String {
    let Entry { kind, mode, uid, gid, mtime: _, xattrs: _ } = entry;
    let base = format!("{} {mode:04o} {uid}:{gid}", kind.word());
    match kind {
        EntryKind::File { size, digest, group: _ } => {
            format!("{base}, {}, {}", Bytes(*size), digest.short())
        }
        EntryKind::Symlink { target } => {
            format!("symlink to {}", String::from_utf8_lossy(target))
        }
        EntryKind::Directory { .. }
        | EntryKind::CharDevice { .. }
        | EntryKind::BlockDevice { .. }
        | EntryKind::Fifo
        | EntryKind::Whiteout => base,
    }
}

/// Who made paths of an image: `forgec blame --format json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Blame<'a> {
    /// Version of this form: it rises when a field goes or changes its meaning.
    version: u32,
    /// The image, as it was last built.
    image: &'a str,
    /// The paths that it has, or had.
    paths: Vec<Told<'a>>,
    /// Paths that it never had, as they were asked for.
    missing: &'a [String],
}

/// One path.
#[derive(Debug, Serialize, JsonSchema)]
struct Told<'a> {
    /// Where it really lies, links on the way followed.
    path: &'a str,
    /// False when `by` took it away.
    present: bool,
    /// The layer that answers for it.
    by: Maker<'a>,
    /// The line that was asked about, which `by` wrote; null where a whole path was.
    line: Option<&'a Line>,
    /// What made the file that `by` edited, the last edit first.
    edits: Vec<Maker<'a>>,
    /// What lower layers had there, the uppermost first; not looked for with `--all`.
    shadows: Vec<Maker<'a>>,
}

/// What a layer has at a path.
#[derive(Debug, Serialize, JsonSchema)]
struct Maker<'a> {
    /// The layer's label.
    layer: &'a str,
    /// The kind of what made the path in the layer: `packages`, `package-record`,
    /// `maintainer-script`, `declared`, `script`, `secret`, `stamp` or `source`.
    kind: &'a str,
    /// Package names, a script's name, a file of the project; empty for other kinds.
    names: &'a [String],
    /// Places in the spec.
    origins: Vec<Place<'a>>,
    /// What it made; null where it took the path away, and in `edits`.
    entry: Option<Shown>,
}

/// One path of a layer.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    /// `file`, `directory`, `symlink`, `character_device`, `block_device` or `pipe`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Permission bits in octal, four digits.
    mode: String,
    /// Numeric owner in the image.
    uid: u32,
    /// Numeric group in the image.
    gid: u32,
    /// Bytes of a file; null for anything else.
    bytes: Option<u64>,
    /// BLAKE3 of a file's content, of a secret's file its keyed MAC; null for anything else.
    digest: Option<String>,
    /// A symbolic link's target; null for anything else.
    target: Option<String>,
}

/// The answer as JSON.
pub fn blame_json(report: &BlameReport) -> String {
    let BlameReport { image, paths, missing } = report;
    let paths = paths.iter().map(|Blamed { path, by, line, edits, shadows }| Told {
        path,
        present: by.entry.is_some(),
        by: layer(by),
        line: line.as_ref(),
        edits: edits.iter().map(layer).collect(),
        shadows: shadows.iter().map(layer).collect(),
    });
    pretty(&Blame { version: 1, image, paths: paths.collect(), missing })
}

fn layer(made: &Made) -> Maker<'_> {
    let Made { layer, kind, names, origins, words: _, entry } = made;
    let origins = origins.iter().map(Place::from).collect();
    Maker { layer, kind, names, origins, entry: entry.as_ref().map(shown) }
}

fn shown(entry: &Entry) -> Shown {
    let Entry { kind, mode, uid, gid, mtime: _, xattrs: _ } = entry;
    let file = match kind {
        EntryKind::File { size, digest, group: _ } => Some((*size, digest.to_hex())),
        _ => None,
    };
    let target = match kind {
        EntryKind::Symlink { target } => Some(String::from_utf8_lossy(target).into_owned()),
        _ => None,
    };
    Shown {
        kind: kind.word(),
        mode: format!("{mode:04o}"),
        uid: *uid,
        gid: *gid,
        bytes: file.as_ref().map(|(size, _)| *size),
        digest: file.map(|(_, digest)| digest),
        target,
    }
}
