use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use forge_model::Digest;

use crate::durable::Durability;
use crate::{Store, StoreError, durable};

impl Store {
    /// Where a blob lies, whether or not it is there.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_hex();
        self.directory.join("blobs").join(&name[..2]).join(name)
    }

    /// Keeps bytes and gives their digest.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        let path = self.blob_path(&digest);
        if blob_is_whole(&path, bytes) {
            return Ok(digest);
        }
        self.leave_note()?;
        let written = match path.parent() {
            Some(parent) => durable::create_directories(parent, 0o755),
            None => Ok(()),
        };
        written
            .and_then(|()| self.write(&path, bytes, 0o644, Durability::Later))
            .map_err(|source| StoreError::io("written", &path, source))?;
        Ok(digest)
    }

    /// Keeps a file of a transaction's directory, which is moved; gives its digest and size.
    pub fn put_file(&self, file: &Path) -> Result<(Digest, u64), StoreError> {
        let read = |path: &Path| forge_sys::tree::hash_file(path);
        let (size, digest) = read(file).map_err(|source| StoreError::io("read", file, source))?;
        let path = self.blob_path(&digest);
        if read(&path).is_ok_and(|(_, found)| found == digest) {
            return Ok((digest, size));
        }
        self.leave_note()?;
        let parent = path.parent().unwrap_or(&path);
        durable::create_directories(parent, 0o755)
            .and_then(|()| fs::set_permissions(file, PermissionsExt::from_mode(0o644)))
            .and_then(|()| fs::rename(file, &path))
            .map_err(|source| StoreError::io("written", &path, source))?;
        Ok((digest, size))
    }

    /// The bytes of a blob, checked against their name.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.blob_path(digest);
        let bytes = fs::read(&path).map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                return StoreError::Missing { what: format!("blob {}", digest.short()) };
            }
            StoreError::io("read", &path, source)
        })?;
        if Digest::of(&bytes) == *digest {
            return Ok(bytes);
        }
        Err(StoreError::Damaged { path, why: "its content has another digest".to_owned() })
    }

    /// True when the blob is there.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_path(digest).exists()
    }
}

/// A file of the same name may be empty after a power cut: its bytes are compared.
fn blob_is_whole(path: &Path, bytes: &[u8]) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.len() == bytes.len() as u64)
        && fs::read(path).is_ok_and(|found| found == bytes)
}
