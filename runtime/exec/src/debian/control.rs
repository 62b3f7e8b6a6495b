//! Debian control data: paragraphs of `Name: value` fields (deb822(5)).

use std::borrow::Cow;

/// One paragraph, borrowed from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paragraph<'a>(&'a str);

impl<'a> Paragraph<'a> {
    /// The value of a field, its further lines joined by newlines; names ignore case.
    pub(crate) fn field(self, name: &str) -> Option<Cow<'a, str>> {
        let mut lines = self.0.lines().filter(|line| !line.starts_with('#'));
        let first = lines.find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })?;
        let more: Vec<&str> =
            lines.take_while(|line| line.starts_with([' ', '\t'])).map(str::trim).collect();
        if more.is_empty() {
            return Some(Cow::Borrowed(first));
        }
        let mut value = first.to_owned();
        for line in more {
            value.push('\n');
            value.push_str(line);
        }
        Some(Cow::Owned(value))
    }

    /// The words of a field; none when it is absent.
    pub(crate) fn words(self, name: &str) -> Vec<String> {
        let value = self.field(name).unwrap_or_default();
        value.split_whitespace().map(str::to_owned).collect()
    }

    /// The paragraph as written, without an empty line at its end.
    pub(crate) fn text(self) -> &'a str {
        self.0
    }
}

/// The paragraphs of a text, split by empty lines; those of comments alone are left out.
pub(crate) fn paragraphs(text: &str) -> impl Iterator<Item = Paragraph<'_>> {
    text.split("\n\n")
        .map(|part| part.trim_matches('\n'))
        .filter(|part| part.lines().any(|line| !line.starts_with('#') && !line.trim().is_empty()))
        .map(Paragraph)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment\n\nPackage: a\nDescription: short\n long\n .\nSize: 5\n\n\n\
        Package: b\n# between\nDEPENDS: x,\n y\n";

    #[test]
    fn fields_are_found_in_their_own_paragraph() {
        let all: Vec<Paragraph<'_>> = paragraphs(TEXT).collect();
        assert_eq!(all.len(), 2);
        let cases = [
            (0, "package", Some("a")),
            (0, "Description", Some("short\nlong\n.")),
            (0, "Size", Some("5")),
            (0, "Depends", None),
            (1, "Depends", Some("x,\ny")),
            (1, "Size", None),
        ];
        for (at, name, want) in cases {
            assert_eq!(all[at].field(name).as_deref(), want, "{at} {name}");
        }
        assert_eq!(all[1].words("Depends"), ["x,", "y"]);
    }
}
