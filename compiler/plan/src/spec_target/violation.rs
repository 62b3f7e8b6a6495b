use forge_diag::{Diagnostic, SourceMap, Span, codes};
use forge_model::{Origin, Status, Verdict, Waived};

/// The findings of verdicts that block, with the place that asks and the place that breaks it.
/// Verdicts of several images that fail alike give equal diagnostics, which a sink shows once.
pub fn violations(verdicts: &[Verdict], map: &SourceMap) -> Vec<Diagnostic> {
    let span = |origin: &Origin| map.span_at(&origin.file, origin.line, origin.column);
    let mut found = Vec::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.blocks()) {
        for result in verdict.findings() {
            let state = if result.status == Status::Error { "cannot be judged" } else { "fails" };
            let headline = format!("control `{}` {state}: {}", verdict.control, result.text);
            let why = result.message.as_deref().unwrap_or_default();
            let made = result.provenance.as_ref().and_then(|made| made.origin.as_ref());
            let made = made.and_then(span);
            let asked = span(&result.origin);
            let diagnostic = Diagnostic::error(codes::CONTROL_VIOLATED, headline)
                .help("change what the spec says, or what the control asks for");
            let diagnostic = label(diagnostic, made, asked, why);
            found.push(match &verdict.waiver {
                Some(waiver) => with_waiver(diagnostic, waiver, span(&waiver.origin)),
                None => diagnostic,
            });
        }
    }
    found
}

/// A verdict that blocks has no waiver that holds.
fn with_waiver(found: Diagnostic, waiver: &Waived, span: Option<Span>) -> Diagnostic {
    match span {
        Some(span) => found.and(span, waiver.text()),
        None => found.note(waiver.text()),
    }
}

fn label(diagnostic: Diagnostic, made: Option<Span>, asked: Option<Span>, why: &str) -> Diagnostic {
    match (made, asked) {
        (Some(made), Some(asked)) => diagnostic.at(made, why).and(asked, "this is asked for"),
        (Some(made), None) => diagnostic.at(made, why),
        (None, Some(asked)) => diagnostic.at(asked, why),
        (None, None) => diagnostic.note(why),
    }
}
