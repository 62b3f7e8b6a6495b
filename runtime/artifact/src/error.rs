use std::io;
use std::path::{Path, PathBuf};

use forge_model::ImagePath;

/// Why an image could not be packed, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The image has no kernel, or more than one: the spec must change.
    #[error("{}", kernel_text(found))]
    Kernel {
        /// Kernels found below `/boot`, as absolute paths.
        found: Vec<String>,
    },
    /// The tree holds something that an initramfs cannot carry: the spec must change.
    #[error("`{path}` cannot be packed: {why}")]
    Unpackable {
        /// Where.
        path: ImagePath,
        /// Which rule or limit of the format it breaks.
        why: String,
    },
    /// The packed image is larger than boot loaders can load: it must lose weight.
    #[error("the packed image has more than {limit} bytes, the most that boot loaders can load")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Content that was read is not what the layer's manifest says: the layer must be rebuilt.
    #[error("the content of `{path}` in the store is not what its layer says: {why}")]
    Content {
        /// Where in the image.
        path: ImagePath,
        /// What differs.
        why: String,
    },
    /// The name is taken by something else: another `--out`, or the old file must go.
    #[error("`{name}` already exists in `{}` {why}", out.display())]
    NameTaken {
        /// The name of the artifact.
        name: String,
        /// The directory.
        out: PathBuf,
        /// What it holds.
        why: String,
    },
    /// The disk is full: space must be made, nothing was changed.
    #[error("no space is left to write `{}`", path.display())]
    DiskFull {
        /// The file that could not be written.
        path: PathBuf,
    },
    /// The codec refuses its settings or its input.
    #[error("the {codec} encoder failed: {source}")]
    Codec {
        /// `gzip` or `zstd`.
        codec: &'static str,
        /// What it says.
        source: io::Error,
    },
    /// A file could not be read, written, linked or renamed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn kernel_text(found: &[String]) -> String {
    if found.is_empty() {
        "no kernel: no `/boot/vmlinuz-*` is in the image".to_owned()
    } else {
        let names: Vec<_> = found.iter().map(|path| format!("`{path}`")).collect();
        format!("an image has one kernel, and this one has {}: {}", found.len(), names.join(", "))
    }
}

impl PackError {
    /// Maps what the system says of `path`; a full disk and an exhausted quota become
    /// [`PackError::DiskFull`].
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { action, path, source },
        }
    }

    pub(crate) fn unpackable(path: &ImagePath, why: impl Into<String>) -> Self {
        Self::Unpackable { path: path.clone(), why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_errors() {
        let cases = [
            (io::ErrorKind::StorageFull, "no space is left to write `out/x`"),
            (io::ErrorKind::QuotaExceeded, "no space is left to write `out/x`"),
            (io::ErrorKind::NotFound, "cannot write `out/x`: entity not found"),
        ];
        for (kind, want) in cases {
            let error = PackError::io("write", Path::new("out/x"))(io::Error::from(kind));
            assert_eq!(error.to_string(), want);
        }
    }
}
