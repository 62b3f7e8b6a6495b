use std::sync::Arc;

use lsp_types::{TextDocumentContentChangeEvent, Uri};

use crate::position::{Encoding, Lines};

/// A text that the editor has open.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// As the editor names it.
    pub(crate) uri: Uri,
    /// The editor's number of this state.
    pub(crate) version: i32,
    /// The text.
    pub(crate) text: Arc<str>,
}

impl Document {
    /// Applies changes, each to what the one before left.
    pub(crate) fn change(&mut self, changes: Vec<TextDocumentContentChangeEvent>, how: Encoding) {
        let mut text = self.text.to_string();
        for change in changes {
            let Some(range) = change.range else {
                text = change.text;
                continue;
            };
            let lines = Lines::new(&text);
            let (start, end) =
                (lines.offset(&text, range.start, how), lines.offset(&text, range.end, how));
            text.replace_range(start..end.max(start), &change.text);
        }
        self.text = text.into();
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use lsp_types::{Position, Range};

    use super::*;

    #[test]
    fn changes_apply_one_after_the_other() {
        let mut document = Document {
            uri: Uri::from_str("file:///a.kdl").unwrap(),
            version: 1,
            text: "é one\ntwo\n".into(),
        };
        let change = |line, from, to, text: &str| TextDocumentContentChangeEvent {
            range: Some(Range {
                start: Position { line, character: from },
                end: Position { line, character: to },
            }),
            range_length: None,
            text: text.to_owned(),
        };
        document.change(vec![change(0, 2, 5, "1\n"), change(1, 0, 0, "x")], Encoding::Utf16);
        assert_eq!(&*document.text, "é 1\nx\ntwo\n");
        document.change(vec![change(9, 0, 0, "end")], Encoding::Utf16);
        assert_eq!(&*document.text, "é 1\nx\ntwo\nend");
        let whole = TextDocumentContentChangeEvent {
            range: None,
            range_length: None,
            text: "new".to_owned(),
        };
        document.change(vec![whole], Encoding::Utf16);
        assert_eq!(&*document.text, "new");
    }
}
