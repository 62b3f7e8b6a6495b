use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

/// A range of bytes in one file. Which one is not part of its serialized form: that belongs to one
/// file, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The file.
    #[serde(skip)]
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes `start..end` of `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Self { file, start: offset(start), end: offset(end) }
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// True when it covers nothing.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// True when `other` lies in this one.
    pub fn contains(self, other: Self) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }

    /// The empty place right behind it.
    #[must_use]
    pub fn behind(self) -> Self {
        Self { start: self.end, ..self }
    }

    /// The part of this span from `start` to `end`, both relative to its first byte.
    #[must_use]
    pub fn slice(self, start: usize, end: usize) -> Self {
        let at = |relative: usize| self.start.saturating_add(offset(relative)).min(self.end);
        Self { file: self.file, start: at(start), end: at(end) }
    }
}

/// Sources are bounded far below 4 GiB; a larger offset is clamped rather than wrapped.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A value with its place. Equality, order and hash look at the value alone.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value`, written at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: change(self.value), span: self.span }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: PartialOrd> PartialOrd for Spanned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for Spanned<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T: Hash> Hash for Spanned<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

/// A place as people and reports name it. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Path relative to the project's root.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

#[derive(Clone, Debug)]
struct File {
    path: Arc<str>,
    text: Arc<str>,
    line_starts: Arc<[u32]>,
}

/// The texts that spans point into.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<File>,
}

/// Where files of a copied map are in the map that absorbed it.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    copied: usize,
    to: Vec<FileId>,
}

impl Moved {
    /// The file of the absorbing map.
    pub fn file(&self, file: FileId) -> FileId {
        let later = (file.0 as usize).checked_sub(self.copied);
        later.and_then(|index| self.to.get(index)).copied().unwrap_or(file)
    }

    /// Nothing has another place.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }
}

impl SourceMap {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; the same path twice gives two files.
    pub fn add(&mut self, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(offset(self.files.len()));
        let text: Arc<str> = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| offset(at + 1))).collect();
        self.files.push(File { path: path.into(), text, line_starts });
        id
    }

    /// Takes over the files that a copy of this map got since it was copied: those with a path that
    /// is here already are that file. Gives the place that each file of the copy has here.
    pub fn absorb(&mut self, copy: &Self, copied: usize) -> Moved {
        let mut moved = Moved { copied, to: Vec::new() };
        for file in copy.files.iter().skip(copied) {
            let known = self.files.iter().skip(copied).position(|known| known.path == file.path);
            let index = known.map_or(self.files.len(), |known| copied + known);
            if known.is_none() {
                self.files.push(file.clone());
            }
            moved.to.push(FileId(offset(index)));
        }
        moved
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// True without any file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files, in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..offset(self.files.len())).map(FileId)
    }

    fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(id.0 as usize)
    }

    /// The path of a file, relative to the project's root; empty for a file of another map.
    pub fn path(&self, id: FileId) -> Arc<str> {
        self.file(id).map_or_else(|| Arc::from(""), |file| file.path.clone())
    }

    /// The text of a file; empty for a file of another map.
    pub fn text(&self, id: FileId) -> &str {
        self.file(id).map_or("", |file| &file.text)
    }

    /// The text that a span covers; empty when it covers no whole characters.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Where a word stands in a span: none where it does not stand there just once.
    pub fn word(&self, span: Span, word: &str) -> Option<Span> {
        let text = self.slice(span);
        let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let mut places = text.match_indices(word).filter(|(at, _)| {
            let behind = text.get(at + word.len()..).unwrap_or_default();
            !text.get(..*at).unwrap_or_default().ends_with(in_word) && !behind.starts_with(in_word)
        });
        let (at, _) = places.next().filter(|_| !word.is_empty())?;
        places.next().is_none().then(|| span.slice(at, at + word.len()))
    }

    /// The whole lines of a span, with some before and behind.
    pub fn lines(&self, span: Span, before: usize, after: usize) -> Span {
        let Some(file) = self.file(span.file) else { return span };
        let index = |at: u32| file.line_starts.partition_point(|start| *start <= at).max(1) - 1;
        let start = index(span.start).saturating_sub(before);
        let start = file.line_starts.get(start).copied().unwrap_or(0);
        let next = index(span.end.max(span.start)).saturating_add(after).saturating_add(1);
        let end = file.line_starts.get(next).copied().unwrap_or(offset(file.text.len()));
        Span { file: span.file, start, end: end.max(span.end) }
    }

    /// The place of a span's first byte.
    pub fn place(&self, span: Span) -> Place {
        self.place_of(span.file, span.start)
    }

    /// The place just behind a span's last byte.
    pub fn end_place(&self, span: Span) -> Place {
        self.place_of(span.file, span.end)
    }

    fn place_of(&self, id: FileId, at: u32) -> Place {
        let Some(file) = self.file(id) else {
            return Place { file: Arc::from(""), line: 1, column: 1 };
        };
        let index = file.line_starts.partition_point(|start| *start <= at).max(1) - 1;
        let start = file.line_starts.get(index).copied().unwrap_or(0);
        let before = file.text.get(start as usize..at as usize).unwrap_or("");
        let column = offset(before.chars().count() + 1);
        Place { file: file.path.clone(), line: offset(index + 1), column }
    }

    /// The rest of the line (without a trailing brace, blanks or comment marks cut) that begins at
    /// a place: for stages that know a place and no span. None when there is no such place.
    pub fn span_at(&self, path: &str, line: u32, column: u32) -> Option<Span> {
        let index = self.files.iter().position(|file| &*file.path == path)?;
        let file = self.files.get(index)?;
        let start = *file.line_starts.get(usize::try_from(line).ok()?.checked_sub(1)?)? as usize;
        let rest = file.text.get(start..)?;
        let text = rest.split('\n').next().unwrap_or("");
        let skipped: usize =
            text.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
        let shown = text.get(skipped..)?.trim_end_matches(['{', ' ', '\t', '\r']);
        let from = start + skipped;
        Some(Span::new(FileId(offset(index)), from, from + shown.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let mut map = SourceMap::new();
        let file = map.add("a.kdl", "one\nzwéi x\n\nvier {\n");
        let cases =
            [(0, 1, 1), (3, 1, 4), (4, 2, 1), (10, 2, 6), (11, 2, 7), (12, 3, 1), (13, 4, 1)];
        for (at, line, column) in cases {
            let place = map.place(Span::new(file, at, at));
            assert_eq!((place.line, place.column), (line, column), "byte {at}");
        }
        assert_eq!(map.slice(Span::new(file, 4, 9)), "zwéi");
        assert_eq!(map.span_at("a.kdl", 2, 6).map(|span| map.slice(span)), Some("x"));
        assert_eq!(map.span_at("a.kdl", 4, 1).map(|span| map.slice(span)), Some("vier"));
        assert_eq!(map.span_at("a.kdl", 9, 1), None);
        assert_eq!(map.span_at("b.kdl", 1, 1), None);
    }

    #[test]
    fn a_word_is_found_where_it_stands_once() {
        let mut map = SourceMap::new();
        let file = map.add("a.kdl", "mount \"size=1G,nosiud,x-size,ro\" ro");
        let span = Span::new(file, 6, 32);
        for (word, want) in [
            ("nosiud", Some(15)),
            ("size", Some(7)),
            ("ro", Some(29)),
            ("nosi", None),
            ("rw", None),
            ("", None),
        ] {
            assert_eq!(map.word(span, word).map(|found| found.start), want, "{word}");
        }
        assert_eq!(map.word(Span::new(file, 6, 35), "ro"), None, "twice");
    }

    #[test]
    fn a_map_takes_over_what_its_copies_got() {
        let mut map = SourceMap::new();
        map.add("a.kdl", "a");
        let copied = map.len();
        let (mut one, mut two) = (map.clone(), map.clone());
        one.add("x.j2", "x");
        let two_y = two.add("y.j2", "y");
        let two_x = two.add("x.j2", "x");
        assert!(!map.absorb(&one, copied).is_empty());
        let moved = map.absorb(&two, copied);
        let paths: Vec<_> = map.files().map(|file| map.path(file).to_string()).collect();
        assert_eq!(paths, ["a.kdl", "x.j2", "y.j2"]);
        assert_eq!(&*map.path(moved.file(two_y)), "y.j2");
        assert_eq!(&*map.path(moved.file(two_x)), "x.j2");
        let first = map.files().next().unwrap();
        assert_eq!(moved.file(first), first);
    }

    #[test]
    fn spanned_values_compare_by_value() {
        let mut map = SourceMap::new();
        let file = map.add("a.kdl", "xx");
        let (first, second) = (Span::new(file, 0, 1), Span::new(file, 1, 2));
        assert_eq!(Spanned::new("v", first), Spanned::new("v", second));
        assert_ne!(Spanned::new("v", first), Spanned::new("w", first));
    }
}
