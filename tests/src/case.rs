//! Projects that stand in one text: the cases of `tests/suite`, and the examples of a page.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::unescape;

/// The directory of the suite.
pub fn suite_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("suite")
}

/// The files of the suite, one for each case, by path.
pub fn suite_cases() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![suite_directory()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).expect("a directory of cases") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                assert!(path.extension().is_some_and(|end| end == "kdl"), "{}", path.display());
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A finding that a case asks for: file (empty without a place), line in it, and
/// `error[CODE] TEXT`.
pub type Wanted = (String, usize, String);

/// One file of a case.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Its path in the project.
    pub path: String,
    /// The line of the case on which it begins.
    pub first_line: usize,
    /// Its text, without marks.
    pub text: String,
    /// How often its text stands in the project.
    pub times: usize,
}

/// A project with the findings that it must give. How it is written stands in `tests/suite.rs`.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its files.
    pub files: Vec<CaseFile>,
    /// The findings.
    pub wanted: Vec<Wanted>,
    /// A `forge.kdl` is there, whether the case has one or not.
    has_root: bool,
}

impl Case {
    /// Reads a case.
    pub fn read(text: &str) -> Self {
        let (mut files, mut wanted): (Vec<CaseFile>, Vec<Wanted>) = (Vec::new(), Vec::new());
        let multiple = text.lines().any(|line| line.starts_with("//- "));
        if !multiple {
            let path = "forge.kdl".to_owned();
            files.push(CaseFile { path, first_line: 0, text: String::new(), times: 1 });
        }
        let mut line_of_file = 0;
        for (index, line) in text.lines().enumerate() {
            if let Some(path) = line.strip_prefix("//- ") {
                let (path, times) = path.split_once(" times=").unwrap_or((path, "1"));
                let (path, times) = (path.trim().to_owned(), times.parse().expect("a number"));
                files.push(CaseFile { path, first_line: index + 1, text: String::new(), times });
                line_of_file = 0;
                continue;
            }
            let (shown, mark) = split_mark(line);
            line_of_file += 1;
            let file = files.last_mut();
            if let Some(mark) = mark {
                let place = match &file {
                    Some(file) => (file.path.clone(), line_of_file),
                    _ => (String::new(), 0),
                };
                for one in mark.split(" ;; ") {
                    wanted.push((place.0.clone(), place.1, one.to_owned()));
                }
            }
            if let Some(file) = file {
                file.text.push_str(shown);
                file.text.push('\n');
            }
        }
        wanted.sort();
        Self { files, wanted, has_root: !text.contains("//! no-project") }
    }

    /// The project: paths and texts.
    pub fn project(&self) -> BTreeMap<String, String> {
        let mut project = BTreeMap::new();
        if self.has_root {
            project.insert("forge.kdl".to_owned(), String::new());
        }
        for file in &self.files {
            project.insert(file.path.clone(), unescape(&file.text).repeat(file.times));
        }
        project
    }
}

/// The text of a line and what its mark asks for.
pub fn split_mark(line: &str) -> (&str, Option<&str>) {
    match line.split_once("//~") {
        None => (line, None),
        Some((text, mark)) => {
            let text = text.strip_suffix("{# ").unwrap_or(text).trim_end();
            (text, Some(mark.trim_end().trim_end_matches("#}").trim()))
        }
    }
}

/// The projects of the suite, each with its name.
pub fn suite_projects() -> Vec<(String, BTreeMap<String, String>)> {
    let named = suite_cases().into_iter().map(|path| {
        let text = fs::read_to_string(&path).expect("a case");
        let name = path.strip_prefix(suite_directory()).expect("a path of the suite");
        (name.display().to_string(), Case::read(&text).project())
    });
    named.collect()
}

/// The blocks of a page that say `kind`, as a project: paths and texts.
///
/// A fenced block ```` ```kdl,KIND ```` is its `forge.kdl`; `file=PATH` makes it another file, and
/// `times=N` repeats its text.
pub fn page_project(page: &str, name: &str, kind: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut block: Option<(String, usize, String)> = None;
    for line in page.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let (language, rest) = info.split_once(',').unwrap_or((info, ""));
                assert!(!language.is_empty(), "{name}: a block without a language");
                let mut words = rest.split(' ');
                if words.next() != Some(kind) {
                    // Some other example: read over.
                    block = Some((String::new(), 0, String::new()));
                    continue;
                }
                let (mut path, mut times) = ("forge.kdl", 1);
                for word in words {
                    match word.split_once('=') {
                        Some(("file", value)) => path = value,
                        Some(("times", value)) => times = value.parse().expect("a number"),
                        other => panic!("{name}: {other:?} means nothing"),
                    }
                }
                block = Some((path.to_owned(), times, String::new()));
            }
            (Some(_), Some(_)) => {
                if let Some((path, times, text)) = block.take().filter(|(_, times, _)| *times > 0) {
                    files.insert(path, unescape(&text).repeat(times));
                }
            }
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(!files.is_empty(), "{name}: no block says `{kind}`");
    files
}
