//! Archives from elsewhere as layers, without a sandbox.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use forge_model::{
    Action, Change, ChangeKind, Content, ImagePath, Manifest, NodeId, Shared, SourceFile, Tree,
    Unpack,
};
use forge_store::{LayerContent, OutputKind};

use super::{leak, native};
use crate::StepError;
use crate::archive::{self, ArchiveError, Member, Rules};
use crate::changes::DraftContent;
use crate::step::{Made, Step};

/// The bytes of a fetched file, checked against their name: a file may be broken after a power
/// cut.
pub(crate) fn fetched(step: &Step<'_>, id: NodeId) -> Result<PathBuf, StepError> {
    let missing = || StepError::bug("a step began before its source was fetched");
    let digest = step.inputs.get(&id).ok_or_else(missing)?;
    let path = step.context.store.blob_path(digest);
    let whole = forge_sys::tree::hash_file(&path).is_ok_and(|(_, found)| found == *digest);
    if whole {
        return Ok(path);
    }
    let message = format!("`{}` is damaged", path.display());
    Err(StepError::environment(message).help("remove it: it is fetched again"))
}

/// Unpacks the archive over the layers below.
pub(crate) fn unpack(step: &Step<'_>, unpack: &Unpack) -> Result<Made, StepError> {
    let id = step.plan.sources(step.node.id).next();
    let id = id.ok_or_else(|| StepError::bug("an archive without a source"))?;
    let file = fetched(step, id)?;
    let stack = step.stack()?;
    let store = &step.context.store;
    // An archive may be larger than the memory that a run's own directory lies in.
    let scratch = store.begin()?;
    let (files, tree) = (scratch.directory().join("files"), scratch.directory().join("tree"));
    std::fs::create_dir(&files).and_then(|()| std::fs::create_dir(&tree)).map_err(failed)?;
    step.progress(format!("unpacking {}", unpack.source));
    let rules = Rules { strip: unpack.strip as usize, setuid: unpack.setuid };
    let members = archive::read(&file, rules, &files).map_err(|error| blame(unpack, error))?;
    let changes = changes(unpack, &members, &stack.tree);
    let draft = native::draft(&changes, &stack).map_err(native::joined)?;
    if !unpack.overrides {
        check_earlier(step, &draft.manifest)?;
    }
    for (path, content) in &draft.contents {
        // Everything that the changes say is a file of the archive.
        if let DraftContent::Source(file) = content {
            place(&files.join(&file.path), &tree, path)?;
        }
    }
    let mut notes: Vec<_> =
        draft.notes.iter().map(|note| format!("{}: {}", note.origin, note.message)).collect();
    notes.extend(leak::search(step.context, &draft.manifest, &leak::Bytes::Directory(&tree))?);
    let transaction = store.begin()?;
    let content = LayerContent::Directory(&tree);
    let output = store.commit_layer(&transaction, &draft.manifest, content, false)?;
    let mut made = Made::new(output, OutputKind::Layer, draft.manifest.content_size());
    made.notes = notes;
    Ok(made)
}

/// What an earlier archive put there stays: a declaration is binding.
fn check_earlier(step: &Step<'_>, made: &Manifest) -> Result<(), StepError> {
    for id in step.plan.stack_below(step.node.id) {
        let Action::Unpack(earlier) = &step.plan.node(id).action else { continue };
        let missing = || StepError::bug("a step began before the layers below it were there");
        let digest = step.inputs.get(&id).ok_or_else(missing)?;
        let layer = step.context.store.layer(digest)?;
        let changed = made.entries.iter().find(|(path, entry)| {
            let before = layer.manifest().entries.get(path);
            before.is_some_and(|before| before != *entry)
        });
        if let Some((path, _)) = changed {
            let message = format!(
                "`{path}` is unpacked from `{}` at {}, and this archive has another",
                earlier.source, earlier.origin
            );
            let help = "unpack it elsewhere, or say `override=#true` at the later node";
            return Err(StepError::user(message).help(help));
        }
    }
    Ok(())
}

fn failed(error: std::io::Error) -> StepError {
    StepError::environment(error.to_string())
}

fn blame(unpack: &Unpack, error: ArchiveError) -> StepError {
    let message = format!("source `{}`: {error}", unpack.source);
    match error {
        ArchiveError::Scratch { .. } => StepError::environment(message),
        ArchiveError::NotAnArchive
        | ArchiveError::Broken(_)
        | ArchiveError::Refused { .. }
        | ArchiveError::Nothing(_) => StepError::user(message).at(&unpack.origin),
    }
}

/// Gives a file of the archive its path in the layer's tree, where nothing is a link.
fn place(file: &Path, tree: &Path, path: &ImagePath) -> Result<(), StepError> {
    let target = archive::place(tree, path);
    let parent = target.parent().unwrap_or(tree);
    std::fs::create_dir_all(parent).and_then(|()| std::fs::hard_link(file, &target)).map_err(failed)
}

/// What the members say, as declared paths. A directory that is there keeps its owner and mode.
fn changes(
    unpack: &Unpack,
    members: &BTreeMap<ImagePath, Member>,
    below: &Tree,
) -> Vec<Shared<Change>> {
    let Unpack { source: _, into, strip: _, owner, group, setuid: _, overrides: _, origin } =
        unpack;
    let change = |what| Change::at(origin, what);
    let directory = |path: ImagePath, mode: u32| {
        let (owner, group) = (owner.clone(), group.clone());
        change(ChangeKind::Directory { path, mode, owner, group, keep: false })
    };
    let is_there = |path: &ImagePath| {
        let real = below.resolve(path, true);
        real.and_then(|real| below.get(&real)).is_some_and(|found| found.entry.kind.is_directory())
    };
    let mut changes = Vec::new();
    let mut made: BTreeMap<ImagePath, u32> = BTreeMap::new();
    if !is_there(into) {
        made.insert(into.clone(), 0o755);
    }
    for (path, member) in members {
        let at = archive::below(into, path);
        let mut parent = at.parent();
        while let Some(above) = parent.filter(|above| above.starts_with(into) && above != into) {
            if !is_there(&above) {
                made.entry(above.clone()).or_insert(0o755);
            }
            parent = above.parent();
        }
        let what = match member {
            Member::Directory { mode } => {
                if !is_there(&at) {
                    made.insert(at, *mode);
                }
                continue;
            }
            Member::File { number, mode, size, digest } => ChangeKind::File {
                path: at,
                content: Content::Source(SourceFile {
                    path: number.to_string(),
                    digest: *digest,
                    size: *size,
                    executable: mode & 0o111 != 0,
                }),
                mode: *mode,
                owner: owner.clone(),
                group: group.clone(),
            },
            Member::Link { target } => ChangeKind::Link { path: at, target: target.clone() },
        };
        changes.push(change(what));
    }
    let directories = made.into_iter().map(|(path, mode)| directory(path, mode));
    directories.chain(changes).collect()
}
