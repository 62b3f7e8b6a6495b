use crate::{Diagnostic, Severity};

/// Collects the findings of a run.
#[derive(Clone, Debug, Default)]
pub struct Sink {
    found: Vec<Diagnostic>,
}

impl Sink {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Adds all findings of another sink.
    pub fn append(&mut self, other: Self) {
        self.found.extend(other.found);
    }

    /// How many findings there are, repeated ones counted each.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// True when nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// True when something found is an error.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The findings in the order of their places (files as they were added, then offsets), each
    /// once: a role that two images use would repeat its mistakes.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.span(), d.severity, d.code.name);
            key(a).cmp(&key(b)).then_with(|| a.headline.cmp(&b.headline))
        });
        found.dedup_by(|a, b| a.span() == b.span() && a.code == b.code && a.headline == b.headline);
        found
    }
}

impl Extend<Diagnostic> for Sink {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        self.found.extend(diagnostics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SourceMap, Span, codes};

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
}
