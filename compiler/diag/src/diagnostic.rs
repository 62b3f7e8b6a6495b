use crate::{Code, SourceMap, Span};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The project cannot be used.
    Error,
    /// It can, and somebody should look.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A note at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is to be said there; may be empty.
    pub text: String,
    /// The place that the finding is about; the others explain it.
    pub primary: bool,
}

/// A change of the text that mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub text: String,
    /// Nothing else can be meant. Editors offer every fix; `check --fix` applies these alone.
    pub sure: bool,
}

/// One finding: what is wrong, where, and what to do.
///
/// Headlines say what is wrong with literals in backticks and no full stop; `help` says what to
/// write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of finding.
    pub code: Code,
    /// How much it weighs.
    pub severity: Severity,
    /// One line.
    pub headline: String,
    /// Places, over any number of files.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// Changes that do what `help` says, each alone; the likeliest first.
    pub fixes: Vec<Fix>,
    /// More facts, a line each.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: Code, headline: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            headline: headline.into(),
            labels: Vec::new(),
            help: None,
            fixes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A warning without a place yet.
    pub fn warning(code: Code, headline: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, headline) }
    }

    /// With the place that it is about.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: true });
        self
    }

    /// With a place that explains it.
    #[must_use]
    pub fn and(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// With what to do, when something is known.
    #[must_use]
    pub fn maybe_help(mut self, text: Option<impl Into<String>>) -> Self {
        if let Some(text) = text {
            self.help = Some(text.into());
        }
        self
    }

    /// With the change that mends it.
    #[must_use]
    pub fn mend(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fixes.push(Fix { span, text: text.into(), sure: true });
        self
    }

    /// With a change that may be what is meant.
    #[must_use]
    pub fn offer(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fixes.push(Fix { span, text: text.into(), sure: false });
        self
    }

    /// With a change that may be what is meant: of a word in a place, where it stands there just once.
    #[must_use]
    pub fn offer_word(self, map: &SourceMap, span: Span, word: &str, text: &str) -> Self {
        // In quotes these would mean something else.
        if text.contains(['"', '\\', '$', '\n']) {
            return self;
        }
        match map.word(span, word) {
            Some(place) => self.offer(place, text),
            None => self,
        }
    }

    /// With one more fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// The place that it is about: the first primary label, else the first label.
    pub fn span(&self) -> Option<Span> {
        let primary = self.labels.iter().find(|label| label.primary);
        primary.or_else(|| self.labels.first()).map(|label| label.span)
    }
}
