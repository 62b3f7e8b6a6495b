//! Edits of a text file that something else brought. What an edit makes of a file is decided here
//! and nowhere else, so that what the spec knows of a file and what a build makes of it are one.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// One edit of a text file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Edit {
    /// One line.
    Line {
        /// A regular expression: the line that it matches is replaced. Without one the line is put
        /// at the end, unless it stands in the file.
        pattern: Option<String>,
        /// The line, as it is.
        text: String,
        /// Where the pattern matches nothing, the line is put at the end.
        append: bool,
    },
    /// One setting of a file of sections and keys.
    Setting {
        /// The section; none for what stands before the first.
        section: Option<String>,
        /// The key.
        key: String,
        /// What stands between key and value; a blank means white space.
        separator: String,
        /// The value, as it is.
        value: String,
    },
}

/// Why an edit does not fit a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// No line matches.
    Nowhere {
        /// The pattern.
        pattern: String,
    },
    /// Several lines match, or set the key.
    Several {
        /// `match ‘…’`, `set ‘…’`.
        what: String,
        /// The lines, the first being 1.
        lines: Vec<usize>,
    },
    /// The value goes on in the next line.
    Continued {
        /// The key.
        key: String,
        /// The line, the first being 1.
        line: usize,
    },
    /// A line sets the key, with something else between it and the value.
    Separated {
        /// The key.
        key: String,
        /// The line, the first being 1.
        line: usize,
        /// What stands there: `=`, `:`, or a blank.
        by: char,
    },
    /// The pattern is no regular expression.
    Pattern {
        /// Why, in one line.
        why: String,
    },
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere { pattern } => write!(f, "no line matches `{pattern}`"),
            Self::Several { what, lines } => {
                let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
                write!(f, "lines {} {what}", lines.join(", "))
            }
            Self::Continued { key, line } => {
                write!(f, "the value of `{key}` goes on after line {line}")
            }
            Self::Separated { key, line, by } => {
                let by = if *by == ' ' { "white space" } else { &format!("`{by}`") };
                write!(f, "line {line} sets `{key}` with {by} before the value")
            }
            Self::Pattern { why } => write!(f, "not a regular expression: {why}"),
        }
    }
}

impl std::error::Error for EditError {}

impl EditError {
    /// How to mend it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Nowhere { .. } => {
                "mend the pattern, or write `append=#true` to put the line at the end then"
            }
            Self::Several { what, .. } if what.starts_with("set ") => {
                "one edit changes one line: use `line` with a pattern for one of them"
            }
            Self::Several { .. } => "one edit changes one line: make the pattern match only that",
            Self::Continued { .. } => "declare the whole `file`, or a file of its own beside it",
            Self::Separated { by: '=', .. } => "write `sep=\"=\"`",
            Self::Separated { by: ':', .. } => "write `sep=\":\"`",
            Self::Separated { .. } => "write `sep=\" \"`",
            Self::Pattern { .. } => "write `\\` before a character that is meant as it stands",
        }
    }
}

/// The pattern of a `line`: `^` and `$` stand at the ends of the line.
///
/// # Errors
/// Why it is no regular expression, in one line.
pub fn line_pattern(pattern: &str) -> Result<regex::bytes::Regex, String> {
    regex::bytes::Regex::new(pattern).map_err(|error| {
        let story = error.to_string();
        story.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

impl Edit {
    /// The file after the edit.
    ///
    /// # Errors
    /// Why the edit does not fit it.
    pub fn apply(&self, file: &[u8]) -> Result<Vec<u8>, EditError> {
        let mut text = Lines::of(file);
        match self {
            Self::Line { pattern, text: line, append } => {
                let pattern = pattern.as_deref();
                edit_line(&mut text, (pattern, *append), line.as_bytes())?;
            }
            Self::Setting { section, key, separator, value } => {
                let setting = Setting { section: section.as_deref(), key, separator, value };
                setting.put(&mut text)?;
            }
        }
        Ok(text.joined())
    }
}

fn edit_line(
    file: &mut Lines<'_>,
    (pattern, append): (Option<&str>, bool),
    line: &[u8],
) -> Result<(), EditError> {
    let there = (0..file.len()).any(|at| file.body(at) == line);
    let Some(pattern) = pattern else {
        if !there {
            file.insert(file.len(), line.to_vec());
        }
        return Ok(());
    };
    let matches = line_pattern(pattern).map_err(|why| EditError::Pattern { why })?;
    let found: Vec<_> = (0..file.len()).filter(|at| matches.is_match(file.body(*at))).collect();
    match found.as_slice() {
        [at] => file.replace(*at, line.to_vec()),
        [] if there => {}
        [] if append => file.insert(file.len(), line.to_vec()),
        [] => return Err(EditError::Nowhere { pattern: pattern.to_owned() }),
        several => return Err(several_lines(format!("match `{pattern}`"), several)),
    }
    Ok(())
}

fn several_lines(what: String, found: &[usize]) -> EditError {
    EditError::Several { what, lines: found.iter().map(|at| at + 1).collect() }
}

struct Setting<'a> {
    section: Option<&'a str>,
    key: &'a str,
    separator: &'a str,
    value: &'a str,
}

/// A line that gives a key its value, or a comment that shows how: where key and value stand.
struct Assignment<'a> {
    indent: &'a [u8],
    key: &'a [u8],
    /// The separator with the white space around it.
    between: &'a [u8],
}

impl Setting<'_> {
    fn put(&self, file: &mut Lines<'_>) -> Result<(), EditError> {
        let sections = self.sections(file);
        let inside = || sections.iter().cloned().flatten();
        let set: Vec<_> = inside().filter(|at| self.sets(file.body(*at))).collect();
        match set.as_slice() {
            [at] => {
                let line = file.body(*at);
                if line.ends_with(b"\\") {
                    let key = self.key.to_owned();
                    return Err(EditError::Continued { key, line: at + 1 });
                }
                let blank = self.separator.trim().is_empty();
                if blank && self.separated_otherwise(line) == Some('=') {
                    let key = self.key.to_owned();
                    return Err(EditError::Separated { key, line: at + 1, by: '=' });
                }
                let line = self.written_like(line, line);
                file.replace(*at, line);
                return Ok(());
            }
            [] => {}
            several => return Err(several_lines(format!("set `{}`", self.key), several)),
        }
        // A second line of the key would be passed over, or mean something else.
        for at in inside() {
            if let Some(by) = self.separated_otherwise(file.body(at)) {
                return Err(EditError::Separated { key: self.key.to_owned(), line: at + 1, by });
            }
        }
        // A comment that shows the setting keeps standing: it says what holds without it.
        let shown = inside().rfind(|at| self.shows(file.body(*at)));
        if let Some(at) = shown {
            let line = self.written_like(uncommented(file.body(at)), file.body(at));
            file.insert(at + 1, line);
            return Ok(());
        }
        let last_set =
            |mut range: Range<usize>| range.rfind(|at| self.assignment(file.body(*at)).is_some());
        let Some(section) = sections.last() else {
            let like = last_set(0..file.len());
            let line = self.new_line(file, like);
            self.add_section(file, line);
            return Ok(());
        };
        let (like, at) = match last_set(section.clone()) {
            Some(last) => (Some(last), last + 1),
            None => (last_set(0..file.len()), self.first_place(file, section)),
        };
        let line = self.new_line(file, like);
        file.insert(at, line);
        Ok(())
    }

    /// The lines of the section, once for each time that it stands in the file.
    fn sections(&self, file: &Lines<'_>) -> Vec<Range<usize>> {
        let headers: Vec<_> = (0..file.len())
            .filter_map(|at| header(file.body(at)).map(|name| (at, name.to_vec())))
            .collect();
        let first = headers.first().map_or(file.len(), |(at, _)| *at);
        let Some(section) = self.section else {
            return std::iter::once(0..first).collect();
        };
        let ends = headers.iter().skip(1).map(|(at, _)| *at).chain([file.len()]);
        let named = headers.iter().zip(ends).filter(|((_, name), _)| name == section.as_bytes());
        named.map(|((at, _), end)| at + 1..end).collect()
    }

    /// Where the first setting of a section goes: below its header; before the first header and
    /// the comment above that for what stands in no section.
    fn first_place(&self, file: &Lines<'_>, section: &Range<usize>) -> usize {
        let comment = |at: &usize| is_comment(file.body(*at));
        match self.section {
            Some(_) => section.start,
            None if section.end == file.len() => section.end,
            None => section.clone().rev().take_while(comment).last().unwrap_or(section.end),
        }
    }

    fn add_section(&self, file: &mut Lines<'_>, line: Vec<u8>) {
        if file.len() > 0 && !file.body(file.len() - 1).is_empty() {
            file.insert(file.len(), Vec::new());
        }
        file.insert(file.len(), format!("[{}]", self.section.unwrap_or_default()).into_bytes());
        file.insert(file.len(), line);
    }

    fn sets(&self, line: &[u8]) -> bool {
        self.assignment(line).is_some_and(|found| found.key == self.key.as_bytes())
    }

    /// What stands between key and value of a line that sets the key in another way.
    fn separated_otherwise(&self, line: &[u8]) -> Option<char> {
        let after = line.trim_ascii_start().strip_prefix(self.key.as_bytes())?;
        let by = after.trim_ascii_start().first()?;
        match by {
            b'=' => Some('='),
            b':' => Some(':'),
            _ if after.first().is_some_and(u8::is_ascii_whitespace) => Some(' '),
            _ => None,
        }
    }

    fn shows(&self, line: &[u8]) -> bool {
        is_comment(line) && self.sets(uncommented(line))
    }

    fn assignment<'l>(&self, line: &'l [u8]) -> Option<Assignment<'l>> {
        let start = line.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let (indent, rest) = line.split_at(start);
        if is_comment(line) || rest.starts_with(b"[") {
            return None;
        }
        let separator = self.separator.trim().as_bytes();
        let key = if separator.is_empty() {
            rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len())
        } else {
            let at = rest.windows(separator.len()).position(|part| part == separator)?;
            rest[..at].trim_ascii_end().len()
        };
        let (key, after) = rest.split_at(key);
        let blanks = |text: &[u8]| text.len() - text.trim_ascii_start().len();
        let mut between = blanks(after);
        if !separator.is_empty() {
            between += separator.len();
            between += blanks(after.get(between..).unwrap_or_default());
        }
        Some(Assignment { indent, key, between: after.get(..between).unwrap_or_default() })
    }

    /// The setting, written as `line` writes one, at the indentation of `place`.
    fn written_like(&self, line: &[u8], place: &[u8]) -> Vec<u8> {
        let indent = &place[..place.len() - place.trim_ascii_start().len()];
        let usual = self.usual();
        let between = self.assignment(line).map(|found| found.between);
        // What has no value has no white space to copy, and a missing one is no separator.
        let between = between.filter(|between| !between.is_empty()).unwrap_or(&usual);
        [indent, self.key.as_bytes(), between, self.value.as_bytes()].concat()
    }

    fn new_line(&self, file: &Lines<'_>, like: Option<usize>) -> Vec<u8> {
        let like = like.and_then(|at| self.assignment(file.body(at)));
        let usual = self.usual();
        let (indent, between) = match &like {
            Some(Assignment { indent, key: _, between }) if !between.is_empty() => {
                (*indent, *between)
            }
            _ => (&b""[..], usual.as_slice()),
        };
        [indent, self.key.as_bytes(), between, self.value.as_bytes()].concat()
    }

    fn usual(&self) -> Vec<u8> {
        let separator = self.separator.trim();
        if separator.is_empty() { b" ".to_vec() } else { separator.as_bytes().to_vec() }
    }
}

fn header(line: &[u8]) -> Option<&[u8]> {
    line.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")
}

fn is_comment(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"#") || line.trim_ascii_start().starts_with(b";")
}

/// A comment without its marks.
fn uncommented(line: &[u8]) -> &[u8] {
    let text = line.trim_ascii_start();
    let marks = text.iter().take_while(|byte| b"#;".contains(byte)).count();
    text[marks..].trim_ascii_start()
}

/// A text in lines, each with the line break that it has.
struct Lines<'a> {
    lines: Vec<std::borrow::Cow<'a, [u8]>>,
    line_break: &'static [u8],
}

impl<'a> Lines<'a> {
    fn of(text: &'a [u8]) -> Self {
        let lines: Vec<_> =
            text.split_inclusive(|byte| *byte == b'\n').map(std::borrow::Cow::from).collect();
        let carriage = lines.first().is_some_and(|line| line.ends_with(b"\r\n"));
        Self { lines, line_break: if carriage { b"\r\n" } else { b"\n" } }
    }

    fn len(&self) -> usize {
        self.lines.len()
    }

    /// A line without its line break.
    fn body(&self, at: usize) -> &[u8] {
        let line = self.lines.get(at).map_or(&b""[..], |line| line);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    fn replace(&mut self, at: usize, mut line: Vec<u8>) {
        let end = self.lines[at][self.body(at).len()..].to_vec();
        line.extend(end);
        self.lines[at] = line.into();
    }

    fn insert(&mut self, at: usize, mut line: Vec<u8>) {
        // The last line may lack its break.
        if let Some(before) = at.checked_sub(1)
            && !self.lines[before].ends_with(b"\n")
        {
            self.lines[before].to_mut().extend(self.line_break);
        }
        line.extend(self.line_break);
        self.lines.insert(at, line.into());
    }

    fn joined(&self) -> Vec<u8> {
        self.lines.concat()
    }
}

#[cfg(test)]
mod tests;
