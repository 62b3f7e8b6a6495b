use std::fmt;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::{Diagnostic, FileId, Label, Severity, SourceMap, Span};

/// How findings look on a terminal.
#[derive(Clone, Copy, Debug)]
pub struct HumanOptions {
    /// Escape sequences for color.
    pub color: bool,
    /// Box drawing characters; plain ASCII without.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

impl Default for HumanOptions {
    fn default() -> Self {
        Self { color: false, unicode: true, width: 100 }
    }
}

/// The findings with the lines that they are about, one blank line between two.
pub fn human(found: &[Diagnostic], map: &SourceMap, options: HumanOptions) -> String {
    let theme = match (options.unicode, options.color) {
        (true, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, true) => GraphicalTheme {
            characters: miette::ThemeCharacters::ascii(),
            ..GraphicalTheme::unicode()
        },
        (false, false) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(options.width)
        .with_links(false)
        .with_break_words(false)
        .without_syntax_highlighting();
    let mut sources = Sources { map, named: Vec::new() };
    let mut out = String::new();
    for diagnostic in found {
        for report in reports(diagnostic, &mut sources) {
            // Writing to a String cannot fail.
            let _ = handler.render_report(&mut out, &report);
        }
        out.push('\n');
    }
    out
}

/// Texts in miette's form, each made once.
struct Sources<'a> {
    map: &'a SourceMap,
    named: Vec<(FileId, Arc<NamedSource<String>>)>,
}

impl Sources<'_> {
    fn get(&mut self, file: FileId) -> Arc<NamedSource<String>> {
        if let Some((_, found)) = self.named.iter().find(|(id, _)| *id == file) {
            return found.clone();
        }
        let made = Arc::new(NamedSource::new(self.map.path(file), self.map.text(file).to_owned()));
        self.named.push((file, made.clone()));
        made
    }
}

/// One snippet of a finding: miette knows one text per report, so labels in further files are
/// reports of their own, shown below the first. What to do stands at the end.
struct Report {
    headline: String,
    code: Option<&'static str>,
    severity: miette::Severity,
    help: Option<String>,
    source: Option<Arc<NamedSource<String>>>,
    labels: Vec<LabeledSpan>,
}

fn reports(diagnostic: &Diagnostic, sources: &mut Sources<'_>) -> Vec<Report> {
    let home = diagnostic.span().map(|span| span.file);
    let (here, elsewhere): (Vec<&Label>, Vec<&Label>) =
        diagnostic.labels.iter().partition(|label| Some(label.span.file) == home);
    let mut reports = vec![Report {
        headline: diagnostic.headline.clone(),
        code: Some(diagnostic.code.name),
        severity: match diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        },
        help: None,
        source: home.map(|file| sources.get(file)),
        labels: here.into_iter().map(labeled).collect(),
    }];
    reports.extend(elsewhere.into_iter().map(|label| Report {
        headline: label.text.clone(),
        code: None,
        severity: miette::Severity::Advice,
        help: None,
        source: Some(sources.get(label.span.file)),
        labels: vec![LabeledSpan::new_with_span(None, range(label.span))],
    }));
    let mut help: Vec<String> = diagnostic.help.iter().cloned().collect();
    help.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
    if let Some(last) = reports.last_mut()
        && !help.is_empty()
    {
        last.help = Some(help.join("\n"));
    }
    reports
}

fn labeled(label: &Label) -> LabeledSpan {
    let text = (!label.text.is_empty()).then(|| label.text.clone());
    if label.primary {
        LabeledSpan::new_primary_with_span(text, range(label.span))
    } else {
        LabeledSpan::new_with_span(text, range(label.span))
    }
}

fn range(span: Span) -> miette::SourceSpan {
    miette::SourceSpan::new((span.start as usize).into(), span.len())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_deref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn labels_in_two_files_show_both_lines() {
        let mut map = SourceMap::new();
        let a = map.add("roles/a.kdl", "role \"a\" {\n    file \"/etc/x\"\n}\n");
        let b = map.add("roles/b.kdl", "role \"b\" { file \"/etc/x\"; }\n");
        let found = Diagnostic::error(codes::SPEC_CONFLICT, "`/etc/x` is written twice")
            .at(Span::new(a, 15, 28), "here")
            .and(Span::new(b, 11, 24), "and differently here")
            .help("say which one wins with `override=#true`")
            .note("the image is `c`");
        let text = human(&[found], &map, HumanOptions::default());
        for want in [
            "forge::spec::conflict",
            "× `/etc/x` is written twice",
            "roles/a.kdl:2:5",
            "roles/b.kdl:1:12",
            "and differently here",
            "help: say which one wins",
            "note: the image is `c`",
        ] {
            assert!(text.contains(want), "{want} is not in\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }
}
