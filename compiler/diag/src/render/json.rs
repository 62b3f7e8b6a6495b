use serde_json::{Value, json as object};

use crate::{Diagnostic, Fix, Label, SourceMap};

/// Version of the format that [`json`] writes; raised when a field changes its meaning.
pub const JSON_VERSION: u32 = 1;

/// The findings as one JSON document: `{"version": 1, "diagnostics": [{"code", "severity",
/// "message", "labels": [{"file", "line", "column", "end_line", "end_column", "primary",
/// "text"}], "help", "fixes": [{"file", "line", "column", "end_line", "end_column", "text",
/// "sure"}], "notes"}]}`. Lines and columns count from 1, columns in characters; an end
/// stands behind the last character. `help` is null when there is none. A fix replaces what
/// stands from its place to its end by `text`.
pub fn json(found: &[Diagnostic], map: &SourceMap) -> Value {
    let all: Vec<Value> = found.iter().map(|diagnostic| finding(diagnostic, map)).collect();
    object!({ "version": JSON_VERSION, "diagnostics": all })
}

fn finding(diagnostic: &Diagnostic, map: &SourceMap) -> Value {
    let labels: Vec<Value> = diagnostic.labels.iter().map(|label| place(label, map)).collect();
    object!({
        "code": diagnostic.code.name,
        "severity": diagnostic.severity.name(),
        "message": diagnostic.headline,
        "labels": labels,
        "help": diagnostic.help,
        "fixes": diagnostic.fixes.iter().map(|fix| change(fix, map)).collect::<Vec<_>>(),
        "notes": diagnostic.notes,
    })
}

fn place(label: &Label, map: &SourceMap) -> Value {
    let (start, end) = (map.place(label.span), map.end_place(label.span));
    object!({
        "file": &*start.file,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "primary": label.primary,
        "text": label.text,
    })
}

fn change(fix: &Fix, map: &SourceMap) -> Value {
    let (start, end) = (map.place(fix.span), map.end_place(fix.span));
    object!({
        "file": &*start.file,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "text": fix.text,
        "sure": fix.sure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Span, codes};

    #[test]
    fn the_format_is_pinned() {
        let mut map = SourceMap::new();
        let file = map.add("a.kdl", "a\nbc d\n");
        let found = Diagnostic::warning(codes::SPEC_PARAM_UNUSED, "nothing reads `d`")
            .at(Span::new(file, 5, 6), "declared here")
            .mend(Span::new(file, 4, 6), "");
        let want = r#"{"version":1,"diagnostics":[{"code":"forge::spec::param-unused","severity":"warning","message":"nothing reads `d`","labels":[{"file":"a.kdl","line":2,"column":4,"end_line":2,"end_column":5,"primary":true,"text":"declared here"}],"help":null,"fixes":[{"file":"a.kdl","line":2,"column":3,"end_line":2,"end_column":5,"text":"","sure":true}],"notes":[]}]}"#;
        assert_eq!(json(&[found], &map).to_string(), want);
    }
}
