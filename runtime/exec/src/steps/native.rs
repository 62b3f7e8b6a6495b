//! Steps without a sandbox: typed changes, secrets, the stamp.

use std::collections::{BTreeMap, BTreeSet};

use forge_model::{
    Action, Change, ChangeKind, Changes, Content, DeclaredPath, EntryKind, ImagePath, Key,
    Manifest, Secrets, Shared, Stamp, Tree,
};
use forge_store::{LayerContent, OutputKind};

use super::leak;
use crate::binding;
use crate::changes::{ChangeError, Draft, DraftContent, View, apply};
use crate::keys::{self, narrow_key};
use crate::lookup::find_record;
use crate::stack::Stack;
use crate::step::{Made, Step};
use crate::{Fault, StepError};

/// What a list of changes makes over a stack.
pub(crate) fn draft(changes: &[Shared<Change>], stack: &Stack) -> Result<Draft, Vec<ChangeError>> {
    let read = |path: &ImagePath, entry: &forge_model::TreeEntry| stack.read(path, entry);
    apply(changes, &View::new(&stack.tree, &read))
}

/// All errors of a list as one.
pub(crate) fn joined(errors: Vec<ChangeError>) -> StepError {
    let fault = errors.iter().map(|error| error.fault).max().unwrap_or(Fault::Bug);
    let lines: Vec<_> = errors
        .iter()
        .map(|error| match &error.help {
            Some(help) => format!("{}: {}\n  help: {help}", error.origin, error.message),
            None => format!("{}: {}", error.origin, error.message),
        })
        .collect();
    let mut step = StepError::new(fault, lines.join("\n"));
    step.origins = errors.into_iter().map(|error| error.origin).collect();
    step
}

/// A file layer.
pub(crate) fn changes(step: &Step<'_>, changes: &Changes) -> Result<Made, StepError> {
    let stack = step.stack()?;
    let draft = draft(&changes.changes, &stack).map_err(joined)?;
    check_binding(&stack, &changes.protected, &draft.manifest)?;
    let key = narrow_key(&step.node.action, &draft.selector, step.facts)
        .map_err(|_| StepError::bug("a file layer asks for secrets"))?;
    let contents = contents(step, &draft)?;
    commit(step, draft, contents, key, OutputKind::Layer)
}

fn contents(step: &Step<'_>, draft: &Draft) -> Result<BTreeMap<ImagePath, Vec<u8>>, StepError> {
    let mut contents = BTreeMap::new();
    for (path, content) in &draft.contents {
        let bytes = match content {
            DraftContent::Bytes(bytes) => bytes.clone(),
            DraftContent::Source(file) => read_source(step, file)?,
        };
        contents.insert(path.clone(), bytes);
    }
    Ok(contents)
}

/// A declaration is binding: a later step that changes a declared path says so.
pub(crate) fn check_binding(
    stack: &Stack,
    protected: &[DeclaredPath],
    later: &Manifest,
) -> Result<(), StepError> {
    let paths = protected.iter().map(|declared| (&declared.path, &declared.origin));
    let declarations = binding::standing(&stack.tree, paths);
    let violations = binding::violations(&declarations, later, &BTreeSet::new());
    if violations.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = violations
        .iter()
        .map(|one| {
            format!(
                "`{}` is declared at {}, and this step {}",
                one.path,
                one.origin,
                one.what.words()
            )
        })
        .collect();
    let help = "leave what is declared as it is, or say `override=#true` at the later node";
    Err(StepError::user(lines.join("\n")).help(help))
}

/// A project file as the plan saw it.
pub(crate) fn read_source(
    step: &Step<'_>,
    file: &forge_model::SourceFile,
) -> Result<Vec<u8>, StepError> {
    step.context.read_source(file).map(|bytes| bytes.to_vec())
}

fn commit(
    step: &Step<'_>,
    draft: Draft,
    contents: BTreeMap<ImagePath, Vec<u8>>,
    key: Key,
    kind: OutputKind,
) -> Result<Made, StepError> {
    let store = &step.context.store;
    if let Some(record) = find_record(store, step.node.action.kind(), &key.digest) {
        let mut made = Made::new(record.output, kind, record.size);
        (made.narrow, made.reused) = (Some(key), true);
        return Ok(made);
    }
    let private = kind == OutputKind::PrivateLayer;
    let mut notes: Vec<_> =
        draft.notes.iter().map(|note| format!("{}: {}", note.origin, note.message)).collect();
    if !private {
        let bytes = leak::Bytes::Memory(&contents);
        notes.extend(leak::search(step.context, &draft.manifest, &bytes)?);
    }
    let transaction = store.begin()?;
    let content = LayerContent::Bytes(&contents);
    let output = store.commit_layer(&transaction, &draft.manifest, content, private)?;
    let mut made = Made::new(output, kind, draft.manifest.content_size());
    (made.narrow, made.notes) = (Some(key), notes);
    Ok(made)
}

/// The secret files as changes, with nothing in them.
pub(crate) fn secret_changes(secrets: &Secrets) -> Vec<Shared<Change>> {
    let change = |file: &forge_model::SecretFile| {
        let what = ChangeKind::File {
            path: file.path.clone(),
            content: Content::Text(String::new()),
            mode: file.mode,
            owner: file.owner.clone(),
            group: file.group.clone(),
        };
        Change::at(&file.origin, what)
    };
    secrets.files.iter().map(change).collect()
}

/// The last, machine-local layer: what it holds stands in its manifest as keyed MACs.
pub(crate) fn secrets(step: &Step<'_>, secrets: &Secrets) -> Result<Made, StepError> {
    let stack = step.stack()?;
    let mut draft = draft(&secret_changes(secrets), &stack).map_err(joined)?;
    let mut values = Vec::new();
    for file in &secrets.files {
        let sources = step.context.sources.as_ref();
        values.push(step.context.vault.open(&file.secret, sources, &step.context.store)?);
    }
    let key = narrow_key(&step.node.action, &draft.selector, step.facts)
        .map_err(|_| StepError::bug("an opened secret has no MAC"))?;
    let mac_key = forge_secret::MacKey::new(step.context.store.mac_key()?);
    let mut contents = BTreeMap::new();
    for (file, value) in secrets.files.iter().zip(&values) {
        let declared = draft.declared.iter().find(|declared| declared.written == file.path);
        let path = declared.map_or_else(|| file.path.clone(), |declared| declared.path.clone());
        if let Some(entry) = draft.manifest.entries.get_mut(&path)
            && let EntryKind::File { size, digest, .. } = &mut entry.kind
        {
            (*size, *digest) = (value.expose().len() as u64, mac_key.mac(value));
        }
        contents.insert(path, value.expose().to_vec());
    }
    commit(step, draft, contents, key, OutputKind::PrivateLayer)
}

/// The key that names an image: the stamp's own fields, and the tree below it without secrets.
/// The first 8 digits of its digest are the SHORTSHA.
pub(crate) fn image_key(action: &Action, tree: &Tree) -> Key {
    let entries = tree.iter().map(|(path, found)| (path.clone(), found.entry.clone()));
    let manifest = Manifest { entries: entries.collect() };
    keys::tree_key(action, &manifest.digest())
}

/// `/etc/forge-release`, and the `/init` that the kernel starts in an initramfs
/// (Documentation/filesystems/ramfs-rootfs-initramfs.rst).
pub(crate) fn stamp(step: &Step<'_>, stamp: &Stamp) -> Result<Made, StepError> {
    let stack = step.stack()?;
    let key = image_key(&step.node.action, &stack.tree);
    let changes = stamp_changes(stamp, &key, &stack.tree);
    let draft = draft(&changes, &stack).map_err(joined)?;
    let contents = contents(step, &draft)?;
    commit(step, draft, contents, key, OutputKind::Layer)
}

/// What a stamp writes over a tree.
pub(crate) fn stamp_changes(stamp: &Stamp, key: &Key, tree: &Tree) -> Vec<Shared<Change>> {
    let Stamp { image, cluster, image_type, cmdline: _, output, secrets: _, origin } = stamp;
    let text = format!(
        "NAME={image}\nCLUSTER={cluster}\nTYPE={image_type}\nRELEASE={}\nDIGEST={}\n",
        key.digest.short(),
        key.digest
    );
    let release = ChangeKind::File {
        path: fixed("etc/forge-release"),
        content: Content::Text(text),
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
    };
    let mut changes = vec![Change::at(origin, release)];
    let init = tree.get(&fixed("init")).is_some();
    if output.is_some() && !init {
        let target = "usr/lib/systemd/systemd".to_owned();
        let what = ChangeKind::Link { path: fixed("init"), target };
        changes.push(Change::at(origin, what));
    }
    changes
}

fn fixed(path: &str) -> ImagePath {
    ImagePath::new(path).unwrap_or(ImagePath::ROOT)
}
