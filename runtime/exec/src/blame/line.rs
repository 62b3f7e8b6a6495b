//! Which edit wrote a line of a file.

use forge_model::{Action, ChangeKind, Content, Edit, EntryKind, ImagePath, Origin, TreeEntry};

use super::{Blame, Blamer, Maker};
use crate::changes::ReadContent;

/// A line, and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlamedLine {
    /// The line, without its end.
    pub text: String,
    /// Who wrote it.
    pub by: Blame,
}

/// A file whose lines know who wrote them.
struct Known {
    text: Vec<u8>,
    /// Who wrote each line: one of the makers.
    owners: Vec<usize>,
    makers: Vec<Blame>,
}

impl Known {
    fn all_of(text: Vec<u8>, maker: Blame) -> Self {
        let owners = vec![0; lines(&text).len()];
        Self { text, owners, makers: vec![maker] }
    }

    /// The file after an edit: what stands between the lines that begin and end both is the edit's.
    fn edit(&mut self, after: Vec<u8>, maker: Blame) {
        let (old, new) = (lines(&self.text), lines(&after));
        let same = |pairs: &mut dyn Iterator<Item = (&&[u8], &&[u8])>| {
            pairs.take_while(|(old, new)| old == new).count()
        };
        let first = same(&mut old.iter().zip(&new));
        let rest = old.len().min(new.len()) - first;
        let last = same(&mut old.iter().rev().zip(new.iter().rev()).take(rest));
        let written = vec![self.makers.len(); new.len() - first - last];
        let (end, length) = (old.len() - last, new.len());
        self.owners.splice(first..end, written);
        debug_assert_eq!(self.owners.len(), length, "each line has its owner");
        self.makers.push(maker);
        self.text = after;
    }
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

impl Blamer<'_> {
    /// Who wrote a line, counted from 1, of the file that a path is blamed for: the one edit where the
    /// edits of the spec made the file of what was below, else whoever made the file. `None` where
    /// it is no regular file, or has no such line.
    ///
    /// # Errors
    /// When a layer's file cannot be read.
    pub fn line(
        &self,
        blame: &Blame,
        number: usize,
        read: &ReadContent<'_>,
    ) -> std::io::Result<Option<BlamedLine>> {
        let chain = std::iter::successors(Some(blame), |blame| blame.edited.as_deref());
        let mut known: Option<Known> = None;
        for at in chain.collect::<Vec<_>>().into_iter().rev() {
            let Some(text) = self.content(at, read)? else { return Ok(None) };
            known = Some(self.edited(at, known, text));
        }
        let Some(Known { text, owners, makers }) = known else { return Ok(None) };
        let index = number.checked_sub(1);
        let line = index.and_then(|index| Some((*lines(&text).get(index)?, *owners.get(index)?)));
        Ok(line.and_then(|(line, owner)| {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
            Some(BlamedLine { text: text.into_owned(), by: makers.get(owner)?.clone() })
        }))
    }

    fn content(&self, at: &Blame, read: &ReadContent<'_>) -> std::io::Result<Option<Vec<u8>>> {
        let Some(entry) =
            self.entry(at).filter(|entry| matches!(entry.kind, EntryKind::File { .. }))
        else {
            return Ok(None);
        };
        let entry = TreeEntry { entry: entry.clone(), layer: at.layer };
        read(&at.path, &entry).map(Some)
    }

    /// A file as one layer leaves it. Where its changes do not make it of what is known, it is the
    /// layer's as a whole.
    fn edited(&self, at: &Blame, below: Option<Known>, text: Vec<u8>) -> Known {
        let whole = |text| Known::all_of(text, at.clone());
        let one = |origin: &Origin| Blame {
            maker: Maker::Declared(vec![origin.clone()]),
            edited: None,
            ..at.clone()
        };
        let mut known = below;
        for (change, origin) in self.changes(at) {
            match change {
                Made::Whole(content) => {
                    known = Some(Known::all_of(content.as_bytes().to_vec(), one(origin)));
                }
                Made::Unknown => return whole(text),
                Made::Edit(edit) => {
                    let mut file = known.unwrap_or_else(|| Known::all_of(Vec::new(), one(origin)));
                    let Ok(after) = edit.apply(&file.text) else { return whole(text) };
                    if after != file.text {
                        file.edit(after, one(origin));
                    }
                    known = Some(file);
                }
            }
        }
        known.filter(|known| known.text == text).unwrap_or_else(|| whole(text))
    }

    /// What a layer's changes do with the path that it is blamed for, in their order.
    fn changes(&self, at: &Blame) -> Vec<(Made<'_>, &Origin)> {
        let Some((layer, _)) = self.layers.get(at.layer) else { return Vec::new() };
        let Action::Changes(list) = layer.action else { return Vec::new() };
        let is_it = |path: &ImagePath| {
            *path == at.path || self.tree.resolve(path, true).as_ref() == Some(&at.path)
        };
        let made = list.changes.iter().filter_map(|change| match &change.what {
            ChangeKind::Edit { path, edit, .. } if is_it(path) => {
                Some((Made::Edit(edit), &change.origin))
            }
            ChangeKind::File { path, content, .. } if is_it(path) => {
                let made = match content {
                    Content::Text(text) => Made::Whole(text),
                    Content::Source(_) => Made::Unknown,
                };
                Some((made, &change.origin))
            }
            _ => None,
        });
        made.collect()
    }
}

/// What a change makes of a file.
enum Made<'a> {
    Whole(&'a str),
    /// A file of the project as it was then.
    Unknown,
    Edit(&'a Edit),
}
