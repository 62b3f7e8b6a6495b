//! A plan for a merge request.

use std::fmt::Write as _;

use forge_model::Origin;

use crate::plan::{FieldDiff, LayerDiff, NamedChange, PlanDiff};
use crate::summary::{self, Made, Shared, Summary};
use crate::text::{count, shown_lines, values};

/// A plan's changes as GitLab-flavoured Markdown: the number of images first, only what changes,
/// and what merely follows folded away.
pub fn plan_markdown(diff: &PlanDiff) -> String {
    let mut out = String::new();
    let basis = summary::basis(&diff.basis, code);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "### forge: {}\n\nCompared with {basis}.", summary::headline(diff));
    if diff.images.is_empty() {
        return out;
    }
    out.push('\n');
    for image in &diff.images {
        let name = code(&image.image);
        let line = summary::image_line(image, code);
        let _ = writeln!(out, "- {name}: {line}");
    }
    if !diff.unchanged.is_empty() {
        let _ = writeln!(out, "\nUnchanged: {}", codes(diff.unchanged.iter().map(String::as_str)));
    }
    if let Some(work) = summary::work(&diff.work) {
        let _ = writeln!(out, "\nWork: {work}");
    }
    write_made(&mut out, diff);
    let summary = Summary::of(diff);
    for cause in &summary.causes {
        write_cause(&mut out, diff, cause);
    }
    write_cascades(&mut out, diff, &summary.cascades);
    write_named(&mut out, "Controls", &summary.controls);
    write_named(&mut out, "Secrets", &summary.secrets);
    out
}

fn write_made(out: &mut String, diff: &PlanDiff) {
    let (all, more) = summary::made(diff);
    for Made { images, lines } in all {
        // Within HTML, only these two have a meaning.
        let images = images.join(", ").replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(out, "\n<details><summary>Steps of {images}</summary>\n");
        for line in lines {
            let _ = writeln!(out, "- {}", escaped(&line));
        }
        out.push_str("\n</details>\n");
    }
    if more > 0 {
        let more = count(more, "more new image");
        let _ = writeln!(out, "\n{more}: `forgec plan IMAGE` lists the steps of one.");
    }
}

fn write_cause(out: &mut String, diff: &PlanDiff, cause: &Shared<'_, LayerDiff>) {
    let Shared { what: layer, images } = cause;
    let (label, images) = (code(&layer.label), codes(images.iter().copied()));
    let place = layer.origin.as_ref().map(|origin| format!(" at {}", place(origin)));
    let outlook = summary::outlook(&layer.outlook, code);
    let _ = writeln!(
        out,
        "\n**{label}** {}{} in {images}{outlook}{}",
        layer.change.word(),
        place.unwrap_or_default(),
        summary::last(diff, layer)
    );
    let (texts, values): (Vec<_>, Vec<_>) =
        layer.fields.iter().partition(|field| field.lines.is_some());
    if !values.is_empty() {
        out.push_str("\n| field | before | after | place |\n|---|---|---|---|\n");
    }
    for field in values {
        write_field(out, field);
    }
    for field in texts {
        write_lines(out, field);
    }
}

/// A fenced block (`CommonMark` 0.31, 4.5), with a longer fence than anything in it.
fn write_lines(out: &mut String, field: &FieldDiff) {
    let place = field.origin.as_ref().map(|origin| format!(" at {}", place(origin)));
    let lines = shown_lines(field.lines.as_deref().unwrap_or_default()).join("\n");
    let longest = lines.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let (name, place) = (escaped(&field.name), place.unwrap_or_default());
    let _ = writeln!(out, "\n{name}{place}:\n\n{fence}diff\n{lines}\n{fence}");
}

fn write_field(out: &mut String, field: &FieldDiff) {
    let cell = |value: Option<String>| value.map(|value| in_table(&code(&value)));
    let (old, new) = values(field);
    let (old, new) = (cell(old).unwrap_or_default(), cell(new).unwrap_or_default());
    let place = field.origin.as_ref().map(|origin| in_table(&place(origin))).unwrap_or_default();
    let _ = writeln!(out, "| {} | {old} | {new} | {place} |", in_table(&escaped(&field.name)));
}

fn write_cascades(out: &mut String, diff: &PlanDiff, cascades: &[Shared<'_, LayerDiff>]) {
    if cascades.is_empty() {
        return;
    }
    let steps = count(cascades.len(), "step");
    let verb = if cascades.len() == 1 { "follows" } else { "follow" };
    let _ = writeln!(
        out,
        "\n<details><summary>{steps} {verb}, unless a step below comes out as it was</summary>\n"
    );
    for Shared { what, images } in cascades {
        let outlook = summary::outlook(&what.outlook, code);
        let images = codes(images.iter().copied());
        let last = summary::last(diff, what);
        let _ = writeln!(out, "- {} in {images}{outlook}{last}", code(&what.label));
    }
    out.push_str("\n</details>\n");
}

fn write_named(out: &mut String, title: &str, named: &[Shared<'_, NamedChange>]) {
    if !named.is_empty() {
        let _ = writeln!(out, "\n{title}:\n");
    }
    for Shared { what, images } in named {
        let (name, word) = (code(&what.name), what.change.word());
        let _ = writeln!(out, "- {name} {word} in {}", codes(images.iter().copied()));
    }
}

fn place(origin: &Origin) -> String {
    code(&origin.to_string())
}

fn codes<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(code).collect::<Vec<_>>().join(", ")
}

/// A code span (`CommonMark` 0.31, 6.1): fenced by more backticks than it holds, so that nothing in
/// it has a meaning.
fn code(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if text.is_empty() {
        "(empty)".to_owned()
    } else if text.starts_with('`') || text.ends_with('`') || text.trim() != text {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

/// In a table a pipe ends a cell even within code.
fn in_table(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Text in which no character has a meaning for Markdown or HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '@' | '~' | '!' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_code_span() {
        let cases = [
            ("plain", "`plain`"),
            ("a`b", "``a`b``"),
            ("``", "``` `` ```"),
            (" x", "`  x `"),
            ("", "(empty)"),
            ("<b>|</b>", "`<b>|</b>`"),
        ];
        for (text, want) in cases {
            assert_eq!(code(text), want);
        }
        assert_eq!(in_table("`a|b`"), "`a\\|b`");
        assert_eq!(escaped("<a> [x](y) @all"), "&lt;a> \\[x\\](y) \\@all");
    }
}
