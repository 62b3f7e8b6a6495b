use forge_diag::{Diagnostic, Span, codes};

use crate::{Value, quote};

/// A word that KDL reads otherwise than its writer, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trap {
    /// `true`, `null`, …: keywords of KDL begin with `#`.
    Keyword,
    /// Begins as a number and is none: a short hash, an address, a size.
    Digits,
    /// Holds characters that only quoted text may hold.
    Special,
    /// `${name}` outside of quotes: KDL sees a block.
    Interpolation,
    /// A number so large that it is infinity: a short hash such as `479e3225`.
    Infinity,
}

impl Trap {
    /// The finding about a word; `before` is its line up to it.
    pub(super) fn diagnostic(self, written: &str, span: Span, before: &str) -> Diagnostic {
        let quoted = quote(written);
        match self {
            Self::Keyword if matches!(written, "true" | "false") && is_truth(before) => {
                Diagnostic::error(codes::SYNTAX_KEYWORD, format!("`{written}` is no value of KDL"))
                    .help(format!("write `#{written}`"))
                    .mend(span, format!("#{written}"))
            }
            Self::Keyword if written == "null" => {
                Diagnostic::error(codes::SYNTAX_KEYWORD, "`null` is no value here")
                    .help(format!("leave it out: nothing holds then; or write {quoted} for text"))
            }
            Self::Keyword => {
                Diagnostic::error(codes::SYNTAX_KEYWORD, format!("`{written}` is no value of KDL"))
                    .help(format!("write `#{written}`, or {quoted} for text"))
                    .offer(span, format!("#{written}"))
                    .offer(span, quoted)
            }
            Self::Digits | Self::Special => {
                Diagnostic::error(codes::SYNTAX_BARE, format!("`{written}` is not quoted"))
                    .help(format!("write {quoted}"))
                    .mend(span, quoted)
            }
            Self::Interpolation => Diagnostic::error(
                codes::SYNTAX_INTERPOLATION,
                format!("`{written}` stands outside of quotes"),
            )
            .help(format!("write {quoted}"))
            .mend(span, quoted)
            .note("without quotes, KDL reads `$` and a block"),
            Self::Infinity => Diagnostic::error(
                codes::SYNTAX_NUMBER,
                format!("`{written}` is a number too large to hold"),
            )
            .help(format!("if it is a name or a hash, write {quoted}"))
            .offer(span, quoted),
        }
        .at(span, self.label())
    }

    fn label(self) -> &'static str {
        match self {
            Self::Keyword => "keywords begin with `#`",
            Self::Digits => "neither a number nor quoted text",
            Self::Special => "paths and addresses are quoted text",
            Self::Interpolation => "not interpolated here",
            Self::Infinity => "KDL reads this as infinity",
        }
    }
}

/// Properties that are truth values wherever they stand.
const TRUTHS: [&str; 13] = [
    "allow-secrets",
    "append",
    "automount",
    "emergency",
    "enabled",
    "firmware",
    "masked",
    "newline",
    "override",
    "recommends",
    "setuid",
    "system",
    "updates",
];

/// Whether a line ends in a property that is a truth value.
fn is_truth(before: &str) -> bool {
    let name = before.strip_suffix('=').and_then(|head| head.rsplit([' ', '\t', '\\']).next());
    name.is_some_and(|name| TRUTHS.contains(&name))
}

/// Length of the word at the beginning of `text`: to a blank or a delimiter, `${…}` included.
pub(crate) fn length(text: &str) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(c) = rest.chars().next()
    {
        if rest.starts_with("${") {
            at += interpolation(rest);
            continue;
        }
        let delimiter = matches!(c, ';' | '{' | '}' | '"' | '=' | '(' | ')' | '\\');
        let comment = at > 0 && (rest.starts_with("//") || rest.starts_with("/*"));
        if delimiter || comment || c.is_whitespace() {
            break;
        }
        at += c.len_utf8();
    }
    at
}

/// `${name}` on one line and without blanks; else the two characters `${`.
fn interpolation(rest: &str) -> usize {
    let name = rest.get(2..).unwrap_or_default();
    // A text of nothing but `${` is not searched to its end each time.
    let end = name.find(|c: char| matches!(c, '{' | '}') || c.is_whitespace());
    match end {
        Some(end) if name[end..].starts_with('}') => end + 3,
        _ => 2,
    }
}

pub(super) fn trap(word: &str) -> Option<Trap> {
    if word.contains("${") {
        return Some(Trap::Interpolation);
    }
    if word.starts_with('#') {
        return None;
    }
    if matches!(word, "true" | "false" | "null" | "inf" | "-inf" | "nan") {
        return Some(Trap::Keyword);
    }
    let unsigned = word.trim_start_matches(['+', '-']).trim_start_matches('.');
    if unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return match number(word) {
            None => Some(Trap::Digits),
            Some(value) if value.is_infinite() => Some(Trap::Infinity),
            Some(_) => None,
        };
    }
    word.contains(['/', '[', ']', '#']).then_some(Trap::Special)
}

/// The value of a KDL number (section 3.11 of KDL 2.0.0); none when it is no number.
fn number(word: &str) -> Option<f64> {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = unsigned.strip_prefix(prefix) {
            let first = digits.starts_with(|c: char| c.is_digit(radix));
            let all = digits.chars().all(|c| c.is_digit(radix) || c == '_');
            return (first && all).then_some(0.0);
        }
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    let parts = [Some(whole), fraction, exponent];
    if !parts.into_iter().flatten().all(is_digits) {
        return None;
    }
    unsigned.replace('_', "").parse().ok()
}

/// A word as a number of KDL; none when it is none, or none that can be held.
pub(crate) fn value(word: &str) -> Option<Value> {
    let size = number(word).filter(|size| size.is_finite())?;
    let written = word.to_owned();
    let (minus, unsigned) = match word.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", word.strip_prefix('+').unwrap_or(word)),
    };
    let digits = unsigned.replace('_', "");
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            let value = i128::from_str_radix(&format!("{minus}{digits}"), radix).ok()?;
            return Some(Value::Integer { value, written });
        }
    }
    if unsigned.contains(['.', 'e', 'E']) {
        let value = if minus.is_empty() { size } else { -size };
        return Some(Value::Float { value, written });
    }
    format!("{minus}{digits}").parse().ok().map(|value| Value::Integer { value, written })
}

fn is_digits(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_of_configuration_files_are_known() {
        let cases = [
            ("479e3a25", Some(Trap::Digits)),
            ("479e3225", Some(Trap::Infinity)),
            ("f2666987", None),
            ("10.225.144.131", Some(Trap::Digits)),
            ("00:11:22:33:44:55", Some(Trap::Digits)),
            ("10G", Some(Trap::Digits)),
            ("-5s", Some(Trap::Digits)),
            (".5", Some(Trap::Digits)),
            ("1.2.3", Some(Trap::Digits)),
            ("10.0.0.0/8", Some(Trap::Digits)),
            ("/etc/passwd", Some(Trap::Special)),
            ("shas[01-10]", Some(Trap::Special)),
            ("true", Some(Trap::Keyword)),
            ("#true", None),
            ("${name}", Some(Trap::Interpolation)),
            ("8192", None),
            ("8_192", None),
            ("-1.5e3", None),
            ("0x1F", None),
            ("0o755", None),
            ("0xfg", Some(Trap::Digits)),
            ("yes", None),
            ("slurm-client", None),
        ];
        for (word, want) in cases {
            assert_eq!(trap(word), want, "{word}");
        }
    }

    #[test]
    fn words_end_where_they_should() {
        let cases = [
            ("a b", 1),
            ("a{", 1),
            ("${a}/b c", 6),
            ("/etc/x;", 6),
            ("a//comment", 1),
            ("name=1", 4),
            ("${ a }", 2),
        ];
        for (text, want) in cases {
            assert_eq!(length(text), want, "{text}");
        }
    }
}
