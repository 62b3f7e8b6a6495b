//! `forgec lsp`, talked to by a scripted editor.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod action;
mod conversation;
mod diagnostics;

use std::path::Path;

use forge_test::{Editor, Forgec, Site};
use serde_json::Value;

/// An editor at work on a site.
pub(crate) fn editor(site: &Site, capabilities: &Value) -> Editor {
    Editor::start(&Forgec::new(&site.project(), site.scratch()), &site.project(), capabilities)
}

/// The example site.
pub(crate) fn example() -> Site {
    Site::copy_of(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("specs"))
}

/// The text that a range of the protocol covers.
pub(crate) fn slice<'a>(text: &'a str, range: &Value) -> &'a str {
    let at = |place: &Value| {
        let number = |name: &str| usize::try_from(place[name].as_u64().unwrap()).unwrap();
        let start: usize = text.split_inclusive('\n').take(number("line")).map(str::len).sum();
        let mut left = number("character");
        let rest = text[start..].char_indices();
        let mut end = start + text[start..].len();
        for (index, c) in rest {
            if left == 0 {
                end = start + index;
                break;
            }
            left -= c.len_utf16();
        }
        end
    };
    &text[at(&range["start"])..at(&range["end"])]
}
