//! What is written from the habit of another language: `# comment`, `'text'`, `r#"…"#`, `["a"]`,
//! `else`, a block or a property on a line of its own. Each is reported with what KDL has for it,
//! and the parser is given something harmless.

use forge_diag::{Diagnostic, codes};

use super::Scanner;
use crate::guard::is_newline;
use crate::quote;

/// Keywords of KDL.
const KEYWORDS: [&str; 6] = ["#true", "#false", "#null", "#inf", "#-inf", "#nan"];

/// Whether what begins with a backslash is no escape of a quoted text.
pub(super) fn is_unknown_escape(rest: &str) -> bool {
    let escaped = rest.chars().nth(1);
    escaped.is_some_and(|c| !c.is_whitespace() && !"\"\\nrtbfsu".contains(c))
}

impl Scanner<'_> {
    /// Takes what begins with `written` when it is a habit of another language.
    pub(super) fn habit(&mut self, written: &str) -> bool {
        if self.is_first() && self.hash_comment(written, true) {
            return true;
        }
        self.hash_comment(written, false)
            || self.old_raw_text(written)
            || self.brackets(written)
            || self.else_block(written)
            || self.property_on_its_own_line(written)
    }

    fn is_first(&self) -> bool {
        !self.begun
    }

    fn error(&self, start: usize, end: usize, headline: &str, label: &str) -> Diagnostic {
        Diagnostic::error(codes::SYNTAX_KDL, headline).at(self.span(start, end), label)
    }

    /// A comma between values: what it stands between is seen when nodes are read.
    pub(super) fn comma(&mut self) {
        self.commas.insert(self.at);
        self.patches.push((self.at..self.at + 1, " "));
        self.at += 1;
    }

    fn hash_comment(&mut self, written: &str, first: bool) -> bool {
        let alone = !written.is_empty() && written.trim_matches('#').is_empty();
        let comment = alone || (first && written.starts_with('#') && !KEYWORDS.contains(&written));
        if !comment {
            return false;
        }
        let start = self.at;
        let hashes = written.len() - written.trim_start_matches('#').len();
        let line = self.rest().find(is_newline).unwrap_or(self.rest().len());
        let span = self.span(start, start + hashes);
        self.habits.push(
            self.error(start, start + hashes, "a comment begins with `//`", "not with `#`")
                .help("write `//`")
                .mend(span, "//"),
        );
        self.at += line;
        self.patches.push((start..self.at, " "));
        true
    }

    /// `'text'` and `“text”`.
    pub(super) fn other_quotes(&mut self) -> bool {
        let (start, rest) = (self.at, self.rest());
        let Some(open) = rest.chars().next() else { return false };
        let closing: &[char] = match open {
            '\'' => &['\''],
            '\u{2018}' | '\u{2019}' | '\u{201a}' => &['\u{2019}', '\u{2018}'],
            '\u{201c}' | '\u{201d}' | '\u{201e}' => &['\u{201d}', '\u{201c}', '"'],
            _ => return false,
        };
        let body = &rest[open.len_utf8()..];
        let stop = |c: char| closing.contains(&c) || is_newline(c);
        let Some(length) = body.find(stop) else { return false };
        let Some(close) = body[length..].chars().next().filter(|c| closing.contains(c)) else {
            return false;
        };
        let inner = &body[..length];
        let end = start + open.len_utf8() + length + close.len_utf8();
        let (quoted, span) = (quote(inner), self.span(start, end));
        self.habits.push(
            Diagnostic::error(codes::SYNTAX_BARE, format!("text does not stand between `{open}`"))
                .at(span, "text stands in `\"`")
                .help(format!("write {quoted}"))
                .mend(span, quoted),
        );
        self.meant.insert(start, inner.to_owned());
        self.patches.push((start..end, "_"));
        self.at = end;
        true
    }

    /// `r"…"` and `r#"…"#`, as older KDL and Rust have it.
    fn old_raw_text(&mut self, written: &str) -> bool {
        let quoted = self.rest().get(written.len()..).is_some_and(|rest| rest.starts_with('"'));
        let Some(hashes) = written.strip_prefix('r').filter(|_| quoted) else { return false };
        if !hashes.bytes().all(|byte| byte == b'#') {
            return false;
        }
        let start = self.at;
        let found = self.error(start, start + 1, "a raw text begins with `#`", "not with `r`");
        let found = found.help("write `#\"…\"#`");
        if hashes.is_empty() {
            // Its end lacks the `#` too.
            let body = self.rest().get(2..).unwrap_or_default();
            let Some(length) = body.find('"').filter(|end| !body[..*end].contains(is_newline))
            else {
                return false;
            };
            let end = start + length + 3;
            let inner = &body[..length];
            let span = self.span(start, end);
            self.habits.push(found.mend(span, format!("#\"{inner}\"#")));
            self.meant.insert(start, inner.to_owned());
            self.patches.push((start..end, "_"));
            self.at = end;
            return true;
        }
        let span = self.span(start, start + 1);
        self.habits.push(found.mend(span, ""));
        self.patches.push((start..start + 1, " "));
        self.at += 1;
        true
    }

    /// `["a", "b"]` or `("a", "b")`, as an argument or as the value of a property.
    pub(super) fn brackets(&mut self, written: &str) -> bool {
        let round = written.starts_with('(');
        if !round && !written.starts_with('[') {
            return false;
        }
        let (start, rest) = (self.at, self.rest());
        let Some((values, length)) = listed(rest, if round { ')' } else { ']' }) else {
            return false;
        };
        // `(type)value` is KDL, where a value is right behind it.
        let behind = rest.get(length..).unwrap_or_default();
        if round && !(behind.is_empty() || behind.starts_with([' ', '\t', '\n', '\r', ';', '}'])) {
            return false;
        }
        let end = start + length;
        let span = self.span(start, end);
        let before = self.text.get(self.line..start).unwrap_or_default();
        let property = before.trim_end().strip_suffix('=').map(|head| {
            let head = head.trim_end();
            head.rsplit(|c: char| c.is_whitespace() || c == '"').next().unwrap_or(head).to_owned()
        });
        if let Some(name) = property {
            self.habits.push(list_property(&name, &values).at(span, "a list"));
            self.meant.insert(start, rest[..length].to_owned());
            self.patches.push((start..end, "_"));
        } else {
            let listed = values.join(" ");
            self.habits.push(
                self.error(start, end, "arguments have no brackets around them", "a list")
                    .help(format!("write `{listed}`"))
                    .mend(span, listed),
            );
            let outside = outside_of_quotes(&rest[..length]);
            for at in outside {
                self.patches.push((start + at..start + at + 1, " "));
            }
        }
        self.at = end;
        true
    }

    /// `when … { … } else { … }`: what belongs to it is commented out.
    fn else_block(&mut self, written: &str) -> bool {
        if !matches!(written, "else" | "elif") {
            return false;
        }
        let closed = self.text.get(..self.at).is_some_and(|text| text.trim_end().ends_with('}'));
        if !closed {
            return false;
        }
        let (start, end) = (self.at, self.at + written.len());
        self.habits.push(
            self.error(start, end, &format!("there is no `{written}`"), "not known")
                .help("write a second `when` with `is-not` where the first has `is`"),
        );
        self.patches.push((start..end, ";/-_"));
        self.at = end;
        true
    }

    /// `name=value` at the beginning of a line.
    fn property_on_its_own_line(&mut self, written: &str) -> bool {
        let Some(before) = self.goes_on() else { return false };
        let property = self.rest().get(written.len()..).is_some_and(|rest| rest.starts_with('='));
        if !property {
            return false;
        }
        let (start, end) = (self.at, self.at + written.len());
        let place = self.span(before, before);
        let headline = format!("`{written}=` stands on a line of its own");
        self.habits.push(
            self.error(start, end, &headline, "the end of a line ends the node")
                .help("write `\\` at the end of the line before, or all on one line")
                .mend(place, " \\"),
        );
        self.patches.push((before..start, " "));
        self.joined = true;
        self.at = end;
        true
    }

    /// Where the node ended that a line is meant to go on with.
    fn goes_on(&self) -> Option<usize> {
        self.before.filter(|end| *end < self.line && self.is_first() && !self.joined)
    }

    /// `{` at the beginning of a line.
    pub(super) fn block_on_its_own_line(&mut self) {
        let Some(before) = self.goes_on() else { return };
        let start = self.at;
        let gap = self.text.get(before..start).unwrap_or_default();
        let found = self
            .error(start, start + 1, "`{` stands on a line of its own", "no node is before it")
            .help("the end of a line ends the node: put `{` on the line of its node");
        let span = self.span(before, start);
        let plain = gap.trim().is_empty();
        self.habits.push(if plain { found.mend(span, " ") } else { found });
        self.patches.push((before..start, " "));
    }

    /// `"\d"`: a backslash before what it means nothing for.
    pub(super) fn unknown_escapes(&mut self, start: usize, block: bool, unknown: &[usize]) {
        let Some(first) = unknown.first().copied() else { return };
        let written = self.text.get(start..self.at).unwrap_or_default();
        let escape: String = self.text.get(first..).unwrap_or_default().chars().take(2).collect();
        let (end, span) = (first + escape.len(), self.span(start, self.at));
        let headline = format!("`{escape}` is no escape of a quoted text");
        let found = self.error(first, end, &headline, "a backslash before it means nothing");
        let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
        let only = inner.matches('\\').count() == unknown.len();
        let found = if escape == "\\$" {
            found.help("write `$${` for a literal `${`; a `$` alone needs no backslash")
        } else {
            found.help("a raw text keeps its backslashes: write `#\"…\"#`; or write `\\\\`")
        };
        let plain = !block && only && escape != "\\$" && !inner.contains("${");
        self.habits.push(if plain { found.mend(span, format!("#\"{inner}\"#")) } else { found });
        self.meant.insert(start, inner.to_owned());
        for at in unknown {
            self.patches.push((*at..at + 1, "_"));
        }
    }
}

/// That a property is given a list, with the values as they are written.
pub(crate) fn list_property(name: &str, values: &[&str]) -> Diagnostic {
    let found =
        Diagnostic::error(codes::SYNTAX_KDL, format!("`{name}=` takes one value, not a list"));
    if matches!(name, "groups" | "options") {
        let words: Vec<&str> = values.iter().map(|value| value.trim_matches('"')).collect();
        return found.help(format!("write `{name}=\"{}\"`", words.join(",")));
    }
    found.help(format!("write a list as a child node: `{{ {name} {} }}`", values.join(" ")))
}

/// Quoted texts and words between brackets that end with `close`, and the length of it all.
fn listed(rest: &str, close: char) -> Option<(Vec<&str>, usize)> {
    let (mut values, mut at, mut quoted) = (Vec::new(), 1, false);
    loop {
        let left = rest.get(at..)?;
        let c = left.chars().next()?;
        match c {
            _ if c == close => return quoted.then_some((values, at + 1)),
            ',' => at += 1,
            _ if c.is_whitespace() => at += c.len_utf8(),
            '"' => {
                let length = left.get(1..)?.find('"')? + 2;
                let value = left.get(..length).filter(|text| !text.contains(['\\', '\n']))?;
                quoted = true;
                values.push(value);
                at += length;
            }
            '{' | '}' | '[' | '(' | '=' | ';' => return None,
            _ => {
                let end = left.find(|c: char| c == ',' || c == close || c.is_whitespace())?;
                values.push(left.get(..end)?);
                at += end;
            }
        }
    }
}

/// Bytes of brackets and commas that stand in no quoted text.
fn outside_of_quotes(text: &str) -> Vec<usize> {
    let mut inside = false;
    let mut found = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        inside ^= byte == b'"';
        if !inside && matches!(byte, b'[' | b']' | b'(' | b')' | b',' | b'\n' | b'\r') {
            found.push(at);
        }
    }
    found
}
