//! Ruby's regular expressions over Rust's.
//!
//! `^` and `$` are per line, `/m` lets `.` match a newline, `\s \d \w` know ASCII only. The linear
//! engine is tried first; look-around and back references go to one that backtracks, bounded.

use std::cell::OnceCell;
use std::rc::Rc;

/// Steps back that one search may take.
const BACKTRACK_LIMIT: usize = 200_000;

/// A regular expression, compiled when it is first used.
pub(crate) struct Pattern {
    pub(crate) source: Rc<str>,
    pub(crate) ignore_case: bool,
    pub(crate) dot_all: bool,
    pub(crate) extended: bool,
    engine: OnceCell<Result<Engine, String>>,
}

enum Engine {
    Linear(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

/// The groups of a match: byte ranges, the whole match first.
pub(crate) type Groups = Vec<Option<(usize, usize)>>;

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.inspect())
    }
}

impl Pattern {
    pub(crate) fn new(source: &str, options: &str) -> Self {
        Self {
            source: source.into(),
            ignore_case: options.contains('i'),
            dot_all: options.contains('m'),
            extended: options.contains('x'),
            engine: OnceCell::new(),
        }
    }

    /// The same as controls in KDL have it, which `^` and `$` are per line for; none where only the
    /// engine that backtracks could tell, or where a line behind the last newline would count.
    pub(crate) fn in_kdl(&self) -> Option<String> {
        let mut out = translate(&self.source);
        // At the end of a pattern it is the same whether the newline is looked at or taken.
        if let Some(before) = out.strip_suffix(r"(?=\n?\z)") {
            out = format!(r"{before}\n?\z");
        }
        let flags = [(self.ignore_case, 'i'), (self.dot_all, 's'), (self.extended, 'x')];
        let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect();
        if !flags.is_empty() {
            out = format!("(?{flags}){out}");
        }
        let regex = regex::RegexBuilder::new(&out).multi_line(true).build().ok()?;
        let counts_lines = self.source.starts_with('^') && regex.is_match("");
        (!counts_lines).then_some(out)
    }

    fn engine(&self) -> Result<&Engine, String> {
        self.engine.get_or_init(|| self.compile()).as_ref().map_err(Clone::clone)
    }

    fn compile(&self) -> Result<Engine, String> {
        let mut flags = String::from("(?m");
        for (on, letter) in [(self.ignore_case, 'i'), (self.dot_all, 's'), (self.extended, 'x')] {
            if on {
                flags.push(letter);
            }
        }
        flags.push(')');
        flags.push_str(&translate(&self.source));
        if let Ok(linear) = regex::Regex::new(&flags) {
            return Ok(Engine::Linear(linear));
        }
        fancy_regex::RegexBuilder::new(&flags)
            .backtrack_limit(BACKTRACK_LIMIT)
            .build()
            .map(|regex| Engine::Backtracking(Box::new(regex)))
            .map_err(|error| format!("the regular expression {}: {error}", self.inspect()))
    }

    /// The first match at or after a byte.
    pub(crate) fn find(&self, text: &str, from: usize) -> Result<Option<Groups>, String> {
        if from > text.len() {
            return Ok(None);
        }
        let groups = match self.engine()? {
            Engine::Linear(regex) => regex.captures_at(text, from).map(|found| {
                found.iter().map(|group| group.map(|m| (m.start(), m.end()))).collect::<Groups>()
            }),
            Engine::Backtracking(regex) => regex
                .captures_from_pos(text, from)
                .map_err(|error| format!("{}: {error}", self.inspect()))?
                .map(|found| {
                    found.iter().map(|group| group.map(|m| (m.start(), m.end()))).collect()
                }),
        };
        Ok(groups.filter(|groups| !self.is_after_last_newline(text, groups)))
    }

    /// Ruby knows no line behind the last newline: `"a\n" =~ /^$/` is no match.
    fn is_after_last_newline(&self, text: &str, groups: &Groups) -> bool {
        self.source.starts_with('^')
            && text.ends_with('\n')
            && matches!(groups.first(), Some(Some((begin, _))) if *begin == text.len())
    }

    pub(crate) fn is_match(&self, text: &str) -> Result<bool, String> {
        match self.engine()? {
            Engine::Linear(regex) if !self.source.starts_with('^') => Ok(regex.is_match(text)),
            _ => Ok(self.find(text, 0)?.is_some()),
        }
    }

    /// Names of groups, by their number.
    pub(crate) fn names(&self) -> Result<Vec<Option<String>>, String> {
        Ok(match self.engine()? {
            Engine::Linear(regex) => {
                regex.capture_names().map(|name| name.map(str::to_owned)).collect()
            }
            Engine::Backtracking(regex) => {
                regex.capture_names().map(|name| name.map(str::to_owned)).collect()
            }
        })
    }

    /// As `Regexp#inspect`.
    pub(crate) fn inspect(&self) -> String {
        let mut text = String::from("/");
        let mut escaped = false;
        for c in self.source.chars() {
            match c {
                '/' if !escaped => text.push_str("\\/"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                c => text.push(c),
            }
            escaped = c == '\\' && !escaped;
        }
        text.push('/');
        text.push_str(&self.letters(true));
        text
    }

    fn letters(&self, on: bool) -> String {
        let all = [(self.dot_all, 'm'), (self.ignore_case, 'i'), (self.extended, 'x')];
        all.iter().filter(|(set, _)| *set == on).map(|(_, letter)| *letter).collect()
    }

    /// As `Regexp#to_s`: `(?-mix:source)`.
    pub(crate) fn embedded(&self) -> String {
        let off = self.letters(false);
        let dash = if off.is_empty() { "" } else { "-" };
        format!("(?{}{dash}{off}:{})", self.letters(true), self.source)
    }
}

/// As `Regexp.escape`.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' ' | '.' | '*' | '?' | '+' | '^' | '$' | '|' | '\\' | '(' | ')' | '[' | ']' | '{'
            | '}' | '-' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Ruby's notation in Rust's.
fn translate(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 8);
    let mut rest = source;
    let mut class_depth = 0_usize;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => escaped(after, class_depth > 0, &mut out),
            '[' if class_depth > 0 && !after.starts_with(':') => {
                out.push_str("\\[");
                after
            }
            '[' if class_depth > 0 => posix(rest, &mut out),
            '[' => {
                class_depth += 1;
                class_begin(after, &mut out)
            }
            ']' if class_depth > 0 => {
                class_depth -= 1;
                out.push(']');
                after
            }
            '(' if class_depth == 0 && after.starts_with('?') => group(after, &mut out),
            '{' if class_depth == 0 => brace(after, &mut out),
            '}' if class_depth == 0 => {
                out.push_str("\\}");
                after
            }
            // Set operations of Rust, plain characters in Ruby; `&&` is one in both.
            '~' | '-' if class_depth > 0 && after.starts_with(c) => {
                out.push('\\');
                out.push(c);
                after
            }
            c => {
                out.push(c);
                after
            }
        };
    }
    out
}

/// What stands behind a `[`: a `^`, and a `]` that is a character.
fn class_begin<'a>(after: &'a str, out: &mut String) -> &'a str {
    out.push('[');
    let mut rest = after;
    if let Some(more) = rest.strip_prefix('^') {
        out.push('^');
        rest = more;
    }
    if let Some(more) = rest.strip_prefix(']') {
        out.push_str("\\]");
        rest = more;
    }
    rest
}

/// `[:alpha:]`.
fn posix<'a>(rest: &'a str, out: &mut String) -> &'a str {
    if let Some(end) = rest.find(":]") {
        out.push_str(&rest[..end + 2]);
        &rest[end + 2..]
    } else {
        out.push_str("\\[");
        &rest[1..]
    }
}

/// What follows `(`: flags, where Ruby's `m` is Rust's `s`.
fn group<'a>(after: &'a str, out: &mut String) -> &'a str {
    out.push('(');
    let flags = &after[1..];
    let end = flags.find(|c: char| !matches!(c, 'm' | 'i' | 'x' | '-')).unwrap_or(flags.len());
    if end == 0 || !flags[end..].starts_with([':', ')']) {
        if let Some(comment) = flags.strip_prefix('#') {
            out.push_str("?:)");
            return comment.find(')').map_or("", |end| &comment[end + 1..]);
        }
        return after;
    }
    out.push('?');
    let flags_out = flags[..end].replace('m', "s");
    out.push_str(flags_out.trim_end_matches('-'));
    &flags[end..]
}

/// A quantifier, or a brace that is a character.
fn brace<'a>(after: &'a str, out: &mut String) -> &'a str {
    let end = after.find('}').unwrap_or(0);
    let inner = &after[..end];
    let counts = inner.split(',').all(|count| count.bytes().all(|b| b.is_ascii_digit()));
    if inner.is_empty() || !counts || inner == "," || inner.matches(',').count() > 1 {
        out.push_str("\\{");
        return after;
    }
    let from = if inner.starts_with(',') { "0" } else { "" };
    out.push_str(&format!("{{{from}{inner}}}"));
    &after[end + 1..]
}

const SPACE: &str = r"\x20\t\r\n\x0c\x0b";
const WORD: &str = "a-zA-Z0-9_";
const HEX: &str = "0-9a-fA-F";

fn escaped<'a>(after: &'a str, in_class: bool, out: &mut String) -> &'a str {
    let Some(c) = after.chars().next() else {
        out.push_str("\\\\");
        return after;
    };
    let set = match c {
        's' | 'S' => Some(SPACE),
        'd' | 'D' => Some("0-9"),
        'w' | 'W' => Some(WORD),
        'h' | 'H' => Some(HEX),
        _ => None,
    };
    match (set, c) {
        (Some(set), _) if c.is_ascii_uppercase() => out.push_str(&format!("[^{set}]")),
        (Some(set), _) if in_class => out.push_str(set),
        (Some(set), _) => out.push_str(&format!("[{set}]")),
        (None, 'Z') => out.push_str(r"(?=\n?\z)"),
        (None, 'R') => out.push_str(r"(?:\r\n|[\n\r\x0b\x0c])"),
        (None, 'e') => out.push_str(r"\x1b"),
        (None, 'b') if in_class => out.push_str(r"\x08"),
        (None, '0') => out.push_str(r"\x00"),
        (None, '<' | '>') => out.push(c),
        (None, 'n' | 't' | 'r' | 'f' | 'v' | 'a' | 'x' | 'u' | 'p' | 'P' | 'k' | 'K' | 'G') => {
            out.push('\\');
            out.push(c);
        }
        (None, 'A' | 'z' | 'b' | 'B') => {
            out.push('\\');
            out.push(c);
        }
        (None, c) if c.is_ascii_alphabetic() || !c.is_ascii() => out.push(c),
        (None, c) => {
            out.push('\\');
            out.push(c);
        }
    }
    &after[c.len_utf8()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(source: &str, options: &str, text: &str) -> bool {
        Pattern::new(source, options).is_match(text).unwrap()
    }

    #[test]
    fn notation_of_ruby() {
        for (source, options, text, want) in [
            ("^b$", "", "a\nb", true),
            ("a.b", "", "a\nb", false),
            ("a.b", "m", "a\nb", true),
            (r"\Ab", "", "a\nb", false),
            (r"b\Z", "", "a\nb\n", true),
            (r"b\z", "", "a\nb\n", false),
            (r"^\h+$", "", "1aF", true),
            (r"\s", "", "\u{a0}", false),
            (r"a{,2}b", "", "aab", true),
            (r"{x}", "", "{x}", true),
            (r"a(?!b)", "", "ab", false),
            (r"a(?!b)", "", "ac", true),
            (r"(?-mix:a)", "i", "A", false),
            (r"(?mi:A.b)", "", "a\nb", true),
            (r"[\w.-]+@", "", "x.y@", true),
            (r"[[:space:]]", "", "\t", true),
            (r"[^\s#]", "", " #", false),
            (r"[]a]", "", "]", true),
            (r"[\[]", "", "[", true),
            (r"a b # c", "x", "ab", true),
            (r"(a)\1", "", "aa", true),
            (r"\<x\>", "", "<x>", true),
            (r"a++b", "", "aab", true),
            ("^$", "", "a\n", false),
            ("^$", "", "a\n\nb", true),
            (r"^\s*$", "", "", true),
            (r"\/etc\/x\_y", "", "/etc/x_y", true),
        ] {
            assert_eq!(matches(source, options, text), want, "/{source}/{options} {text:?}");
        }
    }

    #[test]
    fn texts_of_ruby() {
        assert_eq!(Pattern::new(r"^\|?/.*", "").inspect(), r"/^\|?\/.*/");
        assert_eq!(Pattern::new(r"a\/b", "mi").inspect(), r"/a\/b/mi");
        assert_eq!(Pattern::new("x", "").embedded(), "(?-mix:x)");
        assert_eq!(Pattern::new("x", "i").embedded(), "(?i-mx:x)");
    }

    #[test]
    fn a_search_that_explodes_ends() {
        let found = Pattern::new(r"^(?:(a+)\1?)+b", "").is_match(&"a".repeat(60));
        assert!(found.is_err(), "{found:?}");
    }
}
