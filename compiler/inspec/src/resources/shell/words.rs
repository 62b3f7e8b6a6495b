//! A line of a shell, cut into programs and their words.

/// A word.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// It has a character that stands for others, and is not quoted.
    pub(super) is_pattern: bool,
}

/// One program of a pipe.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) words: Vec<Word>,
    /// `2>/dev/null`.
    pub(super) silent: bool,
}

/// The programs of a line, when nothing else is in it than words, quotes and pipes.
pub(super) fn stages(line: &str) -> Option<Vec<Stage>> {
    let mut stages = vec![Stage::default()];
    let mut rest = line.trim_matches([' ', '\t', '\n']);
    if rest.contains('\0') {
        return None;
    }
    while let Some(c) = rest.chars().next() {
        let stage = stages.last_mut()?;
        if c == ' ' || c == '\t' {
            rest = &rest[1..];
        } else if c == '|' {
            if stage.words.is_empty() || rest.starts_with("||") {
                return None;
            }
            stages.push(Stage::default());
            rest = &rest[1..];
        } else if let Some(after) = rest.strip_prefix("2>") {
            rest = after.trim_start_matches(' ').strip_prefix("/dev/null")?;
            if !rest.is_empty() && !rest.starts_with([' ', '\t', '|']) {
                return None;
            }
            stage.silent = true;
        } else {
            let (word, after) = word(rest)?;
            stage.words.push(word);
            rest = after;
        }
    }
    stages.iter().all(|stage| !stage.words.is_empty()).then_some(stages)
}

/// Quotes around the characters of a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

/// The first word and what follows it.
fn word(text: &str) -> Option<(Word, &str)> {
    let mut word = Word::default();
    let mut quoted_pattern = false;
    let mut quote = Quote::None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        match (quote, c) {
            (Quote::Single, '\'') | (Quote::Double, '"') => quote = Quote::None,
            (Quote::None, '\'') => quote = Quote::Single,
            (Quote::None, '"') => quote = Quote::Double,
            (Quote::None, ' ' | '\t' | '|') => {
                return ended(word, quoted_pattern).map(|word| (word, &text[at..]));
            }
            (Quote::None, '\\') => {
                let (_, escaped) = chars.next().filter(|(_, c)| *c != '\n')?;
                quoted_pattern |= "*?[".contains(escaped);
                word.text.push(escaped);
            }
            (Quote::Double, '\\') if next.is_some_and(|c| "$`\"\\".contains(c)) => {
                word.text.push(chars.next()?.1);
            }
            (Quote::Double, '\\') if next == Some('\n') => return None,
            // A dollar before nothing that has a value is a dollar.
            (Quote::None | Quote::Double, '$') => {
                if next.is_some_and(|c| !" \t|\"".contains(c))
                    || (quote == Quote::None && next == Some('"'))
                {
                    return None;
                }
                word.text.push(c);
            }
            (Quote::None | Quote::Double, '`') => return None,
            (Quote::None, '*' | '?' | '[') => {
                word.is_pattern = true;
                word.text.push(c);
            }
            (Quote::None, '\n' | '&' | ';' | '<' | '>' | '(' | ')' | '{' | '}' | '~' | '#') => {
                return None;
            }
            (_, c) => {
                quoted_pattern |= "*?[".contains(c);
                word.text.push(c);
            }
        }
    }
    if quote != Quote::None {
        return None;
    }
    ended(word, quoted_pattern).map(|word| (word, ""))
}

/// A word that has such characters quoted and unquoted is not read.
fn ended(word: Word, quoted_pattern: bool) -> Option<Word> {
    (!word.is_pattern || !quoted_pattern).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::stages;

    fn words(line: &str) -> Option<Vec<Vec<String>>> {
        let words = |stage: super::Stage| stage.words.into_iter().map(|word| word.text).collect();
        stages(line).map(|stages| stages.into_iter().map(words).collect())
    }

    #[test]
    fn a_line_is_words_and_pipes_or_nothing() {
        for (line, want) in [
            (r#"a 'b c' "d $" \(e\)"#, Some(vec![vec!["a", "b c", "d $", "(e)"]])),
            (
                r"grep -v '^find:' | wc -l",
                Some(vec![vec!["grep", "-v", "^find:"], vec!["wc", "-l"]]),
            ),
            (r#"a "\s\"\\" 2>/dev/null|b"#, Some(vec![vec!["a", r#"\s"\"#], vec!["b"]])),
            ("a ''", Some(vec![vec!["a", ""]])),
            ("a $HOME", None),
            ("a \"$(b)\"", None),
            ("a `b`", None),
            ("a; b", None),
            ("a && b", None),
            ("a || b", None),
            ("a > b", None),
            ("a 2>&1", None),
            ("a |", None),
            ("a 'b", None),
            ("a ~/b", None),
            ("a {b,c}", None),
            (r"a \**", None),
        ] {
            let want = want.map(|stages| {
                stages
                    .into_iter()
                    .map(|words| words.into_iter().map(str::to_owned).collect())
                    .collect()
            });
            assert_eq!(words(line), want, "{line}");
        }
        assert!(stages("find / 2> /dev/null").is_some_and(|stages| stages[0].silent));
    }
}
