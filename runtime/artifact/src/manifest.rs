//! The JSON file beside a packed image: what it is made of, and which revisions gave it.

use std::fs;
use std::io;
use std::path::Path;

use forge_model::Digest;
use serde::{Deserialize, Serialize};

use crate::PackError;

/// Version of the format.
pub const MANIFEST_VERSION: u32 = 1;

/// The manifest of a packed image, `IMAGE-SHORTSHA.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageManifest {
    /// Version of the format, [`MANIFEST_VERSION`].
    pub version: u32,
    /// The image's name.
    pub image: String,
    /// Its cluster.
    pub cluster: String,
    /// Its type.
    #[serde(rename = "type")]
    pub image_type: String,
    /// The full digest that the name holds the first eight digits of.
    pub digest: Digest,
    /// Debian's name of the architecture.
    pub arch: String,
    /// True until a clean work tree gave this digest.
    pub dirty: bool,
    /// Revisions of the project that gave this digest, the first one first.
    pub revisions: Vec<Revision>,
    /// The packed tree.
    pub archive: ArchiveFacts,
    /// The kernel.
    pub kernel: KernelFacts,
    /// The layers from the bottom up.
    pub layers: Vec<LayerFacts>,
    /// Installed packages, by name.
    pub packages: Vec<PackageFacts>,
    /// Files whose `security.capability` a cpio archive cannot carry, as absolute paths.
    pub capabilities: Vec<String>,
    /// How the controls came out.
    pub controls: ControlCounts,
    /// Files with secrets are in the archive.
    pub holds_secrets: bool,
}

/// A revision of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The commit's id, in full.
    pub commit: String,
    /// The work tree had changes that the commit has not.
    pub dirty: bool,
}

/// The packed tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveFacts {
    /// The file's name.
    pub file: String,
    /// Its bytes.
    pub size: u64,
    /// Bytes when unpacked to a cpio archive; a node needs about 2.6 times as much memory.
    pub unpacked: u64,
    /// BLAKE3 of the file.
    pub blake3: Digest,
    /// Codec, level and library version.
    pub codec: String,
    /// BLAKE3 over the keys of its segments: equal means equal bytes. Where a secret is in it the
    /// keys hold the store's own MACs, so that two stores name the same bytes differently.
    pub segments: Digest,
}

/// The kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFacts {
    /// The file's name.
    pub file: String,
    /// Its bytes.
    pub size: u64,
    /// BLAKE3 of the file.
    pub blake3: Digest,
    /// `6.1.0-50-cloud-amd64`.
    pub version: String,
    /// The command line that the spec gives it.
    pub cmdline: Option<String>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFacts {
    /// Its label in the plan.
    pub label: String,
    /// Digest of its manifest.
    pub digest: Digest,
}

/// One installed package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageFacts {
    /// `openssh-server`.
    pub name: String,
    /// `1:9.2p1-2+deb12u7`.
    pub version: String,
    /// `amd64` or `all`.
    pub arch: String,
}

/// How many controls came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlCounts {
    /// Hold.
    pub passed: usize,
    /// Do not hold; with impact 0, or packing would not have begun.
    pub failed: usize,
    /// Do not apply.
    pub skipped: usize,
    /// Could not be judged.
    pub errors: usize,
}

impl ImageManifest {
    /// Reads a manifest; none when there is no file. One of another version, or one that is no
    /// manifest, is an error of kind `InvalidData`.
    pub fn read(path: &Path) -> Result<Option<Self>, PackError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(PackError::io("read", path)(error)),
        };
        let invalid = |why: String| {
            PackError::io("read", path)(io::Error::new(io::ErrorKind::InvalidData, why))
        };
        let manifest: Self = serde_json::from_slice(&bytes)
            .map_err(|error| invalid(format!("it is no manifest of an image: {error}")))?;
        if manifest.version != MANIFEST_VERSION {
            return Err(invalid(format!("it has format version {}", manifest.version)));
        }
        Ok(Some(manifest))
    }

    /// The file's text.
    pub(crate) fn text(&self) -> String {
        // Plain data with string keys: it always has a JSON form.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// True when nothing needs to be added for `revision`: it is listed, or its commit is with a
    /// clean work tree.
    pub fn lists(&self, revision: Option<&Revision>) -> bool {
        let covers = |revision: &Revision| {
            let same = |other: &&Revision| other.commit == revision.commit;
            self.revisions.iter().filter(same).any(|other| !other.dirty || revision.dirty)
        };
        revision.is_none_or(covers)
    }

    /// Adds a revision. A clean one takes the place of a dirty one of the same commit.
    pub(crate) fn add_revision(&mut self, revision: Option<&Revision>) {
        if let Some(revision) = revision
            && !self.lists(Some(revision))
        {
            self.revisions.retain(|other| other.commit != revision.commit);
            self.revisions.push(revision.clone());
        }
        self.dirty = self.revisions.iter().all(|revision| revision.dirty);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> ImageManifest {
        ImageManifest {
            version: MANIFEST_VERSION,
            image: "summit-compute".to_owned(),
            cluster: "summit".to_owned(),
            image_type: "compute".to_owned(),
            digest: Digest::of(b"image"),
            arch: "amd64".to_owned(),
            dirty: true,
            revisions: Vec::new(),
            archive: ArchiveFacts {
                file: "a".to_owned(),
                size: 1,
                unpacked: 2,
                blake3: Digest::of(b""),
                codec: "zstd level 3".to_owned(),
                segments: Digest::of(b""),
            },
            kernel: KernelFacts {
                file: "k".to_owned(),
                size: 1,
                blake3: Digest::of(b""),
                version: "6.1".to_owned(),
                cmdline: None,
            },
            layers: Vec::new(),
            packages: Vec::new(),
            capabilities: Vec::new(),
            controls: ControlCounts::default(),
            holds_secrets: false,
        }
    }

    #[test]
    fn a_clean_revision_takes_the_place_of_a_dirty_one() {
        let revision = |commit: &str, dirty| Revision { commit: commit.to_owned(), dirty };
        // Each step: what is added, the list afterwards, whether the image counts as dirty.
        let steps = [
            (revision("a", true), vec![revision("a", true)], true),
            (revision("a", true), vec![revision("a", true)], true),
            (revision("a", false), vec![revision("a", false)], false),
            (revision("a", true), vec![revision("a", false)], false),
            (revision("b", true), vec![revision("a", false), revision("b", true)], false),
        ];
        let mut manifest = sample();
        for (added, list, dirty) in steps {
            manifest.add_revision(Some(&added));
            assert_eq!((&manifest.revisions, manifest.dirty), (&list, dirty), "{added:?}");
            assert!(manifest.lists(Some(&added)));
        }
    }

    #[test]
    fn the_format_stays_what_it_is() {
        let mut manifest = sample();
        manifest.add_revision(Some(&Revision { commit: "f2666987".to_owned(), dirty: true }));
        manifest.layers.push(LayerFacts { label: "base".to_owned(), digest: Digest::of(b"") });
        manifest.packages.push(PackageFacts {
            name: "init".to_owned(),
            version: "1.65".to_owned(),
            arch: "amd64".to_owned(),
        });
        manifest.capabilities.push("/usr/bin/ping".to_owned());
        insta::assert_snapshot!(manifest.text(), @r#"
        {
          "version": 1,
          "image": "summit-compute",
          "cluster": "summit",
          "type": "compute",
          "digest": "0229ff7dec8a365f7300835d175494866d46e56fec330dad33cd3dc93df3c16d",
          "arch": "amd64",
          "dirty": true,
          "revisions": [
            {
              "commit": "f2666987",
              "dirty": true
            }
          ],
          "archive": {
            "file": "a",
            "size": 1,
            "unpacked": 2,
            "blake3": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            "codec": "zstd level 3",
            "segments": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
          },
          "kernel": {
            "file": "k",
            "size": 1,
            "blake3": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            "version": "6.1",
            "cmdline": null
          },
          "layers": [
            {
              "label": "base",
              "digest": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
            }
          ],
          "packages": [
            {
              "name": "init",
              "version": "1.65",
              "arch": "amd64"
            }
          ],
          "capabilities": [
            "/usr/bin/ping"
          ],
          "controls": {
            "passed": 0,
            "failed": 0,
            "skipped": 0,
            "errors": 0
          },
          "holds_secrets": false
        }
        "#);
    }

    #[test]
    fn another_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        assert_eq!(ImageManifest::read(&path).unwrap(), None);
        std::fs::write(&path, sample().text()).unwrap();
        assert_eq!(ImageManifest::read(&path).unwrap(), Some(sample()));
        let later = sample().text().replace("\"version\": 1", "\"version\": 2");
        std::fs::write(&path, later).unwrap();
        assert!(ImageManifest::read(&path).is_err());
    }
}
