/// One line of a file that sets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetLine {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The value, spacing and one pair of quotes taken off.
    pub(crate) value: String,
}

/// All lines of `text` that set `key`: `KEY separator VALUE` with free spacing, where a blank
/// separator means white space. Lines that begin with `#` or `;` are comments. With a section,
/// only the lines below `[section]`.
pub(crate) fn find(text: &str, key: &str, separator: &str, section: Option<&str>) -> Vec<SetLine> {
    let mut found = Vec::new();
    let mut inside = section.is_none();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let (Some(section), Some(name)) = (section, section_name(line)) {
            inside = name == section;
            continue;
        }
        if let Some(value) = value_of(line, key, separator).filter(|_| inside) {
            found.push(SetLine { line: index + 1, value });
        }
    }
    found
}

fn section_name(line: &str) -> Option<&str> {
    let (name, behind) = line.strip_prefix('[')?.split_once(']')?;
    let behind = behind.trim_start();
    (behind.is_empty() || behind.starts_with(['#', ';'])).then_some(name.trim())
}

fn value_of(line: &str, key: &str, separator: &str) -> Option<String> {
    let rest = line.strip_prefix(key)?;
    let value = if separator.trim().is_empty() {
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return None;
        }
        rest
    } else {
        rest.trim_start().strip_prefix(separator.trim())?
    };
    Some(unquote(value.trim()).to_owned())
}

fn unquote(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (&'a str, &'a str, Option<&'a str>, &'a [(usize, &'a str)]);

    #[test]
    fn lines_that_set_a_key() {
        let text = "# a = 0\n a=1\na  =  2 \nab = 3\n;a=4\nb = 5\n[s]\na = \"6 7\"\n[t]\na 8\n";
        let cases: &[Case<'_>] = &[
            ("a", "=", None, &[(2, "1"), (3, "2"), (8, "6 7")]),
            ("a", "=", Some("s"), &[(8, "6 7")]),
            ("a", " ", Some("t"), &[(10, "8")]),
            ("a", "=", Some("u"), &[]),
            ("b", "=", None, &[(6, "5")]),
            ("c", "=", None, &[]),
        ];
        for (key, separator, section, want) in cases {
            let got = find(text, key, separator, *section);
            let got: Vec<_> = got.iter().map(|set| (set.line, set.value.as_str())).collect();
            assert_eq!(&got, want, "{key} {separator:?} {section:?}");
        }
    }
}
