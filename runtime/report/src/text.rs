//! How values are written in reports.

use forge_model::Origin;

use crate::plan::FieldDiff;

/// Characters of a value that a line of a report shows.
const WIDTH: usize = 100;

/// Characters before the first difference that stay when a long value is cut.
const CONTEXT: usize = 20;

/// `1 image`, `2 images`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Old and new value of a field, short enough for a line and cut so that they differ.
pub(crate) fn values(field: &FieldDiff) -> (Option<String>, Option<String>) {
    let old = field.old.as_deref().map(plain);
    let new = field.new.as_deref().map(plain);
    let same = match (&old, &new) {
        (Some(old), Some(new)) => {
            old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count()
        }
        _ => 0,
    };
    let long = [&old, &new].into_iter().flatten().any(|value| value.chars().count() > WIDTH);
    let skip = if long { same.saturating_sub(CONTEXT) } else { 0 };
    (old.map(|value| cut(&value, skip)), new.map(|value| cut(&value, skip)))
}

/// Lines of one difference that a report shows; JSON has all.
const LINES: usize = 40;

/// The first lines of a unified diff, and how many more there are. What a terminal would obey, and
/// what would show the text in another order than it has, is escaped.
pub(crate) fn shown_lines(diff: &str) -> Vec<String> {
    let shown = |line: &str| {
        let mut out = String::new();
        for character in line.chars() {
            match character {
                '\t' => out.push('\t'),
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    out.extend(character.escape_unicode());
                }
                _ if character.is_control() => out.extend(character.escape_default()),
                _ => out.push(character),
            }
        }
        out
    };
    let mut lines: Vec<String> = diff.lines().take(LINES).map(shown).collect();
    let more = diff.lines().count().saturating_sub(LINES);
    if more > 0 {
        lines.push(format!("… {}", count(more, "more line")));
    }
    lines
}

/// A unified diff below a field, indented.
pub(crate) fn lines_below(diff: &str) -> String {
    let line = |line: String| format!("{}\n", format!("      | {line}").trim_end());
    shown_lines(diff).into_iter().map(line).collect()
}

/// One line, with digests by their first eight digits.
fn plain(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while !rest.is_empty() {
        let hex = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if hex == 64 {
            out.push_str(&rest[..8]);
        } else {
            out.push_str(&rest[..hex]);
        }
        rest = &rest[hex..];
        let other =
            rest.find(|character: char| character.is_ascii_hexdigit()).unwrap_or(rest.len());
        for character in rest[..other].chars() {
            match character {
                '\n' => out.push_str("\\n"),
                _ if character.is_control() => out.extend(character.escape_default()),
                _ => out.push(character),
            }
        }
        rest = &rest[other..];
    }
    out
}

fn cut(value: &str, skip: usize) -> String {
    let start = if skip > 0 { "…" } else { "" };
    let kept: String = value.chars().skip(skip).take(WIDTH).collect();
    let end = if value.chars().count() > skip + WIDTH { "…" } else { "" };
    format!("{start}{kept}{end}")
}

/// ` at FILE:LINE`, or nothing.
pub(crate) fn at(origin: Option<&Origin>) -> String {
    origin.map(|origin| format!(" at {origin}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_show_what_they_hold() {
        let diff = "@@ -1 +1 @@\n-a\tb\n+a\u{202e}\u{1b}[1mb\n";
        let want = ["@@ -1 +1 @@", "-a\tb", "+a\\u{202e}\\u{1b}[1mb"];
        assert_eq!(shown_lines(diff), want);
        let long = shown_lines(&"+x\n".repeat(LINES + 2));
        assert_eq!(
            (long.len(), long.last().map(String::as_str)),
            (LINES + 1, Some("… 2 more lines"))
        );
    }

    fn field(old: &str, new: &str) -> FieldDiff {
        let (old, new) = (Some(old.to_owned()), Some(new.to_owned()));
        FieldDiff { name: "x".to_owned(), old, new, origin: None, lines: None }
    }

    #[test]
    fn values_are_short_and_still_differ() {
        let hex = "0123456789abcdef".repeat(4);
        let long = "é".repeat(300);
        let cases = [
            ("a\nb\t", "ümlaut", "a\\nb\\t", "ümlaut"),
            (&hex, &format!("age {hex}."), "01234567", "age 01234567."),
            (&hex[..63], "x", &hex[..63], "x"),
            (
                &format!("{long}a"),
                &format!("{long}b"),
                &format!("…{}a", "é".repeat(20)),
                &format!("…{}b", "é".repeat(20)),
            ),
            (&long, "y", &format!("{}…", "é".repeat(100)), "y"),
        ];
        for (old, new, want_old, want_new) in cases {
            let got = values(&field(old, new));
            assert_eq!(got, (Some(want_old.to_owned()), Some(want_new.to_owned())));
        }
    }
}
