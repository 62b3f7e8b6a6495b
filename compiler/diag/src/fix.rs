use crate::{Diagnostic, FileId, Fix};

/// The fixes of a file that can be applied without asking: those that are sure and alone, none
/// over another, in the order of the text.
pub fn sure_fixes(found: &[Diagnostic], file: FileId) -> Vec<Fix> {
    let alone = found.iter().filter_map(|diagnostic| match diagnostic.fixes.as_slice() {
        [fix] if fix.sure && fix.span.file == file => Some(fix.clone()),
        _ => None,
    });
    let mut fixes: Vec<Fix> = alone.collect();
    fixes.sort_by_key(|fix| (fix.span.start, fix.span.end));
    let mut end = None;
    fixes.retain(|fix| {
        let free = end.is_none_or(|end| fix.span.start >= end);
        if free {
            end = Some(fix.span.end);
        }
        free
    });
    fixes
}

/// A text with fixes applied that stand in order and not over each other.
pub fn apply_fixes(text: &str, fixes: &[Fix]) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for fix in fixes {
        out.push_str(text.get(at..fix.span.start as usize).unwrap_or_default());
        out.push_str(&fix.text);
        at = fix.span.end as usize;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SourceMap, Span, codes};

    #[test]
    fn sure_fixes_are_applied_and_none_over_another() {
        let mut map = SourceMap::new();
        let text = "n é=1 b=2 c=3\n";
        let file = map.add("a.kdl", text);
        let other = map.add("b.kdl", text);
        let span = |written: &str| {
            let at = text.find(written).unwrap_or_default();
            Span::new(file, at, at + written.len())
        };
        let found = || Diagnostic::error(codes::SYNTAX_TYPE, "x");
        let all = [
            found().mend(span("3"), "\"3\""),
            found().mend(span("1"), "\"1\""),
            found().mend(span("é=1"), "over"),
            found().offer(span("2"), "a guess"),
            found().mend(span("2"), "one").mend(span("2"), "or another"),
            found().mend(Span::new(other, 0, 1), "elsewhere"),
        ];
        let fixes = sure_fixes(&all, file);
        // What begins first wins.
        assert_eq!(apply_fixes(text, &fixes), "n over b=2 c=\"3\"\n");
        assert_eq!(apply_fixes(text, &[]), text);
    }
}
