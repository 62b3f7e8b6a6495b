//! What an output directory holds already.

use std::path::Path;

use forge_model::{Compression, Digest};

use crate::out::{Names, Out};
use crate::{ImageManifest, PackError, Revision};

/// What an output directory holds of an image, by stat and manifest alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutState {
    /// Files, links and revision are there.
    UpToDate,
    /// Files are there; the revision or the links are not. [`refresh`] mends that.
    Refresh,
    /// The image must be packed.
    Absent,
}

/// What an output directory is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The output directory.
    pub out: &'a Path,
    /// The image's name.
    pub image: &'a str,
    /// The image's full digest.
    pub digest: Digest,
    /// The codec.
    pub compression: Compression,
    /// The project's revision; none without git.
    pub revision: Option<&'a Revision>,
}

/// True when nothing is left to be done in the output directory. Reads one manifest and asks for
/// the sizes of two files; a manifest that cannot be read counts as absent.
pub fn up_to_date(wanted: &Wanted<'_>) -> bool {
    state(wanted) == OutState::UpToDate
}

/// What the output directory holds of an image.
pub fn state(wanted: &Wanted<'_>) -> OutState {
    match find(wanted) {
        None => OutState::Absent,
        Some((out, manifest)) => {
            let names = Names { image: wanted.image, compression: wanted.compression };
            let linked = out.latest_is(&names, &wanted.digest.short());
            if linked && manifest.lists(wanted.revision) {
                OutState::UpToDate
            } else {
                OutState::Refresh
            }
        }
    }
}

/// Adds the revision to the manifest of an image that is there, and moves `latest` to it: all
/// that an empty commit, or a return to an older state, asks for. False when it is not there.
pub fn refresh(wanted: &Wanted<'_>) -> Result<bool, PackError> {
    let Some((out, _)) = find(wanted) else {
        return Ok(false);
    };
    let names = Names { image: wanted.image, compression: wanted.compression };
    let short = wanted.digest.short();
    let _lock = out.lock()?;
    let path = out.join(&names.manifest(&short));
    let Some(mut manifest) = ImageManifest::read(&path)? else {
        return Ok(false);
    };
    if !manifest.lists(wanted.revision) {
        manifest.add_revision(wanted.revision);
        out.write_manifest(&names.manifest(&short), &manifest)?;
    }
    out.move_latest(&names, &short)?;
    out.sync()?;
    Ok(true)
}

fn find(wanted: &Wanted<'_>) -> Option<(Out, ImageManifest)> {
    if !wanted.out.is_dir() {
        return None;
    }
    let out = Out::open(wanted.out).ok()?;
    let names = Names { image: wanted.image, compression: wanted.compression };
    let path = out.join(&names.manifest(&wanted.digest.short()));
    let manifest = ImageManifest::read(&path).ok()??;
    let right = manifest.digest == wanted.digest && out.is_whole(&manifest);
    right.then_some((out, manifest))
}
