use crate::{Diagnostic, Moved, Severity, codes};

/// Findings that a run keeps: more than anybody reads, and few enough for any memory.
const MOST: usize = 10_000;

/// Collects the findings of a run: the first ten thousand, and the number of the rest.
#[derive(Clone, Debug, Default)]
pub struct Sink {
    found: Vec<Diagnostic>,
    /// No further ones are kept.
    full: bool,
    /// How many more there were.
    more: usize,
    /// One of those was an error.
    more_errors: bool,
}

impl Sink {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.found.len() >= MOST && !self.full {
            // Images that share a role repeat its mistakes; they count once.
            sort(&mut self.found);
            self.full = self.found.len() > MOST / 2;
        }
        if self.full {
            self.more += 1;
            self.more_errors |= diagnostic.severity == Severity::Error;
        } else {
            self.found.push(diagnostic);
        }
    }

    /// Adds all findings of another sink.
    pub fn append(&mut self, other: Self) {
        self.extend(other.found);
        self.more += other.more;
        self.more_errors |= other.more_errors;
    }

    /// With the places that files have in a map which absorbed the one they were found in.
    pub fn moved(&mut self, moved: &Moved) {
        if moved.is_empty() {
            return;
        }
        for found in &mut self.found {
            let labels = found.labels.iter_mut().map(|label| &mut label.span);
            for span in labels.chain(found.fixes.iter_mut().map(|fix| &mut fix.span)) {
                span.file = moved.file(span.file);
            }
        }
    }

    /// How many findings there are, repeated ones counted each.
    pub fn len(&self) -> usize {
        self.found.len() + self.more
    }

    /// True when nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// True when something found is an error.
    pub fn has_errors(&self) -> bool {
        self.more_errors
            || self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The findings in the order of their places (files as they were added, then offsets), each
    /// once: a role that two images use would repeat its mistakes.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        sort(&mut found);
        if self.more > 0 {
            let headline = format!("{} further findings are not kept", self.more);
            let rest = Diagnostic::error(codes::SYNTAX_SIZE, headline);
            let severity = if self.more_errors { Severity::Error } else { Severity::Warning };
            found.push(Diagnostic { severity, ..rest }.help("mend the first ones and look again"));
        }
        found
    }
}

fn sort(found: &mut Vec<Diagnostic>) {
    found.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.span(), d.severity, d.code.name);
        key(a).cmp(&key(b)).then_with(|| a.headline.cmp(&b.headline))
    });
    found.dedup_by(|a, b| a.span() == b.span() && a.code == b.code && a.headline == b.headline);
}

impl Extend<Diagnostic> for Sink {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SourceMap, Span};

    #[test]
    fn findings_come_out_by_place_and_once() {
        let mut map = SourceMap::new();
        let (a, b) = (map.add("a.kdl", "abc"), map.add("b.kdl", "abc"));
        let mut sink = Sink::new();
        for (file, at) in [(b, 0), (a, 2), (a, 1), (a, 2)] {
            let span = Span::new(file, at, at + 1);
            sink.push(Diagnostic::error(codes::SYNTAX_TYPE, "x").at(span, ""));
        }
        let places: Vec<_> = sink.into_sorted().iter().filter_map(Diagnostic::span).collect();
        let want = [Span::new(a, 1, 2), Span::new(a, 2, 3), Span::new(b, 0, 1)];
        assert_eq!(places, want);
    }

    #[test]
    fn a_million_findings_are_counted_and_not_kept() {
        let mut map = SourceMap::new();
        let file = map.add("a.kdl", "abc");
        let mut sink = Sink::new();
        for at in 0..1_000_000 {
            let span = Span::new(file, at, at + 1);
            sink.push(Diagnostic::error(codes::SYNTAX_TYPE, "x").at(span, ""));
        }
        let mut all = Sink::new();
        all.append(sink);
        assert_eq!(all.len(), 1_000_000);
        let found = all.into_sorted();
        assert_eq!(found.len(), MOST + 1);
        assert_eq!(found[MOST].headline, "990000 further findings are not kept");
        assert_eq!(found[MOST].severity, Severity::Error);
    }

    #[test]
    fn one_mistake_of_many_images_leaves_room_for_others() {
        let mut map = SourceMap::new();
        let file = map.add("a.kdl", "abc");
        let mut sink = Sink::new();
        for at in 0..100_000 {
            let span = Span::new(file, at % 3, 3);
            sink.push(Diagnostic::error(codes::SYNTAX_TYPE, "x").at(span, ""));
        }
        assert_eq!(sink.into_sorted().len(), 3);
    }
}
