//! Quoted text and comments, closed or not.

/// A text in quotes.
pub(super) struct Quoted {
    /// Bytes, quotes included.
    pub(super) length: usize,
    /// Escapes put in, indentation taken away.
    pub(super) value: String,
    pub(super) raw: bool,
}

/// The quoted text at the beginning of `rest`.
pub(super) fn quoted(rest: &str) -> Option<Quoted> {
    let unhashed = rest.trim_start_matches('#');
    let hashes = rest.len() - unhashed.len();
    if !unhashed.starts_with('"') {
        return None;
    }
    let block = unhashed.starts_with("\"\"\"");
    let quote = if block { "\"\"\"" } else { "\"" };
    let begin = hashes + quote.len();
    let end = format!("{quote}{}", "#".repeat(hashes));
    let body = rest.get(begin..).unwrap_or_default();
    let (inner, closed) = inner(body, &end, block, hashes > 0);
    let written = body.get(..inner).unwrap_or_default();
    let value = match (block, hashes > 0) {
        (true, true) => dedent(written),
        (true, false) => unescape(&dedent(written)),
        (false, true) => written.to_owned(),
        (false, false) => unescape(written),
    };
    let length = begin + inner + if closed { end.len() } else { 0 };
    Some(Quoted { length, value, raw: hashes > 0 })
}

/// How much of `body` is text, and whether a quote ends it; else a line or the whole rest does.
fn inner(body: &str, end: &str, block: bool, raw: bool) -> (usize, bool) {
    let mut at = 0;
    while let Some(rest) = body.get(at..) {
        if rest.starts_with(end) {
            return (at, true);
        }
        match rest.chars().next() {
            Some('\n') if !block => return (trimmed(body, at), false),
            Some('\\') if !raw => {
                let next = rest.chars().nth(1);
                let blanks = next.is_some_and(char::is_whitespace);
                let taken = rest.get(1..).unwrap_or_default();
                at += 1 + if blanks {
                    taken.len() - taken.trim_start().len()
                } else {
                    next.map_or(0, char::len_utf8)
                };
            }
            Some(c) => at += c.len_utf8(),
            None => return (trimmed(body, at), false),
        }
    }
    (body.len(), false)
}

/// An unclosed text does not hold its line's end.
fn trimmed(body: &str, at: usize) -> usize {
    body.get(..at).map_or(at, |text| text.trim_end_matches('\r').len())
}

/// A block's lines without the indentation that its last line has.
fn dedent(written: &str) -> String {
    let lines: Vec<&str> = written.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    let [first, middle @ .., last] = lines.as_slice() else {
        return written.to_owned();
    };
    if !first.trim().is_empty() {
        return written.to_owned();
    }
    let shown = |line: &&str| {
        if line.trim().is_empty() {
            String::new()
        } else {
            line.strip_prefix(last).unwrap_or(line).to_owned()
        }
    };
    middle.iter().map(shown).collect::<Vec<_>>().join("\n")
}

/// Escapes as KDL 2.0.0 has them (section 3.12.1); unknown ones stay as they are.
fn unescape(written: &str) -> String {
    let mut out = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let after = from.get(1..).unwrap_or_default();
        let Some(c) = after.chars().next() else { return out };
        let mut next = after.get(c.len_utf8()..).unwrap_or_default();
        match c {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            's' => out.push(' '),
            '\\' | '"' | '/' => out.push(c),
            'u' => match unicode(next) {
                Some((c, more)) => {
                    out.push(c);
                    next = more;
                }
                None => out.push_str("\\u"),
            },
            _ if c.is_whitespace() => next = after.trim_start(),
            _ => out.extend(['\\', c]),
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

/// `{1F980}` and what follows.
fn unicode(text: &str) -> Option<(char, &str)> {
    let (digits, rest) = text.strip_prefix('{')?.split_once('}')?;
    Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, rest))
}

/// Bytes of the comment at the beginning of `rest`; comments may hold comments.
pub(super) fn comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}
