//! Diagnostics as GitLab's code quality report (the Code Climate format).

use std::borrow::Cow;
use std::collections::BTreeMap;

use forge_diag::{Diagnostic, Severity, SourceMap};
use forge_model::Digest;
use serde::Serialize;

use crate::shape::pretty;

#[derive(Serialize)]
pub(crate) struct Issue {
    pub(crate) description: String,
    pub(crate) check_name: Cow<'static, str>,
    pub(crate) fingerprint: String,
    pub(crate) severity: &'static str,
    pub(crate) location: Location,
}

#[derive(Serialize)]
pub(crate) struct Location {
    pub(crate) path: String,
    pub(crate) lines: Lines,
}

#[derive(Serialize)]
pub(crate) struct Lines {
    pub(crate) begin: u32,
}

/// The place of findings that have none.
const PROJECT: &str = "forge.kdl";

/// One entry for each diagnostic. A fingerprint rests on code, file and headline, and not on the
/// line: a finding that only moved is no new one. Equal findings in a file are numbered, because
/// GitLab would show one of them.
pub fn code_quality(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut issues = Vec::with_capacity(diagnostics.len());
    for diagnostic in diagnostics {
        let (path, begin) = match diagnostic.span().map(|span| sources.place(span)) {
            Some(place) => (place.file.to_string(), place.line),
            None => (PROJECT.to_owned(), 1),
        };
        let identity = format!("{}\0{path}\0{}", diagnostic.code.name, diagnostic.headline);
        let number = seen.entry(identity.clone()).or_default();
        let fingerprint = Digest::of(format!("{identity}\0{number}").as_bytes()).to_hex();
        *number += 1;
        let mut description = diagnostic.headline.clone();
        if let Some(help) = &diagnostic.help {
            description.push_str("; ");
            description.push_str(help);
        }
        issues.push(Issue {
            description,
            check_name: diagnostic.code.name.into(),
            fingerprint,
            severity: match diagnostic.severity {
                Severity::Error => "critical",
                Severity::Warning => "minor",
            },
            location: Location { path, lines: Lines { begin } },
        });
    }
    pretty(&issues)
}
