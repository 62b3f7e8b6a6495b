//! Contents of files, compared line by line.

use forge_model::{Content, Sources};

/// Bytes of a text that is compared line by line.
pub(crate) const MAX_TEXT: u64 = 128 << 10;
/// Lines of two texts that are compared: a worse case costs their product.
const MAX_LINES: usize = 8192;

/// A content as text; none when it is none, or too large.
pub(crate) fn text(content: &Content, sources: &dyn Sources) -> Option<String> {
    match content {
        Content::Text(text) => Some(text.clone()),
        Content::Source(file) => {
            let bytes = sources.read_at_most(&file.path, MAX_TEXT).ok()?;
            let text = std::str::from_utf8(&bytes).ok()?;
            (!text.contains('\0')).then(|| text.to_owned())
        }
    }
}

/// The lines that differ, as a unified diff.
pub(crate) fn lines(old: &str, new: &str) -> Option<String> {
    let small = |text: &str| text.len() as u64 <= MAX_TEXT;
    let counted = old.lines().count() + new.lines().count();
    if !small(old) || !small(new) || counted > MAX_LINES {
        return None;
    }
    let diff = similar::TextDiff::from_lines(old, new);
    Some(diff.unified_diff().context_radius(1).to_string())
}
