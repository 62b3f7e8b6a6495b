//! No opened secret may stand in a layer outside of its declared file.

use std::collections::BTreeMap;
use std::path::Path;

use forge_model::{EntryKind, ImagePath, Manifest};
use forge_secret::LeakScanner;

use crate::StepError;
use crate::context::Context;

/// Where a new layer's bytes are.
pub(crate) enum Bytes<'a> {
    Directory(&'a Path),
    Memory(&'a BTreeMap<ImagePath, Vec<u8>>),
}

/// Searches a new layer for every value that was opened in this run. Gives warnings for values
/// that are too short to be searched for.
pub(crate) fn search(
    context: &Context,
    manifest: &Manifest,
    bytes: &Bytes<'_>,
) -> Result<Vec<String>, StepError> {
    let opened = context.vault.opened();
    let scanner = LeakScanner::new(opened.iter().map(|(name, value)| (name.as_str(), &**value)))
        .map_err(|error| StepError::bug(error.to_string()))?;
    let notes = scanner
        .too_short()
        .iter()
        .map(|name| format!("secret `{name}` is under 8 bytes: layers are not searched for it"))
        .collect();
    if scanner.is_empty() {
        return Ok(notes);
    }
    for (path, entry) in &manifest.entries {
        if !matches!(entry.kind, EntryKind::File { .. }) {
            continue;
        }
        let found = match bytes {
            Bytes::Memory(contents) => contents.get(path).and_then(|content| scanner.find(content)),
            Bytes::Directory(directory) => {
                let failed = |error: std::io::Error| {
                    StepError::environment(format!("`{path}` could not be read: {error}"))
                };
                let root = forge_sys::root::Root::open(directory).map_err(failed)?;
                scanner.scan(root.open_file(path).map_err(failed)?).map_err(failed)?
            }
        };
        if let Some(leak) = found {
            let message = format!("the value of secret `{}` stands in `{path}`", leak.secret);
            let help = "only a `file … secret=` node may deliver a secret; keep the step from \
                        writing it, or remove the file in the same step";
            return Err(StepError::user(message).help(help));
        }
    }
    Ok(notes)
}
