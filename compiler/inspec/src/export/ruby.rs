//! Text of Ruby.

/// A text as a literal: in single quotes where that says it all.
pub(super) fn text(value: &str) -> String {
    if value.chars().any(char::is_control) {
        let mut out = String::from("\"");
        for character in value.chars() {
            match character {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '"' | '\\' | '#' => out.extend(['\\', character]),
                other if other.is_control() => {
                    out.push_str(&format!("\\u{{{:x}}}", u32::from(other)));
                }
                other => out.push(other),
            }
        }
        out.push('"');
        return out;
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Texts as a list.
pub(super) fn list(values: &[String]) -> String {
    format!("[{}]", values.join(", "))
}

/// A regular expression that means in Ruby what it means in Rust, with lines for `^` and `$`; an error
/// says what Ruby has not, or has in another meaning.
pub(super) fn regex(pattern: &str) -> Result<String, String> {
    let has = |what: &str| Err(format!("`{what}` of its pattern means something else in Ruby"));
    let mut out = String::from("/");
    let mut rest = pattern.chars().peekable();
    let mut before = '\0';
    while let Some(character) = rest.next() {
        let next = rest.peek().copied();
        match character {
            '\\' => {
                let mut ahead = rest.clone();
                ahead.next();
                let braced = ahead.peek() == Some(&'{');
                match next {
                    Some(class @ ('p' | 'P')) if !braced => return has(&format!("\\{class}")),
                    Some(escape @ ('x' | 'b' | 'U')) if braced => {
                        return has(&format!("\\{escape}{{"));
                    }
                    Some(angle @ ('<' | '>')) => return has(&format!("\\{angle}")),
                    _ => {}
                }
                out.push('\\');
                out.extend(rest.next());
                before = '\0';
                continue;
            }
            '(' if next == Some('?') => {
                let mut ahead = rest.clone();
                ahead.next();
                let inside: String = ahead.take(2).collect();
                if !(inside.starts_with(':')
                    || inside.starts_with('<')
                    || inside == "i:"
                    || inside == "i)")
                {
                    return has(&format!("(?{inside}"));
                }
                out.push('(');
            }
            '-' | '~' if before == character && next != Some(']') => {
                return has(&format!("{character}{character}"));
            }
            '/' => out.push_str("\\/"),
            '\n' => out.push_str("\\n"),
            '#' if matches!(next, Some('{' | '$' | '@')) => out.push_str("\\#"),
            other => out.push(other),
        }
        before = character;
    }
    out.push('/');
    Ok(out)
}

/// A word for `/bin/sh`.
pub(super) fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_come_through() {
        assert_eq!(text("it's \\ #{x}"), "'it\\'s \\\\ #{x}'");
        assert_eq!(text("a\n\"#{b}\"\u{7}"), "\"a\\n\\\"\\#{b}\\\"\\u{7}\"");
        assert_eq!(shell("it's"), "'it'\\''s'");
    }

    #[test]
    fn patterns_mean_the_same_or_are_refused() {
        assert_eq!(
            regex("^a/b #{c} \\/ (?:x|(?<n>y))$").unwrap(),
            "/^a\\/b \\#{c} \\/ (?:x|(?<n>y))$/"
        );
        for other in ["(?s).", "(?P<n>a)", "(?m)^a", "\\pL", "\\x{41}", "[a--b]", "(?-i)a", "\\<a"]
        {
            assert!(regex(other).is_err(), "{other}");
        }
    }
}
