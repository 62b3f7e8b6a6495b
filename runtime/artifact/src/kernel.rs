//! The kernel of a tree, and what of `/boot` stays out of the archive.

use forge_model::{EntryKind, ImagePath, Tree, TreeEntry};

use crate::PackError;

/// Names below `/boot` that a booted node has no use for: the kernel is loaded beside the image.
const LEFT_OUT: [&[u8]; 3] = [b"vmlinuz", b"initrd", b"System.map"];

/// The one kernel of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel<'a> {
    pub(crate) path: &'a ImagePath,
    pub(crate) entry: &'a TreeEntry,
    /// `6.1.0-50-cloud-amd64`.
    pub(crate) version: &'a str,
}

/// True for what stays out of the archive.
pub(crate) fn left_out(path: &ImagePath, entry: &TreeEntry) -> bool {
    !entry.entry.kind.is_directory()
        && boot_name(path).is_some_and(|name| LEFT_OUT.iter().any(|start| name.starts_with(start)))
}

/// The one `/boot/vmlinuz-VERSION` of a tree.
pub(crate) fn pick(tree: &Tree) -> Result<Kernel<'_>, PackError> {
    let kernels: Vec<_> = tree.iter().filter_map(|(path, entry)| kernel(path, entry)).collect();
    match kernels.as_slice() {
        [kernel] => Ok(*kernel),
        _ => Err(PackError::Kernel {
            found: kernels.iter().map(|kernel| kernel.path.to_string()).collect(),
        }),
    }
}

fn kernel<'a>(path: &'a ImagePath, entry: &'a TreeEntry) -> Option<Kernel<'a>> {
    let version = std::str::from_utf8(boot_name(path)?.strip_prefix(b"vmlinuz-")?).ok()?;
    let is_file = matches!(entry.entry.kind, EntryKind::File { .. });
    is_file.then_some(Kernel { path, entry, version })
}

fn boot_name(path: &ImagePath) -> Option<&[u8]> {
    let name = path.as_bytes().strip_prefix(b"boot/")?;
    (!name.contains(&b'/')).then_some(name)
}
