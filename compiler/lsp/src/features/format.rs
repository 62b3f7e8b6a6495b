//! Texts in the one style.

use forge_diag::{Sink, SourceMap};
use lsp_types::{DocumentFormattingParams, TextEdit};

use super::Refusal;
use crate::server::Server;

/// The style leaves nothing to choose, so the editor's wishes about blanks are not asked.
pub(crate) fn format(
    server: &mut Server,
    params: &DocumentFormattingParams,
) -> Result<Option<Vec<TextEdit>>, Refusal> {
    let Some(asked) = server.asked_file(&params.text_document.uri) else { return Ok(None) };
    if !asked.path.ends_with(".kdl") {
        return Ok(None);
    }
    let (mut map, mut sink) = (SourceMap::new(), Sink::new());
    let file = map.add(asked.path.as_str(), asked.text.clone());
    let Some(new) = forge_syntax::format(file, &asked.text, &mut sink) else {
        let found = sink.into_sorted();
        let first = found.first().map_or("it cannot be read", |found| found.headline.as_str());
        return Err(Refusal(format!("not formatted: {first}")));
    };
    Ok(Some(edits(&asked.text, &new, |start, end| asked.range(start, end))))
}

/// One change, of what is between the first and the last differing lines: the cursor stays where
/// nothing changes.
fn edits(old: &str, new: &str, range: impl Fn(usize, usize) -> lsp_types::Range) -> Vec<TextEdit> {
    if old == new {
        return Vec::new();
    }
    let (before, after): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let left = before.len().min(after.len()) - same;
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    let tail = tail.min(left);
    let length = |lines: &[&str]| lines.iter().map(|line| line.len()).sum::<usize>();
    let (start, end) = (length(&before[..same]), length(&before[..before.len() - tail]));
    let new_text = after[same..after.len() - tail].concat();
    vec![TextEdit { range: range(start, end), new_text }]
}
