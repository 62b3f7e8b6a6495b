use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

use crate::{Diagnostic, FileId, Label, Severity, SourceMap, Span, Standpoint};

/// How findings look on a terminal.
#[derive(Clone, Copy, Debug)]
pub struct HumanOptions<'a> {
    /// Escape sequences for color.
    pub color: bool,
    /// Box drawing characters; plain ASCII without.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
    /// Where the reader stands; paths are relative to the project's root without.
    pub from: Option<&'a Standpoint>,
}

impl Default for HumanOptions<'_> {
    fn default() -> Self {
        Self { color: false, unicode: true, width: 100, from: None }
    }
}

/// The findings with the lines that they are about, one blank line between two.
pub fn human(found: &[Diagnostic], map: &SourceMap, options: HumanOptions<'_>) -> String {
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
    let mut out = String::new();
    for diagnostic in found.iter().take(SHOWN) {
        for report in reports(diagnostic, map, options.from) {
            // Writing to a String cannot fail.
            let _ = handler.render_report(&mut out, &report);
        }
        out.push('\n');
    }
    if let Some(rest) = found.len().checked_sub(SHOWN).filter(|rest| *rest > 0) {
        out.push_str(&format!("and {rest} more\n"));
        // What could not even be kept is said last.
        out.extend(
            found
                .last()
                .filter(|last| last.labels.is_empty())
                .map(|last| format!("{}\n", last.headline)),
        );
    }
    out
}

/// Findings that are shown; the rest are counted.
const SHOWN: usize = 100;
/// Bytes of a line before and behind a place that are shown: more would fill the screen.
const AROUND: usize = 300;
/// Bytes that one label marks.
const MARKED: usize = 2000;

/// A text of the map as miette asks for it. Lines are found by the map's index, and of a very long
/// line only what lies around the place is given out.
struct Source<'a> {
    map: &'a SourceMap,
    file: FileId,
    from: Option<&'a Standpoint>,
}

impl SourceCode for Source<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.map.text(self.file);
        let (from, to) = (span.offset(), span.offset() + span.len());
        let lines = self.map.lines(Span::new(self.file, from, to), before, after);
        // Asked for no lines before, miette wants the column of the span itself.
        let first = if before == 0 { from } else { lines.start as usize };
        let start = boundary(text, first.max(from.saturating_sub(AROUND)));
        let end = boundary(text, (lines.end as usize).min(to + AROUND));
        let data = text.get(start..end).ok_or(MietteError::OutOfBounds)?;
        let place = self.map.place(Span::new(self.file, start, start));
        let here = SourceSpan::new(start.into(), end - start);
        let path = self.from.map_or_else(|| place.file.to_string(), |from| from.path(&place.file));
        Ok(Box::new(MietteSpanContents::new_named(
            path,
            data.as_bytes(),
            here,
            place.line as usize - 1,
            place.column as usize - 1,
            data.lines().count(),
        )))
    }
}

/// The nearest character's beginning, forward.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// One snippet of a finding: miette knows one text per report, so labels in further files are
/// reports of their own, shown below the first. What to do stands at the end.
struct Report<'a> {
    headline: String,
    code: Option<&'static str>,
    severity: miette::Severity,
    help: Option<String>,
    source: Option<Source<'a>>,
    labels: Vec<LabeledSpan>,
}

fn reports<'a>(
    diagnostic: &Diagnostic,
    map: &'a SourceMap,
    from: Option<&'a Standpoint>,
) -> Vec<Report<'a>> {
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
        source: home.map(|file| Source { map, file, from }),
        labels: here.into_iter().map(|label| labeled(label, map)).collect(),
    }];
    reports.extend(elsewhere.into_iter().map(|label| Report {
        headline: label.text.clone(),
        code: None,
        severity: miette::Severity::Advice,
        help: None,
        source: Some(Source { map, file: label.span.file, from }),
        labels: vec![LabeledSpan::new_with_span(None, range(label.span, map))],
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

fn labeled(label: &Label, map: &SourceMap) -> LabeledSpan {
    let text = (!label.text.is_empty()).then(|| label.text.clone());
    if label.primary {
        LabeledSpan::new_primary_with_span(text, range(label.span, map))
    } else {
        LabeledSpan::new_with_span(text, range(label.span, map))
    }
}

fn range(span: Span, map: &SourceMap) -> SourceSpan {
    let start = span.start as usize;
    let end = if span.len() > MARKED {
        boundary(map.text(span.file), start + MARKED)
    } else {
        span.end as usize
    };
    SourceSpan::new(start.into(), end.saturating_sub(start))
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
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
        self.source.as_ref().map(|source| source as &dyn SourceCode)
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
        let text = human(std::slice::from_ref(&found), &map, HumanOptions::default());
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
        let from = Standpoint::new("/site/roles".as_ref(), "/site".as_ref());
        let options = HumanOptions { from: Some(&from), ..HumanOptions::default() };
        let text = human(&[found], &map, options);
        assert!(text.contains("[a.kdl:2:5]") && text.contains("[b.kdl:1:12]"), "{text}");
    }

    #[test]
    fn a_very_long_line_is_shown_around_the_place() {
        let mut map = SourceMap::new();
        let text = format!("first\n{}é wrong {}\nlast\n", "a".repeat(1 << 20), "b".repeat(1 << 20));
        let at = text.find("wrong").unwrap();
        let file = map.add("a.kdl", text);
        let found = Diagnostic::error(codes::SYNTAX_KDL, "no")
            .at(Span::new(file, at, at + 5), "here")
            .and(Span::new(file, at, at + (1 << 20)), "all of this");
        let text = human(&[found], &map, HumanOptions::default());
        assert!(text.len() < 20_000, "{} bytes", text.len());
        assert!(text.contains("[a.kdl:2:1048579]") && text.contains("wrong"), "{text}");
    }

    #[test]
    fn many_findings_are_counted() {
        let mut map = SourceMap::new();
        let file = map.add("a.kdl", "x\n".repeat(5000));
        let one = |at: usize| {
            Diagnostic::error(codes::SYNTAX_KDL, "no").at(Span::new(file, at, at + 1), "")
        };
        let found: Vec<_> = (0..5000).map(|line| one(line * 2)).collect();
        let text = human(&found, &map, HumanOptions::default());
        assert!(text.ends_with("and 4900 more\n"));
        assert_eq!(text.matches("× no").count(), 100);
    }
}
