//! Declared directories, files and links.

use forge_model::{
    BUILD_EPOCH, Change, ChangeKind, Content, Entry, EntryKind, ImagePath, Origin, Xattrs,
};

use super::DraftContent;
use super::error::Problem;
use super::view::Kind;
use super::working::{self, Working};

type Done = Result<(), Problem>;

/// Directories that a booted system mounts over: what an image has below them is never seen.
const MOUNTED_OVER: [&str; 4] = ["dev", "proc", "run", "sys"];

/// The links that a merged `/usr` consists of.
const USR_LINKS: [&str; 7] = ["bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"];

pub(super) fn apply(work: &mut Working<'_>, change: &Change) -> Done {
    let origin = &change.origin;
    match &change.what {
        ChangeKind::Directory { path, mode, owner, group, keep } => {
            let there = matches!(work.follow(path), Some((_, Kind::Directory)));
            if *keep && there {
                return Ok(());
            }
            directory(work, path, (*mode, owner, group), *keep, origin)
        }
        ChangeKind::File { path, content, mode, owner, group } => {
            let owner = work.owner(owner).and_then(|uid| Ok((uid, work.group(group)?)));
            file(work, path, (content, *mode, owner?), origin)
        }
        ChangeKind::Link { path, target } => link(work, path, target, origin),
        ChangeKind::Edit { .. }
        | ChangeKind::Remove { .. }
        | ChangeKind::KernelModules { .. }
        | ChangeKind::Group { .. }
        | ChangeKind::User(_)
        | ChangeKind::Enable { .. }
        | ChangeKind::Disable { .. }
        | ChangeKind::Mask { .. } => Ok(()),
    }
}

fn directory(
    work: &mut Working<'_>,
    path: &ImagePath,
    (permissions, owner, group): (u32, &str, &str),
    keep: bool,
    origin: &Origin,
) -> Done {
    let owner = (work.owner(owner)?, work.group(group)?);
    let real = work.resolve(path, false)?;
    let xattrs = match work.kind(&real) {
        None => Xattrs::new(),
        Some(Kind::Directory) => match work.made.get(&real) {
            Some(made) => made.entry.xattrs.clone(),
            None => work.below.attributes(&real).map_or_else(Xattrs::new, |found| found.xattrs),
        },
        Some(Kind::Symlink(_)) => {
            let problem = Problem::new(format!("`{path}` is a link in the image, not a directory"));
            return Err(match work.resolve(&real, true) {
                Ok(target) => problem.help(format!("declare `{target}`, where it leads")),
                Err(_) => problem,
            });
        }
        Some(Kind::File | Kind::Other) => {
            return Err(Problem::new(format!("`{path}` is a file in the image, not a directory"))
                .help(format!("take it away first: `remove \"{path}\"` in an earlier step")));
        }
    };
    let entry = working::directory(permissions, owner, xattrs);
    if !keep {
        declare(work, &real, path, origin, &entry)?;
    }
    work.put(&real, (entry, None), origin);
    Ok(())
}

fn file(
    work: &mut Working<'_>,
    path: &ImagePath,
    (content, mode, owner): (&Content, u32, (u32, u32)),
    origin: &Origin,
) -> Done {
    let real = replaceable(work, path)?;
    let (entry, content) = match content {
        Content::Text(text) => working::file(text.as_bytes().to_vec(), mode, owner, Xattrs::new()),
        Content::Source(source) => {
            let kind = EntryKind::File { size: source.size, digest: source.digest, group: None };
            let (uid, gid) = owner;
            let mtime = BUILD_EPOCH;
            let entry = Entry { kind, mode, uid, gid, mtime, xattrs: Xattrs::new() };
            (entry, Some(DraftContent::Source(source.clone())))
        }
    };
    declare(work, &real, path, origin, &entry)?;
    work.put(&real, (entry, content), origin);
    Ok(())
}

fn link(work: &mut Working<'_>, path: &ImagePath, target: &str, origin: &Origin) -> Done {
    if target.is_empty() || target.contains('\0') {
        return Err(Problem::new(format!("the link `{path}` has no target that a link can have")));
    }
    let same = work
        .resolve(path, false)
        .is_ok_and(|real| work.kind(&real) == Some(Kind::Symlink(target.as_bytes().to_vec())));
    let real = if same { work.resolve(path, false)? } else { replaceable(work, path)? };
    let entry = working::symlink(target.as_bytes(), (0, 0));
    declare(work, &real, path, origin, &entry)?;
    work.put(&real, (entry, None), origin);
    Ok(())
}

/// The real path of a file or link that may stand there.
fn replaceable(work: &Working<'_>, path: &ImagePath) -> Result<ImagePath, Problem> {
    let real = work.resolve(path, false)?;
    match work.kind(&real) {
        Some(Kind::Directory) => Err(Problem::new(format!("`{path}` is a directory in the image"))
            .help(format!("take it away first: `remove \"{path}\"` in an earlier step"))),
        Some(Kind::Symlink(_)) => match work.follow(&real) {
            Some((target, Kind::Directory)) => {
                let message =
                    format!("`{path}` is a link to the directory `{target}` in the image");
                Err(Problem::new(message).help(if is_usr_link(&real) {
                    format!("the image has a merged /usr: declare paths below `{target}`")
                } else {
                    format!("take it away first: `remove \"{path}\"` in an earlier step")
                }))
            }
            _ => Ok(real),
        },
        None | Some(Kind::File | Kind::Other) => Ok(real),
    }
}

/// True for a path whose link makes a merged `/usr`.
pub(super) fn is_usr_link(path: &ImagePath) -> bool {
    USR_LINKS.iter().any(|name| path.as_bytes() == name.as_bytes())
}

/// Remembers a declared path; two declarations of one path must say the same.
fn declare(
    work: &mut Working<'_>,
    real: &ImagePath,
    written: &ImagePath,
    origin: &Origin,
    entry: &Entry,
) -> Done {
    if real.is_root() && !entry.kind.is_directory() {
        return Err(Problem::new("the root of an image is a directory"));
    }
    if let Some(made) = work.made.get(real)
        && made.entry != *entry
        && made.entry.kind != EntryKind::Whiteout
    {
        let before = match work.declared.get(real) {
            Some((path, first)) => Some(format!("`{path}` at {first}")),
            None if made.entry.kind.is_directory() => None,
            None => made.origins.first().map(|first| {
                let what = if work.edited.contains(real) { "edit" } else { "account" };
                format!("the {what} at {first}")
            }),
        };
        if let Some(before) = before {
            return Err(Problem::new(format!("`{written}` says otherwise than {before}"))
                .help("keep one of the two, or let a later role say `override=#true`"));
        }
    }
    if let Some(top) = real.components().next()
        && MOUNTED_OVER.iter().any(|name| name.as_bytes() == top)
    {
        let message =
            format!("`{written}` lies below a directory that a booted system mounts over");
        work.note(origin, message);
    }
    work.declared.insert(real.clone(), (written.clone(), origin.clone()));
    Ok(())
}
