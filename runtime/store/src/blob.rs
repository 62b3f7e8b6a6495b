//! Blobs: plain files by digest.

use std::fs::File;
use std::path::{Path, PathBuf};

use forge_model::Digest;

use crate::{Store, StoreError, Transaction, durable};

impl Store {
    /// Keeps bytes; gives their digest. Durable on return.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if self.has_blob(&digest, bytes.len() as u64) {
            return Ok(digest);
        }
        let transaction = self.begin()?;
        let path = transaction.dir().join("blob");
        durable::write_file(&path, bytes, 0o644)?;
        self.place_blob(&path, &digest)?;
        Ok(digest)
    }

    /// The bytes of a blob, checked against the digest.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.blob_path(digest);
        let bytes = std::fs::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => StoreError::Missing { path: path.clone() },
            _ => StoreError::io("could not be read", &path, source),
        })?;
        if Digest::of(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(StoreError::Damaged {
                path,
                why: "its digest is another".to_owned(),
            })
        }
    }

    /// Where a blob is, whether or not it is there. Who reads it from here checks the digest.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.directory().join("blobs").join(digest.to_hex())
    }

    fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        std::fs::metadata(self.blob_path(digest)).is_ok_and(|found| found.len() == size)
    }

    fn place_blob(&self, from: &Path, digest: &Digest) -> Result<(), StoreError> {
        durable::rename(from, &self.blob_path(digest))?;
        durable::sync_dir(&self.directory().join("blobs"))
    }
}

impl Transaction<'_> {
    /// Takes a finished file of the transaction into the store as a blob; gives its digest.
    pub fn commit_blob(&self, file: &Path) -> Result<Digest, StoreError> {
        let failed = |source| StoreError::io("could not be read", file, source);
        let (size, digest) = forge_sys::tree::hash_file(file).map_err(failed)?;
        if !self.store.has_blob(&digest, size) {
            File::open(file)
                .and_then(|open| open.sync_all())
                .map_err(failed)?;
            durable::set_mode(file, 0o644)?;
            self.store.place_blob(file, &digest)?;
        }
        Ok(digest)
    }

    /// Takes a fetched package, whose hash the caller has checked, into the store.
    pub fn commit_deb(&self, file: &Path, sha256: &str) -> Result<PathBuf, StoreError> {
        File::open(file)
            .and_then(|open| open.sync_data())
            .map_err(|source| StoreError::io("could not be written", file, source))?;
        durable::set_mode(file, 0o644)?;
        let to = self.store.deb_path(sha256);
        durable::rename(file, &to)?;
        Ok(to)
    }
}
