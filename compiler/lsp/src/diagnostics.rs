//! Findings as the protocol has them.

use std::collections::BTreeMap;

use forge_diag::{Diagnostic, FileId, Label, Severity, SourceMap, Span, codes};
use lsp_types::{
    DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location, NumberOrString,
    Range,
};

use crate::position::{Encoding, Lines};
use crate::uri;

/// Findings, each with the one of ours that it shows.
pub(crate) type Shown = Vec<(lsp_types::Diagnostic, Diagnostic)>;

/// Turns spans of a source map into places of the protocol.
pub(crate) struct Places<'a> {
    root: &'a str,
    map: &'a SourceMap,
    encoding: Encoding,
    lines: BTreeMap<FileId, Lines>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(root: &'a str, map: &'a SourceMap, encoding: Encoding) -> Self {
        Self { root, map, encoding, lines: BTreeMap::new() }
    }

    pub(crate) fn range(&mut self, span: Span) -> Range {
        let text = self.map.text(span.file);
        let lines = self.lines.entry(span.file).or_insert_with(|| Lines::new(text));
        lines.range(text, span.start as usize, span.end as usize, self.encoding)
    }

    fn location(&mut self, span: Span) -> Option<Location> {
        let path = format!("{}/{}", self.root, self.map.path(span.file));
        Some(Location { uri: uri::from_path(&path)?, range: self.range(span) })
    }
}

/// Findings by path in the project; those without a place are about `forge.kdl`.
pub(crate) fn by_file(found: &[Diagnostic], places: &mut Places<'_>) -> BTreeMap<String, Shown> {
    let mut files: BTreeMap<String, Shown> = BTreeMap::new();
    for diagnostic in found {
        let span = diagnostic.span();
        let path = span
            .map_or_else(|| "forge.kdl".to_owned(), |span| places.map.path(span.file).to_string());
        let shown = shown(diagnostic, places);
        files.entry(path).or_default().push((shown, diagnostic.clone()));
    }
    files
}

fn shown(found: &Diagnostic, places: &mut Places<'_>) -> lsp_types::Diagnostic {
    let main = found.labels.iter().find(|label| label.primary).or_else(|| found.labels.first());
    let related: Vec<_> = found
        .labels
        .iter()
        .filter(|label| main.is_none_or(|main| !std::ptr::eq(*label, main)))
        .filter_map(|label| related(label, places))
        .collect();
    let unused = found.code == codes::SPEC_PARAM_UNUSED;
    lsp_types::Diagnostic {
        range: main.map_or_else(Range::default, |label| places.range(label.span)),
        severity: Some(match found.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(found.code.name.to_owned())),
        source: Some("forge".to_owned()),
        message: message(found, main),
        related_information: (!related.is_empty()).then_some(related),
        tags: unused.then(|| vec![DiagnosticTag::UNNECESSARY]),
        ..lsp_types::Diagnostic::default()
    }
}

fn related(label: &Label, places: &mut Places<'_>) -> Option<DiagnosticRelatedInformation> {
    let location = places.location(label.span)?;
    let message = if label.text.is_empty() { "see here".to_owned() } else { label.text.clone() };
    Some(DiagnosticRelatedInformation { location, message })
}

/// All that a person is told, since an editor shows little else.
fn message(found: &Diagnostic, main: Option<&Label>) -> String {
    let mut text = found.headline.clone();
    if let Some(label) = main.filter(|label| !label.text.is_empty()) {
        text += &format!(": {}", label.text);
    }
    if let Some(help) = &found.help {
        text += &format!("\nhelp: {help}");
    }
    for note in &found.notes {
        text += &format!("\nnote: {note}");
    }
    text
}
