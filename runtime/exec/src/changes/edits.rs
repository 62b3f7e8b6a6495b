//! Edits of files of the layers below.

use forge_model::{Digest, Edit, EntryKind, ImagePath, Origin, Xattrs};

use super::DraftContent;
use super::error::Problem;
use super::view::{Attributes, Kind};
use super::working::{self, Working};

pub(super) fn apply(
    work: &mut Working<'_>,
    path: &ImagePath,
    (edit, create): (&Edit, bool),
    origin: &Origin,
) -> Result<(), Problem> {
    let cannot = |why: &str| Problem::new(format!("`{path}` cannot be edited: {why}"));
    let real = work.resolve(path, true)?;
    match work.kind(&real) {
        Some(Kind::File) => {}
        None if create => {
            let made =
                edit.apply(&[]).map_err(|error| cannot(&error.to_string()).help(error.help()))?;
            work.put(&real, working::file(made, 0o644, (0, 0), Xattrs::new()), origin);
            return Ok(());
        }
        None => {
            return Err(cannot("it is not in the image").help(format!(
                "name the package that brings it, or declare it with `file \"{path}\"`"
            )));
        }
        Some(Kind::Directory) => return Err(cannot("it is a directory")),
        Some(Kind::Symlink(_) | Kind::Other) => return Err(cannot("it is no regular file")),
    }
    let before = work.content(&real)?.unwrap_or_default();
    let after =
        edit.apply(&before).map_err(|error| cannot(&error.to_string()).help(error.help()))?;
    if after == before {
        return Ok(());
    }
    if let Some(made) = work.made.get_mut(&real) {
        let (size, digest) = (after.len() as u64, Digest::of(&after));
        made.entry.kind = EntryKind::File { size, digest, group: None };
        made.content = Some(DraftContent::Bytes(after));
        made.origins.push(origin.clone());
        return Ok(());
    }
    let Some(Attributes { mode, uid, gid, xattrs }) = work.below.attributes(&real) else {
        return Err(cannot("it is not in the image"));
    };
    work.put(&real, working::file(after, mode, (uid, gid), xattrs), origin);
    work.edited.insert(real);
    Ok(())
}
